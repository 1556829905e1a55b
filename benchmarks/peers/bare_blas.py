"""The floor: the matrix products of the steps, on one thread and two ways on several."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import compiled
import numpy as np
import scipy
from threadpoolctl import threadpool_limits

from peers import Runner

floor = compiled.load("floor")


class Peer(Runner):
    """Nothing is gathered, activated or updated; the parameters stay what they are."""

    version = scipy.__version__
    divisible = True

    @staticmethod
    def forms(workload, threads, most):
        if threads == 1:
            return {"BLAS calls": "1"}
        return {"BLAS calls on several threads": f"{threads}", "rows shared out": f"{threads}"}

    def __init__(self, workload, data, form, threads):
        self.workload = workload
        self.team = threads if form == "rows shared out" else 1
        self.pool = ThreadPoolExecutor(self.team)
        self.limits = threadpool_limits(1 if self.team > 1 else threads, user_api="blas")
        rng, m = np.random.default_rng(0), workload.batch
        dtype = data.X.dtype
        self.sizes = np.array(workload.sizes, dtype=np.int64)
        self.W = np.concatenate([W.ravel() for W in data.weights])
        self.A = rng.normal(size=m * sum(workload.sizes)).astype(dtype)
        self.D = rng.normal(size=m * sum(workload.sizes[1:])).astype(dtype)
        if workload.optimizer == "sgd":
            # W := W - eta/m A^T D in place, with an eta that leaves W where it is.
            self.G, self.alpha, self.beta = self.W, -1e-20, 1.0
        else:
            self.G, self.alpha, self.beta = np.zeros_like(self.W), 1.0 / m, 0.0

    def epochs(self, count):
        steps = round(count * self.workload.steps)
        calls = [self.pool.submit(self._run, steps, thread) for thread in range(1, self.team)]
        self._run(steps, 0)
        for call in calls:
            call.result()

    def _run(self, steps, thread):
        floor.run(
            self.sizes, self.workload.batch, self.W, self.G, self.A, self.D, self.alpha, self.beta,
            int(self.workload.sparse), steps, thread, self.team,
        )  # fmt: skip

    def first_steps(self):
        """One step; each share twice, since at first it may come before what it builds on."""
        before = self.G, self.alpha, self.beta
        self.G, self.alpha, self.beta = np.zeros_like(self.W), 1.0, 0.0
        for _ in range(2):
            for thread in range(self.team):
                self._run(1, thread)
        self.products = self.G
        self.G, self.alpha, self.beta = before

    def reset(self):
        pass

    def epoch_in_order(self):
        self._run(1, 0)

    def parameters(self):
        """The gradients of the first step."""
        return self.products

    def expected(self):
        """The same by NumPy, from the same A_0, W and D_L."""
        m, sizes = self.workload.batch, self.workload.sizes
        products, start = [], 0
        layers = []
        for n_in, n_out in self.workload.layers:
            layers.append(self.W[start : start + n_in * n_out].reshape(n_in, n_out))
            start += n_in * n_out
        a = [self.A[: m * sizes[0]].reshape(m, sizes[0])]
        for W in layers[:-1]:
            a.append(a[-1] @ W)
        if self.workload.sparse:
            a[1] = self.A[m * sizes[0] :][: m * sizes[1]].reshape(m, sizes[1])
        d = self.D[-m * sizes[-1] :].reshape(m, sizes[-1])
        for W, rows in zip(reversed(layers), reversed(a), strict=True):
            products.append(rows.T @ d)
            d = d @ W.T
        if self.workload.sparse:
            products[-1][...] = 0.0
        return np.concatenate([product.ravel() for product in reversed(products)])
