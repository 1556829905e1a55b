/* The few vector operations that product.h and adam.h are written in, for T and the instruction set at hand. Undone at
   body.h's end.

   V holds WIDTH numbers. LAST stands for the last vector of a row, of which a mask says how many numbers count: the
   others are neither read nor written. MOST_ROWS(n) rows of n vectors fit the registers as sums, n up to MOST_VECTORS. */

#if defined(T_IS_FLOAT)
#define SUFFIX ps
#else
#define SUFFIX pd
#endif

#if ISA_BITS == 512
#define MOST_VECTORS 4
#define COPIED_VECTORS 2
#define COPY_BYTES (96 * 1024)
#define COPIED_ROWS(transposed) PANEL_ROWS
#define MOST_ROWS(n) ((n) == 1 ? 14 : (n) == 2 ? 12 : (n) == 3 ? 8 : 6)
#define OVERLAPS(n) 0
#define OP(name) INTRINSIC(_mm512, name, SUFFIX)
#if defined(T_IS_FLOAT)
#define V __m512
#define MASK __mmask16
#else
#define V __m512d
#define MASK __mmask8
#endif
#define MASK_OF(n) ((MASK)((1u << (n)) - 1u))
#define LOAD_LAST(p, mask) OP(maskz_loadu)(mask, p)
#define STORE_LAST(p, mask, v) OP(mask_storeu)(p, mask, v)
#define WHERE_NOT_ZERO(a, x) OP(maskz_mov)(INTRINSIC(_mm512_cmp, SUFFIX, mask)(a, ZERO(), _CMP_NEQ_UQ), x)
#else
#define MOST_VECTORS 3
#define COPIED_VECTORS 3
#define COPY_BYTES (32 * 1024)
/* Beside them a tile's numbers of A want room in the cache, and transposed each is in a line of its own. */
#define COPIED_ROWS(transposed) ((transposed) ? PANEL_ROWS / 2 : PANEL_ROWS)
#define MOST_ROWS(n) ((n) == 1 ? 12 : (n) == 2 ? 6 : 4)
#define OVERLAPS(n) ((n) > 1)
#define OP(name) INTRINSIC(_mm256, name, SUFFIX)
#define MASK ptrdiff_t /* the number itself */
#define MASK_OF(n) (n)
#if defined(T_IS_FLOAT)
#define V __m256
#define FIRST(n) _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
#else
#define V __m256d
#define FIRST(n) _mm256_cmpgt_epi64(_mm256_set1_epi64x((long long)(n)), _mm256_setr_epi64x(0, 1, 2, 3))
#endif
#define LOAD_LAST(p, n) OP(maskload)(p, FIRST(n))
#define STORE_LAST(p, n, v) FN(store_first)(p, n, v)
#define SUM(v) FN(sum_of_lanes)(v)
#define WHERE_NOT_ZERO(a, x) OP(and)(OP(cmp)(a, ZERO(), _CMP_NEQ_UQ), x) /* x, 0 where a is 0 */
#endif

#define WIDTH ((ptrdiff_t)(sizeof(V) / sizeof(T)))
#define ZERO() OP(setzero)()
#define EVERY(x) OP(set1)(x)
#define LOAD(p) OP(loadu)(p)
#define STORE(p, v) OP(storeu)(p, v)
#define PLUS(a, b) OP(add)(a, b)
#define MINUS(a, b) OP(sub)(a, b)
#define LARGER(a, b) OP(max)(a, b) /* b where one is NaN, or both are zero */
#define MULTIPLY(a, b) OP(mul)(a, b)
#define MULTIPLY_ADD(a, b, c) OP(fmadd)(a, b, c) /* a b + c, rounded once */

#if ISA_BITS == 256
/* Piece by piece: AMD's processors make a masked write of some twenty small ones. */
static inline void FN(store_first)(T *p, ptrdiff_t n, V v)
{
#if defined(T_IS_FLOAT)
    __m128 some = _mm256_castps256_ps128(v);
    if (n >= 8) {
        STORE(p, v);
        return;
    }
    if (n & 4) {
        _mm_storeu_ps(p, some);
        some = _mm256_extractf128_ps(v, 1);
        p += 4;
    }
    if (n & 2) {
        _mm_storel_pi((__m64 *)p, some);
        some = _mm_movehl_ps(some, some);
        p += 2;
    }
    if (n & 1) _mm_store_ss(p, some);
#else
    __m128d some = _mm256_castpd256_pd128(v);
    if (n >= 4) {
        STORE(p, v);
        return;
    }
    if (n & 2) {
        _mm_storeu_pd(p, some);
        some = _mm256_extractf128_pd(v, 1);
        p += 2;
    }
    if (n & 1) _mm_store_sd(p, some);
#endif
}

static inline T FN(sum_of_lanes)(V v)
{
#if defined(T_IS_FLOAT)
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
#else
    __m128d half = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd(v, 1));
    return _mm_cvtsd_f64(_mm_add_sd(half, _mm_unpackhi_pd(half, half)));
#endif
}
#endif
