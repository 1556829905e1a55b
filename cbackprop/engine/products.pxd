"""Row-major matrix products: small ones by the kernels' own loops, the others over the BLAS that SciPy carries."""

from cython cimport floating
from libc.stdint cimport int64_t
from scipy.linalg.cython_blas cimport dgemm, sgemm

from cbackprop.engine cimport kernels
from cbackprop.engine.plan cimport IDENTITY, LOGISTIC, RELU, TANH


cdef inline bint small_product(
    bint transpose_a, bint transpose_b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
    double alpha, const floating* a, Py_ssize_t lda, const floating* b, Py_ssize_t ldb,
    double beta, floating* c, Py_ssize_t ldc, kernels.Finish finish, const floating* other,
) noexcept nogil:
    """C := finish(alpha op(A) op(B) + beta C), if it is small enough to be quicker here than in BLAS; else nothing."""
    if floating is float:
        return kernels.of_float.product(transpose_a, transpose_b, m, n, k, <float>alpha, a, lda, b, ldb,
                                        <float>beta, c, ldc, finish, other)
    else:
        return kernels.of_double.product(transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb,
                                         beta, c, ldc, finish, other)


cdef inline void blas_product(
    bint transpose_a, bint transpose_b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
    double alpha, const floating* a, Py_ssize_t lda, const floating* b, Py_ssize_t ldb,
    double beta, floating* c, Py_ssize_t ldc,
) noexcept nogil:
    """C := alpha op(A) op(B) + beta C.

    BLAS is column-major and so sees every matrix transposed: it is asked for C^T = op(B)^T op(A)^T.
    """
    cdef int rows = <int>m, columns = <int>n, inner = <int>k
    cdef int stride_a = <int>lda, stride_b = <int>ldb, stride_c = <int>ldc
    cdef char ta = b"t" if transpose_a else b"n"
    cdef char tb = b"t" if transpose_b else b"n"
    cdef floating scale = <floating>alpha, keep = <floating>beta
    if floating is float:
        sgemm(&tb, &ta, &columns, &rows, &inner, &scale, <float*>b, &stride_b, <float*>a, &stride_a,
              &keep, c, &stride_c)
    else:
        dgemm(&tb, &ta, &columns, &rows, &inner, &scale, <double*>b, &stride_b, <double*>a, &stride_a,
              &keep, c, &stride_c)


cdef inline void activate(
    int64_t activation, floating* z, const floating* b, Py_ssize_t m, Py_ssize_t n
) noexcept nogil:
    """Z (m, n) becomes f(Z + b)."""
    if floating is float:
        kernels.of_float.activate[activation](z, b, m, n)
    else:
        kernels.of_double.activate[activation](z, b, m, n)


cdef inline void forward_product(
    Py_ssize_t m, Py_ssize_t n_in, Py_ssize_t n_out, const floating* a, const floating* W, const floating* b,
    int64_t activation, floating* z,
) noexcept nogil:
    """Z (m, n_out) := f(A W + b)."""
    cdef kernels.Finish finish = kernels.NOTHING
    if activation == RELU:
        finish = kernels.ADD_RELU
    elif activation == IDENTITY:
        finish = kernels.ADD
    if small_product(False, False, m, n_out, n_in, 1.0, a, n_in, W, n_out, 0.0, z, n_out, finish, b):
        if finish == kernels.NOTHING:
            activate(activation, z, b, m, n_out)
        return
    blas_product(False, False, m, n_out, n_in, 1.0, a, n_in, W, n_out, 0.0, z, n_out)
    activate(activation, z, b, m, n_out)


cdef inline void backward_product(
    Py_ssize_t m, Py_ssize_t n_in, Py_ssize_t n_out, const floating* delta, const floating* W, int64_t activation,
    const floating* a, floating* out,
) noexcept nogil:
    """D' (m, n_in) := (D W^T) * f'(Z'), where A' = f(Z') (m, n_in)."""
    cdef kernels.Finish finish = kernels.NOTHING
    if activation == RELU:
        finish = kernels.TIMES_RELU_DERIVATIVE
    elif activation == LOGISTIC:
        finish = kernels.TIMES_LOGISTIC_DERIVATIVE
    elif activation == TANH:
        finish = kernels.TIMES_TANH_DERIVATIVE
    if small_product(False, True, m, n_in, n_out, 1.0, delta, n_out, W, n_out, 0.0, out, n_in, finish, a):
        return
    blas_product(False, True, m, n_in, n_out, 1.0, delta, n_out, W, n_out, 0.0, out, n_in)
    if floating is float:
        kernels.of_float.derivative[activation](a, out, m * n_in)
    else:
        kernels.of_double.derivative[activation](a, out, m * n_in)


cdef inline void gradient_product(
    Py_ssize_t n_in, Py_ssize_t n_out, Py_ssize_t m, double scale, const floating* a, Py_ssize_t lda,
    const floating* delta, double keep, floating* out,
) noexcept nogil:
    """G (n_in, n_out) := scale A^T D + keep G."""
    if not small_product(True, False, n_in, n_out, m, scale, a, lda, delta, n_out, keep, out, n_out,
                         kernels.NOTHING, <const floating*>NULL):
        blas_product(True, False, n_in, n_out, m, scale, a, lda, delta, n_out, keep, out, n_out)
