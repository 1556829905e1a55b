"""
A tour, as a notebook
=====================

From data to a model that is saved, loaded and exported: one pipeline goes all the way. At the end
of this page it can be had as a Jupyter notebook, to be run after
``pip install "cbackprop[notebook]"`` (in a checkout: ``pip install ".[notebook]"``).
"""

# %%
# Fit a pipeline
# --------------
#
# Breast cancer from 30 measurements of cell nuclei, 569 samples. Networks want inputs of one scale;
# early stopping holds a tenth of the rows out and keeps the parameters that did best there. In a
# notebook or a terminal `Progress` shows epoch, loss, score, learning rate and the time left. What
# is shown below the cell is the fitted pipeline: click on a step to see its parameters.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import cbackprop
from cbackprop import MLPClassifier, Progress
from cbackprop.plots import AccuracyCurveDisplay, LossCurveDisplay

data = load_breast_cancer()
X_train, X_test, y_train, y_test = train_test_split(
    data.data, data.target_names[data.target], random_state=0, stratify=data.target
)
model = make_pipeline(
    StandardScaler(),
    MLPClassifier(
        (32,), learning_rate_init=0.003, early_stopping=True, n_iter_no_change=30, random_state=0
    ),
)
model.fit(X_train, y_train, mlpclassifier__callbacks=[Progress()])

# %%
# How well does it do?

clf = model[-1]
print(f"{clf.n_iter_} epochs, test accuracy {model.score(X_test, y_test):.3f}")

# %%
# Look at the curves
# ------------------

fig, (above, below) = plt.subplots(2, 1, figsize=(6.4, 6), sharex=True, layout="constrained")
LossCurveDisplay.from_estimator(clf, ax=above)
AccuracyCurveDisplay.from_estimator(clf, ax=below)
above.set(xlabel="", title="one fit, epoch by epoch")
plt.show()

# %%
# Look at the network
# -------------------
#
# Behind the estimator is a `Network`: two layers of weights in one flat vector. The numerical
# gradient agrees with the one that backpropagation computes.

network = clf.network_
network.summary()

# %%
rows, labels = model[:-1].transform(X_test[:5]), (y_test[:5] == clf.classes_[1]).astype(float)
print(f"relative difference of the two gradients: {network.check_gradient(rows, labels):.1e}")

# %%
# Save and load
# -------------
#
# One safetensors file, with a checksum, and nothing in it that could run. The model that comes back
# goes on exactly where the saved one was.

import tempfile
from pathlib import Path

folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "tumours.safetensors"
clf.save(path)
again = cbackprop.load(path)
print(f"{path.stat().st_size:,} bytes")
print(np.array_equal(again.coefs_[0], clf.coefs_[0]))

# %%
# Export to ONNX
# --------------
#
# `cbackprop.onnx.register` teaches skl2onnx our estimators; the whole pipeline becomes one ONNX
# model, that runs where there is no Python. It works in float32, so the probabilities agree to
# about seven digits.

import onnxruntime
from skl2onnx import to_onnx

import cbackprop.onnx

cbackprop.onnx.register()
exported = to_onnx(model, X_test[:1].astype(np.float32), options={"zipmap": False})
session = onnxruntime.InferenceSession(
    exported.SerializeToString(), providers=["CPUExecutionProvider"]
)
rows = X_test.astype(np.float32)
labels, probabilities = session.run(None, {session.get_inputs()[0].name: rows})
print("labels agree:", np.array_equal(labels, model.predict(rows)))
print(f"largest difference: {np.abs(probabilities - model.predict_proba(rows)).max():.1e}")
folder.cleanup()
