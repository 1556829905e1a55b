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

/* e^(z - highest) / total, for the rows of a transposed tile (k, LANES) */
static NOINLINE void FN(softmax_tile)(T *RESTRICT tile, ptrdiff_t k, T *RESTRICT highest, T *RESTRICT total)
{
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

/* A row alone: to the bit what it is as a lane of a tile */
static void FN(softmax_lane)(T *z, ptrdiff_t k, T *highest, T *total)
{
    T most = z[0], sum = 0;
    for (ptrdiff_t j = 1; j < k; j++) most = z[j] > most ? z[j] : most;
    for (ptrdiff_t j = 0; j < k; j++) z[j] -= most;
    FN(exponential)(z, k);
    for (ptrdiff_t j = 0; j < k; j++) sum += z[j];
    for (ptrdiff_t j = 0; j < k; j++) z[j] /= sum;
    *highest = most, *total = sum;
}

static void FN(softmax_row)(T *z, ptrdiff_t k, T *highest, T *total)
{
    T most = z[0];
    for (ptrdiff_t j = 1; j < k; j++) most = z[j] > most ? z[j] : most;
    for (ptrdiff_t j = 0; j < k; j++) z[j] -= most;
    FN(exponential)(z, k);
    T sum = (T)FN(sum)(z, k);
    for (ptrdiff_t j = 0; j < k; j++) z[j] /= sum;
    *highest = most, *total = sum;
}

/* z (m, k) becomes its softmax, m <= BLOCK; and each row's largest z, and the sum of e^(z - largest): arrays of BLOCK. */
static void FN(softmax_block)(T *z, ptrdiff_t m, ptrdiff_t k, T *highest, T *total)
{
    T tile[TILE_COLUMNS * LANES];
    if (k <= TILE_COLUMNS && m == 1) {
        FN(softmax_lane)(z, k, highest, total);
        return;
    }
    if (k > TILE_COLUMNS) {
        for (ptrdiff_t i = 0; i < m; i++) FN(softmax_row)(z + i * k, k, highest + i, total + i);
        return;
    }
    for (ptrdiff_t i = 0; i < m; i += LANES) {
        ptrdiff_t rows = m - i < LANES ? m - i : LANES;
        FN(transpose)(z + i * k, rows, k, k, tile, LANES);
        for (ptrdiff_t r = rows; r < LANES; r++)
            for (ptrdiff_t c = 0; c < k; c++) tile[c * LANES + r] = tile[c * LANES];
        FN(softmax_tile)(tile, k, highest + i, total + i);
        FN(transpose)(tile, k, rows, LANES, z + i * k, k);
    }
}

static void FN(softmax_output)(T *z, ptrdiff_t m, ptrdiff_t k)
{
    T highest[BLOCK], total[BLOCK];
    for (ptrdiff_t start = 0; start < m; start += BLOCK)
        FN(softmax_block)(z + start * k, m - start < BLOCK ? m - start : BLOCK, k, highest, total);
}

/* Outputs with their losses: z becomes a, delta = dC/dz, and the losses' sum is returned. The losses are made of z: a may
   be 0 or 1 where its logarithm is far from that of the true number. PARAMETER is the number of `parameters` that
   element i of the block looks at, as `p`. */
#define ELEMENTWISE_LOSS(NAME, ACTIVATION, PARAMETER, LOSS, DELTA)                                                     \
    static double FN(NAME)(T *RESTRICT z, T *RESTRICT delta, const T *RESTRICT y, const int32_t *labels,               \
                           const T *RESTRICT weights, ptrdiff_t m, ptrdiff_t k, const double *RESTRICT parameters)     \
    {                                                                                                                  \
        T losses[BLOCK];                                                                                               \
        double total = 0.0;                                                                                            \
        (void)labels;                                                                                                  \
        for (ptrdiff_t start = 0; start < m * k; start += BLOCK) {                                                     \
            ptrdiff_t n = m * k - start < BLOCK ? m * k - start : BLOCK;                                               \
            for (ptrdiff_t i = 0; i < n; i++) {                                                                        \
                const T x = z[start + i], target = y[start + i], a = ACTIVATION(x), p = (T)parameters[PARAMETER];      \
                (void)p, (void)x;                                                                                      \
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

ELEMENTWISE_LOSS(identity_squared_error, , 0, C(0.5) * (a - target) * (a - target), a - target)
ELEMENTWISE_LOSS(logistic_squared_error, FN(vlogistic), 0, C(0.5) * (a - target) * (a - target),
                 (a - target) * a * (C(1.0) - a))

/* A label smoothed by p: some of its 1 goes to the other outcome. */
#define SMOOTHED (target * (C(1.0) - p) + C(0.5) * p)

/* log(1 + e^z) - y z */
ELEMENTWISE_LOSS(logistic_binary_log_loss, FN(vlogistic), 0,
                 (x < C(0.0) ? C(0.0) : x) - SMOOTHED * x + FN(vlog1p)(FN(vexp)(-FABS(x))), a - SMOOTHED)

/* e^z - y z + y log y - y */
ELEMENTWISE_LOSS(exp_poisson, FN(vexp), 0,
                 (target == C(0.0) ? C(0.0) : target * (FN(vlog)(target) - x)) - target + a, a - target)

/* z - log y + y e^-z - 1 */
ELEMENTWISE_LOSS(exp_gamma, FN(vexp), 0, x - FN(vlog)(target) + (target * FN(vexp)(-x) - C(1.0)),
                 C(1.0) - target * FN(vexp)(-x))

static inline T FN(sign)(T x)
{
    return x > C(0.0) ? C(1.0) : x < C(0.0) ? C(-1.0) : x; /* NaN stays */
}

ELEMENTWISE_LOSS(identity_absolute_error, , 0, FABS(a - target), FN(sign)(a - target))

/* Quadratic up to a distance of p, and linear from there on (Huber, 1964) */
ELEMENTWISE_LOSS(identity_huber, , 0,
                 FABS(a - target) > p ? p * (FABS(a - target) - C(0.5) * p) : C(0.5) * (a - target) * (a - target),
                 FABS(a - target) > p ? COPYSIGN(p, a - target) : a - target)

/* log cosh d = -log(1 - tanh^2 d) / 2, or where that is next to 1 |d| + log(1 + e^-2|d|) - log 2 */
static inline T FN(log_cosh)(T d)
{
    T t = FN(vtanh)(d), far = FABS(d) + FN(vlog1p)(FN(vexp)(C(-2.0) * FABS(d))) - C(0.69314718055994530942);
    T near = C(-0.5) * FN(vlog1p)(FABS(d) < C(1.0) ? -(t * t) : C(0.0));
    return FABS(d) < C(1.0) ? near : far;
}

ELEMENTWISE_LOSS(identity_log_cosh, , 0, FN(log_cosh)(a - target), FN(vtanh)(a - target))

/* The pinball loss of quantile p: p (y - z) above z, (1 - p) (z - y) below */
ELEMENTWISE_LOSS(identity_quantile, , (start + i) % k, a < target ? p * (target - a) : (C(1.0) - p) * (a - target),
                 a < target ? -p : a > target ? C(1.0) - p : a - target)

/* Label smoothing p gives every class p / k, and takes it from the label. With z counted from the largest one, and
   `total` the sum of e^z: log total - (1 - p) z_label - p mean(z) */
static double FN(softmax_log_loss)(T *RESTRICT z, T *RESTRICT delta, const T *y, const int32_t *labels,
                                   const T *weights, ptrdiff_t m, ptrdiff_t k, const double *parameters)
{
    T losses[BLOCK], highest[BLOCK], totals[BLOCK];
    const T p = (T)parameters[0], rest = C(1.0) - p, each = (T)(parameters[0] / (double)k);
    double total = 0.0;
    (void)y;
    for (ptrdiff_t start = 0; start < m; start += BLOCK) {
        ptrdiff_t n = m - start < BLOCK ? m - start : BLOCK;
        T *rows = z + start * k, *slopes = delta + start * k;
        for (ptrdiff_t i = 0; i < n; i++) losses[i] = rows[i * k + labels[start + i]];
        if (p != C(0.0))
            for (ptrdiff_t i = 0; i < n; i++) losses[i] = rest * losses[i] + p * (T)(FN(sum)(rows + i * k, k) / (double)k);
        FN(softmax_block)(rows, n, k, highest, totals);
        for (ptrdiff_t i = 0; i < n; i++) losses[i] = (highest[i] - losses[i]) + FN(vlog)(totals[i]);
        memcpy(slopes, rows, (size_t)(n * k) * sizeof(T));
        if (p != C(0.0))
            for (ptrdiff_t i = 0; i < n * k; i++) slopes[i] -= each;
        for (ptrdiff_t i = 0; i < n; i++) slopes[i * k + labels[start + i]] -= rest;
        if (weights != NULL)
            for (ptrdiff_t i = 0; i < n; i++) losses[i] *= weights[(start + i) * k];
        total += FN(sum)(losses, n);
    }
    if (weights != NULL)
        for (ptrdiff_t i = 0; i < m * k; i++) delta[i] *= weights[i];
    return total;
}

/* The losses as scikit-learn makes them, of a: probabilities are kept eps away from 0 and 1 in the logarithms. */

static inline T FN(clipped)(T a)
{
    a = a < EPS ? EPS : a;
    return a > C(1.0) - EPS ? C(1.0) - EPS : a;
}

ELEMENTWISE_LOSS(clipped_binary_log_loss, FN(vlogistic), 0,
                 -(FN(vxlogy)(SMOOTHED, FN(clipped)(a)) + FN(vxlogy)(C(1.0) - SMOOTHED, C(1.0) - FN(clipped)(a))),
                 a - SMOOTHED)

ELEMENTWISE_LOSS(poisson_of_quotient, FN(vexp), 0, FN(vxlogy)(target, target / a) - target + a, a - target)

static double FN(clipped_log_loss)(T *RESTRICT z, T *RESTRICT delta, const T *y, const int32_t *labels,
                                   const T *weights, ptrdiff_t m, ptrdiff_t k, const double *parameters)
{
    T losses[BLOCK];
    double total = 0.0;
    if (parameters[0] != 0.0) /* of smoothed labels scikit-learn knows nothing */
        return FN(softmax_log_loss)(z, delta, y, labels, weights, m, k, parameters);
    (void)FN(softmax_log_loss)(z, delta, y, labels, weights, m, k, parameters);
    for (ptrdiff_t start = 0; start < m; start += BLOCK) {
        ptrdiff_t n = m - start < BLOCK ? m - start : BLOCK;
        for (ptrdiff_t i = 0; i < n; i++) losses[i] = z[(start + i) * k + labels[start + i]];
        for (ptrdiff_t i = 0; i < n; i++) losses[i] = -FN(vlog)(FN(clipped)(losses[i]));
        if (weights != NULL)
            for (ptrdiff_t i = 0; i < n; i++) losses[i] *= weights[(start + i) * k];
        total += FN(sum)(losses, n);
    }
    return total;
}

#undef SMOOTHED
