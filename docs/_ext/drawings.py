"""What do the pages' drawings show? Numbers of a network, drawn by matplotlib; none is written."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, Rectangle

from cbackprop import SGD, Network
from cbackprop.command.experiment import REACH, Experiment, Settings


class Theme(NamedTuple):
    """The colours of ink, of what stands back, of what matters, and of numbers from - to +."""

    ink: str
    faint: str
    accent: str
    numbers: str


THEMES = {
    "light": Theme("#22262b", "#68727d", "#c2410c", "RdBu_r"),
    "dark": Theme("#e6e8ea", "#9aa3ad", "#fb923c", "RdBu_r"),
}


def example():
    """A network of 3-4-2 logistic units and one example: x, y, and all that backprop tells."""
    net = Network(
        [3, 4, 2],
        activation="logistic",
        output_activation="logistic",
        loss="squared_error",
        init="scaled_normal",
        random_state=3,
    )
    return net, np.array([[0.9, 0.1, 0.6]]), np.array([[1.0, 0.0]])


def batch():
    """The same network and five examples."""
    net, _, _ = example()
    rng = np.random.default_rng(0)
    return net, rng.uniform(-1, 1, (5, 3)), np.eye(2)[[0, 1, 1, 0, 1]]


def _colour(theme, number, most):
    return colormaps[theme.numbers](0.5 + 0.45 * np.clip(number / most, -1, 1))


def _on(theme, number, most):
    """Ink that can be read on this number's colour."""
    r, g, b, _ = _colour(theme, number, most)
    return "#111" if 0.3 * r + 0.6 * g + 0.1 * b > 0.5 else "#fff"


# One example: circles, with arrows for what flows.

RADIUS = 0.3


def _places(sizes):
    """Where the units of each layer stand: x to the right, y upwards."""
    return [
        [(2.9 * layer, 1.0 * ((n - 1) / 2 - i)) for i in range(n)] for layer, n in enumerate(sizes)
    ]


def _units(ax, theme, places, values):
    most = max(1e-12, max(np.abs(v).max() for v in values if v is not None))
    for layer, numbers in zip(places, values, strict=True):
        for i, (x, y) in enumerate(layer):
            number = None if numbers is None else numbers[i]
            fill = "none" if number is None else _colour(theme, number, most)
            ax.add_patch(Circle((x, y), RADIUS, facecolor=fill, edgecolor=theme.faint, zorder=3))
            if number is not None:
                text = f"{number:.{2 if abs(number) >= 0.1 else 3}f}".replace("0.", ".", 1)
                ink = _on(theme, number, most)
                ax.text(x, y, text, ha="center", va="center", color=ink, fontsize=9.5, zorder=4)


def _arrow(ax, start, end, colour, width=1.0, head=True):
    a, b = np.array(start), np.array(end)
    way = (b - a) / np.linalg.norm(b - a)
    style = "-|>,head_length=3,head_width=1.6" if head else "-"
    ax.add_patch(
        FancyArrowPatch(
            a + RADIUS * way, b - RADIUS * way, arrowstyle=style, shrinkA=0, shrinkB=1, lw=width,
            color=colour, zorder=2,
        )
    )  # fmt: skip


def _panel(ax, theme, title, formulas):
    ax.set(xlim=(-0.9, 7.0), ylim=(-2.1, 3.05), aspect="equal")
    ax.axis("off")
    ax.text(-0.8, 2.72, title, color=theme.ink, fontsize=14, fontweight="bold", va="center")
    for x, y, text, colour in formulas:
        ax.text(x, y, text, color=colour, fontsize=12.5, ha="center", va="center")


def one_example(theme):
    """Forward, backward and gradient of one example."""
    net, x, y = example()
    inside = net.backprop(x, y)
    A, D = [a[0] for a in inside.activations], [d[0] for d in inside.deltas]
    places = _places(net.layer_sizes)
    figure = Figure(figsize=(6.2, 12.2), layout="constrained")
    forward, backward, gradient = figure.subplots(3)

    _panel(forward, theme, "Forward: what each unit answers", [
        (0, 2.15, "$a^0 = x$", theme.ink),
        (2.9, 2.15, r"$a^1 = \sigma(w^1 a^0 + b^1)$", theme.ink),
        (5.8, 2.15, r"$a^2 = \sigma(w^2 a^1 + b^2)$", theme.ink),
    ])  # fmt: skip
    _units(forward, theme, places, A)
    for l_, (before, after) in enumerate(pairwise(places)):
        for k, start in enumerate(before):
            for j, end in enumerate(after):
                w = net.weights[l_][k, j]
                _arrow(forward, start, end, theme.faint, 0.4 + 1.4 * min(1, abs(w)))

    _panel(backward, theme, "Backward: how much each unit is to blame", [
        (5.6, 2.15, r"BP1: $\delta^2 = (a^2 - y) \odot \sigma'(z^2)$", theme.ink),
        (1.3, 2.15, r"BP2: $\delta^1_j = \sigma'(z^1_j) \sum_k w^2_{kj} \delta^2_k$", theme.accent),
    ])  # fmt: skip
    _units(backward, theme, places, [None, *D])
    for j, end in enumerate(places[1]):
        for start in places[2]:
            _arrow(backward, start, end, theme.accent if j == 1 else theme.faint, 2 - (j != 1))

    _panel(gradient, theme, "Gradient: how the cost changes with each weight", [
        (1.3, 2.15, r"BP4: $\partial C / \partial w^1_{jk} = a^0_k\, \delta^1_j$", theme.accent),
        (5.6, 2.15, r"BP3: $\partial C / \partial b^2 = \delta^2$", theme.ink),
        (2.9, -1.95, "blue: below 0, red: above; the wider, the steeper", theme.faint),
    ])  # fmt: skip
    slopes = [np.outer(a, d) for a, d in zip(A[:-1], D, strict=True)]
    most = max(np.abs(slope).max() for slope in slopes)
    for slope, before, after in zip(slopes, places[:-1], places[1:], strict=True):
        for k, start in enumerate(before):
            for j, end in enumerate(after):
                size = abs(slope[k, j]) / most
                colour = _colour(theme, np.sign(slope[k, j]) * (0.5 + size / 2), 1)
                _arrow(gradient, start, end, colour, 0.5 + 3 * size, head=False)
    _arrow(gradient, places[0][0], places[1][1], theme.accent, 2)
    _units(gradient, theme, places, [A[0], *D])
    return figure


# A mini-batch: matrices, a row an example.


def _matrix(ax, theme, x, M, name, *, row=None, column=None):
    """A matrix from x on, middle at 0; the right edge."""
    rows, columns = M.shape
    most = max(1e-12, np.abs(M).max())
    top = rows / 2
    for i in range(rows):
        for j in range(columns):
            ax.add_patch(
                Rectangle((x + j, top - i - 1), 1, 1, color=_colour(theme, M[i, j], most), lw=0)
            )
    ax.add_patch(Rectangle((x, -top), columns, rows, fill=False, edgecolor=theme.faint))
    if row is not None:
        ax.add_patch(
            Rectangle((x, top - row - 1), columns, 1, fill=False, ec=theme.accent, lw=2, zorder=5)
        )
    if column is not None:
        ax.add_patch(
            Rectangle((x + column, -top), 1, rows, fill=False, ec=theme.accent, lw=2, zorder=5)
        )
    ax.text(x + columns / 2, top + 0.8, name, color=theme.ink, fontsize=13, ha="center")
    size = f"{rows} x {columns}"
    ax.text(x + columns / 2, -top - 0.85, size, color=theme.faint, fontsize=10, ha="center")
    return x + columns


def _sign(ax, theme, x, text):
    ax.text(x + 0.75, 0, text, color=theme.ink, fontsize=15, ha="center", va="center")
    return x + 1.5


def mini_batch(theme):
    """The same three as matrices."""
    net, X, Y = batch()
    inside = net.backprop(X, Y)
    (W1, W2), (A0, A1, _), (D1, D2) = net.weights, inside.activations, inside.deltas
    m = len(X)
    figure = Figure(figsize=(6.2, 8.6), layout="constrained")
    forward, backward, gradient = figure.subplots(3)
    titles = (
        (forward, r"Forward:  $A^1 = \sigma(A^0 W^1 + b^1)$"),
        (backward, r"Backward, BP2:  $D^1 = (D^2 W^{2T}) \odot \sigma'(Z^1)$"),
        (gradient, r"Gradient, BP4:  $\nabla_{W^1} = A^{0T} D^1 / m$"),
    )
    for ax, title in titles:
        ax.set(xlim=(-0.5, 20), ylim=(-4.0, 4.6), aspect="equal")
        ax.axis("off")
        ax.set_title(title, color=theme.ink, fontsize=13.5, loc="left")
    Z1 = A0 @ W1 + net.biases[0]
    x = _matrix(forward, theme, 0, A0, "$A^0$", row=1)
    x = _matrix(forward, theme, _sign(forward, theme, x, r"$\cdot$"), W1, "$W^1$")
    x = _matrix(forward, theme, _sign(forward, theme, x, "+"), net.biases[0][np.newaxis], "$b^1$")
    _matrix(forward, theme, _sign(forward, theme, x, r"$\to$"), Z1, "$Z^1$", row=1)
    x = _matrix(backward, theme, 0, D2, "$D^2$", row=1)
    x = _matrix(backward, theme, _sign(backward, theme, x, r"$\cdot$"), W2.T, "$W^{2T}$")
    slopes = A1 * (1 - A1)
    x = _sign(backward, theme, x, r"$\odot$")
    x = _matrix(backward, theme, x, slopes, r"$\sigma'(Z^1)$", row=1)
    _matrix(backward, theme, _sign(backward, theme, x, "="), D1, "$D^1$", row=1)
    x = _matrix(gradient, theme, 0, A0.T, "$A^{0T}$", column=1)
    x = _matrix(gradient, theme, _sign(gradient, theme, x, r"$\cdot$"), D1, "$D^1$", row=1)
    x = _sign(gradient, theme, x + 0.4, r"$/\, m =$") + 0.4
    _matrix(gradient, theme, x, A0.T @ D1 / m, r"$\nabla_{W^1}$")
    return figure


# The playground.


def descents(theme):
    """Batch, mini-batch and stochastic descent after 15 epochs, as the playground has them."""
    colours = ("#2563b0", "#c2410c", "#2e8b57") if theme is THEMES["light"] else (
        "#6ea8f0", "#fb923c", "#5fd39b")  # fmt: skip
    experiment = Experiment(Settings(compare="mini-batches", batch=20))
    for _ in range(15):
        experiment.step(1, "epochs")
    seen = experiment.seen()
    figure = Figure(figsize=(6.6, 4.6), layout="constrained")
    grid = figure.add_gridspec(2, 3)
    losses = figure.add_subplot(grid[1, :])
    x, y, label = np.array(seen["points"]).T
    for place, (run, colour) in enumerate(zip(seen["runs"], colours, strict=True)):
        ax = figure.add_subplot(grid[0, place])
        edges = (-REACH, REACH, -REACH, REACH)
        plane = np.array(run["plane"])
        ax.imshow(plane, cmap="coolwarm", vmin=0, vmax=255, extent=edges, alpha=0.6)
        ax.scatter(x, y, 6, label, cmap="coolwarm", edgecolors="white", linewidths=0.4)
        ax.set(xticks=[], yticks=[])
        ax.set_title(run["name"], color=theme.ink, fontsize=9.5)
        curve = [(now["epoch"], now["loss"]) for now in run["curve"]]
        losses.plot(*np.transpose(curve), color=colour, label=run["name"])
    losses.set(xlabel="epoch", ylabel="loss")
    losses.legend(frameon=False, labelcolor=theme.ink, ncols=3, loc="lower center",
                  bbox_to_anchor=(0.5, 1.0), fontsize=9)  # fmt: skip
    _framed(losses, theme)
    return figure


def _framed(ax, theme):
    """Axes of a curve, in the theme's colours."""
    for part in (ax.xaxis.label, ax.yaxis.label):
        part.set_color(theme.ink)
    ax.tick_params(colors=theme.ink)
    ax.patch.set_alpha(0)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(theme.faint)
    ax.grid(alpha=0.3)


# The home page.


def digits(theme):
    """Handwritten digits that a network was not trained on, and how it came to know them."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    X = X / 16
    net = Network([64, 30, 10], output_activation="softmax", loss="log_loss", random_state=0)
    history = net.fit(
        X[:1500], y[:1500], optimizer=SGD(0.1), epochs=20, evaluation_data=(X[1500:], y[1500:]),
        random_state=0,
    )  # fmt: skip
    shown = range(1500, 1510)
    p = net.predict(X[shown])
    figure = Figure(figsize=(6.6, 4.4), layout="constrained")
    grid = figure.add_gridspec(3, 5, height_ratios=[1, 1, 1.9])
    for place, (row, sure) in enumerate(zip(shown, p, strict=True)):
        ax = figure.add_subplot(grid[place // 5, place % 5])
        ax.imshow(X[row].reshape(8, 8), cmap="gray_r")
        ax.set(xticks=[], yticks=[])
        right = sure.argmax() == y[row]
        ink = theme.ink if right else theme.accent
        ax.set_title(f"{sure.argmax()}, {sure.max():.0%}", fontsize=10, color=ink)
    ax = figure.add_subplot(grid[2, :])
    accuracy = 100 * np.array(history["evaluation_accuracy"])
    ax.plot(range(1, 21), accuracy, color=theme.accent, marker="o", markersize=3)
    ax.set(xlabel="epoch", xticks=[1, 5, 10, 15, 20], ylabel="right, in percent")
    ax.set_title("297 digits it was not trained on", fontsize=11, color=theme.ink)
    _framed(ax, theme)
    return figure


DRAWINGS = {
    "one-example": one_example,
    "mini-batch": mini_batch,
    "digits": digits,
    "descents": descents,
}
