"""What does a network's first layer see of a column: the number, lines, waves, a row of a table?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cbackprop.engine import run
from cbackprop.files.values import kept_by_fields
from cbackprop.validation.arrays import as_numbers
from cbackprop.validation.checks import check_integer, check_number
from cbackprop.validation.naming import public

MOST_WIDTH = 2**16
ENGINE_NAMES = "embeddings", "edges", "n_features", "scaling"  # of what a Task is told of a front


@public("cbackprop.network")
@kept_by_fields
class PiecewiseLinear:
    r"""A column of numbers as lines between edges: `width` functions of it, learnt.

    The numbers that the first layer gets of x are :math:`b + x l + \sum_t e_t(x) v_t`, where e_t is
    the share, in [0, 1], of the piece between edge t and edge t + 1 that lies below x; the outer
    lines go on beyond the edges. b, l and every v_t are vectors of `width` numbers that are
    trained. It starts as a linear function: the v_t as 0.

    Parameters
    ----------
    edges : array-like of shape (n_edges,)
        Where the pieces meet: at least two numbers that rise, also as float32.
    width : int, default=4
        Numbers that the first layer gets.

    References
    ----------
    Gorishniy, Rubachev and Babenko (2022), "On embeddings for numerical features in tabular deep
    learning", arXiv:2203.05556; in the form of their package's "version B".

    Examples
    --------
    >>> from cbackprop import Network
    >>> from cbackprop.network import PiecewiseLinear
    >>> net = Network([2, 8, 1], embeddings=[PiecewiseLinear([0.0, 1.0, 5.0]), None])
    >>> net.weights[0].shape  # 4 numbers for the first column, the second as it is
    (5, 8)
    """

    kind = "piecewise"

    def __init__(self, edges: ArrayLike, width: int = 4):
        self.edges = np.array(as_numbers("edges", edges), dtype=np.float64)
        self.width = _width(width)
        if self.edges.ndim != 1 or self.edges.size < 2:
            raise ValueError(
                f"edges must be at least two numbers in a row, got shape {self.edges.shape}"
            )
        with np.errstate(over="ignore"):
            rounded = self.edges.astype(np.float32)
            lengths = np.diff(rounded)
        if not (np.isfinite(lengths).all() and (lengths > 0).all()):
            raise ValueError(
                "edges must be finite and rise, also when they are rounded to float32: leave out "
                "those that are not above the one before, or further off than float32 has numbers; "
                f"got {_shown(self.edges)}"
            )
        self.edges.flags.writeable = False

    def __repr__(self) -> str:
        return f"PiecewiseLinear(edges={_shown(self.edges)}, width={self.width})"

    @property
    def size(self) -> int:
        return int(self.edges.size)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {
            "bias": (self.width,),
            "slope": (self.width,),
            "steps": (self.size - 1, self.width),
        }

    def draw(self, rng: np.random.RandomState) -> list[NDArray]:
        """b and l from U(-1, 1) / sqrt(width); the steps 0."""
        bound = 1.0 / np.sqrt(self.width)
        bias, slope = rng.uniform(-bound, bound, (2, self.width))
        return [bias, slope, np.zeros((self.size - 1, self.width))]


@public("cbackprop.network")
@kept_by_fields
class Periodic:
    r"""A column of numbers as waves: x, and :math:`h W + b` with :math:`h = \cos(2 \pi x w + c)`.

    All of w, c (`frequencies` numbers), W and b (for `width` - 1 outputs) are trained.

    Parameters
    ----------
    width : int, default=4
        Numbers that the first layer gets, the last one x itself.
    frequencies : int, default=16
        How many waves.
    sigma : float, default=0.1
        The deviation of the frequencies w at first, > 0.

    References
    ----------
    Holzmueller, Grinsztajn and Steinwart (2024), "Better by default: strong pre-tuned MLPs and
    boosted trees on tabular data", arXiv:2407.04491: PBLD.

    Examples
    --------
    >>> from cbackprop import Network
    >>> from cbackprop.network import Periodic
    >>> Network([3, 8, 1], embeddings=[Periodic()] * 3).weights[0].shape
    (12, 8)
    """

    kind = "periodic"

    def __init__(self, width: int = 4, frequencies: int = 16, sigma: float = 0.1):
        self.width = _width(width, at_least=2)
        self.frequencies = check_integer("frequencies", frequencies, at_least=1)
        self.sigma = check_number("sigma", sigma, 0.0, np.inf, open_low=True, open_high=True)

    def __repr__(self) -> str:
        return f"Periodic(width={self.width}, frequencies={self.frequencies}, sigma={self.sigma:g})"

    @property
    def size(self) -> int:
        return self.frequencies

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        k, outputs = self.frequencies, self.width - 1
        return {"frequencies": (k,), "phases": (k,), "weights": (outputs, k), "biases": (outputs,)}

    def draw(self, rng: np.random.RandomState) -> list[NDArray]:
        """w from N(0, sigma^2), c from U(-pi, pi), W and b from U(-1, 1) / sqrt(frequencies)."""
        k, outputs = self.frequencies, self.width - 1
        bound = 1.0 / np.sqrt(k)
        return [
            self.sigma * rng.normal(size=k),
            rng.uniform(-np.pi, np.pi, k),
            rng.uniform(-bound, bound, (outputs, k)),
            rng.uniform(-bound, bound, outputs),
        ]


@public("cbackprop.network")
@kept_by_fields
class Category:
    """A column of codes, whole numbers from 0 on, as rows of a table that is trained.

    Parameters
    ----------
    n_values : int
        Rows of the table. Numbers that are no code of it, as -1 or `n_values`, get its first row:
        that of code 0, the one for what is missing.
    width : int, default=8
        Numbers that the first layer gets.

    References
    ----------
    Guo and Berkhahn (2016), "Entity embeddings of categorical variables", arXiv:1604.06737.

    Examples
    --------
    >>> from cbackprop import Network
    >>> from cbackprop.network import Category
    >>> Network([2, 8, 1], embeddings=[Category(100), None]).weights[0].shape
    (9, 8)
    """

    kind = "category"

    def __init__(self, n_values: int, width: int = 8):
        self.n_values = check_integer("n_values", n_values, at_least=1)
        if self.n_values > 2**24:
            raise ValueError(
                f"n_values must be at most 2**24, the codes that float32 can tell apart, got "
                f"{n_values}"
            )
        self.width = _width(width)

    def __repr__(self) -> str:
        return f"Category(n_values={self.n_values}, width={self.width})"

    @property
    def size(self) -> int:
        return self.n_values

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {"table": (self.n_values, self.width)}

    def draw(self, rng: np.random.RandomState) -> list[NDArray]:
        """The table from N(0, 1)."""
        return [rng.normal(size=(self.n_values, self.width))]


Embedding = PiecewiseLinear | Periodic | Category


class Front(NamedTuple):
    """What stands before the first layer: for each column of X an embedding, or None."""

    embeddings: tuple[Embedding | None, ...]
    scaling: bool  # whether there is a factor for every number that the first layer gets

    @property
    def width(self) -> int:
        """Numbers that the first layer gets."""
        return sum(1 if e is None else e.width for e in self.embeddings)

    @property
    def n_parameters(self) -> int:
        learnt = sum(
            int(np.prod(shape)) for e in self.embeddings if e for shape in e.shapes.values()
        )
        return learnt + (self.width if self.scaling else 0)

    def function_parameters(self) -> dict[str, Any]:
        """As the engine takes them."""
        table = np.zeros(len(self.embeddings), dtype=run.EMBEDDING)
        edges: list[NDArray] = []
        first = at = n_edges = 0
        for source, (row, it) in enumerate(zip(table, self.embeddings, strict=True)):
            row["source"], row["first"], row["parameters"] = source, first, at
            row["kind"] = run.EMBEDDINGS["number" if it is None else it.kind]
            row["width"], row["size"] = (1, 0) if it is None else (it.width, it.size)
            if isinstance(it, PiecewiseLinear):
                row["edges"] = n_edges
                edges.append(it.edges)
                n_edges += it.size
            first += int(row["width"])
            at += 0 if it is None else sum(int(np.prod(shape)) for shape in it.shapes.values())
        return {
            "embeddings": table,
            "edges": np.concatenate([np.empty(0), *edges]),
            "n_features": len(self.embeddings),
            "scaling": self.scaling,
        }

    def views(self, vector: NDArray) -> list[dict[str, NDArray]]:
        """What each embedding learns, and at the end the factors, as views into the vector."""
        out, at = [], 0
        shapes = [{} if e is None else e.shapes for e in self.embeddings]
        if self.scaling:
            shapes.append({"scale": (self.width,)})
        for of_one in shapes:
            views = {}
            for name, shape in of_one.items():
                size = int(np.prod(shape))
                views[name] = vector[at : at + size].reshape(shape)
                at += size
            out.append(views)
        return out

    def draw(self, rng: np.random.RandomState, vector: NDArray) -> None:
        """First parameters, drawn in float64."""
        views = self.views(vector)
        for embedding, into in zip(self.embeddings, views, strict=False):
            drawn = [] if embedding is None else embedding.draw(rng)
            for view, values in zip(into.values(), drawn, strict=True):
                view[...] = values
        if self.scaling:
            views[-1]["scale"][...] = 1.0


def make_front(
    embeddings: Sequence[Embedding | None] | None, input_scaling: Any, n_features: int
) -> Front | None:
    """Checked: an entry for each column of X; None where X goes to the first layer as it is.

    Raises
    ------
    TypeError, ValueError
        If it is anything else.
    """
    if not isinstance(input_scaling, bool | np.bool_):
        raise TypeError(f"input_scaling must be True or False, got {input_scaling!r}")
    if embeddings is None and not input_scaling:
        return None
    if embeddings is None:
        return Front((None,) * n_features, True)
    what = "embeddings must be a list with an entry for each column of X, an embedding or None"
    if isinstance(embeddings, str | dict) or not isinstance(embeddings, Sequence):
        raise TypeError(f"{what}, got {embeddings!r}")
    for column, embedding in enumerate(embeddings):
        if embedding is not None and not isinstance(embedding, Embedding):
            raise TypeError(f"{what}, got {embedding!r} for column {column}")
    if len(embeddings) != n_features:
        raise ValueError(f"{what}: {n_features}, the first of layer_sizes; got {len(embeddings)}")
    front = Front(tuple(embeddings), bool(input_scaling))
    if not (front.scaling or any(front.embeddings)):
        return None
    if front.width > 2**31 - 2:
        raise ValueError(f"embeddings make {front.width} numbers of a row, more than 2**31 - 2")
    return front


def _width(width: Any, at_least: int = 1) -> int:
    width = check_integer("width", width, at_least=at_least)
    if width > MOST_WIDTH:
        raise ValueError(f"width must be at most {MOST_WIDTH}, got {width}")
    return width


def _shown(edges: NDArray) -> str:
    few = [f"{edge:g}" for edge in edges[:3]]
    return f"[{', '.join(few)}{', ...' if edges.size > 3 else ''}]"
