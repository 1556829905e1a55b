"""The error of model files, under the path it has always had."""

from cbackprop.files.container import ModelFileError

__all__ = ["ModelFileError"]
