"""cbackprop: whole epochs from `training.epochs`, with all that an epoch costs."""

from __future__ import annotations

import numpy as np
from workloads import BETA_1, BETA_2, CHECK_STEPS, EPSILON, MOMENTUM, flat

import cbackprop
from cbackprop import SGD, Adam, Network, training
from peers import Runner

OUTPUTS = {
    "softmax": {"output_activation": "softmax", "loss": "log_loss"},
    "squared_error": {"output_activation": "identity", "loss": "squared_error"},
}


class Peer(Runner):
    version = cbackprop.__version__

    @staticmethod
    def forms(workload, threads, most):
        forms = {f"n_jobs={threads}": f"{threads}"}
        if threads == most:
            forms["n_jobs=None"] = "auto"
        return forms

    def __init__(self, workload, data, form, threads):
        self.workload, self.data = workload, data
        self.n_jobs = None if form == "n_jobs=None" else threads
        self.network = Network(
            workload.sizes,
            activation=workload.activation,
            dtype=data.X.dtype,
            **OUTPUTS[workload.output],
        )
        self.reset()
        self.shuffled = self._epochs(rng=np.random.RandomState(0))

    def _epochs(self, **order):
        return training.epochs(
            self.network,
            self.data.X,
            self.data.y,
            self.optimizer,
            batch_size=self.workload.batch,
            max_epochs=10**9,
            n_jobs=self.n_jobs,
            **order,
        )

    def epochs(self, count):
        for _ in range(count):
            next(self.shuffled)

    def first_steps(self):
        next(self._epochs(rng=None, rows=np.arange(CHECK_STEPS * self.workload.batch)))

    def reset(self):
        self.network.weights, self.network.biases = self.data.weights, self.data.biases
        if not hasattr(self, "optimizer"):
            w = self.workload
            self.optimizer = {
                "sgd": lambda: SGD(w.learning_rate),
                "momentum": lambda: SGD(w.learning_rate, MOMENTUM),
                "adam": lambda: Adam(w.learning_rate, BETA_1, BETA_2, EPSILON),
            }[w.optimizer]()
        elif self.optimizer.state is not None:
            # The epochs in progress hold on to the state vectors.
            self.optimizer.state[...] = 0.0
        self.optimizer.n_steps = 0

    def parameters(self):
        return flat(self.network.weights, self.network.biases)
