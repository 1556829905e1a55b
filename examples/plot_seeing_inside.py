"""
Seeing inside: the gradient that vanishes
=========================================

Nothing that the compiled code computes is hidden. Here a network is looked at layer by layer, and
then followed over its training, to see what chapter 5 of Nielsen's book tells: in a deep network
of logistic units the first layers learn much more slowly than the last.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from cbackprop import SGD, Network
from cbackprop.plots import AccuracyCurveDisplay, GradientNormsDisplay

X, y = load_digits(return_X_y=True)
X = X / 16
X_train, y_train, X_test, y_test = X[:1500], y[:1500], X[1500:], y[1500:]


def deep(activation):
    """Four hidden layers of 30."""
    init = "scaled_normal" if activation == "logistic" else "glorot_uniform"
    return Network(
        [64, 30, 30, 30, 30, 10],
        activation=activation,
        output_activation="logistic",
        loss="binary_log_loss",
        init=init,
        random_state=0,
    )


net = deep("logistic")
print(net.summary())

# %%
# One pass
# --------
#
# `Network.backprop` returns the activations of every layer, the deltas, which are the derivatives
# of each image's cost by the weighted inputs z, and the gradients.

inside = net.backprop(X_train[:10], y_train[:10])
print(f"cost {inside.loss:.3f}")
for i, (activations, deltas, gradient) in enumerate(
    zip(inside.activations[1:], inside.deltas, inside.weight_gradients, strict=True), start=1
):
    print(
        f"layer {i}: activations {activations.min():.2f} to {activations.max():.2f}, "
        f"deltas of size {np.abs(deltas).mean():.1e}, "
        f"gradient of length {np.linalg.norm(gradient):.1e}"
    )

# %%
# The deltas shrink from layer to layer on their way back: each step multiplies them by
# :math:`f'(z)`, at most :math:`\frac14`, and by a weight. So do the gradients:

fig, ax = plt.subplots(layout="constrained")
ax.boxplot([np.abs(deltas).ravel() for deltas in inside.deltas], showfliers=False)
ax.set(xlabel="layer", ylabel="size of its deltas", yscale="log", title="before training")
plt.show()

# %%
# Over the training
# -----------------
#
# ``gradient_norms=True`` records the length of each layer's gradient after every epoch.

nets, histories = {}, {}
for activation, learning_rate in (("logistic", 0.5), ("relu", 0.05)):
    nets[activation] = deep(activation)
    histories[activation] = nets[activation].fit(
        X_train,
        y_train,
        optimizer=SGD(learning_rate),
        epochs=60,
        evaluation_data=(X_test, y_test),
        gradient_norms=True,
        random_state=0,
    )
fig, axes = plt.subplots(2, 1, figsize=(6.4, 7), sharex=True, layout="constrained")
for ax, (activation, history) in zip(axes, histories.items(), strict=True):
    GradientNormsDisplay.from_history(history, ax=ax)
    ax.set_title(f"{activation} units")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
axes[0].set_xlabel("")
plt.show()

# %%
# With logistic units the first layer's gradient is a hundredth of the last one's, and for many
# epochs nothing is learnt, until the first layers have found their way. With relu units, whose
# derivative is 1 where they are active, the layers stay together.
#
# Why is layer 1 on top from epoch 15 on? A gradient is made of two things, says BP4: of the
# activations that come in, and of the deltas. By then the weights have grown, so that each step
# back multiplies by more than it did, and the deltas of all layers are about equally large. But
# into layer 1 come the images, and they are the longest. At the end of the training:

inside = nets["logistic"].backprop(X_train, y_train)
for i, (activations, deltas) in enumerate(
    zip(inside.activations, inside.deltas, strict=False), start=1
):
    print(
        f"layer {i}: length of what comes in {np.linalg.norm(activations, axis=1).mean():.1f}, "
        f"of the deltas {np.linalg.norm(deltas, axis=1).mean():.1e}"
    )

# %%
# And what came of it?
# --------------------

fig, ax = plt.subplots(layout="constrained")
for activation, history in histories.items():
    AccuracyCurveDisplay.from_history(history, ax=ax, name=activation)
ax.set(ylabel="accuracy on the test images", title="five layers, by their activation")
plt.show()
