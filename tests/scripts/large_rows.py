"""Fit a file several times as large as the memory that this process may take. argv: a folder."""

import resource
import sys
from pathlib import Path

import numpy as np

from cbackprop import MLPRegressor, Network, Rows

folder, MORE = Path(sys.argv[1]), 64 * 2**20
N, COLUMNS, FILES = 80_000, 200, 4  # 64 MB each, in float32
rng = np.random.RandomState(0)
some = rng.randn(20_000, COLUMNS).astype(np.float32)
for part in range(FILES):
    with open(folder / f"X{part}.npy", "wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (N, COLUMNS)}
        np.lib.format.write_array_header_1_0(file, header)
        for _ in range(N // len(some)):
            some.tofile(file)
    np.save(folder / f"y{part}.npy", np.tile(some[:, 0], N // len(some)))
del some
Network([COLUMNS, 2, 1], dtype=np.float32, random_state=0).fit(
    np.ones((8, COLUMNS)), np.ones(8), epochs=1
)  # what the libraries take at their first use

taken = next(
    int(line.split()[1]) * 1024
    for line in Path("/proc/self/status").read_text().splitlines()
    if line.startswith("VmData")
)
resource.setrlimit(resource.RLIMIT_DATA, (taken + MORE, taken + MORE))
try:
    np.concatenate([np.load(folder / f"X{part}.npy") for part in range(FILES)])
except MemoryError:
    print("too large to be read")

rows = Rows.from_npy(
    [folder / f"X{part}.npy" for part in range(FILES)],
    [folder / f"y{part}.npy" for part in range(FILES)],
    window=8192,
)
rows.folder = folder
model = MLPRegressor(hidden_layer_sizes=(4,), batch_size=2048, max_iter=2, random_state=0, n_jobs=1)
print("score", model.fit(rows, None).loss_curve_)
network = Network([COLUMNS, 4, 1], dtype=np.float32, random_state=0)
one = Rows.from_npy(folder / "X0.npy", folder / "y0.npy", window=8192)
network.fit(one, None, epochs=1, batch_size=2048, n_jobs=1)
print("done")
