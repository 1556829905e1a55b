"""How networks are trained: epochs, the fit around them, its record, and when it stops."""

from cbackprop.training.epochs import epochs
from cbackprop.training.lbfgs import lbfgs
from cbackprop.training.schedules import Schedule

__all__ = ["Schedule", "epochs", "lbfgs"]
