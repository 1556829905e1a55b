"""Is what a predictor, or an encoding, is made of checked before compiled code looks at it?"""

import numpy as np
import pytest

from cbackprop import Network
from cbackprop.engine.encoding import Encoding
from cbackprop.engine.predictor import RowPredictor
from cbackprop.network import Category, PiecewiseLinear
from cbackprop.network.one_row import told
from cbackprop.tabular.numbers import pieces, scaled

NET = Network([3, 4, 2], random_state=0)
EMBEDS = Network([2, 3, 1], embeddings=[PiecewiseLinear([0.0, 1.0]), Category(4)], random_state=0)


def predictor(net=NET, **changes):
    given = {"plan": net.plan, "output": net.output, "parameters": net.parameters, **told(net)}
    return RowPredictor(**{**given, **changes})


def with_first(table, name, value):
    changed = table.copy()
    changed[name][0] = value
    return changed


BAD = {
    "another plan": ({"plan": np.zeros(2)}, "plan must be an array of"),
    "no layers": ({"plan": NET.plan[:0]}, "at least one layer"),
    "gaps between layers": ({"plan": with_first(NET.plan, "biases", 3)}, "must start at 0"),
    "an unknown activation": ({"plan": with_first(NET.plan, "activation", 99)}, "unknown activ"),
    "too few parameters": ({"parameters": NET.parameters[:-1]}, "plan.s 26 elements, got 25"),
    "integers": ({"parameters": np.zeros(26, int)}, "float32 or float64"),
    "an unknown output": ({"output": 99}, "one of the codes in OUTPUTS, got 99"),
    "slopes of other layers": ({"slopes": [0.1]}, "slopes must have 2 elements, got 1"),
    "too few classes": ({"answer": "class", "classes": np.arange(1)}, "2 outputs need as many"),
    "no classes": ({"answer": "class"}, "need as many classes, got 0"),
    "one number of two": ({"answer": "number"}, "'number' is made of one output, got 2"),
    "two numbers of two": ({"answer": "pair"}, "'pair' is made of one output, got 2"),
    "another answer": ({"answer": "words"}, "answer must be one of"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_predictor_is_made_of_what_fits_together(what):
    changes, message = BAD[what]
    with pytest.raises((ValueError, TypeError), match=message):
        predictor(**changes)


@pytest.mark.parametrize(
    ("name", "value"),
    [("kind", 99), ("source", 2), ("width", 0), ("size", -1), ("parameters", 1), ("edges", 5)],
)
def test_embeddings_of_a_predictor_fit_together(name, value):
    assert predictor(EMBEDS)(np.ones(2)).shape == (1,)
    with pytest.raises(ValueError, match="embeddings"):
        predictor(EMBEDS, embeddings=with_first(told(EMBEDS)["embeddings"], name, value))
    with pytest.raises(ValueError, match="embeddings"):
        predictor(EMBEDS, n_features=1)


def test_it_says_itself_what_it_does_not_take():
    for rows in (np.ones(2), np.full(3, np.nan), "text", np.ones(3, int)):
        assert predictor().take(rows) is None
        with pytest.raises(ValueError, match="finite rows of 3 numbers"):
            predictor()(rows)
    assert predictor(lives=True).take(np.ones(3)) is None
    assert predictor(lives=True).take(np.ones((1, 3), np.float32)) is None
    assert predictor(lives=True).take([[1.0, 1.0, 1.0]]) is None


# Encodings.

CENTERS, FACTORS = np.array([0.5, -1.0, 2.0]), np.array([2.0, 0.0, 0.3])
EDGES = [np.array([-1.0, 0.0, 0.5, 2.0]), np.empty(0), np.array([0.0, 1.5])]
HOLES = np.array([0, 2])


def pieces_of(edges):
    some = [each for each in edges if each.size > 1]
    low, high = [], []
    for each in some:
        n = each.size - 1
        low += [-np.inf] + [0.0] * (n - 1)
        high += [1.0] * (n - 1) + [np.inf]
    starts = np.concatenate([each[:-1] for each in some])
    steps = np.concatenate([np.diff(each) for each in some])
    return [0, 0, 0, 2], starts, steps, low, high


@pytest.mark.parametrize("n", [1, 7, 3000])
def test_an_encoding_is_that_of_one_column_after_the_other_to_the_bit(n):
    rng = np.random.default_rng(n)
    X = 3 * rng.standard_normal((n, 3))
    X[rng.random((n, 3)) < 0.2] = np.nan
    X.flat[0] = [1.7e308, -1e-300, 0.5][n % 3]
    out = np.empty((n, 9), np.float32)
    assert Encoding(CENTERS, FACTORS, *pieces_of(EDGES), HOLES).into(out, X)
    columns = [scaled(*three) for three in zip(X.T, CENTERS, FACTORS, strict=True)]
    encoded = [pieces(column, edges) for column, edges in zip(columns, EDGES, strict=True)]
    expected = np.column_stack([*columns, *encoded, np.isnan(X[:, HOLES])])
    np.testing.assert_array_equal(out, expected.astype(np.float32))


@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
def test_an_encoding_tells_of_infinity(infinity):
    X, out = np.zeros((3, 3)), np.empty((3, 9), np.float32)
    X[2, 1] = infinity
    assert Encoding(CENTERS, FACTORS, *pieces_of(EDGES), HOLES).into(out, X) is False


def test_an_encoding_is_made_of_what_fits_together():
    sources, *numbers = pieces_of(EDGES)
    encoding = Encoding(CENTERS, FACTORS, sources, *numbers, HOLES)
    for out, X in [((2, 9), (2, 2)), ((2, 8), (2, 3)), ((1, 9), (2, 3))]:
        with pytest.raises(ValueError, match="must have the shapes"):
            encoding.into(np.empty(out, np.float32), np.zeros(X))
    with pytest.raises(TypeError, match="float32"):
        encoding.into(np.empty((2, 9)), np.zeros((2, 3)))
    for given in [
        (CENTERS, FACTORS[:2], sources, *numbers, HOLES),
        (CENTERS, FACTORS, [0, 0, 0, 3], *numbers, HOLES),
        (CENTERS, FACTORS, sources[:3], *numbers, HOLES),
        (CENTERS, FACTORS, sources, *numbers, [-1]),
    ]:
        with pytest.raises(ValueError, match=r"numbers, got|columns must lie between"):
            Encoding(*given)
