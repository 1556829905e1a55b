"""Doors for the tests alone: single loops of the kernels, which elsewhere are parts of a pass or a step."""

import numpy as np

from cbackprop.engine cimport kernels
from cbackprop.engine.block cimport Block

from cbackprop.engine import run

FINISHES = {
    "nothing": kernels.NOTHING, "add": kernels.ADD, "add_relu": kernels.ADD_RELU,
    "times_logistic_derivative": kernels.TIMES_LOGISTIC_DERIVATIVE,
    "times_tanh_derivative": kernels.TIMES_TANH_DERIVATIVE,
    "times_relu_derivative": kernels.TIMES_RELU_DERIVATIVE,
}


def apply_kernel(str name, x):
    """One of the elementwise functions on a copy of x: exp, log, logistic, tanh, relu, identity."""
    out = np.array(x, order="C")
    cdef Block block = Block(out, "x", "float32 float64", 1, True)
    cdef Block bias = Block(np.full_like(out, -0.0), "bias", "float32 float64", 1)    # x + -0.0 is x, -0.0 too
    cdef Py_ssize_t n = block.length()
    cdef int code = run.ACTIVATIONS.get(name, -1)
    if code < 0 and name not in ("exp", "log"):
        raise ValueError(f"unknown kernel {name!r}")
    if block.kind() == "float32":
        if name == "exp":
            kernels.of_float.exponential(<float*>block.view.buf, n)
        elif name == "log":
            kernels.of_float.logarithm(<float*>block.view.buf, n)
        else:
            kernels.of_float.activate[code](<float*>block.view.buf, <float*>bias.view.buf, 1, n)
    else:
        if name == "exp":
            kernels.of_double.exponential(<double*>block.view.buf, n)
        elif name == "log":
            kernels.of_double.logarithm(<double*>block.view.buf, n)
        else:
            kernels.of_double.activate[code](<double*>block.view.buf, <double*>bias.view.buf, 1, n)
    return out


def apply_product(a, b, out, *, bint transpose_a=False, bint transpose_b=False, double scale=1.0, double keep=0.0,
                  str finish="nothing", other=None):
    """out := finish(scale op(a) op(b) + keep out) by the kernels' own loops.

    Returns whether these loops made the product; if not, it is one for BLAS and `out` is untouched.
    """
    cdef Block left = Block(a, "a", "float32 float64", 2)
    cdef Block right = Block(b, "b", left.kind(), 2)
    cdef Block target = Block(out, "out", left.kind(), 2, True)
    cdef Block more
    cdef Py_ssize_t m = left.length(transpose_a), k = left.length(not transpose_a), n = right.length(not transpose_b)
    cdef void* with_ = NULL
    if other is not None:
        more = Block(other, "other", left.kind(), np.ndim(other))
        with_ = more.view.buf
    if finish not in FINISHES:
        raise ValueError(f"finish must be one of {list(FINISHES)}, got {finish!r}")
    needed = {"nothing": None, "add": (n,), "add_relu": (n,)}.get(finish, (m, n))
    given = None if other is None else other.shape
    if right.length(transpose_b) != k or out.shape != (m, n) or given != needed:
        raise ValueError(f"the shapes do not fit: a {a.shape}, b {b.shape}, out {out.shape}, other {given}")
    if left.view.itemsize == 4:
        return bool(kernels.of_float.product(
            transpose_a, transpose_b, m, n, k, <float>scale, <const float*>left.view.buf, left.length(1),
            <const float*>right.view.buf, right.length(1), <float>keep, <float*>target.view.buf, n,
            <kernels.Finish><int>FINISHES[finish], <const float*>with_))
    return bool(kernels.of_double.product(
        transpose_a, transpose_b, m, n, k, scale, <const double*>left.view.buf, left.length(1),
        <const double*>right.view.buf, right.length(1), keep, <double*>target.view.buf, n,
        <kernels.Finish><int>FINISHES[finish], <const double*>with_))
