"""Doors for the tests alone: single loops of the kernels, which elsewhere are parts of a pass or a step."""

from cython cimport floating

import numpy as np

from cbackprop.engine cimport leaves
from cbackprop.engine.block cimport Block
from cbackprop.engine.plan cimport (
    ACTIVATION_ROWS, BESIDE_ROW, DERIVATIVE_KEPT, FINISH_ROWS, N_FINISHES, NOTHING,
)

from cbackprop.engine import run

cdef int _code

FINISHES = {FINISH_ROWS[_code].name.decode(): _code for _code in range(N_FINISHES)}
# What the small products do at their end for an activation: forward, backward.
FINISHES_OF = {
    name: (FINISH_ROWS[ACTIVATION_ROWS[_code].forward].name.decode(),
           FINISH_ROWS[ACTIVATION_ROWS[_code].backward].name.decode())
    for name, _code in run.ACTIVATIONS.items()
}
KEPT = [name for name, _code in run.ACTIVATIONS.items() if ACTIVATION_ROWS[_code].derivative == DERIVATIVE_KEPT]


cdef void apply(str name, int code, floating* x, const floating* bias, floating* kept, Py_ssize_t n, double slope):
    if name == "exp":
        leaves.exponential(x, n)
    elif name == "log":
        leaves.logarithm(x, n)
    elif name == "cosine":
        leaves.cosine(x, n)
    elif name == "sine":
        leaves.sine(x, n)
    else:
        leaves.activate(code, x, bias, kept, 1, n, slope)


cdef tuple applied(str name, x, slope):
    """One of the elementwise functions on a copy of x, and the derivative, if it is kept."""
    out, beside = np.array(x, order="C"), np.zeros_like(x)
    cdef Block block = Block(out, "x", "float32 float64", 1, True)
    cdef Block bias = Block(np.full_like(out, -0.0), "bias", "float32 float64", 1)    # x + -0.0 is x, -0.0 too
    cdef Block kept = Block(beside, "kept", "float32 float64", 1, True)
    cdef Py_ssize_t n = block.length()
    cdef int code = run.ACTIVATIONS.get(name, -1)
    cdef double parameter = 0.0
    if code < 0 and name not in ("exp", "log", "cosine", "sine"):
        raise ValueError(f"unknown kernel {name!r}")
    if code >= 0:
        parameter = ACTIVATION_ROWS[code].standard if slope is None else slope
    if block.view.itemsize == 4:
        apply(name, code, <float*>block.view.buf, <const float*>bias.view.buf, <float*>kept.view.buf, n, parameter)
    else:
        apply(name, code, <double*>block.view.buf, <const double*>bias.view.buf, <double*>kept.view.buf, n, parameter)
    return out, beside


def apply_kernel(str name, x, slope=None):
    """One of the elementwise functions on a copy of x: exp, log, cosine or sine of 2 pi x, or an activation."""
    return applied(name, x, slope)[0]


def apply_derivative(str name, z, slope=None):
    """The derivative of an activation at z, as the passes come to it."""
    cdef int code = run.ACTIVATIONS[name]
    cdef double parameter = ACTIVATION_ROWS[code].standard if slope is None else slope
    made_of = applied(name, z, slope)[ACTIVATION_ROWS[code].derivative == DERIVATIVE_KEPT]
    out = np.ones_like(made_of)
    cdef Block source = Block(made_of, "z", "float32 float64", 1)
    cdef Block target = Block(out, "out", source.kind(), 1, True)
    if source.view.itemsize == 4:
        leaves.derivative(code, <const float*>source.view.buf, <float*>target.view.buf, source.length(), parameter)
    else:
        leaves.derivative(code, <const double*>source.view.buf, <double*>target.view.buf, source.length(), parameter)
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
    cdef int code
    if other is not None:
        more = Block(other, "other", left.kind(), np.ndim(other))
        with_ = more.view.buf
    if finish not in FINISHES:
        raise ValueError(f"finish must be one of {list(FINISHES)}, got {finish!r}")
    code = FINISHES[finish]
    needed = None
    if code != NOTHING:
        needed = (m, n)[FINISH_ROWS[code].beside == BESIDE_ROW:]
    given = None if other is None else other.shape
    if right.length(transpose_b) != k or out.shape != (m, n) or given != needed:
        raise ValueError(f"the shapes do not fit: a {a.shape}, b {b.shape}, out {out.shape}, other {given}")
    if left.view.itemsize == 4:
        return bool(leaves.small_product(
            transpose_a, transpose_b, m, n, k, scale, <const float*>left.view.buf, left.length(1),
            <const float*>right.view.buf, right.length(1), keep, <float*>target.view.buf, n, code,
            <const float*>with_))
    return bool(leaves.small_product(
        transpose_a, transpose_b, m, n, k, scale, <const double*>left.view.buf, left.length(1),
        <const double*>right.view.buf, right.length(1), keep, <double*>target.view.buf, n, code,
        <const double*>with_))
