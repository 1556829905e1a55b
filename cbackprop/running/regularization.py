"""What keeps a network from learning its rows by heart: penalties, dropout, a bound of weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cbackprop.validation.checks import check_number


@dataclass(frozen=True)
class Regularization:
    """Made at the top of a fit, and passed down whole; as it is by default, all is off.

    Attributes
    ----------
    l2, l2_batch : float
        Rows of total weight m add ``(l2 + l2_batch / m) / 2 |W|^2`` to the cost: the book's
        lambda / n, and scikit-learn's alpha.
    l1, l1_batch : float
        Likewise ``(l1 + l1_batch / m) |W|_1``.
    dropout : tuple of float
        The share of each hidden layer's units that a step leaves out; empty for none of any.
    dropout_schedule : Schedule or None
        Factors of these shares, step by step.
    max_norm : float or None
        After a step, a unit's incoming weights are shortened to this length.
    """

    l2: float = 0.0
    l2_batch: float = 0.0
    l1: float = 0.0
    l1_batch: float = 0.0
    dropout: tuple[float, ...] = ()
    max_norm: float | None = None
    dropout_schedule: Any = None  # classes of schedules stand above

    @property
    def penalties(self) -> dict[str, float]:
        """What is added to the cost."""
        names = "l2", "l2_batch", "l1", "l1_batch"
        return {name: getattr(self, name) for name in names}

    @property
    def of_rule(self) -> dict[str, float]:
        """What an optimizer's rule holds of it."""
        return {**self.penalties, "max_norm": self.max_norm or 0.0}

    @property
    def has_l1(self) -> bool:
        return self.l1 != 0.0 or self.l1_batch != 0.0

    def for_task(self, seed: int | None) -> dict[str, Any]:
        """What a task of the engine is told of it; `seed` draws what dropout leaves out."""
        if not self.dropout:
            return {}
        assert seed is not None
        return {"dropout": np.array(self.dropout), "seed": seed}


NONE = Regularization()


def check_dropout(dropout: Any, n_hidden: int) -> tuple[float, ...]:
    """The hidden layers' rates, of a number for all or of one for each; empty if all are 0.

    Raises
    ------
    TypeError, ValueError
        If it is neither, or a rate is not in [0, 1).
    """
    if dropout is None:
        return ()
    many = hasattr(dropout, "__len__") and not isinstance(dropout, str | bytes)
    many = many and getattr(dropout, "ndim", 1) > 0
    if many and len(dropout) != n_hidden:
        raise ValueError(
            "dropout must be a number, or a list of one for each hidden layer, and there are "
            f"{n_hidden}: got {dropout!r}"
        )
    given = list(dropout) if many else [dropout]
    names = [f"dropout[{i}]" for i in range(n_hidden)] if many else ["dropout"]
    rates = [
        check_number(name, rate, 0.0, 1.0, open_high=True)
        for name, rate in zip(names, given, strict=True)
    ]
    if not any(rates):
        return ()
    return tuple(rates if many else rates * n_hidden)


def draw_seed(rng: np.random.RandomState) -> int:
    """The seed of what dropout leaves out."""
    return int(rng.randint(2**62, dtype=np.int64))
