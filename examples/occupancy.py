"""
Is somebody in the room?
========================

The Occupancy Detection data (Candanedo and Feldheim 2016; UCI Machine Learning Repository, no.
357) tell once a minute whether an office is occupied, and its temperature, humidity, light and
CO2. A small network learns it by mini-batches, once with the squared error and once with the log
loss; scikit-learn's stand beside it.

Run it with the folder that holds ``datatraining.txt``, ``datatest.txt`` and ``datatest2.txt``::

    python occupancy.py --data FOLDER
    python occupancy.py --data FOLDER --humidity-ratio --seeds 10

Without ``--data`` it makes up a room of its own.
"""

import argparse
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
import sklearn.neural_network
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import cbackprop
from cbackprop import SGD, Network

parser = argparse.ArgumentParser(description="Predict whether a room is occupied.")
parser.add_argument("--data", help="folder with the three text files; else a simulated room")
parser.add_argument("--humidity-ratio", action="store_true", help="a fifth input")
parser.add_argument("--hidden", type=int, default=10, help="hidden units")
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--learning-rate", type=float, default=0.1)
parser.add_argument("--batch-size", type=int, default=10)
parser.add_argument("--seeds", type=int, default=3)
args, _ = parser.parse_known_args()

# %%
# Three files
# -----------
#
# The header has one name fewer than the rows have fields: nobody named the row numbers in front.
# So the columns are taken by position: after row number and date come temperature, humidity,
# light, CO2, the humidity ratio (which is computed from the first two) and the answer.

inputs = [2, 3, 4, 5, 6] if args.humidity_ratio else [2, 3, 4, 5]


def read(path):
    """Inputs (n, 4) or (n, 5), and 0 or 1 (n,)."""
    table = np.loadtxt(path, delimiter=",", skiprows=1, usecols=[*inputs, 7], quotechar='"')
    return table[:, :-1], table[:, -1].astype(int)


def simulate(n, rng):
    """A room in which people switch on the light and breathe out CO2."""
    y = (np.sin(np.arange(n) / 50) + 0.2 * rng.normal(size=n) > 0.6).astype(int)
    temperature = 20.5 + 1.0 * y + rng.normal(size=n)
    humidity = 26 + 5 * rng.normal(size=n)
    light = np.maximum(0, 450 * y + 80 * rng.normal(size=n))
    carbon_dioxide = 500 + 400 * y + 150 * rng.normal(size=n)
    ratio = 6e-6 * temperature * humidity
    return np.column_stack([temperature, humidity, light, carbon_dioxide, ratio])[
        :, : len(inputs)
    ], y


names = ("datatraining.txt", "datatest.txt", "datatest2.txt")
if args.data:
    (X, y), *tests = [read(Path(args.data) / name) for name in names]
else:
    rng = np.random.default_rng(0)
    (X, y), *tests = [simulate(n, rng) for n in (1000, 400, 400)]

scaler = StandardScaler().fit(X)
X, tests = scaler.transform(X), [(scaler.transform(X_test), y_test) for X_test, y_test in tests]
print(f"{len(X)} rows to train on, {[len(X_test) for X_test, _ in tests]} to test")
occupied = ", ".join(f"{labels.mean():.1%}" for labels in (y, *(labels for _, labels in tests)))
print(f"someone is there in {occupied} of them")

# %%
# Squared error and log loss
# --------------------------
#
# The network and its single logistic output are the same; only the cost differs. With the squared
# error the gradient carries the factor :math:`a (1 - a)`, which is small where the output is close
# to 0 or 1; so it takes longer to get as far.


def report(name, run):
    """Mean accuracy and its standard deviation over the seeds, and the seconds of a run."""
    began = perf_counter()
    accuracies = 100 * np.array([run(seed) for seed in range(args.seeds)])
    seconds = (perf_counter() - began) / args.seeds
    spreads = accuracies.std(axis=0, ddof=min(1, args.seeds - 1))
    figures = zip(accuracies.mean(axis=0), spreads, strict=True)
    columns = "".join(f"{f'{mean:.2f} +- {std:.2f}':>16}" for mean, std in figures)
    print(f"{name:<46}{columns}{seconds:>9.2f} s", flush=True)


def train(loss, epochs, seed):
    """Train a network; return its accuracy on both test sets."""
    net = Network(
        [X.shape[1], args.hidden, 1],
        activation="logistic",
        output_activation="logistic",
        loss=loss,
        init="scaled_normal",
        random_state=seed,
    )
    net.fit(
        X,
        y,
        optimizer=SGD(args.learning_rate),
        epochs=epochs,
        batch_size=args.batch_size,
        random_state=seed,
    )
    return [np.mean((net.predict(X_test)[:, 0] > 0.5) == y_test) for X_test, y_test in tests]


print(f"\n{'test accuracy in percent':<46}{'first file':>16}{'second file':>16}{'a run':>11}")
for epochs in sorted({max(1, args.epochs // 10), args.epochs}):
    for name, loss in (("squared error", "squared_error"), ("log loss", "binary_log_loss")):
        report(
            f"Network, {name}, epochs: {epochs}",
            lambda seed, loss=loss, epochs=epochs: train(loss, epochs, seed),
        )

# %%
# scikit-learn's beside it
# ------------------------
#
# `MLPClassifier` knows the log loss only. cbackprop's and scikit-learn's end with the same
# weights; what differs is the time. Logistic regression has no hidden layer at all.

settings = {
    "hidden_layer_sizes": (args.hidden,),
    "activation": "logistic",
    "solver": "sgd",
    "momentum": 0,
    "alpha": 0,
    "learning_rate_init": args.learning_rate,
    "batch_size": args.batch_size,
    "max_iter": args.epochs,
    "n_iter_no_change": args.epochs,
}


def scores(clf):
    """Fit; return the accuracy on both test sets."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it stops after the epochs wanted
        return [clf.fit(X, y).score(*test) for test in tests]


for library in (cbackprop, sklearn.neural_network):
    report(
        f"{library.__name__}.MLPClassifier",
        lambda seed, library=library: scores(library.MLPClassifier(**settings, random_state=seed)),
    )
report("LogisticRegression", lambda seed: scores(LogisticRegression()))
