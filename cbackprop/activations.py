"""Activations with a parameter of their own: for ``activation=`` of networks and estimators."""

from cbackprop.functions.activations import Activation

__all__ = ["Activation"]
