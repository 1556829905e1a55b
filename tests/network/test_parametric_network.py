"""Does a network with parametric activations keep them wherever it goes?"""

import copy
import pickle
import warnings

import numpy as np
import pytest

import cbackprop
import cbackprop.onnx
from cbackprop import Adam, AdamW, Checkpoint, MLPRegressor, Network
from cbackprop.files import container, registry
from cbackprop.optimizers import Group
from cbackprop.schedules import CosineLog


@pytest.fixture
def network():
    """Whose activation weights are not ones."""
    made = Network([3, 5, 1, 2], activation="mish", parametric_activation=True, random_state=0)
    for own in made.activation_weights:
        own[...] = np.random.default_rng(0).uniform(0.0, 2.0, own.shape)
    return made


X = np.random.default_rng(1).normal(size=(20, 3))
Y = np.random.default_rng(2).normal(size=(20, 2))


def test_activation_weights_begin_as_ones_behind_the_biases_of_hidden_layers():
    network = Network([3, 5, 1, 2], parametric_activation=True, random_state=0)
    assert [own.shape for own in network.activation_weights] == [(5,), (1,)]
    assert network.parameters.size == (3 + 2) * 5 + (5 + 2) * 1 + (1 + 1) * 2
    np.testing.assert_array_equal(network.parameters[20:25], 1.0)
    assert np.shares_memory(network.parameters, network.activation_weights[1])
    plain = Network([3, 5, 1, 2], random_state=0)
    for ours, theirs in zip(
        network.weights + network.biases, plain.weights + plain.biases, strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert plain.activation_weights == []
    network.activation_weights[0][...] = 3.0
    network.initialize(0)
    np.testing.assert_array_equal(network.activation_weights[0], 1.0)


def test_a_network_without_hidden_layers_has_none():
    network = Network([3, 2], parametric_activation=True)
    assert network.activation_weights == []
    assert network.parameters.size == 8
    network.fit(X, Y, optimizer=Adam(groups=[Group()]), epochs=1)


def test_activation_weights_can_be_assigned(network):
    network.activation_weights = [[1.0, 2.0, 3.0, 4.0, 5.0], [6.0]]
    network.activation_weights[1] = [7.0]
    np.testing.assert_array_equal(network.parameters[20:25], [1, 2, 3, 4, 5])
    assert network.activation_weights[1].item() == 7.0
    with pytest.raises(
        ValueError, match=r"activation_weights must have the shapes .*\(5,\), \(1,\)"
    ):
        network.activation_weights = [[1.0]]


@pytest.mark.parametrize("bad", ["yes", 1, None])
def test_what_is_no_truth_value_is_refused(bad):
    with pytest.raises(TypeError, match="parametric_activation must be True or False, got"):
        Network([3, 2], parametric_activation=bad)


COPIES = {
    "copy": lambda network: network.copy(),
    "copy.deepcopy": copy.deepcopy,
    "pickle": lambda network: pickle.loads(pickle.dumps(network)),
    "astype": lambda network: network.astype(np.float32).astype(np.float64),
}


@pytest.mark.parametrize("how", COPIES)
def test_copies_have_their_own(how, network):
    other = COPIES[how](network)
    np.testing.assert_allclose(other.parameters, network.parameters, rtol=1e-7)
    assert repr(other) == repr(network)
    assert "parametric_activation=True" in repr(other)
    other.activation_weights[0][...] = 0.0
    assert np.abs(other.predict(X) - network.predict(X)).max() > 1e-3
    assert network.activation_weights[0].all()


def test_loaded_networks_predict_the_same_bits(network, tmp_path):
    network.save(tmp_path / "network")
    again = cbackprop.load(tmp_path / "network")
    assert again.parametric_activation
    np.testing.assert_array_equal(again.predict(X), network.predict(X))
    again.fit(X, Y, epochs=1)


def test_plain_networks_are_in_files_as_they_were():
    """So that earlier versions read them."""
    about, _ = registry.content_of(Network([3, 2]))
    assert "parametric_activation" not in about["network"]


@pytest.mark.parametrize("forged", ["yes", 3, [True], False])
def test_a_file_that_says_something_else_is_refused(forged, network, tmp_path):
    about, tensors = registry.content_of(network)
    about["network"]["parametric_activation"] = forged
    path = tmp_path / "network"
    container.write(path, about, tensors)
    with pytest.raises((container.ModelFileError, ValueError, TypeError)):
        cbackprop.load(path)


def test_three_groups_come_back_from_a_file(network, tmp_path):
    groups = [
        (Group(), Group(0.1, decay=0.0), Group(0.2, 0.3, 0.4)),
        Group(2.0),
        (Group(), Group()),
    ]
    AdamW(groups=groups).save(tmp_path / "adamw")
    assert cbackprop.load(tmp_path / "adamw").groups == AdamW(groups=groups).groups


@pytest.mark.parametrize(
    ("groups", "error", "words"),
    [
        ([(Group(),) * 3] * 3, ValueError, r"groups\[0\] has three Groups.*parametric_activation"),
        ([(Group(),) * 4] * 3, TypeError, r"groups\[0\] must be a Group or a pair"),
        ([(Group(),)] * 3, TypeError, r"groups\[0\] must be a Group or a pair"),
    ],
)
def test_groups_that_do_not_fit_are_named(groups, error, words):
    with pytest.raises(error, match=words):
        Network([3, 5, 1, 2]).fit(X, Y, optimizer=Adam(groups=groups))


def test_summary_counts_them(network):
    lines = str(network.summary()).splitlines()
    assert lines[1].split()[-4:] == ["parametric", "mish", "25", "200"]
    assert lines[3].split()[-3:] == ["identity", "4", "32"]
    assert lines[-1].split() == ["total", "36", "288"]
    assert "parametric mish" in network.summary()._repr_html_()


def test_logits_and_hidden_activations_are_those_of_the_whole(network):
    network = Network(
        [3, 5, 4, 2], activation="silu", parametric_activation=True, output_activation="softmax",
        loss="log_loss", random_state=0,
    )  # fmt: skip
    for own in network.activation_weights:
        own[...] = 0.3
    z = network.activations(X)[2] @ network.weights[2] + network.biases[2]
    np.testing.assert_allclose(network.logits(X), z, rtol=1e-12)
    f = 1 / (1 + np.exp(-(X @ network.weights[0] + network.biases[0])))
    z = X @ network.weights[0] + network.biases[0]
    np.testing.assert_allclose(network.activations(X)[1], z + 0.3 * (z * f - z), rtol=1e-12)


def test_a_resumed_fit_ends_with_the_same_bits(tmp_path):
    def fit(callbacks):
        made = Network([3, 5, 4, 2], activation="mish", parametric_activation=True, random_state=0)
        optimizer = AdamW(0.01, schedule=CosineLog(), groups=[(Group(), Group(), Group(0.1))] * 3)
        made.fit(
            X, Y, epochs=5, optimizer=optimizer, dropout=0.2, random_state=0, callbacks=callbacks
        )
        return made.parameters

    def killed(_, history):
        if history.epochs == 3:
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        fit([Checkpoint(tmp_path / "fit"), killed])
    resumed = fit([Checkpoint(tmp_path / "fit", resume=True)])
    np.testing.assert_array_equal(resumed, fit([]))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("activation", ["mish", "selu", "relu", "gelu", "tanh"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_onnx_graphs_have_them(activation, dtype):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("skl2onnx")
    rows = X.astype(dtype)
    model = MLPRegressor(hidden_layer_sizes=(5, 4), activation=activation, max_iter=1).fit(
        rows, Y.astype(dtype)
    )
    made = Network(
        [3, 5, 4, 2], activation=activation, parametric_activation=True, dtype=dtype, random_state=0
    )
    for own in made.activation_weights:
        own[...] = np.linspace(-0.5, 1.5, own.size)
    model.network_ = made
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the packages themselves
        from skl2onnx import to_onnx

        cbackprop.onnx.register()
        data = to_onnx(model, rows[:1]).SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    (predicted,) = session.run(None, {"X": rows})
    np.testing.assert_allclose(predicted, made.predict(rows), rtol=1e-4, atol=1e-5)
