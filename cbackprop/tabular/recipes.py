"""How are the networks for a table made and trained, beyond what parameters say?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from cbackprop.functions.groups import Group, LayerGroups
from cbackprop.functions.optimizers import AdamW
from cbackprop.functions.realmlp import CosineLog, FlatCosine
from cbackprop.functions.schedules import Schedule
from cbackprop.network.embeddings import Category
from cbackprop.network.network import Network

# Factors of the learning rate, and their squares of the decay.
EMBEDDING_RATE = 0.1
ACTIVATION_RATE = 0.1
SCALING_RATE = 6.0


class OfTask(NamedTuple):
    """What differs between classes and numbers."""

    classes: Any
    numbers: Any


@dataclass(frozen=True)
class Recipe:
    """A published way, or ours.

    Parameters
    ----------
    activation, learning_rate : OfTask
    parametric : bool
        Whether activations have weights.
    scaling : bool
        Whether each number that the first layer gets has a factor.
    most_one_hot : int or None
        Values of a column that gets a column of 0 and 1 for each; of more there is an embedding.
    from_data : bool
        Whether first parameters are made to suit the rows; else they are drawn, and the last
        layer's are 0 where `last_is_zero`.
    flat_cosine : bool
        Whether dropout and decay end as the rates do; else they stay.
    drop_last : bool
        Whether a last mini-batch that would be smaller is left out.
    clips : bool
        Whether numbers are predicted within the range of the targets trained on.
    decays_as_published : bool
        Whether weights decay as W of ``z = x W / sqrt(n_in)`` would; else by ``1 / sqrt(n_in)``
        of that.
    """

    activation: OfTask
    learning_rate: OfTask
    parametric: bool = False
    scaling: bool = False
    most_one_hot: int | None = 8
    from_data: bool = False
    last_is_zero: bool = False
    flat_cosine: bool = False
    drop_last: bool = False
    clips: bool = True
    decays_as_published: bool = False

    @property
    def fade(self) -> Schedule | None:
        """How dropout and decay end."""
        return FlatCosine() if self.flat_cosine else None

    def optimizer_for(
        self, network: Network, *, learning_rate: float, weight_decay: float
    ) -> AdamW:
        """AdamW by which these parameters train as if z were x W / sqrt(n_in)."""
        groups: list[Any] = []
        for layer, width in enumerate(network.plan["n_in"].tolist()):
            root = math.sqrt(width)
            decay = root if self.decays_as_published else 1.0
            pair = Group(1.0 / root, decay, epsilon=root), Group(0.1, decay=0.0)
            hidden = layer + 1 < len(network.plan)
            if network.parametric_activation and hidden:
                groups.append(LayerGroups(*pair, _squared(ACTIVATION_RATE)))
            else:
                groups.append(pair)
        if network.front is not None:  # what stands before the layers
            slow = _squared(EMBEDDING_RATE)
            for embedding in network.front.embeddings:
                is_slow = embedding is not None and not isinstance(embedding, Category)
                groups.append(slow if is_slow else Group())
            if network.front.scaling:
                groups.append(_squared(SCALING_RATE))
        return AdamW(
            learning_rate,
            beta_2=0.95,
            weight_decay=weight_decay,
            groups=groups,
            schedule=CosineLog(4),
            decay_schedule=self.fade,
        )


def _squared(rate: float) -> Group:
    """A factor of the learning rate, and its square of the decay: a Group's is times its rate."""
    return Group(rate, decay=rate)


RECIPES = {
    "default": Recipe(OfTask("mish", "mish"), OfTask(0.04, 0.1), parametric=True, flat_cosine=True),
    "realmlp_td": Recipe(
        OfTask("selu", "mish"),
        OfTask(0.04, 0.2),
        parametric=True,
        scaling=True,
        from_data=True,
        flat_cosine=True,
        drop_last=True,
        decays_as_published=True,
    ),
    "realmlp_td_s": Recipe(
        OfTask("selu", "mish"),
        OfTask(0.04, 0.07),
        scaling=True,
        most_one_hot=None,
        last_is_zero=True,
        drop_last=True,
        clips=False,
    ),
}

_PUBLISHED: dict[str, Any] = {
    "n_members": 1,
    "hidden_layer_sizes": (256, 256, 256),
    "max_epochs": 256,
    "batch_size": 256,
}
realmlp_td: dict[str, Any] = {"recipe": "realmlp_td", "embedding": "periodic", **_PUBLISHED}
realmlp_td_s: dict[str, Any] = {
    "recipe": "realmlp_td_s",
    "embedding": None,
    "dropout": 0.0,
    "weight_decay": 0.0,
    **_PUBLISHED,
}
