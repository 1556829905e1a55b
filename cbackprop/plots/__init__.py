"""Pictures of a training and of what was learnt, drawn with matplotlib, which is optional.

The displays are made as scikit-learn's are: ``from_estimator``, ``from_network`` or
``from_history`` draws at once, on ``ax`` or on a figure of its own, and returns an object that
keeps the data and what was drawn; its ``plot`` draws them again elsewhere.
"""

from cbackprop.plots.curves import AccuracyCurveDisplay, GradientNormsDisplay, LossCurveDisplay
from cbackprop.plots.training import TrainingCurvesDisplay
from cbackprop.plots.weights import WeightsDisplay

__all__ = [
    "AccuracyCurveDisplay",
    "GradientNormsDisplay",
    "LossCurveDisplay",
    "TrainingCurvesDisplay",
    "WeightsDisplay",
]
