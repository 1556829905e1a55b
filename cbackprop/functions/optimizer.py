"""What do all optimizers share: a rate, state vectors, the numbers and factors of every step?"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cbackprop.engine import run
from cbackprop.files.savable import Savable
from cbackprop.functions.groups import Groups, check_groups, factors_of
from cbackprop.functions.schedules import Schedule, check_schedule
from cbackprop.validation.checks import check_integer, check_number


def positive(name: str, value: Any) -> float:
    return check_number(name, value, 0.0, float("inf"), open_low=True, open_high=True)


FIELDS: tuple[str, ...] = run.RULE.names or ()


class Optimizer(Savable):
    """What all share: a learning rate, state vectors and the count of steps made.

    Attributes
    ----------
    learning_rate : float
        May be changed between epochs; schedules do.
    state : ndarray of shape (n_vectors, n_parameters) or None
        Velocity (momentum), first and second moments (Adam, AdamW), second moments and velocity
        (RMSprop). None before the first step.
    n_steps : int
        Parameter updates made so far.
    """

    learning_rate: float
    state: np.ndarray | None = None
    n_steps: int = 0
    clip_value: float | None = None
    clip_norm: float | None = None
    schedule: Schedule | None = None
    decay_schedule: Schedule | None = None  # AdamW's
    groups: Groups | None = None

    _last_rate: float | None = None
    _hyper_parameters: ClassVar[tuple[str, ...]] = ()

    def _set_options(self, clip_value: Any, clip_norm: Any, schedule: Any, groups: Any) -> None:
        self.clip_value, self.clip_norm = clip_value, clip_norm
        self.schedule, self.groups = schedule, groups
        self._check_options()

    def _check_options(self) -> None:
        self.schedule = check_schedule(self.schedule)
        self.decay_schedule = check_schedule(self.decay_schedule, "decay_schedule")
        self.groups = check_groups(self.groups)
        clip_value, clip_norm = self.clip_value, self.clip_norm
        if clip_value is not None and clip_norm is not None:
            raise ValueError(
                f"clip by value or by norm, not both: got {clip_value=} and {clip_norm=}"
            )
        if clip_value is not None:
            self.clip_value = positive("clip_value", clip_value)
        if clip_norm is not None:
            self.clip_norm = positive("clip_norm", clip_norm)

    @property
    def _clips(self) -> bool:
        return self.clip_value is not None or self.clip_norm is not None

    @property
    def last_rate(self) -> float:
        """The learning rate of the last step; `learning_rate`, if no schedule changes it."""
        if self.schedule is None or self._last_rate is None:
            return self.learning_rate
        return self._last_rate

    @property
    def _code(self) -> int:
        raise NotImplementedError

    @property
    def n_vectors(self) -> int:
        """State vectors that a step needs: none, a velocity, or two moments."""
        return run.STATE_VECTORS[self._code]

    def _check(self) -> None:
        """Hyper-parameters in range, also where they were set after the optimizer was made."""
        raise NotImplementedError

    def _ready(self, parameters: np.ndarray) -> np.ndarray:
        """The state vectors for these parameters: those at hand, or zeros at the first step."""
        self._check()
        self._check_options()
        check_integer("n_steps", self.n_steps, at_least=0)
        if self.state is not None and not isinstance(self.state, np.ndarray):
            raise TypeError(f"state must be an array or None, got {type(self.state).__name__}")
        shape = (self.n_vectors, parameters.size)
        if self.state is None:
            self.state = np.zeros(shape, dtype=parameters.dtype)
        elif self.state.shape != shape or self.state.dtype != parameters.dtype:
            raise ValueError(
                f"this optimizer's state has shape {self.state.shape} and dtype "
                f"{self.state.dtype}; the network needs {shape} and {parameters.dtype}"
            )
        elif not self.state.flags.writeable:  # loaded from a memory map
            self.state = self.state.copy()
        return self.state

    def _rule(self, l2: float, l2_batch: float, **regularization: float) -> np.ndarray:
        """The step as the engine's struct, with what else of a fit's regularization it takes."""
        # Schedules may have brought it down to 0.
        check_number("learning_rate", self.learning_rate, 0.0, float("inf"), open_high=True)
        values = {"l2": l2, "l2_batch": l2_batch, **regularization}
        values |= {"optimizer": self._code, "step": self.n_steps}
        values |= {"clip_value": self.clip_value or 0.0, "clip_norm": self.clip_norm or 0.0}
        for name in ("learning_rate", *self._hyper_parameters):
            values[name] = getattr(self, name)
        # All at once: this is made for every slice, and field by field takes five times as long.
        return np.array(tuple([values.get(name, 0) for name in FIELDS]), dtype=run.RULE)

    @property
    def is_scheduled(self) -> bool:
        """Whether its steps have numbers of their own."""
        return self.schedule is not None or self.decay_schedule is not None

    def _numbers(
        self, first: int, last: int, total: int | None, of_dropout: Schedule | None = None
    ) -> NDArray[np.float64] | None:
        """Rate, decay and factor of dropout of these steps of a fit; None without a schedule."""
        if not self.is_scheduled and of_dropout is None:
            return None
        numbers = np.ones((last - first, 3))
        schedules = self.schedule, self.decay_schedule, of_dropout
        for column, schedule in enumerate(schedules):
            if schedule is not None:
                numbers[:, column] = schedule.factors(first, last, total)
        numbers[:, 0] *= self.learning_rate
        numbers[:, 1] *= self._decay
        if self.schedule is not None:
            self._last_rate = float(numbers[-1, 0])
        return numbers

    @property
    def _decay(self) -> float:
        return 0.0

    def _factors(
        self, n_layers: int, kinds: int = 2, n_before: int = 0
    ) -> NDArray[np.float64] | None:
        """The groups' factors as the engine takes them."""
        return factors_of(self.groups, n_layers, kinds, n_before)

    def __repr__(self) -> str:
        names = ["learning_rate", *self._hyper_parameters]
        optional = "clip_value", "clip_norm", "schedule", "decay_schedule", "groups"
        names += [name for name in optional if getattr(self, name) is not None]
        arguments = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__name__}({arguments})"
