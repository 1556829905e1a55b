"""
A neuron that learns slowly because it is badly wrong
=====================================================

Chapter 3 of Nielsen's book begins with a single logistic neuron that is to answer the input 1 with
the output 0. Badly wrong at the start, it should learn fast; with the quadratic cost it learns
slowly. The cross-entropy puts that right.
"""

import matplotlib.pyplot as plt
import numpy as np

from cbackprop import SGD, Network
from cbackprop.plots import LossCurveDisplay

X, y = np.array([[1.0]]), np.array([[0.0]])
COSTS = {"squared_error": "quadratic cost", "binary_log_loss": "cross-entropy"}


def learn(loss, weight, bias, learning_rate):
    """The neuron's history, with its output after every step."""
    neuron = Network([1, 1], output_activation="logistic", loss=loss)
    neuron.weights[0], neuron.biases[0] = [[weight]], [bias]
    print(f"{COSTS[loss]}: from {neuron.predict(X)[0, 0]:.2f}", end=" ")
    history = neuron.fit(
        X,
        y,
        optimizer=SGD(learning_rate),
        epochs=300,
        evaluation_data=(X, y),
        metrics={"output": lambda y, outputs: float(outputs[0, 0])},
    )
    print(f"to {neuron.predict(X)[0, 0]:.2f}")
    return history


# %%
# Two beginnings
# --------------
#
# The book starts once with weight 0.6 and bias 0.9, so that the output is 0.82, and once with 2
# and 2, output 0.98. The learning rates are its own: 0.15 for the quadratic cost, 0.005 for the
# cross-entropy there, which makes the curves hard to compare; here both costs have 0.15.

fig, axes = plt.subplots(2, 2, figsize=(6.8, 6), sharex=True, sharey="row", layout="constrained")
for column, (weight, bias) in zip(axes.T, ((0.6, 0.9), (2.0, 2.0)), strict=True):
    for loss, name in COSTS.items():
        history = learn(loss, weight, bias, 0.15)
        LossCurveDisplay({name: history["evaluation_cost"]}, ylabel="cost").plot(column[0])
        LossCurveDisplay({name: history["evaluation_output"]}, ylabel="output").plot(column[1])
    column[0].set(title=f"weight {weight}, bias {bias}", xlabel="")
for ax in axes.flat:  # one for all
    ax.get_legend().remove()
fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
plt.show()

# %%
# On the right the quadratic cost hardly moves for a hundred steps: its gradient is
# :math:`(a - y) a (1 - a)`, and :math:`a (1 - a)` is next to nothing where the neuron is saturated.
# The cross-entropy's is :math:`a - y`: the more wrong, the faster.

a = np.linspace(0, 1, 201)
fig, ax = plt.subplots(layout="constrained")
ax.plot(a, a * a * (1 - a), label="quadratic cost: $(a - y)\\, a (1 - a)$")
ax.plot(a, a, label="cross-entropy: $a - y$")
ax.set(xlabel="output a, where y = 0 is wanted", ylabel="gradient dC/dz")
ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
plt.show()

# %%
# `Network.backprop` has the same numbers: the delta of the output, for the neuron that starts at
# 0.98.

for loss, name in COSTS.items():
    neuron = Network([1, 1], output_activation="logistic", loss=loss)
    neuron.weights[0], neuron.biases[0] = [[2.0]], [2.0]
    print(f"{name:<15} delta {neuron.backprop(X, y).deltas[-1][0, 0]:.4f}")
