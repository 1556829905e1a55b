"""How does each library see a table: as its users would hand it over, all else default."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import logging
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import measure
import numpy as np
import pandas as pd
import table_data
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from table_data import Task


class _Prepared(TransformerMixin, BaseEstimator):
    """Makes another data frame of one; what it learns, it learns of the rows it is fitted to."""

    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True


class FewLevels(_Prepared):
    """Levels after the 254 most frequent ones become one: HistGradientBoosting takes no more."""

    def fit(self, X, y=None):
        wide = [c for c in X.select_dtypes("category") if X[c].nunique() > 255]
        self.kept_ = {c: list(X[c].value_counts().index[:254]) for c in wide}
        return self

    def transform(self, X):
        X = X.copy()
        for column, kept in self.kept_.items():
            values = X[column].astype(object)
            values = values.where(values.isin(kept) | values.isna(), "(rare)")
            X[column] = pd.Categorical(values, categories=[*kept, "(rare)"])
        return X


class Words(_Prepared):
    """Categories as text, a missing one as a word: CatBoost takes no holes there."""

    def transform(self, X):
        X = X.copy()
        for column in X.select_dtypes("category"):
            X[column] = X[column].astype(object).where(X[column].notna(), "(missing)").astype(str)
        return X


class Filled(_Prepared):
    """Missing numbers become the mean, and a category besides says so: RealMLP takes no holes."""

    def fit(self, X, y=None):
        columns = X.select_dtypes("number")
        self.means_ = columns.mean().fillna(0.0)[columns.isna().any()]
        self.others_ = columns.mean().fillna(0.0)
        return self

    def transform(self, X):
        marks = {
            f"{column} is missing": pd.Categorical(
                np.where(X[column].isna(), "yes", "no"), categories=["no", "yes"]
            )
            for column in self.means_.index
        }
        return X.fillna(self.others_).assign(**marks)


def _plain(estimator: Any, task: Task) -> Any:
    return estimator


def _few_levels(estimator: Any, task: Task) -> Any:
    return make_pipeline(FewLevels(), estimator)


def _words(estimator: Any, task: Task) -> Any:
    return make_pipeline(Words(), estimator.set_params(cat_features=task.categories))


def _filled(estimator: Any, task: Task) -> Any:
    return make_pipeline(Filled(), estimator)


def _numbers(estimator: Any, task: Task) -> Any:
    """What scikit-learn's guide has for networks; standard targets, without which they fail."""
    filled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    one_hot = OneHotEncoder(handle_unknown="ignore")
    columns = ColumnTransformer([("", filled, task.numbers), ("c", one_hot, task.categories)])
    model = make_pipeline(columns, estimator)
    if task.kind == "regression":
        return TransformedTargetRegressor(model, transformer=StandardScaler())
    return model


@dataclass(frozen=True)
class Library:
    """Where its estimators are and what they are told."""

    package: str  # to install
    estimators: str  # module:class, {} is Classifier or Regressor
    seed: str  # the parameter's name
    threads: str | None = None  # the parameter's name; None: it goes by OMP_NUM_THREADS
    settings: dict[str, Any] = field(default_factory=dict)
    given: Callable[[Any, Task], Any] = _plain

    @property
    def module(self) -> str:
        return self.estimators.partition(":")[0]

    def estimator(self, task: Task, seed: int, threads: int, **arguments: Any) -> Any:
        kind = "Regressor" if task.kind == "regression" else "Classifier"
        made = getattr(
            importlib.import_module(self.module), self.estimators.split(":")[1].format(kind)
        )
        own = {self.seed: seed} | ({self.threads: threads} if self.threads else {})
        return self.given(made(**{**own, **self.settings, **arguments}), task)


def _realmlp(estimators: str) -> Library:
    settings = {"device": "cpu"}
    return Library("pytabkit", estimators, "random_state", "n_threads", settings, _filled)


def _preset(name: str) -> Library:
    """Ours with a preset's parameters."""

    def given(estimator: Any, task: Task) -> Any:
        presets = importlib.import_module("cbackprop.presets")
        return estimator.set_params(**getattr(presets, name))

    return Library(
        "cbackprop", "cbackprop.tabular:Tabular{}", "random_state", "n_jobs", given=given
    )


LIBRARIES = {
    "hgb": Library(
        "scikit-learn", "sklearn.ensemble:HistGradientBoosting{}", "random_state",
        settings={"categorical_features": "from_dtype"}, given=_few_levels,
    ),
    "lightgbm": Library(
        "lightgbm", "lightgbm:LGBM{}", "random_state", "n_jobs", {"verbosity": -1}
    ),
    "catboost": Library(
        "catboost", "catboost:CatBoost{}", "random_seed", "thread_count",
        {"verbose": False, "allow_writing_files": False}, _words,
    ),
    "mlp": Library("scikit-learn", "sklearn.neural_network:MLP{}", "random_state", given=_numbers),
    "realmlp_td": _realmlp("pytabkit:RealMLP_TD_{}"),
    "realmlp_td_s": _realmlp("pytabkit:RealMLP_TD_S_{}"),
    "cbackprop": Library("cbackprop", "cbackprop.tabular:Tabular{}", "random_state", "n_jobs"),
    "cbackprop_td": _preset("realmlp_td"),
    "cbackprop_td_s": _preset("realmlp_td_s"),
}  # fmt: skip


@dataclass(frozen=True)
class Model:
    """A library, and what its constructor is told besides."""

    library: str
    arguments: dict[str, Any]

    def __str__(self) -> str:
        told = ",".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return self.library + (f":{told}" if told else "")


def models(text: str) -> list[Model]:
    """Of "hgb,cbackprop:dropout=0.3,n_members=8,lightgbm": arguments follow a colon."""
    known = "|".join(sorted(LIBRARIES, key=len, reverse=True))
    found = []
    for part in re.split(rf",\s*(?=(?:{known})\s*(?:[:,]|$))", text):
        library, _, told = part.strip().partition(":")
        if library not in LIBRARIES:
            raise ValueError(f"no model is called {library!r}; there are {', '.join(LIBRARIES)}")
        found.append(Model(library, _arguments(told)))
    return found


def _arguments(told: str) -> dict[str, Any]:
    """Of "dropout=0.3,hidden_layer_sizes=(8, 8)"."""
    try:
        call = ast.parse(f"f({told})", mode="eval").body
        arguments = {k.arg: ast.literal_eval(k.value) for k in call.keywords}
    except (SyntaxError, ValueError):
        call = None
    if call is None or call.args or None in arguments:
        raise ValueError(
            f"arguments are written as name=value, as in cbackprop:dropout=0.3, not {told!r}"
        )
    return arguments


class Fits:
    """One model's fits, in a process of its own."""

    def __init__(self, model: Model, folder: Path, target: str, threads: int):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        self.library, self.arguments = LIBRARIES[model.library], model.arguments
        self.folder, self.target, self.threads = folder, target, threads
        self.tasks: dict[str, Task] = {}
        importlib.import_module(self.library.module)
        self.warm: set[str] = set()

    def about(self) -> dict[str, Any]:
        module = importlib.import_module(self.library.module.partition(".")[0])
        version = getattr(module, "__version__", None)
        version = version or importlib.metadata.version(self.library.package)
        return {"version": f"{self.library.package} {version}", "threads": self.threads}

    def fit(self, name: str, fold: int, seed: int) -> dict[str, Any]:
        """Trains on all other folds, predicts this one: scores and times."""
        if name not in self.tasks:
            self.tasks[name] = table_data.load(self.folder, name, self.target)
        task = self.tasks[name]
        self._warm_up("regression" if task.kind == "regression" else "binary")
        train, test = table_data.fold(task, fold)
        model = self._model(task, seed)
        own, held_out = task.X.iloc[train], task.X.iloc[test]
        seconds, cpu = measure.timed(lambda: model.fit(own, task.y[train]))
        said: Any = None

        def predict():
            nonlocal said
            said = (model.predict if task.kind == "regression" else model.predict_proba)(held_out)

        predicting, _ = measure.timed(predict)
        classes = None if task.kind == "regression" else np.asarray(model.classes_)
        return {
            "kind": task.kind,
            "rows": len(train),
            "columns": task.X.shape[1],
            "rows_predicted": len(test),
            **table_data.scores(task.y[test], np.asarray(said), classes),
            "seconds": seconds,
            "cpu_seconds": cpu,
            "predict_seconds": predicting,
        }

    def _model(self, task: Task, seed: int) -> Any:
        return self.library.estimator(task, seed, self.threads, **self.arguments)

    def _warm_up(self, kind: str) -> None:
        """What the first fit of a process costs once, imports above all, no task pays."""
        if kind in self.warm:
            return
        self.warm.add(kind)
        rng = np.random.default_rng(0)
        X = pd.DataFrame({"a": rng.normal(size=120), "b": pd.Categorical(list("xyz") * 40)})
        y = rng.normal(size=120) if kind == "regression" else rng.integers(2, size=120)
        task = Task("warm-up", X, y, kind)
        self._model(task, 0).fit(X, y).predict(X)
