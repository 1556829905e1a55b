"""What makes a plan a plan."""

from cbackprop.engine.block cimport Block

# The number of parameters of a plan all of whose layers fit together.
cdef Py_ssize_t check_plan(Block plan) except -1
