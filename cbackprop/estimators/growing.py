"""How does a classifier grow when classes appear later in a stream?"""

from __future__ import annotations

from contextlib import suppress
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import check_random_state

from cbackprop.functions.optimizers import SGD, Optimizer
from cbackprop.network.initializers import INITIALIZERS
from cbackprop.network.network import Network

ORDERED = "biuf", "UO"  # kinds of labels that can stand in one order


def grow(estimator: Any, labels: Any, random_state: Any) -> None:
    """Let a classifier know these classes, too.

    For the classes known before, the last layer keeps weights, biases and the optimizer's state;
    new columns are drawn as a network draws its first ones, with a state of zeros. Where one
    logistic output becomes a softmax, its logit z becomes -z/2 and z/2: their difference is z, so
    that the odds of the two classes stay as they are; neither is singled out, and of all such
    pairs this one has the smallest weights.

    Network and optimizer are new objects: if anything fails, the old ones are as they were.
    """
    old, known = estimator.classes_, estimator._label_binarizer
    new = _union(old, np.asarray(labels))
    if len(new) == len(old):
        return
    estimator._label_binarizer = _binarizer(known, new)
    estimator.classes_ = new
    if "network_" not in vars(estimator):  # the first call, which makes one
        return
    network = estimator.network_
    last = _LastLayer(network, np.searchsorted(new, old), _n_outputs(estimator))
    estimator.n_outputs_ = last.n_outputs
    estimator.out_activation_, loss = estimator._targets.output(estimator)
    wider = object.__new__(Network)
    sizes = [*network.layer_sizes[:-1], last.n_outputs]
    wider._configure(sizes, network.activation, estimator.out_activation_, loss, network.init)
    wider._own(last.parameters(network, check_random_state(random_state)))
    estimator.network_ = wider
    optimizer = vars(estimator).get("_optimizer")
    if optimizer is not None and optimizer.state is not None:
        estimator._optimizer = copy(optimizer)
        estimator._optimizer.state = last.state(optimizer)


def _n_outputs(estimator: Any) -> int:
    return 1 if estimator._label_binarizer.y_type_ == "binary" else len(estimator.classes_)


def _union(old: NDArray, labels: NDArray) -> NDArray:
    """All of them in order."""
    kinds = {old.dtype.kind, labels.dtype.kind}
    if any(kinds <= set(ordered) for ordered in ORDERED):
        with suppress(TypeError):  # of objects that cannot be compared
            return np.union1d(old, labels)
    raise ValueError(
        f"new classes must be of the type of those known, {old.tolist()}; got {labels.tolist()}"
    )


def _binarizer(known: LabelBinarizer, classes: NDArray) -> LabelBinarizer:
    if not known.y_type_.startswith("multilabel"):
        return LabelBinarizer().fit(classes)
    labels = np.arange(len(classes))
    binarizer = LabelBinarizer().fit(np.array([labels == 0, labels != 0], dtype=int))
    binarizer.sparse_input_ = known.sparse_input_
    return binarizer


class _LastLayer:
    """The last layer with more outputs.

    Parameters
    ----------
    network : Network
        As it was.
    places : ndarray
        Where the old classes stand among all.
    n_outputs : int
        Of the new layer.
    """

    def __init__(self, network: Network, places: NDArray, n_outputs: int):
        self.places, self.n_outputs = places, n_outputs
        self.n_in, was = network.layer_sizes[-2:]
        self.start = int(network.plan["weights"][-1])
        self.halved = was == 1 < n_outputs  # one logit becomes a column for each class
        self.signs = np.ones(was)
        if self.halved:
            self.signs = np.array([-1.0, 1.0])[: len(places)]
        elif n_outputs == 1:  # of one class known before: it was the first of two, unheard of
            self.signs = np.array([-1.0 if places[0] else 1.0])

    def parameters(self, network: Network, rng: np.random.RandomState) -> NDArray:
        """The vector with old columns, and new ones as they are drawn."""
        name = network._names_of_activations()[-1]
        drawn = np.vstack(INITIALIZERS[network.init](rng, self.n_in, self.n_outputs, name))
        factors = self.signs / 2 if self.halved else self.signs
        return self._moved(network.parameters, factors, drawn)

    def state(self, optimizer: Optimizer) -> NDArray:
        """The gradient of a logit is the second class's, and minus the first's: so is its mean."""
        assert optimizer.state is not None
        none = np.zeros((self.n_in + 1, self.n_outputs))
        squares = [i > 0 and not isinstance(optimizer, SGD) for i in range(len(optimizer.state))]
        return np.stack(
            [
                self._moved(vector, np.abs(self.signs) if squared else self.signs, none)
                for vector, squared in zip(optimizer.state, squares, strict=True)
            ]
        )

    def _moved(self, vector: NDArray, factors: NDArray, others: NDArray) -> NDArray:
        """A vector of the old layout in the new one."""
        wider = others.astype(vector.dtype)  # [W; b]
        columns = vector[self.start :].reshape(self.n_in + 1, -1)
        if self.n_outputs == 1:
            wider[...] = columns * factors
        else:
            wider[:, self.places] = columns * factors.astype(vector.dtype)
        return np.concatenate([vector[: self.start], wider.ravel()])
