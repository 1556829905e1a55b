/* Preloaded, it stands in front of glibc's allocator and refuses what it is told to refuse.

   Libraries are left alone whose own allocations must not fail: OpenBLAS does not look at what malloc returns to its
   kernels for small matrices, nor does NumPy 1 everywhere, and Rust, in which safetensors is written, ends the process
   by design. So are three functions of CPython 3.12 and 3.13 that let go of a reference too many where memory ends, and
   so damage the heap whoever calls them: the makers of functions and of cells, and the dictionary's setdefault, as
   json's reader uses it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <stddef.h>
#include <string.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static long seen, refused, left_alone, first, last;
static int armed, spare_python, spare_numpy;

/* Whether allocations are left alone that this Python, or this NumPy, could not bear to lose: see the top. */
void spare(int python, int numpy)
{
    spare_python = python;
    spare_numpy = numpy;
}

/* From now on the allocations begin ... begin + n - 1 are refused, the next one being number 1. */
void refuse_from(long begin, long n)
{
    seen = refused = left_alone = 0;
    first = begin;
    last = begin + n - 1;
    __atomic_store_n(&armed, 1, __ATOMIC_SEQ_CST);
}

/* Ends that. Returns how many were refused. */
long refuse_no_more(void)
{
    __atomic_store_n(&armed, 0, __ATOMIC_SEQ_CST);
    return __atomic_load_n(&refused, __ATOMIC_SEQ_CST);
}

/* How many of those that should have been were not, for Python's sake. */
long allocations_left_alone(void)
{
    return __atomic_load_n(&left_alone, __ATOMIC_SEQ_CST);
}

/* Allocations since the last refuse_from. */
long allocations_seen(void)
{
    return __atomic_load_n(&seen, __ATOMIC_SEQ_CST);
}

static int is_left_alone(const void *caller)
{
    Dl_info info;
    if (!dladdr(caller, &info) || info.dli_fname == NULL) return 0;
    if (spare_numpy && strstr(info.dli_fname, "_multiarray_umath") != NULL) return 1;
    return strstr(info.dli_fname, "openblas") != NULL || strstr(info.dli_fname, "safetensors_rust") != NULL;
}

/* Whether the interpreter could not bear it: see the top. Only the first two functions have names to be found by;
   setdefault's are three that have none, right below json's. */
static int is_pythons_fault(void)
{
    static __thread int inside; /* the first backtrace allocates */
    void *frames[8];
    int n, i, nameless = 0, found = 0;
    Dl_info info;
    if (inside) return 0;
    inside = 1;
    n = backtrace(frames, 8);
    for (i = 0; i < n && !found; ++i) {
        if (!dladdr(frames[i], &info)) continue;
        if (strstr(info.dli_fname, "/_json.") != NULL) {
            found = nameless == 3;
            break;
        }
        nameless = info.dli_sname == NULL ? nameless + 1 : 0;
        if (nameless == 0)
            found = !strcmp(info.dli_sname, "PyFunction_NewWithQualName") || !strcmp(info.dli_sname, "PyCell_New");
    }
    inside = 0;
    return found;
}

static int is_refused(const void *caller)
{
    long now;
    if (!__atomic_load_n(&armed, __ATOMIC_SEQ_CST) || is_left_alone(caller)) return 0;
    now = __atomic_add_fetch(&seen, 1, __ATOMIC_SEQ_CST);
    if (now < first || now > last) return 0;
    if (spare_python && is_pythons_fault()) {
        __atomic_add_fetch(&left_alone, 1, __ATOMIC_SEQ_CST);
        return 0;
    }
    __atomic_add_fetch(&refused, 1, __ATOMIC_SEQ_CST);
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    return is_refused(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    return is_refused(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
    return is_refused(__builtin_return_address(0)) ? NULL : __libc_realloc(p, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return is_refused(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **p, size_t alignment, size_t size)
{
    void *block = is_refused(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);
    if (block == NULL) return ENOMEM;
    *p = block;
    return 0;
}
