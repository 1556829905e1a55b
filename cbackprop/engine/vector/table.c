/* Compiles the loops once for each instruction set and keeps the best the processor has in the tables. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "../keys.h"
#include "table.h"

#if defined(_MSC_VER)
#define RESTRICT __restrict
#else
#define RESTRICT restrict
#endif

#if defined(__GNUC__) && !defined(__clang__)
#define KEEP_LOOPS __attribute__((optimize("no-tree-loop-distribute-patterns"))) /* and not calls of memcpy */
#else
#define KEEP_LOOPS
#endif
#if defined(__GNUC__)
#define PREFETCH(p) __builtin_prefetch(p)
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline)) /* a loop that is vectorised by itself, and would not be inside another */
#else
#define PREFETCH(p) ((void)(p))
#define ALWAYS_INLINE inline
#define NOINLINE
#endif

#if (defined(__x86_64__) || defined(_M_X64)) && defined(__GNUC__) && !defined(CBACKPROP_PLAIN)
#define HAVE_X86_VARIANTS
#endif

#define ISA plain
#define ISA_BITS 0
#include "both.h"
#undef ISA
#undef ISA_BITS

#if defined(HAVE_X86_VARIANTS)
#include <immintrin.h>
#if defined(__clang__)
#define UNROLL(n) _Pragma("unroll")
#else
#define UNROLL(n) PRAGMA(GCC unroll n)
#define PRAGMA(text) _Pragma(#text)
#endif
#define INTRINSIC_(width, name, suffix) width##_##name##_##suffix
#define INTRINSIC(width, name, suffix) INTRINSIC_(width, name, suffix)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define ISA avx2
#define ISA_BITS 256
#include "both.h"
#undef ISA
#undef ISA_BITS
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,fma,prefer-vector-width=512")
#endif
#define ISA avx512
#define ISA_BITS 512
#include "both.h"
#undef ISA
#undef ISA_BITS
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif

typedef struct {
    const char *name;
    const FloatKernels *of_float;
    const DoubleKernels *of_double;
} Variant;

static const Variant variants[] = {
#if defined(HAVE_X86_VARIANTS)
    {"avx512", &table_avx512_float, &table_avx512_double},
    {"avx2", &table_avx2_float, &table_avx2_double},
#endif
    {"plain", &table_plain_float, &table_plain_double},
};
enum { N_VARIANTS = sizeof variants / sizeof variants[0] };

FloatKernels cbackprop_float_kernels;
DoubleKernels cbackprop_double_kernels;
static int in_use = -1, products = 1;

/* Of the variants of this build, the first that the processor can run; those after it run, too. */
static int best(void)
{
#if defined(HAVE_X86_VARIANTS)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        return 0;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 1;
#endif
    return N_VARIANTS - 1;
}

const char *cbackprop_instructions(int i)
{
    int first = best();
    return i >= 0 && first + i < N_VARIANTS ? variants[first + i].name : NULL;
}

int cbackprop_instructions_in_use(void)
{
    return in_use - best();
}

void cbackprop_use_instructions(int i)
{
    in_use = best() + i;
    cbackprop_float_kernels = *variants[in_use].of_float;
    cbackprop_double_kernels = *variants[in_use].of_double;
    cbackprop_use_products(products);
}

int cbackprop_use_products(int on)
{
    int before = products;
    products = on;
    cbackprop_float_kernels.product = (on ? variants[in_use].of_float : &table_plain_float)->product;
    cbackprop_double_kernels.product = (on ? variants[in_use].of_double : &table_plain_double)->product;
    cbackprop_float_kernels.is_tiled = (on ? variants[in_use].of_float : &table_plain_float)->is_tiled;
    cbackprop_double_kernels.is_tiled = (on ? variants[in_use].of_double : &table_plain_double)->is_tiled;
    return before;
}
