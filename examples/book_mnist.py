"""
The book's MNIST networks
=========================

Michael Nielsen's *Neural Networks and Deep Learning* (http://neuralnetworksanddeeplearning.com)
trains small networks on 50,000 images of handwritten digits and says how many of 10,000 others
they get right. Its numbers are single runs. Here each network is trained from several seeds, and
the mean and the spread stand beside the book's figure.

Run it with the data at hand, or let scikit-learn download them from OpenML::

    python book_mnist.py --data mnist.npz              # all rows, 5 seeds: several minutes
    python book_mnist.py --data mnist.npz --row entropy-30 --seeds 3
    python book_mnist.py --data mnist.npz --quick      # one seed, two epochs of each row

The ``.npz`` file holds ``X``, one image of 784 pixels (0 to 255) a row, and ``y``, the digits.
The first five sevenths train, the next is the validation set, the last the test set: 50,000,
10,000 and 10,000 images, as in the book.
"""

import argparse
import sys
from typing import NamedTuple

import numpy as np

from cbackprop import SGD, Network

# %%
# The rows of the table
# ---------------------
#
# All outputs are logistic; "squared_error" is the book's quadratic cost, "binary_log_loss" its
# cross-entropy. ``init="normal"`` draws the book's "large" weights, N(0, 1), "scaled_normal" its
# default ones, N(0, 1/fan_in). ``l2`` is its lambda. Mini-batches have 10 images.


class Row(NamedTuple):
    """One network, how it is trained, and what the book reports of it."""

    hidden: tuple[int, ...]
    loss: str
    init: str
    learning_rate: float
    epochs: int
    book: str  # test accuracy in percent
    l2: float = 0.0
    images: int | None = None  # train on the first so many
    on: str = "test"


QUADRATIC, ENTROPY = "squared_error", "binary_log_loss"
ROWS = {
    "quadratic-30": Row((30,), QUADRATIC, "normal", 3.0, 30, "95.42"),
    "quadratic-100": Row((100,), QUADRATIC, "normal", 3.0, 30, "96.59"),
    "entropy-30": Row((30,), ENTROPY, "normal", 0.5, 30, "95.33 to 95.49"),
    "entropy-100": Row((100,), ENTROPY, "normal", 0.5, 30, "96.82"),
    "thousand": Row((30,), ENTROPY, "normal", 0.5, 400, "82.27", images=1000),
    "thousand-l2": Row((30,), ENTROPY, "normal", 0.5, 400, "87.1", l2=0.1, images=1000),
    "l2-30": Row((30,), ENTROPY, "normal", 0.5, 30, "96.49", l2=5.0),
    "l2-100": Row((100,), ENTROPY, "normal", 0.5, 30, "97.92", l2=5.0, on="validation"),
    "l2-100-slow": Row((100,), ENTROPY, "normal", 0.1, 60, "98.04", l2=5.0, on="validation"),
    "l2-100-slow-scaled": Row(
        (100,), ENTROPY, "scaled_normal", 0.1, 60, "98.04", l2=5.0, on="validation"
    ),
} | {
    f"deep-{depth}": Row(
        (30,) * depth, ENTROPY, "scaled_normal", 0.1, 30, book, l2=5.0, on="validation"
    )
    for depth, book in enumerate(("96.48", "96.90", "96.57", "96.53"), start=1)
}

parser = argparse.ArgumentParser(description="Train the book's MNIST networks.")
parser.add_argument("--data", help=".npz file with X and y; without it, from OpenML")
parser.add_argument("--row", action="append", choices=ROWS, help="may be repeated; else all")
parser.add_argument("--seeds", type=int, default=5, help="runs of each row")
parser.add_argument("--quick", action="store_true", help="one seed, two epochs")
parser.add_argument("--output", help="write every run to this CSV file as soon as it ends")
args, _ = parser.parse_known_args()

# %%
# The data
# --------

if args.data:
    with np.load(args.data) as data:
        X, y = data["X"], data["y"]
else:
    from sklearn.datasets import fetch_openml

    try:
        X, y = fetch_openml("mnist_784", version=1, as_frame=False, return_X_y=True)
    except OSError as error:  # no network, or OpenML is not there
        sys.exit(f"The images cannot be got from OpenML ({error}): give --data mnist.npz")

X, y = np.float32(X) / 255, y.astype(int)
first, second = len(X) * 5 // 7, len(X) * 6 // 7
held_out = {
    "validation": (X[first:second], y[first:second]),
    "test": (X[second:], y[second:]),
}
print(f"{first} images to train on, {second - first} to validate, {len(X) - second} to test")

# %%
# Train
# -----
#
# Some of the book's figures are those of the best epoch, others of the last; a single run's best
# epoch flatters a little, since it was chosen by the very images it is reported on. Here are both.


def train(row: Row, seed: int) -> tuple[list[float], float]:
    """Accuracy on the held-out images in percent after every epoch; milliseconds an epoch."""
    net = Network(
        [X.shape[1], *row.hidden, 10],
        activation="logistic",
        output_activation="logistic",
        loss=row.loss,
        init=row.init,
        dtype=np.float32,
        random_state=seed,
    )
    n = min(row.images or first, first)
    history = net.fit(
        X[:n],
        y[:n],
        optimizer=SGD(row.learning_rate),
        epochs=min(row.epochs, 2) if args.quick else row.epochs,
        batch_size=10,
        l2=row.l2,
        evaluation_data=held_out[row.on],
        random_state=seed,
        n_jobs=1,  # steps this small are not worth sharing
    )
    milliseconds = 1000 * float(np.median(history["seconds"]))
    return [100 * accuracy for accuracy in history["evaluation_accuracy"]], milliseconds


if args.output:
    with open(args.output, "w") as file:
        file.write("row,seed,best,best_epoch,last,milliseconds\n")

heads = "".join(f"{head:>16}" for head in ("book %", "best epoch %", "last epoch %", "ms an epoch"))
print(f"{'row':<20}{heads}")
for name in args.row or ROWS:
    best, last, times = [], [], []
    for seed in range(1 if args.quick else args.seeds):
        accuracies, milliseconds = train(ROWS[name], seed)
        best.append(max(accuracies))
        last.append(accuracies[-1])
        times.append(milliseconds)
        if args.output:
            epoch = int(np.argmax(accuracies)) + 1
            with open(args.output, "a") as file:
                file.write(
                    f"{name},{seed},{best[-1]:.2f},{epoch},{last[-1]:.2f},{milliseconds:.1f}\n"
                )
    columns = ""
    for runs in (best, last):
        spread = np.std(runs, ddof=min(1, len(runs) - 1))
        columns += f"{f'{np.mean(runs):.2f} +- {spread:.2f}':>16}"
    print(f"{name:<20}{ROWS[name].book:>16}{columns}{np.median(times):>16.1f}", flush=True)
