"""Checkpoint: keep a fit in a file while it runs, and go on from there if it was cut short."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from cbackprop.callbacks.protocol import EPOCH, Callback, state_of
from cbackprop.callbacks.rows_kept import kept_rows, part_of_rank
from cbackprop.files import atomic
from cbackprop.files.container import ModelFileError, Reader, reading, write
from cbackprop.files.registry import (
    Content,
    add_optimizer,
    content_of,
    declared_tensors,
    description_of,
    is_count,
    model_from,
    optimizer_from,
)
from cbackprop.files.values import from_json, random_state_from_json, to_json
from cbackprop.functions.frozen import check_trainable, trained_parameters
from cbackprop.training.origin import differences, origin_of, seed_of
from cbackprop.training.record import FitState
from cbackprop.validation.checks import check_integer, check_option
from cbackprop.validation.naming import public

# Parameters that a resumed fit may have otherwise.
FREE = {"max_iter", "verbose", "n_jobs", "warm_start"}


class OtherFitError(ModelFileError):
    """The file is a checkpoint, but of another fit than the one that was to go on from it."""


@public("cbackprop.callbacks")
class Checkpoint(Callback):
    """Save the fit after every few epochs, and at its end; resume it by running it again.

    Give it to ``fit(callbacks=[...])`` of a network or an estimator.
    The file holds the model (`cbackprop.load` reads it) and all that the fit needs to go on:
    optimizer, random state, the order of the rows, curves. It is replaced as a whole, so that a
    process killed at any moment leaves the last checkpoint.

    A fit of `TabularClassifier` or `TabularRegressor` is kept with all its members; to go on from
    the file, it needs an integer as `random_state`, as the rows held out are drawn again.

    Of processes that fit together (`comm`), each is given a Checkpoint of the same path: the first
    one writes. To go on, all must see the file, and there must be as many.

    A resumed fit ends with the very numbers of one that was not interrupted, on the same machine
    with the same libraries and number of threads.

    With solver "lbfgs" the file holds the loss and the gradient of every evaluation so far, since
    SciPy keeps its own memory to itself: they are given to it again. That are as many numbers as
    the network has parameters, for every evaluation: take a large `every` with a large network.

    Parameters
    ----------
    path : str or path-like
        The file. Its folder must be there.
    every : int, default=1
        Epochs from one checkpoint to the next.
    resume : bool, default=False
        Whether ``fit`` goes on from the file if there is one: run the same script again. The file
        must be of this very fit: of the same X, y and sample_weight (their content is compared, by
        fingerprints), the same parameters, and the same start: a network's parameters, its
        optimizer's state, and evaluation_data, too. Different may be `verbose`, `n_jobs`, and,
        unless a schedule of the learning rate depends on it, `max_iter` (or `epochs`). What a fit
        draws without a seed cannot be compared.
        A fit that had come to its end is not trained further.
    on_mismatch : {'error', 'restart'}, default='error'
        What a fit does that finds a checkpoint of another one: raise an error that names what
        differs, and leave the file; or begin anew, and replace the file. Cross-validation and
        searches fit to other rows every time: there take 'restart', or no checkpoint.

    Raises
    ------
    ValueError
        By ``fit``: if the file is of another model, other data, other parameters or another start
        (named), unless it is to restart; if it is no checkpoint.
    OSError
        By ``fit``, before the first epoch: if the file could not be written.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn.datasets import load_iris
    >>> from cbackprop import Checkpoint, MLPClassifier, load
    >>> X, y = load_iris(return_X_y=True)
    >>> folder = tempfile.TemporaryDirectory()
    >>> checkpoint = Checkpoint(os.path.join(folder.name, "iris"), every=10, resume=True)
    >>> clf = MLPClassifier((5,), tol=0.01, random_state=0).fit(X, y, callbacks=[checkpoint])
    >>> load(checkpoint.path).n_iter_ == clf.n_iter_
    True
    >>> folder.cleanup()
    """

    def __init__(
        self,
        path: atomic.PathLike,
        every: int = 1,
        *,
        resume: bool = False,
        on_mismatch: str = "error",
    ):
        self.path = os.fspath(path)
        self.every = check_integer("every", every, at_least=1)
        self.resume = bool(resume)
        self.on_mismatch = check_option("on_mismatch", on_mismatch, ("error", "restart"))
        # Epoch and end of what the file holds, of the fits that run, by their model.
        self._kept: dict[int, tuple[int, bool]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_kept": {}}

    def setup(self, estimator: Any, context: Any) -> None:
        state = state_of(estimator)
        if state.keeper is not None:
            state.keeper.check(resume=self.resume)
        else:
            if state.optimizer is None:
                state.evaluations = []
            if state.origin is None:  # another checkpoint may have been here
                state.origin = origin_of(estimator, state)
            _check_kept(estimator, state)
        if state.ranks.rank == 0:
            atomic.remove_litter(atomic.target_of(self.path))
        if self.resume and self._is_there(state):
            goes_on = False
            try:
                if state.keeper is not None:
                    state.keeper.resume(self.path)
                else:
                    resume(self.path, estimator, state)
            except OtherFitError:
                if self.on_mismatch == "error":
                    raise
            else:
                goes_on = True
                self._kept[id(estimator)] = state.epoch, state.done
            state.ranks.agree(lambda: {"whether the checkpoint is of this fit": goes_on})

    def _is_there(self, state: FitState) -> bool:
        """Whether there is a file, which all ranks must see."""
        there = state.ranks.gather(os.path.exists(self.path), "whether a Checkpoint is there")
        if len(set(there)) > 1:
            seen = ", ".join(str(rank) for rank, one in enumerate(there) if one)
            raise FileNotFoundError(
                f"a fit by several ranks goes on from a checkpoint that all see: {self.path} is "
                f"there for rank {seen}, and not for the others"
            )
        return there[0]

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        state, kept = state_of(estimator), self._kept.get(id(estimator))
        due = state.epoch % self.every == 0 if context.task_name == EPOCH else True
        if due and not state.interrupted and kept != (state.epoch, state.done):
            keeper = state.keeper
            content = content_of_fit(estimator, state) if keeper is None else keeper.content()
            if state.ranks.rank == 0:
                write(self.path, *content)
            state.ranks.gather(None, "whether a Checkpoint is written")
            self._kept[id(estimator)] = state.epoch, state.done

    def teardown(self, estimator: Any, context: Any) -> None:
        self._kept.pop(id(estimator), None)

    def __repr__(self) -> str:
        return (
            f"Checkpoint({self.path!r}, every={self.every}, resume={self.resume}, "
            f"on_mismatch={self.on_mismatch!r})"
        )


def _is_network(model: Any) -> bool:
    """A network, and not an estimator around one."""
    return not hasattr(model, "network_")


def _check_kept(model: Any, state: FitState) -> None:
    """An error for parameters that a file cannot hold, before the first epoch and not after it."""
    about, tensors = content_of(model)
    if state.optimizer is not None:
        add_optimizer(state.optimizer, about, tensors)


def content_of_fit(model: Any, state: FitState) -> Content:
    """The model's description and tensors, and those of the fit in progress."""
    about, tensors = content_of(model)
    is_network = _is_network(model)
    if is_network:
        assert state.optimizer is not None
        add_optimizer(state.optimizer, about, tensors)
    fit: dict[str, Any] = {"epoch": state.epoch, "done": state.done}
    fit["settings"], fit["origin"] = state.settings, state.origin
    fit["mask_seed"] = state.mask_seed
    whole = is_network or state.optimizer is None  # an estimator's curves say the rest
    fit["history"] = to_json(dict(state.history), "history") if whole else None
    of_rows, rows = kept_rows(state)
    fit |= of_rows
    tensors |= rows
    if state.evaluations is not None:
        assert state.start is not None
        fit["evaluations"] = len(state.evaluations)
        tensors["fit.start"] = state.start
        tensors["fit.losses"] = np.array([loss for loss, _ in state.evaluations])
        gradients = [gradient for _, gradient in state.evaluations]
        fit["trained"] = _n_trained(model)
        tensors["fit.gradients"] = np.array(gradients).reshape(len(gradients), fit["trained"])
    best, averaged = state.record.best, state.record.averaged
    fit["best"], fit["averaged"] = best is not None, len(averaged)
    if best is not None:
        tensors["fit.best"] = best
    elif state.outcome is not None:
        tensors["fit.average"] = state.outcome
    if averaged:
        tensors["fit.averaged"] = np.array(averaged)
    return {**about, "fit": fit}, tensors


def resume(path: str, model: Any, state: FitState) -> None:
    """Put a fit that begins, its model, optimizer and random state, where the file has them."""
    with reading(path) as reader:
        reader.declare(declared_tensors(reader.description))
        _check_same(reader.description, model, state)
        _resume(reader, model, state)


def _check_same(about: dict[str, Any], model: Any, state: FitState) -> None:
    if "fit" not in about:
        raise ModelFileError("a model, not a checkpoint: there is nothing to resume")
    expected, _ = content_of(model)
    if about["kind"] != expected["kind"]:
        raise other_fit([named_difference("kind", about["kind"], expected["kind"])])
    if about["fit"].get("origin") is None:
        raise OtherFitError(
            "the checkpoint is of an earlier version, which did not write down of what data it is: "
            "`cbackprop.load` reads it, and a warm start goes on from there; or begin anew, with "
            "on_mismatch='restart'"
        )
    pairs = [
        *pairs_of(compared(about.get("params", {})), compared(expected.get("params", {}))),
        ("n_rows", about["fit"]["n_rows"], sum(state.ranks.gather(state.n_rows))),
        *pairs_of(about["fit"]["settings"], state.settings),
        *pairs_of(about["network"], expected["network"]),
    ]
    differing = [named_difference(*pair) for pair in pairs if pair[1] != pair[2]]
    if about.get("labels", {}).get("classes") != expected.get("labels", {}).get("classes"):
        differing.append("other classes")
    if differing:
        raise other_fit(differing)


def _check_origin(kept: Any, state: FitState) -> None:
    """The data and the start, after all that a file could say wrong of itself."""
    assert state.origin is not None
    if differing := differences(kept, state.origin):
        raise other_fit([f"other {what}" for what in differing])


def other_fit(differing: list[str]) -> OtherFitError:
    return OtherFitError(
        f"the checkpoint is of a fit with {', '.join(differing)}: resume with the same data, "
        "parameters and start, give every fit a path of its own, or begin anew, with "
        "on_mismatch='restart'"
    )


def named_difference(name: str, kept: Any, now: Any) -> str:
    return f"{name} = {kept!r}, not {now!r}"


def compared(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters that decide where a fit goes; of random states those that are seeds."""
    compared = {name: value for name, value in params.items() if name not in FREE}
    if "random_state" in compared:
        compared["random_state"] = seed_of(compared["random_state"])
    return compared


def pairs_of(kept: dict[str, Any], now: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    return [(name, kept.get(name), now.get(name)) for name in {**kept, **now}]


def _resume(reader: Reader, model: Any, state: FitState) -> None:
    """Everything is read and checked before the fit is touched."""
    fit = reader.description["fit"]
    own = part_of_rank(reader, state)
    epoch, done, mask_seed = fit["epoch"], fit["done"], fit.get("mask_seed")
    if type(epoch) is not int or epoch < 0 or type(done) is not bool:
        raise ModelFileError(f"a fit cannot be in epoch {epoch!r}, nor done {done!r}")
    if not (mask_seed is None if state.mask_seed is None else is_count(mask_seed)):
        raise ModelFileError(f"dropout cannot be drawn by {mask_seed!r}")
    kept = model_from(reader)
    optimizer = None if state.optimizer is None else optimizer_from(reader)
    if type(optimizer) is not type(state.optimizer):
        raise ModelFileError(f"the checkpoint is of a fit by {optimizer!r}")
    if (state.rng is None) != (own["random_state"] is None):
        raise ModelFileError("the checkpoint is of a fit that shuffles, or not, other than this")
    if _is_network(model) or optimizer is None:
        history = _history(fit["history"], epoch)
    if not _is_network(model):
        fitted = description_of(model).fitted(reader)
        if fitted["n_iter_"] != epoch:
            raise ModelFileError(f"a fit in epoch {epoch} has not made {fitted['n_iter_']}")
    best = reader.tensor("fit.best") if fit["best"] else None
    averaged = tuple(reader.tensor("fit.averaged")) if fit.get("averaged") else ()
    _check_origin(fit["origin"], state)
    if state.rng is not None:
        random_state_from_json(own["random_state"], state.rng)
    if _is_network(model):
        model.parameters = kept.parameters
        state.history.update(history)
    else:
        model.network_.parameters = kept.network_.parameters
        model.__dict__.update({name: fitted[name] for name in fitted if name != "_optimizer"})
        state.history.update(history if optimizer is None else model._curves())
    if state.optimizer is None:
        _begin_again(reader, model, state)
    else:
        state.optimizer.__dict__.update(vars(optimizer))
    state.order, state.held_out = own["order"], own["held_out"]
    state.mask_seed = mask_seed
    state.record = model._record(state, epochs=epoch, done=done, best=best, averaged=averaged)


def _begin_again(reader: Reader, model: Any, state: FitState) -> None:
    """L-BFGS, from its beginning, with what it was told then."""
    state.start = model.network_.parameters = reader.tensor("fit.start")
    losses, gradients = reader.tensor("fit.losses"), reader.tensor("fit.gradients")
    if gradients.shape[1] != _n_trained(model):
        raise ModelFileError(f"expected gradients of {_n_trained(model)} parameters")
    state.evaluations = list(zip(losses.tolist(), gradients, strict=True))


def _n_trained(model: Any) -> int:
    """Parameters of an estimator that L-BFGS sees: those of layers that are not frozen."""
    network = model.network_
    trainable = check_trainable(model.trainable, len(network.plan))
    trained = trained_parameters(network.plan, trainable)
    return int(network.parameters.size if trained is None else trained.size)


def _history(kept: Any, epochs: int) -> dict[str, list]:
    """The curves of a network: an entry an epoch each."""
    history = from_json(kept)
    if (epochs > 0 and "cost" not in history) or not all(
        isinstance(name, str) and isinstance(curve, list) and len(curve) == epochs
        for name, curve in history.items()
    ):
        raise ModelFileError(f"expected curves of {epochs} epochs, got {str(history)[:60]}")
    return history
