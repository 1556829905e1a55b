"""
The same numbers at three speeds
================================

Nielsen's book computes the gradient of a mini-batch in a loop over its examples, and suggests as
an exercise to compute it for all of them at once, with matrices. `cbackprop.reference` has both
in plain NumPy, next to the equations' names; `Network` has the second in compiled code. All three
compute the same.
"""

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from cbackprop import SGD, Network, reference

X, y = load_digits(return_X_y=True)
X, Y = X[:1000] / 16, np.eye(10)[y[:1000]]
batch, targets = X[:10], Y[:10]

net = Network(
    [64, 30, 10], activation="logistic", output_activation="logistic", init="normal", random_state=0
)
options = {"activation": "logistic", "output_activation": "logistic", "loss": "squared_error"}

# %%
# One mini-batch
# --------------

loop = reference.backprop_loop(net.weights, net.biases, batch, targets, **options)
matrix = reference.backprop(net.weights, net.biases, batch, targets, **options)
compiled = net.backprop(batch, targets)
for layer in range(2):
    differences = [
        np.abs(other[layer] - loop.weights[layer]).max()
        for other in (matrix.weights, compiled.weight_gradients)
    ]
    print(
        f"layer {layer + 1}: largest gradient {np.abs(loop.weights[layer]).max():.4f}; matrix and "
        f"compiled differ from the loop by {differences[0]:.0e} and {differences[1]:.0e}"
    )

# %%
# Three epochs
# ------------
#
# The rows are taken in the same order, so that the three end with the same weights.

epochs, order = 3, np.arange(len(X))
seconds, ends = {}, {}
for name, method in (("loop over examples", "examples"), ("matrix-based", "matrix")):
    weights, biases = [W.copy() for W in net.weights], [b.copy() for b in net.biases]
    began = perf_counter()
    reference.train(
        weights,
        biases,
        X,
        Y,
        optimizer=reference.SGD(learning_rate=3.0),
        epochs=epochs,
        batch_size=10,
        permutations=[order] * epochs,
        method=method,
        **options,
    )
    seconds[name], ends[name] = (perf_counter() - began) / epochs, weights

trained = net.copy()
history = trained.fit(
    X, Y, optimizer=SGD(learning_rate=3.0), epochs=epochs, batch_size=10, shuffle=False, n_jobs=1
)
seconds["compiled"], ends["compiled"] = min(history["seconds"]), trained.weights

for name, weights in ends.items():
    difference = np.abs(weights[0] - ends["compiled"][0]).max()
    print(f"{name:<20}{seconds[name] * 1e3:9.2f} ms an epoch, differs by {difference:.0e}")

# %%
# Three speeds
# ------------

fig, ax = plt.subplots(figsize=(7, 2.5), layout="constrained")
bars = ax.barh(list(seconds), [1e3 * s for s in seconds.values()])
ax.bar_label(bars, fmt="%.3g ms", padding=4)
ax.set(xscale="log", xlabel="milliseconds an epoch of 1,000 images, 64-30-10")
ax.invert_yaxis()
ax.margins(x=0.2)
plt.show()
