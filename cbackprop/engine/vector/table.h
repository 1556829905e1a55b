/* The elementwise kernels, once for each set of vector instructions, behind one table a dtype.

   Matrices are row-major and contiguous: (m, n) means m rows of n. Every kernel is free of failure and allocation. */
#ifndef CBACKPROP_TABLE_H
#define CBACKPROP_TABLE_H

#include "../plan.h"

#define CBACKPROP_TABLE(NAME, T)                                                                                       \
    typedef struct {                                                                                                   \
        /* z (m, n) becomes f(z + b), b (n), by Activation; if the derivative is kept and `kept` (m, n) is not NULL, it\
           becomes f'(z + b). `parameter` is the activation's, if it has one */                                        \
        void (*activate[N_ACTIVATIONS])(T *z, const T *b, T *kept, ptrdiff_t m, ptrdiff_t n, double parameter);        \
        /* delta (n) becomes delta * f'(z), by Activation: `from` is a = f(z), or f'(z) where that is kept */          \
        void (*derivative[N_ACTIVATIONS])(const T *from, T *delta, ptrdiff_t n, double parameter);                     \
        /* a (m, n) = f(z), and slopes (m, n) = f'(z), if not NULL, become 0 for units left out, and for the others what\
           they are times 1 / (1 - rate). `derivative` makes f'(z) of a; NULL where it stands. By the layer's key, and \
           the row's number in its mini-batch, `first` + 0 ... m - 1 */                                                \
        void (*drop)(T *a, T *slopes, ptrdiff_t m, ptrdiff_t n,                                                        \
                     void (*derivative)(const T *from, T *delta, ptrdiff_t n, double parameter), double parameter,     \
                     uint64_t key, ptrdiff_t first, ptrdiff_t column, double rate);                                    \
        /* z (m, n) becomes x + w (f(x) - x), x = z + b, f being `activate`; slopes (m, n), if not NULL, its derivative \
           by x, and excess (m, n) f(x) - x. `derivative` makes f'(x) of f(x); NULL where f keeps it */               \
        void (*blend)(T *z, const T *b, const T *w, T *slopes, T *excess, ptrdiff_t m, ptrdiff_t n,                    \
                      void (*activate)(T *z, const T *b, T *kept, ptrdiff_t m, ptrdiff_t n, double parameter),         \
                      void (*derivative)(const T *from, T *delta, ptrdiff_t n, double parameter), double parameter);   \
        /* the way back: excess (n) becomes its product with delta (n), and delta that with slopes (n) */              \
        void (*blend_backward)(T *delta, const T *slopes, T *excess, ptrdiff_t n);                                     \
        /* z (m, k) becomes the output, by Output */                                                                   \
        void (*output[N_OUTPUTS])(T *z, ptrdiff_t m, ptrdiff_t k);                                                     \
        /* the same, and delta (m, k) = dC/dz; returns the sum of the weighted losses. y (m, k), or labels (m) for     \
           softmax; weights (m, k), each row's repeated, or NULL; the loss's parameters, as its row says */            \
        double (*loss[N_OUTPUTS])(T *z, T *delta, const T *y, const int32_t *labels, const T *weights, ptrdiff_t m,    \
                                  ptrdiff_t k, const double *parameters);                                              \
        /* the same but for the number returned, which is scikit-learn's */                                            \
        double (*sklearns_loss[N_OUTPUTS])(T *z, T *delta, const T *y, const int32_t *labels, const T *weights,        \
                                           ptrdiff_t m, ptrdiff_t k, const double *parameters);                        \
        /* one step on a slice of the vector, by Optimizer: w (n), its gradient, its state. For SGD, without or   \
           with plain momentum, only where the gradient is clipped: the step is one gemm otherwise */                  \
        void (*update[N_OPTIMIZERS])(T *w, const T *gradient, T *first, T *second, ptrdiff_t n, const Rule *rule,      \
                                     const Step *step);                                                                \
        /* out (n) = keep * out + scale * (sum over d's m rows of n numbers, ld apart); with keep 0 out is not read */ \
        void (*column_sums)(const T *d, T *out, ptrdiff_t m, ptrdiff_t n, ptrdiff_t ld, double scale, double keep);    \
        /* out (m, n) = the rows of X (., n) with these numbers */                                                      \
        void (*gather)(const T *X, const ptrdiff_t *rows, T *out, ptrdiff_t m, ptrdiff_t n);                           \
        /* has the memory fetch lines of 64 bytes, first ... last of each of these rows of X (., n), into the cache */    \
        void (*ask_for)(const T *X, const ptrdiff_t *rows, ptrdiff_t m, ptrdiff_t n, ptrdiff_t first, ptrdiff_t last); \
        /* C (m, n) = finish(scale op(A) op(B) + keep C), op(A) (m, k), op(B) (k, n), where that is small enough to be  \
           quicker here than in BLAS; returns whether it was, and with 0 nothing was done. With keep 0, C is not read */ \
        int (*product)(int transpose_a, int transpose_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, T scale, const T *a,   \
                       ptrdiff_t lda, const T *b, ptrdiff_t ldb, T keep, T *c, ptrdiff_t ldc, enum Finish finish,      \
                       const T *with);                                                                                 \
        /* z (n) = x (k) W (k, n), with room in z for whole vectors of 64 bytes */                                     \
        void (*row_product)(const T *x, const T *W, ptrdiff_t k, ptrdiff_t n, T *z);                                   \
        /* whether `product` makes such a row, too, and then to the bit as this does */                                \
        int (*is_tiled)(ptrdiff_t k, ptrdiff_t n);                                                                     \
        /* By EmbeddingKind: what the way forward looks up, made of the parameters; the piece's columns of out (m, ld) of   \
           x (m), ldx apart, with the place of each x noted; the gradient by the parameters, times scale, of delta (m, ld) \
           and these places. See vector/embeddings.h */                                                                \
        void (*nodes[N_EMBEDDINGS])(const Embedding *piece, const T *edges, const T *parameters, T *nodes);            \
        void (*embed[N_EMBEDDINGS])(const Embedding *piece, const T *edges, const T *parameters, const T *nodes,       \
                                    const T *x, ptrdiff_t ldx, ptrdiff_t m, T *places, T *out, ptrdiff_t ld);          \
        void (*embed_gradient[N_EMBEDDINGS])(const Embedding *piece, const T *edges, const T *parameters,              \
                                             const T *places, const T *delta, ptrdiff_t ld, ptrdiff_t m, double scale, \
                                             T *out);                                                                  \
        double (*sum_of_squares)(const T *x, ptrdiff_t n);                                                             \
        double (*sum_of_absolutes)(const T *x, ptrdiff_t n);                                                           \
        /* x (n) kept within -bound ... bound */                                                                       \
        void (*clip)(T *x, ptrdiff_t n, double bound);                                                                 \
        int (*all_finite)(const T *x, ptrdiff_t n);                                                                    \
        /* y (n) += a * x (n) */                                                                                       \
        void (*add_scaled)(T a, const T *x, T *y, ptrdiff_t n);                                                        \
        /* y (n) += a * sign(x (n)), that of 0 being 0 */                                                              \
        void (*add_signs)(T a, const T *x, T *y, ptrdiff_t n);                                                         \
        /* of w (m, n), columns first ... last that are longer than the bound are shortened to it */                   \
        void (*shorten_columns)(T *w, ptrdiff_t m, ptrdiff_t n, ptrdiff_t first, ptrdiff_t last, double bound);        \
        /* the functions themselves, for the tests: x (n) becomes f(x) */                                              \
        void (*exponential)(T *x, ptrdiff_t n);                                                                        \
        void (*logarithm)(T *x, ptrdiff_t n);                                                                          \
        void (*cosine)(T *x, ptrdiff_t n); /* of 2 pi x */                                                             \
        void (*sine)(T *x, ptrdiff_t n);                                                                            \
    } NAME

CBACKPROP_TABLE(FloatKernels, float);
CBACKPROP_TABLE(DoubleKernels, double);

/* The tables in use. Start as the best the processor has. */
extern FloatKernels cbackprop_float_kernels;
extern DoubleKernels cbackprop_double_kernels;

/* Names of the instruction sets this build and this processor have, best first: the i-th, or NULL. */
const char *cbackprop_instructions(int i);
/* Which of them is in use; and put another to use (for the tests; not while anything trains). */
int cbackprop_instructions_in_use(void);
void cbackprop_use_instructions(int i);
/* Whether small matrix products are made here (they are) or in BLAS like the others; returns what was before. */
int cbackprop_use_products(int on);

#endif
