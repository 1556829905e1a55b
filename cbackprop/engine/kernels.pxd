"""The tables of kernels of vector/table.h, one for each dtype; leaves.pxd picks between them."""

from libc.stdint cimport int32_t, uint64_t

from cbackprop.engine.plan cimport Embedding, Rule, Step


cdef extern from "vector/table.h":
    ctypedef struct FloatKernels:
        void (**activate)(float*, const float*, float*, Py_ssize_t, Py_ssize_t, double) noexcept nogil
        void (**derivative)(const float*, float*, Py_ssize_t, double) noexcept nogil
        void (*drop)(float*, float*, Py_ssize_t, Py_ssize_t,
                     void (*)(const float*, float*, Py_ssize_t, double) noexcept nogil, double,
                     uint64_t, Py_ssize_t, Py_ssize_t, double) noexcept nogil
        void (*blend)(float*, const float*, const float*, float*, float*, Py_ssize_t, Py_ssize_t,
                      void (*)(float*, const float*, float*, Py_ssize_t, Py_ssize_t, double) noexcept nogil,
                      void (*)(const float*, float*, Py_ssize_t, double) noexcept nogil, double) noexcept nogil
        void (*blend_backward)(float*, const float*, float*, Py_ssize_t) noexcept nogil
        void (**output)(float*, Py_ssize_t, Py_ssize_t) noexcept nogil
        double (**loss)(float*, float*, const float*, const int32_t*, const float*, Py_ssize_t,
                        Py_ssize_t, const double*) noexcept nogil
        double (**sklearns_loss)(float*, float*, const float*, const int32_t*, const float*, Py_ssize_t,
                                 Py_ssize_t, const double*) noexcept nogil
        void (**update)(float*, const float*, float*, float*, Py_ssize_t, const Rule*,
                        const Step*) noexcept nogil
        void (*column_sums)(const float*, float*, Py_ssize_t, Py_ssize_t, Py_ssize_t, double, double) noexcept nogil
        void (*gather)(const float*, const Py_ssize_t*, float*, Py_ssize_t, Py_ssize_t) noexcept nogil
        void (*ask_for)(const float*, const Py_ssize_t*, Py_ssize_t, Py_ssize_t, Py_ssize_t,
                        Py_ssize_t) noexcept nogil
        int (*product)(int, int, Py_ssize_t, Py_ssize_t, Py_ssize_t, float, const float*, Py_ssize_t,
                       const float*, Py_ssize_t, float, float*, Py_ssize_t, int, const float*) noexcept nogil
        void (*row_product)(const float*, const float*, Py_ssize_t, Py_ssize_t, float*) noexcept nogil
        bint (*is_tiled)(Py_ssize_t, Py_ssize_t) noexcept nogil
        double (*sum_of_squares)(const float*, Py_ssize_t) noexcept nogil
        double (*sum_of_absolutes)(const float*, Py_ssize_t) noexcept nogil
        void (*clip)(float*, Py_ssize_t, double) noexcept nogil
        bint (*all_finite)(const float*, Py_ssize_t) noexcept nogil
        void (*add_scaled)(float, const float*, float*, Py_ssize_t) noexcept nogil
        void (*add_signs)(float, const float*, float*, Py_ssize_t) noexcept nogil
        void (*shorten_columns)(float*, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, double) noexcept nogil
        void (*exponential)(float*, Py_ssize_t) noexcept nogil
        void (*logarithm)(float*, Py_ssize_t) noexcept nogil
        void (*cosine)(float*, Py_ssize_t) noexcept nogil
        void (*sine)(float*, Py_ssize_t) noexcept nogil
        void (**nodes)(const Embedding*, const float*, const float*, float*) noexcept nogil
        void (**embed)(const Embedding*, const float*, const float*, const float*, const float*, Py_ssize_t,
                       Py_ssize_t, float*, float*, Py_ssize_t) noexcept nogil
        void (**embed_gradient)(const Embedding*, const float*, const float*, const float*, const float*,
                                Py_ssize_t, Py_ssize_t, double, float*) noexcept nogil

    ctypedef struct DoubleKernels:
        void (**activate)(double*, const double*, double*, Py_ssize_t, Py_ssize_t, double) noexcept nogil
        void (**derivative)(const double*, double*, Py_ssize_t, double) noexcept nogil
        void (*drop)(double*, double*, Py_ssize_t, Py_ssize_t,
                     void (*)(const double*, double*, Py_ssize_t, double) noexcept nogil, double,
                     uint64_t, Py_ssize_t, Py_ssize_t, double) noexcept nogil
        void (*blend)(double*, const double*, const double*, double*, double*, Py_ssize_t, Py_ssize_t,
                      void (*)(double*, const double*, double*, Py_ssize_t, Py_ssize_t, double) noexcept nogil,
                      void (*)(const double*, double*, Py_ssize_t, double) noexcept nogil, double) noexcept nogil
        void (*blend_backward)(double*, const double*, double*, Py_ssize_t) noexcept nogil
        void (**output)(double*, Py_ssize_t, Py_ssize_t) noexcept nogil
        double (**loss)(double*, double*, const double*, const int32_t*, const double*, Py_ssize_t,
                        Py_ssize_t, const double*) noexcept nogil
        double (**sklearns_loss)(double*, double*, const double*, const int32_t*, const double*, Py_ssize_t,
                                 Py_ssize_t, const double*) noexcept nogil
        void (**update)(double*, const double*, double*, double*, Py_ssize_t, const Rule*,
                        const Step*) noexcept nogil
        void (*column_sums)(const double*, double*, Py_ssize_t, Py_ssize_t, Py_ssize_t, double, double) noexcept nogil
        void (*gather)(const double*, const Py_ssize_t*, double*, Py_ssize_t, Py_ssize_t) noexcept nogil
        void (*ask_for)(const double*, const Py_ssize_t*, Py_ssize_t, Py_ssize_t, Py_ssize_t,
                        Py_ssize_t) noexcept nogil
        int (*product)(int, int, Py_ssize_t, Py_ssize_t, Py_ssize_t, double, const double*, Py_ssize_t,
                       const double*, Py_ssize_t, double, double*, Py_ssize_t, int, const double*) noexcept nogil
        void (*row_product)(const double*, const double*, Py_ssize_t, Py_ssize_t, double*) noexcept nogil
        bint (*is_tiled)(Py_ssize_t, Py_ssize_t) noexcept nogil
        double (*sum_of_squares)(const double*, Py_ssize_t) noexcept nogil
        double (*sum_of_absolutes)(const double*, Py_ssize_t) noexcept nogil
        void (*clip)(double*, Py_ssize_t, double) noexcept nogil
        bint (*all_finite)(const double*, Py_ssize_t) noexcept nogil
        void (*add_scaled)(double, const double*, double*, Py_ssize_t) noexcept nogil
        void (*add_signs)(double, const double*, double*, Py_ssize_t) noexcept nogil
        void (*shorten_columns)(double*, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, double) noexcept nogil
        void (*exponential)(double*, Py_ssize_t) noexcept nogil
        void (*logarithm)(double*, Py_ssize_t) noexcept nogil
        void (*cosine)(double*, Py_ssize_t) noexcept nogil
        void (*sine)(double*, Py_ssize_t) noexcept nogil
        void (**nodes)(const Embedding*, const double*, const double*, double*) noexcept nogil
        void (**embed)(const Embedding*, const double*, const double*, const double*, const double*, Py_ssize_t,
                       Py_ssize_t, double*, double*, Py_ssize_t) noexcept nogil
        void (**embed_gradient)(const Embedding*, const double*, const double*, const double*, const double*,
                                Py_ssize_t, Py_ssize_t, double, double*) noexcept nogil

    FloatKernels cbackprop_float_kernels
    DoubleKernels cbackprop_double_kernels
    const char* cbackprop_instructions(int)
    int cbackprop_instructions_in_use()
    void cbackprop_use_instructions(int)
    int cbackprop_use_products(int)

cdef FloatKernels* of_float
cdef DoubleKernels* of_double
