"""Fit and predict sparse blocks three times the memory that is left. argv: a folder."""

import resource
import sys
from pathlib import Path

import numpy as np
import scipy.sparse

from cbackprop import MLPRegressor, Network, Rows

folder, MORE, BLOCKS = Path(sys.argv[1]), 48 * 2**20, 24
some = scipy.sparse.random(
    20_000, 2_000, density=0.02, format="csr", random_state=0, dtype=np.float32
)  # 6 MB
y = some[:, [0]].toarray().ravel()
given = {"hidden_layer_sizes": (4,), "batch_size": 2048, "max_iter": 1, "random_state": 0}
MLPRegressor(**given, n_jobs=1).fit(some[:50], y[:50])  # what the libraries take at first


class Blocks:
    def __iter__(self):
        return iter([(some, y)] * BLOCKS)


taken = next(
    int(line.split()[1]) * 1024
    for line in Path("/proc/self/status").read_text().splitlines()
    if line.startswith("VmData")
)
resource.setrlimit(resource.RLIMIT_DATA, (taken + MORE, taken + MORE))
try:
    scipy.sparse.vstack([some] * BLOCKS)
except MemoryError:
    print("too large to be read")
rows = Rows(Blocks(), folder=folder, window=20_000)
model = MLPRegressor(**given, n_jobs=1).fit(rows)
assert model.predict(Rows(some for _ in range(BLOCKS))).shape == (BLOCKS * len(y),)
assert np.isfinite(model.score(rows))
MLPRegressor(**given, n_jobs=1).partial_fit(rows)
network = Network([2_000, 4, 1], dtype=np.float32, random_state=0)
network.fit(rows, epochs=1, batch_size=2048, n_jobs=1)
print("done")
