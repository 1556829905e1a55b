"""Let mlflow's autologging see our estimators, as it sees scikit-learn's."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

import sklearn.utils

from cbackprop.estimators import MLPClassifier, MLPRegressor


def autolog(**options: Any) -> None:
    """``mlflow.sklearn.autolog``, which then records fits of `MLPClassifier` and `MLPRegressor`.

    By itself it records the estimators that ``sklearn.utils.all_estimators`` lists, and others
    within pipelines and searches only. To be called once in a process, in place of
    ``mlflow.sklearn.autolog`` or after it.

    Parameters
    ----------
    **options
        For ``mlflow.sklearn.autolog``.

    Raises
    ------
    ImportError
        If mlflow is not installed.

    Examples
    --------
    ::

        import cbackprop.mlflow

        cbackprop.mlflow.autolog()
        with mlflow.start_run():
            MLPClassifier().fit(X, y)
    """
    try:
        import mlflow.sklearn
    except ImportError as error:
        raise ImportError("mlflow is missing: pip install mlflow") from error
    with _listed():
        mlflow.sklearn.autolog(**options)


@contextmanager
def _listed():
    """Our estimators among those that scikit-learn lists: what mlflow asks for once."""
    before = sklearn.utils.all_estimators

    def all_estimators(*args, **kwargs):
        ours = [(cls.__name__, cls) for cls in (MLPClassifier, MLPRegressor)]
        return before(*args, **kwargs) + ours

    sklearn.utils.all_estimators = all_estimators
    try:
        yield
    finally:
        sklearn.utils.all_estimators = before
