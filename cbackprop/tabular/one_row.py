"""How is a single row predicted in microseconds? By what was made ready for the one before."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from numpy.typing import NDArray

from cbackprop.network.network import Network
from cbackprop.running.sweeps import Sweep
from cbackprop.tabular.members import ALONE

# Of networks that have predicted a row. Who takes one has it alone: a second thread finds none.
_ready: WeakKeyDictionary[Network, _Ready] = WeakKeyDictionary()


class _Ready:
    """A row's memory, and a sweep that reads it."""

    def __init__(self, network: Network, row: NDArray):
        self.parameters, self.plan = network.parameters, network.plan
        self.told, self.output = network.function_parameters, network.output
        self.row = row.copy()
        self.sweep = Sweep(network, self.row, execution=ALONE)
        self.out = self.sweep.predict()

    def is_of(self, network: Network) -> bool:
        """Whether the network has still all that the sweep is made of."""
        return (
            self.parameters is network.parameters
            and self.plan is network.plan
            and self.told is network.function_parameters
            and self.output == network.output
        )

    def predict(self, row: NDArray) -> NDArray:
        self.row[...] = row
        if not self.sweep.small:  # BLAS is held to one thread there
            return self.sweep.predict()
        self.sweep.tasks[0].predict(self.out)
        return self.out.copy()


def predict_row(network: Network, row: NDArray) -> NDArray:
    """What the network says of an encoded row (1, n_columns): (1, n_outputs)."""
    ready = _ready.pop(network, None)
    if ready is None or not ready.is_of(network):
        ready = _Ready(network, row)
    said = ready.predict(row)
    _ready[network] = ready
    return said
