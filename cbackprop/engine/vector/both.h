/* The loops for float and for double, with the instruction set whose name ISA holds. */
#define JOIN_(name, isa, dtype) name##_##isa##_##dtype
#define JOIN(name, isa, dtype) JOIN_(name, isa, dtype)

#define T float
#define T_IS_FLOAT
#define TABLE FloatKernels
#define EPS FLT_EPSILON
#define FN(name) JOIN(name, ISA, float)
#include "body.h"
#undef T
#undef T_IS_FLOAT
#undef TABLE
#undef EPS
#undef FN

#define T double
#define TABLE DoubleKernels
#define EPS DBL_EPSILON
#define FN(name) JOIN(name, ISA, double)
#include "body.h"
#undef T
#undef TABLE
#undef EPS
#undef FN
#undef JOIN
#undef JOIN_
