"""What does Network.fit take, and what is measured after each of its epochs?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from cbackprop.callbacks.protocol import check_callbacks, check_idle, listening
from cbackprop.functions.frozen import check_trainable
from cbackprop.functions.optimizers import OPTIMIZERS, SGD, Optimizer
from cbackprop.functions.schedules import Curve, Schedule, check_schedule
from cbackprop.running.execution import Execution
from cbackprop.running.model import Model
from cbackprop.running.ranks import ALONE, NO_ROWS, Alone
from cbackprop.running.regularization import Regularization, check_dropout, draw_seed
from cbackprop.running.sweeps import Sweep
from cbackprop.training.divergence import finite, lost_at_end
from cbackprop.training.fit import Watch, lengths_of_gradients, run_epochs
from cbackprop.training.history import History, Metric, check_metrics
from cbackprop.training.origin import comes_from_another, has_trained, seed_of
from cbackprop.training.record import FitState, Record, settings_of_length
from cbackprop.training.undo import all_or_nothing
from cbackprop.validation.checks import check_integer, check_number, check_pair, warn


class Trainable(Model, Protocol):
    """What a fit needs of a network: to check data and to predict."""

    output_activation: str

    def writable(self) -> Any: ...

    def _check_X(self, X): ...

    def _check_y(self, y, X) -> NDArray: ...

    def _check_weight(self, sample_weight, X, *, elsewhere: bool) -> NDArray | None: ...

    def _predict(self, X, execution: Execution) -> NDArray: ...


def fit(
    network: Trainable,
    X: ArrayLike,
    y: ArrayLike,
    *,
    optimizer: Optimizer | None,
    epochs: int,
    batch_size: int | None,
    l2: float,
    l1: float,
    dropout: float | Sequence[float],
    dropout_schedule: Schedule | Curve | None,
    max_norm: float | None,
    sample_weight: ArrayLike | None,
    evaluation_data: tuple[ArrayLike, ArrayLike] | None,
    metrics: Sequence[str] | Mapping[str, Metric] | str | None,
    training_metrics: bool,
    gradient_norms: bool,
    shuffle: bool,
    random_state: Any,
    callbacks: Sequence[Any],
    trainable: Sequence[bool] | None,
    n_jobs: int | None,
    ranks: Alone,
    window: int | None,
) -> History:
    """Train in place; the arguments are those of `Network.fit`."""
    check_idle(network)
    ranks.agree(
        lambda: {
            "the network": network,
            "what one random_state draws alike, the network's parameters,": network.parameters,
            "optimizer": optimizer,
            "the optimizer's n_steps": 0 if optimizer is None else optimizer.n_steps,
            "the optimizer's state": None if optimizer is None else optimizer.state,
            "epochs": epochs,
            "batch_size": batch_size,
            "l2": l2,
            "l1": l1,
            "dropout": dropout,
            "dropout_schedule": dropout_schedule,
            "max_norm": max_norm,
            "whether sample_weight is given": sample_weight is not None,
            "whether evaluation_data is given": evaluation_data is not None,
            "metrics": metrics,
            "training_metrics": training_metrics,
            "gradient_norms": gradient_norms,
            "shuffle": shuffle,
            "random_state": random_state,
            "trainable": trainable,
        }
    )
    execution = Execution(n_jobs, ranks)
    if ranks.size > 1 and np.shape(X)[:1] == (0,):
        raise ValueError(NO_ROWS)
    rows = network._check_X(X)
    targets = network._check_y(y, rows)
    weight = network._check_weight(sample_weight, rows, elsewhere=ranks.size > 1)
    if weight is not None and not ranks.sum(float(weight.any())):
        raise ValueError("sample_weight must not be zero for every row of all ranks")
    data = rows, targets, weight
    check_integer("epochs", epochs, at_least=1)
    n_rows = sum(ranks.gather(rows.shape[0]))
    if batch_size is None:
        batch_size = n_rows
    check_integer("batch_size", batch_size, at_least=1)
    trained = check_trainable(trainable, len(network.plan))
    regularization = _regularization(
        n_rows,
        len(network.plan) - 1,
        l2=l2,
        l1=l1,
        dropout=dropout,
        dropout_schedule=dropout_schedule,
        max_norm=max_norm,
    )
    of_dropout = regularization.dropout_schedule
    optimizer = SGD() if optimizer is None else optimizer
    if not isinstance(optimizer, Optimizer):
        known = ", ".join(OPTIMIZERS)
        raise TypeError(f"optimizer must be one of {known}, got {optimizer!r}")
    if said := comes_from_another(optimizer, network):
        warn(said)
    if isinstance(metrics, str) and metrics == "auto":
        metrics = ["accuracy"] if network.output_activation in ("softmax", "logistic") else None
    measured = check_metrics(metrics)
    held_out = None
    if evaluation_data is not None:
        held_X, held_y = check_pair("evaluation_data", evaluation_data)
        held_rows = network._check_X(held_X)
        held_out = held_rows, network._check_y(held_y, held_rows)
    random_state = ranks.seed(random_state)
    state = FitState(
        history=History.of(measured),
        max_epochs=int(epochs),
        optimizer=optimizer,
        rng=ranks.generator(check_random_state(random_state)) if shuffle else None,
        order=np.arange(rows.shape[0]) if shuffle else None,
        n_rows=rows.shape[0],
        settings={
            "optimizer": repr(optimizer),
            "batch_size": int(batch_size),
            "l2": float(l2),
            **_settings_that_are_on(l1=l1, dropout=regularization.dropout, max_norm=max_norm),
            **({} if of_dropout is None else {"dropout_schedule": repr(of_dropout)}),
            "shuffle": bool(shuffle),
            "random_state": seed_of(random_state),
            "metrics": sorted(measured),
            "training_metrics": bool(training_metrics),
            "gradient_norms": bool(gradient_norms),
            **({} if trained is None else {"trainable": list(trained)}),
            **settings_of_length("epochs", epochs, optimizer, of_dropout),
        },
        data=data,
        evaluation_data=held_out,
        ranks=ranks,
        window=window,
        rows_of_all=None if ranks is ALONE else n_rows,
    )
    state.record = state.note(loss_before=_loss_of_first(network, data, int(batch_size), execution))
    watch = Measures(
        network,
        state,
        data,
        execution,
        metrics=measured,
        on_training_rows=training_metrics,
        held_out=held_out,
        norms_with=regularization if gradient_norms else None,
    )
    with ExitStack() as together:
        together.enter_context(
            all_or_nothing(network, optimizer, random_state=random_state, short=epochs == 1)
        )
        if regularization.dropout:
            state.mask_seed = draw_seed(check_random_state(random_state))
        ranks.move_on(check_random_state(random_state))
        listeners = together.enter_context(
            listening(network, state, check_callbacks(callbacks), X=X, y=y)
        )
        network.writable()
        run_epochs(
            network,
            data,
            state,
            watch,
            listeners,
            execution=execution,
            batch_size=min(int(batch_size), n_rows),
            regularization=regularization,
            trainable=trained,
        )
        losses = state.history["cost"]
        if said := lost_at_end(network, data, state.record.loss_before, losses, execution):
            warn(f"{said} Try a smaller learning rate, and scaled inputs.", ConvergenceWarning)
    has_trained(optimizer, network)
    return state.history


def _regularization(
    n_rows: int,
    n_hidden: int,
    *,
    l2: Any,
    l1: Any,
    dropout: Any,
    dropout_schedule: Any,
    max_norm: Any,
) -> Regularization:
    """The arguments of `Network.fit`, checked, on the book's scale: penalties of all rows."""
    for name, value in (("l2", l2), ("l1", l1)):
        check_number(name, value, 0.0, np.inf, open_high=True)
    if max_norm is not None:
        check_number("max_norm", max_norm, 0.0, np.inf, open_low=True, open_high=True)
    rates = check_dropout(dropout, n_hidden)
    of_dropout = check_schedule(dropout_schedule, "dropout_schedule")
    return Regularization(
        l2=float(l2) / n_rows,
        l1=float(l1) / n_rows,
        dropout=rates,
        dropout_schedule=of_dropout if rates else None,
        max_norm=max_norm,
    )


def _settings_that_are_on(**settings: Any) -> dict[str, Any]:
    """Those that earlier versions' checkpoints do not have, and need not, in JSON's types."""
    return {
        name: [float(rate) for rate in value] if name == "dropout" else float(value)
        for name, value in settings.items()
        if value
    }


def _loss_of_first(network: Trainable, data, n_rows: int, execution: Execution) -> float:
    """The mean loss of the first rows: where training begins."""
    X, y, weight = data
    rows = np.arange(min(-(-n_rows // execution.ranks.size), X.shape[0]))
    if weight is not None and not execution.ranks.sum(float(weight[rows].any())):
        return 0.0
    sweep = Sweep(
        network,
        X,
        y=y,
        sample_weight=weight,
        rows=rows,
        execution=execution,
        ranks=execution.ranks,
    )
    return finite(sweep.loss())


class Measures(Watch):
    """After every epoch: the cost, and what else was asked for."""

    what = "cost"
    advice = "Try a smaller learning rate, clip_norm, and scaled inputs."
    model: Trainable

    def __init__(
        self,
        network: Trainable,
        state: FitState,
        data,
        execution: Execution,
        *,
        metrics: dict[str, Metric],
        on_training_rows: bool,
        held_out,
        norms_with: Regularization | None,
    ):
        super().__init__(network, state)
        self.data, self.execution, self.metrics = data, execution, metrics
        self.on_training_rows, self.held_out = on_training_rows, held_out
        self.norms_with = norms_with

    def trained(self, loss: float, seconds: float) -> Record:
        state = self.state
        rate = 0.0 if state.optimizer is None else state.optimizer.last_rate
        state.history.record(cost=loss, learning_rate=rate, seconds=seconds)
        samples = state.record.samples + state.epoch_rows
        return state.note(epochs=state.epoch + 1, samples=samples, loss=loss, learning_rate=rate)

    def judged(self) -> Record:
        self.check_lost()
        loss_before, history = self.loss_before(), self.state.history
        X, y, _ = self.data
        if self.on_training_rows:
            history.record(**self._measure(X, y))
        if self.held_out is not None:
            history.record(**self._evaluation(*self.held_out))
        if self.norms_with is not None:
            norms = lengths_of_gradients(self.model, self.data, self.execution, self.norms_with)
            history.record(gradient_norms=norms)
        return self.state.note(loss_before=loss_before)

    def _measure(self, X, y) -> dict[str, float]:
        if not self.metrics:
            return {}
        ranks = self.execution.ranks
        outputs = ranks.stack(self.model._predict(X, self.execution))
        y = ranks.stack(y)
        return ranks.first({name: metric(y, outputs) for name, metric in self.metrics.items()})

    def _evaluation(self, X, y) -> dict[str, float]:
        evaluated = self._measure(X, y)
        sweep = Sweep(self.model, X, y=y, execution=self.execution, ranks=self.execution.ranks)
        evaluated["cost"] = sweep.loss()
        return {f"evaluation_{name}": value for name, value in evaluated.items()}
