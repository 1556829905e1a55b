"""What a history says of its curves: the best, in short, as a table; and a Backprop at a glance."""

import pickle

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score

from cbackprop import Network
from cbackprop.history import History
from cbackprop.training.better import is_smaller_better

X = np.random.default_rng(0).normal(size=(30, 2))


def words(text):
    return text.split()


SMALLER = words("""
cost evaluation_cost loss evaluation_loss val_loss error rmse evaluation_rmse RMSE mse mae MAE
mean_absolute_error max_error deviance mean_poisson_deviance log_loss hinge_loss brier_score_loss
cross_entropy valLoss error_rate neg_log_likelihood zero_one_loss hamming_loss test_mape nll
""")
LARGER = words("""
accuracy evaluation_accuracy score evaluation_score r2 r2_score auc roc_auc f1 f1_macro precision
recall jaccard top_5_accuracy balanced_accuracy explained_variance d2_absolute_error_score
neg_mean_squared_error neg_log_loss evaluation_neg_root_mean_squared_error log_likelihood
""")
UNKNOWN = words("""
learning_rate seconds something evaluation_x one_minus_auc loss_reduction brier_score gap
accuracy_change inverse_rmse evaluation_
""")


@pytest.mark.parametrize("name", SMALLER)
def test_smaller_is_better_of_costs_and_errors(name):
    history = History({name: [0.3, 0.2, 0.4]})
    assert (history.best(name), history.best_epoch(name)) == (0.2, 2)


@pytest.mark.parametrize("name", LARGER)
def test_larger_is_better_of_scores(name):
    history = History({name: [0.3, 0.2, 0.4]})
    assert (history.best(name), history.best_epoch(name)) == (0.4, 3)


@pytest.mark.parametrize("name", UNKNOWN)
def test_name_that_does_not_say_is_an_error_that_asks(name):
    history = History({name: [0.3, 0.2, 0.4]})
    with pytest.raises(ValueError, match="smaller_is_better=True"):
        history.best(name)
    assert history.best(name, smaller_is_better=True) == 0.2
    assert history.best(name, smaller_is_better=False) == 0.4


def test_what_the_caller_says_goes_before_the_name():
    assert History(cost=[0.3, 0.4]).best("cost", smaller_is_better=False) == 0.4


def custom(y, outputs):
    return float(np.abs(y - outputs).mean())


custom.smaller_is_better = True


def test_metrics_say_themselves_which_way_they_are_better():
    metrics = {
        "mine": custom,
        "score": custom,
        "off": mean_absolute_error,
        "fits": r2_score,
        "unknown": lambda y, outputs: 1.0,
    }
    history = Network([2, 1], random_state=0).fit(
        X,
        X[:, :1],
        epochs=3,
        metrics=metrics,
        training_metrics=True,
        evaluation_data=(X, X[:, :1]),
    )
    for end in ("", "evaluation_"):
        for name, pick in (("mine", min), ("score", min), ("off", min), ("fits", max)):
            curve = history[end + name]
            assert history.best(end + name) == pick(curve)
        with pytest.raises(ValueError, match="its name does not say"):
            history.best(f"{end}unknown")
    assert pickle.loads(pickle.dumps(history)).best("mine") == min(history["mine"])


def test_metric_that_says_something_else_is_an_error():
    def metric(y, outputs):
        return 1.0

    metric.smaller_is_better = "yes"
    with pytest.raises(TypeError, match="smaller_is_better of the metric 'm' must be"):
        Network([2, 1]).fit(X, X[:, :1], metrics={"m": metric})


def test_nan_is_never_the_best():
    history = History(loss=[np.nan, 0.3, 0.2, np.nan], score=[np.nan, 0.3, 0.2, None])
    assert (history.best("loss"), history.best("score")) == (0.2, 0.3)


@pytest.mark.parametrize("curve", [[], [np.nan], [[1.0, 2.0], [3.0, 4.0]]])
def test_curve_without_a_number_has_no_best(curve):
    with pytest.raises(ValueError, match="no number"):
        History(loss=curve).best("loss")


def test_what_was_not_recorded_is_an_error_that_names_what_was():
    with pytest.raises(KeyError, match=r"evaluation_auc was not recorded.*cost"):
        History(cost=[1.0]).best("evaluation_auc")


def test_name_of_nothing_says_nothing():
    assert is_smaller_better("") is None
    assert is_smaller_better("neg_") is None


# Shown.


def fitted():
    network = Network([2, 300, 1], random_state=0)
    return network, network.fit(
        X, X[:, :1], epochs=20, evaluation_data=(X, X[:, :1]), gradient_norms=True, random_state=0
    )


def test_history_is_shown_in_a_line():
    _, history = fitted()
    assert repr(history).startswith("History of 20 epochs: cost ")
    assert len(repr(history)) < 300
    assert dict(history)["cost"] == history["cost"]
    assert repr(History()) == "History of 0 epochs"
    assert repr(History(cost=[0.5])) == "History of 1 epoch: cost 0.5 to 0.5"


def test_history_is_a_table_with_the_best_in_notebooks():
    history = History({"cost": [0.5, 0.25], "<b>": [1.0, 2.0], "evaluation_rmse": [3.0, 4.0]})
    html = history._repr_html_()
    assert "<td>cost</td><td>0.5</td><td>0.25</td><td>0.25</td><td>2</td>" in html
    assert "<td>evaluation_rmse</td><td>3</td><td>4</td><td>3</td><td>1</td>" in html
    assert "<td>&lt;b&gt;</td><td>1</td><td>2</td><td></td><td></td>" in html
    assert "<table>" in History()._repr_html_()


def test_history_is_a_frame():
    pandas = pytest.importorskip("pandas")
    _, history = fitted()
    frame = history.to_frame()
    assert (frame.index.name, list(frame.index)) == ("epoch", list(range(1, 21)))
    pandas.testing.assert_frame_equal(frame.reset_index(drop=True), pandas.DataFrame(history))
    assert History().to_frame().empty


def test_backprop_is_shown_by_its_shapes():
    network, _ = fitted()
    inside = network.backprop(X, X[:, :1])
    assert repr(inside).startswith(f"Backprop with loss {inside.loss:.4g}, activations [(30, 2), (")
    assert "weight_gradients [(2, 300), (300, 1)]" in repr(inside)
    html = inside._repr_html_()
    length = np.linalg.norm(inside.bias_gradients[1])
    assert f"<td>(1,) of length {length:.4g}</td>" in html
    assert len(html) < 1500
    loss, *_ = inside
    assert loss == inside.loss
