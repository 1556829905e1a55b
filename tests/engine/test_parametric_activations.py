"""Is a = z + w (f(z) - z) what is computed and trained, w being each unit's own?"""

import numpy as np
import pytest
import scipy.sparse
from methods import METHODS, falls, trained

from cbackprop import Network, reference, training
from cbackprop.engine import run
from cbackprop.optimizers import Group
from cbackprop.running import slices, sweeps

SIZES = (5, 33, 17, 3, 1, 3)
RATES = [0.3, 0.0, 0.6, 0.1]
SEED = 2**63 + 5
every_activation = pytest.mark.parametrize("activation", run.ACTIVATIONS)


@pytest.fixture(params=["whole", "in blocks"])
def batches(request, monkeypatch):
    """A mini-batch goes through as a whole, or, where it is large, in blocks of its rows."""
    if request.param == "in blocks":
        for name, value in (("STEP_SECONDS", 0.0), ("BLOCK_ROWS", 3), ("FEWEST_ROWS", 1)):
            monkeypatch.setattr(slices, name, value)
        monkeypatch.setattr(sweeps, "SMALL_FLOPS", 0.0)


@pytest.fixture
def make_parametric(make_problem):
    """A problem of a network whose activation weights are anything from below 0 to above 1."""

    def make(activation="mish", sizes=SIZES, n=21, dtype=np.float64, **options):
        options = {"output_activation": "softmax", "loss": "log_loss", **options}
        problem = make_problem(sizes, n, activation=activation, dtype=dtype, **options)
        plain, rng = problem.network, np.random.default_rng(1)
        problem.network = Network(
            sizes, activation=activation, parametric_activation=True, dtype=dtype, **options
        )
        problem.network.weights, problem.network.biases = plain.weights, plain.biases
        for own in problem.network.activation_weights:
            own[...] = rng.uniform(-0.5, 1.5, own.shape)
        problem.options["activation_weights"] = problem.network.activation_weights
        return problem

    return make


def gradient_by_reference(problem, **more):
    network = problem.network
    nabla = reference.backprop(
        network.weights, network.biases, problem.X, problem.y, **{**problem.options, **more}
    )
    flat = network.copy()
    flat.weights, flat.biases = nabla.weights, nabla.biases
    flat.activation_weights = nabla.activation_weights
    return nabla, flat.parameters


# --- forward and backward ------------------------------------------------------------------------


@every_activation
def test_gradient_is_the_references(activation, dtype, make_parametric, instructions, assert_close):
    problem = make_parametric(activation, dtype=dtype)
    inside = problem.network.backprop(problem.X, problem.y)
    nabla, flat = gradient_by_reference(problem)
    close = 2e-5 if dtype == np.float32 else 1e-12
    assert_close(inside.activations[1:], nabla.activations[1:], close)
    assert_close(inside.deltas, nabla.deltas, close)
    assert_close(problem.network.gradient(problem.X, problem.y), flat, close)
    assert_close(problem.network.predict(problem.X), nabla.activations[-1], close)
    assert_close(problem.network.activations(problem.X)[1:], nabla.activations[1:], close)


@every_activation
def test_gradient_is_the_numerical_one(activation, make_parametric, assert_close):
    problem = make_parametric(activation, sizes=(4, 9, 5, 3), n=6)
    assert problem.network.check_gradient(problem.X, problem.y) < 1e-7
    weight = problem.weight
    assert problem.network.check_gradient(problem.X, problem.y, weight) < 1e-7


@pytest.mark.parametrize("function", [reference.backprop, reference.backprop_loop])
def test_references_gradient_is_the_numerical_one(function, make_parametric):
    problem = make_parametric("mish", sizes=(4, 9, 5, 3), n=6)
    given = problem.network.weights, problem.network.biases, problem.X, problem.y
    masks = [reference.dropout_masks(n, 6, 0.4, seed=1, step=0, layer=n) for n in (9, 5)]
    for more in ({}, {"masks": masks, "alpha": 0.3, "sample_weight": problem.weight}):
        nabla = function(*given, **problem.options, **more)
        numerical = reference.numerical_gradient(*given, **problem.options, **more)
        actual = [*nabla.weights, *nabla.biases, *nabla.activation_weights]
        for got, expected in zip(actual, [a for part in numerical for a in part], strict=True):
            np.testing.assert_allclose(got, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("units", [1, 2, 3, 17, 33, 64, 65, 511, 512, 513, 1025])
@pytest.mark.parametrize("rows", [1, 2, 7, 130])
@pytest.mark.parametrize("activation", ["mish", "tanh"])  # without kinks: so many are near one
def test_layers_of_any_size_are_the_references(
    units, rows, activation, dtype, make_parametric, assert_close
):
    problem = make_parametric(activation, sizes=(2, units, 2, 3), n=rows, dtype=dtype)
    _, flat = gradient_by_reference(problem)
    close = 2e-5 if dtype == np.float32 else 1e-12
    assert_close(problem.network.gradient(problem.X, problem.y), flat, close)


def test_ones_are_the_plain_network_and_zeros_a_linear_one(make_parametric, assert_close):
    problem = make_parametric("gelu")
    network, options = problem.network, {"output_activation": "softmax", "loss": "log_loss"}
    for w, activation in ((1.0, "gelu"), (0.0, "identity")):
        for own in network.activation_weights:
            own[...] = w
        plain = Network(SIZES, activation=activation, **options)
        plain.weights, plain.biases = network.weights, network.biases
        assert_close(network.predict(problem.X), plain.predict(problem.X), 1e-13)


def test_every_instruction_set_gives_the_same_bits(
    dtype, make_parametric, make_task, restored_instructions
):
    from cbackprop.engine import kernels

    problem = make_parametric(
        "mish",
        sizes=(1, 513, 1),
        n=9,
        dtype=dtype,
        output_activation="identity",
        loss="squared_error",
    )
    seen = []
    for name in kernels.available():
        kernels.use(name)
        task = make_task(problem, capacity=9, dropout=[0.5], seed=3)
        task.loss(0, 9, 9.0, np.zeros_like(problem.network.parameters), (0, 0, 1.0))
        seen.append(task.views(9)[0][0].tobytes())
    assert len(set(seen)) == 1


# --- training ------------------------------------------------------------------------------------


def by_reference(problem, method="adam", *, rate=0.01, batch_size=8, epochs=3, **more):
    network = problem.network.copy()
    options = {**problem.options, "activation_weights": network.activation_weights}
    losses = reference.train(
        network.weights, network.biases, problem.X, problem.y,
        optimizer=METHODS[method][1](rate), epochs=epochs, batch_size=batch_size,
        permutations=[np.arange(len(problem.X))] * epochs, **options, **more,
    )  # fmt: skip
    return network.parameters, losses


def here(problem, method="adam", *, rate=0.01, batch_size=8, X=None, epochs=3, **more):
    network = problem.network.copy()
    losses = training.epochs(
        network, problem.X if X is None else X, problem.y, METHODS[method][0](rate),
        batch_size=batch_size, max_epochs=epochs, rng=None, **more,
    )  # fmt: skip
    return network.parameters, list(losses)


@every_activation
def test_steps_with_dropout_are_the_references(
    activation, dtype, make_parametric, batches, instructions, assert_close
):
    problem = make_parametric(activation, dtype=dtype)
    given = {"dropout": RATES, "mask_seed": SEED}
    actual, expected = here(problem, **given), by_reference(problem, **given)
    assert_close(actual[0], expected[0], 5e-4 if dtype == np.float32 else 1e-9)
    assert_close(actual[1], expected[1], 1e-5)


@pytest.mark.parametrize("n_jobs", [1, 2, 3])
@pytest.mark.parametrize("method", METHODS)
def test_steps_are_the_references_with_every_optimizer(
    method, n_jobs, make_parametric, batches, assert_close
):
    problem = make_parametric("mish")
    given = {"rate": 0.001, "dropout": RATES, "mask_seed": SEED}
    for penalties in ({}, {"alpha": 0.3, "l1": 0.2}):
        ours = {"l2_batch": penalties.get("alpha", 0.0), "l1_batch": penalties.get("l1", 0.0)}
        actual = here(problem, method, n_jobs=n_jobs, **given, **ours)
        expected = by_reference(problem, method, **given, **penalties)
        assert_close(actual[0], expected[0], 1e-8)
        assert_close(actual[1], expected[1], 1e-8)


@pytest.mark.parametrize("batch_size", [1, 5, 8, 21])
@pytest.mark.parametrize("activation", ["relu", "selu"])
def test_steps_are_the_references_for_any_size_of_mini_batch(
    activation, batch_size, make_parametric, assert_close
):
    problem = make_parametric(activation)
    actual = here(problem, batch_size=batch_size)
    assert_close(actual[0], by_reference(problem, batch_size=batch_size)[0], 1e-9)


def test_sparse_rows_are_trained_on_as_dense_ones(make_parametric, batches, assert_close):
    problem = make_parametric("gelu")
    problem.X[np.abs(problem.X) < 0.5] = 0.0
    given = {"dropout": RATES, "mask_seed": SEED}
    sparse = here(problem, X=scipy.sparse.csr_matrix(problem.X), **given)
    assert_close(sparse[0], by_reference(problem, **given)[0], 1e-9)


@pytest.mark.parametrize("activation", ["relu", "tanh", "mish"])
def test_every_number_of_threads_gives_the_same_bits(activation, dtype, make_parametric):
    problem = make_parametric(activation, sizes=(8, 24, 24, 16, 8, 8), n=70, dtype=dtype)
    given = {"batch_size": 35, "dropout": [0.3, 0.0, 0.5, 0.1], "mask_seed": SEED}
    first, *others = [here(problem, n_jobs=n_jobs, **given)[0] for n_jobs in (1, 2, 3)]
    for other in others:
        np.testing.assert_array_equal(other, first)


@pytest.mark.parametrize("method", ["adam", "nesterov"])
@pytest.mark.parametrize("n_jobs", [1, 2, 3])
def test_a_step_that_was_rehearsed_is_the_same_step(method, n_jobs, make_parametric):
    problem, ends = make_parametric("mish"), []
    for batch_size, epochs in ((21, 1), (21, 2)):
        network, optimizer = problem.network.copy(), METHODS[method][0](0.01)

        def first_only(_, history):
            return True

        network.fit(
            problem.X, problem.y, optimizer=optimizer, epochs=epochs, batch_size=batch_size,
            l2=0.1, shuffle=False, n_jobs=n_jobs, callbacks=[first_only],
        )  # fmt: skip
        ends.append(network.parameters)
    np.testing.assert_array_equal(*ends)


@pytest.mark.parametrize("clip", [{"clip_value": 0.01}, {"clip_norm": 0.05}])
@pytest.mark.parametrize("n_jobs", [1, 3])
def test_clipping_bounds_the_whole_gradient(clip, n_jobs, make_parametric, assert_close):
    problem = make_parametric("mish")
    rows = {"epochs": 1, "batch_size": 21, "n_jobs": n_jobs}
    network = trained(problem, METHODS["sgd"][0](1.0, **clip), **rows)
    _, flat = gradient_by_reference(problem)
    if "clip_value" in clip:
        flat = np.clip(flat, -0.01, 0.01)
    else:
        flat = flat * min(1.0, 0.05 / np.linalg.norm(flat))
    assert_close(network.parameters, problem.network.parameters - flat, 1e-12)


def test_max_norm_and_penalties_leave_activation_weights_alone(make_parametric):
    problem = make_parametric("mish")
    network = problem.network.copy()
    X, y = np.zeros((4, 5)), np.zeros(4, dtype=int)
    for W, b in zip(network.weights, network.biases, strict=True):
        W[...], b[...] = 0.0, 0.0  # z = 0 = f(z): no gradient for activation weights
    before = [own.copy() for own in network.activation_weights]
    network.fit(X, y, epochs=2, l2=3.0, l1=2.0, max_norm=0.01, batch_size=2)
    for own, was in zip(network.activation_weights, before, strict=True):
        np.testing.assert_array_equal(own, was)


def test_adamw_decays_them_unless_their_group_says_otherwise():
    X, y = np.zeros((10, 2)), np.zeros((10, 1))

    def ends(groups):
        network = Network([2, 3, 1], activation="mish", parametric_activation=True)
        for W, b in zip(network.weights, network.biases, strict=True):
            W[...], b[...] = 0.0, 0.0
        optimizer = METHODS["adamw"][0](0.1, groups=groups)  # its decay is 3
        network.fit(X, y, optimizer=optimizer, epochs=1, batch_size=10)
        return network.activation_weights[0]

    spared, half = Group(decay=0.0), Group(decay=0.5)
    np.testing.assert_allclose(ends(None), 1.0 - 0.3)
    np.testing.assert_allclose(ends([Group()] * 2), 1.0 - 0.3)
    np.testing.assert_allclose(ends([(Group(), half)] * 2), 1.0 - 0.15)
    np.testing.assert_allclose(ends([(Group(), Group(), half)] * 2), 1.0 - 0.15)
    np.testing.assert_array_equal(ends([(Group(), Group(), spared)] * 2), 1.0)


THREE = [
    (Group(rate=0.5, decay=0.25, epsilon=3.0), Group(rate=2.0, decay=0.0), Group(rate=0.1)),
    (Group(), Group(rate=0.0), Group(rate=3.0, decay=0.1, epsilon=10.0)),
    (Group(), Group(rate=0.5)),
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_jobs", [1, 2, 3])
@pytest.mark.parametrize("clip_norm", [None, 0.5])
def test_groups_are_an_optimizer_for_each_kind_of_parameter(
    method, n_jobs, clip_norm, make_parametric, batches, assert_close
):
    problem = make_parametric("mish", sizes=(5, 7, 4, 3), n=53)
    optimizer = METHODS[method][0](0.01, schedule=falls, groups=THREE, clip_norm=clip_norm)
    actual = trained(problem, optimizer, n_jobs=n_jobs)
    network = problem.network.copy()
    kinds = [network.weights, network.biases, network.activation_weights]
    arrays = [array for kind in kinds for array in kind]
    own = [some[i] for i, kind in enumerate(kinds) for some in THREE[: len(kind)]]
    optimizers = [METHODS[method][1](0.01) for _ in arrays]
    for one, group in zip(optimizers, own, strict=True):
        if hasattr(one, "epsilon"):
            one.epsilon *= group.epsilon
        if hasattr(one, "weight_decay"):
            one.weight_decay *= group.decay
    for step in range(28):
        batch = slice(step % 7 * 8, step % 7 * 8 + 8)
        options = {**problem.options, "activation_weights": network.activation_weights}
        nabla = reference.backprop(
            network.weights, network.biases, problem.X[batch], problem.y[batch], **options
        )
        gradients = [*nabla.weights, *nabla.biases, *nabla.activation_weights]
        if clip_norm is not None:
            norm = np.sqrt(sum((g**2).sum() for g in gradients))
            gradients = [g * min(1.0, clip_norm / norm) for g in gradients]
        for one, array, gradient, group in zip(optimizers, arrays, gradients, own, strict=True):
            one.learning_rate = max(0.01 * falls(step / 28) * group.rate, 1e-300)
            one.step([array], [gradient])
    assert_close(actual.parameters, network.parameters, 1e-8)


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_frozen_layers_keep_theirs_to_the_bit(n_jobs, make_parametric):
    problem = make_parametric("mish", sizes=(5, 7, 4, 3))
    network = problem.network.copy()
    network.fit(
        problem.X, problem.y, epochs=2, trainable=[False, True, True], n_jobs=n_jobs,
        optimizer=METHODS["adam"][0](0.1),
    )  # fmt: skip
    before, after = problem.network.activation_weights, network.activation_weights
    np.testing.assert_array_equal(after[0], before[0])
    assert (after[1] != before[1]).all()


# --- the door ------------------------------------------------------------------------------------


def test_groups_of_the_wrong_number_of_kinds_are_refused(make_parametric, make_task):
    problem = make_parametric("mish", sizes=(5, 7, 4, 3))
    task = make_task(problem, capacity=21)
    state, gradient = np.zeros((2, problem.network.parameters.size)), np.zeros(0)
    gradient = np.zeros(problem.network.parameters.size)
    rule = METHODS["adam"][0](0.1)._rule(0.0, 0.0)
    with pytest.raises(ValueError, match=r"groups must have shape \(3, 3, 3\).*parametric"):
        task.train(rule, gradient, state, 0, 21, 21, groups=np.ones((3, 2, 3)))


@pytest.mark.parametrize("change", [("weights", 2), ("weights", -1), ("biases", 4)])
def test_a_plan_with_another_gap_is_refused(change, make_parametric, make_task):
    problem = make_parametric("mish", sizes=(5, 7, 4, 3))
    plan = problem.network.plan.copy()
    plan[1][change[0]] += change[1]
    with pytest.raises(ValueError, match="layer 1 must start at"):
        run.Task(plan, problem.network.output, problem.network.parameters, problem.X)
