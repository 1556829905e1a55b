"""Does the engine's door refuse whatever does not fit, before a compiled loop touches memory?"""

import copy
import pickle
import subprocess
import sys
import weakref
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse

from cbackprop.engine import run
from cbackprop.plan import make_plan

N, FEATURES, OUTPUTS = 6, 3, 2
SOFTMAX = run.OUTPUTS["softmax", "log_loss"]
SQUARED = run.OUTPUTS["identity", "squared_error"]
SIZE = (3 + 1) * 4 + (4 + 1) * 2
SSIZE_MAX = np.iinfo(np.intp).max

plan = make_plan((FEATURES, 4, OUTPUTS), "tanh")


def changed_plan(layer, **fields):
    """The plan with some fields of one layer changed."""
    changed = plan.copy()
    for name, value in fields.items():
        changed[layer][name] = value
    return changed


def read_only(array):
    array.flags.writeable = False
    return array


def unaligned(array):
    """The same array, one byte off where its items should be."""
    memory = np.zeros(array.nbytes + 1, dtype=np.uint8)[1:]
    moved = memory.view(array.dtype).reshape(array.shape)
    moved[...] = array
    return moved


def csr(*, data=None, indices=None, indptr=None, shape=(N, FEATURES)):
    """Something with CSR's attributes: one stored value a row, unless told otherwise."""
    return SimpleNamespace(
        data=np.ones(N) if data is None else data,
        indices=np.zeros(N, dtype=np.int32) if indices is None else indices,
        indptr=np.arange(N + 1, dtype=np.int32) if indptr is None else indptr,
        shape=shape,
        nnz=N,
    )


def int32(*values):
    return np.array(values, dtype=np.int32)


def arguments(**changes):
    return {
        "plan": plan,
        "output": SQUARED,
        "parameters": np.linspace(-1.0, 1.0, SIZE),
        "X": np.ones((N, FEATURES)),
        "y": np.ones((N, OUTPUTS)),
        **changes,
    }


def task(**changes):
    return run.Task(**arguments(**changes))


def rule(optimizer="sgd", learning_rate=0.1, **fields):
    made = np.zeros((), dtype=run.RULE)
    fields = {"optimizer": run.OPTIMIZERS[optimizer], "learning_rate": learning_rate, **fields}
    for name, value in fields.items():
        made[name] = value
    return made


def train(made, **changes):
    given = {
        "rule": rule("momentum"),
        "gradient": np.zeros(SIZE),
        "state": np.zeros((1, SIZE)),
        "first": 0,
        "last": N,
        "batch_size": 2,
        **changes,
    }
    return made.train(**given)


# --- building a task -----------------------------------------------------------------------------

BAD_ARGUMENTS = {
    # what is wrong: the arguments changed, the error, and what its message says
    "plan: None": ({"plan": None}, TypeError, "plan must be an array of .*got NoneType"),
    "plan: numbers": ({"plan": np.zeros((2, 5), int)}, TypeError, "plan must be .*got int64"),
    "plan: list": ({"plan": plan.tolist()}, TypeError, "plan must be .*got list"),
    "plan: a row": ({"plan": plan[0]}, ValueError, "plan must have 1 dimension.*got 0"),
    "plan: a column": ({"plan": plan[:, None]}, ValueError, "plan must have 1 dimension.*got 2"),
    "plan: every other row": (
        {"plan": np.repeat(plan, 2)[::2]},
        ValueError,
        "plan must be a C-contiguous array",
    ),
    "plan: empty": ({"plan": plan[:0]}, ValueError, "at least one layer, got none"),
    "plan: no units in": (
        {"plan": changed_plan(0, n_in=0)},
        ValueError,
        "layer 0 must have between 1 and .* got 0 and 4",
    ),
    "plan: negative units in": (
        {"plan": changed_plan(0, n_in=-3)},
        ValueError,
        "layer 0 must have between 1 and .* got -3 and 4",
    ),
    "plan: no units out": (
        {"plan": changed_plan(1, n_out=0)},
        ValueError,
        "layer 1 must have between 1 and .* got 4 and 0",
    ),
    "plan: too many units in": (
        {"plan": changed_plan(0, n_in=2**31 - 1)},
        ValueError,
        "got 2147483647 and 4",
    ),
    "plan: too many units out": (
        {"plan": changed_plan(1, n_out=2**40)},
        ValueError,
        f"got 4 and {2**40}",
    ),
    "plan: smallest integer": (
        {"plan": changed_plan(0, n_in=-(2**63))},
        ValueError,
        f"got -{2**63} and 4",
    ),
    "plan: layers do not meet": (
        {"plan": changed_plan(1, n_in=5)},
        ValueError,
        "layer 1 takes 5 units, but the layer before gives 4",
    ),
    "plan: negative weights": (
        {"plan": changed_plan(0, weights=-1)},
        ValueError,
        "layer 0 must start at 0 .*got -1 and 12",
    ),
    "plan: weights elsewhere": (
        {"plan": changed_plan(1, weights=17)},
        ValueError,
        "layer 1 must start at 16 .*got 17 and 24",
    ),
    "plan: negative biases": (
        {"plan": changed_plan(0, biases=-12)},
        ValueError,
        "layer 0 must start at 0 .*got 0 and -12",
    ),
    "plan: biases beyond the vector": (
        {"plan": changed_plan(1, biases=2**62)},
        ValueError,
        f"layer 1 must start at 16 .*got 16 and {2**62}",
    ),
    "plan: negative activation": (
        {"plan": changed_plan(0, activation=-1)},
        ValueError,
        "layer 0 has the unknown activation code -1",
    ),
    "plan: unknown activation": (
        {"plan": changed_plan(1, activation=len(run.ACTIVATIONS))},
        ValueError,
        "layer 1 has the unknown activation code 4",
    ),
    "plan: activation that an int would hold as 0": (
        {"plan": changed_plan(0, activation=2**32)},
        ValueError,
        "unknown activation code 4294967296",
    ),
    "output: negative": ({"output": -1}, ValueError, "output must be .*got -1"),
    "output: too large": (
        {"output": len(run.OUTPUTS)},
        ValueError,
        "output must be one of the codes in OUTPUTS, got 5",
    ),
    "output: a name": ({"output": "softmax"}, TypeError, "int"),
    "output: None": ({"output": None}, TypeError, "int"),
    "parameters: None": ({"parameters": None}, ValueError, "parameters must be .*got NoneType"),
    "parameters: list": ({"parameters": [0.0] * SIZE}, ValueError, "parameters .*got list"),
    "parameters: integers": (
        {"parameters": np.zeros(SIZE, dtype=int)},
        TypeError,
        "parameters must be an array of float32 or float64, got int64",
    ),
    "parameters: half": ({"parameters": np.zeros(SIZE, np.float16)}, TypeError, "parameters .*'e'"),
    "parameters: complex": (
        {"parameters": np.zeros(SIZE, complex)},
        TypeError,
        "parameters .*'Zd'",
    ),
    "parameters: objects": ({"parameters": np.zeros(SIZE, object)}, TypeError, "parameters .*'O'"),
    "parameters: other byte order": (
        {"parameters": np.zeros(SIZE, np.dtype(float).newbyteorder())},
        TypeError,
        "parameters must be an array of float32 or float64, got items of format",
    ),
    "parameters: bytes": ({"parameters": b"x" * 8 * SIZE}, TypeError, "parameters .*'B'"),
    "parameters: too few": (
        {"parameters": np.zeros(SIZE - 1)},
        ValueError,
        f"parameters must have the plan's {SIZE} elements, got {SIZE - 1}",
    ),
    "parameters: too many": ({"parameters": np.zeros(SIZE + 1)}, ValueError, f"got {SIZE + 1}"),
    "parameters: matrix": (
        {"parameters": np.zeros((1, SIZE))},
        ValueError,
        "parameters must have 1 dimension.*got 2",
    ),
    "parameters: every other": (
        {"parameters": np.zeros(2 * SIZE)[::2]},
        ValueError,
        "parameters must be a C-contiguous array",
    ),
    "parameters: one number, repeated": (
        {"parameters": np.broadcast_to(0.0, SIZE)},
        ValueError,
        "parameters must be a C-contiguous array",
    ),
    "capacity: 0": ({"capacity": 0}, ValueError, "capacity must be between 1 .*got 0"),
    "capacity: negative": ({"capacity": -1}, ValueError, "capacity must be between 1 .*got -1"),
    "capacity: past BLAS's integers": (
        {"capacity": 2**31 - 64},
        ValueError,
        f"capacity must be between 1 and .*got {2**31 - 64}",
    ),
    "capacity: largest": ({"capacity": SSIZE_MAX}, ValueError, f"got {SSIZE_MAX}"),
    "capacity: float": ({"capacity": 2.0}, TypeError, "float"),
    "loss_scale: None": ({"loss_scale": None}, TypeError, "(real number|float)"),
    "X: None": ({"X": None}, ValueError, "X must be .*got NoneType"),
    "X: list": ({"X": [[1.0] * FEATURES] * N}, ValueError, "X must be .*got list"),
    "X: float32 with float64 parameters": (
        {"X": np.ones((N, FEATURES), np.float32)},
        TypeError,
        "X must be an array of float64, got float32",
    ),
    "X: float64 with float32 parameters": (
        {"parameters": np.zeros(SIZE, np.float32), "y": np.ones((N, OUTPUTS), np.float32)},
        TypeError,
        "X must be an array of float32, got float64",
    ),
    "X: integers": ({"X": np.ones((N, FEATURES), int)}, TypeError, "X must be .*got int64"),
    "X: one row": ({"X": np.ones(FEATURES)}, ValueError, "X must have 2 dimension.*got 1"),
    "X: a stack": ({"X": np.ones((1, N, FEATURES))}, ValueError, "X must have 2 dimension.*got 3"),
    "X: Fortran order": (
        {"X": np.ones((N, FEATURES), order="F")},
        ValueError,
        "X must be a C-contiguous array",
    ),
    "X: every other column": (
        {"X": np.ones((N, 2 * FEATURES))[:, ::2]},
        ValueError,
        "X must be a C-contiguous array",
    ),
    "X: one row, repeated": (
        {"X": np.broadcast_to(np.ones(FEATURES), (2**40, FEATURES))},
        ValueError,
        "X must be a C-contiguous array",
    ),
    "X: too few features": (
        {"X": np.ones((N, FEATURES - 1))},
        ValueError,
        "X must have the network's 3 features, got 2",
    ),
    "X: no features": (
        {"X": np.ones((2**40, 0))},
        ValueError,
        "X must have the network's 3 features, got 0",
    ),
    "y: None of it for some rows": (
        {"y": np.ones((N - 1, OUTPUTS))},
        ValueError,
        "y must have as many rows as X, 6, got 5",
    ),
    "y: too many rows": ({"y": np.ones((N + 1, OUTPUTS))}, ValueError, "X, 6, got 7"),
    "y: too many columns": (
        {"y": np.ones((N, OUTPUTS + 1))},
        ValueError,
        "y must have the network's 2 columns, got 3",
    ),
    "y: no columns": ({"y": np.ones((N, 0))}, ValueError, "network's 2 columns, got 0"),
    "y: vector of numbers for two outputs": (
        {"y": np.ones(N)},
        TypeError,
        "y must be an array of int32, got float64",
    ),
    "y: float32": (
        {"y": np.ones((N, OUTPUTS), np.float32)},
        TypeError,
        "y must be an array of float64, got float32",
    ),
    "y: labels for numbers": ({"y": np.ones((N, OUTPUTS), np.int32)}, TypeError, "got int32"),
    "y: list": ({"y": [[1.0, 1.0]] * N}, ValueError, "y must be .*got list"),
    "y: Fortran order": (
        {"y": np.ones((N, OUTPUTS), order="F")},
        ValueError,
        "y must be a C-contiguous array",
    ),
    "y: numbers for the softmax": (
        {"output": SOFTMAX, "y": np.ones((N, OUTPUTS))},
        TypeError,
        "y must be an array of int32, got float64",
    ),
    "y: matrix of labels for the softmax": (
        {"output": SOFTMAX, "y": np.ones((N, 1), np.int32)},
        ValueError,
        "y must have 1 dimension.*got 2",
    ),
    "y: long labels": (
        {"output": SOFTMAX, "y": np.ones(N, np.int64)},
        TypeError,
        "y must be an array of int32, got int64",
    ),
    "y: unsigned labels": ({"output": SOFTMAX, "y": np.ones(N, np.uint32)}, TypeError, "'I'"),
    "y: too few labels": (
        {"output": SOFTMAX, "y": np.ones(N - 1, np.int32)},
        ValueError,
        "X, 6, got 5",
    ),
    "sample_weight: too few": (
        {"sample_weight": np.ones(N - 1)},
        ValueError,
        "sample_weight must have as many elements as X has rows, 6, got 5",
    ),
    "sample_weight: float32": (
        {"sample_weight": np.ones(N, np.float32)},
        TypeError,
        "sample_weight must be an array of float64, got float32",
    ),
    "sample_weight: column": (
        {"sample_weight": np.ones((N, 1))},
        ValueError,
        "sample_weight must have 1 dimension.*got 2",
    ),
    "sample_weight: one number": (
        {"sample_weight": np.broadcast_to(1.0, N)},
        ValueError,
        "sample_weight must be a C-contiguous",
    ),
    "rows: int32": ({"rows": int32(0, 1)}, TypeError, "rows must be an array of int64, got int32"),
    "rows: floats": ({"rows": np.zeros(2)}, TypeError, "rows must be .*got float64"),
    "rows: mask": ({"rows": np.ones(N, bool)}, TypeError, "rows must be .*got .*'?'"),
    "rows: matrix": (
        {"rows": np.zeros((1, 2), np.intp)},
        ValueError,
        "rows must have 1 dim.*got 2",
    ),
    "rows: list": ({"rows": [0, 1]}, ValueError, "rows must be .*got list"),
    "rows: every other": ({"rows": np.zeros(4, np.intp)[::2]}, ValueError, "rows must be a C-cont"),
    "parameters: not aligned": (
        {"parameters": unaligned(np.zeros(SIZE))},
        (TypeError, ValueError),
        "parameters must be ",
    ),
    "X: not aligned": (
        {"X": unaligned(np.ones((N, FEATURES)))},
        (TypeError, ValueError),
        "X must be ",
    ),
    "y: not aligned": (
        {"y": unaligned(np.ones((N, OUTPUTS)))},
        (TypeError, ValueError),
        "y must be ",
    ),
    "sample_weight: not aligned": (
        {"sample_weight": unaligned(np.ones(N))},
        (TypeError, ValueError),
        "sample_weight must be ",
    ),
    "rows: not aligned": (
        {"rows": unaligned(np.arange(N))},
        (TypeError, ValueError),
        "rows must be ",
    ),
    "CSR: float32 values": (
        {"X": csr(data=np.ones(N, np.float32))},
        TypeError,
        "X.data must be an array of float64, got float32",
    ),
    "CSR: no values": ({"X": csr(data=None, indices=[0])}, ValueError, "X.indices .*got list"),
    "CSR: blocks": ({"X": csr(data=np.ones((N, 1, 1)))}, ValueError, "X.data must have 1 .*got 3"),
    "CSR: float indices": (
        {"X": csr(indices=np.zeros(N))},
        TypeError,
        "X.indices must be an array of int32 or int64, got float64",
    ),
    "CSR: short indices": ({"X": csr(indices=np.zeros(N, np.int16))}, TypeError, "X.indices .*'h'"),
    "CSR: indices and indptr differ": (
        {"X": csr(indptr=np.arange(N + 1, dtype=np.int64))},
        TypeError,
        "X.indptr must be an array of int32, got int64",
    ),
    "CSR: short indptr": (
        {"X": csr(indptr=np.arange(N, dtype=np.int32))},
        ValueError,
        "X.indptr must have 7 elements for 6 rows, got 6",
    ),
    "CSR: more rows claimed": (
        {"X": csr(shape=(N + 1, FEATURES))},
        ValueError,
        "8 .*7 rows, got 7",
    ),
    "CSR: very many rows claimed": (
        {"X": csr(shape=(2**40, FEATURES))},
        ValueError,
        f"X.indptr must have {2**40 + 1} elements",
    ),
    "CSR: as many rows claimed as there are numbers": (
        {"X": csr(shape=(SSIZE_MAX, FEATURES))},
        ValueError,
        "X.indptr must have",
    ),
    "CSR: too many features": (
        {"X": csr(shape=(N, 2**31 - 1))},
        ValueError,
        f"X must have the network's 3 features, got {2**31 - 1}",
    ),
    "CSR: negative features": ({"X": csr(shape=(N, -3))}, ValueError, "3 features, got -3"),
    "CSR: one dimension": ({"X": csr(shape=(N,))}, ValueError, "unpack"),
    "CSR: float shape": ({"X": csr(shape=(6.0, 3.0))}, TypeError, "float"),
    "CSC": (
        {"X": scipy.sparse.csc_matrix(np.ones((3, 3))), "y": np.ones((3, 2))},
        (TypeError, ValueError),
        "CSR",
    ),
}


@pytest.mark.parametrize("case", BAD_ARGUMENTS)
def test_a_task_is_not_built_from(case):
    changes, error, message = BAD_ARGUMENTS[case]
    with pytest.raises(error, match=message):
        task(**changes)


def test_a_task_is_built_from_what_fits():
    made = task(sample_weight=np.ones(N), rows=np.arange(4), capacity=3)
    assert (made.n_rows, made.n_parameters) == (4, SIZE)


@pytest.mark.parametrize("name", ["plan", "parameters", "X", "y", "sample_weight", "rows"])
def test_read_only_arrays_are_good_enough_for_a_gradient(name):
    given = arguments(sample_weight=np.ones(N), rows=np.arange(N))
    given[name] = read_only(given[name].copy())
    assert np.isfinite(run.Task(**given).loss(0, N, float(N), np.zeros(SIZE)))


def test_integers_too_large_for_c_are_refused():
    for changes in ({"output": 2**31}, {"capacity": 2**63}):
        with pytest.raises(OverflowError, match="too large"):
            task(**changes)


def test_a_network_too_large_for_memory_is_refused():
    largest = 2**31 - 2
    huge = np.zeros(3, dtype=run.LAYER)
    at = 0
    for layer in huge:
        layer["n_in"] = layer["n_out"] = largest
        layer["weights"], layer["biases"] = at, at + largest * largest
        at = (at + largest * (largest + 1)) % 2**62
    with pytest.raises(ValueError, match=r"more than 2\*\*60 parameters"):
        task(plan=huge)


def test_a_vector_shorter_than_the_widest_network_is_refused():
    wide = make_plan((FEATURES, 2**31 - 2, OUTPUTS), "tanh")
    with pytest.raises(ValueError, match="parameters must have the plan's 12884901878 elements"):
        task(plan=wide)


# --- calling it ----------------------------------------------------------------------------------

BAD_RANGES = {
    "empty": (2, 2),
    "empty at the end": (N, N),
    "backwards": (3, 2),
    "negative": (-1, 2),
    "beyond": (0, N + 1),
    "far beyond": (0, SSIZE_MAX),
    "far before": (-SSIZE_MAX - 1, 2),
}


@pytest.mark.parametrize("case", BAD_RANGES)
@pytest.mark.parametrize("call", ["predict", "loss", "train"])
def test_no_rows_are_taken_from_a_range(call, case):
    first, last = BAD_RANGES[case]
    made = task()
    calls = {
        "predict": lambda: made.predict(np.zeros((max(0, min(N, last - first)), 2)), first, last),
        "loss": lambda: made.loss(first, last, 1.0),
        "train": lambda: train(made, first=first, last=last),
    }
    with pytest.raises(ValueError, match=f"rows {first} to {last} asked for, of 6"):
        calls[call]()


@pytest.mark.parametrize(
    "X",
    [np.ones((0, FEATURES)), csr(indptr=int32(), shape=(-1, FEATURES))],
    ids=["none", "minus_one"],
)
def test_a_task_of_no_rows_does_nothing(X):
    with pytest.raises(ValueError, match="asked for"):
        task(X=X, y=None).predict(np.ones((0, OUTPUTS)))


BAD_OUT = {
    "None": (None, ValueError, "out must be a C-contiguous, writable array, got NoneType"),
    "list": ([[0.0] * OUTPUTS] * N, ValueError, "out must be .*got list"),
    "float32": (np.zeros((N, OUTPUTS), np.float32), TypeError, "out .*float64, got float32"),
    "vector": (np.zeros(N * OUTPUTS), ValueError, "out must have 2 dimension.*got 1"),
    "too few rows": (np.zeros((N - 1, OUTPUTS)), ValueError, r"shape \(6, 2\), got \(5, 2\)"),
    "too many rows": (np.zeros((N + 1, OUTPUTS)), ValueError, r"shape \(6, 2\), got \(7, 2\)"),
    "too few columns": (np.zeros((N, 1)), ValueError, r"shape \(6, 2\), got \(6, 1\)"),
    "transposed": (np.zeros((OUTPUTS, N)), ValueError, r"shape \(6, 2\), got \(2, 6\)"),
    "Fortran order": (np.zeros((N, OUTPUTS), order="F"), ValueError, "out must be a C-contiguous"),
    "read-only": (read_only(np.zeros((N, OUTPUTS))), ValueError, "out must be .*writable"),
    "one row, repeated": (np.broadcast_to(0.0, (N, OUTPUTS)), ValueError, "out must be"),
}


@pytest.mark.parametrize("case", BAD_OUT)
def test_outputs_do_not_go_into(case):
    out, error, message = BAD_OUT[case]
    with pytest.raises(error, match=message):
        task().predict(out)


BAD_GRADIENT = {
    "list": ([0.0] * SIZE, ValueError, "gradient must be .*got list"),
    "float32": (np.zeros(SIZE, np.float32), TypeError, "gradient .*float64, got float32"),
    "matrix": (np.zeros((1, SIZE)), ValueError, "gradient must have 1 dimension.*got 2"),
    "too short": (np.zeros(SIZE - 1), ValueError, f"gradient must have {SIZE} elements, got 25"),
    "too long": (np.zeros(SIZE + 1), ValueError, f"gradient must have {SIZE} elements, got 27"),
    "empty": (np.zeros(0), ValueError, f"gradient must have {SIZE} elements, got 0"),
    "every other": (np.zeros(2 * SIZE)[::2], ValueError, "gradient must be a C-contiguous"),
    "read-only": (read_only(np.zeros(SIZE)), ValueError, "gradient must be .*writable"),
}


@pytest.mark.parametrize("case", BAD_GRADIENT)
@pytest.mark.parametrize("call", ["loss", "train"])
def test_a_gradient_does_not_go_into(call, case):
    gradient, error, message = BAD_GRADIENT[case]
    made = task()
    with pytest.raises(error, match=message):
        made.loss(0, N, 1.0, gradient) if call == "loss" else train(made, gradient=gradient)


@pytest.mark.parametrize("weight", [0.0, -1.0, np.nan, -np.inf])
def test_a_loss_is_not_divided_by(weight):
    with pytest.raises(ValueError, match=f"total weight must be positive, got {weight}"):
        task().loss(0, N, weight)


BAD_TRAINING = {
    "rule: None": ({"rule": None}, TypeError, "rule must be an array of .*got NoneType"),
    "rule: number": ({"rule": np.float64(1)}, TypeError, "rule must be .*got float64"),
    "rule: several": (
        {"rule": np.zeros(2, dtype=run.RULE)},
        ValueError,
        "rule must have 0 dimension.*got 1",
    ),
    "rule: the plan's dtype": ({"rule": plan[0]}, TypeError, "rule must be an array of"),
    "state: list": ({"state": [[0.0] * SIZE]}, ValueError, "state must be .*got list"),
    "state: float32": (
        {"state": np.zeros((1, SIZE), np.float32)},
        TypeError,
        "state must be an array of float64, got float32",
    ),
    "state: vector": ({"state": np.zeros(SIZE)}, ValueError, "state must have 2 dimension.*got 1"),
    "state: none": (
        {"state": np.zeros((0, SIZE))},
        ValueError,
        r"state must have shape \(1, 26\), got \(0, 26\)",
    ),
    "state: one too many": ({"state": np.zeros((2, SIZE))}, ValueError, r"got \(2, 26\)"),
    "state: too short": ({"state": np.zeros((1, SIZE - 1))}, ValueError, r"got \(1, 25\)"),
    "state: one vector for Adam": (
        {"rule": rule("adam")},
        ValueError,
        r"state must have shape \(2, 26\), got \(1, 26\)",
    ),
    "state: read-only": (
        {"state": read_only(np.zeros((1, SIZE)))},
        ValueError,
        "state must be .*writable",
    ),
    "batch_size: 0": ({"batch_size": 0}, ValueError, "between 1 and .*capacity 4, got 0"),
    "batch_size: negative": ({"batch_size": -2}, ValueError, "capacity 4, got -2"),
    "batch_size: beyond the capacity": ({"batch_size": 5}, ValueError, "capacity 4, got 5"),
    "batch_size: largest": ({"batch_size": SSIZE_MAX}, ValueError, "capacity 4, got"),
    "thread: negative": ({"thread": -1}, ValueError, "thread must be between 0 and 0, got -1"),
    "thread: of no team": ({"thread": 1}, ValueError, "thread must be between 0 and 0, got 1"),
    "thread: beyond its team": (
        {"team": run.Team(2), "thread": 2},
        ValueError,
        "thread must be between 0 and 1, got 2",
    ),
    "team: a number": ({"team": 2}, TypeError, "team"),
    "team: another class": ({"team": object()}, TypeError, "team"),
}


@pytest.mark.parametrize("case", BAD_TRAINING)
def test_training_is_refused_with(case):
    changes, error, message = BAD_TRAINING[case]
    parameters = np.linspace(-1.0, 1.0, SIZE)
    made = task(capacity=4, parameters=parameters)
    with pytest.raises(error, match=message):
        train(made, **changes)
    np.testing.assert_array_equal(parameters, np.linspace(-1.0, 1.0, SIZE))


@pytest.mark.parametrize("code", [-1, len(run.OPTIMIZERS), 2**32, -(2**63)])
def test_an_unknown_optimizer_is_refused(code):
    unknown = rule()
    unknown["optimizer"] = code
    with pytest.raises(ValueError, match=f"unknown optimizer code {code}"):
        train(task(), rule=unknown)


def test_read_only_parameters_are_not_trained():
    parameters = read_only(np.zeros(SIZE))
    with pytest.raises(ValueError, match="parameters must be a C-contiguous, writable array"):
        train(task(parameters=parameters))


def test_parameters_that_became_read_only_are_not_trained():
    parameters = np.zeros(SIZE)
    made = task(parameters=parameters)
    parameters.flags.writeable = False
    with pytest.raises(ValueError, match="parameters must be a C-contiguous, writable array"):
        train(made)


@pytest.mark.parametrize("call", ["loss", "train"])
def test_without_targets_there_is_no(call):
    made = task(y=None)
    with pytest.raises(ValueError, match="a task without y"):
        made.loss(0, N, 1.0) if call == "loss" else train(made)


# --- what the data points at ---------------------------------------------------------------------


@pytest.fixture(params=["predict", "loss", "train"])
def call(request):
    """Each of the methods that follow indices, for all rows of a task."""

    def make(made):
        if request.param == "predict":
            return made.predict(np.zeros((made.n_rows, OUTPUTS)))
        if request.param == "loss":
            return made.loss(0, made.n_rows, 1.0, np.zeros(SIZE))
        return train(made, last=made.n_rows)

    return make


@pytest.mark.parametrize("bad", [-1, N, 2**31, 2**62, -(2**63)])
def test_rows_out_of_range_are_refused(bad, call):
    with pytest.raises(IndexError, match=f"rows must lie between 0 and 5, got {bad} at 2"):
        call(task(rows=np.array([0, 5, bad, 1])))


def test_rows_refilled_with_what_is_out_of_range_are_refused(call):
    rows = np.array([0, 1, 2])
    made = task(rows=rows)
    call(made)
    rows[1] = N
    with pytest.raises(IndexError, match="got 6 at 1"):
        call(made)


@pytest.mark.parametrize("bad", [-1, OUTPUTS, 2**31 - 1, -(2**31)])
@pytest.mark.parametrize("how", ["loss", "train"])
def test_labels_out_of_range_are_refused(how, bad):
    made = task(output=SOFTMAX, y=int32(0, 1, 0, bad, 0, 0))
    with pytest.raises(ValueError, match=f"labels must lie between 0 and 1, got {bad} in row 3"):
        made.loss(0, N, 1.0) if how == "loss" else train(made)


def test_a_softmax_of_one_output_has_the_label_0_alone():
    one = make_plan((FEATURES, 1), "tanh")
    made = run.Task(one, SOFTMAX, np.zeros(4), np.ones((2, FEATURES)), y=int32(0, 1))
    with pytest.raises(ValueError, match="labels must lie between 0 and 0, got 1 in row 1"):
        made.loss(0, 2, 2.0)


def test_labels_of_one_logistic_output_are_0_or_1():
    one = make_plan((FEATURES, 1), "tanh")
    logistic = run.OUTPUTS["logistic", "binary_log_loss"]
    made = run.Task(one, logistic, np.zeros(4), np.ones((2, FEATURES)), y=int32(1, 2))
    with pytest.raises(ValueError, match="labels must lie between 0 and 1, got 2 in row 1"):
        made.loss(0, 2, 2.0)


@pytest.mark.parametrize("bad", [-1, OUTPUTS, 2**31 - 1])
def test_labels_out_of_range_are_refused_for_logistic_outputs(bad):
    made = task(output=run.OUTPUTS["logistic", "binary_log_loss"], y=int32(0, 1, 0, bad, 0, 0))
    with pytest.raises(ValueError, match=f"labels must lie between 0 and 1, got {bad} in row 3"):
        made.loss(0, N, 1.0)


def test_labels_of_rows_that_are_not_picked_do_not_matter():
    made = task(output=SOFTMAX, y=int32(0, 1, 0, 99, 0, 0), rows=np.array([0, 1, 5]))
    assert np.isfinite(made.loss(0, 3, 3.0))


LYING_CSR = {
    "negative start": (csr(indptr=int32(-1, 1, 2, 3, 4, 5, 6)), "got -1 and 1 at row 0"),
    "decreasing": (csr(indptr=int32(0, 1, 4, 3, 4, 5, 6)), "got 4 and 3 at row 2"),
    "beyond the values": (
        csr(indptr=int32(0, 1, 2, 3, 4, 5, 7)),
        "at most 6, got 5 and 7 at row 5",
    ),
    "far beyond the values": (
        csr(
            indices=np.zeros(N, np.int64),
            indptr=np.array([0, 1, 2, 3, 4, 5, 2**62]),
        ),
        f"got 5 and {2**62} at row 5",
    ),
    "fewer values than indices": (csr(data=np.ones(N - 1)), "at most 5, got 5 and 6 at row 5"),
    "fewer indices than values": (
        csr(indices=np.zeros(N - 1, np.int32)),
        "at most 5, got 5 and 6 at row 5",
    ),
    "negative column": (csr(indices=int32(0, 0, -1, 0, 0, 0)), "between 0 and 2, got -1 in row 2"),
    "column too large": (csr(indices=int32(0, 0, 0, 3, 0, 0)), "between 0 and 2, got 3 in row 3"),
    "column far too large": (
        csr(
            indices=np.array([0, 0, 0, 0, 0, 2**62]),
            indptr=np.arange(N + 1, dtype=np.int64),
        ),
        f"between 0 and 2, got {2**62} in row 5",
    ),
}


@pytest.mark.parametrize("case", LYING_CSR)
def test_a_lying_csr_matrix_is_refused(case, call):
    X, message = LYING_CSR[case]
    with pytest.raises(ValueError, match=message):
        call(task(X=X))


@pytest.mark.parametrize("picked", [False, True])
def test_an_index_that_began_to_lie_is_refused(picked, call):
    X = csr()
    made = task(X=X, rows=np.arange(N) if picked else None)
    call(made)
    X.indices[4] = FEATURES
    with pytest.raises(ValueError, match="between 0 and 2, got 3 in row 4"):
        call(made)


def test_a_csr_matrix_may_store_more_than_it_uses(call):
    call(task(X=csr(data=np.ones(N + 5), indices=np.zeros(N + 3, np.int32))))


# --- what happens behind a task's back -----------------------------------------------------------


def test_a_task_keeps_its_arrays_alive():
    weight = np.ones(N)
    alive = weakref.ref(weight)
    made = task(sample_weight=weight)
    del weight
    assert alive() is not None
    del made
    assert alive() is None


def test_an_array_in_a_task_cannot_be_resized():
    parameters = np.linspace(-1.0, 1.0, SIZE)
    made = task(parameters=parameters)
    with pytest.raises(ValueError, match="resize"):
        parameters.resize(2 * SIZE, refcheck=False)
    assert np.isfinite(made.loss(0, N, 6.0))


def test_a_plan_changed_behind_a_task_is_refused_or_not_followed():
    own = plan.copy()
    made = task(plan=own)
    expected = made.loss(0, N, 6.0)
    own[0]["activation"] = run.ACTIVATIONS["relu"]
    with suppress(ValueError):
        assert made.loss(0, N, 6.0) == expected


@pytest.mark.parametrize("rows", [-1, 5, 2**40])
def test_views_of_more_rows_than_there_are_are_refused(rows):
    with pytest.raises(ValueError, match="rows"):
        task(capacity=4).views(rows)


def test_views_are_the_blocks_of_the_workspace():
    made = task(capacity=4)
    activations, deltas = made.views(3)
    assert [a.shape for a in activations] == [d.shape for d in deltas] == [(3, 4), (3, 2)]
    assert all(np.shares_memory(a, made.workspace) for a in [*activations, *deltas])


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_tasks_cannot_be_copied(duplicate):
    with pytest.raises(TypeError):
        duplicate(task())


UNFINISHED = """
from cbackprop.engine import run
import numpy as np
for call in (
    lambda task: task.predict(np.zeros((1, 1))),
    lambda task: task.loss(0, 1, 1.0),
    lambda task: task.train(np.zeros((), run.RULE), np.zeros(1), np.zeros((0, 1)), 0, 1, 1),
    lambda task: task.views(1),
):
    try:
        call(run.Task.__new__(run.Task))
    except (ValueError, TypeError, RuntimeError, AttributeError):
        print("refused")
"""


def test_a_task_that_was_never_built_is_refused():
    output = subprocess.run(
        [sys.executable, "-P", "-c", UNFINISHED], capture_output=True, text=True
    )
    assert output.stdout.split() == ["refused"] * 4


def test_a_task_is_built_once():
    made = task()
    with suppress(TypeError, ValueError, RuntimeError):
        made.__init__(**arguments(X=np.ones((N + 1, FEATURES)), y=None))
    assert made.n_rows == N


# --- the functions beside it ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "error"),
    [
        (np.zeros(3, int), TypeError),
        (np.zeros((2, 2)), ValueError),
        (["a"], TypeError),
        (None, TypeError),
    ],
)
def test_kernels_take_vectors_of_floats_alone(x, error):
    with pytest.raises(error, match="x must"):
        run.apply_kernel("tanh", x)


def test_an_unknown_kernel_is_refused():
    with pytest.raises(ValueError, match="unknown kernel 'sinh'"):
        run.apply_kernel("sinh", np.zeros(3))


@pytest.mark.parametrize(
    ("x", "error"),
    [
        (np.zeros(3, int), TypeError),
        (np.zeros((2, 2), order="F"), ValueError),
        (np.zeros(6)[::2], ValueError),
    ],
)
def test_all_finite_takes_contiguous_floats_alone(x, error):
    with pytest.raises(error, match="x must"):
        run.all_finite(x)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), ()])
def test_all_finite_takes_arrays_of_any_dimensions(shape):
    assert run.all_finite(np.zeros(shape))
