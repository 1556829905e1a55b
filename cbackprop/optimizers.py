"""The optimizers, under the path they have always had."""

from cbackprop.functions.groups import Group, LayerGroups
from cbackprop.functions.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop

__all__ = ["SGD", "Adam", "AdamW", "Group", "LayerGroups", "Optimizer", "RMSprop"]
