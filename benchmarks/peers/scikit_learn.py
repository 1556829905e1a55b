"""scikit-learn: its estimators' own `fit`, so many epochs at once, never stopping early."""

from __future__ import annotations

import warnings

import numpy as np
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from workloads import BETA_1, BETA_2, CHECK_STEPS, EPSILON, MOMENTUM, flat

from peers import Runner


class Peer(Runner):
    version = sklearn.__version__

    def __init__(self, workload, data, form, threads):
        self.data = data
        estimator = MLPClassifier if workload.output == "softmax" else MLPRegressor
        self.model = estimator(
            hidden_layer_sizes=workload.sizes[1:-1],
            activation=workload.activation,
            solver="adam" if workload.optimizer == "adam" else "sgd",
            alpha=0.0,
            batch_size=workload.batch,
            learning_rate_init=workload.learning_rate,
            momentum=MOMENTUM if workload.optimizer == "momentum" else 0.0,
            nesterovs_momentum=False,
            beta_1=BETA_1,
            beta_2=BETA_2,
            epsilon=EPSILON,
            tol=0.0,
            n_iter_no_change=np.inf,
            random_state=0,
            warm_start=True,
        )
        self.first_steps()
        self.reset()

    def _fit(self, X, y, epochs, shuffle):
        # A warm start goes on from the parameters at hand, with a new optimizer.
        self.model.set_params(max_iter=epochs, shuffle=shuffle)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.model.fit(X, y)
        if self.model.n_iter_ != epochs:
            raise RuntimeError(f"stopped after {self.model.n_iter_} of {epochs} epochs")

    def epochs(self, count):
        self._fit(self.data.X, self.data.y, count, shuffle=True)

    def first_steps(self):
        rows = CHECK_STEPS * self.model.batch_size
        self._fit(self.data.X[:rows], self.data.y[:rows], 1, shuffle=False)

    def reset(self):
        pairs = [(self.model.coefs_, self.data.weights), (self.model.intercepts_, self.data.biases)]
        for own, initial in pairs:
            for parameter, values in zip(own, initial, strict=True):
                parameter[...] = values

    def parameters(self):
        return flat(self.model.coefs_, self.model.intercepts_)
