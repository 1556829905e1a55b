"""Do schedules say what their formulas say, and does every step of a fit get its own number?"""

import numpy as np
import pytest
from methods import LAYERS, METHODS, falls, trained

from cbackprop import SGD, Adam, AdamW, schedules
from cbackprop.running import slices
from cbackprop.schedules import Cosine, InverseScaling

every_method = pytest.mark.parametrize("method", METHODS)


# --- each by its formula, written anew -----------------------------------------------------------


def warm(share, otherwise):
    return lambda t: otherwise(t) * (t / share if t < share else 1.0)


def annealed(t):
    """Two cycles, the second three times as long; down to 0.1."""
    within = t / 0.25 if t < 0.25 else (t - 0.25) / 0.75
    return 0.1 + 0.45 * (1.0 + np.cos(np.pi * within))


def one_cycle(t):
    if t < 0.25:
        return 0.5 - 0.5 * np.cos(np.pi * t / 0.25) * (1 - 0.2) + 0.5 * 0.2
    return 0.01 + (1 - 0.01) * np.cos(np.pi / 2 * (t - 0.25) / 0.75) ** 2


FORMULAS = {
    "constant": (schedules.Constant(), lambda t: 1.0),
    "constant, warm": (schedules.Constant(warmup=0.3), warm(0.3, lambda t: 1.0)),
    "exponential": (schedules.Exponential(0.02), lambda t: np.exp(t * np.log(0.02))),
    "steps": (
        schedules.Steps((0.3, 0.6), 0.5),
        lambda t: 1.0 if t < 0.3 else 0.5 if t < 0.6 else 0.25,
    ),
    "steps, warm": (
        schedules.Steps((0.5,), 0.1, warmup=0.2),
        warm(0.2, lambda t: 1.0 if t < 0.5 else 0.1),
    ),
    "cosine": (schedules.Cosine(), lambda t: np.cos(np.pi * t / 2) ** 2),
    "cosine, warm": (
        schedules.Cosine(0.1, warmup=0.1),
        warm(0.1, lambda t: 0.1 + 0.9 * np.cos(np.pi * t / 2) ** 2),
    ),
    "cosine, restarts": (schedules.Cosine(0.1, restarts=1, growth=3.0), annealed),
    "one cycle": (schedules.OneCycle(0.25, start=0.2, end=0.01), one_cycle),
    "large batch": (
        schedules.LargeBatch(9, warmup=0.25),
        lambda t: 1.0 + 2.0 * t / 0.25 if t < 0.25 else 3.0,
    ),
    "large batch, linear": (
        schedules.LargeBatch(9, rule="linear", warmup=0.0, floor=0.1),
        lambda t: 9 * (0.1 + 0.9 * np.cos(np.pi * t / 2) ** 2),
    ),
    "a function": (schedules.OfTime(falls), falls),
    "a function, warm": (schedules.OfTime(falls, warmup=0.5), warm(0.5, falls)),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_schedule_is_its_formula(name):
    schedule, formula = FORMULAS[name]
    expected = [formula(step / 100) for step in range(100)]
    np.testing.assert_allclose(schedule.factors(0, 100, 100), expected, rtol=1e-12, atol=1e-14)
    some = schedule.factors(37, 60, 100)
    np.testing.assert_array_equal(some, schedule.factors(0, 100, 100)[37:60])


def test_inverse_scaling_counts_steps():
    expected = [1 / (1 + step) ** 0.3 for step in range(5, 9)]
    np.testing.assert_allclose(InverseScaling(0.3).factors(5, 9, None), expected, rtol=1e-13)
    np.testing.assert_allclose(InverseScaling(0.3).factors(5, 9, 20), expected, rtol=1e-13)


# --- where in the fit a step is ------------------------------------------------------------------


@pytest.fixture
def classification(make_problem):
    """Rows that no batch of 8 divides: 7 steps an epoch."""
    return make_problem((5, 7, 4, 3), 53, output_activation="softmax", loss="log_loss")


@every_method
def test_a_fit_told_in_two_parts_is_the_same_fit(method, classification):
    whole = trained(classification, METHODS[method][0](0.01, schedule=Cosine(warmup=0.2)))
    optimizer = METHODS[method][0](0.01, schedule=Cosine(warmup=0.2))
    part = trained(classification, optimizer, max_epochs=3)
    trained(classification, optimizer, max_epochs=1, first_epoch=3, network=part)
    np.testing.assert_array_equal(part.parameters, whole.parameters)


def test_an_epoch_in_slices_has_the_same_numbers(classification, monkeypatch):
    whole = trained(classification, AdamW(0.01, schedule=falls, groups=LAYERS))
    monkeypatch.setattr(slices, "SECONDS", 0.0)  # every mini-batch a slice
    sliced = trained(classification, AdamW(0.01, schedule=falls, groups=LAYERS))
    np.testing.assert_allclose(sliced.parameters, whole.parameters, rtol=1e-13, atol=1e-14)


def test_the_numbers_of_a_batch_that_weighs_nothing_are_passed_over(classification, assert_close):
    problem = classification
    problem.weight[8:16] = 0.0
    seen = trained(problem, SGD(0.1, schedule=falls), weighted=True, epochs=1)
    problem.network, rates = problem.network.copy(), [0.1 * falls(i / 7) for i in range(7)]
    for i in (0, 2, 3, 4, 5, 6):
        rows = np.arange(8 * i, min(8 * i + 8, 53))
        options = {"rows": rows, "epochs": 1, "weighted": True, "network": problem.network}
        trained(problem, SGD(rates[i]), **options)
    assert_close(seen.parameters, problem.network.parameters, 1e-13)


def test_a_fit_without_an_end_has_no_schedule_in_time(classification):
    before = classification.network.parameters.copy()
    with pytest.raises(ValueError, match=r"Cosine.*partial_fit has no end"):
        trained(classification, SGD(0.1, schedule=Cosine()), total_epochs=None)
    np.testing.assert_array_equal(classification.network.parameters, before)


def test_a_fit_without_an_end_may_count_its_steps(classification, assert_close):
    optimizer, network = SGD(0.1, schedule=InverseScaling(0.5)), classification.network.copy()
    for _ in range(3):
        trained(classification, optimizer, epochs=1, total_epochs=None, network=network)
    whole = trained(classification, SGD(0.1, schedule=InverseScaling(0.5)), epochs=3)
    assert_close(network.parameters, whole.parameters, 1e-14)
    assert optimizer.last_rate == pytest.approx(0.1 / np.sqrt(21))
    assert optimizer.learning_rate == 0.1


def test_a_networks_history_has_the_rate_of_every_epochs_last_step(classification):
    network = classification.network.copy()
    optimizer = SGD(0.2, schedule=lambda t: 1.0 - t)
    history = network.fit(
        classification.X, classification.y, optimizer=optimizer, epochs=4, batch_size=8
    )
    expected = [0.2 * (1.0 - (7 * epoch - 1) / 28) for epoch in (1, 2, 3, 4)]
    np.testing.assert_allclose(history["learning_rate"], expected, rtol=1e-12)


def test_without_a_schedule_the_last_rate_is_the_learning_rate(classification):
    optimizer = Adam(0.1)
    assert optimizer.last_rate == 0.1
    trained(classification, optimizer)
    optimizer.learning_rate = 0.05
    assert optimizer.last_rate == 0.05
    assert "_last_rate" not in vars(optimizer)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_a_function_that_gives_no_factors_is_named(bad, classification):
    with pytest.raises(ValueError, match="must return finite factors of at least 0"):
        trained(classification, Adam(schedule=lambda t: np.where(t > 0.5, bad, 1.0)), epochs=1)
