"""Weights of classes for rows to choose the epoch by, which may not have every class."""

import numpy as np
import pytest
from tiny_tables import INDICATOR, LABELS, X, classifier, vectors

NAMES = np.array(["no", "yes"])
ONE_CLASS = LABELS == 1


@pytest.mark.parametrize("n", [1, 5])
def test_rows_of_one_class_may_choose_the_epoch_with_weights_for_the_other(n):
    rows = X[ONE_CLASS][:n]
    model = classifier(class_weight={0: 3.0}).fit(X, LABELS, X_val=rows, y_val=[1] * n)
    named = classifier(class_weight={"no": 3.0})
    named.fit(X, NAMES[LABELS], X_val=rows, y_val=["yes"] * n)
    all_said = classifier(class_weight={0: 3.0, 1: 1.0})
    all_said.fit(X, LABELS, X_val=rows, y_val=[1] * n)
    for other in (named, all_said):
        np.testing.assert_array_equal(vectors(other), vectors(model))
        assert other.validation_score_ == model.validation_score_


def test_labels_of_rows_may_be_the_same_with_weights_for_others():
    weights = [{1: 2.0}, {0: 2.0}, {1: 3.0}]
    rows = [i for i, labels in enumerate(INDICATOR) if (labels == INDICATOR[0]).all()][:3]
    model = classifier(class_weight=weights)
    model.fit(X, INDICATOR, X_val=X[rows], y_val=INDICATOR[rows])
    assert np.isfinite(model.validation_score_)


def test_rows_that_weigh_nothing_cannot_choose_the_epoch():
    model = classifier(class_weight={0: 1.0, 1: 0.0})
    with pytest.raises(ValueError, match="class_weight leaves no row of X_val a weight above 0"):
        model.fit(X, LABELS, X_val=X[ONE_CLASS], y_val=LABELS[ONE_CLASS])


def test_weights_for_other_classes_are_still_an_error():
    with pytest.raises(ValueError, match="are not in class_weight"):
        classifier(class_weight={7: 2.0}).fit(X, LABELS)
