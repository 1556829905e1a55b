"""Are the published settings those that were published, and do recipes do what they say?"""

import numpy as np
import pandas as pd
import pytest

import cbackprop
from cbackprop.tabular import TabularClassifier, TabularRegressor
from cbackprop.tabular.recipes import RECIPES
from cbackprop.training import epochs

RNG = np.random.default_rng(0)
X = pd.DataFrame(
    {
        "a": RNG.normal(size=300),
        "b": RNG.integers(0, 3, 300).astype(float),
        "c": RNG.choice(list("uvw"), 300),
        "d": RNG.choice([f"value {i}" for i in range(20)], 300),
    }
)
Y = X["a"].to_numpy() + 0.1 * RNG.normal(size=300)
LABELS = np.where(Y > 0, "up", "down")
PRESETS = {"td": cbackprop.presets.realmlp_td, "td_s": cbackprop.presets.realmlp_td_s}


def fitted(preset, kind, **options):
    cls, y = {"classes": (TabularClassifier, LABELS), "numbers": (TabularRegressor, Y)}[kind]
    given = {**PRESETS[preset], "max_epochs": 1, "random_state": 0, **options}
    return cls(**given).fit(X, y)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_have_the_published_sizes(preset):
    given = PRESETS[preset]
    assert given["hidden_layer_sizes"] == (256, 256, 256)
    assert (given["max_epochs"], given["batch_size"], given["n_members"]) == (256, 256, 1)
    td = TabularClassifier(**PRESETS["td"])
    assert (td.dropout, td.weight_decay, td.label_smoothing) == (0.15, 0.02, "auto")


@pytest.mark.parametrize(
    ("preset", "kind", "activation", "rate"),
    [
        ("td", "classes", "selu", 0.04),
        ("td", "numbers", "mish", 0.2),
        ("td_s", "classes", "selu", 0.04),
        ("td_s", "numbers", "mish", 0.07),
    ],
)
def test_activation_and_rate_are_those_of_the_task(preset, kind, activation, rate):
    model = fitted(preset, kind)
    assert model.networks_[0].activation == activation
    assert model.settings_["learning_rate"] == rate


def test_td_has_waves_an_embedding_of_many_values_factors_and_activation_weights():
    network = fitted("td", "classes").networks_[0]
    kinds = [type(e).__name__ for e in network.embeddings]
    assert kinds == ["Periodic", "Periodic", "NoneType", "NoneType", "NoneType", "Category"]
    assert [e.width for e in network.embeddings if e] == [4, 4, 8]
    assert network.input_scaling
    assert network.parametric_activation
    assert network.layer_sizes[-1] == 2  # a softmax of two classes, too


def test_td_s_has_one_hot_columns_whatever_their_number_and_nothing_embedded():
    network = fitted("td_s", "numbers").networks_[0]
    assert network.embeddings is None
    assert network.layer_sizes[0] == 2 + 3 + 20
    assert network.input_scaling
    assert not network.parametric_activation


@pytest.mark.parametrize("preset", PRESETS)
def test_rates_and_decays_of_all_parameters_are_the_published_ones(preset):
    """What a step does to each group, in the parametrisation that trains W of deviation 1."""
    network = fitted(preset, "classes").networks_[0]
    optimizer = RECIPES[f"realmlp_{preset}"].optimizer_for(
        network, learning_rate=0.04, weight_decay=0.02
    )
    assert (optimizer.beta_1, optimizer.beta_2, optimizer.epsilon) == (0.9, 0.95, 1e-8)
    rates, decays = [], []
    for groups, n_in in zip(optimizer.groups, network.plan["n_in"], strict=False):
        weights, biases, *activation = groups
        root = np.sqrt(n_in)
        np.testing.assert_allclose(weights.rate * root, 1.0)
        np.testing.assert_allclose(weights.epsilon / root, 1.0)
        assert (biases.rate, biases.decay) == (0.1, 0.0)
        if preset == "td":
            np.testing.assert_allclose(weights.rate * weights.decay, 1.0)
        rates += [group.rate for group in activation]
        decays += [group.rate * group.decay for group in activation]
    np.testing.assert_allclose(rates, [0.1] * (3 if preset == "td" else 0))
    np.testing.assert_allclose(decays, [0.01] * (3 if preset == "td" else 0))
    before = [pair[0] for pair in optimizer.groups[len(network.plan) :]]
    assert before[-1].rate == 6.0
    np.testing.assert_allclose(before[-1].rate * before[-1].decay, 36.0)  # the square
    if preset == "td":
        assert [group.rate for group in before[:-1]] == [0.1, 0.1, 1.0, 1.0, 1.0, 1.0]
        np.testing.assert_allclose(before[0].rate * before[0].decay, 0.01)
        assert optimizer.decay_schedule([0.75]).tolist() == pytest.approx([0.5])
    assert optimizer.schedule([0.01, 0.1, 0.3]).tolist() == pytest.approx(
        [0.350381262, 0.718354688, 0.983844427]
    )


def test_td_s_starts_with_a_last_layer_of_zeros():
    """Then the first epoch's loss begins at that of knowing nothing."""
    seen = []
    model = TabularClassifier(**{**PRESETS["td_s"], "max_epochs": 1}, learning_rate=1e-12)
    model.set_params(random_state=0, label_smoothing=0.0)
    model.fit(X, LABELS, callbacks=[lambda m, history: seen.append(history["cost"][-1])])
    assert seen[0] == pytest.approx(np.log(2), rel=1e-6)
    assert not model.networks_[0].weights[-1].any()


def test_td_starts_with_units_of_deviation_one():
    model = fitted("td", "classes", learning_rate=1e-12, batch_size=1024)
    network = model.networks_[0]
    z = network.logits(model.encoder_.transform(X))
    np.testing.assert_allclose(z.std(axis=0), 1.0, rtol=0.3)  # of the rows trained on, four fifths


def test_an_epoch_of_the_published_ones_leaves_the_smaller_mini_batch_out():
    network = cbackprop.Network([2, 1], random_state=0)
    rows, y = RNG.normal(size=(23, 2)), np.ones((23, 1))
    for batch_size, steps in ((5, 4), (23, 1), (30, 1), (8, 2)):
        optimizer = cbackprop.SGD(0.01)
        run = epochs(
            network, rows, y, optimizer, batch_size=min(batch_size, 23), max_epochs=3,
            rng=np.random.RandomState(0), drop_last=True,
        )  # fmt: skip
        list(run)
        assert optimizer.n_steps == 3 * steps


def test_td_s_predicts_beyond_the_targets_and_td_does_not():
    bounded = np.minimum(Y, 0.0)
    td, td_s = (
        TabularRegressor(**{**given, "max_epochs": 20}, random_state=0).fit(X, bounded).predict(X)
        for given in PRESETS.values()
    )
    assert td.max() <= 0.0
    assert td_s.max() > 0.0


@pytest.mark.parametrize("preset", PRESETS)
def test_a_saved_one_predicts_the_same(preset, tmp_path):
    model = fitted(preset, "numbers", max_epochs=2)
    model.save(tmp_path / "model")
    again = cbackprop.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.get_params() == model.get_params()


def test_an_unknown_recipe_is_named():
    with pytest.raises(ValueError, match="recipe"):
        TabularClassifier(recipe="tabm").fit(X, LABELS)
