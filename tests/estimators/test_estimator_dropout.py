"""Dropout of the estimators: seeded, off where the network is used, and gone on with."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV

import cbackprop
from cbackprop import Adam, Checkpoint, MLPClassifier, MLPRegressor, reference
from cbackprop.callbacks.checkpoint import OtherFitError
from cbackprop.training import undo

X, y = load_iris(return_X_y=True)
NUMBERS = X[:, 0]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def classifier(**settings):
    given = {"hidden_layer_sizes": (12, 7), "max_iter": 6, "random_state": 0, "dropout": 0.3}
    return MLPClassifier(**{**given, **settings})


def seed_after(draws):
    """What a fit of `classifier` draws behind its first parameters."""
    rng = np.random.RandomState(0)
    for n_in, n_out in draws:
        rng.uniform(size=(n_in, n_out)), rng.uniform(size=n_out)
    return int(rng.randint(2**62, dtype=np.int64))


@pytest.mark.parametrize("dropout", [0.3, [0.3, 0.0], np.array([0.1, 0.6])])
def test_a_fit_is_the_references_by_the_seed_it_has_drawn(dropout):
    model = classifier(dropout=dropout, shuffle=False, batch_size=32, max_iter=3, epsilon=1e-4)
    start = classifier(shuffle=False, max_iter=1, solver="sgd", learning_rate_init=1e-300)
    start.fit(X, y)
    model.fit(X, y)
    assert model._mask_seed == seed_after([(4, 12), (12, 7), (7, 3)])
    weights, biases = start.network_.copy().weights, start.network_.copy().biases
    losses = reference.train(
        weights, biases, X, y, optimizer=reference.Adam(0.001, epsilon=1e-4), epochs=3,
        batch_size=32, permutations=[np.arange(150)] * 3, activation="relu",
        output_activation="softmax", loss="log_loss", alpha=1e-4,
        dropout=np.broadcast_to(dropout, 2).tolist(), mask_seed=model._mask_seed,
    )  # fmt: skip
    for actual, expected in zip(model.coefs_ + model.intercepts_, weights + biases, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-10)
    np.testing.assert_allclose(model.loss_curve_, losses, rtol=1e-9)


@pytest.mark.parametrize("off", [None, 0.0, 0, [0.0, 0.0]])
def test_without_it_nothing_is_drawn_and_every_bit_is_as_before(off):
    rng, other = np.random.RandomState(5), np.random.RandomState(5)
    with_off = classifier(dropout=off, random_state=rng).fit(X, y)
    plain = MLPClassifier((12, 7), max_iter=6, random_state=other).fit(X, y)
    assert_array_equal(with_off.network_.parameters, plain.network_.parameters)
    assert str(rng.get_state()) == str(other.get_state())
    assert "_mask_seed" not in vars(with_off)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_any_number_of_threads_fits_the_same_model(solver, early_stopping):
    settings = {"solver": solver, "early_stopping": early_stopping}
    first, *others = [classifier(n_jobs=n, **settings).fit(X, y) for n in (1, 2, 3)]
    for other in others:
        assert_array_equal(other.network_.parameters, first.network_.parameters)
        assert other.loss_curve_ == pytest.approx(first.loss_curve_, rel=1e-12)


def test_predictions_and_scores_are_of_the_whole_network():
    model = classifier().fit(X, y)
    weights, biases = model.coefs_, model.intercepts_
    expected = reference.forward(weights, biases, X, output_activation="softmax")[-1]
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-12)
    assert_array_equal(model.predict_proba(X), model.predict_proba(X))
    stopped = classifier(early_stopping=True, max_iter=1).fit(X, y)
    assert stopped.validation_scores_[0] * 15 == pytest.approx(
        round(stopped.validation_scores_[0] * 15)
    )


def test_other_seeds_leave_out_others():
    fits = [classifier(random_state=seed, shuffle=False).fit(X, y) for seed in (0, 0, 1)]
    assert_array_equal(fits[0].network_.parameters, fits[1].network_.parameters)
    assert fits[0]._mask_seed != fits[2]._mask_seed


# --- partial fits, warm starts, copies -----------------------------------------------------------


def parts(model, n=4):
    for _ in range(n):
        model.partial_fit(X, y, classes=np.arange(3))
    return model


def test_partial_fits_are_the_epochs_of_a_fit():
    settings = {"shuffle": False, "max_iter": 4}
    whole, by_parts = classifier(**settings).fit(X, y), parts(classifier(**settings))
    assert_array_equal(by_parts.network_.parameters, whole.network_.parameters)
    assert by_parts.loss_curve_ == whole.loss_curve_


@pytest.mark.parametrize("copied", ["pickle", "deepcopy", "file"])
def test_a_copy_goes_on_as_the_original_does(copied, tmp_path):
    model = parts(classifier(random_state=np.random.RandomState(3), shuffle=False))
    if copied == "file":
        model.save(tmp_path / "model")
        other = cbackprop.load(tmp_path / "model")
    else:
        other = copy.deepcopy(model) if copied == "deepcopy" else pickle.loads(pickle.dumps(model))
    assert other._mask_seed == model._mask_seed
    assert_array_equal(parts(other).network_.parameters, parts(model).network_.parameters)


def test_partial_fits_draw_their_seed_once():
    rng = np.random.RandomState(3)
    model = parts(classifier(random_state=rng, shuffle=False), 1)
    seed, state = model._mask_seed, str(rng.get_state())
    parts(model)
    assert (model._mask_seed, str(rng.get_state())) == (seed, state)


def test_dropout_can_be_put_on_and_off_between_partial_fits():
    model = parts(classifier(dropout=None), 2).set_params(dropout=0.5)
    assert parts(model, 1)._mask_seed >= 0
    assert "_mask_seed" not in vars(parts(model.set_params(dropout=None), 1))


def test_a_warm_start_goes_on_with_a_seed_of_its_own():
    rng = np.random.RandomState(3)
    model = classifier(warm_start=True, random_state=rng).fit(X, y)
    first = model._mask_seed
    assert model.fit(X, y)._mask_seed != first
    assert np.isfinite(model.loss_)


def test_a_warm_start_by_lbfgs_forgets_it():
    model = classifier(warm_start=True).fit(X, y)
    model.set_params(solver="lbfgs", dropout=None).fit(X, y)
    assert "_mask_seed" not in vars(model)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_step_that_is_rehearsed_has_the_bits_of_one_that_is_not(solver, n_jobs, monkeypatch):
    rows = np.random.default_rng(0).normal(size=(40, 300))
    monkeypatch.setattr(undo, "LARGE", 1 << 10)

    def fitted():
        model = MLPRegressor(
            hidden_layer_sizes=(50, 30), solver=solver, dropout=[0.5, 0.2], random_state=0,
            activation="tanh", n_jobs=n_jobs,
        )  # fmt: skip
        for _ in range(3):
            model.partial_fit(rows, rows[:, 0])
        return model

    patient = fitted()
    monkeypatch.setattr(undo, "PATIENCE", False)
    plain = fitted()
    assert_array_equal(patient.network_.parameters, plain.network_.parameters)
    assert patient.loss_curve_ == plain.loss_curve_


# --- checkpoints and files -----------------------------------------------------------------------


class Killed(Exception):
    pass


def killed_in(epoch):
    def callback(model, history):
        if history.epochs == epoch:
            raise Killed

    return callback


@pytest.mark.parametrize("random_state", [0, "own"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_a_resumed_fit_is_one_that_was_not_interrupted(random_state, shuffle, tmp_path):
    def model():
        mine = np.random.RandomState(7) if random_state == "own" else random_state
        return classifier(random_state=mine, shuffle=shuffle, max_iter=9)

    path = tmp_path / "checkpoint"
    whole = model().fit(X, y)
    with pytest.raises(Killed):
        model().fit(X, y, callbacks=[Checkpoint(path), killed_in(4)])
    resumed = model()
    if random_state == "own":
        resumed.random_state.uniform(size=5)  # it has gone on in the meantime
    resumed.fit(X, y, callbacks=[Checkpoint(path, resume=True)])
    assert resumed._mask_seed == whole._mask_seed
    assert_array_equal(resumed.network_.parameters, whole.network_.parameters)
    assert resumed.loss_curve_ == whole.loss_curve_


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_networks_resumed_fit_is_one_that_was_not_interrupted(shuffle, tmp_path):
    def fitted(*callbacks):
        network = cbackprop.Network([4, 9, 7, 3], output_activation="softmax", loss="log_loss",
                                    random_state=0)  # fmt: skip
        rng = np.random.RandomState(3)
        network.fit(X, y, optimizer=Adam(), epochs=8, dropout=[0.5, 0.1], shuffle=shuffle,
                    random_state=rng, callbacks=callbacks)  # fmt: skip
        return network.parameters

    path = tmp_path / "checkpoint"
    whole = fitted()
    with pytest.raises(Killed):
        fitted(Checkpoint(path), killed_in(5))
    assert_array_equal(fitted(Checkpoint(path, resume=True)), whole)


@pytest.mark.parametrize("other", [None, 0.2, [0.3, 0.3]])
def test_a_fit_with_other_dropout_is_another_fit(other, tmp_path):
    path = tmp_path / "checkpoint"
    classifier().fit(X, y, callbacks=[Checkpoint(path)])
    with pytest.raises(OtherFitError, match=r"dropout = 0\.3, not"):
        classifier(dropout=other).fit(X, y, callbacks=[Checkpoint(path, resume=True)])


def test_a_networks_fit_with_other_dropout_is_another_fit(tmp_path):
    path, network = tmp_path / "checkpoint", cbackprop.Network([4, 5, 1], random_state=0)
    network.copy().fit(X, NUMBERS, dropout=0.5, random_state=0, callbacks=[Checkpoint(path)])
    with pytest.raises(OtherFitError, match=r"dropout = \[0.5\], not None"):
        network.fit(X, NUMBERS, random_state=0, callbacks=[Checkpoint(path, resume=True)])


def test_a_fitted_network_is_a_plain_one(tmp_path):
    model = classifier().fit(X, y)
    model.network_.save(tmp_path / "network")
    loaded = cbackprop.load(tmp_path / "network")
    assert_array_equal(loaded.predict(X), model.predict_proba(X))
    assert vars(loaded).keys() == vars(cbackprop.Network([2, 1])).keys()


def test_files_say_nothing_of_dropout_that_is_off(tmp_path):
    path = tmp_path / "model"
    classifier(dropout=None).fit(X, y).save(path)
    assert b"dropout" not in path.read_bytes()
    classifier(dropout=[0.2, 0.1]).fit(X, y).save(path)
    assert cbackprop.load(path).dropout == [0.2, 0.1]


def test_sklearn_is_not_told_of_what_it_has_not():
    with pytest.raises(ValueError, match=r"no parameter 'dropout', which is 0\.3 here"):
        classifier().fit(X, y).to_sklearn()
    assert classifier(dropout=0.0).fit(X, y).to_sklearn().predict(X).shape == y.shape


# --- around it -----------------------------------------------------------------------------------


def test_an_error_leaves_the_users_random_state():
    rng = np.random.RandomState(5)
    before = str(rng.get_state())

    def fails(model, history):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        classifier(random_state=rng).fit(X, y, callbacks=[fails])
    assert str(rng.get_state()) == before
    network = cbackprop.Network([4, 5, 1], random_state=0)
    with pytest.raises(RuntimeError):
        network.fit(X, NUMBERS, dropout=0.5, random_state=rng, callbacks=[fails])
    assert str(rng.get_state()) == before


def test_a_search_may_choose_it():
    search = GridSearchCV(classifier(max_iter=2), {"dropout": [None, 0.1, [0.2, 0.0]]}, cv=2)
    assert search.fit(X, y).best_params_["dropout"] in (None, 0.1, [0.2, 0.0])
    assert clone(search.best_estimator_).dropout == search.best_params_["dropout"]


def test_a_regressor_learns_with_it():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 5))
    model = MLPRegressor(
        hidden_layer_sizes=(64,), dropout=0.1, max_iter=200, learning_rate_init=0.01, random_state=0
    )
    assert model.fit(rows, rows @ np.arange(5)).score(rows, rows @ np.arange(5)) > 0.95
