"""A predictor as compiled code calls it, in any thread and without the GIL. See docs/serving.md.

It includes nothing, so that modules of your own that cimport it need no headers of this package.
"""


cdef class RowPredictor:
    cdef void* model                # what a capsule's function takes first
    cdef readonly Py_ssize_t n_features_in_
    cdef readonly Py_ssize_t n_outputs_
    cdef object blocks              # keeps the arrays' memory, the parameters' first
    cdef object classes
    cdef object alone               # the shape of what is said of one row alone; None of a number
    cdef object one_row             # and of (1, n_features_in_)
    cdef object dtype_of_answers
    cdef bint single
    cdef bint lives
    cdef bint zeros_matter
    cdef bint mends

    # The network's outputs (n, n_outputs_) of rows x (n, n_features_in_), both contiguous, of the network's dtype.
    # Returns 0; 1 if a row is not finite: it and those behind it are not looked at; -1 for want of memory.
    cdef int outputs(self, const void* x, Py_ssize_t n, void* out) noexcept nogil
