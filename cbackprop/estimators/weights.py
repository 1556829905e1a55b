"""What do the rows of a fit weigh: what `sample_weight` says, times what their classes do?"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import _check_sample_weight

from cbackprop.running.ranks import ALONE, Alone
from cbackprop.validation.arrays import check_given
from cbackprop.validation.checks import check_sign
from cbackprop.validation.columns import explained

SUGGESTED = "compute_class_weight('balanced', classes=classes, y=y)"


def rows_weigh(
    estimator: Any,
    X: Any,
    y: NDArray,
    sample_weight: Any,
    *,
    incremental: bool,
    counted: NDArray | None = None,
    ranks: Alone = ALONE,
) -> Any:
    """The weights of the rows (n,), or None if nobody asks for any.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Only the first may have a `class_weight`.
    X, y : checked rows and targets
        Positions in classes_ (n,), or an indicator (n, n_classes).
    sample_weight : array-like of shape (n,) or None
    incremental : bool
        Whether y may be a part of the data.
    counted : targets, optional
        In which 'balanced' counts the classes, in place of y.
    ranks : Alone or Ranks
        Whose rows are counted, and of whom one has a row that weighs something.
    """
    weight = _weights(estimator, X, y, sample_weight, incremental, counted, ranks)
    if weight is None:
        return None
    weight = check_sign(weight, elsewhere=ranks.size > 1)
    if not ranks.sum(float(weight.any())):
        raise ValueError("sample_weight must not be zero for every row of all ranks")
    return weight


def _weights(estimator, X, y, sample_weight, incremental, counted, ranks) -> Any:
    class_weight = getattr(estimator, "class_weight", None)
    if class_weight is None:
        if sample_weight is None:
            return None
        check_given("sample_weight", sample_weight)
        return _checked(sample_weight, X, ranks)
    counted = y if counted is None else counted
    weight = _of_classes(estimator, class_weight, y, counted, incremental, ranks)
    if sample_weight is not None:
        check_given("sample_weight", sample_weight)
        # In float64: rounded once, after the product, as a weight that is given as a whole.
        given = _checked(sample_weight, X, ranks, dtype=np.float64)
        given = check_sign(given, elsewhere=ranks.size > 1)
        weight = weight * given
    if not ranks.sum(float(weight.any())):
        raise ValueError(
            "class_weight and sample_weight must leave a row that weighs something, got a product "
            "of zero for every row"
        )
    return weight


def _checked(sample_weight: Any, X: Any, ranks: Alone, **options: Any) -> NDArray:
    """As scikit-learn checks it; all zero, where other ranks have rows."""
    if ranks.size > 1 and not np.any(np.asarray(sample_weight)):
        return 0.0 * _check_sample_weight(np.ones(np.shape(sample_weight)), X, **options)
    with explained(sample_weight=sample_weight):
        return _check_sample_weight(sample_weight, X, **options)


def _of_classes(
    estimator: Any,
    class_weight: Any,
    y: NDArray,
    counted: NDArray,
    incremental: bool,
    ranks: Alone,
) -> NDArray:
    """The weight of each row by its class; of several labels, the product over them."""
    balanced = isinstance(class_weight, str)
    if balanced and incremental:
        raise ValueError(
            "class_weight='balanced' is nothing for partial_fit, which sees a part of the data: "
            f"set class_weight to a dict, as dict(zip(classes, {SUGGESTED})) with all of y, or "
            "enough of it"
        )
    if y.ndim == 2:
        n_labels = y.shape[1]
        each = [class_weight] * n_labels if balanced else _list_of(class_weight, n_labels)
        weight = np.ones(len(y))
        for label, own in enumerate(each):
            column, its_counted = (of.astype(np.intp) for of in (y[:, label], counted[:, label]))
            if balanced:
                weight *= _balanced(its_counted, 2, ranks)[column]
            else:
                weight *= _by_class(own, np.array([0, 1]), column, f"class_weight[{label}]")
        return weight
    if balanced:
        return _balanced(counted, len(estimator.classes_), ranks)[y]
    if not isinstance(class_weight, Mapping):
        raise TypeError(
            "class_weight must be 'balanced' or a dict with a weight for a class, where a row has "
            f"one class; got a {type(class_weight).__name__}, which is for multilabel targets"
        )
    expects_more = incremental and getattr(estimator, "new_classes", None) == "add"
    return _by_class(class_weight, estimator.classes_, y, "class_weight", expects_more)


def _list_of(class_weight: Any, n_labels: int) -> list[Mapping]:
    """Those of a multilabel target: scikit-learn's list with a dict for each label."""
    if isinstance(class_weight, Mapping) and not class_weight:
        return [class_weight] * n_labels
    if isinstance(class_weight, Mapping):
        raise TypeError(
            "class_weight must be 'balanced' or a list of dicts for multilabel targets, as "
            f"{{0: 1.0, 1: 5.0}} for each of the {n_labels} labels: 1 where a row has it, 0 where "
            "not; got one dict"
        )
    each = list(class_weight)
    if len(each) != n_labels:
        raise ValueError(
            f"class_weight must have a dict for each of the {n_labels} labels, got {len(each)}"
        )
    for label, own in enumerate(each):
        if not isinstance(own, Mapping):
            raise TypeError(f"class_weight[{label}] must be a dict, got {type(own).__name__}")
    return each


def _balanced(positions: NDArray, n_classes: int, ranks: Alone) -> NDArray:
    """Of each class; 1 of those that are not there: of two, a label may have but one.

    As scikit-learn's `compute_class_weight` has it.
    """
    counts = np.sum(ranks.gather(np.bincount(positions, minlength=n_classes)), axis=0)
    there = counts > 0
    weights = np.ones(n_classes)
    weights[there] = counts.sum() / (there.sum() * counts[there].astype(np.float64))
    return weights


def _by_class(
    class_weight: Any, classes: NDArray, positions: NDArray, where: str, expects_more: bool = False
) -> NDArray:
    """The weight of each row, from the position of its class in `classes`."""
    known = classes.tolist()
    unknown = [label for label in class_weight if label not in known]
    if unknown and not expects_more:
        raise ValueError(
            f"{where} must be weights of the classes {known}, got one for {unknown[0]!r}"
        )
    weights = np.array([_number(class_weight.get(label, 1.0), label, where) for label in known])
    for label in unknown:
        _number(class_weight[label], label, where)
    return weights[positions]


def _number(value: Any, label: Any, where: str) -> float:
    """A weight; those of classes that are not named are 1, as in scikit-learn."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise TypeError(f"{where}[{label!r}] must be a number, got {value!r}")
    weight = float(value)
    if not 0.0 <= weight < np.inf:
        raise ValueError(f"{where}[{label!r}] must be finite and at least 0, got {value!r}")
    return weight
