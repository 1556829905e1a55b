"""Dask's arrays and data frames, fitted where they are: ranks are started beside the workers.

Needs dask, distributed, mpi4py and mpich, the last two on every worker: ``pip install
cbackprop[dask]``.
"""

from cbackprop.dask.estimators import (
    DaskMLPClassifier,
    DaskMLPRegressor,
    DaskTabularClassifier,
    DaskTabularRegressor,
)

__all__ = [
    "DaskMLPClassifier",
    "DaskMLPRegressor",
    "DaskTabularClassifier",
    "DaskTabularRegressor",
]
