"""
Three ways to descend
=====================

Batch gradient descent takes all examples for one step, stochastic descent takes one, mini-batch
descent a few. Which is best depends on what you count: epochs, gradients or seconds.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from cbackprop import SGD, Network

X, y = load_digits(return_X_y=True)
X, y = np.float32(X / 16), y
X_train, y_train, X_test, y_test = X[:1500], y[:1500], X[1500:], y[1500:]

# %%
# The same network, from the same weights
# ---------------------------------------
#
# Each way has a learning rate that suits it, about the best of a few tried: a step that averages
# many examples is less noisy, and can be longer. Batch descent is given more epochs, since it
# takes one step in each.

ways = {
    "batch": {"batch_size": None, "optimizer": SGD(2.0), "epochs": 600},
    "mini-batch of 10": {"batch_size": 10, "optimizer": SGD(0.5), "epochs": 30},
    "stochastic": {"batch_size": 1, "optimizer": SGD(0.1), "epochs": 10},
}
start = Network(
    [64, 30, 10],
    activation="logistic",
    output_activation="logistic",
    loss="binary_log_loss",
    init="scaled_normal",
    dtype=np.float32,
    random_state=0,
)
start.copy().fit(X_train, y_train, epochs=1)  # once before the clock runs

histories = {}
for name, way in ways.items():
    history = histories[name] = start.copy().fit(
        X_train, y_train, evaluation_data=(X_test, y_test), random_state=0, n_jobs=1, **way
    )
    steps = -(-len(X_train) // (way["batch_size"] or len(X_train))) * history.epochs
    print(
        f"{name:<17}{history.epochs:>4} epochs {steps:>6} steps {sum(history['seconds']):6.2f} s  "
        f"accuracy {history['evaluation_accuracy'][-1]:.3f}"
    )

# %%
# Against epochs, gradients and seconds
# -------------------------------------
#
# An epoch takes the gradient of each of the 1,500 examples once. Counted so, the smaller the
# batch, the faster it descends: more steps for the same look at the data. Counted in steps, each
# along the gradient of one batch, batch descent is ahead, since its gradients are exact. What you
# wait for is seconds, and there mini-batches win: one product of matrices for ten examples costs
# much less than ten products with a vector, and no epoch is spent on a single step.

fig, axes = plt.subplots(3, 1, figsize=(6.4, 9), sharey=True, layout="constrained")
for name, history in histories.items():
    epochs = np.arange(1, history.epochs + 1)
    batch_size = ways[name]["batch_size"] or len(X_train)
    counted = {
        "epochs of 1,500 gradients": epochs,
        "steps, a batch's gradient each": epochs * -(-len(X_train) // batch_size),
        "seconds of training": np.cumsum(history["seconds"]),
    }
    for ax, (what, along) in zip(axes, counted.items(), strict=True):
        ax.plot(along, history["evaluation_cost"], label=name)
        ax.set(xlabel=what, xscale="log")
axes[1].set(ylabel="cost of the test images", ylim=(0, 4))
axes[0].legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
plt.show()
