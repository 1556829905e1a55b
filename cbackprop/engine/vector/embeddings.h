/* What the first layer is given of one column of X, instead of the number itself or beside it, and the gradient by what
   is learnt for it. Included by body.h. Columns are independent of one another: whoever has a column needs nobody.

   number      x itself. Nothing is learnt.
   piecewise   e = b + x l + (sum over the pieces of their share of x times v), as wide as b, l and each v. Between two
               edges that is a straight line, so the way forward needs the nodes alone, e at every edge: made once a step,
               in place of pieces - 1 products of `width`. Learnt: b, l, v_1 ... v_(size - 1), a row each. Beyond the
               outer edges the outer lines go on. Gorishniy, Rubachev and Babenko (2022), arXiv:2203.05556.
   periodic    (h W + b, x), h = cos(2 pi x w + c). Learnt: w (size), c (size), W (width - 1, size), b (width - 1).
               Holzmueller and others (2024), arXiv:2407.04491.
   category    row x of a table; the first one for what is no number of a row. Learnt: the table (size, width).

   `places` keeps of every x what the way back needs: piece + fraction, or the row, or x. */

#define COLUMNS_AT_ONCE 16
#define ROWS_AT_ONCE 64 /* of the periodic ones, whose loops run over rows */

static void FN(number_nodes)(const Embedding *piece, const T *edges, const T *parameters, T *nodes)
{
    (void)piece, (void)edges, (void)parameters, (void)nodes;
}

static void FN(number_embed)(const Embedding *piece, const T *edges, const T *parameters, const T *nodes, const T *x,
                             ptrdiff_t ldx, ptrdiff_t m, T *places, T *out, ptrdiff_t ld)
{
    (void)piece, (void)edges, (void)parameters, (void)nodes, (void)places;
    for (ptrdiff_t i = 0; i < m; i++) out[i * ld] = x[i * ldx];
}

static void FN(number_embed_gradient)(const Embedding *piece, const T *edges, const T *parameters, const T *places,
                                      const T *delta, ptrdiff_t ld, ptrdiff_t m, double scale, T *out)
{
    (void)piece, (void)edges, (void)parameters, (void)places, (void)delta, (void)ld, (void)m, (void)scale, (void)out;
}

/* nodes (size, width): e at every edge */
static void FN(piecewise_nodes)(const Embedding *piece, const T *edges, const T *parameters, T *nodes)
{
    const ptrdiff_t width = piece->width;
    const T *constant = parameters, *slope = parameters + width, *steps = parameters + 2 * width;
    double sums[COLUMNS_AT_ONCE]; /* once a step, over few: what they lose the fractions would not bring back */
    for (ptrdiff_t first = 0; first < width; first += COLUMNS_AT_ONCE) {
        const ptrdiff_t columns = width - first < COLUMNS_AT_ONCE ? width - first : COLUMNS_AT_ONCE;
        for (ptrdiff_t j = 0; j < columns; j++) sums[j] = constant[first + j];
        for (ptrdiff_t t = 0; t < piece->size; t++) {
            const double edge = edges[t];
            T *row = nodes + t * width + first;
            if (t > 0)
                for (ptrdiff_t j = 0; j < columns; j++) sums[j] += steps[(t - 1) * width + first + j];
            for (ptrdiff_t j = 0; j < columns; j++) row[j] = (T)(sums[j] + edge * slope[first + j]);
        }
    }
}

/* The piece that x lies in: the last of `pieces` whose edge is not above x, or the first. No branches. */
static inline ptrdiff_t FN(piece_of)(T x, const T *edges, ptrdiff_t pieces)
{
    const T *edge = edges;
    while (pieces > 1) {
        const ptrdiff_t half = pieces >> 1;
        edge += edge[half] <= x ? half : 0;
        pieces -= half;
    }
    return edge - edges;
}

/* Piece and fraction of a place, which may lie outside of 0 ... pieces */
static inline ptrdiff_t FN(piece_at)(T place, ptrdiff_t pieces)
{
    if (!(place > C(0.0))) return 0;
    return place < (T)(pieces - 1) ? (ptrdiff_t)place : pieces - 1;
}

static ALWAYS_INLINE void FN(lines)(const Embedding *piece, const T *edges, const T *RESTRICT nodes, const T *RESTRICT x,
                                    ptrdiff_t ldx, ptrdiff_t m, T *RESTRICT places, T *RESTRICT out, ptrdiff_t ld,
                                    ptrdiff_t width)
{
    const ptrdiff_t pieces = piece->size - 1;
    for (ptrdiff_t i = 0; i < m; i++) {
        const T value = x[i * ldx];
        ptrdiff_t t = FN(piece_of)(value, edges, pieces);
        const T place = (T)t + (value - edges[t]) / (edges[t + 1] - edges[t]);
        t = FN(piece_at)(place, pieces); /* as the way back will find it */
        places[i] = place;
        const T fraction = place - (T)t, *low = nodes + t * width, *high = low + width;
        T *row = out + i * ld;
        for (ptrdiff_t j = 0; j < width; j++) row[j] = low[j] + fraction * (high[j] - low[j]);
    }
}

static void FN(piecewise_embed)(const Embedding *piece, const T *edges, const T *parameters, const T *nodes, const T *x,
                                ptrdiff_t ldx, ptrdiff_t m, T *places, T *out, ptrdiff_t ld)
{
    (void)parameters;
    if (piece->width == 4)
        FN(lines)(piece, edges, nodes, x, ldx, m, places, out, ld, 4);
    else
        FN(lines)(piece, edges, nodes, x, ldx, m, places, out, ld, piece->width);
}

static ALWAYS_INLINE void FN(to_nodes)(const T *RESTRICT places, ptrdiff_t pieces, const T *RESTRICT delta, ptrdiff_t ld,
                                       ptrdiff_t m, T *RESTRICT nodes, ptrdiff_t width)
{
    for (ptrdiff_t i = 0; i < m; i++) {
        const ptrdiff_t t = FN(piece_at)(places[i], pieces);
        const T above = places[i] - (T)t, below = C(1.0) - above, *row = delta + i * ld;
        T *low = nodes + t * width;
        for (ptrdiff_t j = 0; j < width; j++) low[j] += below * row[j];
        for (ptrdiff_t j = 0; j < width; j++) low[width + j] += above * row[j];
    }
}

/* First the gradient by the nodes, one row further than they will be; then that by b, l, v is made of it in place:
   v_t moves all nodes from t on, b all, and l each as far as its edge. */
static void FN(piecewise_embed_gradient)(const Embedding *piece, const T *edges, const T *parameters, const T *places,
                                         const T *delta, ptrdiff_t ld, ptrdiff_t m, double scale, T *out)
{
    const ptrdiff_t width = piece->width, size = piece->size;
    T *nodes = out + width;
    (void)parameters;
    for (ptrdiff_t j = 0; j < (size + 1) * width; j++) out[j] = 0;
    if (width == 4)
        FN(to_nodes)(places, size - 1, delta, ld, m, nodes, 4);
    else
        FN(to_nodes)(places, size - 1, delta, ld, m, nodes, width);
    for (ptrdiff_t j = 0; j < width; j++) {
        double constant = 0.0, slope = 0.0;
        for (ptrdiff_t t = size - 1; t >= 0; t--) {
            const double of_node = scale * nodes[t * width + j];
            slope += (double)edges[t] * of_node;
            constant += of_node;
            nodes[t * width + j] = (T)constant;
        }
        out[j] = (T)constant;
        nodes[j] = (T)slope;
    }
}

static NOINLINE void FN(cosine)(T *x, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        T sine;
        x[i] = FN(vturn)(x[i], &sine);
    }
}

static NOINLINE void FN(sine)(T *x, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) FN(vturn)(x[i], x + i);
}

#define TURN C(6.28318530717958647693)

/* cosines and sines (m) of 2 pi x w + c */
static NOINLINE void FN(waves)(const T *RESTRICT x, T w, T c, T *RESTRICT cosines, T *RESTRICT sines, ptrdiff_t m)
{
    const T shift = c * C(0.159154943091895335769);
    for (ptrdiff_t i = 0; i < m; i++) {
        T sine;
        cosines[i] = FN(vturn)(x[i] * w + shift, &sine);
        sines[i] = sine;
    }
}

static void FN(periodic_nodes)(const Embedding *piece, const T *edges, const T *parameters, T *nodes)
{
    (void)piece, (void)edges, (void)parameters, (void)nodes;
}

static void FN(periodic_embed)(const Embedding *piece, const T *edges, const T *parameters, const T *nodes, const T *x,
                               ptrdiff_t ldx, ptrdiff_t m, T *places, T *out, ptrdiff_t ld)
{
    const ptrdiff_t size = piece->size, outputs = piece->width - 1;
    const T *w = parameters, *c = w + size, *W = c + size, *b = W + outputs * size;
    T cosines[ROWS_AT_ONCE], sines[ROWS_AT_ONCE], sums[ROWS_AT_ONCE];
    (void)edges, (void)nodes;
    for (ptrdiff_t i = 0; i < m; i++) places[i] = out[i * ld + outputs] = x[i * ldx];
    for (ptrdiff_t start = 0; start < m; start += ROWS_AT_ONCE) {
        const ptrdiff_t rows = m - start < ROWS_AT_ONCE ? m - start : ROWS_AT_ONCE;
        T *block = out + start * ld;
        for (ptrdiff_t i = 0; i < rows; i++)
            for (ptrdiff_t j = 0; j < outputs; j++) block[i * ld + j] = b[j];
        for (ptrdiff_t k = 0; k < size; k++) {
            FN(waves)(places + start, w[k], c[k], cosines, sines, rows);
            for (ptrdiff_t j = 0; j < outputs; j++) {
                const T weight = W[j * size + k];
                for (ptrdiff_t i = 0; i < rows; i++) sums[i] = weight * cosines[i];
                for (ptrdiff_t i = 0; i < rows; i++) block[i * ld + j] += sums[i];
            }
        }
    }
}

static inline T FN(dot)(const T *x, const T *y, ptrdiff_t n)
{
    T lanes[LANES], total = 0;
    ptrdiff_t i = 0;
    for (ptrdiff_t j = 0; j < LANES; j++) lanes[j] = 0;
    for (; i + LANES <= n; i += LANES)
        for (ptrdiff_t j = 0; j < LANES; j++) lanes[j] += x[i + j] * y[i + j];
    for (ptrdiff_t j = 0; j < LANES; j++) total += lanes[j];
    for (; i < n; i++) total += x[i] * y[i];
    return total;
}

static void FN(periodic_embed_gradient)(const Embedding *piece, const T *edges, const T *parameters, const T *places,
                                        const T *delta, ptrdiff_t ld, ptrdiff_t m, double scale, T *out)
{
    const ptrdiff_t size = piece->size, outputs = piece->width - 1;
    const T *w = parameters, *c = w + size, *W = c + size, by = (T)scale;
    T *of_w = out, *of_c = of_w + size, *of_W = of_c + size, *of_b = of_W + outputs * size;
    T cosines[ROWS_AT_ONCE], sines[ROWS_AT_ONCE], slopes[ROWS_AT_ONCE], column[ROWS_AT_ONCE];
    (void)edges;
    for (ptrdiff_t j = 0; j < (2 + outputs) * size + outputs; j++) out[j] = 0;
    for (ptrdiff_t start = 0; start < m; start += ROWS_AT_ONCE) {
        const ptrdiff_t rows = m - start < ROWS_AT_ONCE ? m - start : ROWS_AT_ONCE;
        const T *x = places + start, *block = delta + start * ld;
        for (ptrdiff_t k = 0; k < size; k++) {
            FN(waves)(x, w[k], c[k], cosines, sines, rows);
            for (ptrdiff_t i = 0; i < rows; i++) slopes[i] = 0;
            for (ptrdiff_t j = 0; j < outputs; j++) {
                const T weight = by * W[j * size + k];
                for (ptrdiff_t i = 0; i < rows; i++) column[i] = block[i * ld + j];
                for (ptrdiff_t i = 0; i < rows; i++) slopes[i] -= weight * column[i] * sines[i];
                of_W[j * size + k] += by * FN(dot)(cosines, column, rows);
            }
            of_w[k] += TURN * FN(dot)(slopes, x, rows);
            for (ptrdiff_t i = 0; i < rows; i++) of_c[k] += slopes[i];
        }
        for (ptrdiff_t i = 0; i < rows; i++)
            for (ptrdiff_t j = 0; j < outputs; j++) of_b[j] += by * block[i * ld + j];
    }
}

static void FN(category_nodes)(const Embedding *piece, const T *edges, const T *parameters, T *nodes)
{
    (void)piece, (void)edges, (void)parameters, (void)nodes;
}

static void FN(category_embed)(const Embedding *piece, const T *edges, const T *parameters, const T *nodes, const T *x,
                               ptrdiff_t ldx, ptrdiff_t m, T *places, T *out, ptrdiff_t ld)
{
    const ptrdiff_t width = piece->width;
    (void)edges, (void)nodes;
    for (ptrdiff_t i = 0; i < m; i++) {
        const T value = x[i * ldx], row = value > C(0.0) && value < (T)piece->size ? value : C(0.0);
        places[i] = row;
        for (ptrdiff_t j = 0; j < width; j++) out[i * ld + j] = parameters[(ptrdiff_t)row * width + j];
    }
}

static void FN(category_embed_gradient)(const Embedding *piece, const T *edges, const T *parameters, const T *places,
                                        const T *delta, ptrdiff_t ld, ptrdiff_t m, double scale, T *out)
{
    const ptrdiff_t width = piece->width;
    const T by = (T)scale;
    (void)edges, (void)parameters;
    memset(out, 0, (size_t)(piece->size * width) * sizeof(T));
    for (ptrdiff_t i = 0; i < m; i++)
        for (ptrdiff_t j = 0; j < width; j++) out[(ptrdiff_t)places[i] * width + j] += by * delta[i * ld + j];
}

#undef COLUMNS_AT_ONCE
#undef ROWS_AT_ONCE
#undef TURN
