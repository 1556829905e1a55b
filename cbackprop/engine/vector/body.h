/* The loops, for one dtype T and one instruction set. Included by table.c with FN(name) giving each its own names. */

#include "vmath.h"
#if ISA_BITS
#include "simd.h"
#endif

/* Sums run over as many partial sums as fit 64 bytes, whatever the instructions: the same result on each of them. */
#define LANES ((ptrdiff_t)(64 / sizeof(T)))
#define BLOCK 256       /* elements whose losses are kept until they are summed */
#define TILE_COLUMNS 64 /* up to this many classes the softmax works on a transposed tile: a lane is a row */

static double FN(sum)(const T *x, ptrdiff_t n)
{
    T lanes[LANES];
    double total = 0.0;
    ptrdiff_t i = 0;
    for (ptrdiff_t j = 0; j < LANES; j++) lanes[j] = 0;
    for (; i + LANES <= n; i += LANES)
        for (ptrdiff_t j = 0; j < LANES; j++) lanes[j] += x[i + j];
    for (ptrdiff_t j = 0; j < LANES; j++) total += lanes[j];
    for (; i < n; i++) total += x[i];
    return total;
}

static double FN(sum_of_squares)(const T *x, ptrdiff_t n)
{
    double total = 0.0;
    for (ptrdiff_t start = 0; start < n; start += 4096) { /* short partial sums: float32 stays accurate */
        ptrdiff_t stop = start + 4096 < n ? start + 4096 : n, i = start;
        T lanes[2 * LANES];
        for (ptrdiff_t j = 0; j < 2 * LANES; j++) lanes[j] = 0;
        for (; i + 2 * LANES <= stop; i += 2 * LANES)
            for (ptrdiff_t j = 0; j < 2 * LANES; j++) lanes[j] += x[i + j] * x[i + j];
        for (ptrdiff_t j = 0; j < 2 * LANES; j++) total += lanes[j];
        for (; i < stop; i++) total += x[i] * x[i];
    }
    return total;
}

static double FN(sum_of_absolutes)(const T *x, ptrdiff_t n)
{
    double total = 0.0;
    for (ptrdiff_t start = 0; start < n; start += 4096) {
        ptrdiff_t stop = start + 4096 < n ? start + 4096 : n, i = start;
        T lanes[2 * LANES];
        for (ptrdiff_t j = 0; j < 2 * LANES; j++) lanes[j] = 0;
        for (; i + 2 * LANES <= stop; i += 2 * LANES)
            for (ptrdiff_t j = 0; j < 2 * LANES; j++) lanes[j] += FABS(x[i + j]);
        for (ptrdiff_t j = 0; j < 2 * LANES; j++) total += lanes[j];
        for (; i < stop; i++) total += FABS(x[i]);
    }
    return total;
}

/* x - x is 0 for finite x, NaN otherwise */
static int FN(all_finite)(const T *x, ptrdiff_t n)
{
    for (ptrdiff_t start = 0; start < n; start += 4096) {
        ptrdiff_t stop = start + 4096 < n ? start + 4096 : n;
        BITS bad = 0;
        for (ptrdiff_t i = start; i < stop; i++) bad |= FN(bits)(x[i] - x[i]);
        if (bad != 0) return 0;
    }
    return 1;
}

/* Short rows by whole vectors, the last one overlapping: a call of memcpy costs more than they do. */
static inline KEEP_LOOPS void FN(copy)(const T *RESTRICT x, T *RESTRICT out, ptrdiff_t n)
{
    enum { STEP = 16 / sizeof(T) };
    if (n < STEP || n > 64) {
        memcpy(out, x, (size_t)n * sizeof(T));
        return;
    }
    for (ptrdiff_t j = 0; j + STEP <= n; j += STEP) memcpy(out + j, x + j, 16);
    memcpy(out + n - STEP, x + n - STEP, 16);
}

/* Rows picked at random come from anywhere in memory: they are asked for some rows ahead of their turn. */
static KEEP_LOOPS void FN(gather)(const T *RESTRICT X, const ptrdiff_t *RESTRICT rows, T *RESTRICT out, ptrdiff_t m, ptrdiff_t n)
{
    const ptrdiff_t line = 64 / (ptrdiff_t)sizeof(T), ahead = n > 32 * line ? 2 : 8;
    for (ptrdiff_t i = 0; i < m; i++) {
        const T *row = X + rows[i] * n;
        if (i + ahead < m) {
            const T *next = X + rows[i + ahead] * n;
            for (ptrdiff_t j = 0; j < n; j += line) PREFETCH(next + j);
        }
        FN(copy)(row, out + i * n, n);
    }
}

/* Has the memory fetch lines first ... last of each of these rows (m, n) into the cache. Row by row would be slower: the
   pages of different rows are looked up side by side. */
static void FN(ask_for)(const T *X, const ptrdiff_t *rows, ptrdiff_t m, ptrdiff_t n, ptrdiff_t first, ptrdiff_t last)
{
    const ptrdiff_t line = 64 / (ptrdiff_t)sizeof(T);
    for (ptrdiff_t l = first; l < last; l++)
        for (ptrdiff_t i = 0; i < m; i++) PREFETCH(X + rows[i] * n + l * line);
}

/* out (k, stride), its first `rows` columns = b (rows, k)^T, in blocks of 4 by 4 where there are vectors */
static ALWAYS_INLINE void FN(transpose)(const T *b, ptrdiff_t rows, ptrdiff_t k, ptrdiff_t ldb, T *out, ptrdiff_t stride)
{
    ptrdiff_t j = 0;
#if ISA_BITS
    for (; j + 4 <= rows; j += 4) {
        const T *from = b + j * ldb;
        ptrdiff_t l = 0;
        for (; l + 4 <= k; l += 4) {
            T *to = out + l * stride + j;
#if defined(T_IS_FLOAT)
            __m128 r0 = _mm_loadu_ps(from + l), r1 = _mm_loadu_ps(from + ldb + l);
            __m128 r2 = _mm_loadu_ps(from + 2 * ldb + l), r3 = _mm_loadu_ps(from + 3 * ldb + l);
            _MM_TRANSPOSE4_PS(r0, r1, r2, r3);
            _mm_storeu_ps(to, r0), _mm_storeu_ps(to + stride, r1);
            _mm_storeu_ps(to + 2 * stride, r2), _mm_storeu_ps(to + 3 * stride, r3);
#else
            __m256d r0 = _mm256_loadu_pd(from + l), r1 = _mm256_loadu_pd(from + ldb + l);
            __m256d r2 = _mm256_loadu_pd(from + 2 * ldb + l), r3 = _mm256_loadu_pd(from + 3 * ldb + l);
            __m256d t0 = _mm256_unpacklo_pd(r0, r1), t1 = _mm256_unpackhi_pd(r0, r1);
            __m256d t2 = _mm256_unpacklo_pd(r2, r3), t3 = _mm256_unpackhi_pd(r2, r3);
            _mm256_storeu_pd(to, _mm256_permute2f128_pd(t0, t2, 0x20));
            _mm256_storeu_pd(to + stride, _mm256_permute2f128_pd(t1, t3, 0x20));
            _mm256_storeu_pd(to + 2 * stride, _mm256_permute2f128_pd(t0, t2, 0x31));
            _mm256_storeu_pd(to + 3 * stride, _mm256_permute2f128_pd(t1, t3, 0x31));
#endif
        }
        for (; l < k; l++)
            for (ptrdiff_t r = 0; r < 4; r++) out[l * stride + j + r] = from[r * ldb + l];
    }
#endif
    for (; j < rows; j++)
        for (ptrdiff_t l = 0; l < k; l++) out[l * stride + j] = b[j * ldb + l];
}

static void FN(add_scaled)(T a, const T *RESTRICT x, T *RESTRICT y, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) y[i] += a * x[i];
}

/* y += a sign(x), 0 where x is 0 */
static void FN(add_signs)(T a, const T *RESTRICT x, T *RESTRICT y, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) y[i] += x[i] == C(0.0) ? C(0.0) : COPYSIGN(a, x[i]);
}

/* Of the columns first ... last of w (m, n) those longer than `bound` become that long. Squares are summed row after row,
   whatever the range; where they are too large for a double, the column is lost, and left for whoever looks. */
static void FN(shorten_columns)(T *w, ptrdiff_t m, ptrdiff_t n, ptrdiff_t first, ptrdiff_t last, double bound)
{
    double squares[64];
    T factors[64];
    for (; first < last; first += 64) {
        const ptrdiff_t width = last - first < 64 ? last - first : 64;
        int longer = 0;
        for (ptrdiff_t j = 0; j < width; j++) squares[j] = 0.0;
        for (ptrdiff_t i = 0; i < m; i++)
            for (ptrdiff_t j = 0; j < width; j++) {
                const double x = (double)w[i * n + first + j];
                squares[j] += x * x;
            }
        for (ptrdiff_t j = 0; j < width; j++) {
            const int too_long = squares[j] > bound * bound && squares[j] <= DBL_MAX;
            factors[j] = too_long ? (T)(bound / sqrt(squares[j])) : C(1.0);
            longer |= too_long;
        }
        if (!longer) continue;
        for (ptrdiff_t i = 0; i < m; i++)
            for (ptrdiff_t j = 0; j < width; j++) w[i * n + first + j] *= factors[j];
    }
}

static inline void FN(put)(T *out, T sum, double scale, double keep)
{
    *out = keep == 0.0 ? (T)scale * sum : (T)keep * *out + (T)scale * sum;
}

static void FN(column_sums)(const T *RESTRICT d, T *RESTRICT out, ptrdiff_t m, ptrdiff_t n, ptrdiff_t ld, double scale,
                            double keep)
{
    T sums[2 * 64];
    if (n >= 64 / 4 || n != ld) { /* wide: a block of columns at a time */
        for (ptrdiff_t first = 0; first < n; first += 64) {
            ptrdiff_t width = n - first < 64 ? n - first : 64;
            for (ptrdiff_t j = 0; j < width; j++) sums[j] = 0;
            ptrdiff_t i = 0;
            for (; i + 4 <= m; i += 4) { /* four rows at a time: a quarter of the traffic to the sums */
                const T *four = d + i * ld + first;
                for (ptrdiff_t j = 0; j < width; j++)
                    sums[j] += (four[j] + four[ld + j]) + (four[2 * ld + j] + four[3 * ld + j]);
            }
            for (; i < m; i++)
                for (ptrdiff_t j = 0; j < width; j++) sums[j] += d[i * ld + first + j];
            for (ptrdiff_t j = 0; j < width; j++) FN(put)(out + first + j, sums[j], scale, keep);
        }
    } else { /* narrow: several rows make one long one */
        ptrdiff_t rows = 64 / n, width = rows * n, i = 0;
        for (ptrdiff_t j = 0; j < width; j++) sums[j] = 0;
        for (; i + 2 * rows <= m; i += 2 * rows)
            for (ptrdiff_t j = 0; j < width; j++) sums[j] += d[i * n + j] + d[i * n + width + j];
        for (; i + rows <= m; i += rows)
            for (ptrdiff_t j = 0; j < width; j++) sums[j] += d[i * n + j];
        for (ptrdiff_t j = 0; j < (m - i) * n; j++) sums[j] += d[i * n + j];
        for (ptrdiff_t j = 0; j < n; j++) {
            T total = 0;
            for (ptrdiff_t r = 0; r < rows; r++) total += sums[r * n + j];
            FN(put)(out + j, total, scale, keep);
        }
    }
}

#include "activations.h"
#include "dropout.h"
#include "blend.h"
#include "losses.h"
#include "embeddings.h"

static void FN(clip)(T *x, ptrdiff_t n, double bound)
{
    const T high = (T)bound, low = -high;
    for (ptrdiff_t i = 0; i < n; i++) {
        T value = x[i] < low ? low : x[i]; /* NaN stays */
        x[i] = value > high ? high : value;
    }
}

#include "optimizers.h"

#if ISA_BITS
#include "product.h"
#else
static int FN(product)(int transpose_a, int transpose_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, T scale, const T *a,
                       ptrdiff_t lda, const T *b, ptrdiff_t ldb, T keep, T *c, ptrdiff_t ldc, enum Finish finish,
                       const T *with)
{
    (void)transpose_a, (void)transpose_b, (void)m, (void)n, (void)k, (void)scale, (void)a, (void)lda;
    (void)b, (void)ldb, (void)keep, (void)c, (void)ldc, (void)finish, (void)with;
    return 0; /* BLAS has been written for this processor */
}

static int FN(is_tiled)(ptrdiff_t k, ptrdiff_t n)
{
    (void)k, (void)n;
    return 0;
}
#endif

#include "row.h"

static const TABLE FN(table) = {
#define ACTIVATION(CODE, name, ...) .activate[CODE] = FN(name), .derivative[CODE] = FN(name##_derivative),
#include "../functions.def"
#define OUTPUT(CODE, FUNCTION, LOSS, TARGETS, SKLEARNS, ...)                                                           \
    .output[CODE] = FN(FUNCTION##_output), .loss[CODE] = FN(FUNCTION##_##LOSS), .sklearns_loss[CODE] = FN(SKLEARNS),
#include "../functions.def"
#define OPTIMIZER(CODE, name, ...) .update[CODE] = FN(name##_update),
#include "../functions.def"
#define EMBEDDING(CODE, name)                                                                                          \
    .nodes[CODE] = FN(name##_nodes), .embed[CODE] = FN(name##_embed), .embed_gradient[CODE] = FN(name##_embed_gradient),
#include "../functions.def"
    .drop = FN(drop),
    .blend = FN(blend),
    .blend_backward = FN(blend_backward),
    .column_sums = FN(column_sums),
    .gather = FN(gather),
    .ask_for = FN(ask_for),
    .product = FN(product),
    .row_product = FN(row_product),
    .is_tiled = FN(is_tiled),
    .sum_of_squares = FN(sum_of_squares),
    .sum_of_absolutes = FN(sum_of_absolutes),
    .clip = FN(clip),
    .all_finite = FN(all_finite),
    .add_scaled = FN(add_scaled),
    .add_signs = FN(add_signs),
    .shorten_columns = FN(shorten_columns),
    .exponential = FN(exponential),
    .logarithm = FN(logarithm),
    .cosine = FN(cosine),
    .sine = FN(sine),
};

#undef BITS
#undef UBITS
#undef C
#undef MANTISSA_BITS
#undef EXPONENT_BIAS
#undef ROUND_MAGIC
#undef LN2_HI
#undef LN2_LO
#undef EXP_LOWEST
#undef EXP_HIGHEST
#undef TANH_ONE
#undef SMALLEST_NORMAL
#undef TO_NORMAL
#undef TINY_SHIFT
#undef SQRT_HALF_BITS
#undef FABS
#undef COPYSIGN
#undef SQRT
#undef LANES
#undef BLOCK
#undef TILE_COLUMNS
#undef ELEMENTWISE_LOSS
#undef EACH_UNIT
#undef MADE_OF_A
#undef LOOPS_WITH_KEPT
#if ISA_BITS
#undef COPIED_VECTORS
#undef COPY_BYTES
#undef SUFFIX
#undef MOST_VECTORS
#undef MOST_ROWS
#undef OP
#undef V
#undef MASK
#undef OVERLAPS
#undef SUM
#undef COPIED_ROWS
#undef FIRST
#undef MASK_OF
#undef LOAD_LAST
#undef STORE_LAST
#undef WIDTH
#undef ZERO
#undef EVERY
#undef LOAD
#undef STORE
#undef MULTIPLY
#undef MULTIPLY_ADD
#undef PLUS
#undef MINUS
#undef LARGER
#undef WHERE_NOT_ZERO
#endif
