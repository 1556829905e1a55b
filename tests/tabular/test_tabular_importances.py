"""feature_importances_: how much of the first layer each column of the table makes up."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectFromModel
from tiny_tables import LABELS, NUMBERS, X, both, classifier, regressor

import cbackprop
from cbackprop import Network
from cbackprop.tabular import TableEncoder
from cbackprop.tabular.importances import spreads_of


def mixed(n=120):
    """Numbers with holes, a constant, few and many categories, two values, holes alone."""
    rng = np.random.default_rng(1)
    made = np.empty((n, 7), dtype=object)
    made[:, 0] = [f"c{i}" for i in rng.integers(40, size=n)]
    made[:, 1] = X[:n, 0]
    made[::5, 1] = None
    made[:, 2] = 7.0
    made[:, 3] = rng.choice(["a", "b"], size=n)
    made[:, 4] = X[:n, 1]
    made[:, 5] = rng.choice(["x", "y", "z"], size=n)
    made[:, 6] = None
    return made


@pytest.mark.parametrize("numbers", ["scaled", "piecewise"])
@pytest.mark.parametrize("max_one_hot", [None, 8])
def test_the_encoder_knows_where_its_columns_come_from(numbers, max_one_hot):
    encoder = TableEncoder(numbers=numbers, max_one_hot=max_one_hot).fit(mixed())
    sources, names = encoder.sources_, encoder.get_feature_names_out()
    assert sources.shape == (encoder.transform(mixed()).shape[1],)
    assert sources.tolist() == [int(name.split("_")[0][1:]) for name in names]
    with pytest.raises(NotFittedError):
        TableEncoder().sources_  # noqa: B018


@pytest.mark.parametrize("embedding", ["piecewise", "periodic", None])
@pytest.mark.parametrize("kind", [0, 1])
def test_they_are_shares_and_constant_columns_have_none(kind, embedding):
    model, y = both(embedding=embedding)[kind]
    found = model.fit(mixed(), y).feature_importances_
    assert found.shape == (model.n_features_in_,)
    assert found.sum() == pytest.approx(1.0)
    assert found[2] == found[6] == 0.0
    assert (found[[0, 1, 3, 4, 5]] > 0).all()


@pytest.mark.parametrize("embedding", ["piecewise", "periodic", None])
def test_they_are_what_their_documentation_says(embedding):
    model = regressor(max_epochs=2, embedding=embedding).fit(mixed(), NUMBERS)
    encoded = model.encoder_.transform(mixed())
    sources = model.encoder_.sources_
    shares = []
    for network in model.networks_:
        inputs = network.activations(encoded)[0].astype(float)
        kinds = network.embeddings or [None] * len(sources)
        widths = [1 if kind is None else kind.width for kind in kinds]
        assert inputs.shape[1] == sum(widths)
        weights = network.weights[0] * inputs.std(axis=0)[:, np.newaxis]
        lengths = [np.linalg.norm(weights[np.repeat(sources, widths) == i]) for i in range(7)]
        shares.append(np.array(lengths) / sum(lengths))
    expected = np.mean(shares, axis=0)
    np.testing.assert_allclose(model.feature_importances_, expected, rtol=1e-4, atol=1e-7)


def test_of_many_rows_some_say_it():
    rows = np.resize(X, (20_000, 3)).astype(np.float32)
    networks = [Network([3, 2, 1], dtype=np.float32, random_state=0)]
    (spread,) = spreads_of(networks, rows)
    np.testing.assert_allclose(spread, rows[::3].astype(float).std(axis=0), rtol=1e-10)


def test_there_are_none_while_a_fit_runs():
    seen = []
    model = classifier().fit(X, LABELS)
    note = lambda model, _: seen.append(hasattr(model, "feature_importances_"))  # noqa: E731
    model.fit(X, LABELS, callbacks=[note])
    assert not any(seen)
    assert hasattr(model, "feature_importances_")


def test_a_column_that_matters_has_more_than_noise():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(400, 5))
    y = np.sin(2.0 * table[:, 1]) + 2.0 * table[:, 3]
    model = regressor(max_epochs=60, hidden_layer_sizes=(32,), embedding=None).fit(table, y)
    assert set(np.argsort(model.feature_importances_)[-2:]) == {1, 3}


def test_a_table_that_never_changes_has_none_at_all():
    model = classifier().fit(np.ones((120, 2)), LABELS)
    assert model.feature_importances_.tolist() == [0.0, 0.0]


def test_they_come_back_from_a_file_and_select_columns(tmp_path):
    model = classifier().fit(mixed(), LABELS)
    model.save(tmp_path / "model")
    other = cbackprop.load(tmp_path / "model")
    np.testing.assert_array_equal(other.feature_importances_, model.feature_importances_)
    chosen = SelectFromModel(regressor(), threshold="mean").fit(X, NUMBERS)
    assert 0 < chosen.get_support().sum() < 3


def test_what_is_not_fitted_has_none():
    with pytest.raises(NotFittedError):
        classifier().feature_importances_  # noqa: B018
    assert not hasattr(regressor(), "feature_importances_")


# What 'auto' has become.


@pytest.mark.parametrize(
    ("n", "params", "expected"),
    [
        (120, {}, (64, 64)),
        (3000, {}, (64, 128)),
        (120, {"batch_size": 7, "max_epochs": 3}, (3, 7)),
    ],
)
def test_what_was_chosen_can_be_asked_for(n, params, expected):
    few = {"n_members": 1, "hidden_layer_sizes": (2,), "embedding": None}
    rows = np.resize(X, (n, 3))
    params = {"max_epochs": "auto", **few, **params}
    stop = [lambda *_: True]
    model = classifier(**params).fit(rows, np.resize(LABELS, n), callbacks=stop)
    epochs, batch = expected
    assert model.settings_ == {
        "max_epochs": epochs,
        "batch_size": batch,
        "learning_rate": 0.04,
        "label_smoothing": 0.1,
    }
    other = regressor(**params).fit(rows, np.resize(NUMBERS, n), callbacks=stop)
    assert other.settings_ == {"max_epochs": epochs, "batch_size": batch, "learning_rate": 0.1}


@pytest.mark.parametrize(("scoring", "expected"), [("accuracy", 0.1), ("loss", 0.0)])
def test_labels_are_smoothed_where_accuracy_chooses(scoring, expected, tmp_path):
    model = classifier(scoring=scoring).fit(X, LABELS)
    assert model.settings_["label_smoothing"] == expected
    model.save(tmp_path / "model")
    assert cbackprop.load(tmp_path / "model").settings_ == model.settings_
