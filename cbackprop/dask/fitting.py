"""How is an estimator fitted by ranks beside a cluster's workers, and what if one is lost?"""

from __future__ import annotations

import time
import uuid
from typing import Any

import cloudpickle
from distributed import get_client

from cbackprop.dask import beside
from cbackprop.dask.data import Futures, partitions, places
from cbackprop.running.ranks import error_named


def fit_beside_workers(
    estimator: Any, data: tuple[Any, Any, Any], client: Any, *, most: int | None, options: dict
) -> Any:
    """The fitted estimator.

    Parameters
    ----------
    estimator : MLPClassifier, or another that takes `comm`
    data : (X, y, sample_weight) of Dask, the last perhaps None
    client : distributed.Client or None
    most : int or None
        None: each worker that has rows fits these. A number: all rows go to so many workers at
        most, which divide the members of the model.
    options : dict
        Arguments of `fit`.

    Raises
    ------
    RuntimeError
        If a worker is lost, or the ranks cannot be started.
    """
    client = get_client() if client is None else client
    futures = partitions(client, *data)
    if most is None:
        rows = places(client, futures)
    else:
        rows = {worker: futures for worker in sorted(client.nthreads())[:most]}
    return _Fit(client, rows, estimator, options).result()


class _Fit:
    """One fit: a rank beside each of these workers."""

    def __init__(self, client: Any, rows: dict[str, Futures], estimator: Any, options: dict):
        self.client, self.workers, self.name = client, list(rows), uuid.uuid4().hex
        self.folders: dict[str, str] = {}
        job = cloudpickle.dumps({"estimator": estimator, "options": options})
        waiting = {w: self._on(w, beside.prepare, parts, job) for w, parts in rows.items()}
        self.folders = dict(zip(waiting, self._results(list(waiting.values())), strict=True))

    def _on(self, worker: str, function: Any, *arguments: Any) -> Any:
        return self.client.submit(
            function, *arguments, workers=[worker], allow_other_workers=False, pure=False, retries=0
        )

    def _results(self, futures: Futures) -> list[Any]:
        """Theirs; an error as soon as one fails, or a worker is lost, which Dask waits for."""
        while any(not future.done() for future in futures):
            lost = sorted(set(self.workers) - set(self.client.nthreads()))
            if lost:
                raise self._lost(lost)
            time.sleep(beside.PAUSE)
        return [future.result() for future in futures]

    def _lost(self, workers: list[str]) -> RuntimeError:
        return RuntimeError(
            f"the worker {', '.join(workers)} was lost while it fitted its rows, and the fit with "
            "it: no other can take its place. Fit again; a Checkpoint(..., resume=True) among "
            "the callbacks, in a folder that all workers see, then goes on from the last epoch, "
            "if as many workers have the same rows"
        )

    def result(self) -> Any:
        first = self.workers[0]
        try:
            n, folder = len(self.workers), self.folders[first]
            (commands,) = self._results(
                [self._on(first, beside.start, self.name, n, first, folder)]
            )
            ranks = [
                self._on(worker, beside.run, command, self.folders[worker])
                for worker, command in zip(self.workers, commands, strict=True)
            ]
            errors = self._results(ranks)
            code, model, said = self._results(
                [self._on(first, beside.finish, self.name, self.folders[first])]
            )[0]
        except BaseException:
            self._submit_if_there(first, beside.give_up, self.name)
            raise
        finally:
            for worker, folder in self.folders.items():
                self._submit_if_there(worker, beside.remove, folder)
        there = [(w, error) for w, error in zip(self.workers, errors, strict=True) if error]
        if there:
            raise _own(there)
        if code or model is None:
            raise RuntimeError(f"the ranks beside the workers ended with {code}: {said[-2000:]}")
        return cloudpickle.loads(model)

    def _submit_if_there(self, worker: str, function: Any, *arguments: Any) -> None:
        """A last task, that nobody waits for."""
        if worker in self.client.nthreads():
            from distributed import fire_and_forget

            fire_and_forget(self._on(worker, function, *arguments))


def _own(errors: list[tuple[str, tuple[str, str]]]) -> BaseException:
    """The error of the rank that failed by itself; the others' say that it was another's."""
    own = [one for one in errors if not one[1][1].startswith("on rank ")]
    worker, (kind, message) = (own or errors)[0]
    error = error_named(kind, message)
    error.add_note(f"This was raised beside the worker {worker}.")
    return error
