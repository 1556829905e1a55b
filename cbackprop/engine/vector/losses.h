/* Outputs and their losses: those that functions.def names. Included by body.h. */

/* Outputs: activation alone. */

static void FN(identity_output)(T *z, ptrdiff_t m, ptrdiff_t k)
{
    (void)z, (void)m, (void)k;
}

static void FN(logistic_output)(T *z, ptrdiff_t m, ptrdiff_t k)
{
    for (ptrdiff_t i = 0; i < m * k; i++) z[i] = FN(vlogistic)(z[i]);
}

static void FN(exp_output)(T *z, ptrdiff_t m, ptrdiff_t k)
{
    FN(exponential)(z, m * k);
}

/* e^(z - max z) / sum, for `rows` <= LANES rows of a transposed tile (k, LANES) */
static NOINLINE void FN(softmax_tile)(T *RESTRICT tile, ptrdiff_t k)
{
    T highest[LANES], total[LANES];
    for (ptrdiff_t r = 0; r < LANES; r++) highest[r] = tile[r], total[r] = 0;
    for (ptrdiff_t c = 1; c < k; c++)
        for (ptrdiff_t r = 0; r < LANES; r++)
            highest[r] = tile[c * LANES + r] > highest[r] ? tile[c * LANES + r] : highest[r];
    for (ptrdiff_t c = 0; c < k; c++)
        for (ptrdiff_t r = 0; r < LANES; r++) tile[c * LANES + r] -= highest[r];
    FN(exponential)(tile, k * LANES);
    for (ptrdiff_t c = 0; c < k; c++)
        for (ptrdiff_t r = 0; r < LANES; r++) total[r] += tile[c * LANES + r];
    for (ptrdiff_t c = 0; c < k; c++)
        for (ptrdiff_t r = 0; r < LANES; r++) tile[c * LANES + r] /= total[r];
}

static void FN(softmax_row)(T *z, ptrdiff_t k)
{
    T highest = z[0];
    for (ptrdiff_t j = 1; j < k; j++) highest = z[j] > highest ? z[j] : highest;
    for (ptrdiff_t j = 0; j < k; j++) z[j] -= highest;
    FN(exponential)(z, k);
    T total = (T)FN(sum)(z, k);
    for (ptrdiff_t j = 0; j < k; j++) z[j] /= total;
}

static void FN(softmax_output)(T *z, ptrdiff_t m, ptrdiff_t k)
{
    T tile[TILE_COLUMNS * LANES];
    if (k > TILE_COLUMNS) {
        for (ptrdiff_t i = 0; i < m; i++) FN(softmax_row)(z + i * k, k);
        return;
    }
    for (ptrdiff_t i = 0; i < m; i += LANES) {
        ptrdiff_t rows = m - i < LANES ? m - i : LANES;
        FN(transpose)(z + i * k, rows, k, k, tile, LANES);
        for (ptrdiff_t r = rows; r < LANES; r++)
            for (ptrdiff_t c = 0; c < k; c++) tile[c * LANES + r] = tile[c * LANES];
        FN(softmax_tile)(tile, k);
        FN(transpose)(tile, k, rows, LANES, z + i * k, k);
    }
}

/* Outputs with their losses: z becomes a, delta = dC/dz, and the losses' sum is returned.
   Probabilities are kept eps away from 0 and 1 in the logarithms alone. */

static inline T FN(clipped)(T p)
{
    p = p < EPS ? EPS : p;
    return p > C(1.0) - EPS ? C(1.0) - EPS : p;
}

#define ELEMENTWISE_LOSS(NAME, ACTIVATION, LOSS, DELTA)                                                                \
    static double FN(NAME)(T *RESTRICT z, T *RESTRICT delta, const T *RESTRICT y, const int32_t *labels,               \
                           const T *RESTRICT weights, ptrdiff_t m, ptrdiff_t k)                                        \
    {                                                                                                                  \
        T losses[BLOCK];                                                                                               \
        double total = 0.0;                                                                                            \
        (void)labels;                                                                                                  \
        for (ptrdiff_t start = 0; start < m * k; start += BLOCK) {                                                     \
            ptrdiff_t n = m * k - start < BLOCK ? m * k - start : BLOCK;                                               \
            for (ptrdiff_t i = 0; i < n; i++) {                                                                        \
                T target = y[start + i], a = ACTIVATION(z[start + i]);                                                 \
                losses[i] = LOSS;                                                                                      \
                delta[start + i] = DELTA;                                                                              \
                z[start + i] = a;                                                                                      \
            }                                                                                                          \
            if (weights != NULL)                                                                                       \
                for (ptrdiff_t i = 0; i < n; i++) {                                                                    \
                    losses[i] *= weights[start + i];                                                                   \
                    delta[start + i] *= weights[start + i];                                                            \
                }                                                                                                      \
            total += FN(sum)(losses, n);                                                                               \
        }                                                                                                              \
        return total;                                                                                                  \
    }

ELEMENTWISE_LOSS(identity_squared_error, , C(0.5) * (a - target) * (a - target), a - target)
ELEMENTWISE_LOSS(logistic_squared_error, FN(vlogistic), C(0.5) * (a - target) * (a - target),
                 (a - target) * a * (C(1.0) - a))
ELEMENTWISE_LOSS(logistic_binary_log_loss, FN(vlogistic),
                 -(FN(vxlogy)(target, FN(clipped)(a)) +
                   FN(vxlogy)(C(1.0) - target, C(1.0) - FN(clipped)(a))),
                 a - target)
ELEMENTWISE_LOSS(exp_poisson, FN(vexp), FN(vxlogy)(target, target / a) - target + a, a - target)

static double FN(softmax_log_loss)(T *RESTRICT z, T *RESTRICT delta, const T *y, const int32_t *labels,
                                   const T *weights, ptrdiff_t m, ptrdiff_t k)
{
    T losses[BLOCK];
    double total = 0.0;
    (void)y;
    FN(softmax_output)(z, m, k);
    memcpy(delta, z, (size_t)(m * k) * sizeof(T));
    for (ptrdiff_t start = 0; start < m; start += BLOCK) {
        ptrdiff_t n = m - start < BLOCK ? m - start : BLOCK;
        for (ptrdiff_t i = 0; i < n; i++) {
            ptrdiff_t at = (start + i) * k + labels[start + i];
            losses[i] = z[at];
            delta[at] -= C(1.0);
        }
        for (ptrdiff_t i = 0; i < n; i++) losses[i] = -FN(vlog)(FN(clipped)(losses[i]));
        if (weights != NULL)
            for (ptrdiff_t i = 0; i < n; i++) losses[i] *= weights[(start + i) * k];
        total += FN(sum)(losses, n);
    }
    if (weights != NULL)
        for (ptrdiff_t i = 0; i < m * k; i++) delta[i] *= weights[i];
    return total;
}

