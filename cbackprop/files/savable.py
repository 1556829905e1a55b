"""What can be saved: the method `save` of estimators, networks and optimizers."""

from __future__ import annotations

from cbackprop.files.atomic import PathLike
from cbackprop.files.container import write
from cbackprop.files.registry import content_of


class Savable:
    """An object that `cbackprop.load` makes again from the file it was saved to."""

    def save(self, path: PathLike) -> None:
        """Save to one safetensors file, from which `cbackprop.load` makes the same object.

        Parameters
        ----------
        path : str or path-like
            The file. It is replaced as a whole or not at all; a symbolic link is followed.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If this is an estimator that is not fitted.
        TypeError
            If a label or a parameter is an object that cannot be saved, or this object is of a
            subclass.
        OSError
            If the file cannot be written; what was at `path` is then as it was.
        """
        write(path, *content_of(self))
