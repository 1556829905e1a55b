"""Who listens to a fit, and what is told: scikit-learn's callback protocol, also without it."""

from __future__ import annotations

import inspect
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import lru_cache, wraps
from threading import get_ident
from types import FrameType
from typing import TYPE_CHECKING, Any

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing: callbacks are given to ``fit`` only."""


if TYPE_CHECKING:
    from cbackprop.training.history import History
    from cbackprop.training.record import FitState

HOOKS = ("setup", "on_fit_task_begin", "on_fit_task_end", "teardown")
EPOCH = "epoch"


def state_of(model: Any) -> FitState:
    """The fit in progress of an estimator or a network."""
    state = vars(model).get("_fit_state")
    if state is None:
        raise TypeError(
            f"this callback belongs on an estimator or a network of cbackprop, got one on a "
            f"{type(model).__name__}"
        )
    return state


def check_idle(model: Any) -> None:
    """An error if this thread is fitting the model already, which leaves that fit as it is.

    Another thread's fit is none of a callback's doing: see "Threads" in docs/promises.md.
    """
    state = vars(model).get("_fit_state")
    if state is None or state.thread != get_ident():
        return
    # An interrupt may end a fit between any two lines, those that take the state away among them.
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_locals.get("state") is not state:
        frame = frame.f_back
    if frame is None:
        vars(model).pop("_fit_state", None)
        return
    name = type(model).__name__
    another = "network.copy()" if hasattr(model, "layer_sizes") else "sklearn.base.clone(it)"
    raise RuntimeError(
        f"this {name} is being fitted: a callback of its fit has called its fit or partial_fit "
        f"again, after epoch {state.epoch}. Train another one there "
        f"({another}); to end the fit in progress, let the callback return True"
    )


def not_within_itself(method: Callable) -> Callable:
    """A method that fits an estimator: see `check_idle`.

    Outside of scikit-learn's decorator, which at its end tells the outer fit's callbacks so.
    """

    @wraps(method)
    def checked(self: Any, *arguments: Any, **options: Any) -> Any:
        check_idle(self)
        return method(self, *arguments, **options)

    return checked


class Callback:
    """A callback that does nothing yet: override what you need.

    The four hooks are scikit-learn's `FitCallback` protocol. `estimator` is the estimator or the
    network that is fitted. A task is a whole fit, or one of its epochs: then
    ``context.task_name == "epoch"``. `on_fit_task_end` may return True to stop.

    Examples
    --------
    >>> import numpy as np
    >>> from cbackprop import Network
    >>> from cbackprop.callbacks.protocol import Callback
    >>> class Count(Callback):
    ...     epochs = 0
    ...     def on_fit_task_end(self, estimator, context):
    ...         self.epochs += context.task_name == "epoch"
    ...         return self.epochs == 3
    >>> count = Count()
    >>> history = Network([2, 1]).fit(np.eye(2), np.ones(2), epochs=9, callbacks=[count])
    >>> count.epochs
    3
    """

    def setup(self, estimator: Any, context: Any) -> None:
        """Called once, before a fit begins.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor or Network
            What is fitted.
        context : Context
            The task: a fit or an epoch.
        """

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Called when a fit or an epoch begins.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor or Network
            What is fitted.
        context : Context
            The task: a fit or an epoch.
        """

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool | None:
        """Called when a fit or an epoch has ended; True stops after this epoch.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor or Network
            What is fitted.
        context : Context
            The task: a fit or an epoch.

        Returns
        -------
        bool or None
            True to stop.
        """

    def teardown(self, estimator: Any, context: Any) -> None:
        """Called once, however the fit ended.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor or Network
            What is fitted.
        context : Context
            The task: a fit or an epoch.
        """


class _Function(Callback):
    """A plain function of the model and its history, called after every epoch."""

    def __init__(self, function: Callable[[Any, History], object]):
        self.function = function

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        if context.task_name != EPOCH:
            return False
        return bool(self.function(estimator, state_of(estimator).history))


def check_callbacks(callbacks: Any) -> list:
    """Callbacks, plain functions among them, as objects with the four hooks."""
    if callbacks is None:
        return []
    if not isinstance(callbacks, Sequence) or isinstance(callbacks, str):
        raise TypeError(f"callbacks must be a list of callbacks, got {callbacks!r}")
    checked = []
    for callback in callbacks:
        if not isinstance(callback, type) and all(hasattr(callback, hook) for hook in HOOKS):
            checked.append(callback)
        elif callable(callback) and not isinstance(callback, type):
            checked.append(_Function(callback))
        else:
            raise TypeError(
                "each callback must be a function of the model and its history, or an object with "
                f"the methods {', '.join(HOOKS)}; got {callback!r}"
            )
    return checked


class Context:
    """A fit, or one of its epochs, as callbacks are told of it.

    The attributes are those of scikit-learn's `CallbackContext`: ``task_name`` ("fit" or "epoch"),
    ``task_id`` (the epoch's number, from 0), ``max_subtasks`` (of a fit: its epochs at most),
    ``parent``, ``estimator_name``, ``root_uuid`` and ``init_time``. Of a fit by several processes
    (`comm`) besides ``rank`` and ``n_ranks``: who this one is, from 0, of how many.
    """

    rank, n_ranks = 0, 1

    sequential_subtasks = True
    source_estimator_name = source_task_name = None

    def __init__(
        self,
        estimator_name: str,
        callbacks: list,
        *,
        task_name: str = "fit",
        task_id: int = 0,
        max_subtasks: int | None = 0,
        parent: Context | None = None,
    ):
        self.estimator_name, self.callbacks = estimator_name, callbacks
        self.task_name, self.task_id, self.max_subtasks = task_name, task_id, max_subtasks
        self.parent = parent
        self.root_uuid: uuid.UUID = uuid.uuid4() if parent is None else parent.root_uuid
        if parent is not None:
            self.rank, self.n_ranks = parent.rank, parent.n_ranks
        self.init_time = datetime.now(UTC)
        self._subtasks = 0

    def subcontext(self, task_name: str = "", *, max_subtasks: int | None = 0) -> Context:
        """The next subtask."""
        self._subtasks += 1
        return Context(
            self.estimator_name,
            self.callbacks,
            task_name=task_name,
            task_id=self._subtasks - 1,
            max_subtasks=max_subtasks,
            parent=self,
        )

    def call_on_fit_task_begin(self, *, estimator: Any, **arguments: Any) -> Context:
        self._call("on_fit_task_begin", estimator, arguments)
        return self

    def call_on_fit_task_end(self, *, estimator: Any, **arguments: Any) -> bool:
        """Whether any callback asks to stop; each is called, also after one that does."""
        return self._call("on_fit_task_end", estimator, arguments)

    def _call(self, hook: str, estimator: Any, arguments: dict[str, Any]) -> bool:
        stop = False
        for callback in self.callbacks:
            method = getattr(callback, hook)
            names = _keywords(getattr(method, "__func__", method))
            wanted = {name: _value(name, estimator, arguments) for name in names}
            stop |= bool(method(estimator, self, **wanted))
        return stop


@lru_cache(maxsize=256)
def _keywords(method: Callable) -> tuple[str, ...]:
    parameters = inspect.signature(method).parameters.values()
    return tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)


def _value(name: str, estimator: Any, arguments: dict[str, Any]) -> Any:
    """An argument of a hook, made only where a hook asks for it."""
    if name == "fitted_estimator":
        attributes = arguments.get("reconstruction_attributes")
        return None if attributes is None else fitted_copy(estimator, attributes())
    return arguments.get(name)


def fitted_copy(estimator: Any, attributes: dict[str, Any]) -> Any:
    """The estimator with other attributes, and without the fit in progress."""
    other = object.__new__(type(estimator))
    other.__dict__.update(without_fit(vars(estimator)), **attributes)
    return other


def without_fit(attributes: dict[str, Any]) -> dict[str, Any]:
    """What of a model goes into its copies and pickles: all but the fit in progress."""
    return {name: value for name, value in attributes.items() if name != "_fit_state"}


class Listeners:
    """The callbacks of one fit, told of its epochs: those given to it, and scikit-learn's."""

    def __init__(self, roots: list, arguments: dict[str, Any]):
        self._roots, self._arguments = roots, arguments
        self._epochs: list = []

    def epoch_begins(self) -> None:
        self._epochs = [root.subcontext(task_name=EPOCH) for root in self._roots]
        for epoch in self._epochs:
            epoch.call_on_fit_task_begin(**self._arguments)

    def epoch_ended(self) -> bool:
        """Whether a callback asks to stop."""
        return any([epoch.call_on_fit_task_end(**self._arguments) for epoch in self._epochs])


@contextmanager
def listening(
    model: Any, state: FitState, callbacks: list, **arguments: Any
) -> Iterator[Listeners]:
    """Tell callbacks that a fit begins, give it someone to tell of its epochs, tell of its end.

    Parameters
    ----------
    model : estimator or Network
    state : FitState
        The fit, which callbacks find through `state_of` in the meantime.
    callbacks : list
        Those given to this fit. Those set with scikit-learn's `set_callbacks` are told, too.
    **arguments
        X, y, metadata, and a function for reconstruction_attributes: see scikit-learn's
        `CallbackContext.call_on_fit_task_end`.
    """
    fitted = [model, *(vars(model)[name] for name in ["network_"] if name in vars(model))]
    arguments["estimator"] = model
    own = Context(type(model).__name__, callbacks, max_subtasks=state.max_epochs)
    own.rank, own.n_ranks = state.ranks.rank, state.ranks.size
    roots: list = [own]
    ready = []
    try:  # from here on an interrupt leaves no fit behind
        for one in fitted:
            one._fit_state = state
        for callback in callbacks:
            ready.append(callback)
            callback.setup(model, own)
        if hasattr(model, "_init_callback_context"):
            # scikit-learn's decorator of fit calls the teardown of these.
            roots.append(model._init_callback_context(max_subtasks=state.max_epochs))
        for root in roots:
            root.call_on_fit_task_begin(**arguments)
        # Epochs are told of only where somebody listens.
        heard = [own] * bool(callbacks) + roots[1:] * ("_skl_callbacks" in vars(model))
        yield Listeners(heard, arguments)
        for root in roots:
            root.call_on_fit_task_end(**arguments)
    finally:
        with ExitStack() as ended:  # calls all, the last one first, whichever of them fails
            for one in fitted:
                ended.callback(vars(one).pop, "_fit_state", None)
            for callback in reversed(ready):
                ended.callback(callback.teardown, model, own)


@contextmanager
def not_listening(model: Any, state: FitState, **arguments: Any) -> Iterator[Listeners]:
    """Nobody is told, as `partial_fit` has it."""
    yield Listeners([], arguments)
