"""Estimators and encoders as ONNX models, by skl2onnx: alone, and in scikit-learn's pipelines."""

from cbackprop.onnx.converters import register
from cbackprop.onnx.types import initial_types

__all__ = ["initial_types", "register"]
