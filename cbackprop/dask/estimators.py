"""What are the estimators for Dask to their users: `fit` on a cluster, `predict` by partition."""

from __future__ import annotations

from typing import Any, ClassVar

from cbackprop.dask.data import is_collection
from cbackprop.dask.fitting import fit_beside_workers
from cbackprop.dask.predictions import by_partition
from cbackprop.estimators import MLPClassifier, MLPRegressor
from cbackprop.tabular import TabularClassifier, TabularRegressor
from cbackprop.validation.naming import public


class _OnDask:
    """What all share."""

    _kind: ClassVar[Any]  # the estimator without Dask

    def _plain(self) -> Any:
        """The same, without Dask."""
        plain = object.__new__(self._kind)
        plain.__dict__.update(vars(self))
        return plain

    def _most(self) -> int | None:
        """Workers that are of use, if each has all rows; None: each has its own."""
        return None

    def _fit_on(self, client: Any, data: tuple[Any, Any, Any], options: dict[str, Any]) -> Any:
        given = {name: value for name, value in options.items() if value is not None}
        fitted = fit_beside_workers(self._plain(), data, client, most=self._most(), options=given)
        self.__dict__.clear()
        self.__dict__.update(vars(fitted))
        return self

    def save(self, path):
        """Save the model as that of the estimator without Dask, which `load` then gives.

        Parameters
        ----------
        path : str or path-like
            The file.
        """
        self._plain().save(path)

    def predict(self, X):
        """Predict labels or numbers.

        Parameters
        ----------
        X : dask array or data frame, or what the estimator without Dask takes
            Rows.

        Returns
        -------
        dask array, or dask series or data frame, or ndarray
            Lazily, by partition, for what is Dask's.
        """
        if is_collection(X):
            return by_partition(self._plain(), "predict", X)
        return super().predict(X)  # type: ignore[misc]


class _Classifier(_OnDask):
    def predict_proba(self, X):
        """Probabilities of the classes.

        Parameters
        ----------
        X : dask array or data frame, or what the estimator without Dask takes
            Rows.

        Returns
        -------
        dask array, or dask data frame, or ndarray, of shape (n_samples, n_classes)
            Lazily, by partition, for what is Dask's.
        """
        if is_collection(X):
            return by_partition(self._plain(), "predict_proba", X)
        return super().predict_proba(X)  # type: ignore[misc]


class _MLP(_OnDask):
    def fit(self, X, y, sample_weight=None, *, callbacks=None, sync_every=1, client=None):
        """Fit the rows where they are: a process beside each worker that has some.

        Parameters
        ----------
        X : dask array or data frame of shape (n_samples, n_features)
            Its partitions stay on their workers.
        y : dask array or series of shape (n_samples,) or (n_samples, n_outputs)
            Divided as X is.
        sample_weight : dask array or series of shape (n_samples,), default=None
            Divided as X is.
        callbacks : list, default=None
            They are pickled, and called on every rank: see `Context.rank`.
        sync_every : int, default=1
            As for the estimator without Dask.
        client : distributed.Client, default=None
            That of the cluster; None: the current one.

        Returns
        -------
        self : object
            The estimator itself.

        Raises
        ------
        RuntimeError
            If a worker is lost meanwhile: the fit is to be made again, from a checkpoint if there
            is one. If there is no MPICH beside the workers.
        """
        options = {"callbacks": callbacks, "sync_every": sync_every}
        return self._fit_on(client, (X, y, sample_weight), options)


class _Tabular(_OnDask):
    def _most(self) -> int:
        return self.n_members * (self.n_folds or 1)  # type: ignore[attr-defined]

    def fit(self, X, y, sample_weight=None, *, callbacks=None, client=None):
        """Fit the members by workers: each has the whole table, and some of the members.

        Parameters
        ----------
        X : dask data frame or array of shape (n_samples, n_features)
            The table. It must fit into the memory of every worker.
        y : dask array or series of shape (n_samples,) or (n_samples, n_outputs)
            Divided as X is.
        sample_weight : dask array or series of shape (n_samples,), default=None
            Divided as X is.
        callbacks : list, default=None
            They are pickled, and called on every rank: see `Context.rank`.
        client : distributed.Client, default=None
            That of the cluster; None: the current one.

        Returns
        -------
        self : object
            The estimator itself, the model of one process to the bit.

        Raises
        ------
        RuntimeError
            If a worker is lost meanwhile: the fit is to be made again, from a checkpoint if there
            is one. If there is no MPICH beside the workers.
        """
        return self._fit_on(client, (X, y, sample_weight), {"callbacks": callbacks})


@public("cbackprop.dask")
class DaskMLPClassifier(_MLP, _Classifier, MLPClassifier):
    """`MLPClassifier` for rows that lie on a Dask cluster: its parameters and attributes.

    Examples
    --------
    >>> from cbackprop.dask import DaskMLPClassifier
    >>> clf = DaskMLPClassifier((64,), batch_size=4096)  # and clf.fit(X, y) in a Client's reach
    """

    _kind = MLPClassifier


@public("cbackprop.dask")
class DaskMLPRegressor(_MLP, _OnDask, MLPRegressor):
    """`MLPRegressor` for rows that lie on a Dask cluster: its parameters and attributes.

    Examples
    --------
    >>> from cbackprop.dask import DaskMLPRegressor
    >>> model = DaskMLPRegressor(hidden_layer_sizes=(64,), batch_size=4096)
    """

    _kind = MLPRegressor


@public("cbackprop.dask")
class DaskTabularClassifier(_Tabular, _Classifier, TabularClassifier):
    """`TabularClassifier` whose members the workers of a Dask cluster train.

    Examples
    --------
    >>> from cbackprop.dask import DaskTabularClassifier
    >>> clf = DaskTabularClassifier(n_members=8)
    """

    _kind = TabularClassifier


@public("cbackprop.dask")
class DaskTabularRegressor(_Tabular, _OnDask, TabularRegressor):
    """`TabularRegressor` whose members the workers of a Dask cluster train.

    Examples
    --------
    >>> from cbackprop.dask import DaskTabularRegressor
    >>> model = DaskTabularRegressor(n_members=8)
    """

    _kind = TabularRegressor
