"""Owns the elementwise kernels: which vector instructions they use; other modules cimport the tables."""

cdef FloatKernels* of_float = &cbackprop_float_kernels
cdef DoubleKernels* of_double = &cbackprop_double_kernels

cbackprop_use_instructions(0)


def available():
    """Names of the vector instructions this build can use on this processor, best first."""
    names = []
    while cbackprop_instructions(<int>len(names)) != NULL:
        names.append(cbackprop_instructions(<int>len(names)).decode())
    return names


def in_use():
    """Name of the vector instructions in use."""
    return available()[cbackprop_instructions_in_use()]


def use(name):
    """Put other instructions to use, process-wide; not while anything trains. Returns the name used before."""
    names, before = available(), in_use()
    if name not in names:
        raise ValueError(f"vector instructions must be one of {names}, got {name!r}")
    cbackprop_use_instructions(<int>names.index(name))
    return before


def use_products(bint on):
    """Make small matrix products here, as at first, or leave all to BLAS; process-wide. Returns what was before."""
    return bool(cbackprop_use_products(on))
