"""What a fit to a table leaves of random states: NumPy's own, and one that was given to it."""

import numpy as np
import pytest

from cbackprop.tabular import TabularClassifier, TabularRegressor

X = np.random.default_rng(0).normal(size=(30, 3))
SMALL = {"hidden_layer_sizes": 4, "n_members": 1, "max_epochs": 2, "n_jobs": 1}


@pytest.mark.parametrize("kind", [TabularClassifier, TabularRegressor])
def test_numpys_own_generator_is_not_drawn_from(kind):
    before = np.random.get_state()[1].copy(), np.random.get_state()[2]  # noqa: NPY002
    kind(random_state=0, **SMALL).fit(X, np.arange(30) % 2)
    after = np.random.get_state()[1:3]  # noqa: NPY002
    np.testing.assert_array_equal(after[0], before[0])
    assert after[1] == before[1]


@pytest.mark.parametrize("kind", [TabularClassifier, TabularRegressor])
def test_a_fit_that_fails_leaves_the_random_state_where_it_was(kind):
    def fails(*_):
        raise RuntimeError("no")

    rng = np.random.RandomState(3)
    before = rng.get_state()
    with pytest.raises(ValueError, match="fails on the rows held out: no"):
        kind(random_state=rng, scoring=fails, **SMALL).fit(X, np.arange(30) % 2)
    after = rng.get_state()
    np.testing.assert_array_equal(after[1], before[1])
    assert after[2] == before[2]
