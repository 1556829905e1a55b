"""What people put scikit-learn's MLPs into takes these, and gives the same results."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import neural_network
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, learning_curve
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler, scale
from threadpoolctl import threadpool_limits

import cbackprop

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
X_NUMBERS, NUMBERS = (scale(a) for a in load_diabetes(return_X_y=True))
SETTINGS = {"hidden_layer_sizes": (8,), "max_iter": 15, "learning_rate_init": 0.02}
BOTH = (neural_network, cbackprop)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """These networks are small: threads would only wait for each other."""
    with threadpool_limits(1):
        yield


def classifier(module, **settings):
    return module.MLPClassifier(**{**SETTINGS, "random_state": 0, **settings})


def regressor(module, **settings):
    return module.MLPRegressor(**{**SETTINGS, "random_state": 0, **settings})


def test_pipeline_with_a_scaler_predicts_what_sklearns_does():
    theirs, ours = (make_pipeline(StandardScaler(), classifier(m)).fit(X, Y) for m in BOTH)
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-6)
    assert ours.score(X, Y) == theirs.score(X, Y) > 0.8


def test_grid_search_in_two_processes_scores_and_chooses_as_sklearns_does():
    grid = {"alpha": [1e-4, 10.0], "activation": ["tanh", "relu"]}
    theirs = GridSearchCV(classifier(neural_network), grid, cv=3).fit(X, Y)
    ours = GridSearchCV(classifier(cbackprop), grid, cv=3, n_jobs=2).fit(X, Y)
    assert_allclose(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"])
    assert ours.best_params_ == theirs.best_params_
    assert_array_equal(ours.predict(X), theirs.predict(X))


def test_cross_val_predict_gives_sklearns_probabilities():
    theirs, ours = (
        cross_val_predict(classifier(m), X, Y, cv=3, method="predict_proba") for m in BOTH
    )
    assert_allclose(ours, theirs, rtol=1e-6)


class WithLogits(neural_network.MLPClassifier):
    """scikit-learn's, with the decision_function that it has not."""

    def decision_function(self, X):
        for W, b in zip(self.coefs_[:-1], self.intercepts_[:-1], strict=True):
            X = np.maximum(X @ W + b, 0)
        return X @ self.coefs_[-1] + self.intercepts_[-1]


def test_calibrated_classifier_takes_the_logits_and_gives_sklearns_probabilities():
    theirs = WithLogits(**SETTINGS, random_state=0)
    theirs, ours = (
        CalibratedClassifierCV(model, cv=3).fit(X, Y) for model in (theirs, classifier(cbackprop))
    )
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-6)


def test_bagging_gives_sklearns_probabilities():
    theirs, ours = (
        BaggingClassifier(classifier(m, random_state=None), 4, random_state=1).fit(X, Y)
        for m in BOTH
    )
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-6)


def test_permutation_importances_are_sklearns():
    theirs, ours = (
        permutation_importance(
            classifier(m, max_iter=60).fit(X, Y), X, Y, n_repeats=3, random_state=0
        ).importances
        for m in BOTH
    )
    assert_allclose(ours, theirs)
    assert ours.max() > 0.1


def test_transformed_target_gives_sklearns_predictions():
    transformer = QuantileTransformer(n_quantiles=50, output_distribution="normal")
    theirs, ours = (
        TransformedTargetRegressor(regressor(m), transformer=transformer).fit(X_NUMBERS, NUMBERS)
        for m in BOTH
    )
    assert_allclose(ours.predict(X_NUMBERS), theirs.predict(X_NUMBERS), rtol=1e-6)


def test_multioutput_classifier_gives_sklearns_labels():
    labels = np.column_stack([Y, Y == 1])
    theirs, ours = (MultiOutputClassifier(classifier(m)).fit(X, labels) for m in BOTH)
    assert_array_equal(ours.predict(X), theirs.predict(X))
    partial = MultiOutputClassifier(classifier(cbackprop))
    partial.partial_fit(X, labels, classes=[[0, 1, 2], [0, 1]])
    assert partial.predict(X).shape == (150, 2)


def test_pipeline_that_outputs_frames_gives_the_classifier_feature_names():
    pytest.importorskip("pandas")
    pipeline = make_pipeline(StandardScaler(), classifier(cbackprop)).set_output(transform="pandas")
    pipeline.fit(*load_iris(return_X_y=True, as_frame=True))
    assert_array_equal(pipeline[-1].feature_names_in_, load_iris().feature_names)
    plain = make_pipeline(StandardScaler(), classifier(cbackprop)).fit(X, Y)
    frame = load_iris(as_frame=True).data
    assert_allclose(pipeline.predict_proba(frame), plain.predict_proba(X), rtol=1e-6)


def test_html_representation_names_the_estimator_and_its_parameters():
    page = make_pipeline(StandardScaler(), classifier(cbackprop, alpha=0.125))._repr_html_()
    assert "MLPClassifier" in page
    assert "0.125" in page
    assert "Not fitted" in page
    assert "Fitted" in make_pipeline(classifier(cbackprop)).fit(X, Y)._repr_html_()


def test_voting_gives_sklearns_probabilities():
    theirs, ours = (
        VotingClassifier(
            [("mlp", classifier(m)), ("linear", LogisticRegression(max_iter=1000))], voting="soft"
        ).fit(X, Y)
        for m in BOTH
    )
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-6)


def test_incremental_learning_curve_is_sklearns():
    how = {"cv": 3, "exploit_incremental_learning": True, "shuffle": True, "random_state": 0}
    theirs, ours = (learning_curve(classifier(m), X, Y, **how) for m in BOTH)
    for mine, other in zip(ours, theirs, strict=True):
        assert_allclose(mine, other)
