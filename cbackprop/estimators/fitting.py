"""How does the fit of an estimator go: epochs of SGD or Adam, or SciPy's L-BFGS."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.optimize import _check_optimize_result

from cbackprop.engine import run
from cbackprop.estimators.judging import (
    Given,
    Validation,
    given_rows,
    has_scorer,
    held_out_rows,
    judge_of,
    split,
)
from cbackprop.estimators.options import averaging_of, schedule_of, word_of
from cbackprop.estimators.stopping import (
    NOT_FINITE,
    Stopping,
    begin_curves,
    curves,
    end_in_line,
    record_of,
    remember_seconds,
    show,
)
from cbackprop.functions.frozen import check_trainable
from cbackprop.functions.optimizers import SGD, Adam, Optimizer
from cbackprop.network import Network
from cbackprop.running.execution import Execution
from cbackprop.running.ranks import ALONE
from cbackprop.running.regularization import Regularization, draw_seed
from cbackprop.running.sweeps import Sweep
from cbackprop.training.divergence import finite, lost_at_end
from cbackprop.training.fit import lengths_of_gradients, run_epochs
from cbackprop.training.history import History
from cbackprop.training.lbfgs import lbfgs
from cbackprop.training.record import FitState, settings_of_length
from cbackprop.training.schedules import Schedule
from cbackprop.training.undo import Undo
from cbackprop.validation.checks import warn

Data = tuple[Any, Any, Any]  # X, y and sample_weight, as the engine takes them


class Prepared(NamedTuple):
    """What a fit by mini-batches needs besides network and data."""

    step: dict[str, Any]  # what it is: batch_size, regularization
    state: FitState
    given: Given
    validation: Validation | None  # one's own rows
    taken: set[str]  # curves


def prepare_stochastic(
    estimator: Any,
    network: Network,
    data: Data,
    given: Given,
    execution: Execution,
    rng: np.random.RandomState,
    regularization: Regularization,
    *,
    first_pass: bool,
    incremental: bool,
) -> Prepared:
    """What a step is, and the fit as it begins."""
    (X, y, _), ranks = data, execution.ranks
    if not incremental or not hasattr(estimator, "_optimizer"):
        estimator._optimizer, estimator._schedule = new_optimizer(estimator)
    if incremental:
        _check_without_end(estimator)
    validation = given_rows(estimator, given, network, y, ranks)
    own = ranks.generator(rng)
    rows, held_out = split(estimator, data, given, own, ranks)
    _take_mask_seed(estimator, regularization, rng, incremental)
    ranks.move_on(rng)
    if rows is None and estimator.shuffle:
        rows = np.arange(X.shape[0])
    n_own = X.shape[0] if rows is None else rows.size
    n_rows = sum(ranks.gather(n_own))
    batch_size = _batch_size(estimator, n_rows)
    if not incremental or not hasattr(estimator, "_loss_before"):
        n_first = min(-(-batch_size // ranks.size), n_own)
        some = np.arange(n_first) if rows is None else rows[:n_first]
        first = Sweep(
            network, X, y=y, rows=some, sklearns_loss=True, execution=execution, ranks=ranks
        )
        estimator._loss_before = finite(first.loss())
    taken = begin_curves(estimator)
    state = FitState(
        history=curves(estimator),
        max_epochs=1 if incremental else estimator.max_iter,
        optimizer=estimator._optimizer,
        rng=own if estimator.shuffle else None,
        order=rows,
        held_out=held_out,
        n_rows=X.shape[0],
        mask_seed=vars(estimator).get("_mask_seed"),
        settings=settings_of_length("max_iter", estimator.max_iter, estimator._optimizer),
        data=data,
        evaluation_data=None if validation is None else validation.of_engine,
        averaging=None if incremental else averaging_of(estimator),
        has_end=not incremental,
        ranks=ranks,
        window=given.window,
        rows_of_all=None if ranks is ALONE else n_rows,
    )
    state.record = record_of(estimator, state)._replace(best_epoch=None)
    if estimator.early_stopping and first_pass:
        state.record = state.note(best=network.parameters.copy(), best_epoch=0)
    step = {"batch_size": batch_size, "regularization": regularization}
    return Prepared(step, state, given, validation, taken)


def _take_mask_seed(
    estimator: Any, regularization: Regularization, rng: np.random.RandomState, incremental: bool
) -> None:
    """With dropout: partial fits go on with that of the first; the optimizer counts the steps."""
    if not regularization.dropout:
        vars(estimator).pop("_mask_seed", None)
    elif not incremental or "_mask_seed" not in vars(estimator):
        estimator._mask_seed = draw_seed(rng)


def fit_stochastic(
    estimator: Any,
    network: Network,
    data: Data,
    execution: Execution,
    prepared: Prepared,
    listen: Callable,
    *,
    incremental: bool,
    undo: Undo,
) -> None:
    """Epochs of SGD or Adam; interrupted, the estimator has what it learnt so far."""
    _, state, given, validation, taken = prepared
    try:
        with listen(state, reconstruction_attributes=lambda: as_it_is(estimator)) as told:
            try:
                watch = Stopping(
                    estimator,
                    network,
                    state,
                    taken,
                    lambda: lengths_of_gradients(
                        network,
                        data,
                        execution,
                        prepared.step["regularization"],
                        rows=_trained_rows(state),
                    ),
                )
                if state.held_out is not None:
                    raw = has_scorer(estimator)
                    validation = held_out_rows(data, given, state.held_out, raw=raw)
                if validation is not None:
                    watch.judge = judge_of(
                        estimator, watch.candidate, validation, execution, loss_scale(estimator)
                    )
                run_epochs(
                    network,
                    data,
                    state,
                    watch,
                    told,
                    execution=execution,
                    undo=undo,
                    **prepared.step,
                    loss_scale=loss_scale(estimator),
                    sklearns_loss=True,
                    trainable=check_trainable(estimator.trainable, len(network.plan)),
                )
            except KeyboardInterrupt as interrupt:
                execution.ranks.tell(interrupt)
                state.interrupted = True
                # Forget what the interrupted end of an epoch has written down.
                state.history.cut(state.record.lengths)
                if estimator._optimizer.schedule is None:  # which leaves the rate as it is
                    estimator._optimizer.learning_rate = state.record.learning_rate
                show(estimator, state.record)
                warn("Training interrupted by user.")
    finally:
        vars(estimator).pop("_fit_state", None)  # again: an interrupt may have come just before
        outcome = state.outcome
        if outcome is not None:
            network.parameters = outcome
    if state.interrupted:
        end_in_line(estimator)
    remember_seconds(estimator, state.history)
    if not (incremental or state.interrupted):
        losses = estimator.loss_curve_[len(estimator.loss_curve_) - state.epoch :]
        if said := lost_at_end(network, data, estimator._loss_before, losses, execution):
            warn(f"{said} {watch.where()}", ConvergenceWarning)
    # A schedule over all epochs means them to be made.
    meant = settings_of_length("max_iter", estimator.max_iter, estimator._optimizer)
    if not (incremental or state.done or state.interrupted or meant):
        warn(
            f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) "
            "reached and the optimization hasn't converged yet.",
            ConvergenceWarning,
        )


def _trained_rows(state: FitState) -> np.ndarray | None:
    """None for all. In order, whatever the last epoch's was: sums are then made alike."""
    if state.order is None or state.held_out is None:
        return None
    return np.sort(state.order)


def new_optimizer(estimator: Any) -> tuple[Optimizer, Schedule]:
    """Both hold until the next fit that is not a partial one, whatever is set meanwhile."""
    options = {"clip_value": estimator.clip_value, "clip_norm": estimator.clip_norm}
    options["schedule"] = schedule_of(estimator)
    rate, word = estimator.learning_rate_init, word_of(estimator)
    if estimator.solver == "sgd":
        optimizer: Optimizer = SGD(
            rate, estimator.momentum, estimator.nesterovs_momentum, **options
        )
        return optimizer, Schedule(word, rate, estimator.power_t)
    if word != "constant":
        warn(
            f"learning_rate={word!r} has no effect with solver='adam': schedules "
            "are for solver='sgd'."
        )
    optimizer = Adam(rate, estimator.beta_1, estimator.beta_2, estimator.epsilon, **options)
    return optimizer, Schedule("constant", rate, estimator.power_t)


def _check_without_end(estimator: Any) -> None:
    """A schedule that depends on the length of a fit is none of partial fits; one set since may."""
    optimizer, schedule = estimator._optimizer, schedule_of(estimator)
    if optimizer.schedule is None or not optimizer.schedule.of_the_whole:
        return
    if schedule == optimizer.schedule:
        optimizer.schedule.factors(0, 1, None)  # says what to do instead
    optimizer.schedule = schedule
    estimator._schedule = Schedule(
        word_of(estimator), estimator.learning_rate_init, estimator.power_t
    )
    if schedule is not None:
        schedule.factors(0, 1, None)


def _batch_size(estimator: Any, n_samples: int) -> int:
    if isinstance(estimator.batch_size, str):
        return min(200, n_samples)
    if estimator.batch_size > n_samples:
        warn("Got `batch_size` less than 1 or larger than sample size. It is going to be clipped")
    return int(min(estimator.batch_size, n_samples))


def fit_lbfgs(
    estimator: Any, network: Network, data: Data, execution: Execution, listen: Callable
) -> None:
    """SciPy's L-BFGS; interrupted, the estimator has what the last iteration left."""
    X, y, sample_weight = data
    state = FitState(
        history=History(cost=[], seconds=[]),
        max_epochs=estimator.max_iter,
        n_rows=X.shape[0],
        ranks=execution.ranks,
        data=data,
        start=network.parameters.copy(),
    )
    with listen(state, reconstruction_attributes=lambda: as_it_is(estimator)) as told:
        estimator.n_iter_ = again = state.epoch  # a resumed fit's: told of already
        estimator._other_curves, estimator.best_iter_ = {"cost": state.history["cost"]}, None
        began = perf_counter()

        def iterated(loss: float) -> bool:
            nonlocal again, began
            if again:
                again -= 1
                return not again and state.done
            state.history.record(cost=loss, seconds=perf_counter() - began)
            state.record = state.note(epochs=state.epoch + 1, loss=np.float64(loss))
            estimator.loss_, estimator.n_iter_ = state.record.loss, state.epoch
            told.epoch_begins()
            if any(execution.ranks.gather(told.epoch_ended(), "whether a callback stops")):
                state.record = state.note(done=True)
            began = perf_counter()
            return state.done

        result = lbfgs(
            network,
            X,
            y,
            sample_weight=sample_weight,
            l2_batch=estimator.alpha,
            sklearns_loss=True,
            max_iter=estimator.max_iter,
            max_fun=estimator.max_fun,
            tol=estimator.tol,
            trainable=check_trainable(estimator.trainable, len(network.plan)),
            verbose=estimator.verbose is True or estimator.verbose >= 1,
            execution=execution,
            iterated=iterated,
            evaluations=state.evaluations,
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.n_iter_ = _check_optimize_result("lbfgs", result, estimator.max_iter)
    for warning in caught:
        warn(str(warning.message), warning.category)
    estimator.loss_ = np.float64(result.fun)
    if not np.isfinite(estimator.loss_):
        where = f"Iteration {estimator.n_iter_}: loss {estimator.loss_:.3g}. Try scaled inputs."
        if not run.all_finite(network.parameters):
            raise ValueError(f"{NOT_FINITE} {where}")
        warn(f"The loss is not finite. {where}", ConvergenceWarning)
    remember_seconds(estimator, state.history)
    scale = loss_scale(estimator)
    if scale != 1.0:
        sweep = Sweep(
            network,
            X,
            y=y,
            sample_weight=sample_weight,
            execution=execution,
            ranks=execution.ranks,
        )
        estimator.loss_ += (scale - 1.0) * sweep.loss()


def loss_scale(estimator: Any) -> float:
    """scikit-learn reports the squared error's mean over the outputs, and descends its sum."""
    is_squared = estimator.network_.loss_name == "squared_error"
    return 1.0 / estimator.n_outputs_ if is_squared else 1.0


def as_it_is(estimator: Any) -> dict[str, Any]:
    """What a copy of the estimator needs to predict as if this fit had just ended."""
    outcome = estimator._fit_state.outcome
    network = estimator.network_.copy()
    if outcome is not None:
        network.parameters = outcome
    return {"network_": network}
