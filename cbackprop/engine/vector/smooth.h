/* Activations that are computed with their derivatives, which cost little beside them. Included by activations.h.

   silu, gelu and mish are z times something that runs from 0 to 1. To the left of 0 they are z e^x times something near 1, so small at last that e^x alone would be subnormal: there e^x
   comes in its parts (vmath.h). z stops where all that is left is 0, so that 0 times infinity does not come up. Errors,
   tested against mpmath, in ulp: elu 1.5, selu 2.5, softplus 2.5, silu 4, gelu 8, mish 4; gelu_tanh 4 + 2.5 |w|, w being
   the exponent of its gate. Those of the derivatives are as small, but where these pass through 0: there they are 2 eps. */

#if defined(T_IS_FLOAT)
#define MISH_LINEAR C(14.0) /* from there on mish is z */
#define GELU_LAST C(14.6)   /* from there on the normal distribution's tail is 0, times z, too */
#define GELU_CENTRE C(3.0)
#define HIGH_BITS 0xfffff000u /* 12 of a number's 24 */
#else
#define MISH_LINEAR C(24.0)
#define GELU_LAST C(38.8)
#define GELU_CENTRE C(5.0)
#define HIGH_BITS 0xfffffffff8000000u /* 26 of 53 */
#endif
#define GELU_TANH_LAST C(24.0)

/* a or b, without a branch that compilers would build upon */
static inline T FN(where)(int which, T a, T b)
{
    const BITS mask = -(BITS)which;
    return FN(unbits)((FN(bits)(a) & mask) | (FN(bits)(b) & ~mask));
}

static inline T FN(within)(T x, T low, T high)
{
    x = FN(where)(x < low, low, x); /* NaN stays */
    return FN(where)(x > high, high, x);
}

/* e^x - 1 for x < 0, x for others; e^x for x <= 0, 1 for others */
static inline T FN(velu)(T x, T *slope)
{
    BITS n;
    T second, low = FN(within)(x, EXP_LOWEST, C(0.0)), q = FN(reduced_expm1)(low, &n);
    T first = FN(power_of_two)(n, &second), scale = first * second;
    *slope = (C(1.0) + q) * first * second;
    return (x < C(0.0) ? scale * q + (scale - C(1.0)) : x);
}

/* Klambauer and others (2017): with these two constants units keep mean 0 and variance 1. */
#define SELU_SCALE C(1.0507009873554804934)
#define SELU_LOW C(1.7580993408473768599) /* SELU_SCALE times alpha */

static inline T FN(vselu)(T x, T *slope)
{
    T f = FN(velu)(x, slope);
    *slope = x > C(0.0) ? SELU_SCALE : SELU_LOW * *slope;
    return f * (x < C(0.0) ? SELU_LOW : SELU_SCALE);
}

/* log(1 + e^x), logistic(x) */
static inline T FN(vsoftplus)(T x, T *slope)
{
    T e = FN(vexp)(-FABS(x));
    *slope = (x < C(0.0) ? e : C(1.0)) / (C(1.0) + e);
    return (x < C(0.0) ? C(0.0) : x) + FN(vlog1p)(e);
}

/* z / (1 + e^-w), w of the sign of z and not larger than EXP_LOWEST; and s (1 + z w' (1 - s)), s = 1 / (1 + e^-w) and
   z w' = zw. At the left z is taken as `left`. */
static inline T FN(gated)(T z, T left, T w, T zw, T *slope)
{
    T first, second, y = FN(exp_parts)(-FABS(w), &first, &second);
    T e = y * first * second, q = C(1.0) / (C(1.0) + e);
    T high = z < C(0.0) ? y * first : C(1.0), low = z < C(0.0) ? second : C(1.0), rest = z < C(0.0) ? C(1.0) : e;
    *slope = (C(1.0) + zw * (rest * q)) * high * low * q;
    return (z < C(0.0) ? left : z) * high * low * q;
}

static inline T FN(vsilu)(T z, T *slope)
{
    T x = FN(within)(z, EXP_LOWEST, -EXP_LOWEST);
    return FN(gated)(z, x, x, x, slope);
}

/* 2 sqrt(2 / pi) (z + 0.044715 z^3): z / 2 (1 + tanh(w / 2)) = z / (1 + e^-w)  (Hendrycks and Gimpel, 2016) */
#define GATE C(1.5957691216057307118)
#define GATE_CUBE C(0.071354816272600249)

static inline T FN(vgelu_tanh)(T z, T *slope)
{
    T x = FN(within)(z, -GELU_TANH_LAST, GELU_TANH_LAST), square = x * x;
    T w = FN(within)(x * (GATE + GATE_CUBE * square), EXP_LOWEST, -EXP_LOWEST);
    return FN(gated)(z, x, w, x * (GATE + C(3.0) * GATE_CUBE * square), slope);
}

/* e^(-t^2/2) = y first second, for t in [0, GELU_LAST]: t^2 in two parts, a first half that is exact and a rest. */
static inline T FN(bell)(T t, T *first, T *second)
{
    BITS n;
    T high = FN(unbits)((BITS)((UBITS)FN(bits)(t) & HIGH_BITS));
    T square = C(-0.5) * (high * high), rest = C(-0.5) * ((t - high) * (t + high));
    T shifted = (square + rest) * C(1.44269504088896340736) + ROUND_MAGIC;
    T whole = shifted - ROUND_MAGIC;
    T r = (square - whole * LN2_HI) - whole * LN2_LO + rest;
    n = FN(bits)(shifted) - FN(bits)(ROUND_MAGIC);
    *first = FN(power_of_two)(n, second);
    return C(1.0) + FN(short_expm1)(r);
}

/* e^(t^2/2) Phi(-t), Phi being the normal distribution: a Chebyshev fit of it times t + c, in u = (t - c) / (t + c) */
static inline T FN(tail)(T t)
{
    T inverse = C(1.0) / (t + GELU_CENTRE), u = (t - GELU_CENTRE) * inverse;
#if defined(T_IS_FLOAT)
    T p = 5.54918717168e-05f;
    p = p * u + 0.000133323954204f;
    p = p * u - 0.000244709320792f;
    p = p * u - 0.00103447655089f;
    p = p * u + 0.00102415732438f;
    p = p * u + 0.00696992015091f;
    p = p * u - 0.0104622889665f;
    p = p * u - 0.0472627619212f;
    p = p * u + 0.230017676674f;
    p = p * u - 0.509331988835f;
    p = p * u + 0.729083690714f;
#else
    T p = -1.8073212078146043403e-10;
    p = p * u + 1.6891057665153780829e-9;
    p = p * u + 7.6672361072026533149e-9;
    p = p * u - 9.1445020812891738596e-9;
    p = p * u - 6.5848868400797397181e-8;
    p = p * u + 4.2091833338869145819e-8;
    p = p * u + 4.3298370374156094057e-7;
    p = p * u - 3.3651220434990695011e-7;
    p = p * u - 2.7691457822822778648e-6;
    p = p * u + 3.9808712856669724865e-6;
    p = p * u + 0.000016681160364586645435;
    p = p * u - 0.00004976281037790303534;
    p = p * u - 0.000059375713816471311811;
    p = p * u + 0.00054489906503732301149;
    p = p * u - 0.00079786940073924878713;
    p = p * u - 0.0029933767706492681155;
    p = p * u + 0.020795066800091459633;
    p = p * u - 0.069118638706294679525;
    p = p * u + 0.16502036617037502528;
    p = p * u - 0.31353315667130517141;
    p = p * u + 0.49530561596997658874;
    p = p * u - 0.66538250289005669366;
    p = p * u + 0.76919304975006295804;
#endif
    return p * inverse;
}

/* z Phi(z) = z - z Phi(-z); Phi(z) + z e^(-z^2/2) / sqrt(2 pi) */
static inline T FN(vgelu)(T z, T *slope)
{
    T first, second, t = FABS(z) > GELU_LAST ? GELU_LAST : FABS(z), y = FN(bell)(t, &first, &second);
    T area = FN(tail)(t), rest = t * area * y * first * second;
    T left = (area - t * C(0.39894228040143267794)) * y * first * second;
    *slope = z < C(0.0) ? left : C(1.0) - left;
    return (z < C(0.0) ? C(0.0) : z) - rest;
}

/* z tanh(log(1 + u)) = z w / (w + 2), u = e^z and w = u (u + 2); u ((u + 2) (w + 2) + 4 z (u + 1)) / (w + 2)^2
   (Misra, 2019) */
static inline T FN(vmish)(T z, T *slope)
{
    T first, second, x = FN(within)(z, EXP_LOWEST, MISH_LINEAR), y = FN(exp_parts)(x, &first, &second);
    T u = y * first * second, below = u * (u + C(2.0)) + C(2.0), q = C(1.0) / below;
    T left = z < x ? x : z;
    T factor = ((u + C(2.0)) * below + C(4.0) * x * (u + C(1.0))) * (q * q);
    *slope = factor * y * first * second;
    return left * ((u + C(2.0)) * q) * y * first * second;
}

#undef MISH_LINEAR
#undef GELU_LAST
#undef GELU_CENTRE
#undef HIGH_BITS
#undef GELU_TANH_LAST
#undef GATE
#undef SELU_SCALE
#undef SELU_LOW
#undef GATE_CUBE
