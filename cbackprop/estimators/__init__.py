"""scikit-learn's interface: MLPClassifier and MLPRegressor."""

from cbackprop.estimators.classifier import MLPClassifier
from cbackprop.estimators.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
