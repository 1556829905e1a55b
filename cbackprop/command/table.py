"""How good is cbackprop on a table of the user's own, beside scikit-learn? `cbackprop demo --table`

A fifth of the rows is held out; trees, scikit-learn's network and cbackprop's get the same rows.
"""

from __future__ import annotations

import platform
import sys
import time
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import sklearn
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from cbackprop._version import __version__
from cbackprop.command.demo import Progress, _say
from cbackprop.command.info import processor
from cbackprop.tabular import TabularClassifier, TabularRegressor
from cbackprop.tabular.table import columns_of

MOST_CLASSES = 20  # of a target of integers
MOST_OF_TREES = 255  # categories of a column, in HistGradientBoosting
FEWEST_ROWS = 10
MOST_SHOWN = 25  # columns of a kind
WIDTHS = (38, 12, 12, 10)
REFUSED = 2  # as argparse's


class Refused(ValueError):
    """What is wrong with the file or the target, and what to do."""


class Table(NamedTuple):
    """A file: its columns, numbers as floats, categories as text, and the target."""

    X: Any
    y: Any
    numbers: list[str]
    categories: list[str]
    is_classification: bool
    why: str


# Reading.


def _pandas() -> Any:
    try:
        import_module("narwhals")  # for the columns' types
        return import_module("pandas")
    except ImportError as error:
        raise Refused(f"--table needs {error.name}: pip install pandas narwhals") from None


def _read(path: str) -> Any:
    pd = _pandas()
    try:
        # Only an empty field is missing: 'NA' may be a name.
        frame = pd.read_csv(path, keep_default_na=False, na_values=[""], low_memory=False)
    except OSError as error:
        raise Refused(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise Refused(f"{path} is no text in UTF-8: save it so") from None
    except ValueError as error:  # as pandas' own errors are
        raise Refused(f"{path} is no table of values separated by commas: {error}") from None
    if len(frame) < FEWEST_ROWS:
        raise Refused(f"{path} has {len(frame)} rows, and at least {FEWEST_ROWS} are needed")
    return frame


def _table(path: str, target: str, task: str | None) -> Table:
    frame = _read(path)
    if target not in frame.columns:
        some = ", ".join(map(str, frame.columns[:MOST_SHOWN]))
        raise Refused(f"{path} has no column {target!r}; its columns are {some}")
    y, X = frame[target], frame.drop(columns=target)
    if X.shape[1] == 0:
        raise Refused(f"{path} has no column besides {target!r} to learn from")
    if y.isna().any():
        row = int(np.argmax(y.isna().to_numpy()))
        raise Refused(
            f"the target {target!r} is missing in {int(y.isna().sum())} rows, first in row "
            f"{row + 1}: leave these rows out"
        )
    is_classification, why = _kind(y, task)
    y = y.astype(str).to_numpy(dtype=object) if is_classification else y.to_numpy(dtype=float)
    if is_classification and (n := len(np.unique(y))) < 2:
        raise Refused(f"the target {target!r} is {y[0]!r} in every row: nothing can be learnt")
    if is_classification and n > len(y) / 2:
        raise Refused(f"the target {target!r} has {n} values in {len(y)} rows: they are no classes")
    if not is_classification and not np.isfinite(y).all():
        raise Refused(f"the target {target!r} has infinities: leave these rows out")
    numbers: list[str] = []
    categories: list[str] = []
    for column in columns_of(X):
        (categories if column.is_category else numbers).append(column.label)
        if not column.is_category and np.isinf(column.values).any():
            raise Refused(f"column {column.label!r} has infinities: leave the fields empty")
    made = X.astype(dict.fromkeys(numbers, "float64"))
    for name in categories:
        made[name] = X[name].astype(object).map(str, na_action="ignore").astype(object)
    return Table(made, y, numbers, categories, is_classification, why)


def _kind(y: Any, task: str | None) -> tuple[bool, str]:
    """Whether the target is one of classes, and why."""
    n, kind = y.nunique(), "i" if y.dtype.kind in "iu" else "f" if y.dtype.kind == "f" else "text"
    if task == "classification":
        return True, "as asked for"
    if task == "regression":
        if kind == "text":
            raise Refused(f"the target {y.name!r} holds text, {y.iloc[0]!r}: it is no number")
        return False, "as asked for"
    if kind == "text":
        return True, "it is no number"
    if kind == "i" and n <= MOST_CLASSES:
        return True, f"integers, {n} distinct ones; --regression takes them as numbers"
    what = "integers" if kind == "i" else "numbers"
    return False, f"{what}, {n} distinct ones; --classification takes them as classes"


# The models.


def _ours(table: Table, seed: int) -> Any:
    kind: Any = TabularClassifier if table.is_classification else TabularRegressor
    return kind(random_state=seed)


def _trees(table: Table, seed: int) -> Any:
    classify = table.is_classification
    kind: Any = HistGradientBoostingClassifier if classify else HistGradientBoostingRegressor
    return kind(categorical_features="from_dtype", random_state=seed)


def _network(table: Table, seed: int) -> Any:
    """scikit-learn's MLP, after what it needs."""
    numeric = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()
    )
    text = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing", keep_empty_features=True),
        OneHotEncoder(handle_unknown="ignore"),
    )
    columns = ColumnTransformer([("n", numeric, table.numbers), ("c", text, table.categories)])
    if table.is_classification:
        return make_pipeline(columns, MLPClassifier(random_state=seed))
    network = TransformedTargetRegressor(
        MLPRegressor(random_state=seed), transformer=StandardScaler()
    )
    return make_pipeline(columns, network)


def _for_trees(table: Table, train: Any) -> Any:
    """The columns as trees take them: categories by dtype, codes where there are too many."""
    pd = _pandas()
    X = table.X.copy()
    for name in table.categories:
        known = sorted(X[name].iloc[train].dropna().unique())
        X[name] = pd.Categorical(X[name].where(X[name].isin(known)), categories=known)
        if not 0 < len(known) <= MOST_OF_TREES:
            codes = X[name].cat.codes.astype("float64")
            X[name] = codes.where(codes >= 0)
    # They fail where a column has nothing but holes.
    empty = [name for name in X if X[name].iloc[train].isna().all()]
    return X.assign(**dict.fromkeys(empty, 0.0))


def _seconds(model: Any, X: Any, y: Any) -> float:
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Both make a warning of Ctrl-C and return.
        warnings.filterwarnings("error", message="Training interrupted")
        try:
            model.fit(X, y)
        except UserWarning as warning:
            if "interrupted" in str(warning):
                raise KeyboardInterrupt from None
            raise
    return time.perf_counter() - start


MODELS: dict[str, Callable[[Table, int], Any]] = {
    "cbackprop": _ours,
    "scikit-learn, HistGradientBoosting": _trees,
    "scikit-learn, MLP": _network,
}


# What is printed.


def _listed(table: Table, names: list[str]) -> str:
    """Columns with how many values and holes they have."""
    shown = []
    for name in names[:MOST_SHOWN]:
        column, about = table.X[name], []
        if name in table.categories:
            n = column.nunique()
            about.append(f"{n} value{'s' * (n != 1)}")
        if holes := int(column.isna().sum()):
            about.append(f"{holes} hole{'s' * (holes != 1)}")
        shown.append(f"{name} ({', '.join(about)})" if about else str(name))
    if len(names) > MOST_SHOWN:
        shown.append(f"and {len(names) - MOST_SHOWN} more")
    return ", ".join(shown) or "none"


def _line(cells: list[str]) -> str:
    right = "".join(f"{cell:>{w}}" for cell, w in zip(cells[1:], WIDTHS[1:], strict=False))
    return f"{cells[0]:<{WIDTHS[0]}}{right}".rstrip()


def _scores(table: Table, y: Any, predicted: Any) -> list[str]:
    if table.is_classification:
        return [f"{100 * accuracy_score(y, predicted):.2f} %"]
    rmse = float(np.sqrt(np.mean((y - predicted) ** 2)))
    return [f"{r2_score(y, predicted):.4f}", f"{rmse:.4g}"]


def _split(table: Table, seed: int) -> tuple[Any, Any, bool]:
    """Rows to train on and to test, and whether each has its share of every class."""
    rows = np.arange(len(table.y))
    if table.is_classification:
        try:
            parts = train_test_split(rows, test_size=0.2, stratify=table.y, random_state=seed)
            return (*parts, True)
        except ValueError:  # a class of one row, or more classes than rows to test
            pass
    train, test = train_test_split(rows, test_size=0.2, random_state=seed)
    if table.is_classification and len(np.unique(table.y[train])) < 2:
        raise Refused("the rows to train on are all of one class: there are too few of the others")
    return train, test, False


def _compare(path: str, target: str, seed: int, task: str | None) -> None:
    table = _table(path, target, task)
    train, test, is_stratified = _split(table, seed)
    _say(f"{Path(path).name}: {len(table.y)} rows, {table.X.shape[1]} columns besides the target.")
    _say(f"numbers: {_listed(table, table.numbers)}", indent="  ")
    _say(f"categories: {_listed(table, table.categories)}", indent="  ")
    classes = f", {len(np.unique(table.y))} classes" if table.is_classification else ""
    what = "classification" if table.is_classification else "regression"
    _say(f"target: {target}, {what}{classes} ({table.why})", indent="  ")
    kept = ", each class with its share" if is_stratified else ""
    _say(f"rows: {len(train)} to train on, {len(test)} to test{kept}; seed: {seed}", indent="  ")
    print()
    scores = ["accuracy"] if table.is_classification else ["R squared", "RMSE"]
    lines = [_line(["", *scores, "seconds"])]
    progress = Progress()
    for name, make in MODELS.items():
        if not progress.live:
            print(f"training: {name}", flush=True)
        X = _for_trees(table, train) if make is _trees else table.X
        model, start = make(table, seed), time.perf_counter()
        with progress.watch(name, lambda: f"{time.perf_counter() - start:.0f} seconds"):  # noqa: B023
            seconds = _seconds(model, X.iloc[train], table.y[train])
        got = _scores(table, table.y[test], model.predict(X.iloc[test]))
        lines.append(_line([name, *got, f"{seconds:.2f}"]))
    print()
    print("\n".join(lines), flush=True)
    print()
    for note in (
        "cbackprop: TabularClassifier or TabularRegressor, as they are",
        "HistGradientBoosting: categories by dtype; of more than 255 values, as numbers",
        "MLP, in a pipeline: medians for holes, StandardScaler, OneHotEncoder; a target of numbers "
        "is scaled, too",
        "seconds: of one fit, the preprocessing included",
        f"machine: {processor()}",
        f"versions: cbackprop {__version__}, scikit-learn {sklearn.__version__}, "
        f"NumPy {np.__version__}, Python {platform.python_version()}",
    ):
        _say(note, indent="  ")


def table_demo(path: str, target: str, seed: int, task: str | None) -> int:
    """Compare on the table of a file; return 2 if it cannot be done, else 0.

    `task` is 'classification', 'regression', or None: by what the target is.
    """
    try:
        _compare(path, target, seed, task)
    except Refused as error:
        print(f"cbackprop: {error}", file=sys.stderr)
        return REFUSED
    return 0
