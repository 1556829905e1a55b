"""JAX on the CPU: an epoch is one compiled `lax.scan`, batches gathered inside, buffers donated."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from workloads import BETA_1, BETA_2, CHECK_STEPS, EPSILON, MOMENTUM, STORED_PER_ROW, flat

from peers import Runner


def _rows(x, rows):
    return x.at[rows].get(mode="promise_in_bounds")


class Peer(Runner):
    version = jax.__version__

    @staticmethod
    def forms(workload, threads, most):
        return dict.fromkeys(("scan", "scan unrolled by 5"), f"{threads}")

    def __init__(self, workload, data, form, threads):
        jax.config.update("jax_enable_x64", data.X.dtype == np.float64)
        self.workload, self.data = workload, data
        self.rng = np.random.default_rng(0)
        if workload.sparse:
            self.inputs = tuple(
                jnp.asarray(part.reshape(-1, STORED_PER_ROW))
                for part in (data.X.indices, data.X.data)
            )
        else:
            self.inputs = (jnp.asarray(data.X),)
        self.targets = jnp.asarray(data.y)
        unroll = 5 if form == "scan unrolled by 5" else 1
        self.epoch = jax.jit(partial(self._epoch, unroll=unroll), donate_argnums=0)
        self.reset()

    def loss(self, parameters, inputs, targets):
        act = jax.nn.relu if self.workload.activation == "relu" else jax.nn.sigmoid
        layers = list(parameters)
        if self.workload.sparse:
            columns, values = inputs
            W, b = layers.pop(0)
            a = act(jnp.einsum("mk,mkh->mh", values, _rows(W, columns)) + b)
        else:
            (a,) = inputs
        for W, b in layers[:-1]:
            a = act(a @ W + b)
        W, b = layers[-1]
        z = a @ W + b
        if self.workload.output == "softmax":
            return -jnp.take_along_axis(jax.nn.log_softmax(z), targets[:, None], axis=1).mean()
        return 0.5 * jnp.square(z - targets).sum(axis=1).mean()

    def _step(self, inputs, targets, state, rows):
        parameters, means, squares, t = state
        batch = tuple(_rows(x, rows) for x in inputs)
        loss, g = jax.value_and_grad(self.loss)(parameters, batch, _rows(targets, rows))
        w, each = self.workload, jax.tree.map
        if w.optimizer == "sgd":
            parameters = each(lambda p, g: p - w.learning_rate * g, parameters, g)
        elif w.optimizer == "momentum":
            means = each(lambda v, g: MOMENTUM * v - w.learning_rate * g, means, g)
            parameters = each(jnp.add, parameters, means)
        else:
            t = t + 1
            rate = w.learning_rate * jnp.sqrt(1 - BETA_2**t) / (1 - BETA_1**t)
            means = each(lambda m, g: BETA_1 * m + (1 - BETA_1) * g, means, g)
            squares = each(lambda v, g: BETA_2 * v + (1 - BETA_2) * g * g, squares, g)
            parameters = each(
                lambda p, m, v: p - rate * m / (jnp.sqrt(v) + EPSILON), parameters, means, squares
            )
        return (parameters, means, squares, t), loss

    def _epoch(self, state, inputs, targets, order, unroll):
        step = partial(self._step, inputs, targets)
        state, losses = jax.lax.scan(
            step, state, order.reshape(-1, self.workload.batch), unroll=unroll
        )
        return state, losses.mean()

    def epochs(self, count):
        for _ in range(count):
            self._run(self.rng.permutation(self.workload.rows))
        jax.block_until_ready(self.state)

    def first_steps(self):
        self._run(np.arange(CHECK_STEPS * self.workload.batch))

    def _run(self, order):
        self.state, _ = self.epoch(self.state, self.inputs, self.targets, order.astype(np.int32))

    def reset(self):
        pairs = zip(self.data.weights, self.data.biases, strict=True)
        # Copies: the epoch is given these buffers to overwrite.
        parameters = [(jnp.array(W), jnp.array(b)) for W, b in pairs]
        zeros = partial(jax.tree.map, jnp.zeros_like, parameters)
        t = jnp.zeros((), dtype=self.data.X.dtype)
        adam, momentum = (self.workload.optimizer == name for name in ("adam", "momentum"))
        self.state = (
            parameters, zeros() if adam or momentum else (), zeros() if adam else (), t,
        )  # fmt: skip

    def parameters(self):
        parameters = self.state[0]
        return flat([W for W, _ in parameters], [b for _, b in parameters])
