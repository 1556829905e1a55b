"""Bad input straight through the engine's door: arrays that do not fit a task, or lie."""

from types import SimpleNamespace

import numpy as np
import scipy.sparse

from bad_inputs import Bad, read_only, unaligned
from cbackprop.engine import run
from cbackprop.network.layout import make_plan

N, FEATURES, OUTPUTS = 6, 3, 2
SOFTMAX = run.OUTPUTS["softmax", "log_loss"]
SQUARED = run.OUTPUTS["identity", "squared_error"]
SIZE = (3 + 1) * 4 + (4 + 1) * 2
SSIZE_MAX = np.iinfo(np.intp).max

plan = make_plan((FEATURES, 4, OUTPUTS), "tanh")
ONES = np.ones((2, 2, 3))  # groups that change nothing


def changed_plan(layer, **fields):
    """The plan with some fields of one layer changed."""
    changed = plan.copy()
    for name, value in fields.items():
        changed[layer][name] = value
    return changed


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


def step(made, **changes):
    given = {
        "rule": rule("momentum"),
        "gradient": np.zeros(SIZE),
        "state": np.zeros((1, SIZE)),
        "weight": 1.0,
        **changes,
    }
    return made.step(**given)


# --- building a task: what is wrong, the arguments changed, the error, what its message says ---

BAD_ARGUMENTS = {
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
        f"layer 1 has the unknown activation code {len(run.ACTIVATIONS)}",
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
        f"output must be one of the codes in OUTPUTS, got {len(run.OUTPUTS)}",
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
    "slopes: too few": ({"slopes": [0.1]}, ValueError, "slopes must have 2 elements, got 1"),
    "slopes: words": ({"slopes": ["a", "b"]}, ValueError, "float"),
    "loss_parameters: too many": (
        {"loss_parameters": [0.1, 0.2]},
        ValueError,
        "loss_parameters must have 1 elements, got 2",
    ),
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

# --- calling it ---

BAD_RANGES = {
    "empty": (2, 2),
    "empty at the end": (N, N),
    "backwards": (3, 2),
    "negative": (-1, 2),
    "beyond": (0, N + 1),
    "far beyond": (0, SSIZE_MAX),
    "far before": (-SSIZE_MAX - 1, 2),
}

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
        {"team": run.Barrier(2), "thread": 2},
        ValueError,
        "thread must be between 0 and 1, got 2",
    ),
    "groups: list": ({"groups": ONES.tolist()}, ValueError, "groups must be .*got list"),
    "groups: float32": (
        {"groups": ONES.astype("f4")},
        TypeError,
        "groups must be an array of float64, got float32",
    ),
    "groups: a row a layer": (
        {"groups": ONES[:, 0]},
        ValueError,
        "groups must be a C-contiguous array",
    ),
    "groups: flat": ({"groups": np.ones((2, 6))}, ValueError, "3 dimension.*got 2"),
    "groups: of fewer layers": (
        {"groups": ONES[:1]},
        ValueError,
        r"groups must have shape \(2, 2, 3\).*got \(1, 2, 3\)",
    ),
    "groups: of rates alone": ({"groups": np.ones((2, 2, 1))}, ValueError, r"got \(2, 2, 1\)"),
    "groups: negative": ({"groups": -ONES}, ValueError, "at least 0, got -1.0 in layer 0"),
    "groups: NaN": (
        {"groups": np.array([[[1.0] * 3] * 2, [[1.0] * 3, [1.0, 1.0, np.nan]]])},
        ValueError,
        "finite and at least 0, got nan in layer 1",
    ),
    "groups: infinite": ({"groups": ONES * np.inf}, ValueError, "got inf in layer 0"),
    "team: a number": ({"team": 2}, TypeError, "team"),
    "team: another class": ({"team": object()}, TypeError, "team"),
}

# --- the numbers of every step: those of one step, the error, what its message says ---

BAD_NUMBERS = {
    "list": (lambda n: [[0.1, 0.0, 0.0]] * n, ValueError, "numbers must be .*got list"),
    "integers": (lambda n: np.ones((n, 3), int), TypeError, "numbers must be an array of float64"),
    "a vector": (lambda n: np.ones(n), ValueError, "numbers must have 2 dimension.*got 1"),
    "one step more": (lambda n: np.zeros((n + 1, 3)), ValueError, "a row for each step"),
    "no step": (lambda n: np.zeros((0, 3)), ValueError, r"got \(0, 3\)"),
    "rates alone": (lambda n: np.zeros((n, 1)), ValueError, r"numbers must have shape .*, 1\)"),
    "by columns": (lambda n: np.zeros((n, 6))[:, ::2], ValueError, "C-contiguous"),
    "negative rate": (lambda n: np.full((n, 3), -0.1), ValueError, "at least 0.*for step 0"),
    "rate NaN": (lambda n: np.full((n, 3), np.nan), ValueError, "finite.*got .nan"),
    "rate infinite": (lambda n: np.full((n, 3), np.inf), ValueError, "finite.*got .inf"),
    "dropout infinite": (lambda n: np.tile([0.1, 0.0, np.inf], (n, 1)), ValueError, "finite"),
    "dropout negative": (lambda n: np.tile([0.1, 0.0, -1.0], (n, 1)), ValueError, "at least 0"),
    "decay of SGD": (lambda n: np.tile([0.1, 0.5, 0.0], (n, 1)), ValueError, "only adamw decays"),
}

# --- CSR matrices that lie about their bounds: the matrix, and what the message says ---

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


# --- all of them as cases ---


def _building():
    for name, (changes, error, words) in BAD_ARGUMENTS.items():
        yield Bad(
            f"task: {name}",
            lambda changes=changes: arguments(**changes),
            lambda given: run.Task(**given),
            error,
            words,
        )


def _given(*, parameters=None, **more):
    """What a call gets: the arrays, which it may not have changed if it failed."""
    parameters = np.linspace(-1.0, 1.0, SIZE) if parameters is None else parameters
    return SimpleNamespace(parameters=parameters, **more)


def _calls_for_ranges(first, last):
    rows = max(0, min(N, last - first))
    return {
        "predict": lambda made: made.predict(np.zeros((rows, 2)), first, last),
        "loss": lambda made: made.loss(first, last, 1.0),
        "train": lambda made: train(made, first=first, last=last),
    }


def _calling():
    for name, (first, last) in BAD_RANGES.items():
        for call, make in _calls_for_ranges(first, last).items():
            yield Bad(
                f"{call}: rows {name}",
                lambda: _given(),
                lambda given, make=make: make(task(parameters=given.parameters)),
                ValueError,
                f"rows {first} to {last} asked for, of 6",
            )
    for name, (out, error, words) in BAD_OUT.items():
        yield Bad(
            f"predict: out {name}",
            lambda out=out: _given(out=out),
            lambda given: task(parameters=given.parameters).predict(given.out),
            error,
            words,
        )
    for name, (gradient, error, words) in BAD_GRADIENT.items():
        for call, make in {
            "loss": lambda made, gradient: made.loss(0, N, 1.0, gradient),
            "train": lambda made, gradient: train(made, gradient=gradient),
            "step": lambda made, gradient: step(made, gradient=gradient),
        }.items():
            yield Bad(
                f"{call}: gradient {name}",
                lambda gradient=gradient: _given(gradient=gradient),
                lambda given, make=make: make(task(parameters=given.parameters), given.gradient),
                error,
                words,
            )
    for name, (changes, error, words) in BAD_TRAINING.items():
        yield Bad(
            f"train: {name}",
            lambda changes=changes: _given(changes=changes),
            lambda given: train(task(capacity=4, parameters=given.parameters), **given.changes),
            error,
            words,
        )
        if not name.startswith("batch_size"):
            yield Bad(
                f"step: {name}",
                lambda changes=changes: _given(changes=changes),
                lambda given: step(task(parameters=given.parameters), **given.changes),
                error,
                words,
            )
    for name, (make, error, words) in BAD_NUMBERS.items():
        for call, (does, n) in {"train": (train, 3), "step": (step, 1)}.items():
            yield Bad(
                f"{call}: numbers {name}",
                lambda make=make, n=n: _given(numbers=make(n)),
                lambda given, does=does: does(
                    task(parameters=given.parameters), numbers=given.numbers
                ),
                error,
                words,
            )
    for weight in (0.0, -1.0, np.nan, np.inf):
        yield Bad(
            f"step: weight {weight}",
            lambda: _given(),
            lambda given, weight=weight: step(task(parameters=given.parameters), weight=weight),
            ValueError,
            f"total weight must be positive, got {weight}",
        )


def _lying():
    calls = {
        "predict": lambda made, _: made.predict(np.zeros((made.n_rows, OUTPUTS))),
        "loss": lambda made, gradient: made.loss(0, made.n_rows, 1.0, gradient),
        "train": lambda made, _: train(made, last=made.n_rows),
    }
    for name, (X, words) in LYING_CSR.items():
        for call, make in calls.items():
            yield Bad(
                f"{call}: CSR {name}",
                lambda X=X: _given(X=X, gradient=np.zeros(SIZE)),
                lambda given, make=make: make(
                    task(X=given.X, parameters=given.parameters), given.gradient
                ),
                ValueError,
                words,
            )


TABLE = [*_building(), *_calling(), *_lying()]
