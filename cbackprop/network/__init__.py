"""Networks by themselves: layers and one vector of parameters, without an estimator around it."""

from cbackprop.network.embeddings import Category, Periodic, PiecewiseLinear
from cbackprop.network.network import Backprop, Network
from cbackprop.network.predictor import Predictor

__all__ = ["Backprop", "Category", "Network", "Periodic", "PiecewiseLinear", "Predictor"]
