"""The leaves that everything is computed in: a kernel or BLAS, for the dtype of its arguments.

Here alone is asked what `floating` is.
"""

from cython cimport floating
from libc.stdint cimport int32_t, int64_t, uint64_t
from scipy.linalg.cython_blas cimport dgemm, sgemm

from cbackprop.engine.kernels cimport of_double, of_float
from cbackprop.engine.plan cimport Embedding, Rule, Step


cdef inline void activate(int64_t activation, floating* z, const floating* b, floating* kept, Py_ssize_t m,
                          Py_ssize_t n, double slope) noexcept nogil:
    """Z (m, n) becomes f(Z + b), and `kept` f'(Z + b), if f keeps it and there is room."""
    if floating is float:
        of_float.activate[activation](z, b, kept, m, n, slope)
    else:
        of_double.activate[activation](z, b, kept, m, n, slope)


cdef inline void derivative(int64_t activation, const floating* made_of, floating* delta, Py_ssize_t n,
                            double slope) noexcept nogil:
    """D (n) becomes D * f'; `made_of` is A, or f' itself where that is kept."""
    if floating is float:
        of_float.derivative[activation](made_of, delta, n, slope)
    else:
        of_double.derivative[activation](made_of, delta, n, slope)


cdef inline void drop(int64_t activation, bint is_kept, floating* a, floating* slopes, Py_ssize_t m, Py_ssize_t n,
                      double slope, uint64_t key, Py_ssize_t first, Py_ssize_t column, double rate) noexcept nogil:
    """Units of A (m, n) are left out, the others scaled; `slopes` becomes f' likewise, which it is if `is_kept`."""
    if floating is float:
        of_float.drop(a, slopes, m, n, NULL if is_kept else of_float.derivative[activation], slope, key, first, column,
                      rate)
    else:
        of_double.drop(a, slopes, m, n, NULL if is_kept else of_double.derivative[activation], slope, key, first,
                       column, rate)


cdef inline void blend(int64_t activation, bint is_kept, floating* z, const floating* b, const floating* w,
                       floating* slopes, floating* excess, Py_ssize_t m, Py_ssize_t n, double slope) noexcept nogil:
    """Z (m, n) becomes A = X + w (f(X) - X), X = Z + b; `slopes` and `excess`, if not NULL, dA/dX and f(X) - X."""
    if floating is float:
        of_float.blend(z, b, w, slopes, excess, m, n, of_float.activate[activation],
                       NULL if is_kept else of_float.derivative[activation], slope)
    else:
        of_double.blend(z, b, w, slopes, excess, m, n, of_double.activate[activation],
                        NULL if is_kept else of_double.derivative[activation], slope)


cdef inline void blend_backward(floating* delta, const floating* slopes, floating* excess,
                                Py_ssize_t n) noexcept nogil:
    """`excess` (n) becomes its product with D (n), and D that with `slopes`."""
    if floating is float:
        of_float.blend_backward(delta, slopes, excess, n)
    else:
        of_double.blend_backward(delta, slopes, excess, n)


cdef inline void output(int code, floating* z, Py_ssize_t m, Py_ssize_t k) noexcept nogil:
    """Z (m, k) becomes A."""
    if floating is float:
        of_float.output[code](z, m, k)
    else:
        of_double.output[code](z, m, k)


cdef inline double loss(int code, bint sklearns, floating* z, floating* delta, const floating* y,
                        const int32_t* labels, const floating* weights, Py_ssize_t m, Py_ssize_t k,
                        const double* parameters) noexcept nogil:
    """Z (m, k) becomes A, and D = dC/dZ; the sum of the weighted losses, if asked for as scikit-learn has it."""
    if floating is float:
        if sklearns:
            return of_float.sklearns_loss[code](z, delta, y, labels, weights, m, k, parameters)
        return of_float.loss[code](z, delta, y, labels, weights, m, k, parameters)
    else:
        if sklearns:
            return of_double.sklearns_loss[code](z, delta, y, labels, weights, m, k, parameters)
        return of_double.loss[code](z, delta, y, labels, weights, m, k, parameters)


cdef inline void update(const Rule* rule, floating* w, const floating* gradient, floating* first, floating* second,
                        Py_ssize_t n, const Step* step) noexcept nogil:
    """The optimizer's step on w (n)."""
    if floating is float:
        of_float.update[rule.optimizer](w, gradient, first, second, n, rule, step)
    else:
        of_double.update[rule.optimizer](w, gradient, first, second, n, rule, step)


cdef inline void column_sums(const floating* d, floating* out, Py_ssize_t m, Py_ssize_t n, Py_ssize_t ld,
                             double scale, double keep) noexcept nogil:
    """out (n) := keep out + scale (sum over the rows of D (m, n), which are ld apart)."""
    if floating is float:
        of_float.column_sums(d, out, m, n, ld, scale, keep)
    else:
        of_double.column_sums(d, out, m, n, ld, scale, keep)


cdef inline void gather(const floating* X, const Py_ssize_t* rows, floating* out, Py_ssize_t m,
                        Py_ssize_t n) noexcept nogil:
    """out (m, n) := these rows of X."""
    if floating is float:
        of_float.gather(X, rows, out, m, n)
    else:
        of_double.gather(X, rows, out, m, n)


cdef inline void nodes(const Embedding* piece, const floating* edges, const floating* parameters,
                       floating* out) noexcept nogil:
    """What the way forward looks up, made of the piece's parameters."""
    if floating is float:
        of_float.nodes[piece.kind](piece, edges, parameters, out)
    else:
        of_double.nodes[piece.kind](piece, edges, parameters, out)


cdef inline void embed(const Embedding* piece, const floating* edges, const floating* parameters,
                       const floating* looked_up, const floating* x, Py_ssize_t ldx, Py_ssize_t m, floating* places,
                       floating* out, Py_ssize_t ld) noexcept nogil:
    """The piece's columns of out (m, ld) made of x (m), ldx apart."""
    if floating is float:
        of_float.embed[piece.kind](piece, edges, parameters, looked_up, x, ldx, m, places, out, ld)
    else:
        of_double.embed[piece.kind](piece, edges, parameters, looked_up, x, ldx, m, places, out, ld)


cdef inline void embed_gradient(const Embedding* piece, const floating* edges, const floating* parameters,
                                const floating* places, const floating* delta, Py_ssize_t ld, Py_ssize_t m,
                                double scale, floating* out) noexcept nogil:
    """The gradient by the piece's parameters, times scale."""
    if floating is float:
        of_float.embed_gradient[piece.kind](piece, edges, parameters, places, delta, ld, m, scale, out)
    else:
        of_double.embed_gradient[piece.kind](piece, edges, parameters, places, delta, ld, m, scale, out)


cdef inline void ask_for(const floating* X, const Py_ssize_t* rows, Py_ssize_t m, Py_ssize_t n, Py_ssize_t first,
                         Py_ssize_t last) noexcept nogil:
    """Has the memory fetch lines first ... last of each of these rows of X (., n)."""
    if floating is float:
        of_float.ask_for(X, rows, m, n, first, last)
    else:
        of_double.ask_for(X, rows, m, n, first, last)


cdef inline double sum_of_squares(const floating* x, Py_ssize_t n) noexcept nogil:
    if floating is float:
        return of_float.sum_of_squares(x, n)
    else:
        return of_double.sum_of_squares(x, n)


cdef inline double sum_of_absolutes(const floating* x, Py_ssize_t n) noexcept nogil:
    if floating is float:
        return of_float.sum_of_absolutes(x, n)
    else:
        return of_double.sum_of_absolutes(x, n)


cdef inline void shorten_columns(floating* w, Py_ssize_t m, Py_ssize_t n, Py_ssize_t first, Py_ssize_t last,
                                 double bound) noexcept nogil:
    """Columns first ... last of W (m, n) become no longer than the bound."""
    if floating is float:
        of_float.shorten_columns(w, m, n, first, last, bound)
    else:
        of_double.shorten_columns(w, m, n, first, last, bound)


cdef inline void clip(floating* x, Py_ssize_t n, double bound) noexcept nogil:
    """x (n) kept within -bound ... bound."""
    if floating is float:
        of_float.clip(x, n, bound)
    else:
        of_double.clip(x, n, bound)


cdef inline bint all_finite(const floating* x, Py_ssize_t n) noexcept nogil:
    if floating is float:
        return of_float.all_finite(x, n)
    else:
        return of_double.all_finite(x, n)


cdef inline void add_scaled(floating a, const floating* x, floating* y, Py_ssize_t n) noexcept nogil:
    """y (n) += a x."""
    if floating is float:
        of_float.add_scaled(a, x, y, n)
    else:
        of_double.add_scaled(a, x, y, n)


cdef inline void add_signs(floating a, const floating* x, floating* y, Py_ssize_t n) noexcept nogil:
    """y (n) += a sign(x)."""
    if floating is float:
        of_float.add_signs(a, x, y, n)
    else:
        of_double.add_signs(a, x, y, n)


cdef inline void exponential(floating* x, Py_ssize_t n) noexcept nogil:
    if floating is float:
        of_float.exponential(x, n)
    else:
        of_double.exponential(x, n)


cdef inline void logarithm(floating* x, Py_ssize_t n) noexcept nogil:
    if floating is float:
        of_float.logarithm(x, n)
    else:
        of_double.logarithm(x, n)


cdef inline void cosine(floating* x, Py_ssize_t n) noexcept nogil:
    if floating is float:
        of_float.cosine(x, n)
    else:
        of_double.cosine(x, n)


cdef inline void sine(floating* x, Py_ssize_t n) noexcept nogil:
    if floating is float:
        of_float.sine(x, n)
    else:
        of_double.sine(x, n)


cdef inline bint small_product(
    bint transpose_a, bint transpose_b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
    double alpha, const floating* a, Py_ssize_t lda, const floating* b, Py_ssize_t ldb,
    double beta, floating* c, Py_ssize_t ldc, int finish, const floating* other,
) noexcept nogil:
    """C := finish(alpha op(A) op(B) + beta C), if it is small enough to be quicker here than in BLAS; else nothing."""
    if floating is float:
        return of_float.product(transpose_a, transpose_b, m, n, k, <float>alpha, a, lda, b, ldb,
                                <float>beta, c, ldc, finish, other)
    else:
        return of_double.product(transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb,
                                 beta, c, ldc, finish, other)


cdef inline void row_product(const floating* x, const floating* W, Py_ssize_t k, Py_ssize_t n,
                             floating* z) noexcept nogil:
    """z (n) := x (k) W (k, n); z has room for whole vectors of 64 bytes."""
    if floating is float:
        of_float.row_product(x, W, k, n, z)
    else:
        of_double.row_product(x, W, k, n, z)


cdef inline bint is_tiled(const floating* W, Py_ssize_t k, Py_ssize_t n) noexcept nogil:
    """Whether small_product makes a row x (k) W (k, n), too, and then to the bit as row_product does."""
    if floating is float:
        return of_float.is_tiled(k, n)
    else:
        return of_double.is_tiled(k, n)


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
