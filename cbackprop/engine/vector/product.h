/* Matrix products that are too small for BLAS: it copies its operands into buffers of its own first, which pays only
   where they are large. Included by body.h for the instruction sets that simd.h knows.

   A tile of C, R rows of N vectors, stays in registers while the sums run over l: row l of B is read as N vectors, and
   a number of A multiplies them for each row of the tile. Every element of C is one sum, from first to last, so it does
   not depend on where a tile or a thread's share begins. Products of few columns are columns.h's. */

#define SMALL_BYTES (960 * 1024) /* of B; BLAS is as quick from there on, and made for it, */
#define FEW_BYTES (256 * 1024)   /* but if C has no more: it copies much for little work; */
#define MOST_BYTES (24 << 20)    /* of B, which such a product reads in strips */
#define PANEL_ROWS 256           /* of a copied panel at most: a good part of a first-level cache */

/* What all tiles of a panel have in common. A's element (i, l) stands at a[i a_row + l a_inner]: transposed or not is a
   choice of the two. C = finish(scale A B + keep C); the finish may read `with`, C's neighbour of the same layout. */
typedef struct {
    ptrdiff_t k, a_row, a_inner, ldb, ldc, with_row;
    T scale, keep;
    ptrdiff_t last; /* where a row's last vector begins */
    MASK mask;      /* and which of its numbers count */
    enum Finish finish;
} FN(Panel);

/* `tiles` of them, one below the other. */
typedef void (*FN(Tile))(const FN(Panel) *panel, ptrdiff_t tiles, const T *a, const T *b, T *c, const T *with);

#define EACH UNROLL(14) for (int r = 0; r < R; r++) UNROLL(4) for (int v = 0; v < N; v++)
#define AT(p) ((p) + (v + 1 < N || !OVERLAPS(N) ? v * WIDTH : panel->last))
#define LOAD_VECTOR(p) (v + 1 < N || OVERLAPS(N) ? LOAD(AT(p)) : LOAD_LAST(AT(p), panel->mask))

static ALWAYS_INLINE void FN(tile)(const int R, const int N, const FN(Panel) *panel, const T *a, const T *b, T *c,
                                   const T *with)
{
    V sums[14][MOST_VECTORS];
    const T *fours[4]; /* every fourth row of A: the others are reached from there without registers of their own */
    const ptrdiff_t a_row = panel->a_row, a_inner = panel->a_inner, ldb = panel->ldb, ldc = panel->ldc;
    EACH sums[r][v] = ZERO();
    UNROLL(4) for (int g = 0; g < (R + 3) / 4; g++) fours[g] = a + 4 * g * a_row;
    for (ptrdiff_t l = 0; l < panel->k; l++) {
        V row[MOST_VECTORS];
        UNROLL(4) for (int v = 0; v < N; v++) row[v] = LOAD_VECTOR(b);
        UNROLL(14) for (int r = 0; r < R; r++) {
            V x = EVERY(fours[r / 4][(r % 4) * a_row]);
            UNROLL(4) for (int v = 0; v < N; v++) sums[r][v] = MULTIPLY_ADD(x, row[v], sums[r][v]);
        }
        UNROLL(4) for (int g = 0; g < (R + 3) / 4; g++) fours[g] += a_inner;
        b += ldb;
    }
    const V scale = EVERY(panel->scale), keep = EVERY(panel->keep);
    /* All rows are read before one is written: a masked read right behind a masked write next to it is slow. */
    if (panel->keep == C(1.0)) EACH sums[r][v] = MULTIPLY_ADD(scale, sums[r][v], LOAD_VECTOR(c + r * ldc));
    else if (panel->keep != C(0.0))
        EACH sums[r][v] = MULTIPLY_ADD(scale, sums[r][v], MULTIPLY(keep, LOAD_VECTOR(c + r * ldc)));
    else if (panel->scale != C(1.0)) EACH sums[r][v] = MULTIPLY(scale, sums[r][v]);
    switch (panel->finish) {
#define FINISH(CODE, name, BESIDE, SCALAR, VECTOR)                                                                     \
    case CODE:                                                                                                         \
        EACH {                                                                                                         \
            const V x = sums[r][v], w = LOAD_VECTOR(with + BESIDE_##BESIDE * r * ldc);                                 \
            sums[r][v] = VECTOR;                                                                                       \
        }                                                                                                              \
        break;
#include "../functions.def"
    default: break;
    }
    EACH if (v + 1 < N || OVERLAPS(N)) STORE(AT(c + r * ldc), sums[r][v]);
    else STORE_LAST(AT(c + r * ldc), panel->mask, sums[r][v]);
}

#define TILE(R, N)                                                                                                     \
    static void FN(tiles_##R##_##N)(const FN(Panel) *panel, ptrdiff_t tiles, const T *a, const T *b, T *c,             \
                                    const T *with)                                                                     \
    {                                                                                                                  \
        for (; tiles > 0; tiles--, a += R * panel->a_row, c += R * panel->ldc, with += R * panel->with_row)            \
            FN(tile)(R, N, panel, a, b, c, with);                                                                      \
    }
#define NAME(R, N) FN(tiles_##R##_##N),
#define FOUR(DO, N) DO(1, N) DO(2, N) DO(3, N) DO(4, N)
#define SIX(DO, N) FOUR(DO, N) DO(5, N) DO(6, N)
#define EIGHT(DO, N) SIX(DO, N) DO(7, N) DO(8, N)
#define TWELVE(DO, N) EIGHT(DO, N) DO(9, N) DO(10, N) DO(11, N) DO(12, N)
#if ISA_BITS == 512
TWELVE(TILE, 1) TILE(13, 1) TILE(14, 1) TWELVE(TILE, 2) EIGHT(TILE, 3) SIX(TILE, 4)
static const FN(Tile) FN(tiles)[MOST_VECTORS][14] = {
    {TWELVE(NAME, 1) NAME(13, 1) NAME(14, 1)}, {TWELVE(NAME, 2)}, {EIGHT(NAME, 3)}, {SIX(NAME, 4)}};
#else
TWELVE(TILE, 1) SIX(TILE, 2) FOUR(TILE, 3)
static const FN(Tile) FN(tiles)[MOST_VECTORS][14] = {{TWELVE(NAME, 1)}, {SIX(NAME, 2)}, {FOUR(NAME, 3)}};
#endif

/* How many of `left` things the next of `parts` parts has, as equal as can be. */
static inline ptrdiff_t FN(part)(ptrdiff_t left, ptrdiff_t parts)
{
    return (left + parts - 1) / parts;
}

/* panel (k, width) = columns of b (k, n), in one piece: rows far apart share a cache's sets and a page's entry */
static void FN(copy_panel)(const T *b, ptrdiff_t columns, ptrdiff_t k, ptrdiff_t ldb, T *panel, ptrdiff_t stride)
{
    const ptrdiff_t whole = (columns - 1) / WIDTH * WIDTH;
    const MASK mask = MASK_OF(columns - whole);
    for (ptrdiff_t l = 0; l < k; l++, b += ldb, panel += stride) {
        for (ptrdiff_t j = 0; j < whole; j += WIDTH) STORE(panel + j, LOAD(b + j));
        STORE(panel + whole, LOAD_LAST(b + whole, mask));
    }
}

typedef struct {
    int transpose_b, copied; /* a transposed B is always copied */
    ptrdiff_t m, n, k, a_row, a_inner, ldb, ldc;
} FN(Shape);

/* Panel by panel, for k numbers a sum: few enough, if B's panels are copied, for a copy to fit. */
static void FN(product_of_panels)(const FN(Shape) *shape, ptrdiff_t k, T scale, const T *a, const T *b, T keep, T *c,
                                  enum Finish finish, const T *with)
{
    T copy[PANEL_ROWS * COPIED_VECTORS * WIDTH];
    const ptrdiff_t n = shape->n, vectors = FN(part)(n, WIDTH);
    ptrdiff_t done = 0;
    for (ptrdiff_t panels = FN(part)(vectors, shape->copied ? COPIED_VECTORS : MOST_VECTORS); panels > 0; panels--) {
        const ptrdiff_t width = FN(part)(vectors - done, panels), first = done * WIDTH;
        const ptrdiff_t columns = n - first < width * WIDTH ? n - first : width * WIDTH;
        const ptrdiff_t ldb = shape->copied ? width * WIDTH : shape->ldb;
        const ptrdiff_t last = OVERLAPS(width) ? columns - WIDTH : (width - 1) * WIDTH;
        const ptrdiff_t with_row = FINISH_ROWS[finish].beside * shape->ldc;
        const FN(Panel) panel = {k,     shape->a_row, shape->a_inner, ldb, shape->ldc, with_row,
                                 scale, keep,         last,           MASK_OF(columns - (width - 1) * WIDTH), finish};
        /* The rows in as few tiles as can be, `high` of them a row higher than the others. */
        const ptrdiff_t tiles = FN(part)(shape->m, MOST_ROWS(width)), rows = shape->m / tiles;
        const ptrdiff_t high = shape->m - rows * tiles, below = high * (rows + 1);
        if (shape->transpose_b) FN(transpose)(b + first * shape->ldb, columns, k, shape->ldb, copy, ldb);
        else if (shape->copied) FN(copy_panel)(b + first, columns, k, shape->ldb, copy, ldb);
        const T *from = shape->copied ? copy : b + first, *beside = finish == NOTHING ? c : with + first;
        if (high > 0) FN(tiles)[width - 1][rows](&panel, high, a, from, c + first, beside);
        FN(tiles)[width - 1][rows - 1](&panel, tiles - high, a + below * shape->a_row, from,
                                       c + below * shape->ldc + first, beside + below * with_row);
        done += width;
    }
}

#include "columns.h"

/* Whether a product with B (k, n) is small enough for tiles: B is, or C, and then B at least not huge. */
static int FN(is_small)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k)
{
    const ptrdiff_t of_b = k * n * (ptrdiff_t)sizeof(T), of_c = m * n * (ptrdiff_t)sizeof(T);
    return of_b <= SMALL_BYTES || (n >= 2 * WIDTH && of_b <= MOST_BYTES && of_c <= FEW_BYTES);
}

/* Whether rows of n numbers fill their vectors well: others are better off in BLAS. */
static int FN(fills_vectors)(ptrdiff_t n)
{
    const ptrdiff_t vectors = FN(part)(n, WIDTH);
    return n * 2 > WIDTH && !(ISA_BITS == 512 && vectors > 1 && n * 20 < vectors * WIDTH * 13);
}

/* Whether a product of one row with B (k, n), not transposed, is made by tiles. */
static int FN(is_tiled)(ptrdiff_t k, ptrdiff_t n)
{
    return FN(is_small)(1, n, k) && FN(fills_vectors)(n);
}

/* C (m, n) = finish(scale op(A) op(B) + keep C), all row-major, op(A) (m, k), op(B) (k, n). Returns whether it was
   small enough for this to be the quickest way; if not, nothing was done. */
static int FN(product)(int transpose_a, int transpose_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, T scale, const T *a,
                       ptrdiff_t lda, const T *b, ptrdiff_t ldb, T keep, T *c, ptrdiff_t ldc, enum Finish finish,
                       const T *with)
{
    const ptrdiff_t bytes = k * n * (ptrdiff_t)sizeof(T);
    FN(Shape) shape = {transpose_b, transpose_b || (bytes > COPY_BYTES && m >= (bytes > SMALL_BYTES ? 12 : 32)), m, n, k,
                       transpose_a ? 1 : lda, transpose_a ? lda : 1, ldb, ldc};
    if (m == 0) return 1;
    if (!FN(is_small)(m, n, k)) return 0;
    /* What is added to C is turned a number at a time: that pays where it would be BLAS's, measured with AVX2. */
    if (transpose_a && !transpose_b && n < WIDTH && m >= WIDTH && finish == NOTHING &&
        (keep == C(0.0) || (ISA_BITS == 256 && n * 2 <= WIDTH))) {
        FN(narrow_product)(m, n, k, scale, a, lda, b, ldb, keep, c, ldc);
        return 1;
    }
#if ISA_BITS == 256
    if (n * 2 <= WIDTH && !transpose_a)
        return FN(thin_product)(transpose_b, m, n, k, scale, a, lda, b, ldb, keep, c, ldc, finish, with);
#endif
    if (!FN(fills_vectors)(n)) return 0;
    if (!shape.copied) {
        FN(product_of_panels)(&shape, k, scale, a, b, keep, c, finish, with);
        return 1;
    }
    for (ptrdiff_t parts = FN(part)(k, COPIED_ROWS(transpose_a)), done = 0; parts > 0; parts--, keep = C(1.0)) {
        const ptrdiff_t some = FN(part)(k - done, parts);
        FN(product_of_panels)(&shape, some, scale, a + done * shape.a_inner, b + (transpose_b ? done : done * ldb),
                              keep, c, parts == 1 ? finish : NOTHING, with);
        done += some;
    }
    return 1;
}

#undef TILE
#undef EACH
#undef AT
#undef LOAD_VECTOR
#undef SMALL_BYTES
#undef FEW_BYTES
#undef MOST_BYTES
#undef PANEL_ROWS
#undef NAME
#undef FOUR
#undef SIX
#undef EIGHT
#undef TWELVE
