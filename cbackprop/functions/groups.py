"""Factors of the rate, of the decay and of epsilon, for each layer's weights and for its biases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cbackprop.validation.checks import check_number
from cbackprop.validation.naming import public


@public("cbackprop.optimizers")
class Group(NamedTuple):
    """What an optimizer does to some parameters, as factors of what it does to the others.

    Parameters
    ----------
    rate : float, default=1.0
        Of the learning rate, at least 0: parameters of rate 0 stay as they are.
    decay : float, default=1.0
        Of AdamW's weight_decay, at least 0: with 0 they are spared.
    epsilon : float, default=1.0
        Of epsilon, > 0.

    Examples
    --------
    Weights that decay and biases that do not, in both layers; the first learns half as fast:

    >>> from cbackprop.optimizers import AdamW, Group
    >>> slow, spared = Group(rate=0.5), Group(decay=0.0)
    >>> adamw = AdamW(groups=[(slow, Group(rate=0.5, decay=0.0)), (Group(), spared)])
    """

    rate: float = 1.0
    decay: float = 1.0
    epsilon: float = 1.0


Groups = tuple[tuple[Group, Group], ...]  # of each layer's weights and biases


def check_groups(groups: Sequence[Any] | None) -> Groups | None:
    """Groups with factors in range, a pair for each layer.

    Parameters
    ----------
    groups : sequence or None
        For each layer a Group, or two: of its weights and of its biases.
    """
    if groups is None:
        return None
    if isinstance(groups, Group | str) or not isinstance(groups, Sequence):
        raise TypeError(
            "groups must be a list with an entry for each layer, a Group or a pair of them, of "
            f"weights and of biases; got {groups!r}"
        )
    return tuple(_pair(entry, layer) for layer, entry in enumerate(groups))


def _pair(entry: Any, layer: int) -> tuple[Group, Group]:
    pair = (entry, entry) if isinstance(entry, Group) else entry
    is_pair = isinstance(pair, Sequence) and len(pair) == 2
    if not (is_pair and all(isinstance(group, Group) for group in pair)):
        raise TypeError(
            f"groups[{layer}] must be a Group or a pair of them, of the layer's weights and of its "
            f"biases; got {entry!r}"
        )
    weights, biases = (_checked(group, f"groups[{layer}]") for group in pair)
    return weights, biases


def _checked(group: Group, where: str) -> Group:
    inf = float("inf")
    return Group(
        check_number(f"{where}: rate", group.rate, 0.0, inf, open_high=True),
        check_number(f"{where}: decay", group.decay, 0.0, inf, open_high=True),
        check_number(f"{where}: epsilon", group.epsilon, 0.0, inf, open_low=True, open_high=True),
    )


def factors_of(
    groups: Groups | None, n_layers: int, n_before: int = 0
) -> NDArray[np.float64] | None:
    """The factors (n_layers + n_before, 2, 3) as the engine takes them; None without groups.

    What stands before the layers, `n_before` embeddings and scalings, has entries of its own, after
    the layers'; they may be left out.
    """
    if groups is None:
        return None
    if len(groups) == n_layers and n_before:
        groups = (*groups, *[(Group(), Group())] * n_before)
    if len(groups) != n_layers + n_before:
        more = f", or {n_layers + n_before} with those before them" if n_before else ""
        raise ValueError(
            f"groups must have an entry for each of the network's {n_layers} layers{more}, got "
            f"{len(groups)}"
        )
    return np.array(groups, dtype=np.float64)
