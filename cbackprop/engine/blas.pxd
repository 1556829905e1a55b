"""Row-major matrix products over the BLAS that SciPy carries."""

from cython cimport floating
from scipy.linalg.cython_blas cimport dgemm, sgemm


cdef inline void gemm(
    bint transpose_a, bint transpose_b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
    double alpha, const floating* a, Py_ssize_t lda, const floating* b, Py_ssize_t ldb,
    double beta, floating* c, Py_ssize_t ldc,
) noexcept nogil:
    """C := alpha op(A) op(B) + beta C, with op(A) (m, k), op(B) (k, n), C (m, n), all row-major.

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
