"""Do AdamW and RMSprop take the steps that their formulas say, and say what does not fit?"""

import pickle

import numpy as np
import pytest
from methods import LAYERS, METHODS, trained

from cbackprop import Adam, AdamW, Network, RMSprop
from cbackprop.engine import kernels, run
from cbackprop.optimizers import Group
from cbackprop.schedules import Cosine

every_method = pytest.mark.parametrize("method", METHODS)
START = np.array([1.0, -0.5, 0.25, 0.0])
GRADIENTS = np.sin(np.arange(1.0, 25.0) ** 2).reshape(6, 4)


@pytest.fixture
def classification(make_problem):
    return make_problem((5, 7, 4, 3), 53, output_activation="softmax", loss="log_loss")


def moved(optimizer, start, gradients, *, dtype=np.float64, numbers=None, groups=None):
    """Parameters, three weights and a bias at least, after steps along these gradients."""
    network = Network([len(start) - 1, 1], dtype=dtype)
    network.parameters[...] = start
    task = run.Task(
        network.plan, network.output, network.parameters,
        np.zeros((1, len(start) - 1), dtype), y=np.zeros((1, 1), dtype),
    )  # fmt: skip
    state = optimizer._ready(network.parameters)
    for step, gradient in enumerate(gradients):
        row = None if numbers is None else numbers[step : step + 1]
        task.step(
            optimizer._rule(0.0, 0.0), gradient.astype(dtype), state, 1.0,
            counter=optimizer, numbers=row, groups=groups,
        )  # fmt: skip
    return network.parameters


# --- against PyTorch, and by hand ----------------------------------------------------------------

PYTORCHS = {  # ours; its name in torch.optim, with its arguments; where PyTorch 2.13 ended
    "adamw": (
        lambda: AdamW(0.03, 0.8, 0.95, 1e-3, weight_decay=0.5),
        ("AdamW", {"lr": 0.03, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.5}),
        [0.89245576105926, -0.3531171067457667, 0.20622641621418691, 0.06408783216715944],
    ),
    "rmsprop": (
        lambda: RMSprop(0.03, 0.9, epsilon=1e-3),
        ("RMSprop", {"lr": 0.03, "alpha": 0.9, "eps": 1e-3}),
        [0.9702450454742221, -0.3366376767047504, 0.162568330096262, 0.21491336567247313],
    ),
    "rmsprop with momentum": (
        lambda: RMSprop(0.03, 0.9, 0.7, 1e-3),
        ("RMSprop", {"lr": 0.03, "alpha": 0.9, "eps": 1e-3, "momentum": 0.7}),
        [0.9684174080907665, -0.010928545966810244, 0.08413936126918109, 0.4212721958690801],
    ),
}
DEFAULTS = {"adamw": (AdamW, "AdamW"), "rmsprop": (RMSprop, "RMSprop")}


@pytest.mark.parametrize("method", PYTORCHS)
def test_steps_end_where_pytorchs_ended(method):
    make, _, ended = PYTORCHS[method]
    np.testing.assert_allclose(moved(make(), START, GRADIENTS), ended, rtol=1e-13)


def pytorchs(name, arguments, start, gradients):
    torch = pytest.importorskip("torch")
    parameters = torch.tensor(start, requires_grad=True)
    optimizer = getattr(torch.optim, name)([parameters], **arguments)
    for gradient in gradients:
        parameters.grad = torch.tensor(gradient)
        optimizer.step()
    return parameters.detach().numpy()


@pytest.mark.parametrize("method", PYTORCHS)
def test_steps_are_pytorchs(method):
    make, theirs, _ = PYTORCHS[method]
    gradients = np.random.default_rng(0).normal(size=(200, 50))
    expected = pytorchs(*theirs, gradients[0], gradients)
    np.testing.assert_allclose(moved(make(), gradients[0], gradients), expected, rtol=1e-12)


@pytest.mark.parametrize("method", DEFAULTS)
def test_defaults_are_pytorchs(method):
    make, theirs = DEFAULTS[method]
    expected = pytorchs(theirs, {}, START, GRADIENTS)
    np.testing.assert_allclose(moved(make(), START, GRADIENTS), expected, rtol=1e-12)


def test_adamw_takes_its_rate_and_its_decay_from_each_steps_numbers():
    numbers = np.array([[0.01, 0.02, 0.0], [0.02, 0.02, 0.0], [0.03, 0.02, 0.0]])
    optimizer, path = AdamW(1.0, 0.9, 0.95, weight_decay=9.0), []
    start = np.ones(4)
    for step, slope in enumerate([0.5, -0.2, 0.1]):
        start = moved(optimizer, start, np.full((1, 4), slope), numbers=numbers[step:])
        path.append(start[0])
    expected = [0.9898000002, 0.9824281487573943, 0.9702223268563825]
    np.testing.assert_allclose(path, expected, rtol=1e-12)


def test_adamw_without_decay_is_adam_but_for_where_epsilon_stands():
    tiny = {"epsilon": 1e-300}
    adamw = moved(AdamW(0.1, **tiny, weight_decay=0.0), START, GRADIENTS)
    np.testing.assert_array_equal(adamw, moved(Adam(0.1, **tiny), START, GRADIENTS))


def test_a_decay_that_float32_would_lose_beside_1_is_kept():
    large = np.full(5, 1000.0)
    moves = moved(AdamW(1e-4, weight_decay=1e-3), large, np.zeros((4000, 5)), dtype=np.float32)
    # A step changes 1000 by 1e-4: a rounding of its own, but not of 1 - 1e-7.
    np.testing.assert_allclose(moves, 1000.0 * (1 - 1e-7) ** 4000, rtol=3e-4)


# --- the same on every processor -----------------------------------------------------------------


@every_method
def test_every_instruction_set_gives_the_same_bits(method, dtype, restored_instructions):
    gradients, results = np.random.default_rng(0).normal(size=(9, 1003)), []
    for name in kernels.available():
        kernels.use(name)
        optimizer = METHODS[method][0](0.01, clip_value=1.0)
        factors = np.array([[[0.5, 0.25, 3.0], [2.0, 0.0, 1.0]]])
        end = moved(optimizer, gradients[0], gradients, dtype=dtype, groups=factors)
        results.append((end.tobytes(), optimizer.state.tobytes()))
    assert len(set(results)) == 1


# --- what does not fit ---------------------------------------------------------------------------

BAD = {
    "schedule a number": ({"schedule": 0.5}, TypeError, "schedule must be a Schedule"),
    "schedule a class": ({"schedule": Cosine}, TypeError, "schedule must be a Schedule"),
    "groups a group": ({"groups": Group()}, TypeError, "list with an entry for each layer"),
    "groups a number": ({"groups": 1.0}, TypeError, "list with an entry for each layer"),
    "a layer's a number": ({"groups": [Group(), 0.5]}, TypeError, r"groups\[1\] must be a Group"),
    "a layer's three": ({"groups": [[Group()] * 3]}, TypeError, r"groups\[0\].* a pair of them"),
    "a pair of numbers": ({"groups": [(1.0, 0.0)]}, TypeError, r"groups\[0\].* a pair of them"),
    "negative rate": ({"groups": [Group(rate=-1)]}, ValueError, r"groups\[0\]: rate .*got -1"),
    "decay not a number": ({"groups": [Group(decay="1")]}, TypeError, r"groups\[0\]: decay"),
    "decay nan": ({"groups": [Group(decay=np.nan)]}, ValueError, "decay .*got nan"),
    "epsilon 0": ({"groups": [Group(epsilon=0.0)]}, ValueError, r"epsilon must lie in \(0, inf\)"),
}


@pytest.mark.parametrize("case", BAD)
@every_method
def test_options_that_do_not_fit_are_named(method, case):
    options, error, message = BAD[case]
    with pytest.raises(error, match=message):
        METHODS[method][0](0.1, **options)


@pytest.mark.parametrize("case", BAD)
def test_options_set_later_are_looked_at_before_the_first_step(case, classification):
    options, error, message = BAD[case]
    optimizer = Adam()
    for name, value in options.items():
        setattr(optimizer, name, value)
    with pytest.raises(error, match=message):
        trained(classification, optimizer)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda value: AdamW(weight_decay=value), "weight_decay"),
        (lambda value: RMSprop(rho=value), "rho"),
        (lambda value: RMSprop(momentum=value), "momentum"),
        (lambda value: RMSprop(epsilon=value), "epsilon"),
        (lambda value: RMSprop(learning_rate=value), "learning_rate"),
    ],
)
def test_hyper_parameters_out_of_range_are_named(make, name):
    with pytest.raises(ValueError, match=f"{name} must lie in .*got -0.1"):
        make(-0.1)
    with pytest.raises(TypeError, match=f"{name} must be a number"):
        make("0.5")


# --- written down --------------------------------------------------------------------------------


def test_repr_says_all_that_was_given():
    made = AdamW(0.1, schedule=Cosine(warmup=0.5), groups=[Group(decay=0.0)], clip_norm=1.0)
    assert eval(repr(made), {**globals(), "Cosine": Cosine}).__dict__ == made.__dict__


@every_method
def test_pickled_optimizers_go_on(method, classification):
    optimizer = METHODS[method][0](0.01, schedule=Cosine(), groups=LAYERS)
    network = trained(classification, optimizer, max_epochs=2)
    again, other = pickle.loads(pickle.dumps(optimizer)), network.copy()
    options = {"max_epochs": 2, "first_epoch": 2}
    trained(classification, optimizer, network=network, **options)
    trained(classification, again, network=other, **options)
    np.testing.assert_array_equal(other.parameters, network.parameters)
