/* Activations f of the hidden layers and their derivatives: those that functions.def names. Included by body.h. */

static inline T FN(vrelu)(T z)
{
    return z < C(0.0) ? C(0.0) : z; /* NaN stays */
}

static NOINLINE void FN(exponential)(T *x, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) x[i] = FN(vexp)(x[i]);
}

static void FN(logarithm)(T *x, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) x[i] = FN(vlog)(x[i]);
}

/* BODY for every unit of z (m, n), x being z + b. Several narrow rows make one long one, with b repeated along it. */
#define EACH_UNIT(BODY)                                                                                                \
    {                                                                                                                  \
        T repeated[128];                                                                                               \
        ptrdiff_t rows = n <= 64 ? 128 / n : 1, width = rows * n, i = 0;                                               \
        if (rows > m) rows = 1, width = n;                                                                             \
        if (rows > 1) {                                                                                                \
            for (ptrdiff_t r = 0; r < rows; r++)                                                                       \
                for (ptrdiff_t j = 0; j < n; j++) repeated[r * n + j] = b[j];                                          \
            for (; i + rows <= m; i += rows)                                                                           \
                for (ptrdiff_t j = 0; j < width; j++) {                                                                \
                    const T x = z[i * n + j] + repeated[j];                                                            \
                    BODY                                                                                               \
                }                                                                                                      \
        }                                                                                                              \
        for (; i < m; i++)                                                                                             \
            for (ptrdiff_t j = 0; j < n; j++) {                                                                        \
                const T x = z[i * n + j] + b[j];                                                                       \
                BODY                                                                                                   \
            }                                                                                                          \
    }

/* z (m, n) becomes f(z + b): F says f(x), and may ask for `slope`. The derivative is made of a = f(z): G says what delta,
   here d, becomes. */
#define MADE_OF_A(NAME, F, G)                                                                                          \
    static void FN(NAME)(T *RESTRICT z, const T *RESTRICT b, T *kept, ptrdiff_t m, ptrdiff_t n, double parameter)      \
    {                                                                                                                  \
        const T slope = (T)parameter;                                                                                  \
        (void)kept, (void)slope;                                                                                       \
        EACH_UNIT(z[i * n + j] = F;)                                                                                   \
    }                                                                                                                  \
    static void FN(NAME##_derivative)(const T *RESTRICT from, T *RESTRICT delta, ptrdiff_t n, double parameter)        \
    {                                                                                                                  \
        const T slope = (T)parameter;                                                                                  \
        (void)slope;                                                                                                   \
        for (ptrdiff_t i = 0; i < n; i++) {                                                                            \
            const T a = from[i], d = delta[i];                                                                         \
            (void)a;                                                                                                   \
            delta[i] = G;                                                                                              \
        }                                                                                                              \
    }

/* The same where a does not say enough: FN(vNAME) of smooth.h gives f(x) and f'(x), which is kept for the way back. */
#define LOOPS_WITH_KEPT(NAME)                                                                                          \
    static void FN(NAME)(T *RESTRICT z, const T *RESTRICT b, T *RESTRICT kept, ptrdiff_t m, ptrdiff_t n,               \
                         double parameter)                                                                             \
    {                                                                                                                  \
        T slope;                                                                                                       \
        (void)parameter;                                                                                               \
        if (kept == NULL) EACH_UNIT(z[i * n + j] = FN(v##NAME)(x, &slope);)                                            \
        else EACH_UNIT(z[i * n + j] = FN(v##NAME)(x, &slope); kept[i * n + j] = slope;)                                \
    }                                                                                                                  \
    static void FN(NAME##_derivative)(const T *RESTRICT from, T *RESTRICT delta, ptrdiff_t n, double parameter)        \
    {                                                                                                                  \
        (void)parameter;                                                                                               \
        for (ptrdiff_t i = 0; i < n; i++) delta[i] *= from[i];                                                         \
    }

MADE_OF_A(identity, x, d)
MADE_OF_A(logistic, FN(vlogistic)(x), d * (a * (C(1.0) - a)))
MADE_OF_A(tanh, FN(vtanh)(x), d * (C(1.0) - a * a))
MADE_OF_A(relu, FN(vrelu)(x), a == C(0.0) ? C(0.0) : d)
MADE_OF_A(leaky_relu, x > C(0.0) ? x : slope * x, a > C(0.0) ? d : slope * d)

#include "smooth.h"

/* For each activation whose derivative is kept. */
#define LOOPS_MADE_OF_A(name)
#define LOOPS_KEPT(name)                                                                                               \
    enum { FN(has_##name) = sizeof(&FN(v##name)) }; /* what calls it would compile, it being undeclared */             \
    LOOPS_WITH_KEPT(name)
#define ACTIVATION(CODE, name, DERIVATIVE, ...) LOOPS_##DERIVATIVE(name)
#include "../functions.def"
#undef LOOPS_MADE_OF_A
#undef LOOPS_KEPT
