"""What Progress says of a fit that stops, and of which fit a line is."""

import io
import re

import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from cbackprop import MLPClassifier, Network, Progress

X, y = load_iris(return_X_y=True)
X /= 10
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def shown(fit, *others):
    """The lines that a fit with a Progress prints."""
    out = io.StringIO()
    fit([Progress(True, out), *others])
    return out.getvalue().splitlines()


def test_fit_that_stops_says_why_and_which_epoch_was_best():
    model = MLPClassifier((3,), learning_rate_init=0.3, tol=0.5, n_iter_no_change=4, random_state=0)
    last = shown(lambda callbacks: model.fit(X, y, callbacks=callbacks))[-1]
    best = model.loss_curve_.index(min(model.loss_curve_)) + 1
    assert f"epoch {model.n_iter_}/200 [" in last
    assert f"]  stopped: loss no better for 4 epochs, best epoch {best}  loss " in last
    assert last.endswith("  0:00")


def test_early_stopping_names_the_epoch_whose_parameters_are_kept():
    model = MLPClassifier((3,), early_stopping=True, n_iter_no_change=3, random_state=0)
    last = shown(lambda callbacks: model.fit(X, y, callbacks=callbacks))[-1]
    best = model.validation_scores_.index(model.best_validation_score_) + 1
    assert f"stopped: score no better for 3 epochs, best epoch {best}  " in last


def test_best_epoch_of_a_warm_start_is_one_of_its_own():
    model = MLPClassifier((3,), max_iter=30, warm_start=True, random_state=0).fit(X, y)
    model.set_params(tol=10.0, n_iter_no_change=3)
    last = shown(lambda callbacks: model.fit(X, y, callbacks=callbacks))[-1]
    curve = model.loss_curve_[-model.n_iter_ :]
    assert f"best epoch {curve.index(min(curve)) + 1}  " in last


def stops(model, history):
    return history.epochs == 3


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_fit_that_a_callback_stops_says_so(solver, order):
    out = io.StringIO()
    model = MLPClassifier((3,), solver=solver, random_state=0)
    model.fit(X, y, callbacks=[Progress(True, out), stops][::order])
    assert re.search(
        r"^epoch 3/200 \[ +\]  stopped: by a callback, best epoch \d", out.getvalue(), re.M
    )


def test_network_that_a_callback_stops_says_so():
    network = Network([4, 1], random_state=0)
    last = shown(lambda callbacks: network.fit(X, y, epochs=9, callbacks=callbacks), stops)[-1]
    assert last.startswith("epoch 3/9 [")
    assert "stopped: by a callback, best epoch " in last


def test_fit_of_all_its_epochs_has_not_stopped():
    model = MLPClassifier((3,), max_iter=3, random_state=0)
    assert "stopped" not in shown(lambda callbacks: model.fit(X, y, callbacks=callbacks))[-1]


@pytest.mark.parametrize("step", ["", "mlpclassifier__"])
def test_lines_of_a_search_name_candidate_and_fold(step):
    model = MLPClassifier((3,), max_iter=2)
    model = make_pipeline(model) if step else model
    search = GridSearchCV(model, {f"{step}alpha": [0.1, 1.0]}, cv=2, refit=False)
    lines = shown(lambda callbacks: search.fit(X, y, **{f"{step}callbacks": callbacks}))
    labels = list(dict.fromkeys(line.partition("  epoch ")[0] for line in lines))
    assert labels == [
        f"candidate {i}/2 ({step}alpha={alpha})  fold {fold}/2"
        for i, alpha in ((1, 0.1), (2, 1.0))
        for fold in (1, 2)
    ]


def test_lines_of_folds_and_of_several_fits_are_numbered():
    model = MLPClassifier((3,), alpha=0.5, max_iter=2)
    lines = shown(
        lambda callbacks: cross_val_score(model, X, y, cv=2, params={"callbacks": callbacks})
    )
    name = "MLPClassifier(alpha=0.5, hidden_layer_sizes=(3,), max_iter=2)"
    labels = list(dict.fromkeys(line.partition("  epoch ")[0] for line in lines))
    assert labels == [f"fit 1 {name}", f"fit 2 {name}"]

    def twice(callbacks):
        for _ in range(2):
            Network([4, 1]).fit(X, y, epochs=2, callbacks=callbacks)

    lines = shown(twice)
    assert lines[0].startswith("epoch 1/2 [")
    assert lines[-1].startswith("fit 2 Network([4, 1], activation='relu'")
