"""Does the engine's door refuse whatever does not fit, before a compiled loop touches memory?"""

import copy
import pickle
import subprocess
import sys
import weakref
from contextlib import suppress

import numpy as np
import pytest
from bad_inputs.door import (
    FEATURES,
    OUTPUTS,
    SIZE,
    SOFTMAX,
    N,
    arguments,
    csr,
    int32,
    plan,
    read_only,
    rule,
    task,
    train,
)

from cbackprop.engine import run, trial
from cbackprop.network.layout import make_plan

# --- building a task -----------------------------------------------------------------------------


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


@pytest.mark.parametrize("units", [(FEATURES, 2**31 - 1), (2**31 - 1, 1), (0, 1), (FEATURES, 0)])
def test_a_layer_of_too_many_or_no_units_is_refused(units):
    plan = make_plan((FEATURES, OUTPUTS), "tanh").copy()
    plan[0]["n_in"], plan[0]["n_out"] = units
    plan[0]["biases"] = units[0] * units[1]
    words = r"between 1 and 2\*\*31 - 2 .*got {} and {}".format(*units)
    with pytest.raises(ValueError, match=words):
        task(plan=plan)


# --- calling it ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "X",
    [np.ones((0, FEATURES)), csr(indptr=int32(), shape=(-1, FEATURES))],
    ids=["none", "minus_one"],
)
def test_a_task_of_no_rows_does_nothing(X):
    with pytest.raises(ValueError, match="asked for"):
        task(X=X, y=None).predict(np.ones((0, OUTPUTS)))


@pytest.mark.parametrize("weight", [0.0, -1.0, np.nan, -np.inf])
def test_a_loss_is_not_divided_by(weight):
    with pytest.raises(ValueError, match=f"total weight must be positive, got {weight}"):
        task().loss(0, N, weight)


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


@pytest.mark.parametrize("size", [1, 10**6])
@pytest.mark.parametrize("name", ["parameters", "X", "y", "sample_weight", "rows"])
def test_an_array_resized_behind_a_task_is_not_followed(name, size, call):
    """NumPy frees its memory, if told not to look who holds it."""
    arrays = {
        "parameters": np.linspace(-1.0, 1.0, SIZE).copy(),
        "X": np.ones((N, FEATURES)),
        "y": np.ones((N, OUTPUTS)),
        "sample_weight": np.ones(N),
        "rows": np.arange(N),
    }
    made = task(**arrays)
    call(made)
    arrays[name].resize((size,) + (1,) * (arrays[name].ndim - 1), refcheck=False)
    with pytest.raises(ValueError, match=f"{name} must stay as it was given.* resized since, to"):
        call(made)


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
        trial.apply_kernel("tanh", x)


def test_an_unknown_kernel_is_refused():
    with pytest.raises(ValueError, match="unknown kernel 'sinh'"):
        trial.apply_kernel("sinh", np.zeros(3))


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
