"""Scales of columns whose numbers are further apart than floats go, and of encoders changed."""

import numpy as np
import pytest

from cbackprop.tabular import TableEncoder
from cbackprop.tabular.numbers import center_and_factor, scaled


@pytest.mark.parametrize("rare", [False, True])
def test_numbers_further_apart_than_floats_go_stay_apart(rare):
    ends, zeros = (1, 30) if rare else (20, 1)
    values = np.repeat([1e308, -1e308, 0.0], [ends, ends, zeros])
    median, factor = center_and_factor(values)
    assert median == 0.0
    assert factor == pytest.approx((2.0 if rare else 1.0) / 2.0 / 1e308)
    low, middle, high = (
        TableEncoder().fit(values[:, np.newaxis]).transform([[-1e308], [0], [1e308]])
    )
    assert low < -0.4
    assert middle == 0.0
    assert high > 0.4


def test_quantiles_between_numbers_further_apart_than_floats_go_are_numbers():
    median, factor = center_and_factor(np.array([1.7e308, -1.7e308]))
    assert median == 0.0
    assert factor == pytest.approx(1.0 / 1.7e308)


@pytest.mark.parametrize("name", ["medians_", "factors_"])
def test_an_encoder_that_is_changed_encodes_as_it_is_now(name):
    X = np.random.RandomState(0).normal(size=(20, 2))
    encoder = TableEncoder().fit(X)
    before = encoder.transform(X)
    setattr(encoder, name, getattr(encoder, name) + 1.0)
    after = encoder.transform(X)
    assert (after != before).any()
    np.testing.assert_array_equal(after[:1], encoder.transform(X[:1]))


def test_a_constant_columns_other_numbers_are_zero_however_far_away():
    """To the bit as the compiled encoding has them."""
    constant = np.full((4, 1), 1.7e308)
    others = np.array([[-1.7e308], [0.0], [np.nan]])
    np.testing.assert_array_equal(TableEncoder().fit(constant).transform(others)[:, 0], 0.0)
    np.testing.assert_array_equal(scaled(others[:, 0], *center_and_factor(constant[:, 0])), 0.0)
