"""A loss of one's own: a Python function of whole mini-batches, or a C function of rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop.engine import run
from cbackprop.engine.own import SIGNATURE, signature_of
from cbackprop.functions.loss import Loss

FAR = 1e100  # z beyond this is that of a fit that diverges: its losses may overflow


@dataclass(frozen=True)
class Custom(Loss):
    """A function as the loss of identity outputs; ``loss=function`` means the same.

    Parameters
    ----------
    function : callable or scipy.LowLevelCallable
        In Python: called with z (m, k), the outputs of m rows, their y (m, k) and weight, (m,) or
        None; all float64. It returns the losses (m,), not weighted, and their derivatives by z
        (m, k). It is called once for every mini-batch (or for every block of rows of one too large
        for the cache), and where a loss is asked for, by one thread alone: `n_jobs` must be None,
        1 or -1, and is 1. An error in it ends the fit, which leaves everything as it was.

        In C, made by numba's ``cfunc``, cffi, ctypes or Cython, of exactly the signature
        ``double (double *, double *, double, double *, int, void *)``: a row's z and y, its
        weight, where to write the derivative, how many outputs k there are, and the
        LowLevelCallable's user data. It returns the row's loss; loss and derivative are not
        weighted. It is called for every row without Python's lock, by several threads.

    Notes
    -----
    A y of one column is repeated for every output. Files cannot hold code: `save` and `Checkpoint`
    refuse the loss. A LowLevelCallable cannot be copied, which ``clone`` does: wrap it in this.

    Examples
    --------
    >>> import numpy as np
    >>> from cbackprop import Network
    >>> def fourth_power(z, y, weight):
    ...     return ((z - y) ** 4).sum(axis=1), 4 * (z - y) ** 3
    >>> net = Network([2, 3, 1], activation="tanh", loss=fourth_power, random_state=0)
    >>> net.check_gradient(np.eye(2), [1.0, 2.0]) < 1e-7
    True
    """

    function: Any
    name = "custom"
    title = "custom loss"

    def __post_init__(self) -> None:
        signature = signature_of(self.function)
        if signature is None and not callable(self.function):
            raise TypeError(
                "a custom loss must be a function of (z, y, weight), or a LowLevelCallable, got "
                f"{self.function!r}"
            )
        if signature not in (None, SIGNATURE):
            raise TypeError(f"a loss in C must have the signature {SIGNATURE!r}, got {signature!r}")

    @property
    def outputs(self) -> list[str]:
        """The identity: z is what the function is given."""
        return ["identity"]

    def code(self, output_activation: str) -> int:
        """That of the squared error: what the engine does but for the loss itself."""
        if output_activation != "identity":
            raise ValueError(
                "a custom loss goes with the output activation 'identity', got "
                f"{output_activation!r}: take the activation into the function"
            )
        return run.OUTPUTS["identity", "squared_error"]

    @property
    def function_in_engine(self) -> Any:
        """What is called: in C as it is, in Python checked."""
        return self.function if signature_of(self.function) else _Checked(self.function)

    def spread(self, y: NDArray, n_outputs: int) -> NDArray:
        """One column, for each output."""
        return np.repeat(y, n_outputs, axis=1) if y.shape[1] == 1 < n_outputs else y

    def __deepcopy__(self, memo: Any) -> Custom:
        return self  # as functions are


class _Checked:
    """The function, and a look at what it returns."""

    def __init__(self, function: Callable):
        self.function = function

    def __call__(
        self, z: NDArray, y: NDArray, weight: NDArray | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        sound = bool((np.abs(z) < FAR).all())  # otherwise training has gone wrong, not the function
        m, shape = z.shape[0], z.shape
        returned = self.function(z, y, weight)
        if not isinstance(returned, tuple | list) or len(returned) != 2:
            raise TypeError(
                f"a custom loss must return two arrays, values and derivatives, got {returned!r}"
            )
        checked = []
        for what, given, wanted in zip(
            ("values", "derivatives"), returned, ((m,), shape), strict=True
        ):
            array = np.asarray(given)
            if array.dtype.kind not in "biuf" or array.shape != wanted:
                raise ValueError(
                    f"a custom loss must return {what} of shape {wanted}, numbers, for z of shape "
                    f"{shape}, got shape {array.shape} and dtype {array.dtype}"
                )
            array = array.astype(np.float64)
            if sound and not np.isfinite(array).all():
                at = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
                raise ValueError(
                    f"a custom loss must return finite {what}, got {array[at]} at {at}"
                )
            checked.append(array)
        return checked[0], checked[1]
