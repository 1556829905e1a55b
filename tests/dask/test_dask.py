"""Fits of what lies on the workers of a Dask cluster, and what they leave."""

import os
import signal
import sys

import numpy as np
import pytest
from mpi import mpiexec

import cbackprop
from cbackprop import MLPClassifier
from cbackprop.callbacks import Callback
from cbackprop.callbacks.protocol import EPOCH

cloudpickle = pytest.importorskip("cloudpickle")
dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
pd = pytest.importorskip("pandas")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.thread_unsafe(reason="it starts a cluster"),
]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    mpiexec()
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    with (
        dask.config.set({"distributed.admin.log-format": "%(message)s"}),
        distributed.LocalCluster(
            n_workers=3,
            threads_per_worker=1,
            dashboard_address=None,
            local_directory=str(tmp_path_factory.mktemp("workers")),
            silence_logs=50,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def rows():
    rng = np.random.RandomState(0)
    X = rng.randn(210, 4)
    return X, (X[:, 0] > 0).astype(int) + (X[:, 1] > 1)


class DieAt(Callback):
    """Takes the worker beside rank 1 away."""

    def on_fit_task_end(self, estimator, context):
        if context.task_name == EPOCH and context.task_id == 2 and context.rank == 1:
            os.kill(int(os.environ["CBACKPROP_DASK_WORKER"]), signal.SIGKILL)


class Ranks(Callback):
    """Writes down how many there are, and with how many rows."""

    def __init__(self, folder):
        self.folder = str(folder)

    def on_fit_task_end(self, estimator, context):
        if context.task_name != EPOCH:
            rows = vars(estimator)["_fit_state"].n_rows
            with open(f"{self.folder}/{context.rank}-of-{context.n_ranks}", "w") as file:
                file.write(str(rows))


def notes(folder):
    return {path.name: int(path.read_text()) for path in sorted(folder.iterdir())}


def test_partitions_that_a_filter_has_emptied_start_no_rank(client, rows, tmp_path):
    X, y = rows
    frame = pd.DataFrame(X, columns=list("abcd")).assign(y=y, part=np.arange(210) // 70)
    table = dd.from_pandas(frame, npartitions=3).persist()
    some = table[table["part"] == 0]
    noted = Ranks(tmp_path)
    model = cbackprop.dask.DaskMLPClassifier((5,), max_iter=2, random_state=0)
    model.fit(some[list("abcd")], some["y"], callbacks=[noted])
    assert notes(tmp_path) == {"0-of-1": 70}
    one = MLPClassifier((5,), max_iter=2, random_state=0).fit(X[:70], y[:70])
    assert (model.network_.parameters == one.network_.parameters).all()


def test_arrays_are_fitted_where_they_lie(client, rows, tmp_path):
    X, y = rows
    dX, dy = da.from_array(X, chunks=(30, 3)), da.from_array(y, chunks=42)
    model = cbackprop.dask.DaskMLPClassifier((6,), solver="lbfgs", max_iter=8, random_state=0)
    model.fit(dX, dy, callbacks=[Ranks(tmp_path)], client=client)
    one = MLPClassifier((6,), solver="lbfgs", max_iter=8, random_state=0).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X), one.predict_proba(X), atol=1e-7)
    there = notes(tmp_path)
    assert set(there) == {f"{rank}-of-3" for rank in range(3)}
    assert sum(there.values()) == len(X)
    said = model.predict(dX)
    assert isinstance(said, da.Array)
    assert (said.compute() == model.predict(X)).all()
    assert said.dtype == y.dtype
    probabilities = model.predict_proba(dX)
    assert probabilities.shape == (len(X), 3)
    np.testing.assert_allclose(probabilities.compute(), model.predict_proba(X))


def test_frames_on_two_of_the_workers(client, rows, tmp_path):
    X, y = rows
    two = list(client.nthreads())[:2]
    frame = pd.DataFrame(X, columns=list("abcd"), index=np.arange(len(X)) * 2)
    data = dd.from_pandas(frame.assign(y=y * 0.5, w=1.0 + (y > 0)), npartitions=5)
    data = client.persist(data, workers=two)
    distributed.wait(data)
    model = cbackprop.dask.DaskMLPRegressor(hidden_layer_sizes=(6,), max_iter=4, random_state=0)
    columns = list("abcd")
    model.fit(
        data[columns],
        data["y"],
        data["w"],
        callbacks=[Ranks(tmp_path)],
        client=client,
        sync_every=2,
    )
    assert sum(notes(tmp_path).values()) == len(X)
    assert model.feature_names_in_.tolist() == columns
    said = model.predict(data[columns])
    assert isinstance(said, dd.Series)
    part = said.compute()
    assert (part.to_numpy() == model.predict(frame)).all()
    assert (part.index == frame.index).all()
    nobody = model.predict(data[columns][data["a"] > 100])
    assert len(nobody.compute()) == 0


def test_members_are_divided_among_workers(client, rows):
    X, y = rows
    kinds = np.array(["u", "v", "w"])[y]
    frame = pd.DataFrame({"a": X[:, 0], "b": pd.Categorical(kinds)})
    frame.loc[::9, "a"] = np.nan
    given = {"n_members": 3, "max_epochs": 3, "hidden_layer_sizes": (5,), "random_state": 0}
    model = cbackprop.dask.DaskTabularClassifier(**given)
    data = dd.from_pandas(frame.assign(y=y), npartitions=3)
    model.fit(data[["a", "b"]], data["y"], client=client)
    one = cbackprop.tabular.TabularClassifier(**given).fit(frame, y)
    assert (model.predict_proba(frame) == one.predict_proba(frame)).all()
    said = model.predict_proba(data[["a", "b"]]).compute()
    assert said.columns.tolist() == [0, 1, 2]
    np.testing.assert_allclose(said.to_numpy(), one.predict_proba(frame), rtol=1e-6)


def test_models_are_saved_as_those_without_dask(client, rows, tmp_path):
    X, y = rows
    model = cbackprop.dask.DaskMLPClassifier((3,), max_iter=2, random_state=0)
    plain = MLPClassifier((3,), max_iter=2, random_state=0).fit(X, y)
    model.__dict__.update(vars(plain))
    model.save(tmp_path / "model")
    assert type(cbackprop.load(tmp_path / "model")) is MLPClassifier


def test_an_error_on_a_worker_is_raised_here(client, rows):
    X, y = rows
    bad = X.copy()
    bad[200, 1] = np.nan
    data = da.from_array(bad, chunks=(210, 4)), da.from_array(y, chunks=210)
    with pytest.raises(ValueError, match="contains NaN"):
        cbackprop.dask.DaskMLPClassifier((3,), max_iter=2).fit(*data, client=client)


def test_what_is_not_on_the_cluster_is_refused(client, rows):
    X, y = rows
    with pytest.raises(TypeError, match="X must be a dask array or data frame"):
        cbackprop.dask.DaskMLPClassifier().fit(X, y, client=client)
    data = da.from_array(X, chunks=(70, 4)), da.from_array(y[:-1], chunks=70)
    with pytest.raises(ValueError, match="X has 210 rows"):
        cbackprop.dask.DaskMLPClassifier().fit(*data, client=client)


def test_a_lost_worker_is_an_error_that_says_what_to_do(client, rows):
    X, y = rows
    data = da.from_array(X, chunks=(70, 4)), da.from_array(y * 1.0, chunks=70)
    model = cbackprop.dask.DaskMLPRegressor(
        hidden_layer_sizes=(6,), max_iter=100_000, n_iter_no_change=np.inf, random_state=0
    )
    with pytest.raises(RuntimeError, match=r"was lost.*Checkpoint\(\.\.\., resume=True\)"):
        model.fit(*data, callbacks=[DieAt()], client=client)
    assert not hasattr(model, "coefs_")
