# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The floor of a training step: its 3 L - 1 matrix products and nothing else, through scipy.linalg.cython_blas."""

from cython cimport floating
from libc.stdint cimport int64_t
from scipy.linalg.cython_blas cimport dgemm, sgemm


cdef inline void gemm(
    bint transpose_a, bint transpose_b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, floating alpha,
    floating* a, Py_ssize_t lda, floating* b, Py_ssize_t ldb, floating beta, floating* c, Py_ssize_t ldc,
) noexcept nogil:
    """C := alpha op(A) op(B) + beta C, row-major: column-major BLAS is asked for C^T = op(B)^T op(A)^T."""
    cdef int rows = <int>m, columns = <int>n, inner = <int>k
    cdef int stride_a = <int>lda, stride_b = <int>ldb, stride_c = <int>ldc
    cdef char ta = b"t" if transpose_a else b"n"
    cdef char tb = b"t" if transpose_b else b"n"
    if floating is float:
        sgemm(&tb, &ta, &columns, &rows, &inner, &alpha, b, &stride_b, a, &stride_a, &beta, c, &stride_c)
    else:
        dgemm(&tb, &ta, &columns, &rows, &inner, &alpha, b, &stride_b, a, &stride_a, &beta, c, &stride_c)


def run(
    const int64_t[::1] sizes, Py_ssize_t m, floating[::1] W, floating[::1] G, floating[::1] A, floating[::1] D,
    double alpha, double beta, Py_ssize_t first_layer, Py_ssize_t steps, Py_ssize_t thread=0, Py_ssize_t n_threads=1,
):
    """The products of so many steps; one thread's share of them, if several threads make this same call.

    forward    A_l = A_(l-1) W_l              this thread's rows of the mini-batch
    backward   D_(l-1) = D_l W_l^T            the same rows, down to the second layer
    gradient   G_l = alpha A_(l-1)^T D_l + beta G_l    this thread's rows of W_l, over the whole mini-batch

    A holds A_0, A_1 ... A_L of m rows each, D holds D_1 ... D_L, W and G one matrix a layer; G may be W itself.
    Layers before `first_layer` are left out (their product is sparse). Threads do not wait for one another: the
    numbers are then not a training step's, the work is.
    """
    cdef Py_ssize_t L = sizes.shape[0] - 1, index, _step, n_in, n_out
    cdef Py_ssize_t start = m * thread // n_threads, stop = m * (thread + 1) // n_threads, low, high
    cdef floating* w
    cdef floating* g
    cdef floating* a
    cdef floating* d
    cdef floating scale = <floating>alpha, keep = <floating>beta
    with nogil:
        for _step in range(steps):
            w = &W[0]
            a = &A[0]
            for index in range(L):
                n_in = sizes[index]
                n_out = sizes[index + 1]
                if index >= first_layer:
                    gemm[floating](False, False, stop - start, n_out, n_in, 1.0, a + start * n_in, n_in, w, n_out,
                                   0.0, a + m * n_in + start * n_out, n_out)
                w += n_in * n_out
                a += m * n_in
            d = &D[0] + D.shape[0]
            for index in range(L - 1, 0, -1):
                n_in = sizes[index]
                n_out = sizes[index + 1]
                w -= n_in * n_out
                d -= m * n_out
                gemm[floating](False, True, stop - start, n_in, n_out, 1.0, d + start * n_out, n_out, w, n_out,
                               0.0, d - m * n_in + start * n_in, n_in)
            g = &G[0]
            a = &A[0]
            d = &D[0]
            for index in range(L):
                n_in = sizes[index]
                n_out = sizes[index + 1]
                if index >= first_layer:
                    low = n_in * thread // n_threads
                    high = n_in * (thread + 1) // n_threads
                    gemm[floating](True, False, high - low, n_out, m, scale, a + low, n_in, d, n_out,
                                   keep, g + low * n_out, n_out)
                g += n_in * n_out
                a += m * n_in
                d += m * n_out
