"""Multilayer perceptrons for NumPy arrays, trained in compiled code."""

from cbackprop._version import __version__
from cbackprop.network import Backprop, Network

__all__ = ["Backprop", "Network", "__version__"]
