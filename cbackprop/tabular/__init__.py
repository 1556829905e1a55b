"""Tables as they are, columns of numbers and of categories, with holes: for a network."""

from cbackprop.tabular.classifier import TabularClassifier
from cbackprop.tabular.encoder import TableEncoder
from cbackprop.tabular.predictor import TablePredictor
from cbackprop.tabular.regressor import TabularRegressor

__all__ = ["TableEncoder", "TablePredictor", "TabularClassifier", "TabularRegressor"]
