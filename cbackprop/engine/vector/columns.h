/* Products of so few columns that the tiles of product.h would leave most lanes idle. Included there. */

/* What a product makes of one sum. */
static inline void FN(settle)(T *c, T sum, T scale, T keep, enum Finish finish, const T *with)
{
    T x = keep == C(0.0) ? scale * sum : scale * sum + keep * *c;
    if (finish != NOTHING) {
        const T w = *with;
        switch (finish) {
#define FINISH(CODE, name, BESIDE, SCALAR, VECTOR)                                                                     \
    case CODE: x = SCALAR; break;
#include "../functions.def"
        default: break;
        }
    }
    *c = x;
}

/* C (m, n) = scale A^T B + keep C for so few columns that they would leave lanes idle: C^T = B^T A is computed instead. */
static void FN(narrow_product)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, T scale, const T *a, ptrdiff_t lda, const T *b,
                               ptrdiff_t ldb, T keep, T *c, ptrdiff_t ldc)
{
    T turned[WIDTH * MOST_VECTORS * WIDTH];
    FN(Shape) shape = {0, 0, n, 0, k, 1, ldb, lda, MOST_VECTORS * WIDTH};
    for (ptrdiff_t parts = FN(part)(m, MOST_VECTORS * WIDTH), done = 0; parts > 0; parts--, done += shape.n) {
        shape.n = FN(part)(m - done, parts);
        FN(product_of_panels)(&shape, k, scale, b, a + done, C(0.0), turned, NOTHING, NULL);
        if (keep == C(0.0)) {
            FN(transpose)(turned, n, shape.n, shape.ldc, c + done * ldc, ldc);
            continue;
        }
        for (ptrdiff_t i = 0; i < shape.n; i++)
            for (ptrdiff_t j = 0; j < n; j++)
                FN(settle)(c + (done + i) * ldc + j, turned[j * shape.ldc + i], C(1.0), keep, NOTHING, NULL);
    }
}

#if ISA_BITS == 256
#define THIN_NUMBERS 4096 /* of B, at most */

/* R rows of C with N columns, each a scalar product of a row of A and one of B^T. */
static ALWAYS_INLINE void FN(thin_rows)(const int R, const int N, ptrdiff_t k, const T *a, ptrdiff_t lda, const T *bt,
                                        ptrdiff_t ldbt, T *sums)
{
    V lanes[4][4];
    const ptrdiff_t whole = (k - 1) / WIDTH * WIDTH;
    UNROLL(4) for (int r = 0; r < R; r++) UNROLL(4) for (int j = 0; j < N; j++) lanes[r][j] = ZERO();
    for (ptrdiff_t l = 0; l < whole; l += WIDTH) {
        V x[4];
        UNROLL(4) for (int r = 0; r < R; r++) x[r] = LOAD(a + r * lda + l);
        UNROLL(4) for (int j = 0; j < N; j++) {
            V y = LOAD(bt + j * ldbt + l);
            UNROLL(4) for (int r = 0; r < R; r++) lanes[r][j] = MULTIPLY_ADD(x[r], y, lanes[r][j]);
        }
    }
    UNROLL(4) for (int j = 0; j < N; j++) {
        V y = LOAD_LAST(bt + j * ldbt + whole, k - whole);
        UNROLL(4) for (int r = 0; r < R; r++)
            lanes[r][j] = MULTIPLY_ADD(LOAD_LAST(a + r * lda + whole, k - whole), y, lanes[r][j]);
    }
    UNROLL(4) for (int r = 0; r < R; r++) UNROLL(4) for (int j = 0; j < N; j++) sums[r * N + j] = SUM(lanes[r][j]);
}

/* C (m, n) for n <= 4 columns, each a row of B^T (n, k). */
#define THIN(N)                                                                                                        \
    static void FN(thin_##N)(ptrdiff_t m, ptrdiff_t k, T scale, const T *a, ptrdiff_t lda, const T *bt,                \
                             ptrdiff_t ldbt, T keep, T *c, ptrdiff_t ldc, enum Finish finish, const T *with,           \
                             ptrdiff_t with_row)                                                                       \
    {                                                                                                                  \
        enum { R = N > 2 ? 2 : 4 };                                                                                    \
        T sums[R * N];                                                                                                 \
        ptrdiff_t i = 0;                                                                                               \
        while (i < m) {                                                                                                \
            const ptrdiff_t rows = m - i < R ? 1 : R;                                                                  \
            if (rows == R) FN(thin_rows)(R, N, k, a + i * lda, lda, bt, ldbt, sums);                                   \
            else FN(thin_rows)(1, N, k, a + i * lda, lda, bt, ldbt, sums);                                             \
            for (ptrdiff_t r = 0; r < rows; r++, i++)                                                                  \
                for (ptrdiff_t j = 0; j < N; j++)                                                                      \
                    FN(settle)(c + i * ldc + j, sums[r * N + j], scale, keep, finish,                                  \
                               finish == NOTHING ? NULL : with + i * with_row + j);                                    \
        }                                                                                                              \
    }
THIN(1) THIN(2) THIN(3) THIN(4)

static int FN(thin_product)(int transpose_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, T scale, const T *a, ptrdiff_t lda,
                            const T *b, ptrdiff_t ldb, T keep, T *c, ptrdiff_t ldc, enum Finish finish, const T *with)
{
    T turned[THIN_NUMBERS];
    const ptrdiff_t with_row = FINISH_ROWS[finish].beside * ldc;
    if (!transpose_b) {
        if (n * k > THIN_NUMBERS) return 0;
        for (ptrdiff_t j = 0; j < n; j++)
            for (ptrdiff_t l = 0; l < k; l++) turned[j * k + l] = b[l * ldb + j];
        b = turned;
        ldb = k;
    }
    switch (n) {
    case 1: FN(thin_1)(m, k, scale, a, lda, b, ldb, keep, c, ldc, finish, with, with_row); break;
    case 2: FN(thin_2)(m, k, scale, a, lda, b, ldb, keep, c, ldc, finish, with, with_row); break;
    case 3: FN(thin_3)(m, k, scale, a, lda, b, ldb, keep, c, ldc, finish, with, with_row); break;
    default: FN(thin_4)(m, k, scale, a, lda, b, ldb, keep, c, ldc, finish, with, with_row); break;
    }
    return 1;
}
#undef THIN
#undef THIN_NUMBERS
#endif
