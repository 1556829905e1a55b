"""TableEncoder: a table of numbers, categories and holes as a matrix for a network."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_feature_names, check_is_fitted

from cbackprop.files.registry import saved_by
from cbackprop.files.savable import Savable
from cbackprop.tabular.at_once import numbers_of
from cbackprop.tabular.categories import (
    Spread,
    codes_of,
    factor_of,
    indicators,
    known_values,
    n_columns,
)
from cbackprop.tabular.file import EncoderDescription
from cbackprop.tabular.numbers import center_and_factor, edges_of, scaled
from cbackprop.tabular.table import (
    Column,
    as_category,
    as_numbers,
    chosen,
    columns_of,
    finite,
    naming_what_to_do,
    of_same_kind,
)
from cbackprop.validation.naming import named, public

MOST_ONE_HOT = 1024  # of a column: a value of each row would fill the memory, and say nothing


@public("cbackprop.tabular")
@named
@saved_by(EncoderDescription)
class TableEncoder(Savable, TransformerMixin, BaseEstimator):
    r"""A table as it is, as numbers for a network: scaled, categories as 0 and 1, holes filled.

    Numbers have their median subtracted and are divided by the distance of their quartiles; what
    lies far out is drawn in, to within (-3, 3). A hole becomes the median, and a column more says
    so if there were holes in `fit`. Categories of few values get a column of 0 and 1 for each, of
    many a column of codes, for an embedding. All is learnt in `fit`, from the rows it gets.

    Parameters
    ----------
    categorical_features : 'from_dtype', list or None, default='from_dtype'
        Which columns are categories. 'from_dtype': of a frame those of strings, booleans, objects
        and categories, of an array of objects those that hold text or truth values. Or a list of
        names, of numbers, or a mask, one for each column; these may hold numbers, too. None: no
        column.
    max_one_hot : int or None, default=8
        Most values of a column that gets a column for each. One of more becomes a column of codes:
        1, 2, ... for its values in order, 0 for holes and for what `fit` has not seen. None: no
        column becomes codes; of more than 1,024 values, the most frequent get a column.
    numbers : {'scaled', 'piecewise'}, default='scaled'
        What numbers become: a column, scaled; or their piecewise-linear encoding besides, up to 64
        columns that each rise from 0 to 1 between two edges. The edges are the distinct values if
        there are few, else half quantiles of the rows and half quantiles of the distinct values;
        beyond two outer ones that are all but the same comes one more.
    sparse_output : bool, default=False
        Whether `transform` makes a CSR matrix: where many values have a column each.

    Attributes
    ----------
    is_categorical_ : ndarray of bool, of shape (n_features,)
        Which columns are categories.
    categories_ : list of ndarrays of objects
        The known values of every column of categories, in order.
    medians_, factors_ : ndarrays of shape (n_numbers,)
        Of every column of numbers:
        :math:`z = (x - \text{median}) \, \text{factor}`, then :math:`z / \sqrt{1 + (z / 3)^2}`.
    has_holes_ : ndarray of bool, of shape (n_numbers,)
        Whether there were holes in `fit`.
    edges_ : list of ndarrays
        Of the encoding of every column of numbers, for ``numbers='piecewise'``.
    indicator_medians_, indicator_factors_ : ndarrays
        The same for every column of 0 and 1.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X had feature names that are all strings.

    See Also
    --------
    MLPClassifier, MLPRegressor : To train on what comes out.

    References
    ----------
    Holzmueller, Grinsztajn and Steinwart (2024), "Better by default: strong pre-tuned MLPs and
    boosted trees on tabular data", arXiv:2407.04491, for scaling and categories. Gorishniy,
    Rubachev and Babenko (2022), "On embeddings for numerical features in tabular deep learning",
    arXiv:2203.05556, for the piecewise-linear encoding.

    Examples
    --------
    >>> import numpy as np
    >>> from cbackprop.tabular import TableEncoder
    >>> X = np.array([[1.0, "red"], [2.0, "blue"], [None, "red"], [4.0, "green"]], dtype=object)
    >>> encoder = TableEncoder().fit(X)
    >>> encoder.get_feature_names_out().tolist()
    ['x0', 'x0_missing', 'x1_blue', 'x1_green', 'x1_red']
    >>> encoder.transform(X).shape
    (4, 5)
    """

    _parameter_constraints: ClassVar[dict] = {
        "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
        "max_one_hot": [None, Interval(Integral, 0, None, closed="left")],
        "numbers": [StrOptions({"scaled", "piecewise"})],
        "sparse_output": ["boolean"],
    }

    def __init__(
        self,
        categorical_features="from_dtype",
        *,
        max_one_hot=8,
        numbers="scaled",
        sparse_output=False,
    ):
        self.categorical_features = categorical_features
        self.max_one_hot = max_one_hot
        self.numbers = numbers
        self.sparse_output = sparse_output

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None) -> Self:
        """Learn medians, scales, categories and edges.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            Numbers and categories, with holes. Frames of pandas, Polars and Arrow need narwhals.
        y : None
            Not looked at.

        Returns
        -------
        TableEncoder
            The encoder itself.

        Raises
        ------
        TypeError
            For dates, and where a column holds text among numbers: it is named.
        ValueError
            For infinities, which are named, too, and for two columns of one name.
        ImportError
            For a frame, without narwhals.
        """
        return self._fit_columns(columns_of(X), X)

    def _fit_columns(self, columns: list[Column], X: Any) -> Self:
        """Learn from these columns, under the names that X has for them."""
        is_categorical = self._kinds(columns)
        numeric = [
            finite(c).values
            for c, is_one in zip(columns, is_categorical, strict=True)
            if not is_one
        ]
        categorical = [
            as_category(c) for c, is_one in zip(columns, is_categorical, strict=True) if is_one
        ]
        _check_feature_names(self, X, reset=True)
        self.n_features_in_ = len(columns)
        self.is_categorical_ = is_categorical
        scales = np.array([center_and_factor(values) for values in numeric]).reshape(-1, 2)
        self.medians_, self.factors_ = scales.T.copy()
        self.has_holes_ = np.array([np.isnan(values).any() for values in numeric], dtype=bool)
        self.edges_ = []
        if self.numbers == "piecewise":
            self.edges_ = [
                edges_of(scaled(values[~np.isnan(values)], *scale))
                for values, scale in zip(numeric, scales, strict=True)
            ]
        most = MOST_ONE_HOT if self.max_one_hot is None else None
        self.categories_ = [known_values(column, most) for column in categorical]
        scales = self._scales_of_indicators(categorical, len(columns[0].values))
        self.indicator_medians_, self.indicator_factors_ = scales.T.copy()
        return self

    def transform(self, X) -> Any:
        """The table as numbers.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            With the columns of `fit`.

        Returns
        -------
        ndarray or CSR matrix of float32, of shape (n_samples, n_columns)
            The columns that `get_feature_names_out` names: numbers, their encoding if it is asked
            for, where there were holes, categories of 0 and 1, and codes.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        TypeError, ValueError
            As `fit`; and for other columns than those of `fit`, or text where it had numbers.
        """
        return self._encode(X)

    def _encode(self, X: Any) -> Any:
        """What `transform` gives, whatever containers scikit-learn is configured to make of it."""
        if self._takes(X):
            numbers = numbers_of(self)
            out = np.empty((len(X), numbers.width), dtype=np.float32)
            if numbers.into(out, np.ascontiguousarray(X, dtype=np.float64)):
                return out
        check_is_fitted(self)
        columns = columns_of(X)
        names = vars(self).get("feature_names_in_")
        if names is None or [column.label for column in columns] != names.tolist():
            with naming_what_to_do(names, columns):
                _check_feature_names(self, X, reset=False)  # takes its time
        if len(columns) != self.n_features_in_:
            raise ValueError(
                f"X has {len(columns)} features, but TableEncoder is expecting "
                f"{self.n_features_in_} features as input."
            )
        numeric, categorical, known = [], [], iter(self.categories_)
        for column, is_one in zip(columns, self.is_categorical_, strict=True):
            if is_one:
                categorical.append(of_same_kind(as_category(column), next(known)))
            else:
                numeric.append(as_numbers(column).values)
        n = len(columns[0].values)
        numbers, values = numbers_of(self), np.empty((n, len(numeric)))
        for i, of_one in enumerate(numeric):
            values[:, i] = of_one
        blocks = list(self._blocks(categorical))
        if self.sparse_output:
            dense = np.empty((n, numbers.width), dtype=np.float32)
            numbers.into(dense, values)
            as_csr = [b.as_csr() if isinstance(b, Spread) else sparse.csr_array(b) for b in blocks]
            parts = [sparse.csr_array(dense), *as_csr]
            return sparse.hstack(parts, format="csr", dtype=np.float32)
        widths = [len(b.on) if isinstance(b, Spread) else b.shape[1] for b in blocks]
        out = np.zeros((n, numbers.width + sum(widths)), dtype=np.float32)
        numbers.into(out[:, : numbers.width], values)
        stops = numbers.width + np.cumsum(widths, dtype=np.intp)
        for block, stop, width in zip(blocks, stops, widths, strict=True):
            if isinstance(block, Spread):
                block.into(out[:, stop - width : stop])
            else:
                out[:, stop - width : stop] = block
        return out

    def _takes(self, X: Any) -> bool:
        """Whether X is an array of numbers alone, in which there is nothing to convert or to name.

        One row is then a matter of microseconds.
        """
        fitted = vars(self)
        return (
            type(X) is np.ndarray
            and X.dtype.kind in "iuf"
            and X.dtype.itemsize <= 8
            and X.ndim == 2
            and len(X) > 0
            and X.shape[1] == fitted.get("n_features_in_")
            and "feature_names_in_" not in fitted
            and not (self.categories_ or self.sparse_output)
        )

    def _blocks(self, categorical: list[Column]) -> Iterator[NDArray | Spread]:
        """What stands side by side behind the numbers: categories, those of many values last."""
        many, at = [], 0
        for column, known in zip(categorical, self.categories_, strict=True):
            codes = codes_of(column, known)
            if not self._is_one_hot(known):
                many.append(codes[:, np.newaxis])
                continue
            some = slice(at, at + n_columns(len(known)))
            at = some.stop
            medians, factors = self.indicator_medians_[some], self.indicator_factors_[some]
            if len(known) > 2:
                yield Spread(codes, scaled(factors, 0.0, 1.0).astype(np.float32))
            elif len(known):
                yield scaled(indicators(codes, len(known)), medians[0], factors[0])
        yield from many

    def get_feature_names_out(self, input_features=None) -> NDArray:
        """Names of the columns of `transform`.

        Parameters
        ----------
        input_features : array-like of str, optional
            Names of the columns of X; without them, those of `fit`, or x0, x1, ...

        Returns
        -------
        ndarray of objects
            'age', 'age_missing', 'age_1' for a piece, 'color_red' for a category.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError
            If the names are not those of `fit`.
        """
        check_is_fitted(self)
        known = getattr(self, "feature_names_in_", None)
        names = known if input_features is None else np.asarray(input_features, dtype=object)
        if names is None:
            names = np.array([f"x{i}" for i in range(self.n_features_in_)], dtype=object)
        if len(names) != self.n_features_in_:
            raise ValueError(
                "input_features should have length equal to number of features "
                f"({self.n_features_in_}), got {len(names)}"
            )
        if known is not None and not np.array_equal(names, known):
            raise ValueError("input_features is not equal to feature_names_in_")
        numeric, categorical = names[~self.is_categorical_], names[self.is_categorical_]
        out = list(numeric)
        for name, edges in zip(numeric, self.edges_, strict=False):
            out += [f"{name}_{i}" for i in range(1, edges.size)]
        out += [f"{name}_missing" for name in numeric[self.has_holes_]]
        few = [self._is_one_hot(values) for values in self.categories_]
        for name, values, is_few in zip(categorical, self.categories_, few, strict=True):
            if is_few:
                shown = values[:1] if n_columns(len(values)) == 1 else values
                out += [f"{name}_{value}" for value in shown]
        out += [name for name, is_few in zip(categorical, few, strict=True) if not is_few]
        return np.array(out, dtype=object)

    @property
    def sources_(self) -> NDArray[np.intp]:
        """From which column of X, by number, each column of `transform` comes: (n_columns,)."""
        check_is_fitted(self)
        numeric = np.flatnonzero(~self.is_categorical_)
        categorical = np.flatnonzero(self.is_categorical_)
        few = np.array([self._is_one_hot(known) for known in self.categories_], dtype=bool)
        widths = [n_columns(len(known)) for known in self.categories_]
        n_pieces = [max(0, edges.size - 1) for edges in self.edges_]
        parts = [
            numeric,
            np.repeat(numeric[: len(n_pieces)], n_pieces),
            numeric[self.has_holes_],
            np.repeat(categorical[few], np.array(widths, dtype=np.intp)[few]),
            categorical[~few],
        ]
        return np.concatenate(parts).astype(np.intp)

    def _kinds(self, columns: list[Column]) -> NDArray[np.bool_]:
        by_dtype = np.array([column.is_category for column in columns], dtype=bool)
        if isinstance(self.categorical_features, str):
            return by_dtype
        mask = np.zeros(len(columns), dtype=bool)
        if self.categorical_features is not None:
            mask = chosen(self.categorical_features, [column.label for column in columns])
        if (text := by_dtype & ~mask).any():
            label = columns[int(np.argmax(text))].label
            raise ValueError(
                f"column {label!r} holds categories, and is not among categorical_features: add "
                "it, or leave categorical_features at 'from_dtype'"
            )
        return mask

    def _is_one_hot(self, known: NDArray) -> bool:
        return self.max_one_hot is None or len(known) <= self.max_one_hot

    def embedded_sizes(self) -> list[int]:
        """How many values the columns have that become codes: the last columns of `transform`.

        Returns
        -------
        list of int
            The code 0, for what is missing or unknown, is not counted.
        """
        return [len(known) for known in self.categories_ if not self._is_one_hot(known)]

    def _n_indicators(self) -> int:
        return sum(n_columns(len(known)) for known in self.categories_ if self._is_one_hot(known))

    def _scales_of_indicators(self, categorical: list[Column], n: int) -> NDArray:
        """Median and factor of every column of 0 and 1, or of +1 and -1.

        Of more than two values each column's 0 stays 0, so that it need not be stored.
        """
        scales: list[tuple[float, float]] = []
        for column, known in zip(categorical, self.categories_, strict=True):
            if not self._is_one_hot(known):
                continue
            codes = codes_of(column, known)
            if len(known) > 2:
                counts = np.bincount(codes, minlength=len(known) + 1)[1:]
                scales += [(0.0, factor_of(int(count), n)) for count in counts]
            elif len(known):
                scales.append(center_and_factor(indicators(codes, len(known)).ravel()))
        return np.array(scales).reshape(-1, 2)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags
