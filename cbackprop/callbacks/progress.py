"""Progress: a line that shows how far a fit is, in a terminal or a notebook."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, TextIO

from cbackprop.callbacks.protocol import EPOCH, Callback, state_of
from cbackprop.engine import run
from cbackprop.training.history import History
from cbackprop.training.record import FitState
from cbackprop.validation.naming import public

BAR = 20
# Seconds between two showings of a line that is drawn over, and of one that is printed anew.
REDRAWN, PRINTED = 0.1, 5.0
CLEAR = "\r\x1b[K"
DRAWN = re.compile(r" \[[= ]*\]")


@public("cbackprop.callbacks")
class Progress(Callback):
    """Show epoch, loss, score, learning rate and the time left, while a fit runs.

    Give it to ``fit(callbacks=[Progress()])`` of a network or an estimator. The score is the one
    of the rows held out, if there are any. A fit that has stopped before its last epoch says why,
    and which epoch was the best. In a search every line begins with the candidate and the fold,
    and where one `Progress` follows several fits, with the number of the fit and the estimator.
    Of processes that fit together (`comm`) the first one shows.

    Nothing but the standard library is needed. The line is drawn here, and not by tqdm or rich,
    as most of it would have to be written all the same: what is said of a fit, the lines where
    nobody draws over them (logs, one every few seconds), the numbers that stay where a terminal
    is too narrow for the bar, one output in a notebook without ipywidgets, and the end of the
    line after Ctrl-C.

    Parameters
    ----------
    show : bool, optional
        None: in terminals and notebooks, nothing elsewhere. True: also elsewhere, where it prints
        a new line every few seconds. False: nothing.
    file : text stream, optional
        Where to write; standard error if not given.

    Examples
    --------
    >>> import io
    >>> import numpy as np
    >>> from cbackprop import Network, Progress
    >>> out = io.StringIO()
    >>> progress = Progress(show=True, file=out)
    >>> history = Network([2, 1]).fit(np.eye(2), np.ones(2), epochs=3, callbacks=[progress])
    >>> out.getvalue().splitlines()[-1][:33]
    'epoch 3/3 [====================] '
    """

    def __init__(self, show: bool | None = None, file: TextIO | None = None):
        if show is not None and not isinstance(show, bool):
            raise TypeError(f"show must be True, False or None, got {show!r}")
        self.show, self.file = show, file
        self._lines: dict[int, _Line] = {}  # of the fits that run, by their model
        self._fits = 0

    def __getstate__(self) -> dict[str, Any]:
        return {"show": self.show, "file": None, "_lines": {}, "_fits": 0}

    def setup(self, estimator: Any, context: Any) -> None:
        write = None if state_of(estimator).ranks.rank else self._writer()
        self._fits += 1
        if write is not None:
            label = label_of(estimator, self._fits)
            self._lines[id(estimator)] = _Line(*write, state_of(estimator).epoch, label)

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        line = self._lines.get(id(estimator))
        if line is not None and context.task_name == EPOCH:
            line.show(state_of(estimator), estimator)
        elif line is not None:
            line.tell_stop(state_of(estimator))

    def teardown(self, estimator: Any, context: Any) -> None:
        line = self._lines.pop(id(estimator), None)
        if line is not None:
            line.end()

    def _writer(self) -> tuple[Callable[[str, bool], None], float] | None:
        """What shows a text, the last one or not, and how often it may; None for silence."""
        if self.show is False:
            return None
        if self.file is None and in_notebook():
            return _Notebook(), REDRAWN
        file = sys.stderr if self.file is None else self.file
        if file is not None and file.isatty():
            return _Terminal(file), REDRAWN
        if self.show:
            return _Lines(file), PRINTED
        return None


@dataclass
class _Line:
    """What is shown of one fit, and when it was last."""

    write: Callable[[str, bool], None]
    pause: float
    first: int  # epochs that were there before, where a fit is resumed
    label: str = ""
    why: str = ""  # the fit stops, if it does so by itself
    began: float = field(default_factory=perf_counter)
    shown: float = -1e9
    text: str = ""

    def show(self, state: FitState, estimator: Any) -> None:
        now = perf_counter()
        self.text = self.label + describe(state, now - self.began, state.epoch - self.first)
        if state.whose:
            self.why = state.record.why
        else:
            self.why = why_stopped(estimator) if state.done else ""
        if now - self.shown >= self.pause:
            self.shown = now
            self.write(self.text, False)

    def tell_stop(self, state: FitState) -> None:
        """Behind the bar, where a fit has ended before its last epoch."""
        if not self.text or state.epoch >= state.max_epochs:
            return
        if state.interrupted:
            why = "by an interrupt"
        elif state.done:
            why = self.why or "by a callback"
        else:
            why = "by the solver"
        seconds = perf_counter() - self.began
        text = describe(state, seconds, 0)  # no epochs, no time left
        head, apart, rest = text.partition("]  ")
        stopped = f"stopped: {why}, best epoch {best_epoch(state)}  "
        self.text = f"{self.label}{head}{apart}{stopped}{rest}"

    def end(self) -> None:
        if self.text:
            self.write(self.text, True)


def describe(state: FitState, seconds: float, epochs: int) -> str:
    """The line: `epochs` were trained in `seconds`."""
    total, done = state.max_epochs, state.epoch
    filled = BAR * done // max(total, 1)
    whose = f"{state.whose}  " * bool(state.whose)
    parts = [f"{whose}epoch {done}/{total} [{'=' * filled}{' ' * (BAR - filled)}]"]
    for key, name in (("cost", "loss"), ("evaluation_cost", "held-out loss")):
        if state.history.get(key):
            parts.append(f"{name} {state.history[key][-1]:.4g}")
    for key in ("evaluation_score", "evaluation_accuracy", "accuracy"):
        if state.history.get(key):
            parts.append(f"score {state.history[key][-1]:.4f}")
            break
    record = state.record
    if state.whose and record.best_score is not None:
        parts.append(f"best {record.best_score:.4f} in epoch {record.best_epoch}")
    if state.optimizer is not None:
        parts.append(f"rate {state.optimizer.last_rate:.3g}")
    if done < total and epochs and not state.done:
        parts.append(f"{clock(seconds / epochs * (total - done))} left")
    else:
        parts.append(f"{clock(seconds)}")
    return "  ".join(parts)


def why_stopped(estimator: Any) -> str:
    """Why a fit stops by itself."""
    network = getattr(estimator, "network_", estimator)
    if not run.all_finite(network.parameters):
        return "parameters no longer finite"
    epochs = getattr(estimator, "n_iter_no_change", None)
    what = "score" if getattr(estimator, "early_stopping", False) else "loss"
    return f"{what} no better for {epochs} epochs" if epochs else ""


def best_epoch(state: FitState) -> int:
    """That of the best score of rows held out, else of the least loss; of this fit alone."""
    if state.whose and state.record.best_epoch is not None:
        return state.record.best_epoch
    for name in (*(key for key in state.history if key.startswith("evaluation_")), "cost"):
        curve = state.history[name][-state.epoch :]
        with suppress(ValueError):
            return History({name: curve}).best_epoch(name)
    return state.epoch


def label_of(estimator: Any, n_fits: int) -> str:
    """What tells this line from others: in a search candidate and fold, else the number of fits.

    A search tells its estimators nothing of it, but the function that it calls for each fit knows.
    """
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_name != "_fit_and_score":
        frame = frame.f_back
    known = frame.f_locals
    if frame.f_code.co_name == "_fit_and_score" and known.get("split_progress"):
        (fold, folds), (candidate, candidates) = (
            known["split_progress"],
            known["candidate_progress"],
        )
        settings = ", ".join(f"{name}={value}" for name, value in known["parameters"].items())
        return f"candidate {candidate + 1}/{candidates} ({settings})  fold {fold + 1}/{folds}  "
    if n_fits > 1 or frame.f_code.co_name == "_fit_and_score":
        return f"fit {n_fits} {' '.join(repr(estimator).split())}  "
    return ""


def clock(seconds: float) -> str:
    """Hours, minutes and seconds.

    Examples
    --------
    >>> from cbackprop.callbacks.progress import clock
    >>> clock(7.2), clock(75), clock(3723)
    ('0:07', '1:15', '1:02:03')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class _Terminal:
    """One line, drawn over."""

    def __init__(self, file: TextIO):
        self.file = file

    def __call__(self, text: str, last: bool) -> None:
        # A line as wide as the terminal would wrap.
        room = shutil.get_terminal_size().columns - 1
        if len(text) > room:
            text = DRAWN.sub("", text)  # the numbers say more than the bar
        # After Ctrl-C, ^C stands there: drawn over.
        self.file.write(f"{CLEAR}{text[:room]}" + "\n" * last)
        self.file.flush()


class _Lines:
    """A new line every time."""

    def __init__(self, file: TextIO | None):
        self.file, self.printed = file, ""

    def __call__(self, text: str, last: bool) -> None:
        if text != self.printed:
            print(text, file=self.file, flush=True)
        self.printed = text


class _Notebook:
    """One output, updated in place."""

    def __init__(self) -> None:
        from IPython.display import DisplayHandle

        self.handle: Any = DisplayHandle()
        self.displayed = False

    def __call__(self, text: str, last: bool) -> None:
        shown = self.handle.update if self.displayed else self.handle.display
        shown({"text/plain": text}, raw=True)
        self.displayed = True


def in_notebook() -> bool:
    """Whether this runs in Jupyter's kernel; imports nothing to find out."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None
