"""How is a single row of a table predicted in microseconds? As a network predicts one."""

from cbackprop.network.one_row import predict_row

__all__ = ["predict_row"]
