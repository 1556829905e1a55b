"""What does early stopping go by: which rows are held out, and how good is the model for them?"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.validation import check_consistent_length

from cbackprop.callbacks.protocol import fitted_copy
from cbackprop.estimators.weights import rows_weigh
from cbackprop.network import Network
from cbackprop.running.execution import Execution
from cbackprop.running.ranks import Alone
from cbackprop.running.sweeps import Sweep
from cbackprop.validation.arrays import check_given
from cbackprop.validation.checks import check_parts, engine_rows, in_dtype


class Given(NamedTuple):
    """What `fit` was given: its rows, and those to validate with, if there are any."""

    X: Any = None
    y: Any = None
    sample_weight: Any = None
    X_val: Any = None
    y_val: Any = None
    sample_weight_val: Any = None
    groups: Any = None
    window: int | None = None  # of rows that are shuffled together

    def check(self, estimator: Any) -> None:
        """Validation rows come with their targets, and only where they are looked at.

        Raises
        ------
        ValueError
        """
        names = ("X_val", "y_val", "sample_weight_val", "groups")
        there = [name for name in names if getattr(self, name) is not None]
        if not there:
            return
        if not estimator.early_stopping:
            raise ValueError(
                f"{' and '.join(there)} are for early stopping: set early_stopping=True"
            )
        if estimator.solver == "lbfgs":
            raise ValueError(
                f"{' and '.join(there)} are for early stopping, and solver='lbfgs' has none: take "
                "'sgd' or 'adam'"
            )
        if self.groups is not None and isinstance(estimator.validation_fraction, Real):
            raise ValueError(
                "groups are for a splitter: set validation_fraction to one, "
                "GroupShuffleSplit(1) for example"
            )
        if there == ["groups"]:
            return
        if self.groups is not None:
            raise ValueError("rows are held out by groups, or given as X_val and y_val, not both")
        for name in ("X_val", "y_val"):
            if name not in there:
                raise ValueError(f"{' and '.join(there)} need {name}, which was not passed")


class Splitter(HasMethods):
    """What a parameter may be that is a splitter. Strings can split, too: themselves."""

    def is_satisfied_by(self, val: Any) -> bool:
        return super().is_satisfied_by(val) and not isinstance(val, str | bytes | bytearray)


class Validation(NamedTuple):
    """The rows that early stopping looks at: as the engine takes them, and as they were given."""

    X: Any
    y: NDArray
    sample_weight: NDArray | None
    given: tuple[Any, ...] = ()  # X, y and the weights, for scorers

    @property
    def of_engine(self) -> tuple[Any, ...]:
        """X and y, and the weights if there are any."""
        some = self.X, self.y, self.sample_weight
        return some[:2] if self.sample_weight is None else some


def given_rows(
    estimator: Any, given: Given, network: Network, y_fit: NDArray, ranks: Alone
) -> Validation | None:
    """One's own validation rows, checked: None if there are none. Classes weigh as in the fit."""
    if given.X_val is None:
        return None
    targets, weight = estimator._targets, given.sample_weight_val
    check_given("X_val", given.X_val)
    check_given("y_val", given.y_val, numbers=not is_classifier(estimator))
    try:
        check_consistent_length(given.X_val, given.y_val)
        X, y = targets.check_more(estimator, given.X_val, given.y_val)
        weight = rows_weigh(estimator, X, y, weight, incremental=False, counted=y_fit, ranks=ranks)
    except (ValueError, TypeError) as error:
        error.add_note("This is about X_val, y_val and sample_weight_val.")
        raise
    if weight is not None and not ranks.sum(float(weight.any())):
        raise ValueError("sample_weight_val must not be zero for every row")
    n_outputs, dtype = network.layer_sizes[-1], network.dtype
    X, y = engine_rows(X, dtype), targets.for_engine(y, dtype)
    columns = network.loss_function.n_outputs(1 if y.ndim == 1 else y.shape[1])
    if y.ndim == 2 and columns != n_outputs:
        raise ValueError(f"y_val must have as many columns as y, got shape {np.shape(given.y_val)}")
    y = network.loss_function.spread(y, n_outputs)
    if weight is not None:
        weight = in_dtype("sample_weight_val", weight, dtype)
    return Validation(X, y, weight, (given.X_val, given.y_val, given.sample_weight_val))


def split(
    estimator: Any, data: tuple[Any, NDArray, NDArray | None], given: Given, rng: Any, ranks: Alone
) -> tuple[NDArray | None, NDArray | None]:
    """Rows to train on (None for all) and those of early stopping (None without a split)."""
    X, y, sample_weight = data
    if not estimator.early_stopping or given.X_val is not None:
        return None, None
    if isinstance(estimator.validation_fraction, Real):
        by_fraction = _by_fraction if ranks.size == 1 else _share_by_fraction
        parts = by_fraction(estimator, X, y, rng)
        if not sum(ranks.gather(parts[1].size)):
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' "
                "or the size of your dataset."
            )
    else:
        parts = _by_splitter(estimator.validation_fraction, X.shape[0], given)
    if ranks.size == 1:
        check_parts(sample_weight, *parts)
    return parts


def _share_by_fraction(estimator: Any, X: Any, y: NDArray, rng: Any) -> tuple[NDArray, NDArray]:
    """Those of one of several ranks, which may have too few rows to stratify, or to hold out."""
    n = X.shape[0]
    labels = y if is_classifier(estimator) and y.ndim == 1 else np.zeros(n, dtype=np.intp)
    order = rng.permutation(n)
    order = order[np.argsort(labels[order], kind="stable")]  # a class behind the other
    n_held_out = min(int(np.ceil(estimator.validation_fraction * n)), n - 1)
    places = (np.arange(n_held_out) * n) // max(1, n_held_out)
    held_out = order[places]
    return rng.permutation(np.delete(order, places)), rng.permutation(held_out)


def _by_fraction(estimator: Any, X: Any, y: NDArray, rng: Any) -> tuple[NDArray, NDArray]:
    stratify = None
    if is_classifier(estimator) and estimator.n_outputs_ == 1:
        # Names, so that an error names what scikit-learn's does.
        stratify = np.array(["False", "True"])[y]
    train, held_out = train_test_split(
        np.arange(X.shape[0]),
        random_state=rng,
        test_size=estimator.validation_fraction,
        stratify=stratify,
    )
    if held_out.size < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' "
            "or the size of your dataset."
        )
    return train, held_out


def _by_splitter(splitter: Any, n: int, given: Given) -> tuple[NDArray, NDArray]:
    """The last of its splits: where they grow, as in time, that with the most rows to train on."""
    try:
        splits = list(splitter.split(given.X, given.y, given.groups))
    except Exception as error:
        raise ValueError(
            f"validation_fraction={splitter!r} cannot split the rows: {error}"
        ) from error
    if not splits:
        raise ValueError(f"validation_fraction={splitter!r} has no split")
    parts = []
    for rows, what in zip(splits[-1], ("train on", "validate with"), strict=True):
        rows = np.asarray(rows)
        if rows.dtype == bool and rows.shape == (n,):
            rows = np.flatnonzero(rows)
        in_range = rows.ndim == 1 and rows.dtype.kind in "iu" and rows.size > 0
        if not in_range or rows.min() < 0 or rows.max() >= n or np.unique(rows).size < rows.size:
            raise ValueError(
                f"validation_fraction={splitter!r} must give different rows to {what}, of 0 to "
                f"{n - 1} and at least one, got {rows!r}"
            )
        parts.append(rows.astype(np.intp))
    train, held_out = parts
    if common := np.intersect1d(train, held_out).size:
        raise ValueError(
            f"validation_fraction={splitter!r} has {common} rows both to train on and to validate "
            "with"
        )
    return train, held_out


def held_out_rows(
    data: tuple[Any, ...], given: Given, held_out: NDArray, *, raw: bool
) -> Validation:
    """The rows that were split off; also as they were given, if that is asked for."""
    X, y, sample_weight = data
    check_given("X", X)  # a callback may have been at it
    weight = None if sample_weight is None else sample_weight[held_out]
    rows = Validation(X[held_out], y[held_out], weight)
    return (
        rows._replace(given=tuple(_picked(part, held_out) for part in given[:3])) if raw else rows
    )


def _picked(part: Any, rows: NDArray) -> Any:
    """Rows of data as they were given, of whatever kind."""
    if hasattr(part, "tocsr"):  # some kinds of sparse matrices cannot be indexed
        return part.tocsr()[rows]
    return None if part is None else _safe_indexing(part, rows)


def judge_of(
    estimator: Any, network: Network, rows: Validation, execution: Execution, loss_scale: float
) -> Callable[[], float]:
    """How good the network is for these rows, as it is whenever this is called.

    Raises
    ------
    ValueError
        For a scorer that does not work.
    """
    scoring, ranks = estimator.scoring, execution.ranks
    if scoring is None:
        X, y, weight = rows[:3]
        y, weight = ranks.stack(y), ranks.stack(weight)

        def score() -> float:
            outputs = ranks.stack(_outputs_for(network, X, execution))
            return ranks.first(estimator._targets.score(estimator, outputs, y, weight))

        return score
    if scoring == "loss":
        sweep = Sweep(
            network,
            rows.X,
            y=rows.y,
            sample_weight=rows.sample_weight,
            loss_scale=loss_scale,
            sklearns_loss=True,
            execution=execution,
            ranks=ranks,
        )
        return lambda: -sweep.loss()
    return _by_scorer(estimator, network, rows, ranks)


def _outputs_for(network: Network, X: Any, execution: Execution) -> NDArray:
    """Of several ranks, one may have no rows to validate with."""
    if not X.shape[0]:
        return np.empty((0, network.layer_sizes[-1]), dtype=network.dtype)
    return network._predict(X, execution)


def has_scorer(estimator: Any) -> bool:
    """Whether a scorer judges, which is given rows as `fit` was."""
    return estimator.scoring is not None and estimator.scoring != "loss"


def _by_scorer(
    estimator: Any, network: Network, validation: Validation, ranks: Alone
) -> Callable[[], float]:
    """A scorer's number; of several ranks, the mean of their scores by their rows' weight."""
    scorer = check_scoring(estimator, estimator.scoring)
    calls, weight = count(), validation.sample_weight
    share = float(len(validation.y) if weight is None else weight.sum(dtype=np.float64))
    total = ranks.sum(share)

    def score() -> float:
        # A copy, so that nothing a scorer does reaches the fit.
        judged = fitted_copy(estimator, {"network_": network})
        rows, value = "validation rows", 0.0
        if share or ranks.size == 1:
            value = score_by(scorer, judged, *validation.given, name=estimator.scoring, rows=rows)
        if ranks.size > 1:
            value = ranks.sum(value * share / total)
        if next(calls) == 0 and value != value:
            raise _no_number(estimator.scoring, rows, value)
        return value

    score()  # says before training what is wrong with it
    return score


def score_by(
    scorer: Callable, judged: Any, X: Any, y: Any, weight: Any, *, name: Any, rows: str
) -> float:
    """What a scorer says of an estimator; an error calls it by its name, and what it looks at.

    Raises
    ------
    ValueError
        If it fails, or gives no number.
    """
    options = {} if weight is None else {"sample_weight": weight}
    try:
        value = scorer(judged, X, y, **options)
    except Exception as error:
        raise ValueError(f"scoring={name!r} fails on the {rows}: {error}") from error
    if not isinstance(value, Real):
        raise _no_number(name, rows, value)
    return float(value)


def _no_number(name: Any, rows: str, value: Any) -> ValueError:
    return ValueError(f"scoring={name!r} must give a number for the {rows}, got {value!r}")
