"""Does `Network` do what it promises: one vector and its views, checked data, everything shown?"""

import copy
import io
import math
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor

from cbackprop import SGD, Adam, Network, training
from cbackprop.engine import run
from cbackprop.functions.losses import LOSSES

LN3 = math.log(3)  # logistic(ln 3) = 3/4, logistic(-ln 3) = 1/4
PAIRS = list(run.OUTPUTS)


@pytest.fixture
def network():
    return Network([3, 4, 2], activation="tanh", random_state=0)


@pytest.fixture
def classifier():
    return Network([3, 4, 2], output_activation="softmax", loss="log_loss", random_state=0)


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(5, 3))


@pytest.fixture
def y():
    return np.random.default_rng(1).normal(size=(5, 2))


# --- building one --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sizes", [[3, 2], (3, 4, 2), np.array([3, 4, 2]), range(1, 6), [np.int32(3), 2]]
)
def test_layer_sizes_may_be_any_sequence_of_integers(sizes):
    network = Network(sizes)
    assert [w.shape[0] for w in network.weights] == list(sizes)[:-1]
    assert network.layer_sizes == tuple(sizes)


@pytest.mark.parametrize("sizes", [[2**31 - 2] * 2, [2**31 - 2] * 3, [2**31 - 2] * 9])
def test_networks_too_large_for_memory_are_refused(sizes):
    with pytest.raises((ValueError, MemoryError)):
        Network(sizes)


@pytest.mark.parametrize("output_activation", ["identity", "logistic", "softmax", "exp"])
@pytest.mark.parametrize("loss", ["squared_error", "log_loss", "binary_log_loss", "poisson"])
def test_only_pairs_of_output_and_loss_that_go_together_are_taken(output_activation, loss):
    options = {"output_activation": output_activation, "loss": loss}
    if (output_activation, loss) in PAIRS:
        assert Network([3, 2], **options).loss_name == loss
    else:
        with pytest.raises(ValueError, match=f"'{output_activation}' does not go .*'{loss}'"):
            Network([3, 2], **options)


def test_the_plan_says_where_everything_is(network):
    assert network.plan.tolist() == [
        (3, 4, 0, 12, run.ACTIVATIONS["tanh"]),
        (4, 2, 16, 24, run.ACTIVATIONS["identity"]),
    ]


def test_the_plan_cannot_be_changed(network):
    with pytest.raises(ValueError, match="read-only"):
        network.plan[0]["n_in"] = 1000


def test_repr_says_what_the_network_is(network):
    assert repr(network) == (
        "Network([3, 4, 2], activation='tanh', output_activation='identity', "
        "loss='squared_error', dtype=float64)"
    )


# --- where it starts -----------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_glorot_uniform_follows_the_documented_recipe(activation, dtype):
    sizes = (5, 7, 3)
    network = Network(sizes, activation=activation, dtype=dtype, random_state=42)
    rng = np.random.RandomState(42)
    for weights, biases in zip(network.weights, network.biases, strict=True):
        fan_in, fan_out = weights.shape
        bound = np.sqrt((2.0 if activation == "logistic" else 6.0) / (fan_in + fan_out))
        expected = rng.uniform(-bound, bound, (fan_in, fan_out)).astype(dtype)
        np.testing.assert_array_equal(weights, expected)
        np.testing.assert_array_equal(biases, rng.uniform(-bound, bound, fan_out).astype(dtype))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize(
    ("estimator", "outputs"), [(MLPClassifier, 3), (MLPRegressor, 2)], ids=["classes", "numbers"]
)
def test_glorot_uniform_draws_as_scikit_learn_does(estimator, outputs, activation, dtype):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 5)).astype(dtype)
    y = np.arange(30) % 3 if estimator is MLPClassifier else rng.normal(size=(30, 2)).astype(dtype)
    fitted = estimator(
        hidden_layer_sizes=(7, 4),
        activation=activation,
        solver="sgd",
        learning_rate_init=1e-300,  # the only step there is changes nothing
        alpha=0.0,
        max_iter=1,
        random_state=3,
    ).fit(X, y)
    network = Network((5, 7, 4, outputs), activation=activation, dtype=dtype, random_state=3)
    for ours, theirs in zip(
        [*network.weights, *network.biases], [*fitted.coefs_, *fitted.intercepts_], strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype


@pytest.mark.parametrize(("init", "scale"), [("normal", 1.0), ("scaled_normal", 0.1)])
def test_normal_weights_have_the_standard_deviation_promised(init, scale):
    W = Network([100, 200], init=init, random_state=0).weights[0]
    # 20,000 draws: the standard error is 0.5 % of the deviation, 0.7 % for the mean
    assert W.std() == pytest.approx(scale, rel=0.02)
    assert abs(W.mean()) < 0.03 * scale


@pytest.mark.parametrize("init", ["normal", "scaled_normal"])
def test_normal_biases_are_standard_normal(init):
    b = Network([4, 20_000], init=init, random_state=0).biases[0]
    assert b.std() == pytest.approx(1.0, rel=0.02)
    assert abs(b.mean()) < 0.03


def test_scaled_normal_scales_every_layer_by_its_own_inputs():
    network = Network([400, 100, 400], init="scaled_normal", random_state=0)
    deviations = [W.std() for W in network.weights]
    assert deviations == pytest.approx([1 / 20, 1 / 10], rel=0.02)


@pytest.mark.parametrize("init", ["glorot_uniform", "normal", "scaled_normal"])
@pytest.mark.parametrize("random_state", [None, 0, 1, np.random.RandomState(0)])
def test_no_parameter_starts_at_zero(init, random_state, dtype):
    network = Network([3, 17, 1, 2], init=init, dtype=dtype, random_state=random_state)
    assert np.all(network.parameters != 0.0)
    assert np.all(np.isfinite(network.parameters))


@pytest.mark.parametrize("init", ["glorot_uniform", "normal", "scaled_normal"])
def test_the_same_seed_gives_the_same_network(init):
    one, other, third = (Network([3, 4, 2], init=init, random_state=s) for s in (5, 5, 6))
    np.testing.assert_array_equal(one.parameters, other.parameters)
    assert np.all(one.parameters != third.parameters)


def test_float32_starts_where_float64_does():
    narrow, wide = (Network([3, 4, 2], dtype=d, random_state=0) for d in ("float32", "float64"))
    np.testing.assert_array_equal(narrow.parameters, wide.parameters.astype(np.float32))


@pytest.mark.thread_unsafe(reason="changes the network of its fixture")
def test_initialize_draws_anew_into_the_same_vector(network):
    vector, before = network.parameters, network.parameters.copy()
    assert network.initialize(7) is network
    assert network.parameters is vector
    assert np.all(vector != before)
    np.testing.assert_array_equal(
        vector, Network([3, 4, 2], activation="tanh", random_state=7).parameters
    )


# --- one vector and its views --------------------------------------------------------------------


def test_weights_and_biases_are_views_of_the_vector(network):
    assert all(np.shares_memory(v, network.parameters) for v in network.weights)
    assert all(np.shares_memory(v, network.parameters) for v in network.biases)


def test_the_vector_holds_weights_row_by_row_then_biases(network):
    parts = [network.weights[0], network.biases[0], network.weights[1], network.biases[1]]
    np.testing.assert_array_equal(network.parameters, np.concatenate([p.ravel() for p in parts]))


def test_writing_an_element_writes_the_vector(network):
    network.weights[0][1, 2] = 5.0
    network.biases[1][0] = 6.0
    assert (network.parameters[6], network.parameters[24]) == (5.0, 6.0)


def test_assigning_a_layer_writes_the_vector(network):
    vector = network.parameters
    network.weights[0] = np.arange(12.0).reshape(3, 4)
    network.biases[-1] = [50, 60]
    assert network.parameters is vector
    assert vector[:12].tolist() == list(range(12))
    assert vector[-2:].tolist() == [50.0, 60.0]


@pytest.mark.thread_unsafe(reason="changes the network of its fixture")
def test_adding_to_a_layer_writes_the_vector(network):
    before = network.parameters.copy()
    network.weights[0] += 1.0
    np.testing.assert_array_equal(network.parameters[:12], before[:12] + 1.0)
    np.testing.assert_array_equal(network.parameters[12:], before[12:])


def test_assigning_all_layers_writes_the_vector(network):
    vector, views = network.parameters, network.weights[0]
    network.weights = [np.ones((3, 4)), np.full((4, 2), 2.0)]
    network.biases = [np.full(4, 3.0), np.full(2, 4.0)]
    assert vector.tolist() == [1.0] * 12 + [3.0] * 4 + [2.0] * 8 + [4.0] * 2
    assert views is network.weights[0]


def test_assigning_the_vector_copies_into_it(network):
    vector, values = network.parameters, np.arange(26.0)
    network.parameters = values
    values[...] = -1.0
    assert network.parameters is vector
    assert network.weights[1].tolist() == [[16.0, 17.0], [18.0, 19.0], [20.0, 21.0], [22.0, 23.0]]


def test_layers_may_be_swapped():
    network = Network([3, 3, 3], random_state=0)
    first, second = (W.copy() for W in network.weights)
    network.weights = network.weights[::-1]
    np.testing.assert_array_equal(network.weights[0], second)
    np.testing.assert_array_equal(network.weights[1], first)


@pytest.mark.parametrize("shape", [(4, 3), (12,), (3, 5), (1, 3, 4), ()])
def test_a_layer_of_another_shape_is_refused(network, shape):
    before = network.parameters.copy()
    with pytest.raises(ValueError, match=r"layer 0 has the shape \(3, 4\), got"):
        network.weights[0] = np.zeros(shape)
    np.testing.assert_array_equal(network.parameters, before)


def test_layers_of_other_shapes_are_refused_together(network):
    before = network.parameters.copy()
    with pytest.raises(ValueError, match=r"weights must have the shapes .*got .*\(2, 4\)"):
        network.weights = [np.zeros((3, 4)), np.zeros((2, 4))]
    with pytest.raises(ValueError, match=r"biases must have the shapes .*got \[\(4,\)\]"):
        network.biases = [np.zeros(4)]
    np.testing.assert_array_equal(network.parameters, before)


@pytest.mark.parametrize("shape", [(25,), (27,), (26, 1), ()])
def test_a_vector_of_another_shape_is_refused(network, shape):
    with pytest.raises(ValueError, match=r"parameters has shape \(26,\), got"):
        network.parameters = np.zeros(shape)


@pytest.mark.parametrize("index", [slice(0, 1), slice(None), 0.0, None])
def test_layers_are_assigned_one_at_a_time(network, index):
    with pytest.raises(TypeError, match="index must be an integer"):
        network.weights[index] = [np.zeros((3, 4))]


def test_there_are_no_other_layers_to_assign(network):
    with pytest.raises(IndexError):
        network.weights[2] = np.zeros((3, 4))


# --- copies --------------------------------------------------------------------------------------


def through_joblib(network):
    file = io.BytesIO()
    joblib.dump(network, file)
    file.seek(0)
    return joblib.load(file)


COPIES = {
    "pickle": lambda network: pickle.loads(pickle.dumps(network)),
    "oldest pickle": lambda network: pickle.loads(pickle.dumps(network, protocol=2)),
    "deepcopy": copy.deepcopy,
    "joblib": through_joblib,
    "copy": lambda network: network.copy(),
}
every_copy = pytest.mark.parametrize("duplicate", COPIES.values(), ids=COPIES)


@every_copy
def test_a_copy_predicts_the_same(duplicate, network, X):
    np.testing.assert_array_equal(duplicate(network).predict(X), network.predict(X))


@every_copy
def test_views_of_a_copy_belong_to_its_own_vector(duplicate, network):
    twin = duplicate(network)
    assert not np.shares_memory(twin.parameters, network.parameters)
    twin.parameters[...] = 0.0
    assert not any(layer.any() for layer in [*twin.weights, *twin.biases])
    assert network.parameters.all()


@every_copy
def test_a_copy_can_be_trained_and_leaves_the_original(duplicate, network, X, y):
    twin, before = duplicate(network), network.parameters.copy()
    list(training.epochs(twin, X, y, SGD(0.1), batch_size=2, max_epochs=1, rng=None))
    np.testing.assert_array_equal(network.parameters, before)
    assert np.any(twin.parameters != before)
    np.testing.assert_array_equal(twin.weights[0].ravel(), twin.parameters[:12])


@every_copy
def test_assigning_a_layer_of_a_copy_writes_its_vector(duplicate, network):
    twin = duplicate(network)
    twin.biases[1] = [7.0, 8.0]
    assert twin.parameters[-2:].tolist() == [7.0, 8.0]


@every_copy
def test_the_plan_of_a_copy_cannot_be_changed_either(duplicate, network):
    assert not duplicate(network).plan.flags.writeable


@every_copy
def test_a_copy_has_everything_the_original_has(duplicate, classifier):
    assert repr(duplicate(classifier)) == repr(classifier)
    np.testing.assert_array_equal(
        duplicate(classifier).initialize(3).parameters, classifier.initialize(3).parameters
    )


def test_parameters_are_pickled_once():
    network = Network([100, 100, 10], random_state=0)
    assert len(pickle.dumps(network)) < 1.1 * network.parameters.nbytes


def test_lists_of_layers_are_pickled_as_arrays_of_their_own(network):
    layers = pickle.loads(pickle.dumps(network.weights))
    assert type(layers) is list
    np.testing.assert_array_equal(layers[1], network.weights[1])


def test_a_network_loaded_as_a_memory_map_predicts(tmp_path, network, X):
    joblib.dump(network, tmp_path / "network.joblib")
    mapped = joblib.load(tmp_path / "network.joblib", mmap_mode="r")
    np.testing.assert_array_equal(mapped.predict(X), network.predict(X))
    np.testing.assert_array_equal(mapped.weights[1], network.weights[1])


def test_a_network_loaded_as_a_memory_map_is_not_trained(tmp_path, network, X, y):
    joblib.dump(network, tmp_path / "network.joblib")
    mapped = joblib.load(tmp_path / "network.joblib", mmap_mode="r")
    with pytest.raises(ValueError, match=r"parameters must be .*writable"):
        list(training.epochs(mapped, X, y, SGD(0.1), batch_size=2, max_epochs=1, rng=None))


def test_a_shallow_copy_shares_the_vector(network):
    twin = copy.copy(network)
    twin.weights[0][0, 0] = 9.0
    assert network.parameters[0] == twin.parameters[0] == 9.0


def test_astype_of_the_same_dtype_is_the_network_itself(network):
    assert network.astype("float64") is network


def test_astype_gives_a_rounded_copy(network, X):
    narrow = network.astype(np.float32)
    assert narrow.dtype == narrow.predict(X).dtype == np.float32
    np.testing.assert_array_equal(narrow.parameters, network.parameters.astype(np.float32))
    assert network.dtype == np.float64


# --- what passes give ----------------------------------------------------------------------------


def test_predictions_have_a_row_each_and_the_networks_dtype(dtype, X):
    network = Network([3, 4, 2], dtype=dtype, random_state=0)
    out = network.predict(X)
    assert (out.shape, out.dtype, out.flags.c_contiguous) == ((5, 2), dtype, True)


@pytest.mark.parametrize(
    ("output_activation", "loss", "low", "high"),
    [
        ("logistic", "binary_log_loss", 0.0, 1.0),
        ("softmax", "log_loss", 0.0, 1.0),
        ("exp", "poisson", 0.0, np.inf),
    ],
)
def test_outputs_lie_where_their_activation_puts_them(output_activation, loss, low, high, X):
    network = Network([3, 4, 2], output_activation=output_activation, loss=loss, random_state=0)
    out = network.predict(10 * X)
    assert np.all((low < out) & (out < high))


def test_probabilities_of_the_softmax_add_up_to_one(classifier, X):
    np.testing.assert_allclose(classifier.predict(100 * X).sum(axis=1), 1.0, rtol=1e-15)


def test_the_loss_is_a_python_float(network, X, y):
    assert type(network.loss(X, y)) is float


def test_the_gradient_is_laid_out_as_the_parameters(dtype, X, y):
    network = Network([3, 4, 2], dtype=dtype, random_state=0)
    gradient = network.gradient(X, y)
    assert (gradient.shape, gradient.dtype) == (network.parameters.shape, dtype)
    assert not np.shares_memory(gradient, network.parameters)


def test_backprop_shows_every_layer(dtype, X, y):
    inside = Network([3, 4, 2], dtype=dtype, random_state=0).backprop(X, y)
    shapes = {
        "activations": [(5, 3), (5, 4), (5, 2)],
        "deltas": [(5, 4), (5, 2)],
        "weight_gradients": [(3, 4), (4, 2)],
        "bias_gradients": [(4,), (2,)],
    }
    for name, expected in shapes.items():
        arrays = getattr(inside, name)
        assert [array.shape for array in arrays] == expected
        assert {array.dtype for array in arrays} == {dtype}


def test_backprop_agrees_with_predict_loss_and_gradient(classifier, X):
    y = np.array([0, 1, 1, 0, 1])
    inside = classifier.backprop(X, y)
    parts = zip(inside.weight_gradients, inside.bias_gradients, strict=True)
    gradient = np.concatenate([part.ravel() for pair in parts for part in pair])
    np.testing.assert_array_equal(inside.activations[-1], classifier.predict(X))
    np.testing.assert_array_equal(gradient, classifier.gradient(X, y))
    assert inside.loss == classifier.loss(X, y)


def test_results_of_backprop_outlive_the_next(network, X, y):
    first = network.backprop(X, y)
    kept = [array.copy() for array in [*first.activations, *first.deltas, *first.weight_gradients]]
    network.backprop(-X, 2 * y)
    for array, before in zip(
        [*first.activations, *first.deltas, *first.weight_gradients], kept, strict=True
    ):
        np.testing.assert_array_equal(array, before)


def test_passes_change_neither_data_nor_network(network, X, y):
    weight = np.arange(5.0)
    arrays = [X, y, weight, network.parameters]
    before = [array.copy() for array in arrays]
    network.backprop(X, y, weight)
    network.check_gradient(X, y, weight)
    for array, kept in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, kept)


# A 2-2-1 network of logistic units with a linear output, at x = (1, 2) and y = 3, L = ln 3:
#   z1 = (L/2 + 2 L - 3/2 L, L - 2 * 3/2 L + L) = (L, -L)        a1 = (3/4, 1/4)
#   z2 = 2 * 3/4 - 4 * 1/4 + 1/2 = 1                             C = (1 - 3)^2 / 2 = 2
#   (BP1) delta2 = 1 - 3 = -2
#   (BP2) delta1 = (2 delta2, -4 delta2) 3/4 1/4 = (-3/4, 3/2)
@pytest.fixture
def by_hand():
    network = Network([2, 2, 1], activation="logistic")
    network.weights = [LN3 * np.array([[0.5, 1.0], [1.0, -1.5]]), [[2.0], [-4.0]]]
    network.biases = [LN3 * np.array([-1.5, 1.0]), [0.5]]
    return network.backprop([[1.0, 2.0]], [[3.0]])


def test_activations_by_hand(by_hand, assert_close):
    assert_close(by_hand.activations, [[[1.0, 2.0]], [[3 / 4, 1 / 4]], [[1.0]]], 1e-15)


def test_loss_by_hand(by_hand):
    assert by_hand.loss == pytest.approx(2.0, rel=1e-14)


def test_deltas_by_hand(by_hand, assert_close):
    assert_close(by_hand.deltas, [[[-3 / 4, 3 / 2]], [[-2.0]]], 1e-14)


def test_bias_gradients_by_hand(by_hand, assert_close):
    assert_close(by_hand.bias_gradients, [[-3 / 4, 3 / 2], [-2.0]], 1e-14)


def test_weight_gradients_by_hand(by_hand, assert_close):
    expected = [[[-3 / 4, 3 / 2], [-3 / 2, 3.0]], [[-3 / 2], [-1 / 2]]]
    assert_close(by_hand.weight_gradients, [np.array(e) for e in expected], 1e-14)


def test_deltas_carry_their_rows_weight(network, X, y):
    weight = np.array([2.0, 0.0, 1.0, 0.5, 3.0])
    plain, weighted = network.backprop(X, y), network.backprop(X, y, weight)
    for one, other in zip(plain.deltas, weighted.deltas, strict=True):
        np.testing.assert_allclose(other, weight[:, None] * one, rtol=1e-13)


# --- checking the gradient -----------------------------------------------------------------------


@pytest.mark.parametrize(("output_activation", "loss"), PAIRS)
def test_check_gradient_is_small_where_the_gradient_is_right(output_activation, loss, X):
    network = Network(
        [3, 4, 2],
        activation="tanh",
        output_activation=output_activation,
        loss=loss,
        random_state=0,
    )
    y = np.array([0, 1, 1, 0, 1])
    y = y if loss == "log_loss" else np.column_stack([y, 1 - y]).astype(float)
    y = y + 0.5 if LOSSES[loss].above_lowest else y
    assert network.check_gradient(X, y, np.arange(1.0, 6.0)) < 1e-8


def test_check_gradient_of_float32_is_small_to_its_precision(X, y):
    network = Network([3, 4, 2], activation="tanh", dtype=np.float32, random_state=0)
    assert network.check_gradient(X, y) < 1e-5


@pytest.mark.parametrize("component", [0, 13, 25])
def test_check_gradient_is_large_where_one_component_is_wrong(
    network, X, y, component, monkeypatch
):
    right = network.gradient(X, y)

    def wrong(*arguments):
        gradient = right.copy()
        gradient[component] += 0.1 * np.abs(right).max()
        return gradient

    monkeypatch.setattr(network, "gradient", wrong)
    assert network.check_gradient(X, y) == pytest.approx(0.1, rel=0.2)


# --- data that simply works ----------------------------------------------------------------------


def every_other(array):
    return np.repeat(array, 2, axis=0)[::2]


def unaligned(array):
    memory = np.zeros(array.nbytes + 1, dtype=np.uint8)[1:]
    moved = memory.view(array.dtype).reshape(array.shape)
    moved[...] = array
    return moved


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


LAYOUTS = {
    "Fortran": np.asfortranarray,
    "strided": every_other,
    "reversed": lambda array: array[::-1].copy()[::-1],
    "read-only": read_only,
    "unaligned": unaligned,  # a memory map that starts at an odd byte
    "other byte order": lambda array: array.astype(array.dtype.newbyteorder()),
    "list": np.ndarray.tolist,
    "matrix of objects": lambda array: array.astype(object),
    "longdouble": lambda array: array.astype(np.longdouble),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_arrays_of_any_layout_simply_work(layout, network, X, y):
    weight = np.arange(1.0, 6.0)
    np.testing.assert_array_equal(network.predict(layout(X)), network.predict(X))
    np.testing.assert_array_equal(
        network.gradient(layout(X), layout(y), layout(weight)), network.gradient(X, y, weight)
    )


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint16", "bool", "float16", "float32"])
def test_numbers_of_any_dtype_simply_work(network, dtype):
    X = (np.arange(15).reshape(5, 3) % 2).astype(dtype)
    np.testing.assert_array_equal(network.predict(X), network.predict(X.astype(float)))


def test_data_frames_simply_work(network, X, y):
    frame, targets = pd.DataFrame(X, columns=list("abc")), pd.DataFrame(y)
    assert network.loss(frame, targets, pd.Series(np.ones(5))) == network.loss(X, y)


def test_an_array_of_a_subclass_simply_works(network, X):
    np.testing.assert_array_equal(network.predict(X.view(np.recarray)), network.predict(X))


@pytest.mark.parametrize("labels", ["int8", "int64", "uint64", "bool", "list", "series", "column"])
def test_integer_labels_of_any_kind_simply_work(classifier, X, labels):
    y = np.array([0, 1, 1, 0, 1])
    same = {
        "list": y.tolist(),
        "series": pd.Series(y),
        "column": y[:, None],
    }.get(labels)
    if same is None:
        same = y.astype(labels)
    assert classifier.loss(X, same) == classifier.loss(X, y)


@pytest.mark.parametrize("loss", ["squared_error", "binary_log_loss"])
def test_several_logistic_outputs_take_labels_for_ones_and_zeros(X, loss):
    network = Network([3, 4, 2], output_activation="logistic", loss=loss, random_state=0)
    labels, weight = np.array([0, 1, 1, 0, 1]), np.arange(1.0, 6.0)
    numbers = np.eye(2)[labels]
    assert network.loss(X, labels, weight) == network.loss(X, numbers, weight)
    np.testing.assert_array_equal(
        network.gradient(X, labels, weight), network.gradient(X, numbers, weight)
    )


def test_targets_of_one_output_may_be_a_vector(X):
    network = Network([3, 1], random_state=0)
    y = np.arange(5.0)
    assert network.loss(X, y) == network.loss(X, y[:, None])


# --- data that is refused ------------------------------------------------------------------------


def test_numbers_too_large_for_float32_are_refused():
    network = Network([1, 1], dtype=np.float32, random_state=0)
    with np.errstate(over="ignore"), pytest.raises(ValueError, match=r"infinity|too large"):
        network.predict(np.array([[1e300]]))


@pytest.mark.parametrize(
    ("output", "loss", "expected"),
    [("softmax", "log_loss", True), ("identity", "squared_error", False)],
)
def test_accuracy_is_measured_by_default_where_outputs_are_classes(output, loss, expected):
    network = Network([2, 2], output_activation=output, loss=loss, random_state=0)
    X, y = np.eye(2), np.array([0, 1]) if output == "softmax" else np.eye(2)
    history = network.fit(X, y, epochs=1, evaluation_data=(X, y))
    assert ("evaluation_accuracy" in history) == expected


@pytest.mark.parametrize("learning_rate", [0.1, 0.0])  # a schedule may bring it down to 0
@pytest.mark.parametrize(
    "optimizer", [SGD(0.1, momentum=1.0), SGD(0.1, momentum=0.0), Adam(0.1, beta_1=0.0, beta_2=0.0)]
)
def test_ends_of_the_intervals_are_in_them_where_it_is_said(optimizer, learning_rate):
    network, optimizer = Network([2, 2], random_state=0), copy.deepcopy(optimizer)
    before = network.parameters.copy()
    optimizer.learning_rate = learning_rate
    network.fit(np.eye(2), np.eye(2), epochs=2, optimizer=optimizer)
    assert np.isfinite(network.parameters).all()
    assert (network.parameters == before).all() == (learning_rate == 0)
