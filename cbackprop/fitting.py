"""How does Network.fit go: what it takes, its epochs, and what is measured after each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from time import perf_counter
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from cbackprop import training
from cbackprop.callbacks import FitState, Listeners, check_callbacks, listening
from cbackprop.checks import check_integer, check_number, check_pair, warn
from cbackprop.divergence import blown_up, finite
from cbackprop.engine import run
from cbackprop.history import History, Metric, check_metrics
from cbackprop.optimizers import SGD, Optimizer
from cbackprop.plan import Model
from cbackprop.sweeps import Sweep
from cbackprop.undo import all_or_nothing


class Trainable(Model, Protocol):
    """What a fit needs of a network, which stands above: to check data and to predict."""

    output_activation: str

    def writable(self) -> Any: ...

    def _check_X(self, X): ...

    def _check_y(self, y, X) -> NDArray: ...

    def _check_weight(self, sample_weight, X) -> NDArray | None: ...

    def _predict(self, X, n_jobs: int | None = None) -> NDArray: ...


def fit(
    network: Trainable,
    X: ArrayLike,
    y: ArrayLike,
    *,
    optimizer: Optimizer | None,
    epochs: int,
    batch_size: int | None,
    l2: float,
    sample_weight: ArrayLike | None,
    evaluation_data: tuple[ArrayLike, ArrayLike] | None,
    metrics: Sequence[str] | Mapping[str, Metric] | str | None,
    training_metrics: bool,
    gradient_norms: bool,
    shuffle: bool,
    random_state: Any,
    callbacks: Sequence[Any],
    n_jobs: int | None,
) -> History:
    """Train in place; the arguments are those of `Network.fit`."""
    rows = network._check_X(X)
    targets = network._check_y(y, rows)
    data = rows, targets, network._check_weight(sample_weight, rows)
    check_integer("epochs", epochs, at_least=1)
    if batch_size is None:
        batch_size = rows.shape[0]
    check_integer("batch_size", batch_size, at_least=1)
    check_number("l2", l2, 0.0, np.inf, open_high=True)
    optimizer = SGD() if optimizer is None else optimizer
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer must be SGD, Adam, AdamW or RMSprop, got {optimizer!r}")
    if isinstance(metrics, str) and metrics == "auto":
        metrics = ["accuracy"] if network.output_activation in ("softmax", "logistic") else None
    measured = check_metrics(metrics)
    held_out = None
    if evaluation_data is not None:
        held_X, held_y = check_pair("evaluation_data", evaluation_data)
        held_rows = network._check_X(held_X)
        held_out = held_rows, network._check_y(held_y, held_rows)
    decay = float(l2) / rows.shape[0]
    state = FitState(
        history=History(),
        max_epochs=int(epochs),
        optimizer=optimizer,
        rng=check_random_state(random_state) if shuffle else None,
        order=np.arange(rows.shape[0]) if shuffle else None,
        n_rows=rows.shape[0],
        settings={"optimizer": repr(optimizer), "batch_size": int(batch_size), "l2": float(l2)},
    )
    loss_before = _loss_of_first(network, data, int(batch_size))
    with (
        all_or_nothing(network, optimizer, random_state=random_state, short=epochs == 1),
        listening(network, state, check_callbacks(callbacks), X=X, y=y) as listeners,
    ):
        network.writable()
        for cost, seconds in _epochs(
            network, data, state, int(batch_size), decay, n_jobs, listeners
        ):
            _record(state, cost, seconds)
            loss_before = _diverged(network, state, cost, loss_before)
            if training_metrics:
                state.history.record(**_measure(network, rows, targets, measured, n_jobs))
            if held_out is not None:
                state.history.record(**_evaluation(network, *held_out, measured, n_jobs))
            if gradient_norms:
                state.history.record(gradient_norms=_gradient_norms(network, *data, decay))
    return state.history


def _epochs(
    network: Trainable,
    data,
    state: FitState,
    batch_size: int,
    l2: float,
    n_jobs,
    listeners: Listeners,
) -> Iterator[tuple[float, float]]:
    """Train the epochs that are left: the cost and the seconds of each, callbacks told."""
    X, y, sample_weight = data
    assert state.optimizer is not None
    epochs = training.epochs(
        network,
        X,
        y,
        state.optimizer,
        batch_size=min(batch_size, state.n_rows),
        max_epochs=state.epochs_left,
        rng=state.rng,
        order=state.order,
        sample_weight=sample_weight,
        l2=l2,
        n_jobs=n_jobs,
        first_epoch=state.epoch,
        total_epochs=state.max_epochs,
    )
    try:
        for _ in range(state.epochs_left):
            listeners.epoch_begins()
            began = perf_counter()
            cost = next(epochs)
            state.epoch += 1
            yield cost, perf_counter() - began
            state.done = listeners.epoch_ended()
            if state.done:
                break
    finally:
        epochs.close()


def _record(state: FitState, cost: float, seconds: float) -> None:
    rate = state.optimizer.last_rate if state.optimizer else 0.0
    state.history.record(cost=cost, learning_rate=rate, seconds=seconds)


def _loss_of_first(network: Trainable, data, n_rows: int) -> float:
    """The mean loss of the first rows: where training begins."""
    X, y, weight = data
    rows = np.arange(min(n_rows, X.shape[0]))
    if weight is not None and not weight[rows].any():
        return 0.0
    return finite(Sweep(network, X, y=y, sample_weight=weight, rows=rows).loss())


def _diverged(network: Trainable, state: FitState, cost: float, loss_before: float) -> float:
    """An error if the parameters are lost; a warning, once, of a cost blown up.

    Returns the loss to compare with from now on.
    """
    rate = state.history["learning_rate"][-1]
    where = (
        f"Epoch {state.history.epochs}: cost {cost:.3g}, learning rate {rate:.3g}. Try a "
        "smaller learning rate, clip_norm, and scaled inputs."
    )
    if not run.all_finite(network.parameters):
        raise ValueError(f"The parameters are no longer finite. {where}")
    if said := blown_up("cost", cost, loss_before):
        warn(f"{said} {where}", ConvergenceWarning)
        return np.inf
    return loss_before


def _measure(network: Trainable, X, y, metrics: dict[str, Metric], n_jobs) -> dict[str, float]:
    outputs = network._predict(X, n_jobs) if metrics else None
    return {name: metric(y, outputs) for name, metric in metrics.items() if outputs is not None}


def _evaluation(network: Trainable, X, y, metrics: dict[str, Metric], n_jobs) -> dict[str, float]:
    evaluated = _measure(network, X, y, metrics, n_jobs)
    evaluated["cost"] = Sweep(network, X, y=y).loss()
    return {f"evaluation_{name}": value for name, value in evaluated.items()}


def _gradient_norms(network: Trainable, X, y, weight, decay: float) -> list[float]:
    gradient = np.empty_like(network.parameters)
    Sweep(network, X, y=y, sample_weight=weight).loss_and_gradient(gradient, l2=decay)
    starts = [*network.plan["weights"].tolist(), gradient.size]
    return [float(np.linalg.norm(gradient[i:j])) for i, j in pairwise(starts)]
