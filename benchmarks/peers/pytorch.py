"""PyTorch on the CPU: eager with each kind of optimizer, a compiled loss, a compiled step."""

from __future__ import annotations

import os
import shutil

import numpy as np
import torch
import torch.nn.functional as F
from workloads import BETA_1, BETA_2, CHECK_STEPS, EPSILON, MOMENTUM, STORED_PER_ROW, flat

from peers import Runner

EAGER = {
    "eager": {"foreach": False, "fused": False},
    "eager, foreach": {"foreach": True},
    "eager, fused": {"fused": True},
}
COMPILED_LOSS, COMPILED_STEP = "compiled loss, fused", "compiled step"


class Peer(Runner):
    """No modules, no data loader; weights (fan_out, fan_in), as `torch.nn.Linear` keeps them."""

    version = torch.__version__
    divisible = True

    @staticmethod
    def forms(workload, threads, most):
        names = list(EAGER)
        if shutil.which(os.environ.get("CXX", "g++")) or shutil.which("clang++"):
            names += [COMPILED_LOSS, COMPILED_STEP]
        return dict.fromkeys(names, f"{threads}")

    def __init__(self, workload, data, form, threads):
        torch.set_num_threads(threads)
        self.workload, self.data = workload, data
        y = data.y.astype(np.int64) if workload.output == "softmax" else data.y
        self.targets = torch.from_numpy(y)
        if workload.sparse:
            # As many values stored in every row: an embedding bag is the fast form.
            columns = data.X.indices.reshape(-1, STORED_PER_ROW)
            values = data.X.data.reshape(-1, STORED_PER_ROW)
            self.inputs = (torch.from_numpy(columns), torch.from_numpy(values))
        else:
            self.inputs = (torch.from_numpy(data.X),)
        self.parameter_list = [
            torch.from_numpy(np.ascontiguousarray(p))
            for layer, (W, b) in enumerate(zip(data.weights, data.biases, strict=True))
            for p in (W.copy() if workload.sparse and layer == 0 else W.T.copy(), b.copy())
        ]
        self.initial = [p.clone() for p in self.parameter_list]
        make = self._whole_step if form == COMPILED_STEP else self._eager_step
        self.step = make(form)

    @staticmethod
    def forget():
        torch._dynamo.reset()

    def loss(self, parameters, inputs, targets):
        act = torch.relu if self.workload.activation == "relu" else torch.sigmoid
        if self.workload.sparse:
            columns, values = inputs
            a = F.embedding_bag(columns, parameters[0], per_sample_weights=values, mode="sum")
            a = act(a + parameters[1])
            rest = parameters[2:]
        else:
            (a,), rest = inputs, parameters
        for i in range(0, len(rest), 2):
            a = F.linear(a, rest[i], rest[i + 1])
            if i + 2 < len(rest):
                a = act(a)
        if self.workload.output == "softmax":
            return F.cross_entropy(a, targets)
        # Half the sum over the outputs, meaned over the rows: for two outputs the mean of all.
        return F.mse_loss(a, targets) * (a.shape[1] / 2)

    def _batch(self, inputs, targets, rows):
        return tuple(x.index_select(0, rows) for x in inputs), targets.index_select(0, rows)

    def _eager_step(self, form):
        for p in self.parameter_list:
            p.requires_grad_(True)
        w, options = self.workload, EAGER.get(form, {"fused": True})
        if w.optimizer == "adam":
            self.optimizer = torch.optim.Adam(
                self.parameter_list, w.learning_rate, (BETA_1, BETA_2), EPSILON, **options
            )
        else:
            momentum = MOMENTUM if w.optimizer == "momentum" else 0.0
            self.optimizer = torch.optim.SGD(
                self.parameter_list, w.learning_rate, momentum, **options
            )

        def loss_of_rows(parameters, inputs, targets, rows):
            return self.loss(parameters, *self._batch(inputs, targets, rows))

        if form == COMPILED_LOSS:
            loss_of_rows = torch.compile(loss_of_rows)

        def step(rows):
            self.optimizer.zero_grad(set_to_none=True)
            loss_of_rows(self.parameter_list, self.inputs, self.targets, rows).backward()
            self.optimizer.step()

        return step

    def _whole_step(self, form):
        self.optimizer = None
        self.means = [torch.zeros_like(p) for p in self.parameter_list]
        self.squares = [torch.zeros_like(p) for p in self.parameter_list]
        # One element, not none: the C++ wrapper loses what is written to a 0-dimensional tensor.
        self.t = torch.zeros(1, dtype=torch.float64)
        gradients_of = torch.func.grad(self.loss)

        def step(parameters, means, squares, t, inputs, targets, rows):
            gradients = gradients_of(parameters, *self._batch(inputs, targets, rows))
            self._update(parameters, gradients, means, squares, t)

        # The C++ wrapper makes calls cheaper; embedding bags go through Python in it.
        compiled = torch.compile(step, options={"cpp_wrapper": not self.workload.sparse})

        def on_rows(rows):
            with torch.no_grad():
                compiled(
                    self.parameter_list, self.means, self.squares, self.t, self.inputs,
                    self.targets, rows,
                )  # fmt: skip

        return on_rows

    def _update(self, parameters, gradients, means, squares, t):
        w = self.workload
        if w.optimizer == "adam":
            now = t + 1.0
            t.copy_(now)
            rate = w.learning_rate * (1.0 - BETA_2**now).sqrt() / (1.0 - BETA_1**now)
            rate = rate.to(parameters[0].dtype)
        for p, g, mean, square in zip(parameters, gradients, means, squares, strict=True):
            if w.optimizer == "sgd":
                p.sub_(g, alpha=w.learning_rate)
            elif w.optimizer == "momentum":
                mean.mul_(MOMENTUM).add_(g)
                p.sub_(mean, alpha=w.learning_rate)
            else:
                mean.mul_(BETA_1).add_(g, alpha=1.0 - BETA_1)
                square.mul_(BETA_2).addcmul_(g, g, value=1.0 - BETA_2)
                p.sub_(rate * mean / (square.sqrt() + EPSILON))

    def epochs(self, count):
        left = round(count * self.workload.steps)
        while left > 0:
            order = torch.randperm(self.workload.rows).split(self.workload.batch)
            for rows in order[:left]:
                self.step(rows)
            left -= len(order)

    def first_steps(self):
        """`torch.optim.Adam` adds epsilon after the bias correction, the others before."""
        order = torch.arange(CHECK_STEPS * self.workload.batch)
        for t, rows in enumerate(order.split(self.workload.batch), 1):
            self._set_epsilon(EPSILON / (1.0 - BETA_2**t) ** 0.5)
            self.step(rows)
        self._set_epsilon(EPSILON)

    def _set_epsilon(self, epsilon):
        if self.optimizer is not None:
            for group in self.optimizer.param_groups:
                if "eps" in group:
                    group["eps"] = epsilon

    def reset(self):
        with torch.no_grad():
            for p, initial in zip(self.parameter_list, self.initial, strict=True):
                p.copy_(initial)
        if self.optimizer is not None:
            self.optimizer.state.clear()
        else:
            for state in (*self.means, *self.squares, self.t):
                state.zero_()

    def parameters(self):
        own = [p.detach().numpy() for p in self.parameter_list]
        first = own[0] if self.workload.sparse else own[0].T
        return flat([first, *(W.T for W in own[2::2])], own[1::2])
