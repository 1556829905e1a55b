"""A network's layers as a table: text in a terminal, HTML in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cbackprop.network import Network

HEADINGS = ("layer", "weights", "biases", "activation", "parameters", "bytes")


class Summary:
    """Layers, shapes, parameters and bytes of a network, as they are at this moment."""

    def __init__(self, network: Network):
        itemsize = network.dtype.itemsize
        hidden = [network.activation] * (len(network.weights) - 1)
        self.rows: list[tuple[str, ...]] = []
        for index, (weights, biases, activation) in enumerate(
            zip(network.weights, network.biases, [*hidden, network.output_activation], strict=True)
        ):
            size = weights.size + biases.size
            shapes = str(weights.shape), str(biases.shape)
            sizes = f"{size:,}", f"{size * itemsize:,}"
            self.rows.append((str(index + 1), *shapes, activation, *sizes))
        size = network.parameters.size
        self.rows.append(("total", "", "", "", f"{size:,}", f"{size * itemsize:,}"))

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
        def line(cells: tuple[str, ...], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in cells) + "</tr>"

        body = "".join(line(row, "td") for row in self.rows)
        return f"<table><thead>{line(HEADINGS, 'th')}</thead><tbody>{body}</tbody></table>"
