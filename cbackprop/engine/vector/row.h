/* The product of one row. Included by body.h.

   z (n) = x (k) W (k, n), W's rows one behind the other as they stand in the network, so that it is read once from
   beginning to end. z has room for whole vectors, of 64 bytes: what is written behind n is nobody's. Every element is
   one sum, from first to last, as in product.h. */

#if ISA_BITS
#define NARROW 4 /* vectors of a z that stays in registers */
#define AT_ONCE 8 /* rows of W that a wide z is read and written for */

static ALWAYS_INLINE void FN(narrow_row)(const int N, const T *x, const T *W, ptrdiff_t k, ptrdiff_t n, T *z)
{
    V sums[NARROW];
    const ptrdiff_t last = (N - 1) * WIDTH;
    const MASK mask = MASK_OF(n - last);
    UNROLL(4) for (int v = 0; v < N; v++) sums[v] = ZERO();
    for (ptrdiff_t l = 0; l < k; l++, W += n) {
        const V every = EVERY(x[l]);
        UNROLL(4) for (int v = 0; v + 1 < N; v++) sums[v] = MULTIPLY_ADD(every, LOAD(W + v * WIDTH), sums[v]);
        sums[N - 1] = MULTIPLY_ADD(every, LOAD_LAST(W + last, mask), sums[N - 1]);
    }
    UNROLL(4) for (int v = 0; v < N; v++) STORE(z + v * WIDTH, sums[v]);
}

/* z += x (R) W (R, n) */
static ALWAYS_INLINE void FN(wide_row)(const int R, const T *x, const T *W, ptrdiff_t n, T *z)
{
    V every[AT_ONCE];
    const ptrdiff_t last = (n - 1) / WIDTH * WIDTH;
    const MASK mask = MASK_OF(n - last);
    UNROLL(8) for (int r = 0; r < R; r++) every[r] = EVERY(x[r]);
    for (ptrdiff_t j = 0; j < last; j += WIDTH) {
        V sum = LOAD(z + j);
        UNROLL(8) for (int r = 0; r < R; r++) sum = MULTIPLY_ADD(every[r], LOAD(W + r * n + j), sum);
        STORE(z + j, sum);
    }
    V sum = LOAD(z + last);
    UNROLL(8) for (int r = 0; r < R; r++) sum = MULTIPLY_ADD(every[r], LOAD_LAST(W + r * n + last, mask), sum);
    STORE(z + last, sum);
}

static void FN(row_product)(const T *x, const T *W, ptrdiff_t k, ptrdiff_t n, T *z)
{
    ptrdiff_t l = 0;
    switch ((n + WIDTH - 1) / WIDTH) {
    case 1: FN(narrow_row)(1, x, W, k, n, z); return;
    case 2: FN(narrow_row)(2, x, W, k, n, z); return;
    case 3: FN(narrow_row)(3, x, W, k, n, z); return;
    case 4: FN(narrow_row)(4, x, W, k, n, z); return;
    default: break;
    }
    for (ptrdiff_t j = 0; j < n; j += WIDTH) STORE(z + j, ZERO());
    for (; l + AT_ONCE <= k; l += AT_ONCE) FN(wide_row)(AT_ONCE, x + l, W + l * n, n, z);
    for (; l + 2 <= k; l += 2) FN(wide_row)(2, x + l, W + l * n, n, z);
    for (; l < k; l++) FN(wide_row)(1, x + l, W + l * n, n, z);
}
#undef NARROW
#undef AT_ONCE
#else
static void FN(row_product)(const T *RESTRICT x, const T *RESTRICT W, ptrdiff_t k, ptrdiff_t n, T *RESTRICT z)
{
    ptrdiff_t l = 0;
    for (ptrdiff_t j = 0; j < n; j++) z[j] = 0;
    for (; l + 4 <= k; l += 4, W += 4 * n) /* four at a time: a quarter of the traffic to the sums */
        for (ptrdiff_t j = 0; j < n; j++)
            z[j] = (((z[j] + x[l] * W[j]) + x[l + 1] * W[n + j]) + x[l + 2] * W[2 * n + j]) + x[l + 3] * W[3 * n + j];
    for (; l < k; l++, W += n) FN(add_scaled)(x[l], W, z, n);
}
#endif
