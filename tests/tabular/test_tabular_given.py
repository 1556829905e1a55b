"""What a table can come as: masked, yet to be computed, with a mask of objects for its columns."""

import numpy as np
import pytest
from tiny_tables import INDICATOR, LABELS, NUMBERS, X, both, classifier, regressor

from cbackprop import MLPClassifier, MLPRegressor, Network
from cbackprop.tabular import TableEncoder

MASK = np.random.RandomState(0).uniform(size=X.shape) < 0.2


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_what_is_masked_is_a_hole(dtype):
    values = (10 * X).astype(dtype)
    with_holes = np.where(MASK, np.nan, values)
    masked = np.ma.MaskedArray(np.where(MASK, 999, values).astype(dtype), MASK)
    expected = TableEncoder().fit_transform(with_holes)
    np.testing.assert_array_equal(TableEncoder().fit_transform(masked), expected)
    model = regressor().fit(with_holes, NUMBERS)
    np.testing.assert_array_equal(model.predict(masked), model.predict(with_holes))


def test_an_array_with_a_mask_that_masks_nothing_is_one_like_others():
    plain = TableEncoder().fit_transform(X)
    np.testing.assert_array_equal(TableEncoder().fit_transform(np.ma.MaskedArray(X)), plain)


def test_masked_targets_and_weights_are_an_error():
    mask = np.arange(len(X)) < 3
    for model, y in [*both(), (classifier(), INDICATOR)]:
        of_y = np.ma.MaskedArray(
            y, np.broadcast_to(mask[:, np.newaxis], (120, 3)) if y.ndim == 2 else mask
        )
        with pytest.raises(ValueError, match="y must have no masked values"):
            model.fit(X, of_y)
        with pytest.raises(ValueError, match=r"y.* must have no masked values"):
            model.fit(X, y, X_val=X, y_val=of_y)
        with pytest.raises(ValueError, match="sample_weight must have no masked values"):
            model.fit(X, y, sample_weight=np.ma.MaskedArray(np.ones(120), mask))


@pytest.mark.parametrize("mask", [[False, True, False], [True, True, True], [False, False, False]])
def test_a_mask_of_objects_is_a_mask(mask):
    encoder = TableEncoder(categorical_features=np.array(mask, dtype=object)).fit(X.round())
    assert encoder.is_categorical_.tolist() == mask
    with pytest.raises(ValueError, match="an entry for each of the 3 columns, got 2"):
        TableEncoder(categorical_features=np.array(mask[:2], dtype=object)).fit(X.round())


def test_a_truth_value_among_names_is_no_column():
    columns = np.array([True, "x"], dtype=object)
    with pytest.raises(ValueError, match="categorical_features names True"):
        TableEncoder(categorical_features=columns).fit(X)


def test_a_lazy_frame_is_an_error_that_says_what_to_do():
    pl = pytest.importorskip("polars")
    lazy, weights = pl.DataFrame(X).lazy(), pl.LazyFrame({"w": np.ones(120)})
    models = [(MLPRegressor(), NUMBERS), (MLPClassifier(), LABELS), *both()]
    for model, y in models:
        with pytest.raises(TypeError, match=r"X must be numbers, got a LazyFrame.*X.collect\(\)"):
            model.fit(lazy, y)
        with pytest.raises(TypeError, match="sample_weight must be numbers, got a LazyFrame"):
            model.fit(X, y, sample_weight=weights)
    with pytest.raises(TypeError, match="X must be numbers, got a LazyFrame"):
        TableEncoder().fit(X).transform(lazy)
    with pytest.raises(TypeError, match="X must be numbers, got a LazyFrame"):
        Network([3, 1]).predict(lazy)


def test_negative_class_weights_are_an_error():
    with pytest.raises(ValueError, match="must not be negative"):
        classifier(class_weight={0: -1.0, 1: 1.0}).fit(X, LABELS)
