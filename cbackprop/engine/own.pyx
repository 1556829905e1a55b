"""A loss of the user's: a function in C that the loops call for each row, or in Python, for a mini-batch.

The C function comes as a scipy.LowLevelCallable. Python's is called with the GIL, by one thread alone; its error, or an
interrupt, ends the loops, and is raised when they have returned.
"""

from cpython.pycapsule cimport PyCapsule_GetContext, PyCapsule_GetName, PyCapsule_GetPointer

import numpy as np

from cbackprop.engine.block cimport Block
from cbackprop.engine.passes cimport RowLoss

# Of the row's z, y and weight to its loss and derivative, of k outputs; with the user's data.
SIGNATURE = "double (double *, double *, double, double *, int, void *)"


def signature_of(function):
    """The signature of a LowLevelCallable, or None of anything else."""
    if not isinstance(function, tuple) or type(function).__name__ != "LowLevelCallable":
        return None
    return PyCapsule_GetName(tuple.__getitem__(function, 0)).decode()


cdef class UsersLoss:
    """The function and its buffers, for so many rows and outputs."""

    def __cinit__(self, function, Py_ssize_t capacity, Py_ssize_t k):
        cdef Block block
        signature = signature_of(function)
        self.function = function
        self.memory = np.zeros(int(capacity) * (3 * int(k) + 1))
        block = Block(self.memory, "memory", "float64", 1, True)
        self.call.z = <double*>block.view.buf
        self.call.y = self.call.z + capacity * k
        self.call.derivatives = self.call.y + capacity * k
        self.call.weights = self.call.derivatives + capacity * k
        self.z, self.y, self.derivatives = self.memory[: 3 * capacity * k].reshape(3, capacity, k)
        self.weights = self.memory[3 * capacity * k :]
        if signature is None:
            self.call.python = <void*>self
            return
        if signature != SIGNATURE:
            raise TypeError(f"a loss in C must have the signature {SIGNATURE!r}, got {signature!r}")
        capsule = tuple.__getitem__(function, 0)
        name = PyCapsule_GetName(capsule)
        self.call.row = <RowLoss>PyCapsule_GetPointer(capsule, name)
        self.call.data = PyCapsule_GetContext(capsule)

    def losses(self, Py_ssize_t m, bint weighted):
        """The sum of the weighted losses of the first m rows; their derivatives stand beside them, not weighted."""
        weight = self.weights[:m].copy() if weighted else None
        values, derivatives = self.function(self.z[:m].copy(), self.y[:m].copy(), weight)
        self.derivatives[:m] = derivatives
        return values.sum() if weight is None else values.dot(weight)
