"""What makes a plan a plan."""

from cbackprop.engine.block cimport Block

# The number of parameters of a plan all of whose layers fit together.
cdef Py_ssize_t check_embeddings(Block table, Block edges, Py_ssize_t n_features, Py_ssize_t width) except -1
cdef Py_ssize_t check_plan(Block plan, Py_ssize_t begin) except -1
