"""Does training take the steps that the plain NumPy reference takes, however the work is shared?"""

import numpy as np
import pytest
import scipy.sparse
import sklearn.utils

from cbackprop import SGD, Adam, AdamW, RMSprop, reference, training
from cbackprop.engine import run
from cbackprop.engine.shuffle import shuffle
from cbackprop.running import slices, sweeps

METHODS = {  # ours, and the reference's
    "sgd": (lambda **clip: SGD(0.05, **clip), lambda: reference.SGD(0.05)),
    "momentum": (lambda **clip: SGD(0.02, 0.9, **clip), lambda: reference.SGD(0.02, 0.9)),
    "nesterov": (
        lambda **clip: SGD(0.02, 0.9, nesterov=True, **clip),
        lambda: reference.SGD(0.02, 0.9, nesterov=True),
    ),
    "adam": (
        lambda **clip: Adam(0.01, beta_1=0.8, beta_2=0.99, epsilon=1e-6, **clip),
        lambda: reference.Adam(0.01, beta_1=0.8, beta_2=0.99, epsilon=1e-6),
    ),
    "adamw": (
        lambda **clip: AdamW(0.01, beta_1=0.8, beta_2=0.99, epsilon=1e-6, weight_decay=2.0, **clip),
        lambda: reference.AdamW(0.01, beta_1=0.8, beta_2=0.99, epsilon=1e-6, weight_decay=2.0),
    ),
    "rmsprop": (
        lambda **clip: RMSprop(0.01, 0.9, epsilon=1e-6, **clip),
        lambda: reference.RMSprop(0.01, 0.9, epsilon=1e-6),
    ),
    "rmsprop with momentum": (
        lambda **clip: RMSprop(0.003, 0.9, 0.8, epsilon=1e-6, **clip),
        lambda: reference.RMSprop(0.003, 0.9, 0.8, epsilon=1e-6),
    ),
}
EPOCHS = 20
CLOSE = 1e-9  # after EPOCHS, in float64


@pytest.fixture(params=["whole", "in blocks"], autouse=True)
def batches(request, monkeypatch):
    """A mini-batch goes through as a whole, or, where it is large, in blocks of its rows."""
    if request.param == "in blocks":
        for name, value in (("STEP_SECONDS", 0.0), ("BLOCK_ROWS", 3), ("FEWEST_ROWS", 1)):
            monkeypatch.setattr(slices, name, value)
        monkeypatch.setattr(sweeps, "SMALL_FLOPS", 0.0)
    return request.param


every_method = pytest.mark.parametrize("method", METHODS)
every_pair = pytest.mark.parametrize(("output_activation", "loss"), run.OUTPUTS)


def trained(
    problem, method, *, X=None, epochs=EPOCHS, batch_size=8, seed=0, weighted=False, **more
):
    """A copy of the problem's network after some epochs, and the epochs' losses."""
    network = problem.network.copy()
    losses = training.epochs(
        network,
        problem.X if X is None else X,
        problem.y,
        METHODS[method][0]() if isinstance(method, str) else method,
        batch_size=batch_size,
        max_epochs=epochs,
        rng=None if seed is None else np.random.RandomState(seed),
        sample_weight=problem.weight if weighted else None,
        **more,
    )
    return network, list(losses)


def permutations(n, epochs, seed):
    """The order of the rows in every epoch: each shuffles that of the epoch before."""
    rng, order = np.random.RandomState(seed), np.arange(n)
    for _ in range(epochs):
        permutation = np.arange(n)
        rng.shuffle(permutation)
        order = order[permutation]
        yield order


def trained_by_reference(
    problem, method, *, epochs=EPOCHS, batch_size=8, seed=0, weighted=False, alpha=0.0
):
    network = problem.network.copy()
    losses = reference.train(
        network.weights,
        network.biases,
        problem.X,
        problem.y,
        optimizer=METHODS[method][1](),
        epochs=epochs,
        batch_size=batch_size,
        permutations=permutations(len(problem.X), epochs, seed),
        sample_weight=problem.weight if weighted else None,
        alpha=alpha,
        **problem.options,
    )
    return network, losses


@pytest.fixture
def assert_same_training(assert_close):
    def check(actual, expected, tolerance=CLOSE):
        assert_close(actual[0].parameters, expected[0].parameters, tolerance)
        assert_close(actual[1], expected[1], tolerance)

    return check


@pytest.fixture
def classification(make_problem):
    """Rows that no batch of 8 divides."""
    return make_problem((5, 7, 4, 3), 53, output_activation="softmax", loss="log_loss")


# --- the same steps as the reference -------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("alpha", [0.0, 0.5], ids=["without_l2", "with_l2"])
@every_method
def test_training_takes_the_steps_of_the_reference(
    method, alpha, weighted, make_problem, assert_same_training
):
    problem = make_problem((5, 7, 4, 3), 53, output_activation="softmax", loss="log_loss")
    problem.weight += 0.25  # no mini-batch weighs nothing
    assert_same_training(
        trained(problem, method, weighted=weighted, l2_batch=alpha),
        trained_by_reference(problem, method, weighted=weighted, alpha=alpha),
    )


@pytest.mark.parametrize("activation", run.ACTIVATIONS)
@every_pair
def test_every_loss_is_trained_as_the_reference_does(
    output_activation, loss, activation, make_problem, assert_same_training
):
    problem = make_problem(
        (3, 5, 2), 21, activation=activation, output_activation=output_activation, loss=loss
    )
    options = {"epochs": 5, "batch_size": 4}
    assert_same_training(
        trained(problem, "adam", l2_batch=0.1, **options),
        trained_by_reference(problem, "adam", alpha=0.1, **options),
    )


@pytest.mark.parametrize("batch_size", [1, 2, 52, 53, 200])
@every_method
def test_batches_of_any_size_take_the_steps_of_the_reference(
    method, batch_size, classification, assert_same_training
):
    options = {"batch_size": batch_size, "epochs": 5}
    assert_same_training(
        trained(classification, method, l2_batch=0.1, **options),
        trained_by_reference(classification, method, alpha=0.1, **options),
    )


@pytest.mark.parametrize("hidden", [(), (3,), (17, 33), (5, 1, 4)])
@every_method
def test_networks_of_any_shape_take_the_steps_of_the_reference(
    method, hidden, make_problem, assert_same_training
):
    problem = make_problem((1, *hidden, 1), 19, output_activation="exp", loss="poisson")
    assert_same_training(
        trained(problem, method, epochs=5), trained_by_reference(problem, method, epochs=5)
    )


@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
@every_method
def test_sparse_rows_take_the_steps_of_the_reference(
    method, index_dtype, classification, assert_same_training
):
    problem = classification
    problem.X[np.random.default_rng(1).random(problem.X.shape) < 0.6] = 0.0
    sparse = scipy.sparse.csr_matrix(problem.X)
    sparse.indices = sparse.indices.astype(index_dtype)
    sparse.indptr = sparse.indptr.astype(index_dtype)
    assert_same_training(
        trained(problem, method, X=sparse, l2_batch=0.1),
        trained_by_reference(problem, method, alpha=0.1),
    )


@every_method
def test_float32_training_follows_the_reference(method, make_problem, assert_close):
    problem = make_problem(
        (5, 7, 3), 53, output_activation="softmax", loss="log_loss", dtype=np.float32
    )
    network, losses = trained(problem, method, epochs=3, l2_batch=0.1)
    expected, expected_losses = trained_by_reference(problem, method, epochs=3, alpha=0.1)
    assert network.parameters.dtype == np.float32
    assert_close(network.parameters, expected.parameters, 1e-4)
    assert_close(losses, expected_losses, 1e-5)


@every_method
def test_l2_and_l2_batch_add_up(method, classification, assert_same_training):
    # In batches of one row both are the same.
    options = {"batch_size": 1, "epochs": 2}
    assert_same_training(
        trained(classification, method, l2=0.03, l2_batch=0.04, **options),
        trained_by_reference(classification, method, alpha=0.07, **options),
    )


@every_method
def test_l2_is_not_divided_by_the_batch(method, classification, assert_same_training):
    options = {"batch_size": 53, "epochs": 5}  # one batch: l2 is alpha / 53
    assert_same_training(
        trained(classification, method, l2=0.01, **options),
        trained_by_reference(classification, method, alpha=0.53, **options),
    )


def test_the_step_of_the_book():
    # w <- (1 - eta lambda/n) w - (eta / m) sum of the gradients; biases are not decayed.
    # z = 2 * 1 + 1 = 3, y = 1: delta = 2; eta = 1/2, lambda/n = 1/4.
    from cbackprop import Network

    network = Network([1, 1])
    network.parameters = [2.0, 1.0]
    X, y = np.array([[1.0]]), np.array([[1.0]])
    next(training.epochs(network, X, y, SGD(0.5), batch_size=1, max_epochs=1, rng=None, l2=0.25))
    assert network.parameters.tolist() == [(1 - 0.125) * 2.0 - 0.5 * 2.0, 1.0 - 0.5 * 2.0]


# --- clipped gradients ---------------------------------------------------------------------------

CLIPS = [{"clip_value": 0.01}, {"clip_norm": 0.05}]  # smaller than most gradients here
every_clip = pytest.mark.parametrize("clip", CLIPS, ids=["by_value", "by_norm"])


def trained_by_clipped_gradients(problem, method, *, epochs, clip_value=None, clip_norm=None):
    """`trained_by_reference` with alpha = 0.5, every gradient bounded before the step."""
    network, optimizer = problem.network.copy(), METHODS[method][1]()
    n = len(problem.X)
    for order in permutations(n, epochs, 0):
        for batch in np.split(order, range(8, n, 8)):
            nabla = reference.backprop(
                network.weights,
                network.biases,
                problem.X[batch],
                problem.y[batch],
                alpha=0.5,
                **problem.options,
            )
            gradients = [*nabla.weights, *nabla.biases]
            if clip_value is not None:
                gradients = [np.clip(g, -clip_value, clip_value) for g in gradients]
            if clip_norm is not None:
                norm = np.sqrt(sum((g**2).sum() for g in gradients))
                gradients = [g * min(1.0, clip_norm / norm) for g in gradients]
            optimizer.step([*network.weights, *network.biases], gradients)
    return network


@pytest.mark.usefixtures("ends_if_it_hangs")
@pytest.mark.parametrize("n_jobs", [1, 2, 5])
@every_clip
@every_method
def test_gradients_are_clipped_before_the_step(method, clip, n_jobs, classification, assert_close):
    optimizer = METHODS[method][0](**clip)
    ours, _ = trained(classification, optimizer, epochs=5, l2_batch=0.5, n_jobs=n_jobs)
    expected = trained_by_clipped_gradients(classification, method, epochs=5, **clip)
    assert_close(ours.parameters, expected.parameters, CLOSE)


@pytest.mark.parametrize("clip", [{"clip_value": 1e3}, {"clip_norm": 1e3}])
@every_method
def test_bounds_that_no_gradient_reaches_change_nothing(
    method, clip, classification, assert_same_training
):
    clipped = trained(classification, METHODS[method][0](**clip), epochs=5, l2=0.01)
    assert_same_training(clipped, trained(classification, method, epochs=5, l2=0.01), 1e-12)


@every_clip
def test_clipping_leaves_the_reported_loss(clip, classification):
    options = {"epochs": 1, "batch_size": 53, "l2": 0.1}  # one batch: the loss before the step
    clipped = trained(classification, SGD(0.1, **clip), **options)
    assert clipped[1] == pytest.approx(trained(classification, "sgd", **options)[1], rel=1e-13)


@every_clip
def test_clipped_sparse_rows_take_the_same_steps_as_dense(
    clip, classification, assert_same_training
):
    problem = classification
    problem.X[np.random.default_rng(1).random(problem.X.shape) < 0.6] = 0.0
    sparse = scipy.sparse.csr_matrix(problem.X)
    assert_same_training(
        trained(problem, SGD(0.1, **clip), X=sparse, epochs=5),
        trained(problem, SGD(0.1, **clip), epochs=5),
    )


@every_clip
def test_the_step_of_an_exploding_gradient_has_the_length_asked_for(clip, make_problem):
    # The square of the gradient is too large for float32, the gradient itself is not.
    problem = make_problem((1, 1), 1, dtype=np.float32)
    problem.network.parameters[...], problem.X[...], problem.y[...] = 0.0, 1.0, 1e25
    network, _ = trained(problem, SGD(1.0, **clip), epochs=1)
    bound = clip.get("clip_value") or clip["clip_norm"] / np.sqrt(2.0)
    np.testing.assert_allclose(network.parameters, bound, rtol=1e-6)


# --- the order of the rows -----------------------------------------------------------------------


def test_rows_are_shuffled_as_scikit_learn_shuffles():
    rng, order, orders = np.random.RandomState(7), np.arange(30), []
    for _ in range(4):
        order = sklearn.utils.shuffle(order, random_state=rng)
        orders.append(order)
    np.testing.assert_array_equal(list(permutations(30, 4, 7)), orders)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 17, 256, 257, 1000, 65537])
@pytest.mark.parametrize(
    "bits", [np.random.MT19937, np.random.PCG64, np.random.Philox, np.random.SFC64]
)
def test_compiled_shuffle_draws_as_numpy_does(bits, n):
    ours, theirs = (np.random.RandomState(bits(5)) for _ in range(2))
    order, expected = np.arange(n), np.arange(n)
    for _ in range(3):
        shuffle(ours, order)
        theirs.shuffle(expected)
        np.testing.assert_array_equal(order, expected)
    assert ours.randint(2**31) == theirs.randint(2**31)  # both generators stand at the same place


class Backwards(np.random.RandomState):
    """A generator with ideas of its own."""

    def shuffle(self, x):
        x[...] = x[::-1].copy()


def test_a_generator_with_a_shuffle_of_its_own_is_asked():
    order = np.arange(5)
    shuffle(Backwards(0), order)
    assert order.tolist() == [4, 3, 2, 1, 0]


def test_a_read_only_order_is_not_shuffled():
    order = np.arange(5)
    order.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        shuffle(np.random.RandomState(0), order)
    assert order.tolist() == [0, 1, 2, 3, 4]


def test_without_a_generator_the_rows_stay_in_order(classification, assert_same_training):
    identity = [np.arange(53)] * 3
    network = classification.network.copy()
    losses = reference.train(
        network.weights,
        network.biases,
        classification.X,
        classification.y,
        optimizer=METHODS["adam"][1](),
        epochs=3,
        batch_size=8,
        permutations=identity,
        **classification.options,
    )
    assert_same_training(trained(classification, "adam", epochs=3, seed=None), (network, losses))


@pytest.mark.parametrize("seed", [None, 0])
@every_method
def test_training_on_some_rows_never_looks_at_the_others(
    method, seed, classification, assert_same_training
):
    problem = classification
    rows = np.random.default_rng(4).permutation(53)[:21]
    others = np.setdiff1d(np.arange(53), rows)
    some = trained(problem, method, rows=rows, seed=seed, weighted=True, epochs=5)
    problem.X[others], problem.weight[others] = np.nan, np.nan
    spoiled = trained(problem, method, rows=rows, seed=seed, weighted=True, epochs=5)
    assert_same_training(spoiled, some, 0)


@pytest.mark.thread_unsafe(reason="changes the problem of its fixture")
@every_method
def test_training_on_some_rows_equals_training_on_a_copy_of_them(
    method, classification, assert_same_training
):
    problem = classification
    rows = np.random.default_rng(4).permutation(53)[:21]
    some = trained(problem, method, rows=rows, epochs=5)
    problem.X, problem.y = problem.X[rows], problem.y[rows]
    assert_same_training(some, trained(problem, method, epochs=5))


def test_the_rows_given_are_not_changed(classification):
    rows = np.arange(21)
    trained(classification, "sgd", rows=rows, epochs=3)
    np.testing.assert_array_equal(rows, np.arange(21))


def test_the_data_is_not_changed(classification):
    before = [a.copy() for a in (classification.X, classification.y, classification.weight)]
    trained(classification, "adam", epochs=3, weighted=True)
    after = [classification.X, classification.y, classification.weight]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


# --- mini-batches that weigh nothing -------------------------------------------------------------


@pytest.mark.thread_unsafe(reason="changes the problem of its fixture")
@every_method
def test_a_batch_that_weighs_nothing_is_skipped(method, classification, assert_close):
    problem = classification
    problem.weight[...] = 1.0
    problem.weight[8:24] = 0.0  # the second and the third mini-batch of eight
    skipped, _ = trained(problem, method, weighted=True, epochs=3, seed=None, l2=0.1)
    rows = np.concatenate([np.arange(8), np.arange(24, 53)])
    problem.X, problem.y, problem.weight = problem.X[rows], problem.y[rows], problem.weight[rows]
    without, _ = trained(problem, method, weighted=True, epochs=3, seed=None, l2=0.1)
    assert_close(skipped.parameters, without.parameters, CLOSE)


@every_method
def test_batches_that_all_weigh_nothing_change_nothing(method, classification):
    problem = classification
    problem.weight[...] = 0.0
    network, losses = trained(problem, method, weighted=True, epochs=2, l2=0.1, l2_batch=0.1)
    np.testing.assert_array_equal(network.parameters, problem.network.parameters)
    assert losses == [0.0, 0.0]


@pytest.mark.parametrize("n_jobs", [1, 2, 3])
def test_rows_that_weigh_nothing_do_not_matter(n_jobs, classification, assert_close):
    problem = classification
    problem.weight[...] = np.arange(53) % 3 != 0
    options = {"weighted": True, "epochs": 2, "n_jobs": n_jobs}
    without, _ = trained(problem, "adam", **options)
    problem.X[::3] = 1e3
    with_outliers, _ = trained(problem, "adam", **options)
    assert_close(with_outliers.parameters, without.parameters, CLOSE)


# --- losses --------------------------------------------------------------------------------------


def test_the_loss_of_an_epoch_with_one_batch_is_that_before_its_step(classification):
    problem = classification
    expected = problem.network.loss(problem.X, problem.y, problem.weight)
    _, losses = trained(problem, "sgd", weighted=True, epochs=1, batch_size=53)
    assert losses == [pytest.approx(expected, rel=1e-12)]


def test_losses_include_the_l2_term(classification):
    problem = classification
    squares = sum(float((W**2).sum()) for W in problem.network.weights)
    expected = problem.network.loss(problem.X, problem.y) + 0.5 * (0.3 + 5.3 / 53) * squares
    _, losses = trained(problem, "adam", epochs=1, batch_size=53, l2=0.3, l2_batch=5.3)
    assert losses == [pytest.approx(expected, rel=1e-12)]


def test_loss_scale_scales_reported_losses_alone(classification, assert_close):
    plain = trained(classification, "adam", epochs=3)
    scaled = trained(classification, "adam", epochs=3, loss_scale=0.5)
    np.testing.assert_array_equal(scaled[0].parameters, plain[0].parameters)
    assert_close(scaled[1], [0.5 * loss for loss in plain[1]])


# --- however the work is shared ------------------------------------------------------------------


@pytest.mark.usefixtures("ends_if_it_hangs")
@pytest.mark.parametrize("n_jobs", [2, 3, 7])
@every_method
def test_any_number_of_threads_takes_the_same_steps(
    method, n_jobs, classification, assert_same_training
):
    options = {"epochs": 5, "weighted": True, "l2": 0.01, "l2_batch": 0.1}
    assert_same_training(
        trained(classification, method, n_jobs=n_jobs, **options),
        trained(classification, method, n_jobs=1, **options),
        1e-12,
    )


@pytest.mark.usefixtures("ends_if_it_hangs")
@pytest.mark.parametrize("n_jobs", [2, 3])
@every_method
def test_threads_take_the_same_steps_on_sparse_rows(
    method, n_jobs, classification, assert_same_training
):
    problem = classification
    problem.X[np.random.default_rng(1).random(problem.X.shape) < 0.6] = 0.0
    options = {"X": scipy.sparse.csr_matrix(problem.X), "epochs": 5, "l2_batch": 0.1}
    assert_same_training(
        trained(problem, method, n_jobs=n_jobs, **options),
        trained(problem, method, n_jobs=1, **options),
        1e-12,
    )


@pytest.mark.usefixtures("ends_if_it_hangs")
@pytest.mark.parametrize("hidden", [(), (1,), (5, 1, 4)])
def test_more_threads_than_rows_of_weights_take_the_same_steps(
    hidden, make_problem, assert_same_training
):
    problem = make_problem((1, *hidden, 1), 11)
    options = {"epochs": 5, "batch_size": 3, "l2": 0.1}
    assert_same_training(
        trained(problem, "adam", n_jobs=5, **options),
        trained(problem, "adam", n_jobs=1, **options),
        1e-12,
    )


@pytest.mark.usefixtures("ends_if_it_hangs")
@pytest.mark.parametrize("n_jobs", [1, 2, 3])
@every_method
def test_the_same_run_gives_the_same_bits(
    method, n_jobs, dtype, make_problem, assert_same_training
):
    problem = make_problem(
        (33, 40, 17, 3), 101, output_activation="softmax", loss="log_loss", dtype=dtype
    )
    first = trained(problem, method, n_jobs=n_jobs, epochs=3, l2_batch=0.1)
    for _ in range(2):
        again = trained(problem, method, n_jobs=n_jobs, epochs=3, l2_batch=0.1)
        assert again[0].parameters.tobytes() == first[0].parameters.tobytes()
        assert again[1] == first[1]


@pytest.mark.parametrize("n_jobs", [1, 2])
@every_method
def test_an_epoch_in_slices_is_the_same_epoch(
    method, n_jobs, classification, monkeypatch, assert_same_training
):
    options = {"epochs": 3, "n_jobs": n_jobs, "l2": 0.01}
    whole = trained(classification, method, **options)
    monkeypatch.setattr(slices, "SECONDS", 0.0)  # every mini-batch a slice
    assert_same_training(trained(classification, method, **options), whole, 1e-14)


@pytest.mark.thread_unsafe(reason="changes the problem of its fixture")
@every_method
def test_training_may_go_on_with_the_same_optimizer(method, classification, assert_close):
    whole, _ = trained(classification, method, epochs=6, seed=None)
    optimizer = METHODS[method][0]()
    halfway, _ = trained(classification, optimizer, epochs=3, seed=None)
    classification.network = halfway
    resumed, _ = trained(classification, optimizer, epochs=3, seed=None)
    np.testing.assert_array_equal(resumed.parameters, whole.parameters)


def test_steps_are_counted(classification):
    optimizer = Adam()
    trained(classification, optimizer, epochs=3)
    assert optimizer.n_steps == 3 * 7  # 53 rows in batches of 8


def test_a_learning_rate_changed_between_epochs_is_used(classification):
    optimizer, network = SGD(0.1), classification.network
    run_ = training.epochs(
        network, classification.X, classification.y, optimizer,
        batch_size=8, max_epochs=2, rng=None,
    )  # fmt: skip
    next(run_)
    before = network.parameters.copy()
    optimizer.learning_rate = 1e-300
    next(run_)
    np.testing.assert_array_equal(network.parameters, before)


def test_an_optimizer_of_another_network_is_refused(classification, make_problem):
    optimizer = Adam()
    trained(classification, optimizer, epochs=1)
    other = make_problem((2, 3, 1), 9)
    with pytest.raises(ValueError, match="state"):
        trained(other, optimizer, epochs=1)
