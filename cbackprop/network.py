"""Network: layer sizes become a plan and one flat vector; predict, loss, backprop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.utils import check_array, check_consistent_length, check_random_state
from sklearn.utils.validation import column_or_1d

from cbackprop.engine import run
from cbackprop.sweeps import BLOCK_ROWS, Sweep

LARGEST_LAYER = 2**31 - 2


class Backprop(NamedTuple):
    """What one forward and backward pass computes. L layers, m rows; examples are rows.

    Attributes
    ----------
    loss : float
        The mean loss over the rows.
    activations : list of L + 1 arrays (m, units of the layer)
        A_0 = X, A_1, ..., A_L; the last is the network's output.
    deltas : list of L arrays (m, units of the layer)
        D_1, ..., D_L: each row's dC_x/dz, times its sample weight; not divided by m.
    weight_gradients, bias_gradients : lists of L arrays (fan_in, fan_out) and (fan_out,)
        dC/dW_l and dC/db_l of the mean loss C.
    """

    loss: float
    activations: list[NDArray]
    deltas: list[NDArray]
    weight_gradients: list[NDArray]
    bias_gradients: list[NDArray]


class Views(list):
    """A list of views into the flat vector: assigning an item writes its values into the vector."""

    def __setitem__(self, index: Any, value: Any) -> None:
        if not isinstance(index, Integral):
            raise TypeError(
                f"assign one layer at a time: the index must be an integer, got {index!r}"
            )
        view = self[index]
        values = np.asarray(value)
        if values.shape != view.shape:
            raise ValueError(f"layer {index} has the shape {view.shape}, got {values.shape}")
        view[...] = values

    def __reduce__(self):
        return list, (list(self),)

    def __deepcopy__(self, memo):
        return [view.copy() for view in self]


def views(plan: NDArray, vector: NDArray) -> tuple[Views, Views]:
    """Weights (fan_in, fan_out) and biases (fan_out,) of every layer, as views into a vector."""
    weights, biases = Views(), Views()
    for n_in, n_out, first, at, _ in plan.tolist():
        weights.append(vector[first:at].reshape(n_in, n_out))
        biases.append(vector[at : at + n_out])
    return weights, biases


def make_plan(layer_sizes: Sequence[int], activation: str) -> NDArray:
    """One row a layer: units in and out, where its weights and biases start, its activation."""
    plan = np.zeros(len(layer_sizes) - 1, dtype=run.LAYER)
    code, at = run.ACTIVATIONS[activation], 0
    for row, (n_in, n_out) in zip(plan, pairwise(layer_sizes), strict=True):
        row["n_in"], row["n_out"], row["activation"] = n_in, n_out, code
        row["weights"], row["biases"] = at, at + n_in * n_out
        at += (n_in + 1) * n_out
    plan[-1]["activation"] = run.ACTIVATIONS["identity"]
    plan.flags.writeable = False
    return plan


def _glorot_uniform(rng, fan_in: int, fan_out: int, activation: str):
    """Weights, then biases, U(-b, b) with b = sqrt(6 / (fan_in + fan_out)); 2 for the logistic."""
    bound = np.sqrt((2.0 if activation == "logistic" else 6.0) / (fan_in + fan_out))
    return rng.uniform(-bound, bound, (fan_in, fan_out)), rng.uniform(-bound, bound, fan_out)


def _normal(rng, fan_in: int, fan_out: int, activation: str):
    """N(0, 1), weights and biases: the book's first, "large" initialiser."""
    return rng.normal(size=(fan_in, fan_out)), rng.normal(size=fan_out)


def _scaled_normal(rng, fan_in: int, fan_out: int, activation: str):
    """Weights N(0, 1/fan_in), biases N(0, 1): the book's default from chapter 3 on."""
    return rng.normal(size=(fan_in, fan_out)) / np.sqrt(fan_in), rng.normal(size=fan_out)


INITIALIZERS: dict[str, Callable] = {
    "glorot_uniform": _glorot_uniform,
    "normal": _normal,
    "scaled_normal": _scaled_normal,
}


def _one_of(name: str, value: Any, options) -> str:
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{name} must be one of {sorted(options)}, got {value!r}")
    return value


def _checked_sizes(layer_sizes: Any) -> tuple[int, ...]:
    try:
        sizes = tuple(layer_sizes)
    except TypeError:
        raise TypeError(
            f"layer_sizes must be a sequence of integers, got {layer_sizes!r}"
        ) from None
    if len(sizes) < 2:
        raise ValueError(f"layer_sizes needs at least an input and an output size, got {sizes}")
    for size in sizes:
        if isinstance(size, bool | np.bool_) or not isinstance(size, Integral):
            raise TypeError(f"layer_sizes must be integers, got {size!r} in {sizes}")
        if not 1 <= int(size) <= LARGEST_LAYER:
            raise ValueError(f"layer_sizes must lie between 1 and {LARGEST_LAYER}, got {size}")
    return tuple(int(size) for size in sizes)


class Network:
    """A multilayer perceptron: one flat vector of parameters, and a plan that says what is where.

    Parameters
    ----------
    layer_sizes : sequence of int
        Units of every layer, the input's first: ``(784, 30, 10)``. At least two.
    activation : {'identity', 'logistic', 'tanh', 'relu'}, default='relu'
        Of the hidden layers.
    output_activation : {'identity', 'logistic', 'softmax', 'exp'}, default='identity'
    loss : {'squared_error', 'log_loss', 'binary_log_loss', 'poisson'}, default='squared_error'
        The mean over the rows of: half the squared distance, summed over the outputs (with an
        identity or logistic output, the latter the book's quadratic cost); the log loss of the
        softmax; the log loss of logistic outputs, summed over them (the book's cross-entropy);
        the Poisson deviance, halved, of exponential outputs.
    init : {'glorot_uniform', 'normal', 'scaled_normal'}, default='glorot_uniform'
        As scikit-learn draws it; N(0, 1); or weights N(0, 1/fan_in). The last two have N(0, 1)
        biases, as in Nielsen's book, chapters 1 and 3.
    dtype : float32 or float64, default=float64
    random_state : int, RandomState instance or None, default=None

    Attributes
    ----------
    parameters : ndarray of shape (n_parameters,)
        All weights and biases: W_1 (row by row), b_1, W_2, b_2, ... Assigning copies into it.
    weights, biases : lists of ndarrays of shape (fan_in, fan_out) and (fan_out,)
        Views into `parameters`. Assigning an item writes into the vector.
    plan : structured ndarray of shape (n_layers,)
        A row a layer: n_in, n_out, where its weights and biases start, its activation's code.

    Examples
    --------
    >>> import numpy as np
    >>> from cbackprop import Network
    >>> net = Network([2, 3, 1], activation="tanh", random_state=0)
    >>> net.parameters.size, [w.shape for w in net.weights]
    (13, [(2, 3), (3, 1)])
    >>> X, y = np.eye(2), np.array([[0.0], [1.0]])
    >>> net.predict(X).shape
    (2, 1)
    >>> net.check_gradient(X, y) < 1e-7
    True
    """

    def __init__(
        self,
        layer_sizes: Sequence[int],
        *,
        activation: str = "relu",
        output_activation: str = "identity",
        loss: str = "squared_error",
        init: str = "glorot_uniform",
        dtype: DTypeLike = np.float64,
        random_state: Any = None,
    ):
        self.layer_sizes = _checked_sizes(layer_sizes)
        self.activation = _one_of("activation", activation, run.ACTIVATIONS)
        self.output_activation = _one_of(
            "output_activation", output_activation, {output for output, _ in run.OUTPUTS}
        )
        self.loss_name = _one_of("loss", loss, {name for _, name in run.OUTPUTS})
        if (output_activation, loss) not in run.OUTPUTS:
            allowed = ", ".join(f"{output} with {name}" for output, name in run.OUTPUTS)
            raise ValueError(
                f"the output activation {output_activation!r} does not go with the loss {loss!r}; "
                f"these do: {allowed}"
            )
        self._initialize = INITIALIZERS[_one_of("init", init, INITIALIZERS)]
        if np.dtype(dtype) not in (np.dtype(np.float32), np.dtype(np.float64)):
            raise ValueError(f"dtype must be float32 or float64, got {dtype!r}")
        self.plan = make_plan(self.layer_sizes, activation)
        self.output = run.OUTPUTS[output_activation, loss]
        self._own(np.empty(int(self.plan["biases"][-1]) + self.layer_sizes[-1], dtype=dtype))
        self.initialize(random_state)

    def _own(self, vector: NDArray) -> None:
        self._parameters = vector
        self._weights, self._biases = views(self.plan, vector)

    def initialize(self, random_state: Any = None) -> Network:
        """Draw all parameters anew: per layer weights, then biases, in float64, then cast."""
        rng = check_random_state(random_state)
        for weights, biases in zip(self._weights, self._biases, strict=True):
            drawn = self._initialize(rng, *weights.shape, self.activation)
            weights[...], biases[...] = drawn
        return self

    # The vector and its views.

    @property
    def dtype(self) -> np.dtype:
        return self._parameters.dtype

    @property
    def parameters(self) -> NDArray:
        return self._parameters

    @parameters.setter
    def parameters(self, values: ArrayLike) -> None:
        values = np.asarray(values)
        if values.shape != self._parameters.shape:
            raise ValueError(f"parameters has shape {self._parameters.shape}, got {values.shape}")
        self._parameters[...] = values

    @property
    def weights(self) -> list[NDArray]:
        return self._weights

    @weights.setter
    def weights(self, values: Sequence[ArrayLike]) -> None:
        self._assign(self._weights, values, "weights")

    @property
    def biases(self) -> list[NDArray]:
        return self._biases

    @biases.setter
    def biases(self, values: Sequence[ArrayLike]) -> None:
        self._assign(self._biases, values, "biases")

    @staticmethod
    def _assign(layers: Views, values: Sequence[ArrayLike], name: str) -> None:
        arrays = [np.asarray(value) for value in values]
        got, expected = [a.shape for a in arrays], [layer.shape for layer in layers]
        if got != expected:
            raise ValueError(f"{name} must have the shapes {expected}, got {got}")
        for layer, array in zip(layers, [a.copy() for a in arrays], strict=True):
            layer[...] = array

    def __getstate__(self) -> dict:
        state = self.__dict__.copy()
        del state["_weights"], state["_biases"]
        return state

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self.plan.flags.writeable = False
        self._own(state["_parameters"])

    def astype(self, dtype: DTypeLike) -> Network:
        """The same network with parameters of another dtype: itself if they have it already."""
        return self if np.dtype(dtype) == self.dtype else self.copy(dtype)

    def copy(self, dtype: DTypeLike | None = None) -> Network:
        """The same network with a vector of its own, of this dtype if one is given."""
        other = object.__new__(type(self))
        state = self.__getstate__()
        state["_parameters"] = np.array(self._parameters, dtype=dtype)
        other.__setstate__(state)
        return other

    def __repr__(self) -> str:
        return (
            f"Network({list(self.layer_sizes)}, activation={self.activation!r}, "
            f"output_activation={self.output_activation!r}, loss={self.loss_name!r}, "
            f"dtype={self.dtype.name})"
        )

    # Passes.

    def predict(self, X: ArrayLike) -> NDArray:
        """Output activations.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features)

        Returns
        -------
        ndarray of shape (n, n_outputs), of the network's dtype

        Raises
        ------
        ValueError
            If X is empty, not two-dimensional, holds NaN or infinity, or has another number of
            features than the network.
        """
        return self._predict(self._check_X(X))

    def loss(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """The mean loss over the rows, weighted if weights are given.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features)
        y : array-like
            Integer labels of shape (n,), 0 <= y < n_outputs, for the softmax; numbers of shape
            (n, n_outputs), or (n,) with one output, for the other losses.
        sample_weight : array-like of shape (n,), optional
        """
        return self._sweep(X, y, sample_weight).loss()

    def gradient(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> NDArray:
        """The derivative of `loss` by `parameters`, as a vector of the same layout.

        The arguments are those of `loss`.
        """
        gradient = np.empty_like(self._parameters)
        self._sweep(X, y, sample_weight).loss_and_gradient(gradient)
        return gradient

    def backprop(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Backprop:
        """One forward and one backward pass, with everything they compute on the way.

        The arguments are those of `loss`; the result is a `Backprop`. All rows go through at
        once, in memory for (n, sum of all layers' units) numbers, twice.

        Examples
        --------
        >>> import numpy as np
        >>> from cbackprop import Network
        >>> net = Network([2, 3, 1], activation="logistic", random_state=0)
        >>> inside = net.backprop(np.eye(2), np.ones((2, 1)))
        >>> [a.shape for a in inside.activations], [d.shape for d in inside.deltas]
        ([(2, 2), (2, 3), (2, 1)], [(2, 3), (2, 1)])
        """
        rows = self._check_X(X)
        gradient = np.empty_like(self._parameters)
        sweep = self._sweep(rows, y, sample_weight, block_rows=rows.shape[0])
        loss = sweep.loss_and_gradient(gradient)
        activations, deltas = sweep.activations_and_deltas()
        weight_gradients, bias_gradients = views(self.plan, gradient)
        return Backprop(
            loss, [rows, *activations], deltas, list(weight_gradients), list(bias_gradients)
        )

    def check_gradient(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        step: float = 1e-6,
    ) -> float:
        """Largest difference between `gradient` and the two-sided numerical gradient.

        Every parameter in turn is moved by ``step`` up and down, in float64, and the loss computed
        at both places: 2 n_parameters forward passes, so take a small network and few rows.

        Parameters
        ----------
        X, y, sample_weight
            As for `loss`.
        step : float, default=1e-6
            How far each parameter is moved, times the larger of 1 and its size.

        Returns
        -------
        float
            The largest absolute difference, divided by the largest component of either gradient:
            about 1e-9 in float64 and 1e-6 in float32 where the passes are right. A relu whose
            argument changes sign within a step adds a difference that is no error.
        """
        wide = self.astype(np.float64)
        vector = wide._parameters.copy()
        sweep = wide._sweep(X, y, sample_weight, parameters=vector)
        numerical = np.empty_like(vector)
        for i, value in enumerate(vector.tolist()):
            h = step * max(1.0, abs(value))
            vector[i] = up = value + h
            above = sweep.loss()
            vector[i] = down = value - h
            numerical[i] = (above - sweep.loss()) / (up - down)
            vector[i] = value
        gradient = self.gradient(X, y, sample_weight)
        largest = max(np.abs(gradient).max(), np.abs(numerical).max())
        difference = np.abs(gradient - numerical).max()
        return float(difference / largest) if largest > 0 else float(difference)

    # Checked data for the engine.

    def takes(self, X: Any) -> bool:
        """Whether X can go to the engine as it is: a plain array all of whose properties fit.

        What scikit-learn's validation would find is looked at here in a few microseconds: type,
        dtype, C order, dimensions, rows, features, and that every value is finite.
        """
        return (
            type(X) is np.ndarray
            and X.dtype == self._parameters.dtype
            and X.ndim == 2
            and X.shape[0] > 0
            and X.shape[1] == self.layer_sizes[0]
            and X.flags.c_contiguous
            and run.all_finite(X)
        )

    def _predict(self, X, n_jobs: int | None = None) -> NDArray:
        return Sweep(self.plan, self.output, self._parameters, X, n_jobs=n_jobs).predict()

    def _sweep(self, X, y, sample_weight, *, block_rows=BLOCK_ROWS, parameters=None) -> Sweep:
        X = self._check_X(X)
        return Sweep(
            self.plan,
            self.output,
            self._parameters if parameters is None else parameters,
            X,
            y=self._check_y(y, X),
            sample_weight=self._check_weight(sample_weight, X),
            block_rows=block_rows,
        )

    def _check_X(self, X):
        if self.takes(X):
            return X
        X = check_array(X, accept_sparse="csr", dtype=self.dtype, order="C", input_name="X")
        if X.shape[1] != self.layer_sizes[0]:
            raise ValueError(
                f"X must have the network's {self.layer_sizes[0]} features, got {X.shape[1]}"
            )
        return X

    def _check_y(self, y, X) -> NDArray:
        n_outputs = self.layer_sizes[-1]
        if self.loss_name == "log_loss":
            labels = column_or_1d(y)
            if labels.dtype.kind not in "biu":
                raise TypeError(f"y must be integer labels for the softmax, got {labels.dtype}")
            check_consistent_length(X, labels)
            if labels.min() < 0 or labels.max() >= n_outputs:
                raise ValueError(
                    f"labels must lie between 0 and {n_outputs - 1}, "
                    f"got {labels.min()} to {labels.max()}"
                )
            return np.ascontiguousarray(labels, dtype=np.int32)
        values = check_array(y, dtype=self.dtype, order="C", ensure_2d=False, input_name="y")
        if values.ndim == 1:
            values = values.reshape(-1, 1)
        check_consistent_length(X, values)
        if values.ndim != 2 or values.shape[1] != n_outputs:
            raise ValueError(
                f"y must have the shape (n, {n_outputs}) for {n_outputs} outputs, got {np.shape(y)}"
            )
        if self.loss_name == "poisson" and values.min() < 0:
            raise ValueError(f"y must not be negative for the Poisson loss, got {values.min()}")
        if self.loss_name == "binary_log_loss" and (values.min() < 0 or values.max() > 1):
            raise ValueError(
                "y must lie between 0 and 1 for the binary log loss, "
                f"got {values.min()} to {values.max()}"
            )
        return values

    def _check_weight(self, sample_weight, X) -> NDArray | None:
        if sample_weight is None:
            return None
        weight = check_array(
            sample_weight, dtype=self.dtype, ensure_2d=False, order="C", input_name="sample_weight"
        )
        if weight.ndim != 1:
            raise ValueError(f"sample_weight must have 1 dimension, got {weight.ndim}")
        check_consistent_length(X, weight)
        if weight.min() < 0 or not weight.any():
            raise ValueError("sample_weight must not be negative, nor zero for every row")
        return weight
