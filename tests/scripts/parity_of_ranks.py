"""Fits by all ranks beside fits by one process that has the rows in the same order, many of them.

argv: how many settings of each kind. Prints the kind and the largest difference.
"""

import sys

import numpy as np
import scipy.sparse
from mpi4py import MPI

from cbackprop import SGD, Adam, AdamW, MLPClassifier, MLPRegressor, Network, RMSprop
from cbackprop.schedules import Cosine
from cbackprop.training.shares import order_of_rows

comm = MPI.COMM_WORLD
rank, size = comm.Get_rank(), comm.Get_size()
rng = np.random.RandomState(size)
OPTIMIZERS = [
    lambda: SGD(0.1),
    lambda: SGD(0.1, momentum=0.9, schedule=Cosine(warmup=0.2)),
    lambda: SGD(0.1, momentum=0.9, nesterov=True, clip_value=0.05),
    lambda: Adam(0.01),
    lambda: AdamW(0.01, clip_norm=0.1),
    lambda: RMSprop(0.01),
]


class Data:
    """Rows, of which rank r has sizes[r], and their order in one process."""

    def __init__(self):
        sizes = rng.randint(1, 40, size)
        n = int(sizes.sum())
        self.batch_size = int(rng.randint(1, n + 10))
        start = int(sizes[:rank].sum())
        self.mine = slice(start, start + sizes[rank])
        self.order = order_of_rows(sizes, min(self.batch_size, n))
        self.X = rng.randn(n, 5)
        self.weight = rng.rand(n) * (rng.rand(n) > 0.4)
        self.numbers = rng.randn(n, 2)
        self.labels = rng.choice(["a", "bb", "ccc"], n)
        self.indicator = (rng.rand(n, 3) > 0.5).astype(int)


def distance(a, b):
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    return float(np.nan_to_num(np.abs(a - b)).max(initial=0.0))


def of_histories(a, b):
    assert set(a) == set(b)
    return max(distance(a[name], b[name]) for name in a if name != "seconds")


def same_on_all(vector):
    assert len(set(comm.allgather(vector.tobytes()))) == 1


def networks(case):
    data = Data()
    weight = data.weight if case % 3 == 0 else None
    options = dict(
        epochs=3,
        batch_size=None if case % 7 == 6 else data.batch_size,
        l2=0.1,
        l1=0.01 * (case % 2),
        dropout=0.3 * (case % 4 == 1),
        max_norm=1.0 if case % 5 == 4 else None,
        shuffle=False,
        random_state=1,
        gradient_norms=True,
        training_metrics=True,
    )
    fits = []
    for rows, more in ((data.mine, {"comm": comm}), (data.order, {})):
        network = Network(
            [5, 6, 3], output_activation="softmax", loss="log_loss", random_state=case
        )
        X, y = data.X[rows], np.unique(data.labels, return_inverse=True)[1][rows]
        history = network.fit(
            scipy.sparse.csr_matrix(X) if case % 4 == 3 else X,
            y,
            optimizer=OPTIMIZERS[case % 6](),
            sample_weight=None if weight is None else weight[rows],
            evaluation_data=(X, y),
            **options,
            **more,
        )
        fits.append((network.parameters, history))
    same_on_all(fits[0][0])
    return max(distance(fits[0][0], fits[1][0]), of_histories(fits[0][1], fits[1][1]))


def estimators(case):
    data = Data()
    classifies = case % 2
    y = data.numbers
    if classifies:
        y = data.indicator if case % 4 == 1 else data.labels
    weight = data.weight if case % 3 == 0 else None
    solver = ["sgd", "adam"][case // 2 % 2]
    parameters = dict(
        hidden_layer_sizes=(6,),
        batch_size=data.batch_size,
        shuffle=False,
        random_state=case,
        max_iter=4,
        solver=solver,
        clip_norm=0.1 if case % 7 == 0 else None,
        l1=0.01 if case % 5 == 3 else None,
        dropout=0.2 if case % 5 == 2 else None,
        ema_decay=0.5 if case % 5 == 1 else None,
        early_stopping=case % 5 == 4,
        scoring="loss" if case % 10 == 4 else None,
        gradient_norms=True,
    )
    if solver == "sgd":
        parameters["learning_rate"] = ["constant", "invscaling", "adaptive"][case % 3]
    if classifies and y.ndim == 1 and case % 3:
        parameters["class_weight"] = "balanced"
    model = MLPClassifier if classifies else MLPRegressor
    fits = []
    for rows, whole, more in (
        (data.mine, data.mine, {"comm": comm}),
        (data.order, slice(None), {}),
    ):
        if parameters["early_stopping"]:
            more = {**more, "X_val": data.X[whole], "y_val": y[whole]}
        own = None if weight is None else weight[rows]
        fits.append(model(**parameters).fit(data.X[rows], y[rows], own, **more))
    return compared(*fits)


def compared(ranks, one):
    same_on_all(ranks.network_.parameters)
    assert (ranks.n_iter_, getattr(ranks, "t_", 0)) == (one.n_iter_, getattr(one, "t_", 0))
    return max(
        distance(ranks.network_.parameters, one.network_.parameters),
        distance(ranks.loss_, one.loss_),
        of_histories(ranks.history_, one.history_),
    )


def lbfgs(case):
    data = Data()
    y = data.labels if case % 2 else data.numbers
    model = MLPClassifier if case % 2 else MLPRegressor
    weight = data.weight if case % 3 == 0 else None
    fits = [
        model(hidden_layer_sizes=(6,), solver="lbfgs", max_iter=3, random_state=case).fit(
            data.X[rows], y[rows], None if weight is None else weight[rows], **more
        )
        for rows, more in ((data.mine, {"comm": comm}), (data.order, {}))
    ]
    return compared(*fits)


def partial(case):
    """Partial fits: each brings a part of the rows, and goes on from the one before."""
    models = [
        MLPClassifier(
            (6,), batch_size=7, shuffle=False, random_state=case, dropout=0.2 * (case % 2)
        )
        for _ in range(2)
    ]
    for _ in range(3):
        data = Data()
        order = order_of_rows(comm.allgather(data.mine.stop - data.mine.start), 7)
        for model, rows, more in (
            (models[0], data.mine, {"comm": comm}),
            (models[1], order, {}),
        ):
            model.partial_fit(data.X[rows], data.labels[rows], classes=["a", "bb", "ccc"], **more)
    return compared(*models)


def warm(case):
    data = Data()
    solver = ["sgd", "adam", "lbfgs"][case % 3]
    fits = []
    for rows, more in ((data.mine, {"comm": comm}), (data.order, {})):
        model = MLPRegressor(
            hidden_layer_sizes=(6,),
            batch_size=data.batch_size,
            shuffle=False,
            random_state=case,
            max_iter=2,
            warm_start=True,
            solver=solver,
        )
        for _ in range(2):
            model.fit(data.X[rows], data.numbers[rows], **more)
        fits.append(model)
    return compared(*fits)


for kind, times in ((networks, 3), (estimators, 3), (lbfgs, 1), (partial, 1), (warm, 1)):
    n = times * int(sys.argv[1])
    worst = max(kind(case) for case in range(n))
    worst = max(comm.allgather(worst))
    if rank == 0:
        print(kind.__name__, n, worst)
