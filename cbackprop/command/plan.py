"""From how many rows on does another machine pay? `cbackprop plan`"""

from __future__ import annotations

from collections.abc import Sequence

from cbackprop.running.machines import LINKS, efficiency, n_parameters, rows_for

GOOD = 0.9
NODES = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)


def plan(
    layer_sizes: Sequence[int],
    batch_size: int,
    nodes: Sequence[int],
    gigaflops: float,
    sync_every: int,
) -> int:
    """Print the efficiency that is to be expected, by nodes and links."""
    parameters = n_parameters(layer_sizes)
    links = list(LINKS.values())
    settings = {"gigaflops": gigaflops, "sync_every": sync_every}
    sizes = "-".join(map(str, layer_sizes))
    print(f"{sizes}, {parameters:,} parameters, mini-batches of {batch_size:,} rows of all nodes,")
    every = "every step" if sync_every == 1 else f"every {sync_every} steps"
    print(f"nodes of {gigaflops:,.0f} Gflop/s in float32 that come together {every}.")
    print("Efficiency: the speed, by that of one node times their number.\n")
    print("nodes   rows a node" + "".join(f"{name:>12}" for name in LINKS))
    for n in nodes:
        shares = [efficiency(n, parameters, batch_size, link, **settings) for link in links]
        row = "".join(f"{100 * share:>10.0f} %" for share in shares)
        print(f"{n:>5}{-(-batch_size // n):>14,}{row}")
    print(f"\nRows of a mini-batch, of all nodes, for {GOOD:.0%} on that many:")
    for n in nodes:
        found = [rows_for(GOOD, n, parameters, link, **settings) for link in links]
        row = "".join(f"{'-' if rows is None else f'{rows:,}':>12}" for rows in found)
        print(f"{n:>5}{'':>14}{row}")
    print(
        "\nAn estimate: compute grows with the rows of a node, traffic with the parameters.\n"
        "Larger mini-batches need more epochs, or a larger rate: see LargeBatch."
    )
    return 0
