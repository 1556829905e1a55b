"""A network's layers as a table: text in a terminal, HTML in a notebook."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import NDArray

from cbackprop.network.embeddings import Front
from cbackprop.training.tables import table

HEADINGS = ("layer", "weights", "biases", "activation", "parameters", "bytes")


class Summary:
    """Layers, shapes, parameters and bytes of a network, as they are at this moment."""

    def __init__(
        self,
        plan: NDArray,
        activations: Sequence[str],
        itemsize: int,
        front: Front | None = None,
    ):
        self.rows: list[tuple[str, ...]] = []
        starts = plan["weights"].tolist()
        starts.append(int(plan["biases"][-1]) + int(plan["n_out"][-1]))
        total = 0
        if front is not None:
            total = front.n_parameters
            shape = f"{len(front.embeddings)} to {front.width}"
            sizes = f"{total:,}", f"{total * itemsize:,}"
            self.rows.append(("0", shape, "", _kinds(front), *sizes))
        for index, layer in enumerate(plan):
            n_in, n_out = int(layer["n_in"]), int(layer["n_out"])
            size = starts[index + 1] - starts[index]
            total += size
            shapes = str((n_in, n_out)), str((n_out,))
            sizes = f"{size:,}", f"{size * itemsize:,}"
            parametric = "parametric " if size > (n_in + 1) * n_out else ""
            self.rows.append((str(index + 1), *shapes, parametric + activations[index], *sizes))
        self.rows.append(("total", "", "", "", f"{total:,}", f"{total * itemsize:,}"))

    def __str__(self) -> str:
        table = [HEADINGS, *self.rows]
        widths = [max(len(row[i]) for row in table) for i in range(len(HEADINGS))]
        right = (0, 4, 5)
        lines = (
            "  ".join(
                cell.rjust(width) if i in right else cell.ljust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in table
        )
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return table(HEADINGS, self.rows)


def _kinds(front: Front) -> str:
    """What embeddings there are: '8 piecewise, 2 as they are, scaled'."""
    counts: dict[str, int] = {}
    for embedding in front.embeddings:
        kind = "as they are" if embedding is None else embedding.kind
        counts[kind] = counts.get(kind, 0) + 1
    said = [f"{n} {kind}" for kind, n in counts.items()]
    return ", ".join([*said, *(["scaled"] if front.scaling else [])])
