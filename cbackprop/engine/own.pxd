"""A loss of the user's, as the loops call it."""

from cbackprop.engine.passes cimport OwnLoss


cdef class UsersLoss:
    cdef OwnLoss call
    cdef object function
    cdef object memory
    cdef object z
    cdef object y
    cdef object derivatives
    cdef object weights
