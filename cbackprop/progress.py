"""`Progress`, under the path it has always had."""

from cbackprop.callbacks.progress import Progress

__all__ = ["Progress"]
