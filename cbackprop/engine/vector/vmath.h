/* exp, log, logistic and tanh that compilers vectorise: no branches, no table, no library call.

   Included by body.h for T = float and T = double. Errors, tested against mpmath (tests/engine/test_kernels.py), in ulp:
   exp 1.5, log 1.5, logistic 2.5, tanh 3, cosine and sine of 2 pi x 2. NaN gives NaN, overflow inf, underflow passes through the subnormals.
   The polynomials are Chebyshev fits made for these intervals:
     exp:  (e^r - 1 - r) / r^2           for |r| <= ln(2)/2
     log:  (2 atanh(s) - 2 s) / s^3      in s^2, for 1 + f in [sqrt(1/2), sqrt(2)], s = f / (2 + f)
     sine: sin(2 pi s) / s, cosine: (cos(2 pi s) - 1) / s^2, both in s^2 for |s| <= 1/8  */

#if defined(T_IS_FLOAT)
#define BITS int32_t
#define UBITS uint32_t
#define C(x) x##f
#define MANTISSA_BITS 23
#define EXPONENT_BIAS 127
#define ROUND_MAGIC 12582912.0f /* 1.5 * 2^23: adding it rounds to an integer, left in the low bits */
#define LN2_HI 0.693359375f
#define LN2_LO -2.12194440e-4f
#define EXP_LOWEST -120.0f /* times 10^7 it is still nothing */
#define EXP_HIGHEST 89.0f
#define TANH_ONE 9.1f
#define SMALLEST_NORMAL 1.17549435e-38f
#define TO_NORMAL 8388608.0f /* 2^23 */
#define TINY_SHIFT 23
#define SQRT_HALF_BITS 0x3f3504f3
#define FABS fabsf
#define COPYSIGN copysignf
#define SQRT sqrtf
#else
#define BITS int64_t
#define UBITS uint64_t
#define C(x) x
#define MANTISSA_BITS 52
#define EXPONENT_BIAS 1023
#define ROUND_MAGIC 6755399441055744.0 /* 1.5 * 2^52 */
#define LN2_HI 6.93147180369123816490e-01
#define LN2_LO 1.90821492927058770002e-10
#define EXP_LOWEST -780.0
#define EXP_HIGHEST 710.0
#define TANH_ONE 19.1
#define SMALLEST_NORMAL 2.2250738585072014e-308
#define TO_NORMAL 4503599627370496.0 /* 2^52 */
#define TINY_SHIFT 52
#define SQRT_HALF_BITS 0x3fe6a09e667f3bcd
#define FABS fabs
#define COPYSIGN copysign
#define SQRT sqrt
#endif

static inline BITS FN(bits)(T x) { BITS b; memcpy(&b, &x, sizeof b); return b; }
static inline T FN(unbits)(BITS b) { T x; memcpy(&x, &b, sizeof x); return x; }

/* x = n ln2 + r, |r| <= ln2 / 2; returns r, and n in *n. */
static inline T FN(reduced)(T x, BITS *n)
{
    T shifted = x * C(1.44269504088896340736) + ROUND_MAGIC;
    T whole = shifted - ROUND_MAGIC;
    *n = FN(bits)(shifted) - FN(bits)(ROUND_MAGIC);
    return (x - whole * LN2_HI) - whole * LN2_LO;
}

/* e^r - 1 for |r| <= ln2 / 2 */
static inline T FN(short_expm1)(T r)
{
#if defined(T_IS_FLOAT)
    T p = 0.0013926177501f;
    p = p * r + 0.0083631741802f;
    p = p * r + 0.0416665546538f;
    p = p * r + 0.1666657701896f;
    p = p * r + 0.5f;
#else
    T p = 2.5100377619606371036e-8;
    p = p * r + 2.7620078203806393335e-7;
    p = p * r + 2.7557268476553696175e-6;
    p = p * r + 2.4801521317484084006e-5;
    p = p * r + 1.9841269863042962312e-4;
    p = p * r + 1.3888888917199862106e-3;
    p = p * r + 8.3333333333300639656e-3;
    p = p * r + 0.041666666666624155611;
    p = p * r + 0.16666666666666667452;
    p = p * r + 0.50000000000000010213;
#endif
    return r + r * r * p;
}

/* x = n ln2 + r; returns e^r - 1, and n in *n. */
static inline T FN(reduced_expm1)(T x, BITS *n)
{
    T r = FN(reduced)(x, n);
    return FN(short_expm1)(r);
}

/* 2^n in two factors, so that neither the subnormals nor the largest numbers need a case of their own */
static inline T FN(power_of_two)(BITS n, T *second)
{
    UBITS u = (UBITS)(n + 2 * (EXPONENT_BIAS + 1)), half = u >> 1;
    *second = FN(unbits)((BITS)((u - half - 1) << MANTISSA_BITS));
    return FN(unbits)((BITS)((half - 1) << MANTISSA_BITS));
}

/* e^x = y first second, for EXP_LOWEST <= x <= EXP_HIGHEST; returns y, between 0.7 and 1.5. y first is a normal number:
   what is small multiplies it before `second`, and nothing is lost to the subnormals on the way. */
static inline T FN(exp_parts)(T x, T *first, T *second)
{
    BITS n;
    T y = C(1.0) + FN(reduced_expm1)(x, &n);
    *first = FN(power_of_two)(n, second);
    return y;
}

static inline T FN(vexp)(T x)
{
    x = x < EXP_LOWEST ? EXP_LOWEST : x;
    x = x > EXP_HIGHEST ? EXP_HIGHEST : x;
    T first, second, y = FN(exp_parts)(x, &first, &second);
    return y * first * second;
}

static inline T FN(vlogistic)(T x)
{
    T e = FN(vexp)(-FABS(x)); /* in (0, 1]: never overflows */
    T numerator = x >= C(0.0) ? C(1.0) : e;
    return numerator / (C(1.0) + e);
}

/* tanh |x| = m / (m + 2), m = e^(2|x|) - 1 = 2^n (e^r - 1) + (2^n - 1): no cancellation near 0. */
static inline T FN(vtanh)(T x)
{
    BITS n;
    T y = FABS(x);
    y = y > TANH_ONE ? TANH_ONE : y;
    T q = FN(reduced_expm1)(y + y, &n);
    T scale = FN(unbits)((BITS)((UBITS)(n + EXPONENT_BIAS) << MANTISSA_BITS));
    T m = scale * q + (scale - C(1.0));
    return COPYSIGN(m / (m + C(2.0)), x);
}

/* log x = k ln2 + log(1 + f), 1 + f in [sqrt(1/2), sqrt(2)) */
static inline T FN(log_of_normal)(T normal, T shift)
{
    UBITS u = (UBITS)FN(bits)(normal) - (UBITS)SQRT_HALF_BITS;
    /* The exponent as a number, without an integer conversion: put it in the mantissa of ROUND_MAGIC. */
    BITS exponent = (BITS)((u + ((UBITS)EXPONENT_BIAS << MANTISSA_BITS)) >> MANTISSA_BITS);
    T k = FN(unbits)(FN(bits)(ROUND_MAGIC) + exponent) - ROUND_MAGIC - (T)EXPONENT_BIAS - shift;
    T mantissa = FN(unbits)((BITS)((u & (((UBITS)1 << MANTISSA_BITS) - 1)) + (UBITS)SQRT_HALF_BITS));
    T f = mantissa - C(1.0), s = f / (C(2.0) + f), z = s * s;
#if defined(T_IS_FLOAT)
    T R = 0.295800461683f;
    R = R * z + 0.399887784337f;
    R = R * z + 0.666666850448f;
#else
    T R = 0.14616575421644385948;
    R = R * z + 0.1533171134667299598;
    R = R * z + 0.18182889433757516423;
    R = R * z + 0.22222211130560726442;
    R = R * z + 0.28571428626001425575;
    R = R * z + 0.39999999999899447297;
    R = R * z + 0.66666666666666696882;
#endif
    T half_square = C(0.5) * f * f;
    return k * LN2_HI - ((half_square - (s * (half_square + z * R) + k * LN2_LO)) - f);
}

static inline T FN(vlog)(T x)
{
    T tiny = x < SMALLEST_NORMAL ? C(1.0) : C(0.0);
    T normal = x < SMALLEST_NORMAL ? x * TO_NORMAL : x;
    T y = FN(log_of_normal)(normal, tiny * (T)TINY_SHIFT);
    y = x == C(0.0) ? -(T)INFINITY : y;
    y = x < C(0.0) ? (T)NAN : y;
    return x < (T)INFINITY ? y : x; /* inf and NaN are their own logarithms here */
}

/* log(1 + x) for 0 <= x <= 1, or somewhat less than 0: what 1 + x loses is put back, and with it NaN */
static inline T FN(vlog1p)(T x)
{
    T u = C(1.0) + x;
    return FN(log_of_normal)(u, C(0.0)) + (x - (u - C(1.0))) / u;
}

/* x log(y), 0 where x is 0 whatever y is */
static inline T FN(vxlogy)(T x, T y)
{
    T product = x * FN(vlog)(y);
    return x == C(0.0) ? C(0.0) : product;
}

/* The cosine of 2 pi x, and its sine: x = k / 4 + s exactly, |s| <= 1/8. Beyond 2^20 turns there is no angle left in
   float32: 1 and 0. */
static inline T FN(vturn)(T x, T *sine)
{
    const T small = FABS(x) < C(1048576.0) ? x : x - x; /* NaN of what is not finite */
    const T shifted = C(4.0) * small + ROUND_MAGIC;
    const BITS k = FN(bits)(shifted);
    const T s = small - C(0.25) * (shifted - ROUND_MAGIC), z = s * s;
#if defined(T_IS_FLOAT)
    T p = -75.401612702747f, q = 59.424105981756f;
    p = p * z + 81.592542871301f, q = q * z - 85.448820089651f;
    p = p * z - 41.341662570548f, q = q * z + 64.939369051420f;
    p = p * z + 6.2831852878129f, q = q * z - 19.739208789988f;
#else
    T p = -0.71163580907816659965, q = 0.27974078606575040508;
    p = p * z + 3.8197881201632114229, q = q * z - 1.7143332694209920809;
    p = p * z - 15.094640403891545649, q = q * z + 7.9035356123389601795;
    p = p * z + 42.058693928988783438, q = q * z - 26.426256777817400247;
    p = p * z - 76.70585975299812673, q = q * z + 60.244641371854563322;
    p = p * z + 81.605249276074930668, q = q * z - 85.456817206693684583;
    p = p * z - 41.341702240399760142, q = q * z + 64.939394022668291459;
    p = p * z + 6.2831853071795864769, q = q * z - 19.739208802178717238;
#endif
    const T short_sine = s * p, short_cosine = C(1.0) + z * q;
    const int turned = (k & 1) != 0; /* the low bits are k's, negative ones too */
    const T c = turned ? short_sine : short_cosine, d = turned ? short_cosine : short_sine;
    /* cos: +, -sin, -, +sin for k = 0, 1, 2, 3; sin: +, +cos, -, -cos */
    const UBITS of_cosine = (UBITS)((k + 1) & 2), of_sine = (UBITS)(k & 2);
    *sine = FN(unbits)((BITS)((UBITS)FN(bits)(d) ^ (of_sine << (8 * sizeof(T) - 2))));
    return FN(unbits)((BITS)((UBITS)FN(bits)(c) ^ (of_cosine << (8 * sizeof(T) - 2))));
}
