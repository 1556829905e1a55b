"""Multilayer perceptrons for NumPy arrays, trained in compiled code."""

from cbackprop._version import __version__
from cbackprop.checkpoint import Checkpoint
from cbackprop.estimators import MLPClassifier, MLPRegressor
from cbackprop.history import History
from cbackprop.network import Backprop, Network
from cbackprop.optimizers import SGD, Adam
from cbackprop.progress import Progress
from cbackprop.saving import load

__all__ = [
    "SGD",
    "Adam",
    "Backprop",
    "Checkpoint",
    "History",
    "MLPClassifier",
    "MLPRegressor",
    "Network",
    "Progress",
    "__version__",
    "load",
]
