"""Do decay and dropout follow schedules of their own, in every kind of step?"""

import numpy as np
import pytest
from methods import falls, trained

import cbackprop
from cbackprop import AdamW, Checkpoint, Network, reference
from cbackprop.optimizers import Group
from cbackprop.running import slices, sweeps
from cbackprop.schedules import Cosine, CosineLog, FlatCosine

# --- the published values ------------------------------------------------------------------------

TIMES = [0.01, 0.02, 1 / 30, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95, 1.0]
COSINE_LOG = [
    *(0.350381262, 0.861267567, 0.930430970, 0.323689004, 0.718354688, 0.0, 0.983844427),
    *(0.323689004, 0.073618934, 0.718354688, 0.994530734, 0.875657731, 0.653194105),
    *(0.186200800, 0.046605051, 0.0),
]
FLAT_COSINE = [
    *[1.0] * 9,
    0.904508497,
    0.654508497,
    0.5,
    0.345491503,
    0.095491503,
    0.024471742,
    0.0,
]


def test_schedules_have_the_published_values():
    np.testing.assert_allclose(CosineLog()(TIMES), COSINE_LOG, rtol=0, atol=1e-9)
    np.testing.assert_allclose(FlatCosine()(TIMES), FLAT_COSINE, rtol=0, atol=1e-9)


@pytest.mark.parametrize("cycles", [1, 2, 4, 7])
def test_every_cycle_is_twice_as_long_as_the_one_before(cycles):
    bounds = (2.0 ** np.arange(cycles + 1) - 1.0) / (2.0**cycles - 1.0)
    np.testing.assert_allclose(CosineLog(cycles)(bounds), 0.0, atol=1e-12)
    tops = (2.0 ** (np.arange(cycles) + 0.5) - 1.0) / (2.0**cycles - 1.0)
    np.testing.assert_allclose(CosineLog(cycles)(tops), 1.0, atol=1e-12)


def test_flat_part_and_warm_up_can_be_chosen():
    np.testing.assert_allclose(FlatCosine(0.0)([0.0, 0.5, 1.0]), [1.0, 0.5, 0.0], atol=1e-15)
    np.testing.assert_allclose(FlatCosine(0.8, warmup=0.5)([0.25, 0.8, 0.9]), [0.5, 1.0, 0.5])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: CosineLog(0), "cycles must be at least 1, got 0"),
        (lambda: CosineLog(1.5), "cycles must be an integer"),
        (lambda: FlatCosine(1.0), r"flat must .*1.0"),
        (lambda: AdamW(decay_schedule=0.5), "decay_schedule must be a Schedule"),
        (lambda: Network([2, 2, 1]).fit(np.eye(2), [1, 2], dropout_schedule=0.5), "dropout_sched"),
    ],
)
def test_what_is_no_schedule_is_named(make, words):
    with pytest.raises((ValueError, TypeError), match=words):
        make()


# --- every step has its own numbers --------------------------------------------------------------


@pytest.fixture(params=["whole", "in blocks"])
def batches(request, monkeypatch):
    """A mini-batch goes through as a whole, or, where it is large, in blocks of its rows."""
    if request.param == "in blocks":
        for name, value in (("STEP_SECONDS", 0.0), ("BLOCK_ROWS", 3), ("FEWEST_ROWS", 1)):
            monkeypatch.setattr(slices, name, value)
        monkeypatch.setattr(sweeps, "SMALL_FLOPS", 0.0)


@pytest.fixture
def classification(make_problem):
    """Rows that no batch of 8 divides: 7 steps an epoch."""
    return make_problem((5, 7, 4, 3), 53, output_activation="softmax", loss="log_loss")


ON = {"dropout": [0.4, 0.2], "mask_seed": 11}
FALLS = (falls, FlatCosine(0.25), lambda t: 2.0 * t)


def by_reference(problem, factors, epochs=4):
    network = problem.network.copy()
    reference.train(
        network.weights, network.biases, problem.X, problem.y,
        optimizer=reference.AdamW(0.01, weight_decay=3.0), epochs=epochs, batch_size=8,
        permutations=[np.arange(53)] * epochs, step_factors=factors, **ON, **problem.options,
    )  # fmt: skip
    return network.parameters


@pytest.mark.parametrize("n_jobs", [1, 2, 3])
def test_rate_decay_and_dropout_each_follow_their_schedule(
    n_jobs, classification, batches, assert_close
):
    times = np.arange(28) / 28
    for on in ([0], [1], [2], [0, 1, 2]):
        rate, decay, dropout = (FALLS[i] if i in on else None for i in range(3))
        optimizer = AdamW(0.01, weight_decay=3.0, schedule=rate, decay_schedule=decay)
        more = {} if dropout is None else {"dropout_schedule": cbackprop.schedules.OfTime(dropout)}
        network = trained(classification, optimizer, n_jobs=n_jobs, **ON, **more)
        factors = np.ones((28, 3))
        for i in on:
            factors[:, i] = FALLS[i](times)
        assert_close(network.parameters, by_reference(classification, factors), 1e-9)


def test_schedules_of_ones_change_no_bit(classification):
    plain = trained(classification, AdamW(0.01), **ON)
    ones = cbackprop.schedules.Constant()
    optimizer = AdamW(0.01, decay_schedule=ones)
    scheduled = trained(classification, optimizer, dropout_schedule=ones, **ON)
    np.testing.assert_array_equal(scheduled.parameters, plain.parameters)
    assert optimizer.last_rate == 0.01


def test_fit_takes_a_schedule_of_dropout(classification):
    problem = classification
    fitted = [problem.network.copy() for _ in range(3)]
    schedules = [None, lambda t: 0.0 * t, FlatCosine(0.0)]
    for network, schedule in zip(fitted, schedules, strict=True):
        network.fit(
            problem.X, problem.y, optimizer=AdamW(0.01), epochs=2, dropout=0.5,
            dropout_schedule=schedule, batch_size=8, random_state=0, shuffle=False,
        )  # fmt: skip
    whole = problem.network.copy()
    options = {"optimizer": AdamW(0.01), "epochs": 2, "batch_size": 8, "shuffle": False}
    whole.fit(problem.X, problem.y, **options)
    np.testing.assert_array_equal(fitted[1].parameters, whole.parameters)
    assert len({network.parameters.tobytes() for network in fitted}) == 3


def test_the_one_step_of_an_epoch_of_all_rows_has_its_factor(classification):
    problem, ends = classification, []
    for epochs, schedule in ((1, lambda t: 0.0 * t), (1, None)):
        network = problem.network.copy()
        network.fit(
            problem.X, problem.y, optimizer=cbackprop.Adam(0.01), epochs=epochs, batch_size=None,
            dropout=0.5, dropout_schedule=schedule, random_state=0,
        )  # fmt: skip
        ends.append(network.parameters)
    whole = problem.network.copy()
    whole.fit(problem.X, problem.y, optimizer=cbackprop.Adam(0.01), epochs=1, batch_size=None,
              random_state=0)  # fmt: skip
    np.testing.assert_allclose(ends[0], whole.parameters, rtol=1e-12)
    assert np.abs(ends[1] - whole.parameters).max() > 1e-4


def test_a_share_that_would_leave_nothing_leaves_the_network_as_it_was(classification):
    problem, before = classification, classification.network.parameters.copy()
    with pytest.raises(ValueError, match=r"dropout must lie in \[0, 1\), got 0.5 times 2"):
        problem.network.fit(
            problem.X, problem.y, epochs=2, dropout=0.5, dropout_schedule=lambda t: 1.0 + 2.0 * t
        )
    np.testing.assert_array_equal(problem.network.parameters, before)


# --- kept, and gone on with ----------------------------------------------------------------------


@pytest.mark.parametrize("schedule", [CosineLog(3, warmup=0.25), FlatCosine(0.25, warmup=0.1)])
def test_saved_optimizers_have_their_schedules_of_decay(schedule, tmp_path):
    AdamW(schedule=schedule, decay_schedule=schedule).save(tmp_path / "adamw")
    again = cbackprop.load(tmp_path / "adamw")
    assert again.decay_schedule == again.schedule == schedule
    assert repr(again) == repr(AdamW(schedule=schedule, decay_schedule=schedule))
    assert eval(repr(again.decay_schedule), vars(cbackprop.schedules)) == schedule


def fit_of(problem, callbacks, epochs=6, flat=0.25):
    network = Network((5, 7, 4, 3), output_activation="softmax", loss="log_loss", random_state=0)
    network.fit(
        problem.X, problem.y, epochs=epochs, batch_size=8, dropout=0.3, random_state=3,
        optimizer=AdamW(0.01, weight_decay=1.0, schedule=CosineLog(), decay_schedule=Cosine()),
        dropout_schedule=FlatCosine(flat), callbacks=callbacks,
    )  # fmt: skip
    return network.parameters


def test_a_resumed_fit_ends_with_the_same_bits(classification, tmp_path):
    path = tmp_path / "fit"

    def killed(network, history):
        if history.epochs == 3:
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        fit_of(classification, [Checkpoint(path, 2), killed])
    resumed = fit_of(classification, [Checkpoint(path, 2, resume=True)])
    np.testing.assert_array_equal(resumed, fit_of(classification, []))


@pytest.mark.parametrize("other", [{"flat": 0.5}, {"epochs": 9}])
def test_a_checkpoint_of_other_schedules_is_not_gone_on_with(other, classification, tmp_path):
    path = tmp_path / "fit"
    fit_of(classification, [Checkpoint(path, 2)])
    with pytest.raises(ValueError, match="the checkpoint is of a fit with"):
        fit_of(classification, [Checkpoint(path, 2, resume=True)], **other)


# --- groups --------------------------------------------------------------------------------------


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize(("rate", "decay"), [(1.0, 1.0), (6.0, 1.0), (0.1, 0.0), (0.1, 0.5)])
def test_decay_can_have_the_groups_factors_once_or_twice(rate, decay, squared):
    """Published: ``theta (1 - lr(t) wd(t) a^2 w^2)``; a Group's rate is in its decay once."""
    network = Network([1, 1])
    network.parameters = [1.0, 1.0]
    factor = rate * decay**2 if squared else decay
    optimizer = AdamW(
        0.04, weight_decay=0.02, beta_2=0.95, schedule=CosineLog(), decay_schedule=FlatCosine(),
        groups=[(Group(rate=rate, decay=factor), Group(decay=0.0))],
    )  # fmt: skip
    X, y = np.zeros((40, 1)), np.ones((40, 1))  # right already: nothing but the decay of W
    steps, expected = 40, 1.0
    network.fit(X, y, optimizer=optimizer, epochs=1, batch_size=1)
    for t in np.arange(steps) / steps:
        now = 0.04 * CosineLog()(t) * 0.02 * FlatCosine()(t)
        expected *= 1.0 - now * (rate**2 * decay**2 if squared else rate * decay)
    np.testing.assert_allclose(network.weights[0][0, 0], expected, rtol=1e-12)


def test_groups_train_plain_weights_as_if_they_were_divided_by_the_root_of_their_inputs():
    """z = x W / sqrt(n), W being trained, with the published factors of rate and of decay."""
    rng, rate, decay = np.random.default_rng(0), 0.1, 0.5
    X, y, n = rng.normal(size=(40, 9)), rng.normal(size=(40, 1)), 3.0
    network = Network([9, 1], random_state=0)
    W, b = network.weights[0] * n, network.biases[0].copy()
    group = Group(rate / n, decay=rate * decay**2 * n, epsilon=n)
    optimizer = AdamW(
        0.04, beta_2=0.95, weight_decay=2.0, epsilon=1e-3, schedule=CosineLog(),
        decay_schedule=FlatCosine(), groups=[(group, Group(decay=0.0))],
    )  # fmt: skip
    network.fit(X, y, optimizer=optimizer, epochs=5, batch_size=8, shuffle=False)
    m, v, mb, vb = (0.0 * array for array in (W, W, b, b))
    for step in range(25):
        x, target, t = X[step % 5 * 8 :][:8], y[step % 5 * 8 :][:8], step / 25
        delta = (x @ W / n + b - target) / 8
        eta, wd, i = 0.04 * CosineLog()(t), 2.0 * FlatCosine()(t), step + 1
        g, gb = x.T @ delta / n, delta.sum(axis=0)
        W = W * (1.0 - eta * wd * rate**2 * decay**2)
        m, v = 0.9 * m + 0.1 * g, 0.95 * v + 0.05 * g**2
        mb, vb = 0.9 * mb + 0.1 * gb, 0.95 * vb + 0.05 * gb**2
        root, root_b = np.sqrt(v / (1 - 0.95**i)), np.sqrt(vb / (1 - 0.95**i))
        W = W - rate * eta * (m / (1 - 0.9**i)) / (root + 1e-3)
        b = b - eta * (mb / (1 - 0.9**i)) / (root_b + 1e-3)
    np.testing.assert_allclose(network.weights[0] * n, W, rtol=1e-10)
    np.testing.assert_allclose(network.biases[0], b, rtol=1e-10)


def test_first_steps_of_the_published_optimizer():
    """Rates .01, .02, .03 with a decay of .02 and gradients .5, -.2, .1 of one parameter."""
    network, steps = Network([1, 1]), {0: 0.01, 1: 0.02, 2: 0.03}
    network.parameters = [0.0, 1.0]  # of x = 0 the output is the bias, and y makes the gradient
    optimizer, path = AdamW(1.0, beta_2=0.95, weight_decay=0.02, schedule=lambda t: rates), []
    for step, gradient in enumerate([0.5, -0.2, 0.1]):
        rates = np.array([steps[step]])
        target = network.parameters[1] - gradient
        network.fit([[0.0]], [target], optimizer=optimizer, epochs=1, batch_size=1)
        path.append(network.parameters[1])
    expected = [0.9898000002, 0.9824281487573943, 0.9702223268563825]
    np.testing.assert_allclose(path, expected, rtol=1e-12)
