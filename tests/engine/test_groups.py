"""Are groups and schedules what an optimizer for each layer's weights, and for its biases, is?"""

import numpy as np
import pytest
import scipy.sparse
from methods import LAYERS, METHODS, falls, trained

from cbackprop import SGD, reference
from cbackprop.optimizers import Group
from cbackprop.running import slices, sweeps

every_method = pytest.mark.parametrize("method", METHODS)


@pytest.fixture(params=["whole", "in blocks"], autouse=True)
def batches(request, monkeypatch):
    """A mini-batch goes through as a whole, or, where it is large, in blocks of its rows."""
    if request.param == "in blocks":
        for name, value in (("STEP_SECONDS", 0.0), ("BLOCK_ROWS", 3), ("FEWEST_ROWS", 1)):
            monkeypatch.setattr(slices, name, value)
        monkeypatch.setattr(sweeps, "SMALL_FLOPS", 0.0)


@pytest.fixture
def classification(make_problem):
    """Rows that no batch of 8 divides, three layers."""
    return make_problem((5, 7, 4, 3), 53, output_activation="softmax", loss="log_loss")


def bounded(gradients, clip_value=None, clip_norm=None):
    if clip_value is not None:
        return [np.clip(g, -clip_value, clip_value) for g in gradients]
    if clip_norm is not None:
        norm = np.sqrt(sum((g**2).sum() for g in gradients))
        return [g * min(1.0, clip_norm / norm) for g in gradients]
    return gradients


def trained_one_by_one(
    problem, method, rate, *, schedule, groups, epochs=4, weighted=False, alpha=0.0, **clip
):
    """By NumPy: for each layer's weights, and for its biases, a reference optimizer of its own."""
    network, total = problem.network.copy(), 7 * epochs
    arrays = [*network.weights, *network.biases]
    weights_groups = [group if type(group) is tuple else (group, group) for group in groups]
    own = [pair[0] for pair in weights_groups] + [pair[1] for pair in weights_groups]
    optimizers = [METHODS[method][1](rate) for _ in arrays]
    for optimizer, group in zip(optimizers, own, strict=True):
        if hasattr(optimizer, "epsilon"):
            optimizer.epsilon *= group.epsilon
        if hasattr(optimizer, "weight_decay"):
            optimizer.weight_decay *= group.decay
    for step in range(total):
        batch = slice(step % 7 * 8, step % 7 * 8 + 8)
        nabla = reference.backprop(
            network.weights, network.biases, problem.X[batch], problem.y[batch], alpha=alpha,
            sample_weight=problem.weight[batch] if weighted else None, **problem.options,
        )  # fmt: skip
        gradients = bounded([*nabla.weights, *nabla.biases], **clip)
        for optimizer, array, gradient, group in zip(
            optimizers, arrays, gradients, own, strict=True
        ):
            optimizer.learning_rate = rate * schedule(step / total) * group.rate
            optimizer.step([array], [gradient])
    return network


WAYS = {
    "plain": ({}, {}),
    "with l2": ({"alpha": 0.5}, {}),
    "weighted": ({"weighted": True}, {}),
    "clipped by value": ({"alpha": 0.5}, {"clip_value": 0.01}),
    "clipped by norm": ({}, {"clip_norm": 0.05}),
}


@pytest.mark.usefixtures("ends_if_it_hangs")
@pytest.mark.parametrize("n_jobs", [1, 2, 3])
@pytest.mark.parametrize("way", WAYS)
@every_method
def test_groups_and_schedules_are_an_optimizer_for_each_array(
    method, way, n_jobs, classification, assert_close
):
    settings, clip = WAYS[way]
    ours = METHODS[method][0](0.01, schedule=falls, groups=LAYERS, **clip)
    actual = trained(
        classification, ours, n_jobs=n_jobs, l2_batch=settings.get("alpha", 0.0),
        weighted=settings.get("weighted", False),
    )  # fmt: skip
    expected = trained_one_by_one(
        classification, method, 0.01, schedule=falls, groups=LAYERS, **settings, **clip
    )
    assert_close(actual.parameters, expected.parameters, 1e-11)
    np.testing.assert_array_equal(actual.biases[2], classification.network.biases[2])  # rate 0


@pytest.mark.parametrize("n_jobs", [1, 2])
@every_method
def test_sparse_rows_take_the_same_steps(method, n_jobs, classification, assert_close):
    classification.X[np.random.default_rng(1).random(classification.X.shape) < 0.6] = 0.0
    sparse = scipy.sparse.csr_matrix(classification.X)
    made = METHODS[method][0](0.01, schedule=falls, groups=LAYERS)
    actual = trained(classification, made, X=sparse, n_jobs=n_jobs)
    expected = trained_one_by_one(classification, method, 0.01, schedule=falls, groups=LAYERS)
    assert_close(actual.parameters, expected.parameters, 1e-11)


@every_method
def test_float32_follows(method, make_problem, assert_close):
    problem = make_problem(
        (5, 7, 4, 3), 53, output_activation="softmax", loss="log_loss", dtype=np.float32
    )
    actual = trained(problem, METHODS[method][0](0.01, schedule=falls, groups=LAYERS))
    assert actual.parameters.dtype == np.float32
    expected = trained_one_by_one(problem, method, 0.01, schedule=falls, groups=LAYERS)
    assert_close(actual.parameters, expected.parameters, 1e-3)


@pytest.mark.parametrize("n_jobs", [1, 2])
@every_method
def test_groups_of_ones_and_a_constant_schedule_change_no_bit(method, n_jobs, dtype, make_problem):
    problem = make_problem((33, 40, 17, 3), 101, activation="relu", dtype=dtype)
    make = METHODS[method][0]
    options = {"batch_size": 30, "l2": 0.01, "n_jobs": n_jobs}
    plain = trained(problem, make(0.01), **options)
    ones = make(0.01, schedule=lambda t: 1.0, groups=[Group()] * 3)
    assert trained(problem, ones, **options).parameters.tobytes() == plain.parameters.tobytes()


@pytest.mark.parametrize("n", [0, 2, 4])
def test_groups_of_another_network_are_refused(n, classification):
    with pytest.raises(ValueError, match=f"each of the network's 3 layers, got {n}"):
        trained(classification, SGD(groups=[Group()] * n))
