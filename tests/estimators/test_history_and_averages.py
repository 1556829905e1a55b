"""`history_`, and averages of parameters: what the epochs of a fit leave."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_digits

import cbackprop
from cbackprop import Checkpoint, MLPClassifier, MLPRegressor
from cbackprop.training.averaging import EMA, SWA

X, y = (array[:500] for array in load_digits(return_X_y=True))
X = X / 16
VALID = {"X_val": X[400:], "y_val": y[400:]}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def classifier(**options):
    settings = {"max_iter": 9, "random_state": 0, "learning_rate_init": 0.01, "tol": 0.0}
    return MLPClassifier((10,), **{**settings, **options})


def vectors_of(model, *data, **given):
    """The parameters after every epoch, as they are trained."""
    kept = []
    model.fit(*data, **given, callbacks=[lambda m, _: kept.append(m.network_.parameters.copy())])
    return np.array(kept)


# Averages.


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("decay", [0.1, 0.9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ema_is_that_of_a_numpy_loop(dtype, decay, solver):
    model = classifier(ema_decay=decay, solver=solver)
    vectors = vectors_of(model, X.astype(dtype), y)
    expected = vectors[0].astype(float)
    for vector in vectors[1:]:
        expected = decay * expected + (1 - decay) * vector
    tolerance = 1e-6 if dtype == np.float32 else 1e-14
    np.testing.assert_allclose(model.network_.parameters, expected, rtol=0, atol=tolerance)
    assert model.network_.dtype == dtype


@pytest.mark.parametrize("epochs", [1, 3, 9, 50])
def test_swa_is_the_mean_of_the_last_epochs(epochs):
    model = classifier(swa_epochs=epochs)
    vectors = vectors_of(model, X, y)
    mean = vectors[-epochs:].mean(axis=0)
    np.testing.assert_allclose(model.network_.parameters, mean, rtol=0, atol=1e-14)


def test_training_goes_on_from_what_is_trained_and_not_from_averages():
    np.testing.assert_array_equal(
        vectors_of(classifier(ema_decay=0.9), X, y), vectors_of(classifier(), X, y)
    )


@pytest.mark.parametrize("average", [{"ema_decay": 0.7}, {"swa_epochs": 3}])
def test_early_stopping_judges_and_keeps_averages(average):
    model = classifier(early_stopping=True, max_iter=30, **average)
    vectors = vectors_of(model, X[:400], y[:400], **VALID)
    way = EMA(0.7) if "ema_decay" in average else SWA(3)
    kept, network, scores = (), model.network_.copy(), []
    for vector in vectors:
        kept = way.after(kept, vector)
        network.parameters = way.mean(kept)
        scores.append((network.predict(X[400:]).argmax(axis=1) == y[400:]).mean())
        if len(scores) == model.best_iter_:
            np.testing.assert_array_equal(model.network_.parameters, network.parameters)
    assert model.validation_scores_ == scores
    assert model.best_iter_ == 1 + int(np.argmax(scores))


@pytest.mark.parametrize("average", [{"ema_decay": 0.7}, {"swa_epochs": 3}])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("cut_after", [1, 5])
def test_a_fit_that_averages_is_resumed_to_the_same_bits(
    tmp_path, average, early_stopping, cut_after
):
    class Cut(Exception):
        pass

    def cut(model, history):
        if history.epochs == cut_after:
            raise Cut

    settings = {**average, "early_stopping": early_stopping}
    whole, checkpoint = classifier(**settings).fit(X, y), Checkpoint(tmp_path / "f", resume=True)
    with pytest.raises(Cut):
        classifier(**settings).fit(X, y, callbacks=[checkpoint, cut])
    if not early_stopping and cut_after == 5:  # what the checkpoint would end with
        vectors = vectors_of(classifier(), X, y)[:5]
        way, kept = EMA(0.7) if "ema_decay" in average else SWA(3), ()
        for vector in vectors:
            kept = way.after(kept, vector)
        loaded = cbackprop.load(tmp_path / "f")
        np.testing.assert_array_equal(loaded.network_.parameters, way.mean(kept))
    resumed = classifier(**settings).fit(X, y, callbacks=[checkpoint])
    np.testing.assert_array_equal(resumed.network_.parameters, whole.network_.parameters)


def test_an_interrupted_fit_has_the_average_so_far():
    def interrupt(model, history):
        if history.epochs == 4:
            raise KeyboardInterrupt

    vectors = vectors_of(classifier(), X, y)[:4]
    with pytest.warns(UserWarning, match="interrupted"):
        model = classifier(swa_epochs=3).fit(X, y, callbacks=[interrupt])
    np.testing.assert_allclose(model.network_.parameters, vectors[1:].mean(axis=0), atol=1e-14)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ema_decay": 0.5, "swa_epochs": 2}, "not both"),
        ({"ema_decay": 1.0}, "ema_decay"),
        ({"swa_epochs": 0}, "swa_epochs"),
        ({"ema_decay": 0.5, "solver": "lbfgs"}, "lbfgs.* does not average"),
    ],
)
def test_averages_that_cannot_be_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        classifier(**settings).fit(X, y)


def test_partial_fit_does_not_average():
    one, other = (
        classifier(**average).partial_fit(X, y, classes=np.unique(y)).partial_fit(X, y)
        for average in ({"swa_epochs": 2}, {})
    )
    np.testing.assert_array_equal(one.network_.parameters, other.network_.parameters)


# History.


def test_history_is_a_record_of_every_epoch():
    model = classifier(early_stopping=True, gradient_norms=True).fit(X, y)
    history = model.history_
    expected = {"cost", "learning_rate", "seconds", "evaluation_score", "gradient_norms"}
    assert history.keys() == expected
    assert {len(curve) for curve in history.values()} == {model.n_iter_}
    assert history["cost"] == model.loss_curve_
    assert history["evaluation_score"] == model.validation_scores_
    assert history["learning_rate"] == [0.01] * model.n_iter_
    assert all(seconds > 0 for seconds in history["seconds"])
    assert {len(norms) for norms in history["gradient_norms"]} == {2}


def test_pandas_takes_the_history():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(classifier().fit(X, y).history_)
    assert frame.shape == (9, 3)
    assert frame["cost"].is_monotonic_decreasing


def test_norms_are_those_of_the_gradient_of_the_whole_loss():
    model = classifier(gradient_norms=True, alpha=0.5, max_iter=2)
    vectors = vectors_of(model, X, y)
    network = model.network_.copy()
    for vector, norms in zip(vectors, model.history_["gradient_norms"], strict=True):
        network.parameters = vector
        gradient = network.copy()
        gradient.parameters = network.gradient(X, y)
        lengths = [
            np.hypot(np.linalg.norm(dW + 0.5 / len(X) * W), np.linalg.norm(db))
            for dW, db, W in zip(gradient.weights, gradient.biases, network.weights, strict=True)
        ]
        np.testing.assert_allclose(norms, lengths, rtol=1e-10)


def test_lbfgs_has_a_history_too():
    history = classifier(solver="lbfgs", max_iter=4).fit(X, y).history_
    assert (history.keys(), history.epochs) == ({"cost", "seconds"}, 4)
    assert history["cost"] == sorted(history["cost"], reverse=True)


def test_history_goes_on_with_warm_starts_and_partial_fits():
    model = classifier(warm_start=True, max_iter=3).fit(X, y)
    model.set_params(gradient_norms=True).fit(X, y)
    model.set_params(gradient_norms=False).partial_fit(X, y)
    history = model.history_
    assert history["cost"] == model.loss_curve_
    assert history.epochs == 7
    known = [not np.isnan(norms).any() for norms in history["gradient_norms"]]
    assert known == [False] * 3 + [True] * 3 + [False]
    assert not np.isnan(history["seconds"]).any()


def test_scores_stand_by_their_epochs_where_early_stopping_is_switched():
    model = classifier(warm_start=True, max_iter=3).fit(X, y)
    model.set_params(early_stopping=True).fit(X, y)
    model.set_params(early_stopping=False).fit(X, y)
    scores = model.history_["evaluation_score"]
    assert np.isnan(scores).tolist() == [True] * 3 + [False] * 3 + [True] * 3
    assert scores[3:6] == model.validation_scores_


def test_an_epoch_interrupted_while_it_is_judged_stands_last_without_a_score():
    scores = iter([0.0, 0.1, 0.2])  # before training, and of two epochs

    def interrupted(model, X, y):
        for score in scores:
            return score
        raise KeyboardInterrupt

    model = classifier(early_stopping=True, scoring=interrupted, gradient_norms=True)
    with pytest.warns(UserWarning, match="interrupted"):
        history = model.fit(X, y).history_
    assert history["cost"] == model.loss_curve_
    np.testing.assert_array_equal(history["evaluation_score"], [0.1, 0.2, np.nan])
    assert [np.isnan(norms).any() for norms in history["gradient_norms"]] == [False, False, True]


def test_a_fit_that_fails_leaves_the_history_of_the_one_before():
    def fail(model, history):
        if history.epochs == 5:
            raise RuntimeError

    model = classifier(warm_start=True, max_iter=3).fit(X, y)
    before = model.history_
    with pytest.raises(RuntimeError):
        model.fit(X, y, callbacks=[fail])
    assert dict(model.history_) == dict(before)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_history_is_saved_but_for_the_seconds(tmp_path, solver):
    model = classifier(early_stopping=solver == "adam", solver=solver).fit(X, y)
    model.save(tmp_path / "model")
    loaded = cbackprop.load(tmp_path / "model")
    for again in (loaded, pickle.loads(pickle.dumps(model))):
        kept = {name: curve for name, curve in again.history_.items() if name != "seconds"}
        assert kept == {n: curve for n, curve in model.history_.items() if n != "seconds"}
        assert np.isnan(again.history_["seconds"]).all()
        assert again.best_iter_ == model.best_iter_
    model.save(tmp_path / "again")
    assert (tmp_path / "model").read_bytes() == (tmp_path / "again").read_bytes()


def test_two_fits_that_are_the_same_leave_the_same():
    one, other = (pickle.dumps(classifier(early_stopping=True).fit(X, y)) for _ in range(2))
    assert one == other


def test_there_is_no_history_before_a_fit():
    with pytest.raises(AttributeError, match="history_"):
        _ = MLPRegressor().history_
