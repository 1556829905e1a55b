/* Dropout: which units are left out is a hash of where they stand, so that any thread, in any order, with any
   instructions, finds the same ones. `cbackprop.reference` has it in NumPy. Included by body.h. */

#define DROPPED 256 /* units whose hashes are kept until they are used */

/* kept (n) := all bits set where unit `first`, `first` + 1, ... of the row is kept, else 0: by Wellons' lowbias32, begun
   with one half of the row's key, and the other within. */
static NOINLINE void FN(keep)(uint64_t key, uint32_t first, uint32_t threshold, uint32_t *RESTRICT kept, ptrdiff_t n)
{
    const uint32_t high = (uint32_t)(key >> 32);
    uint32_t unit = (uint32_t)key + first * 0x9e3779b9u;
    for (ptrdiff_t j = 0; j < n; j++, unit += 0x9e3779b9u) {
        uint32_t x = unit;
        x = (x ^ (x >> 16)) * 0x7feb352du;
        x ^= high;
        x = (x ^ (x >> 15)) * 0x846ca68bu;
        x ^= x >> 16;
        kept[j] = x >= threshold ? 0xffffffffu : 0;
    }
}

static NOINLINE void FN(scale_kept)(const uint32_t *RESTRICT kept, T scale, T *RESTRICT x, ptrdiff_t n)
{
    for (ptrdiff_t j = 0; j < n; j++)
        x[j] = FN(unbits)(FN(bits)(x[j] * scale) & (BITS)(int32_t)kept[j]);
}

/* Of every row of a = f(z) (m, n) each unit is left out with probability `rate`, and the others are multiplied by
   1 / (1 - rate); `slopes` (m, n), if not NULL, becomes f'(z) likewise. It holds f'(z) before, or `derivative` makes it
   of a. The first row stands at `first` of its mini-batch, the first unit at `column` of its layer. */
static void FN(drop)(T *a, T *slopes, ptrdiff_t m, ptrdiff_t n,
                     void (*derivative)(const T *from, T *delta, ptrdiff_t n, double parameter), double parameter,
                     uint64_t key, ptrdiff_t first, ptrdiff_t column, double rate)
{
    const uint32_t threshold = (uint32_t)(rate * 4294967296.0);
    const T scale = (T)(1.0 / (1.0 - rate));
    uint32_t kept[DROPPED];
    for (ptrdiff_t i = 0; i < m; i++) {
        const uint64_t of_row = nth_key(key, (uint64_t)(first + i));
        for (ptrdiff_t start = 0; start < n; start += DROPPED) {
            const ptrdiff_t size = n - start < DROPPED ? n - start : DROPPED;
            T *units = a + i * n + start;
            FN(keep)(of_row, (uint32_t)(column + start), threshold, kept, size);
            if (slopes != NULL) {
                T *beside = slopes + i * n + start;
                if (derivative != NULL) {
                    for (ptrdiff_t j = 0; j < size; j++) beside[j] = 1;
                    derivative(units, beside, size, parameter);
                }
                FN(scale_kept)(kept, scale, beside, size);
            }
            FN(scale_kept)(kept, scale, units, size);
        }
    }
}

#undef DROPPED
