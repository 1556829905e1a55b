"""
Is the gradient right?
======================

The gradient says how fast the cost rises when one weight is moved a little. That can be measured
without any backpropagation: move the weight, compute the cost again, divide. It takes two
evaluations of the cost for each weight, where backpropagation takes one pass forward and one
back for all of them. Too slow to train with, but the perfect judge: it knows nothing of the chain
rule, so it cannot make the same mistakes.
"""

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np

from cbackprop import Network

rng = np.random.default_rng(0)
X, y = rng.normal(size=(20, 50)), rng.integers(10, size=20)
net = Network(
    [50, 30, 10],
    activation="logistic",
    output_activation="logistic",
    loss="binary_log_loss",
    random_state=0,
)

# %%
# By numerical evaluation
# -----------------------
#
# The two-sided difference :math:`(C(w + h) - C(w - h)) / 2h`, for one weight after another. The
# views ``net.weights`` and the vector ``net.parameters`` are the network itself: it computes with
# what is written there.


def numerical_gradient(h, which):
    """dC/dw of these parameters, from two costs each."""
    slopes = []
    for i in which:
        here = net.parameters[i]
        net.parameters[i] = here + h
        above = net.loss(X, y)
        net.parameters[i] = here - h
        below = net.loss(X, y)
        net.parameters[i] = here
        slopes.append((above - below) / (2 * h))
    return np.array(slopes)


n_parameters = net.parameters.size
began = perf_counter()
numerical = numerical_gradient(1e-5, range(n_parameters))
slow = perf_counter() - began
print(f"{2 * n_parameters} costs for {n_parameters} parameters: {slow * 1e3:.1f} ms")

# %%
# By backpropagation
# ------------------

began = perf_counter()
for _ in range(100):
    gradient = net.gradient(X, y)
fast = (perf_counter() - began) / 100
print(f"one pass forward, one back: {fast * 1e3:.3f} ms, {slow / fast:.0f} times as fast")
print(f"largest difference between the two: {np.abs(gradient - numerical).max():.1e}")

# %%
# A network of a million weights makes the point, as in chapter 2 of Nielsen's book. Nobody waits
# for two million costs, so a few are measured, and multiplied.

large = Network(
    [784, 1200, 40, 10],
    activation="logistic",
    output_activation="logistic",
    loss="binary_log_loss",
    random_state=0,
)
image, digit = rng.random((1, 784)), np.array([3])
large.loss(image, digit), large.gradient(image, digit)  # once before the clock runs
began = perf_counter()
for _ in range(10):
    large.loss(image, digit)
one_cost = (perf_counter() - began) / 10
began = perf_counter()
for _ in range(10):
    large.gradient(image, digit)
one_gradient = (perf_counter() - began) / 10
many = 2 * large.parameters.size
print(
    f"{many / 1e6:.1f} million costs of {one_cost * 1e3:.2f} ms: {many * one_cost / 60:.0f} "
    f"minutes; backpropagation: {one_gradient * 1e3:.1f} ms"
)

# %%
# How small a step?
# -----------------
#
# The difference leaves out terms of the order :math:`h^2`, so a smaller step is better, until
# rounding takes over: the cost is known to 16 digits, and what is left of them after the
# subtraction is divided by an ever smaller h. One-sided differences leave out terms of the order h,
# and never get as close.

steps = np.logspace(0, -12, 37)
some = rng.choice(n_parameters, 60, replace=False)
here = net.loss(X, y)


def one_sided(h):
    """(C(w + h) - C(w)) / h."""
    slopes = []
    for i in some:
        before = net.parameters[i]
        net.parameters[i] = before + h
        slopes.append((net.loss(X, y) - here) / h)
        net.parameters[i] = before
    return np.array(slopes)


fig, ax = plt.subplots(layout="constrained")
for label, method in (
    ("two-sided", lambda h: numerical_gradient(h, some)),
    ("one-sided", one_sided),
):
    errors = [np.abs(method(h) - gradient[some]).max() for h in steps]
    ax.loglog(steps, errors, ".-", label=label)
ax.set(xlabel="step h", ylabel="largest error of a component", title="60 of the parameters")
ax.invert_xaxis()
ax.legend()
plt.show()

# %%
# ``check_gradient``
# ------------------
#
# `Network.check_gradient` does all this in one call, with h = 1e-6 times the parameter's size if
# that is above 1, close to the bottom of the curve: every parameter is moved up and down, in
# float64 whatever the network's dtype, and the largest difference from the gradient is divided by
# the gradient's largest component. About 1e-9 means that forward and backward pass agree; 1e-2
# means a mistake, or a relu whose kink lies within the step.

print(f"{net.check_gradient(X, y):.1e} in float64")
print(f"{net.astype(np.float32).check_gradient(X, y):.1e} for the gradient in float32")
