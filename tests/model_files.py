"""Write the model files of the format's present version, with what they must give for ever.

Run it once when `cbackprop.files.container.VERSION` grows, with the last cbackprop that writes that
version: ``python tests/model_files.py``. Files that are there are never written again.
"""

import json
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from sklearn.datasets import load_iris

from cbackprop import SGD, Adam, MLPClassifier, MLPRegressor, Network
from cbackprop.files import container

X, y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])
SETTINGS = {"hidden_layer_sizes": (3,), "max_iter": 4, "random_state": 0, "n_jobs": 1}
FOLDER = Path(__file__).parent / "data"
SPARSE = sp.csr_array(np.where(X > 1.5, X, 0))
SEVERAL = np.stack([y == 0, y > 0, X[:, 0] > 5.8], axis=1).astype(int)


def classifier(rows, labels, **more):
    return MLPClassifier(**{**SETTINGS, **more}).fit(rows, labels)


def regressor(rows, numbers, **more):
    return MLPRegressor(**{**SETTINGS, **more}).fit(rows, numbers)


def network():
    net = Network(
        [4, 3, 3], activation="tanh", output_activation="softmax", loss="log_loss", random_state=0
    )
    net.fit(X, y, epochs=2, random_state=0, n_jobs=1)
    return net


def optimizer(made):
    network().fit(X, y, optimizer=made, epochs=1, random_state=1, n_jobs=1)
    return made


# By name: how the model is made, and the data that it goes on with.
MODELS = {
    "classifier": (lambda: classifier(X, y), X, y),
    "strings": (lambda: classifier(X, NAMES[y], solver="sgd"), X, NAMES[y]),
    "objects": (lambda: classifier(X, NAMES[y // 2].astype(object)), X, NAMES[y // 2]),
    "multilabel": (lambda: classifier(X, SEVERAL), X, SEVERAL),
    "adaptive": (
        lambda: classifier(X, y, solver="sgd", learning_rate="adaptive", clip_norm=1.0),
        X,
        y,
    ),
    "lbfgs": (lambda: classifier(X, y, solver="lbfgs", warm_start=True), X, y),
    "early-stopping": (
        lambda: classifier(X, y, early_stopping=True, validation_fraction=0.2, warm_start=True),
        X,
        y,
    ),
    "sparse": (lambda: classifier(SPARSE, y), SPARSE, y),
    "float32": (lambda: classifier(X.astype("f4"), y), X.astype("f4"), y),
    "random-state": (
        lambda: classifier(X, y, random_state=np.random.RandomState(3)),
        X,
        y,
    ),
    "regressor": (lambda: regressor(X, X[:, :2]), X, X[:, :2]),
    "poisson": (lambda: regressor(X, y + 1.0, loss="poisson"), X, y + 1.0),
    "network": (network, X, y),
    "sgd": (lambda: optimizer(SGD(0.1, clip_value=0.5)), X, y),
    "momentum": (lambda: optimizer(SGD(0.05, 0.9, nesterov=True)), X, y),
    "adam": (lambda: optimizer(Adam(0.01, clip_norm=1.0)), X, y),
}


def goes_on(model, rows, targets):
    """What it gives at once, and its parameters after more training."""
    if isinstance(model, SGD | Adam):
        net = network()
        given = [] if model.state is None else model.state.ravel()
        net.fit(rows, targets, optimizer=model, epochs=2, random_state=2, n_jobs=1)
        return np.asarray(given), net.parameters
    if isinstance(model, Network):
        given = model.predict(rows[::30])
        model.fit(rows, targets, epochs=2, random_state=2, n_jobs=1)
        return given, model.parameters
    given = getattr(model, "predict_proba", model.predict)(rows[::30])
    more = model.fit if model.warm_start else model.partial_fit
    return given, more(rows, targets).network_.parameters


def main():
    folder = FOLDER / f"format-{container.VERSION}"
    folder.mkdir(exist_ok=True)
    for name, (make, rows, targets) in MODELS.items():
        path = folder / f"{name}.safetensors"
        if path.exists():
            continue
        model = make()
        model.save(path)
        given, parameters = goes_on(model, rows, targets)
        about = {"repr": repr(make()), "given": given.tolist(), "after": parameters.tolist()}
        if hasattr(model, "classes_"):
            about["classes"] = model.classes_.tolist()
        path.with_suffix(".json").write_text(json.dumps(about) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
