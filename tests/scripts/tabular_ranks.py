"""Tabular models whose members several ranks have trained, beside those of one process."""

import contextlib
import hashlib
import sys
import tempfile

import numpy as np
import pandas as pd
from mpi4py import MPI

from cbackprop import Checkpoint
from cbackprop.tabular import TabularClassifier, TabularRegressor

comm = MPI.COMM_WORLD
rank, size = comm.Get_rank(), comm.Get_size()
rng = np.random.RandomState(0)
table = pd.DataFrame({"a": rng.randn(120), "b": rng.choice(["x", "y", "z"], 120)})
table.loc[::7, "a"] = np.nan
y = (table["a"].fillna(0) > 0) * 1 + (table["b"] == "x") * 1
FEW = {"max_epochs": 4, "hidden_layer_sizes": (6,), "random_state": 0}


def bits(model):
    digest = hashlib.sha256()
    for network in model.networks_:
        digest.update(network.parameters.tobytes())
    digest.update(model.predict(table).tobytes())
    return digest.hexdigest()


def check(kind, callbacks=(), **parameters):
    one = kind(**FEW, **parameters).fit(table, y)
    ranks = kind(**FEW, **parameters).fit(table, y, callbacks=callbacks, comm=comm)
    assert len(set(comm.allgather(bits(ranks)))) == 1
    assert bits(ranks) == bits(one), parameters
    assert ranks.best_epoch_ == one.best_epoch_
    assert ranks.history_["cost"] == one.history_["cost"]
    if parameters.get("n_folds"):
        assert (ranks.oof_prediction_ == one.oof_prediction_).all()
    return 1


n = 0
for kind in (TabularClassifier, TabularRegressor):
    n += check(kind, n_members=4)
    n += check(kind, n_members=1)
    n += check(kind, n_members=2, n_folds=3, refit=True)
    n += check(kind, n_members=3, early_stopping=False, scoring="loss", n_jobs=2)

path = comm.bcast(tempfile.mkdtemp() if rank == 0 else None) + "/fit"
kept = Checkpoint(path, resume=True)
stop = [kept, lambda model, history: history.epochs == 2 and sys.exit(0)]
with contextlib.suppress(SystemExit, RuntimeError):
    TabularClassifier(n_members=3, **FEW).fit(table, y, callbacks=stop, comm=comm)
n += check(TabularClassifier, n_members=3, callbacks=[kept])

said = ""
try:
    other = table.assign(a=table["a"] + (rank == 1))
    TabularClassifier(n_members=3, **FEW).fit(other, y, comm=comm)
except ValueError as error:
    said = str(error)
assert "the table, of which every rank is to bring the same" in said
assert "on rank 1" in said
if rank == 0:
    print(n)
