/* Parametric activations: a unit's a = x + w (f(x) - x), its w trained like a weight. Included by body.h. */

#define BLENDED 512 /* numbers of x that are kept while f takes their place */

static NOINLINE void FN(blend_row)(T *RESTRICT f, const T *RESTRICT x, const T *RESTRICT w, T *RESTRICT slopes,
                                   T *RESTRICT excess, ptrdiff_t n)
{
    if (slopes == NULL) {
        for (ptrdiff_t j = 0; j < n; j++) f[j] = x[j] + w[j] * (f[j] - x[j]);
        return;
    }
    for (ptrdiff_t j = 0; j < n; j++) {
        const T rest = f[j] - x[j];
        excess[j] = rest;
        f[j] = x[j] + w[j] * rest;
        slopes[j] = C(1.0) + w[j] * (slopes[j] - C(1.0));
    }
}

/* See table.h. A few rows at once, or a part of one, so that x stays at hand. */
static void FN(blend)(T *z, const T *b, const T *w, T *slopes, T *excess, ptrdiff_t m, ptrdiff_t n,
                      void (*activate)(T *z, const T *b, T *kept, ptrdiff_t m, ptrdiff_t n, double parameter),
                      void (*derivative)(const T *from, T *delta, ptrdiff_t n, double parameter), double parameter)
{
    T x[BLENDED];
    const ptrdiff_t width = n < BLENDED ? n : BLENDED, most = BLENDED / width;
    for (ptrdiff_t i = 0; i < m; i += most) {
        const ptrdiff_t rows = m - i < most ? m - i : most;
        for (ptrdiff_t start = 0; start < n; start += width) {
            const ptrdiff_t size = n - start < width ? n - start : width, first = i * n + start;
            T *at = z + first, *beside = slopes == NULL ? NULL : slopes + first;
            for (ptrdiff_t r = 0; r < rows; r++)
                for (ptrdiff_t j = 0; j < size; j++) x[r * size + j] = at[r * size + j] + b[start + j];
            activate(at, b + start, beside, rows, size, parameter);
            if (beside != NULL && derivative != NULL) {
                for (ptrdiff_t j = 0; j < rows * size; j++) beside[j] = C(1.0);
                derivative(at, beside, rows * size, parameter);
            }
            for (ptrdiff_t r = 0; r < rows; r++)
                FN(blend_row)(at + r * size, x + r * size, w + start, beside == NULL ? NULL : beside + r * size,
                              beside == NULL ? NULL : excess + first + r * size, size);
        }
    }
}

static void FN(blend_backward)(T *RESTRICT delta, const T *RESTRICT slopes, T *RESTRICT excess, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        excess[i] *= delta[i];
        delta[i] *= slopes[i];
    }
}

#undef BLENDED
