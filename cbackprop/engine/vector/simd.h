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
#define MOST_ROWS(n) ((n) == 1 ? 14 : (n) == 2 ? 12 : (n) == 3 ? 8 : 6)
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
#define MOST_ROWS(n) ((n) == 1 ? 12 : (n) == 2 ? 6 : 4)
#define OP(name) INTRINSIC(_mm256, name, SUFFIX)
#define MASK __m256i
#if defined(T_IS_FLOAT)
#define V __m256
#define MASK_OF(n) _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
#else
#define V __m256d
#define MASK_OF(n) _mm256_cmpgt_epi64(_mm256_set1_epi64x((long long)(n)), _mm256_setr_epi64x(0, 1, 2, 3))
#endif
#define LOAD_LAST(p, mask) OP(maskload)(p, mask)
#define STORE_LAST(p, mask, v) OP(maskstore)(p, mask, v)
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
