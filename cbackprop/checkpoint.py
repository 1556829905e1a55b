"""`Checkpoint`, under the path it has always had."""

from cbackprop.callbacks.checkpoint import Checkpoint

__all__ = ["Checkpoint"]
