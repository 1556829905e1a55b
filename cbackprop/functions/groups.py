"""Factors of the rate, the decay and epsilon, for each layer's weights, biases, activation."""

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


@public("cbackprop.optimizers")
class LayerGroups(NamedTuple):
    """The groups of a layer with a parametric activation: its weights, its biases and that.

    Parameters
    ----------
    weights, biases, activation : Group, default=Group()
        Factors for each kind of parameter. A layer without a parametric activation does not look at
        the last.

    Examples
    --------
    Activation weights that learn a tenth as fast:

    >>> from cbackprop.optimizers import AdamW, Group, LayerGroups
    >>> adamw = AdamW(groups=[LayerGroups(activation=Group(rate=0.1)), Group()])
    """

    weights: Group = Group()
    biases: Group = Group()
    activation: Group = Group()


Groups = tuple[tuple[Group, Group] | LayerGroups, ...]  # of each layer


def check_groups(groups: Sequence[Any] | None) -> Groups | None:
    """Groups with factors in range, a pair or LayerGroups for each layer.

    Parameters
    ----------
    groups : sequence or None
        For each layer a Group, or two: of its weights and of its biases, with which a parametric
        activation goes. Or LayerGroups, where that has its own.
    """
    if groups is None:
        return None
    if isinstance(groups, Group | str) or not isinstance(groups, Sequence):
        raise TypeError(
            "groups must be a list with an entry for each layer, a Group or a pair of them, of "
            f"weights and of biases; got {groups!r}"
        )
    return tuple(_pair(entry, layer) for layer, entry in enumerate(groups))


def _pair(entry: Any, layer: int) -> tuple[Group, Group] | LayerGroups:
    some = (entry, entry) if isinstance(entry, Group) else entry
    is_some = isinstance(some, Sequence) and (len(some) == 2 or isinstance(some, LayerGroups))
    if not (is_some and all(isinstance(group, Group) for group in some)):
        raise TypeError(
            f"groups[{layer}] must be a Group or a pair of them, of the layer's weights and of its "
            f"biases, or LayerGroups, where a parametric activation has its own; got {entry!r}"
        )
    checked = [_checked(group, f"groups[{layer}]") for group in some]
    return LayerGroups(*checked) if len(checked) == 3 else (checked[0], checked[1])


def _checked(group: Group, where: str) -> Group:
    inf = float("inf")
    return Group(
        check_number(f"{where}: rate", group.rate, 0.0, inf, open_high=True),
        check_number(f"{where}: decay", group.decay, 0.0, inf, open_high=True),
        check_number(f"{where}: epsilon", group.epsilon, 0.0, inf, open_low=True, open_high=True),
    )


def n_kinds(plan: NDArray) -> int:
    """Kinds of parameters that groups tell apart: 2, or with parametric activations 3."""
    ends = plan["biases"][:-1] + plan["n_out"][:-1]
    return 3 if (ends < plan["weights"][1:]).any() else 2


def factors_of(
    groups: Groups | None, n_layers: int, kinds: int = 2, n_before: int = 0
) -> NDArray[np.float64] | None:
    """The factors (n_layers + n_before, kinds, 3) as the engine takes them; None without groups.

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
    for layer, some in enumerate(groups):
        if len(some) > kinds:
            raise ValueError(
                f"groups[{layer}] are LayerGroups, the last for a parametric activation, and this "
                "network has none: give a pair, or make it with parametric_activation=True"
            )
    each = [(*some, some[-1])[:kinds] for some in groups]
    return np.array(each, dtype=np.float64)
