"""Bad input for optimizers, files, checkpoints, callbacks and curves."""

import numpy as np

import cbackprop
from bad_inputs import Bad
from cbackprop import SGD, Adam, Checkpoint, Network, Progress
from cbackprop.files.container import ModelFileError
from cbackprop.history import accuracy

ROWS = np.random.default_rng(0).normal(size=(5, 3))
NUMBERS = np.random.default_rng(1).normal(size=(5, 2))
OPTIMIZERS = {"SGD": SGD, "Adam": Adam}
NOT_NUMBERS = ["0.1", None, [0.1], True, 1j]
OPEN, HALF_OPEN, CLOSED = r"\(0, inf\)", r"\[0, 1\)", r"\[0, 1\]"

# --- hyper-parameters: who has them, the values out of range, and the range ---

HYPER_PARAMETERS = [
    ("learning_rate", ["SGD", "Adam"], [0.0, -0.1, np.nan, np.inf], OPEN),
    ("momentum", ["SGD"], [-0.1, 1.1, np.nan], CLOSED),
    ("beta_1", ["Adam"], [1.0, -0.1, np.nan], HALF_OPEN),
    ("beta_2", ["Adam"], [1.0, -0.1, np.nan], HALF_OPEN),
    ("epsilon", ["Adam"], [0.0, -1e-8, np.inf], OPEN),
    ("clip_value", ["SGD", "Adam"], [0.0, -1.0, np.nan, np.inf], OPEN),
    ("clip_norm", ["SGD", "Adam"], [0.0, -1.0, np.nan, np.inf], OPEN),
]


def _building():
    for name, whose, values, interval in HYPER_PARAMETERS:
        for kind in whose:
            for value in values:
                yield (
                    f"{kind}: {name} {value}",
                    dict,
                    lambda _, k=kind, n=name, v=value: OPTIMIZERS[k](**{n: v}),
                    ValueError,
                    f"{name} must lie in {interval}, got {value}",
                )
            for value in NOT_NUMBERS:
                if value is None and name.startswith("clip"):
                    continue  # no clipping
                yield (
                    f"{kind}: {name} {value!r}",
                    dict,
                    lambda _, k=kind, n=name, v=value: OPTIMIZERS[k](**{n: v}),
                    TypeError,
                    f"{name} must be a number, got .* of type {type(value).__name__}",
                )
    for kind in OPTIMIZERS:
        yield (
            f"{kind}: both clips",
            dict,
            lambda _, k=kind: OPTIMIZERS[k](clip_value=1.0, clip_norm=2.0),
            ValueError,
            "by value or by norm, not both: got clip_value=1.0 and clip_norm=2.0",
        )


# --- what is set on an optimizer later, seen when it trains ---

SET_LATER = [
    ("learning_rate", -0.1, ValueError, r"learning_rate must lie in \[0, inf\), got -0.1"),
    ("learning_rate", np.nan, ValueError, r"learning_rate must lie in \[0, inf\), got nan"),
    ("learning_rate", "fast", TypeError, "learning_rate must be a number, got 'fast' of type str"),
    ("beta_1", 1.0, ValueError, r"beta_1 must lie in \[0, 1\), got 1.0"),
    ("beta_2", None, TypeError, "beta_2 must be a number, got None"),
    ("epsilon", 0.0, ValueError, r"epsilon must lie in \(0, inf\), got 0.0"),
    ("clip_norm", -1.0, ValueError, r"clip_norm must lie in \(0, inf\), got -1.0"),
    ("clip_value", "1", TypeError, "clip_value must be a number, got '1' of type str"),
    ("state", np.zeros((2, 3)), ValueError, r"state has shape \(2, 3\).*needs \(2, 26\)"),
    ("state", np.zeros((2, 26), "f4"), ValueError, "float32; the network needs .* float64"),
    ("state", "none", TypeError, "state must be an array or None, got str"),
    ("n_steps", -1, ValueError, "n_steps must be at least 0, got -1"),
    ("n_steps", 1.5, TypeError, "n_steps must be an integer, got 1.5"),
]


def _training():
    for name, value, error, words in SET_LATER:

        def make(name=name, value=value):
            adam = Adam(0.01)
            setattr(adam, name, value)
            return [Network([3, 4, 2], random_state=0), adam]

        yield (
            f"set later: {name} {str(value)[:20]}",
            make,
            lambda made: made[0].fit(ROWS, NUMBERS, optimizer=made[1], epochs=1, random_state=0),
            error,
            words,
        )
    yield (
        "optimizer of a smaller network",
        lambda: _trained_optimizer([3, 2, 2]),
        lambda made: made[0].fit(ROWS, NUMBERS, optimizer=made[1], epochs=1, random_state=0),
        ValueError,
        r"this optimizer's state has shape \(2, 14\).*the network needs \(2, 26\)",
    )


def _trained_optimizer(sizes):
    adam = Adam(0.01)
    Network(sizes, random_state=0).fit(ROWS, NUMBERS, optimizer=adam, epochs=1, random_state=0)
    return [Network([3, 4, 2], random_state=0), adam]


def network():
    return Network([3, 4, 2], random_state=0)


OTHERS = {
    "load: None": (dict, lambda _: cbackprop.load(None), TypeError, "os.PathLike"),
    "load: number": (dict, lambda _: cbackprop.load(1.5), TypeError, "os.PathLike.*float"),
    "load: folder": (dict, lambda _: cbackprop.load("/"), IsADirectoryError, "Is a directory"),
    "load: no file": (
        dict,
        lambda _: cbackprop.load("/no such file"),
        FileNotFoundError,
        "no such file",
    ),
    "load: source code": (
        dict,
        lambda _: cbackprop.load(__file__),
        ModelFileError,
        "others.py: not a whole safetensors file",
    ),
    "load: device": (dict, lambda _: cbackprop.load("/dev/null"), ModelFileError, "not a regular"),
    "save: number": (network, lambda net: net.save(3.5), TypeError, "os.PathLike.*float"),
    "save: folder": (network, lambda net: net.save("/"), IsADirectoryError, "folder"),
    "save: no folder": (
        network,
        lambda net: net.save("/no folder/a"),
        FileNotFoundError,
        "no folder .*no folder",
    ),
    "save: name with a zero": (network, lambda net: net.save("a\0b"), ValueError, "null"),
    "save: something else": (
        dict,
        lambda given: cbackprop.files.saving.save(given, "nowhere"),
        TypeError,
        "objects of exactly the classes .*got <class 'dict'>",
    ),
    "checkpoint: every 0": (
        dict,
        lambda _: Checkpoint("a", every=0),
        ValueError,
        "every must be at least 1, got 0",
    ),
    "checkpoint: every a half": (
        dict,
        lambda _: Checkpoint("a", every=0.5),
        TypeError,
        "every must be an integer, got 0.5",
    ),
    "checkpoint: path": (dict, lambda _: Checkpoint(3.5), TypeError, "os.PathLike.*float"),
    "checkpoint: no folder": (
        network,
        lambda net: net.fit(ROWS, NUMBERS, callbacks=[Checkpoint("/no folder/a")]),
        FileNotFoundError,
        "no folder",
    ),
    "checkpoint: resume from something else": (
        network,
        lambda net: net.fit(ROWS, NUMBERS, callbacks=[Checkpoint(__file__, resume=True)]),
        ModelFileError,
        "others.py: not a whole safetensors file",
    ),
    "progress: show": (dict, lambda _: Progress(show="yes"), TypeError, "show must be .*'yes'"),
    "accuracy: a vector of outputs": (
        dict,
        lambda _: accuracy(np.zeros(3), np.zeros(3)),
        ValueError,
        r"outputs must have the shape \(n, k\), got \(3,\)",
    ),
    "accuracy: fewer targets": (
        dict,
        lambda _: accuracy(np.zeros(2), np.zeros((3, 2))),
        ValueError,
        "y must have as many rows as outputs, 3, got 2",
    ),
}
TABLE = [
    Bad(name, make, call, error, words)
    for part in (
        _building(),
        _training(),
        ((name, *case) for name, case in OTHERS.items()),
    )
    for name, make, call, error, words in part
]
