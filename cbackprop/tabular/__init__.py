"""Tables as they are, columns of numbers and of categories, with holes: for a network."""

from cbackprop.tabular.encoder import TableEncoder

__all__ = ["TableEncoder"]
