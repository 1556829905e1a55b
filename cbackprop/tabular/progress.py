"""What is shown of a fit of several members, with verbose=True?"""

from __future__ import annotations

import sys
from time import perf_counter
from typing import Any

from cbackprop.callbacks.progress import Progress, clock, in_notebook
from cbackprop.callbacks.protocol import EPOCH, Callback, state_of
from cbackprop.running.ranks import Alone


def shown(verbose: Any, ranks: Alone) -> list[Callback]:
    """The callback that shows a fit: by a line drawn over where there can be one."""
    if not verbose or ranks.rank:
        return []
    if in_notebook():
        return [Progress(show=True)]
    file = sys.stdout
    if file is not None and file.isatty():
        return [Progress(show=True, file=file)]
    return [Lines()]


class Lines(Callback):
    """A line on standard output for every epoch."""

    def setup(self, estimator: Any, context: Any) -> None:
        self.began, self.first = perf_counter(), state_of(estimator).epoch

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        if context.task_name != EPOCH:
            return
        state = state_of(estimator)
        epoch, most, record = state.epoch, state.max_epochs, state.record
        scores = state.history.get("evaluation_score")
        if scores:
            said = f"validation score {scores[-1]:.5g}"
            if record.best_score is not None:
                said += f", best {record.best_score:.5g} in epoch {record.best_epoch}"
        else:
            said = f"loss {state.history['cost'][-1]:.5g}"
        seconds = (perf_counter() - self.began) / (epoch - self.first) * (most - epoch)
        print(f"epoch {epoch}/{most}: {said}, {state.whose}, {clock(seconds)} left", flush=True)
