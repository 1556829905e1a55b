"""The optimizers, under the path they have always had."""

from cbackprop.functions.optimizers import SGD, Adam, Optimizer

__all__ = ["SGD", "Adam", "Optimizer"]
