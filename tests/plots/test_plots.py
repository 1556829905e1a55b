"""Displays: what is drawn, where, and what is said when it cannot be."""

import doctest
import runpy
import sys
import warnings

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.base import RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import cbackprop
from cbackprop import SGD, MLPClassifier, MLPRegressor, Network, plots
from cbackprop.plots import (
    AccuracyCurveDisplay,
    GradientNormsDisplay,
    LossCurveDisplay,
    WeightsDisplay,
    curves,
    drawing,
    weights,
)

HISTORY = {
    "cost": [0.9, 0.5, 0.4],
    "evaluation_cost": [1.0, 0.7, 0.8],
    "accuracy": [0.5, 0.8, 0.9],
    "evaluation_accuracy": [0.4, 0.7, 0.7],
    "gradient_norms": [[1e-4, 1e-2], [1e-3, 1e-1], [1e-3, 1e-2]],
    "seconds": [1.0, 2.0, 1.0],
}


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:300] / 16, y[:300]


@pytest.fixture(scope="module")
def stopped_early(digits):
    return MLPClassifier((10,), early_stopping=True, random_state=0).fit(*digits)


@pytest.fixture
def pyplot():
    """matplotlib without a screen, and no figure left behind."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


@pytest.fixture
def without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)


# Without matplotlib.


def test_without_matplotlib_the_error_says_how_to_install_it(without_matplotlib):
    with pytest.raises(ImportError, match=r'pip install "cbackprop\[plots\]"'):
        LossCurveDisplay.from_history(HISTORY)


@pytest.mark.parametrize("module", [plots, curves, drawing, weights])
def test_the_modules_can_be_imported_without_matplotlib(module, without_matplotlib):
    assert runpy.run_path(module.__file__)["__doc__"] == module.__doc__


# Curves.


def test_losses_of_an_estimator_are_drawn_against_epochs(pyplot, stopped_early):
    display = LossCurveDisplay.from_estimator(stopped_early)
    (line,) = display.lines_
    np.testing.assert_array_equal(line.get_ydata(), stopped_early.loss_curve_)
    assert line.get_xdata()[0] == 1
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("epoch", "loss")
    assert display.figure_ is display.ax_.figure


def test_validation_scores_of_an_estimator_are_accuracies(pyplot, stopped_early):
    display = AccuracyCurveDisplay.from_estimator(stopped_early)
    np.testing.assert_array_equal(display.lines_[0].get_ydata(), stopped_early.validation_scores_)
    assert display.ax_.get_ylabel() == "validation accuracy"


def test_validation_scores_of_a_regressor_are_r_squared(pyplot, digits):
    reg = MLPRegressor("squared_error", (5,), max_iter=2, early_stopping=True, random_state=0)
    with pytest.warns(ConvergenceWarning):
        reg.fit(*digits)
    assert "R^2" in AccuracyCurveDisplay.from_estimator(reg).ax_.get_ylabel()


@pytest.mark.parametrize(
    ("display", "quantity"), [(LossCurveDisplay, "cost"), (AccuracyCurveDisplay, "accuracy")]
)
def test_a_history_gives_training_and_evaluation_in_one_colour(pyplot, display, quantity):
    training, evaluation = display.from_history(HISTORY).lines_
    np.testing.assert_array_equal(training.get_ydata(), HISTORY[quantity])
    np.testing.assert_array_equal(evaluation.get_ydata(), HISTORY[f"evaluation_{quantity}"])
    assert training.get_color() == evaluation.get_color()
    assert (training.get_linestyle(), evaluation.get_linestyle()) == ("-", "--")


def test_a_history_without_evaluation_gives_one_curve(pyplot):
    assert len(LossCurveDisplay.from_history({"cost": [3.0, 2.0]}).lines_) == 1


def test_a_history_of_a_fit_can_be_drawn(pyplot, digits):
    X, y = digits
    net = Network([64, 8, 10], output_activation="softmax", loss="log_loss", random_state=0)
    history = net.fit(
        X, y, optimizer=SGD(0.5), epochs=2, evaluation_data=(X, y), gradient_norms=True
    )
    assert len(LossCurveDisplay.from_history(history).lines_) == 2
    assert len(AccuracyCurveDisplay.from_history(history).lines_) == 1
    assert len(GradientNormsDisplay.from_history(history).lines_) == 2


def test_seconds_are_counted_from_the_start(pyplot):
    display = LossCurveDisplay.from_history(HISTORY, x="seconds")
    assert display.lines_[0].get_xdata().tolist() == [1.0, 3.0, 4.0]
    assert display.ax_.get_xlabel() == "seconds"


def test_several_displays_share_axes_and_are_told_apart_by_name(pyplot):
    _, ax = pyplot.subplots()
    for name in ("one", "two"):
        display = LossCurveDisplay.from_history({"cost": [2.0, 1.0]}, ax=ax, name=name)
    assert display.ax_ is ax
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["one, training", "two, training"]


def test_options_go_to_the_lines(pyplot):
    display = LossCurveDisplay.from_history(HISTORY, color="red", linestyle=":")
    assert {line.get_color() for line in display.lines_} == {"red"}
    assert {line.get_linestyle() for line in display.lines_} == {":"}


def test_a_display_can_be_drawn_again_elsewhere(pyplot):
    display = LossCurveDisplay.from_history(HISTORY)
    before = display.ax_
    assert display.plot().ax_ is not before


def test_a_single_epoch_is_a_visible_point(pyplot):
    assert LossCurveDisplay.from_history({"cost": [1.0]}).lines_[0].get_marker() == "o"


def test_gradient_norms_have_a_curve_per_layer_on_a_log_axis(pyplot):
    display = GradientNormsDisplay.from_history(HISTORY)
    assert [line.get_label() for line in display.lines_] == ["layer 1", "layer 2"]
    assert display.lines_[1].get_ydata().tolist() == [1e-2, 1e-1, 1e-2]
    assert display.ax_.get_yscale() == "log"
    assert len({line.get_color() for line in display.lines_}) == 2


def test_lbfgs_has_no_curve_to_draw(pyplot, digits):
    clf = MLPClassifier((), solver="lbfgs", alpha=10, max_iter=1000, tol=1e-2, random_state=0)
    clf.fit(*digits)
    with pytest.raises(ValueError, match=r"loss_curve_.*solver='sgd' or 'adam'"):
        LossCurveDisplay.from_estimator(clf)


def test_an_estimator_without_early_stopping_has_no_accuracies(pyplot):
    with pytest.raises(ValueError, match="early_stopping=True"):
        AccuracyCurveDisplay.from_estimator(MLPClassifier())


@pytest.mark.parametrize(
    ("display", "history", "match"),
    [
        (LossCurveDisplay, {}, "'cost'"),
        (AccuracyCurveDisplay, {"cost": [1.0]}, "'evaluation_accuracy'"),
        (GradientNormsDisplay, {"cost": [1.0]}, "gradient_norms=True"),
    ],
)
def test_a_history_that_lacks_the_quantity_is_named(pyplot, display, history, match):
    with pytest.raises(ValueError, match=match):
        display.from_history(history)


def test_an_unknown_axis_is_an_error(pyplot):
    with pytest.raises(ValueError, match="'epochs' or 'seconds', got 'steps'"):
        LossCurveDisplay.from_history(HISTORY, x="steps")


def test_seconds_that_are_not_known_are_an_error(pyplot):
    with pytest.raises(ValueError, match="needs the seconds"):
        LossCurveDisplay.from_history({"cost": [1.0]}, x="seconds")


# What an estimator is in.


def inside(model):
    """Fitted things that people put an estimator into, by name."""
    pipeline = make_pipeline(StandardScaler(), model)
    search = {"param_grid": {"alpha": [1e-4]}, "cv": 2}
    yield "pipeline", pipeline
    yield "pipeline in a pipeline", make_pipeline(MinMaxScaler(), pipeline)
    yield "search", GridSearchCV(model, **search)
    yield "search in a pipeline", make_pipeline(StandardScaler(), GridSearchCV(model, **search))
    whole = {"param_grid": {f"{type(model).__name__.lower()}__alpha": [1e-4]}, "cv": 2}
    yield "pipeline in a search", GridSearchCV(pipeline, **whole)
    if isinstance(model, RegressorMixin):
        yield "transformed target", TransformedTargetRegressor(model)


KINDS = [cbackprop.MLPClassifier, cbackprop.MLPRegressor]
KINDS += [neural_network.MLPClassifier, neural_network.MLPRegressor]
DISPLAYS = [LossCurveDisplay, AccuracyCurveDisplay, WeightsDisplay]


@pytest.mark.parametrize("kind", KINDS)
def test_displays_find_the_estimator_in_what_it_is_in(pyplot, kind):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 4)), np.arange(60) % 2
    model = kind(hidden_layer_sizes=(3,), early_stopping=True, max_iter=5, random_state=0)
    what = "R^2" if issubclass(kind, RegressorMixin) else "accuracy"
    for name, outer in inside(model):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            outer.fit(X, y)
        losses = LossCurveDisplay.from_estimator(outer).lines_[0].get_ydata()
        assert len(losses) == 5, name
        assert what in AccuracyCurveDisplay.from_estimator(outer).ax_.get_ylabel(), name
        assert WeightsDisplay.from_estimator(outer).weights.shape == (4, 3), name
        pyplot.close("all")


@pytest.mark.parametrize("display", DISPLAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_fitted_is_said_to_be_so(display, kind):
    model = kind(early_stopping=True)
    for _, outer in inside(model):
        with pytest.raises(NotFittedError, match=f"{kind.__name__}|search|this") as caught:
            display.from_estimator(outer)
        assert "not fitted" in str(caught.value)
        assert "(" not in str(caught.value)  # no parameters of anything
    with pytest.raises(NotFittedError, match=f"this {kind.__name__} is not fitted"):
        display.from_estimator(model)


@pytest.mark.parametrize("display", DISPLAYS)
def test_other_estimators_are_named_and_not_printed(display):
    X, y = np.eye(4), [0, 1, 0, 1]
    regression = LogisticRegression(C=0.125).fit(X, y)
    for outer, name in (
        (regression, "this LogisticRegression"),
        (make_pipeline(StandardScaler(), regression), "the LogisticRegression in this Pipeline"),
        (GridSearchCV(regression, {"C": [1.0]}, cv=2).fit(X, y), "the Logistic.* in this GridS"),
        (make_pipeline(StandardScaler()), "the StandardScaler in this Pipeline"),
        (Network([2, 1]), "this Network: of a network draw from_network"),
        (HISTORY, "this dict: of a history draw from_history"),
        (None, "this NoneType"),
    ):
        with pytest.raises(TypeError, match=f"expected a fitted MLPClassifier or .*{name}") as got:
            display.from_estimator(outer)
        assert "0.125" not in str(got.value)


def test_a_search_without_a_best_estimator_says_so(digits):
    search = GridSearchCV(MLPClassifier((2,)), {"max_iter": [1]}, cv=2, refit=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search.fit(*digits)
    with pytest.raises(ValueError, match="refit=True"):
        LossCurveDisplay.from_estimator(search)


def test_estimators_are_no_histories_and_no_networks(stopped_early):
    for display in (LossCurveDisplay, AccuracyCurveDisplay, GradientNormsDisplay):
        with pytest.raises(TypeError, match=r"got MLPClassifier: .*from_estimator"):
            display.from_history(stopped_early)
    with pytest.raises(TypeError, match=r"got MLPClassifier: .*from_estimator"):
        WeightsDisplay.from_network(stopped_early)


# Weights.


def test_each_unit_is_an_image_of_its_weights(pyplot):
    weights = np.arange(8.0).reshape(4, 2)  # two units that look at 2 x 2 pixels
    display = WeightsDisplay(weights).plot()
    drawn = display.image_.get_array()
    assert drawn.shape == (2, 5)
    np.testing.assert_array_equal(drawn[:, :2], weights[:, 0].reshape(2, 2))
    np.testing.assert_array_equal(drawn[:, 3:], weights[:, 1].reshape(2, 2))
    assert np.ma.getmaskarray(drawn)[:, 2].all()


def test_the_colours_are_symmetric_about_zero(pyplot):
    display = WeightsDisplay([[3.0], [-1.0], [0.0], [0.5]]).plot()
    assert display.image_.get_clim() == (-3.0, 3.0)
    assert display.plot(limit=1.0).image_.get_clim() == (-1.0, 1.0)


def test_estimators_and_networks_show_their_first_layer(pyplot, stopped_early):
    one = WeightsDisplay.from_estimator(stopped_early)
    other = WeightsDisplay.from_network(stopped_early.network_, colorbar=False)
    np.testing.assert_array_equal(one.image_.get_array(), other.image_.get_array())
    assert one.colorbar_ is not None
    assert other.colorbar_ is None


def test_units_can_be_chosen(pyplot):
    net = Network([4, 50, 1], random_state=0)
    chosen = WeightsDisplay.from_network(net, units=[7], colorbar=False)
    np.testing.assert_array_equal(chosen.image_.get_array(), net.weights[0][:, 7].reshape(2, 2))
    assert WeightsDisplay.from_network(net, units=3, columns=3).image_.get_array().shape == (2, 8)
    assert WeightsDisplay.from_network(net).image_.get_array().shape == (17, 17)  # 36 of the 50


def test_images_need_not_be_square(pyplot):
    net = Network([6, 1, 1], random_state=0)
    assert WeightsDisplay.from_network(net, image_shape=(2, 3)).image_shape == (2, 3)


@pytest.mark.parametrize(
    ("options", "match"),
    [({}, "no square image"), ({"image_shape": (2, 2)}, "does not hold 6 features")],
)
def test_features_that_are_no_image_are_an_error(options, match):
    with pytest.raises(ValueError, match=match):
        WeightsDisplay(np.ones((6, 2)), **options)


def test_no_units_are_an_error(pyplot):
    with pytest.raises(ValueError, match="at least one unit"):
        WeightsDisplay(np.ones((4, 2))).plot(units=[])


# The examples in the docstrings, which are skipped where matplotlib may be missing.


@pytest.mark.parametrize("module", [curves, weights])
def test_examples_in_docstrings_run(module, pyplot):
    runner = doctest.DocTestRunner()
    for test in doctest.DocTestFinder().find(module):
        for example in test.examples:
            example.options.pop(doctest.SKIP, None)
        runner.run(test)
    assert runner.failures == 0
    assert runner.tries > 0
