"""Checkpoint: keep a fit in a file while it runs, and go on from there if it was cut short."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop import atomic
from cbackprop.callbacks import EPOCH, Callback, FitState, state_of
from cbackprop.checks import check_integer
from cbackprop.container import ModelFileError, Reader, reading, write
from cbackprop.network import Network
from cbackprop.registry import (
    Content,
    add_optimizer,
    content_of,
    declared_tensors,
    description_of,
    model_from,
    optimizer_from,
)
from cbackprop.values import from_json, random_state_from_json, random_state_to_json, to_json

# Parameters that a resumed fit may have otherwise.
FREE = {"max_iter", "verbose", "n_jobs", "random_state", "warm_start"}


class Checkpoint(Callback):
    """Save the fit after every few epochs, and at its end; resume it by running it again.

    Give it to ``fit(callbacks=[...])`` of a network or an estimator.
    The file holds the model (`cbackprop.load` reads it) and all that the fit needs to go on:
    optimizer, random state, the order of the rows, curves. It is replaced as a whole, so that a
    process killed at any moment leaves the last checkpoint.

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
        Whether ``fit`` goes on from the file if there is one: run the same script again. Data
        and parameters must be the same, except `max_iter` (or `epochs`), `verbose` and `n_jobs`.
        A fit that had come to its end is not trained further: every fit needs a path of its own,
        one of a warm start, too.

    Raises
    ------
    ValueError
        By ``fit``: if the file is of another model, other data or other parameters (named).
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

    def __init__(self, path: atomic.PathLike, every: int = 1, *, resume: bool = False):
        self.path = os.fspath(path)
        self.every = check_integer("every", every, at_least=1)
        self.resume = bool(resume)
        self._kept: tuple[int, bool] | None = None

    def setup(self, estimator: Any, context: Any) -> None:
        state = state_of(estimator)
        if state.optimizer is None:
            state.evaluations = []
        atomic.remove_litter(atomic.target_of(self.path))
        self._kept = None
        if self.resume and os.path.exists(self.path):
            resume(self.path, estimator, state)
            self._kept = state.epoch, state.done

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        state = state_of(estimator)
        due = state.epoch % self.every == 0 if context.task_name == EPOCH else True
        if due and not state.interrupted and self._kept != (state.epoch, state.done):
            write(self.path, *content_of_fit(estimator, state))
            self._kept = state.epoch, state.done

    def __repr__(self) -> str:
        return f"Checkpoint({self.path!r}, every={self.every}, resume={self.resume})"


def content_of_fit(model: Any, state: FitState) -> Content:
    """The model's description and tensors, and those of the fit in progress."""
    about, tensors = content_of(model)
    is_network = isinstance(model, Network)
    if is_network:
        assert state.optimizer is not None
        add_optimizer(state.optimizer, about, tensors)
    fit: dict[str, Any] = {"epoch": state.epoch, "done": state.done, "n_rows": state.n_rows}
    fit["settings"] = state.settings
    whole = is_network or state.optimizer is None  # an estimator's curves say the rest
    fit["history"] = to_json(dict(state.history), "history") if whole else None
    fit["random_state"] = None
    if state.rng is not None:
        fit["random_state"] = random_state_to_json(state.rng, "random_state")
    index = np.int32 if state.n_rows < 2**31 else np.int64
    for name, rows in (("order", state.order), ("held_out", state.held_out)):
        fit[name] = None if rows is None else int(rows.size)
        if rows is not None:
            tensors[f"fit.{name}"] = rows.astype(index)
    if state.evaluations is not None:
        assert state.start is not None
        fit["evaluations"] = len(state.evaluations)
        tensors["fit.start"] = state.start
        tensors["fit.losses"] = np.array([loss for loss, _ in state.evaluations])
        gradients = [gradient for _, gradient in state.evaluations]
        tensors["fit.gradients"] = np.array(gradients).reshape(len(gradients), -1)
    fit["best"] = state.best is not None
    if state.best is not None:
        tensors["fit.best"] = state.best
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
    settings = {"n_rows": state.n_rows, **state.settings}
    pairs = [
        ("kind", about["kind"], expected["kind"]),
        *_pairs(about.get("params", {}), expected.get("params", {})),
        *_pairs({"n_rows": about["fit"]["n_rows"], **about["fit"]["settings"]}, settings),
        *_pairs(about["network"], expected["network"]),
    ]
    for name, kept, now in pairs:
        if kept != now and name not in FREE:
            raise ModelFileError(
                f"the checkpoint is of a fit with {name} = {kept!r}, not {now!r}: resume with the "
                "same data and parameters, or remove it to begin anew"
            )
    if about.get("labels", {}).get("classes") != expected.get("labels", {}).get("classes"):
        raise ModelFileError("the checkpoint is of a fit with other classes")


def _pairs(kept: dict[str, Any], now: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    return [(name, kept.get(name), now.get(name)) for name in {**kept, **now}]


def _resume(reader: Reader, model: Any, state: FitState) -> None:
    """Everything is read and checked before the fit is touched."""
    fit = reader.description["fit"]
    rows = {name: _rows(reader, name, state) for name in ("order", "held_out")}
    epoch, done = fit["epoch"], fit["done"]
    if type(epoch) is not int or epoch < 0 or type(done) is not bool:
        raise ModelFileError(f"a fit cannot be in epoch {epoch!r}, nor done {done!r}")
    kept = model_from(reader)
    optimizer = None if state.optimizer is None else optimizer_from(reader)
    if type(optimizer) is not type(state.optimizer):
        raise ModelFileError(f"the checkpoint is of a fit by {optimizer!r}")
    if (state.rng is None) != (fit["random_state"] is None):
        raise ModelFileError("the checkpoint is of a fit that shuffles, or not, other than this")
    if isinstance(model, Network) or optimizer is None:
        history = _history(fit["history"], epoch)
    if not isinstance(model, Network):
        fitted = description_of(model).fitted(reader)
        if fitted["n_iter_"] != epoch:
            raise ModelFileError(f"a fit in epoch {epoch} has not made {fitted['n_iter_']}")
    best = reader.tensor("fit.best") if fit["best"] else None
    if state.rng is not None:
        random_state_from_json(fit["random_state"], state.rng)
    if isinstance(model, Network):
        model.parameters = kept.parameters
        state.history.update(history)
    else:
        model.network_.parameters = kept.network_.parameters
        model.__dict__.update({name: fitted[name] for name in fitted if name != "_optimizer"})
        state.history.update(history if optimizer is None else model._history())
    if state.optimizer is None:
        _begin_again(reader, model, state)
    else:
        state.optimizer.__dict__.update(vars(optimizer))
    state.order, state.held_out, state.best = rows["order"], rows["held_out"], best
    state.epoch, state.done = epoch, done


def _begin_again(reader: Reader, model: Any, state: FitState) -> None:
    """L-BFGS, from its beginning, with what it was told then."""
    state.start = model.network_.parameters = reader.tensor("fit.start")
    losses, gradients = reader.tensor("fit.losses"), reader.tensor("fit.gradients")
    state.evaluations = list(zip(losses.tolist(), gradients, strict=True))


def _rows(reader: Reader, name: str, state: FitState) -> NDArray[np.intp] | None:
    """The rows trained on or held out: as many as in the fit that begins."""
    size, now = reader.description["fit"][name], getattr(state, name)
    if size != (None if now is None else now.size):
        raise ModelFileError(f"{name}: expected {now if now is None else now.size}, got {size}")
    if size is None:
        return None
    rows = reader.tensor(f"fit.{name}").astype(np.intp)
    if rows.size and not 0 <= rows.min() <= rows.max() < state.n_rows:
        raise ModelFileError(f"{name} holds rows that there are not")
    return rows


def _history(kept: Any, epochs: int) -> dict[str, list]:
    """The curves of a network: an entry an epoch each."""
    history = from_json(kept)
    if (epochs > 0 and "cost" not in history) or not all(
        isinstance(name, str) and isinstance(curve, list) and len(curve) == epochs
        for name, curve in history.items()
    ):
        raise ModelFileError(f"expected curves of {epochs} epochs, got {str(history)[:60]}")
    return history
