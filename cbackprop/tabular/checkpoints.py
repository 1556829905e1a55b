"""How does a fit of several members stand in a checkpoint, and how does it go on from there?"""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop.files.container import ModelFileError, Reader, reading
from cbackprop.files.registry import Content, content_of, declared_tensors, is_count
from cbackprop.files.values import from_json, random_state_from_json, random_state_to_json, to_json
from cbackprop.tabular.members import Member, shared
from cbackprop.training.origin import fingerprint

if TYPE_CHECKING:
    from cbackprop.training.record import FitState


class MembersKeeper:
    """What `Checkpoint` asks of a fit of TabularClassifier or TabularRegressor."""

    def __init__(self, estimator: Any, members: list[Member], state: FitState):
        self.estimator, self.members, self.state = estimator, members, state
        self.origin: dict[str, str | None] = {}

    def check(self, *, resume: bool) -> None:
        seed = self.estimator.random_state
        if resume and not isinstance(seed, Integral):
            raise ValueError(
                "a fit that can be resumed draws the same rows to hold out again: random_state "
                f"must be an integer, got {seed!r}"
            )
        content_of(self.estimator)
        if not self.origin:
            rows = self.members[0].rows
            starts = [member.network.parameters for member in self.members]
            parts = [part for one in self.members for part in (one.rows.train, one.rows.held_out)]
            self.origin = {
                "X": fingerprint(rows.X),
                "y": fingerprint(rows.y),
                "sample_weight": fingerprint(rows.sample_weight),
                "rows held out": fingerprint(*parts),
                "parameters at its start": fingerprint(*starts),
            }

    def content(self) -> Content:
        shared(self.members, self.state.ranks, [], whole=True)
        about, tensors = content_of(self.estimator)
        state, record = self.state, self.state.record
        about["tabular"]["fit"] = {
            "epoch": state.epoch,
            "done": state.done,
            "why": record.why,
            "best_epoch": record.best_epoch,
            "best_score": to_json(record.best_score, "best_score"),
            "samples": record.samples,
            "history": to_json(dict(state.history), "history"),
            "settings": self._settings(),
            "origin": self.origin,
            "rows": [member.order.size for member in self.members],
            "n_states": int(self.members[0].optimizer.n_vectors),
            "n_steps": [member.optimizer.n_steps for member in self.members],
            "random_states": [random_state_to_json(m.rng, "random_state") for m in self.members],
        }
        # A model that is loaded is the one that the fit would end with now.
        tensors["fit.members"] = np.array([m.network.parameters for m in self.members])
        if record.best is not None:
            tensors["members"] = record.best
        tensors["fit.optimizers"] = np.array([m.optimizer.state for m in self.members])
        orders = np.concatenate([member.order for member in self.members])
        tensors["fit.orders"] = orders.astype(np.int64)
        return about, tensors

    def resume(self, path: str) -> None:
        with reading(path) as reader:
            reader.declare(declared_tensors(reader.description))
            self._check_same(reader.description)
            self._resume(reader, reader.description["tabular"]["fit"])

    def _settings(self) -> dict[str, Any]:
        """What of the members' settings is not said by the estimator's parameters alone."""
        settings = vars(self.members[0].settings)
        return {name: v for name, v in settings.items() if isinstance(v, str | int | float)}

    def _check_same(self, about: dict[str, Any]) -> None:
        from cbackprop.callbacks.checkpoint import (
            compared,
            named_difference,
            other_fit,
            pairs_of,
        )

        expected, _ = content_of(self.estimator)
        if about["kind"] != expected["kind"]:
            raise other_fit([named_difference("kind", about["kind"], expected["kind"])])
        if "fit" not in about["tabular"]:
            raise ModelFileError("a model, not a checkpoint: there is nothing to resume")
        fit = about["tabular"]["fit"]
        pairs = [
            *pairs_of(compared(about["params"]), compared(expected["params"])),
            *pairs_of(fit["settings"], self._settings()),
        ]
        differing = [named_difference(*pair) for pair in pairs if pair[1] != pair[2]]
        if about["tabular"].get("classes") != expected["tabular"].get("classes"):
            differing.append("other classes")
        if not differing:
            kept = fit["origin"]
            differing = [
                f"other {what}" for what in self.origin if kept.get(what) != self.origin[what]
            ]
        if differing:
            raise other_fit(differing)

    def _resume(self, reader: Reader, fit: dict[str, Any]) -> None:
        """Everything is read and checked before the fit is touched."""
        state, members = self.state, self.members
        epoch, done, best_epoch = fit["epoch"], fit["done"], fit["best_epoch"]
        orders = reader.tensor("fit.orders").astype(np.intp)
        sizes = [member.order.size for member in members]
        parts = np.split(orders, np.cumsum(sizes)[:-1])
        history = from_json(fit["history"])
        _check(fit, history, sizes, state.max_epochs)
        if not all(
            np.array_equal(np.sort(part), np.sort(member.order))
            for part, member in zip(parts, members, strict=True)
        ):
            raise ModelFileError("the orders of rows are not of those that are trained on")
        generators = [random_state_from_json(one) for one in fit["random_states"]]
        vectors, optimizers = reader.tensor("fit.members"), reader.tensor("fit.optimizers")
        best = np.array(reader.tensor("members")) if best_epoch is not None else None
        for i, member in enumerate(members):
            member.network.parameters = vectors[i]
            member.optimizer.state = np.array(optimizers[i])
            member.optimizer.n_steps = fit["n_steps"][i]
            member.rng, member.order, member.epoch = generators[i], parts[i], epoch
        state.history.update(history)
        state.record = state.note(
            epochs=epoch,
            samples=fit["samples"],
            loss=history["cost"][-1] if epoch else None,
            best_score=from_json(fit["best_score"]),
            best_epoch=best_epoch,
            best=best,
            done=done,
            why=fit["why"],
        )


def _check(fit: dict[str, Any], history: Any, sizes: list[int], most: int) -> None:
    """ModelFileError for what cannot be."""
    n = len(sizes)
    epoch, best_epoch = fit["epoch"], fit["best_epoch"]
    if not is_count(epoch) or not 1 <= epoch <= most or type(fit["done"]) is not bool:
        raise ModelFileError(f"a fit cannot be in epoch {epoch!r}, nor done {fit['done']!r}")
    if best_epoch is not None and not (is_count(best_epoch) and 1 <= best_epoch <= epoch):
        raise ModelFileError(f"the best of {epoch} epochs cannot be {best_epoch!r}")
    if fit["rows"] != sizes or len(fit["random_states"]) != n or len(fit["n_steps"]) != n:
        raise ModelFileError(f"expected {n} members of {sizes} rows, got {fit['rows']}")
    if not all(map(is_count, [*fit["n_steps"], fit["samples"]])) or type(fit["why"]) is not str:
        raise ModelFileError("the books of a fit are not numbers")
    if (
        not isinstance(history, dict)
        or "cost" not in history
        or not all(isinstance(curve, list) and len(curve) == epoch for curve in history.values())
    ):
        raise ModelFileError(f"expected curves of {epoch} epochs, got {str(history)[:60]}")
