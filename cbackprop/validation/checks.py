"""The checks, where the other tree has them."""

from cbackprop.checks import check_integer, check_number

__all__ = ["check_integer", "check_number"]
