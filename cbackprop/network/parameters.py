"""The parameters of a network: one flat vector, read and assigned as a whole or layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from cbackprop.network.layout import Views, activation_weights, views
from cbackprop.validation.arrays import as_numbers
from cbackprop.validation.checks import check_dtype


class Parameters:
    """A plan and its vector: what a network is, without what it does.

    Pickles and copies keep the vector alone; the views into it are made anew.
    """

    plan: NDArray
    _parameters: NDArray
    _weights: Views
    _biases: Views
    _activation_weights: Views

    def _own(self, vector: NDArray) -> None:
        weights, biases = views(self.plan, vector)
        of_activations = activation_weights(self.plan, vector)
        # In one statement: an interrupt cannot come between.
        self._parameters, self._weights, self._biases, self._activation_weights = (
            *(vector, weights, biases),
            of_activations,
        )

    @property
    def dtype(self) -> np.dtype:
        """float32 or float64."""
        return self._parameters.dtype

    @property
    def parameters(self) -> NDArray:
        """All weights and biases, (n_parameters,); assigning copies into the vector."""
        return self._parameters

    @parameters.setter
    def parameters(self, values: ArrayLike) -> None:
        values = as_numbers("parameters", values)
        if values.shape != self._parameters.shape:
            raise ValueError(f"parameters has shape {self._parameters.shape}, got {values.shape}")
        self.writable()._parameters[...] = values

    @property
    def weights(self) -> list[NDArray]:
        """Views (fan_in, fan_out) into the vector; assigning writes into it."""
        return self._weights

    @weights.setter
    def weights(self, values: Sequence[ArrayLike]) -> None:
        self._assign(self.writable()._weights, values, "weights")

    @property
    def biases(self) -> list[NDArray]:
        """Views (fan_out,) into the vector; assigning writes into it."""
        return self._biases

    @biases.setter
    def biases(self, values: Sequence[ArrayLike]) -> None:
        self._assign(self.writable()._biases, values, "biases")

    @property
    def activation_weights(self) -> list[NDArray]:
        """Those of parametric activations: views (fan_out,) of every hidden layer, or none.

        With w, a unit's own, :math:`a = z + w (f(z) - z)`. Assigning writes into the vector.
        """
        return self._activation_weights

    @activation_weights.setter
    def activation_weights(self, values: Sequence[ArrayLike]) -> None:
        self._assign(self.writable()._activation_weights, values, "activation_weights")

    @staticmethod
    def _assign(layers: Views, values: Sequence[ArrayLike], name: str) -> None:
        arrays = [as_numbers(name, value) for value in values]
        got, expected = [a.shape for a in arrays], [layer.shape for layer in layers]
        if got != expected:
            raise ValueError(f"{name} must have the shapes {expected}, got {got}")
        for layer, array in zip(layers, [a.copy() for a in arrays], strict=True):
            layer[...] = array

    def __getstate__(self) -> dict:
        state = self.__dict__.copy()
        for name in ("_weights", "_biases", "_activation_weights"):
            state.pop(name, None)
        state.pop("_fit_state", None)  # a fit in progress
        return state

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self.plan.flags.writeable = False
        self._own(state["_parameters"])

    def writable(self) -> Self:
        """This network, with a vector of its own if it came read-only from a memory map.

        Returns
        -------
        Network
            The network itself. Its old vector stays as it was.
        """
        if not self._parameters.flags.writeable:
            self._own(self._parameters.copy())
        return self

    def astype(self, dtype: DTypeLike) -> Self:
        """The same network with parameters of another dtype: itself if they have it already.

        Parameters
        ----------
        dtype : float32 or float64
            The other dtype.

        Returns
        -------
        Network
            This one, or a copy.

        Raises
        ------
        ValueError
            For another dtype.
        """
        return self if check_dtype(dtype) == self.dtype else self.copy(dtype)

    def copy(self, dtype: DTypeLike | None = None) -> Self:
        """The same network with a vector of its own, of this dtype if one is given.

        Parameters
        ----------
        dtype : float32 or float64, optional
            The copy's; the same without it.

        Returns
        -------
        Network
            The copy.

        Raises
        ------
        ValueError
            For another dtype.
        """
        dtype = check_dtype(self.dtype if dtype is None else dtype)
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.__dict__.pop("_fit_state", None)  # a fit in progress
        other._own(np.array(self._parameters, dtype=dtype))
        return other
