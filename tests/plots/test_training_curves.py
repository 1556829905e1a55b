"""One picture of loss and score together."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier as SklearnMLPClassifier
from sklearn.pipeline import make_pipeline

from cbackprop import MLPClassifier, Network
from cbackprop.plots import LossCurveDisplay, TrainingCurvesDisplay

X, y = (array[:400] for array in load_digits(return_X_y=True))
X = X / 16

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def _pyplot():
    """matplotlib without a screen, and no figure left behind."""
    pytest.importorskip("matplotlib").use("agg")
    from matplotlib import pyplot

    yield
    pyplot.close("all")


def fitted(**options):
    settings = {"early_stopping": True, "max_iter": 12, "random_state": 0, "warm_start": True}
    return MLPClassifier((8,), **{**settings, **options}).fit(X, y)


def test_loss_and_score_have_an_axis_each():
    model = fitted()
    display = TrainingCurvesDisplay.from_estimator(make_pipeline(model))
    loss, score, kept = display.lines_
    np.testing.assert_array_equal(loss.get_ydata(), model.loss_curve_)
    np.testing.assert_array_equal(score.get_ydata(), model.validation_scores_)
    assert (loss.axes, score.axes) == (display.ax_, display.score_ax_)
    assert score.get_linestyle() == "--"
    assert kept.get_xdata()[0] == model.best_iter_


def test_the_kept_epoch_is_that_of_the_last_fit():
    model = fitted()
    model.set_params(learning_rate_init=0.01).fit(X, y)
    kept = TrainingCurvesDisplay.from_estimator(model).lines_[-1]
    assert kept.get_xdata()[0] == 12 + model.best_iter_


def test_training_and_validation_loss_share_an_axis():
    display = TrainingCurvesDisplay.from_estimator(fitted(scoring="loss"))
    assert [line.get_label() for line in display.lines_][:2] == ["loss", "validation loss"]


def test_without_scores_there_is_one_axis():
    display = TrainingCurvesDisplay.from_estimator(fitted(early_stopping=False))
    assert display.score_ax_ is None
    assert len(display.lines_) == 1


def test_a_networks_history_is_drawn():
    net = Network([64, 8, 10], output_activation="softmax", loss="log_loss", random_state=0)
    history = net.fit(X, y, epochs=3, evaluation_data=(X, y), training_metrics=True)
    display = TrainingCurvesDisplay.from_history(history, x="seconds")
    labels = ["loss", "validation loss", "accuracy", "validation accuracy"]
    assert [line.get_label() for line in display.lines_] == labels
    np.testing.assert_allclose(display.lines_[0].get_xdata(), np.cumsum(history["seconds"]))


def test_seconds_of_an_estimator_are_known():
    display = LossCurveDisplay.from_history(fitted().history_, x="seconds")
    assert (np.diff(display.lines_[0].get_xdata()) > 0).all()


@pytest.mark.parametrize(
    ("draw", "error", "words"),
    [
        (lambda: TrainingCurvesDisplay.from_history([1.0]), TypeError, "draw from_estimator"),
        (lambda: TrainingCurvesDisplay.from_history({}), ValueError, "'cost'"),
        (lambda: TrainingCurvesDisplay.from_history({"cost": [1]}, x="s"), ValueError, "got 's'"),
        (
            lambda: TrainingCurvesDisplay.from_history({"cost": [1]}, x="seconds"),
            ValueError,
            "needs the seconds",
        ),
        (lambda: TrainingCurvesDisplay.from_estimator(MLPClassifier()), ValueError, "not fitted"),
        (
            lambda: TrainingCurvesDisplay.from_estimator(
                SklearnMLPClassifier(max_iter=2).fit(X, y)
            ),
            ValueError,
            "has no history_",
        ),
    ],
)
def test_what_cannot_be_drawn_is_named(draw, error, words):
    with pytest.raises(error, match=words):
        draw()
