"""Model files: one safetensors file with a checksum, written as a whole or not at all."""

from cbackprop.files.container import ModelFileError

__all__ = ["ModelFileError"]
