"""Model files that are not as they were written: a clear error or the same model, and no crash."""

import hashlib
import json
import os
import struct
import subprocess
import sys
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning

import cbackprop
from cbackprop import Checkpoint, MLPClassifier, Network
from cbackprop.files import container, saving
from cbackprop.files.container import ModelFileError

X, y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A file of an estimator with all that a file can hold, and its bytes."""
    estimator = MLPClassifier((60, 30), max_iter=3, random_state=np.random.RandomState(0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator.fit(X, NAMES[y])
    path = tmp_path_factory.mktemp("whole") / "model"
    estimator.save(path)
    return path.read_bytes()


def rewritten(data: bytes, change, *, signed: bool) -> bytes:
    """The file with its header changed, and with a checksum that is right again if `signed`."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    about = json.loads(header["__metadata__"]["cbackprop"])
    body = bytes(change(header, about) or data[8 + length :])
    if signed:
        about["sha256"] = container.NO_DIGEST
    header["__metadata__"]["cbackprop"] = json.dumps(about)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    changed = len(text).to_bytes(8, "little") + text + body
    if signed:
        digest = hashlib.sha256(changed).hexdigest().encode()
        changed = changed.replace(container.NO_DIGEST.encode(), digest, 1)
    return changed


def _resize(name):
    def change(header, about):
        header[name]["shape"][-1] += 1

    return change


def _huge(header, about):
    about["network"]["layer_sizes"] = [2**31 - 2, 2**31 - 2, 2**31 - 2]


def _huge_everywhere(header, about):
    _huge(header, about)
    header["parameters"]["shape"] = [2**62]
    header["parameters"]["data_offsets"][1] = 2**65


def _swapped(header, about):
    shape = header["optimizer.state"]["shape"]
    header["optimizer.state"]["shape"] = shape[::-1]


def _swapped_tensors(header, about):
    header["parameters"], header["optimizer.state"] = (
        header["optimizer.state"],
        header["parameters"],
    )


def _described(*path, value):
    def change(header, about):
        at = about
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value

    return change


CHANGES = {
    "a shape": _resize("parameters"),
    "the shape of labels": _resize("classes"),
    "a huge network": _huge,
    "a huge tensor": _huge_everywhere,
    "a shape swapped": _swapped,
    "two tensors swapped": _swapped_tensors,
    "more steps than a number": _described("optimizer", "n_steps", value=-1),
    "a state of other size": _described("optimizer", "state", value=[2**40, 3, "float64"]),
    "a state of no size": _described("optimizer", "state", value="all"),
    "another class": _described("kind", value="os.system"),
    "an unknown parameter": _described("params", "system", value="ls"),
    "an unknown attribute": _described("fitted", "predict", value=1),
    "an attribute of other type": _described("fitted", "loss_curve_", value="a"),
    "labels too wide": _described("labels", "classes", "dtype", value="U900000000"),
    "labels too many": _described("labels", "classes", "n", value=10**18),
    "objects for labels": _described("labels", "classes", "dtype", value="O"),
    "the type of labels": _described("labels", "type", value="binary"),
    "a generator out of range": _described(
        "params", "random_state", "RandomState", "pos", value=10**9
    ),
    "a generator cut short": _described("params", "random_state", "RandomState", "key", value="00"),
    "an activation": _described("network", "activation", value="eval"),
    "no layers": _described("network", "layer_sizes", value=[]),
    "a dtype": _described("network", "dtype", value="object"),
    "a list for a network": _described("network", value=[]),
    "deep nesting": _described("params", "alpha", value=[[[[{"float": "x"}]]]]),
    "a later version": _described("version", value=2),
    "a number that is none": _described("params", "alpha", value=float("nan")),
    "an infinite number": _described("params", "alpha", value=float("inf")),
    "more steps than can be counted": _described("optimizer", "n_steps", value=10**30),
    "more samples than can be counted": _described("fitted", "t_", value=10**400),
    "an optimizer of another kind": _described(
        "optimizer", value={"kind": "SGD", "params": {}, "n_steps": 1, "state": None}
    ),
    "state vectors of another optimizer": _described("optimizer", "params", value={"beta_3": 1.0}),
    "an output for numbers": _described("network", "output_activation", value="identity"),
    "another loss": _described("network", "loss", value="poisson"),
    "no attributes": _described("fitted", value={}),
    "half a curve": lambda header, about: about["fitted"].pop("best_loss_") and None,
    "a checkpoint of nothing": _described("fit", value=[]),
    "names that are no strings": _described("feature_names", value=[1, 2, 3, 4]),
}


@pytest.mark.thread_unsafe(reason="tracemalloc counts all threads")
@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("signed", [False, True], ids=["damaged", "forged"])
def test_changed_description_is_an_error(name, signed, whole, tmp_path):
    path = tmp_path / "model"
    path.write_bytes(rewritten(whole, CHANGES[name], signed=signed))
    tracemalloc.start()
    try:
        with pytest.raises(ModelFileError, match="model"):
            cbackprop.load(path)
        assert tracemalloc.get_traced_memory()[1] < 2 * len(whole) + 4 * container.CHUNK
    finally:
        tracemalloc.stop()


def with_text(data: bytes, change) -> bytes:
    """The file with the text of its description changed, and signed."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    about = json.loads(header["__metadata__"]["cbackprop"])
    about["sha256"] = container.NO_DIGEST
    header["__metadata__"]["cbackprop"] = change(json.dumps(about))
    return signed(json.dumps(header), data[8 + length :])


def signed(header: str, body: bytes) -> bytes:
    text = header.encode()
    text += b" " * (-len(text) % 8)
    changed = len(text).to_bytes(8, "little") + text + body
    digest = hashlib.sha256(changed).hexdigest().encode()
    return changed.replace(container.NO_DIGEST.encode(), digest, 1)


def _alpha(value):
    return lambda text: text.replace('"alpha": 0.0001', f'"alpha": {value}')


TEXTS = {
    "a name twice": (lambda text: text[:-1] + ', "kind": "MLPRegressor"}', "a name twice"),
    "two versions": (lambda text: text[:-1] + ', "version": 99}', "a name twice"),
    "a number beyond the largest": (_alpha("1e999"), "holds 1e999"),
    "five thousand digits": (_alpha("9" * 5000), "not JSON"),
    "lists in lists": (_alpha("[" * 65 + "]" * 65), "deeper than 64 levels"),
    "many lists in lists": (_alpha("[" * 900 + "]" * 900), "deeper than 64 levels"),
    "very many lists in lists": (_alpha("[" * 10**5 + "]" * 10**5), "not JSON"),
    "tuples in tuples": (_alpha('{"tuple": [' * 400 + "]}" * 400), "deeper than 64 levels"),
    "something after the end": (lambda text: text + "{}", "not JSON"),
    "no object": (lambda text: "[1]", "not written by cbackprop"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_that_readers_may_read_otherwise_is_an_error(name, whole, tmp_path):
    change, message = TEXTS[name]
    (tmp_path / "model").write_bytes(with_text(whole, change))
    with pytest.raises(ModelFileError, match=message):
        cbackprop.load(tmp_path / "model")


def _gap(header, body):
    """Eight bytes between two tensors that belong to none."""
    *_, (start, name) = sorted(
        (entry["data_offsets"][0], name) for name, entry in header.items() if name != "__metadata__"
    )
    header[name]["data_offsets"] = [at + 8 for at in header[name]["data_offsets"]]
    return body[:start] + bytes(8) + body[start:]


def _overlap(header, body):
    first, _ = header["parameters"]["data_offsets"]
    _, last = header["optimizer.state"]["data_offsets"]
    header["optimizer.state"]["data_offsets"] = [first, last]


def _backwards(header, body):
    header["parameters"]["data_offsets"].reverse()


def _overflow(header, body):
    header["parameters"]["shape"] = [2**33, 2**33]


HEADERS = {
    "a gap": _gap,
    "an overlap": _overlap,
    "offsets backwards": _backwards,
    "a product that overflows": _overflow,
    "bytes of nobody at the end": lambda header, body: body + bytes(8),
}


@pytest.mark.parametrize("name", HEADERS)
def test_tensors_that_are_not_side_by_side_are_an_error(name, whole, tmp_path):
    length = int.from_bytes(whole[:8], "little")
    header, body = json.loads(whole[8 : 8 + length]), whole[8 + length :]
    body = HEADERS[name](header, body) or body
    about = json.loads(header["__metadata__"]["cbackprop"])
    about["sha256"] = container.NO_DIGEST
    header["__metadata__"]["cbackprop"] = json.dumps(about)
    (tmp_path / "model").write_bytes(signed(json.dumps(header), body))
    with pytest.raises(ModelFileError, match="not a whole safetensors file"):
        cbackprop.load(tmp_path / "model")


def test_tensor_that_is_named_twice_is_an_error(whole, tmp_path):
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])
    about = json.loads(header["__metadata__"]["cbackprop"])
    about["sha256"] = container.NO_DIGEST
    header["__metadata__"]["cbackprop"] = json.dumps(about)
    twice = json.dumps(header)[:-1] + f', "parameters": {json.dumps(header["parameters"])}}}'
    (tmp_path / "model").write_bytes(signed(twice, whole[8 + length :]))
    with pytest.raises(ModelFileError, match="its header names something twice"):
        cbackprop.load(tmp_path / "model")


def test_classes_that_are_not_in_order_are_an_error(whole, tmp_path):
    def change(header, about):
        length = int.from_bytes(whole[:8], "little")
        body = whole[8 + length :]
        first, last = header["classes"]["data_offsets"]
        letters = np.frombuffer(body[first:last], "<u4").reshape(3, -1)[::-1]
        return body[:first] + letters.tobytes() + body[last:]

    (tmp_path / "model").write_bytes(rewritten(whole, change, signed=True))
    with pytest.raises(ModelFileError, match="not in order"):
        cbackprop.load(tmp_path / "model")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipe_is_an_error_and_nobody_waits(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelFileError, match="not a regular file"):
        cbackprop.load(tmp_path / "pipe")


# Checkpoints by strangers.


def _fit(**values):
    return lambda header, about: about["fit"].update(values)


CHECKPOINTS = {
    "a text for curves": _fit(history="abc"),
    "a number for a curve": _fit(history={"dict": [["cost", 5]]}),
    "no curves": _fit(history={"dict": []}),
    "curves of other length": _fit(epoch=1),
    "an epoch beyond all": _fit(epoch=10**40),
    "an epoch that is none": _fit(epoch=True),
    "best parameters that are not there": _fit(best=True),
    "settings that are none": _fit(settings=5),
    "a random state of nothing": _fit(random_state={"key": "00"}),
    "another optimizer": lambda header, about: about["optimizer"].update(
        kind="Adam", params={}, state=None
    ),
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_forged_checkpoint_is_an_error_and_leaves_the_network_as_it_was(name, tmp_path):
    path, original = tmp_path / "model", tmp_path / "original"
    Network([4, 1]).fit(X / 10, y, epochs=2, callbacks=[Checkpoint(original)])
    change = CHECKPOINTS[name]
    path.write_bytes(rewritten(original.read_bytes(), change, signed=True))
    network = Network([4, 1], random_state=0)
    before, rng = network.parameters.copy(), np.random.RandomState(3)
    state = str(rng.get_state())
    with pytest.raises(ModelFileError, match="model"):
        network.fit(
            X / 10, y, epochs=4, random_state=rng, callbacks=[Checkpoint(path, resume=True)]
        )
    assert (network.parameters == before).all()
    assert str(rng.get_state()) == state


def test_checkpoint_of_other_rows_is_an_error(tmp_path):
    """A tensor of rows, whole and signed, that is not of this fit's length."""
    path = tmp_path / "model"

    def change(header, about):
        length = int.from_bytes(data[:8], "little")
        body, (first, last) = data[8 + length :], header["fit.order"]["data_offsets"]
        for entry in header.values():
            if "data_offsets" in entry and entry["data_offsets"][0] >= last:
                entry["data_offsets"] = [at - (last - first) // 2 for at in entry["data_offsets"]]
        header["fit.order"] = {
            "dtype": "I32", "shape": [75], "data_offsets": [first, (first + last) // 2]
        }  # fmt: skip
        about["fit"]["order"] = 75
        return body[: (first + last) // 2] + body[last:]

    Network([4, 1]).fit(X / 10, y, epochs=2, callbacks=[Checkpoint(path)])
    data = path.read_bytes()
    path.write_bytes(rewritten(data, change, signed=True))
    with pytest.raises(ModelFileError, match="order: expected 150, got 75"):
        Network([4, 1]).fit(X / 10, y, epochs=4, callbacks=[Checkpoint(path, resume=True)])


def test_rewritten_file_that_is_signed_loads(whole, tmp_path):
    (tmp_path / "model").write_bytes(rewritten(whole, lambda header, about: None, signed=True))
    assert cbackprop.load(tmp_path / "model").classes_.tolist() == NAMES.tolist()


def test_letters_that_are_no_characters_are_an_error(whole, tmp_path):
    def change(header, about):
        length = int.from_bytes(whole[:8], "little")
        body = bytearray(whole[8 + length :])
        first, _ = header["classes"]["data_offsets"]
        body[first : first + 4] = struct.pack("<I", 0x110000)
        return body

    (tmp_path / "model").write_bytes(rewritten(whole, change, signed=True))
    with pytest.raises(ModelFileError, match="no character"):
        cbackprop.load(tmp_path / "model")


def test_other_safetensors_file_is_an_error(tmp_path):
    save_file({"a": np.zeros(3)}, tmp_path / "a")
    with pytest.raises(ModelFileError, match="not written by cbackprop"):
        cbackprop.load(tmp_path / "a")


def mutant(data: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    """A file changed in one of the ways in which files change."""
    kind = rng.choice(
        ["truncated", "bit", "bits", "byte", "grown", "zeros", "moved", "length", "digits", "shape"]
    )
    changed = bytearray(data)
    at = int(rng.integers(len(data)))
    length = int.from_bytes(data[:8], "little")
    if kind == "truncated":
        changed = changed[:at]
    elif kind in ("bit", "bits"):
        # Every other one in the header, which is the smaller part.
        for _ in range(1 if kind == "bit" else 8):
            at = int(rng.integers(len(data) if rng.random() < 0.5 else length + 8))
            changed[at] ^= 1 << int(rng.integers(8))
    elif kind == "byte":
        changed[at] = int(rng.integers(256))
    elif kind == "grown":
        changed[at:at] = rng.bytes(int(rng.integers(1, 2000)))
    elif kind == "zeros":
        changed[at : at + 4096] = bytes(len(changed[at : at + 4096]))
    elif kind == "moved":
        to, size = int(rng.integers(len(data))), int(rng.integers(1, 500))
        changed[to : to + size] = data[at : at + size]
    elif kind == "length":
        exponent = int(rng.integers(1, 64))
        changed[:8] = (int(rng.integers(2**exponent, dtype=np.uint64))).to_bytes(8, "little")
    elif kind == "digits":  # a number of the header becomes another, of as many digits or more
        places = [i for i in range(8, 8 + length) if chr(data[i]).isdigit()]
        i = places[int(rng.integers(len(places)))]
        digits = str(int(rng.integers(10 ** int(rng.integers(1, 18))))).encode()
        changed[i : i + 1] = digits
        if rng.random() < 0.5:
            changed[:8] = (length + len(digits) - 1).to_bytes(8, "little")
    else:  # a shape or a description changed by one who sets the checksum right
        name = list(CHANGES)[int(rng.integers(len(CHANGES)))]
        return name, rewritten(data, CHANGES[name], signed=bool(rng.integers(2)))
    return kind, bytes(changed)


def loaded_in_little_memory(path):
    """The model of a file, or None for an error; no more memory than twice the file's size."""
    size = path.stat().st_size
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    try:
        return cbackprop.load(path)
    except ModelFileError:
        return None
    finally:
        used = tracemalloc.get_traced_memory()[1] - before
        # Python's own objects, and the chunk read at a time, do not grow with the file.
        assert used < 2 * size + 4 * container.CHUNK


def try_mutants(data: bytes, folder: Path, count: int, seed: int) -> dict[str, int]:
    """How many gave an error and how many the same model; anything else is a failure."""
    rng, path, counts = np.random.default_rng(seed), folder / "model", {"error": 0, "same": 0}
    tracemalloc.start()
    try:
        for _ in range(count):
            kind, changed = mutant(data, rng)
            path.write_bytes(changed)
            model = loaded_in_little_memory(path)
            if model is not None:
                assert container.pack(*saving.content_of(model)) == data, kind
            counts["error" if model is None else "same"] += 1
    finally:
        tracemalloc.stop()
    return counts


@pytest.mark.thread_unsafe(reason="tracemalloc counts all threads")
def test_mutated_files_are_errors_or_the_same_model(whole, tmp_path):
    counts = try_mutants(whole, tmp_path, 300, seed=0)
    assert sum(counts.values()) == 300


MUTANTS = """
import resource, runpy, sys
from pathlib import Path
tests = runpy.run_path(sys.argv[1])
data = Path(sys.argv[2]).read_bytes()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
# Room for the file, mapped and read twice, and for the interpreter's and its allocators' own.
resource.setrlimit(resource.RLIMIT_AS, (used + 3 * len(data) + (128 << 20),) * 2)
folder, count, seed = Path(sys.argv[2]).parent, int(sys.argv[3]), int(sys.argv[4])
print(tests["try_mutants"](data, folder, count, seed))
"""


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(4))
def test_ten_thousand_mutated_files(part, whole, tmp_path):
    """In a process of little address space, where a huge allocation ends it."""
    (tmp_path / "original").write_bytes(whole)
    command = [sys.executable, "-P", "-c", MUTANTS, __file__]
    command += [str(tmp_path / "original"), "2500", str(part + 1)]
    package = str(Path(cbackprop.__file__).parents[1])
    result = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": package, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    print("mutants:", result.stdout.strip())
