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

/* z (m, n) becomes f(z + b): F says f(x), and may ask for `slope`. */
#define LOOKING_AT_A(NAME, F)                                                                                          \
    static void FN(NAME)(T *RESTRICT z, const T *RESTRICT b, T *kept, ptrdiff_t m, ptrdiff_t n, double parameter)      \
    {                                                                                                                  \
        const T slope = (T)parameter;                                                                                  \
        (void)kept, (void)slope;                                                                                       \
        EACH_UNIT(z[i * n + j] = F;)                                                                                   \
    }

/* The same, and z + b is kept for the derivative. */
#define LOOKING_AT_Z(NAME, F)                                                                                          \
    static void FN(NAME)(T *RESTRICT z, const T *RESTRICT b, T *RESTRICT kept, ptrdiff_t m, ptrdiff_t n,               \
                         double parameter)                                                                             \
    {                                                                                                                  \
        const T slope = (T)parameter;                                                                                  \
        (void)slope;                                                                                                   \
        if (kept == NULL) EACH_UNIT(z[i * n + j] = F;)                                                                 \
        else EACH_UNIT(kept[i * n + j] = x; z[i * n + j] = F;)                                                         \
    }

/* delta (n) becomes G: d is delta, and `at` is a = f(z), or z where the activation looks at it. */
#define DERIVATIVE(NAME, G)                                                                                            \
    static void FN(NAME##_derivative)(const T *RESTRICT from, T *RESTRICT delta, ptrdiff_t n, double parameter)        \
    {                                                                                                                  \
        const T slope = (T)parameter;                                                                                  \
        (void)slope, (void)from;                                                                                       \
        for (ptrdiff_t i = 0; i < n; i++) {                                                                            \
            const T at = from[i], d = delta[i];                                                                        \
            (void)at;                                                                                                  \
            delta[i] = G;                                                                                              \
        }                                                                                                              \
    }

LOOKING_AT_A(identity, x)
DERIVATIVE(identity, d)

LOOKING_AT_A(logistic, FN(vlogistic)(x))
DERIVATIVE(logistic, d * (at * (C(1.0) - at)))

LOOKING_AT_A(tanh, FN(vtanh)(x))
DERIVATIVE(tanh, d * (C(1.0) - at * at))

LOOKING_AT_A(relu, FN(vrelu)(x))
DERIVATIVE(relu, at == C(0.0) ? C(0.0) : d)
