"""The memory of an array, held: what Block offers to compiled code."""


cdef class Block:
    cdef Py_buffer view
    cdef bint held
    cdef str name

    cdef str kind(self)
    cdef Py_ssize_t length(self, int axis=*)
    cdef int check_kept(self) except -1


cdef Block struct_block(array, dtype, str name, int ndim)
