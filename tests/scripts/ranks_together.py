"""What holds of a fit by several ranks, promise after promise; prints those that do."""

import contextlib
import hashlib
import sys
import tempfile
from pathlib import Path

import numpy as np
import scipy.sparse
from mpi4py import MPI

from cbackprop import SGD, Adam, Checkpoint, MLPClassifier, MLPRegressor, Network, Rows
from cbackprop.callbacks import Callback
from cbackprop.callbacks.protocol import state_of
from cbackprop.training.shares import order_of_rows

comm = MPI.COMM_WORLD
rank, size = comm.Get_rank(), comm.Get_size()
sizes = [31 + 5 * at for at in range(size)]
everything = np.random.RandomState(0).randn(sum(sizes), 4)
mine = slice(sum(sizes[:rank]), sum(sizes[: rank + 1]))
X = everything[mine]
labels = (everything[:, 0] + everything[:, 1] > 0).astype(int) + 2 * (everything[:, 2] > 0.8)
y = labels[mine]


def classifier(**parameters):
    given = {"batch_size": 16, "max_iter": 5, "random_state": 0, **parameters}
    return MLPClassifier((6,), **given)


def same(thing):
    everyone = comm.allgather(thing)
    assert all(one == everyone[0] for one in everyone), everyone
    return thing


def bits(model):
    network = getattr(model, "network_", model)
    return same(hashlib.sha256(network.parameters.tobytes()).hexdigest())


def test_every_rank_shuffles_its_own_rows():
    fit = {"epochs": 1, "batch_size": 10, "optimizer": SGD(0.1, momentum=0.9)}
    made = [Network([4, 5, 2], random_state=0) for _ in range(2)]
    orders, targets = [], np.stack([labels, labels], axis=1).astype(float)

    def note(network, history):
        orders.append(state_of(network).order.copy())

    made[0].fit(X, targets[mine], callbacks=[note], random_state=3, comm=comm, **fit)
    rows = np.concatenate(
        [sum(sizes[:r]) + part for r, part in enumerate(comm.allgather(orders[0]))]
    )
    assert (np.sort(rows) == np.arange(sum(sizes))).all()
    assert (rows != np.arange(sum(sizes))).any()
    rows = rows[order_of_rows(sizes, 10)]
    fit["optimizer"] = SGD(0.1, momentum=0.9)
    made[1].fit(everything[rows], targets[rows], shuffle=False, **fit)
    assert np.abs(made[0].parameters - made[1].parameters).max() < 1e-13
    bits(made[0])


def test_early_stopping_goes_by_the_rows_held_out_on_all_ranks():
    held = []

    def note(model, history):
        held.append(state_of(model).held_out)

    model = classifier(early_stopping=True, max_iter=4, validation_fraction=0.2)
    model.fit(X, y, callbacks=[note], comm=comm)
    bits(model)
    held_X = np.concatenate(comm.allgather(X[held[-1]]))
    held_y = np.concatenate(comm.allgather(y[held[-1]]))
    assert len(held_y) == sum(np.ceil(0.2 * n) for n in sizes)
    assert model.best_validation_score_ == np.mean(model.predict(held_X) == held_y)
    same(model.validation_scores_)


def test_a_scorer_is_asked_on_every_rank():
    model = classifier(early_stopping=True, scoring="neg_log_loss", max_iter=3)
    one = {"X_val": everything, "y_val": labels}
    same(model.fit(X, y, X_val=X, y_val=y, comm=comm).validation_scores_)
    alone = model.judged = classifier(early_stopping=True, scoring="neg_log_loss", max_iter=3)
    alone = alone.fit(X, y, comm=MPI.COMM_SELF, **one)
    assert np.isfinite(model.best_validation_score_)


def test_a_rank_may_lack_a_class():
    some = X[y != rank % 4], y[y != rank % 4]
    model = classifier(early_stopping=True).fit(*some, comm=comm)
    assert same(model.classes_.tolist()) == np.unique(labels).tolist()
    bits(model)


def test_a_class_that_one_rank_sees_first_is_new_to_all():
    model = classifier(new_classes="add")
    for last in (2, 4):
        own = y < (last if rank == 0 else 2)
        model.partial_fit(X[own], y[own], classes=[0, 1] if last == 2 else None, comm=comm)
    assert len(same(model.classes_.tolist())) > 2
    bits(model)


def test_one_rank_is_one_process_to_the_bit():
    for parameters in ({}, {"early_stopping": True}, {"solver": "lbfgs"}, {"dropout": 0.3}):
        alone = classifier(**parameters).fit(X, y)
        model = classifier(**parameters).fit(X, y, comm=MPI.COMM_SELF)
        assert (alone.network_.parameters == model.network_.parameters).all()


def test_callbacks_are_told_their_rank():
    class Told(Callback):
        def on_fit_task_end(self, estimator, context):
            self.told = context.rank, context.n_ranks

    told = Told()
    classifier().fit(X, y, callbacks=[told], comm=comm)
    assert told.told == (rank, size)


def test_a_callback_that_stops_one_rank_stops_all():
    for solver in ("adam", "lbfgs"):
        stop = [lambda model, history: rank == size - 1 and history.epochs == 2]
        model = classifier(solver=solver).fit(X, y, callbacks=stop, comm=comm)
        assert same(model.n_iter_) == 2
        bits(model)


def test_ranks_that_drift_apart_are_brought_together():
    def drift(model, history):
        if rank == size - 1:
            model.coefs_[0][0, 0] = np.nextafter(model.coefs_[0][0, 0], np.inf)

    bits(classifier().fit(X, y, callbacks=[drift, lambda m, h: h.epochs < 3 or None], comm=comm))


def test_generators_go_on_alike():
    rng = np.random.RandomState(5)
    for _ in range(2):
        bits(classifier(random_state=rng, dropout=0.2).fit(X, y, comm=comm))
    bits(classifier(random_state=None, dropout=0.2).fit(X, y, comm=comm))


def test_float32_and_threads():
    X32 = X.astype(np.float32)
    models = [classifier(n_jobs=n).fit(X32, y, comm=comm) for n in (1, 2)]
    assert bits(models[0]) is not None
    bits(models[1])
    assert models[0].network_.dtype == np.float32
    np.testing.assert_allclose(*(m.network_.parameters for m in models), rtol=1e-4, atol=1e-5)


def test_memory_maps():
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "X.npy", X)
        mapped = np.load(Path(folder) / "X.npy", mmap_mode="r")
        ends = [
            MLPRegressor(random_state=0, max_iter=3).fit(rows, y, comm=comm) for rows in (X, mapped)
        ]
        assert bits(ends[0]) == bits(ends[1])
        del mapped


def test_every_rank_may_bring_blocks():
    for make in (np.asarray, scipy.sparse.csr_matrix):
        own = Rows([(make(X[:9]), y[:9]), (make(X[9:]), y[9:])])
        for parameters in ({}, {"early_stopping": True}, {"solver": "lbfgs"}):
            models = [classifier(**parameters) for _ in range(2)]
            models[0].fit(own, comm=comm)
            models[1].fit(make(X), y, comm=comm)
            assert bits(models[0]) == bits(models[1])
        models = [classifier(dropout=0.2), classifier(dropout=0.2)]
        for _ in range(2):
            models[0].partial_fit(own, classes=[0, 1, 2, 3], comm=comm)
            models[1].partial_fit(make(X), y, classes=[0, 1, 2, 3], comm=comm)
        assert bits(models[0]) == bits(models[1])
        assert models[0].score(own) == models[0].score(X, y)
    bits(classifier(early_stopping=True).fit(Rows(own.blocks, window=8), comm=comm))
    error = None
    try:
        classifier().fit(Rows([(X, y)] if rank else [(X, y[1:])]), None, comm=comm)
    except ValueError as raised:
        error = str(raised)
    assert "block 0 has" in error


class Another:
    """A communicator of nobody that is known: sums are not asked to take a place of their own."""

    def __init__(self, comm):
        self.comm = comm

    def __getattr__(self, name):
        return getattr(self.comm, name)

    def Allreduce(self, mine, total):
        assert mine is not total
        self.comm.Allreduce(mine, total)


def test_sums_of_another_communicator_are_the_same():
    for options in ({}, {"sync_every": 3}):
        for parameters in ({"dropout": 0.2}, {"solver": "lbfgs"}):
            if options and "solver" in parameters:
                continue
            models = [
                classifier(**parameters).fit(X, y, comm=one, **options)
                for one in (comm, Another(comm))
            ]
            assert bits(models[0]) == bits(models[1])


def test_a_rank_without_rows_is_an_error_that_says_what_to_do():
    none = slice(0, 0) if rank == size - 1 else slice(None)
    for fit in (
        lambda: classifier().fit(X[none], y[none], comm=comm),
        lambda: classifier().partial_fit(X[none], y[none], classes=[0, 1, 2, 3], comm=comm),
        lambda: Network([4, 3, 1], random_state=0).fit(X[none], X[none][:, :1], comm=comm),
    ):
        error = None
        try:
            fit()
        except ValueError as raised:
            error = str(raised)
        assert "start fewer ranks" in error
        assert (f"on rank {size - 1}" in error) == (rank != size - 1)


def test_weights_may_be_zero_on_one_rank():
    weight = np.zeros(len(y)) if rank == 0 else np.ones(len(y))
    bits(classifier().fit(X, y, weight, comm=comm))


def test_a_checkpoint_goes_on_to_the_same_bits():
    path = Path(comm.bcast(tempfile.mkdtemp() if rank == 0 else None)) / "fit"
    ways = {"shuffle": {}, "early": {"early_stopping": True}, "average": {"ema_decay": 0.5}}
    ways |= {"dropout": {"dropout": 0.3, "solver": "sgd"}, "lbfgs": {"solver": "lbfgs"}}
    for way, parameters in ways.items():
        whole = classifier(max_iter=6, tol=0, **parameters).fit(X, y, comm=comm)
        kept = Checkpoint(f"{path}-{way}", resume=True)
        stop = [kept, lambda model, history: history.epochs == 3 and sys.exit(0)]
        with contextlib.suppress(SystemExit, RuntimeError):
            classifier(max_iter=6, tol=0, **parameters).fit(X, y, callbacks=stop, comm=comm)
        again = classifier(max_iter=6, tol=0, **parameters)
        again.fit(X, y, callbacks=[kept], comm=comm)
        assert bits(whole) == bits(again), way
        assert same(again.n_iter_) == whole.n_iter_
    error = None
    try:  # of other data, on one rank
        fit = classifier(max_iter=6, tol=0)
        fit.fit(
            X + (rank == 1), y, callbacks=[Checkpoint(f"{path}-shuffle", resume=True)], comm=comm
        )
    except Exception as raised:
        error = str(raised)
    assert "other X" in error
    error = None
    try:  # a disk that is full, or not there: for the one that writes
        classifier().fit(X, y, callbacks=[Checkpoint("/nowhere/fit")], comm=comm)
    except OSError as raised:
        error = str(raised)
    assert "nowhere" in error


def test_a_network_goes_on_with_its_optimizer():
    made = [Network([4, 5, 2], random_state=0) for _ in range(2)]
    optimizers = SGD(0.1, momentum=0.9), SGD(0.1, momentum=0.9)
    targets = np.stack([labels, labels], axis=1).astype(float)
    order = order_of_rows(sizes, 20)
    for _ in range(2):
        made[0].fit(
            X, targets[mine], optimizer=optimizers[0], batch_size=20, shuffle=False, comm=comm
        )
        made[1].fit(
            everything[order], targets[order], optimizer=optimizers[1], batch_size=20, shuffle=False
        )
    assert np.abs(made[0].parameters - made[1].parameters).max() < 1e-12


def test_means_every_few_steps_are_the_means_of_steps_of_ones_own():
    rows = np.random.RandomState(rank).randn(40, 4)
    targets = rows[:, :2] ** 2
    given = {"batch_size": 5 * size, "shuffle": False, "l2": 0.0}
    together = Network([4, 5, 2], random_state=0)
    for optimizer, kind in ((SGD(0.1, momentum=0.9), SGD), (Adam(0.01), Adam)):
        together = Network([4, 5, 2], random_state=0)
        together.fit(rows, targets, epochs=2, optimizer=optimizer, comm=comm, sync_every=3, **given)
        own = Network([4, 5, 2], random_state=0)
        its = SGD(0.1, momentum=0.9) if kind is SGD else Adam(0.01)
        for _ in range(2):
            for first, last in ((0, 15), (15, 30), (30, 40)):  # of 8 steps
                part = slice(first, last)
                own.fit(
                    rows[part], targets[part], epochs=1, optimizer=its, batch_size=5, shuffle=False
                )
                own.parameters = np.mean(comm.allgather(own.parameters), axis=0)
                its.state = np.mean(comm.allgather(its.state), axis=0)
        bits(together)
        assert np.abs(together.parameters - own.parameters).max() < 1e-13
    model = classifier(dropout=0.2, early_stopping=True, solver="adam")
    bits(model.fit(X, y, np.arange(len(y)) % 3 > 0, comm=comm, sync_every=4))
    same(model.loss_curve_)
    for options in ({"sync_every": 0}, {"sync_every": 2.5}):
        with contextlib.suppress(ValueError, TypeError):
            classifier().fit(X, y, comm=comm, **options)
            raise AssertionError(options)


for name, test in [*globals().items()]:
    if name.startswith("test_"):
        test()
        comm.barrier()
        if rank == 0:
            print(name, flush=True)
