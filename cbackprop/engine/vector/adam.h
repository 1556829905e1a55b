/* Adam's step where a square root takes as long as everything else together: the processor makes it of an estimate
   meanwhile, beside its division. Bit for bit the result of the plain loop in optimizers.h. Included there. */

#if defined(T_IS_FLOAT)
#define BITS_OF(x) _mm512_castps_si512(x)
#define EVERY_BITS(n) _mm512_set1_epi32((int)(n))
#define OUTSIDE(x, low, high) _mm512_cmpge_epu32_mask(_mm512_sub_epi32(x, EVERY_BITS(low)), EVERY_BITS((high) - (low)))
#define LOWEST_BITS 0x0f800000u /* of 2^-96 */
#define INFINITY_BITS 0x7f800000u
#else
#define BITS_OF(x) _mm512_castpd_si512(x)
#define EVERY_BITS(n) _mm512_set1_epi64((long long)(n))
#define OUTSIDE(x, low, high) _mm512_cmpge_epu64_mask(_mm512_sub_epi64(x, EVERY_BITS(low)), EVERY_BITS((high) - (low)))
#define LOWEST_BITS 0x03f0000000000000ull /* of 2^-960 */
#define INFINITY_BITS 0x7ff0000000000000ull
#endif
#define MINUS_PRODUCT(a, b, c) OP(fnmadd)(a, b, c) /* c - a b, rounded once */

/* The square root, correctly rounded: Newton's steps on s = sqrt(x) and h = 1 / (2 s) together, from 14 bits, and at last
   one with a remainder x - s^2 that is exact (P. Markstein, IA-64 and Elementary Functions, 2000, chapter 9). Where the
   remainder would be subnormal, or x is no positive number, the instruction is asked. */
static ALWAYS_INLINE V FN(square_root)(V x)
{
    const V half = EVERY(C(0.5)), estimate = OP(rsqrt14)(x);
    V s = MULTIPLY(x, estimate), h = MULTIPLY(half, estimate);
    V e = MINUS_PRODUCT(h, s, half);
    s = MULTIPLY_ADD(s, e, s), h = MULTIPLY_ADD(h, e, h);
#if !defined(T_IS_FLOAT)
    e = MINUS_PRODUCT(h, s, half);
    s = MULTIPLY_ADD(s, e, s), h = MULTIPLY_ADD(h, e, h);
#endif
    s = MULTIPLY_ADD(MINUS_PRODUCT(s, s, x), h, s);
    const MASK others = OUTSIDE(BITS_OF(x), LOWEST_BITS, INFINITY_BITS);
    return others == 0 ? s : OP(mask_sqrt)(s, others, x);
}

static ALWAYS_INLINE void FN(adam_step)(T *RESTRICT w, const T *RESTRICT gradient, T *RESTRICT mean, T *RESTRICT square,
                                        ptrdiff_t n, const Rule *rule, const Step *step, int decays)
{
    const V eta = EVERY((T)step->rate), l2 = EVERY((T)step->l2), epsilon = EVERY((T)step->epsilon);
    const V decay = EVERY((T)step->decay);
    const V beta_1 = EVERY((T)rule->beta_1), rest_1 = EVERY((T)(1.0 - rule->beta_1));
    const V beta_2 = EVERY((T)rule->beta_2), rest_2 = EVERY((T)(1.0 - rule->beta_2));
    for (ptrdiff_t i = 0; i < n; i += WIDTH) {
        const MASK mask = n - i < WIDTH ? MASK_OF(n - i) : (MASK)-1;
        const V weight = LOAD_LAST(w + i, mask);
        const V g = PLUS(LOAD_LAST(gradient + i, mask), MULTIPLY(l2, weight));
        const V m = PLUS(MULTIPLY(beta_1, LOAD_LAST(mean + i, mask)), MULTIPLY(rest_1, g));
        const V v = PLUS(MULTIPLY(beta_2, LOAD_LAST(square + i, mask)), MULTIPLY(rest_2, MULTIPLY(g, g)));
        const V move = OP(div)(MULTIPLY(eta, m), PLUS(FN(square_root)(v), epsilon));
        STORE_LAST(mean + i, mask, m);
        STORE_LAST(square + i, mask, v);
        STORE_LAST(w + i, mask, MINUS(weight, decays ? PLUS(MULTIPLY(decay, weight), move) : move));
    }
}

#undef BITS_OF
#undef EVERY_BITS
#undef OUTSIDE
#undef LOWEST_BITS
#undef INFINITY_BITS
#undef MINUS_PRODUCT
