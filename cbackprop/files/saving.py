"""Save estimators, networks and optimizers to a file, and load them again: no pickle, no code.

What a file holds of a model, the model's own class says: see `cbackprop.files.registry`.
"""

from __future__ import annotations

from typing import Any

from cbackprop.files.atomic import PathLike
from cbackprop.files.container import reading, write
from cbackprop.files.registry import content_of, declared_tensors, model_from


def save(model: Any, path: PathLike) -> None:
    """Save an estimator, a network or an optimizer: what its ``save`` method does.

    Raises
    ------
    TypeError
        If it is of another class, a subclass included; if a parameter or a label cannot be kept.
    sklearn.exceptions.NotFittedError
        If it is an estimator that is not fitted.
    OSError
        If the file cannot be written; what was at `path` is then as it was.
    """
    write(path, *content_of(model))


def load(path: PathLike) -> Any:
    """Load what an estimator, a network or an optimizer was saved to, or a checkpoint.

    The model goes on exactly as if it had not been saved: ``partial_fit``, or ``fit`` of a warm
    start, gives the same numbers, bit for bit. From a checkpoint of a fit with early stopping
    comes the model with its best parameters so far.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    MLPClassifier, MLPRegressor, Network or optimizer
        An object of its own: nothing in it refers to the file.

    Raises
    ------
    OSError
        If the file cannot be read.
    ModelFileError
        A ValueError: if the file is damaged, not one of cbackprop's, or of a later format.

    Examples
    --------
    >>> import tempfile, os
    >>> import cbackprop
    >>> net = cbackprop.Network([2, 3, 1], random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "net.safetensors")
    ...     net.save(path)
    ...     again = cbackprop.load(path)
    >>> again.layer_sizes
    (2, 3, 1)
    >>> bool((again.parameters == net.parameters).all())
    True
    """
    with reading(path) as reader:
        declared = declared_tensors(reader.description)
        reader.declare(declared)
        names = "fit.best", "fit.average"  # what a fit in progress would end with
        return model_from(reader, next((name for name in names if name in declared), "parameters"))
