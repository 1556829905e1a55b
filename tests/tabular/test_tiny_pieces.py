"""Two numbers that rounding tells apart do not say how a line goes on beyond them."""

import numpy as np
import pytest

from cbackprop.tabular import TableEncoder, TabularRegressor
from cbackprop.tabular.numbers import edges_of, pieces

LIMIT = 3.0


def clustered(at, apart, n=300):
    """Numbers in (-1, 0), many at the end, some of them a bit further."""
    x = -np.random.RandomState(0).uniform(0.1, 1.0, n)
    x[:80], x[80:90] = at, at + apart
    return x


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("at", "apart"), [(0.0, 5.5e-17), (2.0, 1e-15), (2.0, 1e-6)])
def test_the_encoding_stays_small_beyond_a_tiny_piece(sign, at, apart):
    x = sign * clustered(at, apart)
    encoder = TableEncoder(numbers="piecewise").fit(x[:, np.newaxis])
    far = sign * np.array([at + 0.1, at + 1.0, 1e6, 1e300])[:, np.newaxis]
    assert np.abs(encoder.transform(far)).max() <= 1024.0


@pytest.mark.parametrize("sign", [1, -1])
def test_predictions_near_the_largest_number_seen_are_near_its_own(sign):
    x = clustered(2.0, 1e-6)
    model = TabularRegressor(n_members=1, max_epochs=10, random_state=0)
    model.fit(sign * x[:, np.newaxis], x)
    last, beyond = model.predict(sign * np.array([[2.000001], [2.01]]))
    assert abs(beyond - last) < 0.1


def test_there_are_never_more_edges_than_asked_for():
    inside = np.linspace(-1.0, 1.0, 63)
    edges = edges_of(np.concatenate([[-1 - 1e-9], inside, [1 + 1e-9]]))
    assert edges.size == 65
    assert edges[0] == -LIMIT
    assert edges[-1] == LIMIT
    assert (np.diff(edges) > 0).all()
    assert pieces(np.array([2.0]), edges).max() < 1.01


@pytest.mark.parametrize("n", [2, 64, 65])
def test_edges_are_the_distinct_numbers_where_no_piece_is_tiny(n):
    values = np.linspace(-1.0, 1.0, n)
    np.testing.assert_array_equal(edges_of(np.repeat(values, 3)), values)
