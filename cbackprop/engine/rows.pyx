"""The rows of functions.def, the plan's and the rule's, as Python sees them; and what makes a plan a plan."""

from libc.limits cimport INT_MAX
from libc.math cimport INFINITY

import numpy as np

from cbackprop.engine.block cimport Block
from cbackprop.engine.front cimport parameters_of
from cbackprop.engine.plan cimport (
    ACTIVATION_ROWS, EMBEDDING_NAMES, N_ACTIVATIONS, N_EMBEDDINGS, N_OPTIMIZERS, N_OUTPUTS, NUMBER, OPTIMIZER_ROWS,
    OUTPUT_ROWS, PARAMETERS_EACH, PERIODIC, PIECEWISE, Embedding, Layer, Rule,
)

cdef int _code

# The rows of functions.def, under the names that Python knows them by.
ACTIVATIONS = {ACTIVATION_ROWS[_code].name.decode(): _code for _code in range(N_ACTIVATIONS)}
# f(x) by ONNX's operators.
FORMULAS = {
    ACTIVATION_ROWS[_code].name.decode(): ACTIVATION_ROWS[_code].formula.decode() for _code in range(N_ACTIVATIONS)
}
# The activations that have a parameter: its name and standard value.
SLOPES = {
    ACTIVATION_ROWS[_code].name.decode(): (ACTIVATION_ROWS[_code].parameter.decode(), ACTIVATION_ROWS[_code].standard)
    for _code in range(N_ACTIVATIONS) if ACTIVATION_ROWS[_code].parameter[0] != 0
}
OUTPUTS = {
    (OUTPUT_ROWS[_code].activation.decode(), OUTPUT_ROWS[_code].loss.decode()): _code for _code in range(N_OUTPUTS)
}
# The losses that have a parameter: its name, standard value, and whether there is one for each output.
LOSS_PARAMETERS = {
    OUTPUT_ROWS[_code].loss.decode(): (OUTPUT_ROWS[_code].parameter.decode(), OUTPUT_ROWS[_code].standard,
                                       OUTPUT_ROWS[_code].parameters == PARAMETERS_EACH)
    for _code in range(N_OUTPUTS) if OUTPUT_ROWS[_code].parameter[0] != 0
}
OPTIMIZERS = {OPTIMIZER_ROWS[_code].name.decode(): _code for _code in range(N_OPTIMIZERS)}
STATE_VECTORS = {_code: OPTIMIZER_ROWS[_code].vectors for _code in range(N_OPTIMIZERS)}

EMBEDDINGS = {EMBEDDING_NAMES[_code].decode(): _code for _code in range(N_EMBEDDINGS)}

LAYER = np.dtype([(name, np.int64) for name in ("n_in", "n_out", "weights", "biases", "activation")])
EMBEDDING = np.dtype([(name, np.int64) for name in (
    "kind", "source", "first", "width", "size", "parameters", "edges")])
RULE = np.dtype(
    [("optimizer", np.int64)]
    + [(name, np.float64) for name in ("learning_rate", "momentum", "beta_1", "beta_2", "epsilon", "rho")]
    + [(name, np.float64) for name in ("weight_decay", "l2", "l2_batch", "l1", "l1_batch")]
    + [(name, np.float64) for name in ("clip_value", "clip_norm", "max_norm")]
    + [("step", np.int64)]
)

if (LAYER.itemsize != sizeof(Layer) or RULE.itemsize != sizeof(Rule)
        or EMBEDDING.itemsize != sizeof(Embedding)):
    raise ImportError("cbackprop was built for a platform whose structs are laid out differently")


cdef Py_ssize_t check_embeddings(Block table, Block edges, Py_ssize_t n_features, Py_ssize_t width) except -1:
    """The number of parameters of a table all of whose rows fit together, and make `width` columns."""
    cdef const Embedding* row
    cdef Py_ssize_t columns = 0, total = 0, index, edge
    for index in range(table.length()):
        row = <const Embedding*>table.view.buf + index
        what = f"embeddings: row {index}"
        if not 0 <= row.kind < N_EMBEDDINGS:
            raise ValueError(f"{what} has the unknown kind {row.kind}")
        if not 0 <= row.source < n_features:
            raise ValueError(f"{what} is made of column {row.source}, and X has {n_features}")
        if not (1 <= row.width <= width and 0 <= row.size <= INT_MAX):
            raise ValueError(f"{what} has the width {row.width} and the size {row.size}")
        if row.kind == NUMBER and (row.width != 1 or row.size != 0):
            raise ValueError(f"{what} is a number: its width must be 1 and its size 0, got {row.width}, {row.size}")
        if row.kind == PERIODIC and row.width < 2:
            raise ValueError(f"{what} has the number itself behind what its waves make: its width must be at least 2")
        if row.kind != NUMBER and row.size < (2 if row.kind == PIECEWISE else 1):
            raise ValueError(f"{what} has too small a size, {row.size}")
        if row.first != columns or row.parameters != total:
            raise ValueError(
                f"{what} must make columns from {columns} on, of parameters from {total} on, got {row.first} and "
                f"{row.parameters}")
        if row.kind == PIECEWISE:
            if not 0 <= row.edges <= edges.length() - row.size:
                raise ValueError(f"{what} has edges from {row.edges} on, {row.size} of {edges.length()}")
            for edge in range(row.edges, row.edges + row.size - 1):
                if not is_above(edges, edge):
                    raise ValueError(f"{what}: its edges must be finite and rise, in the parameters' dtype, too")
        columns += row.width
        total += parameters_of(row)
        if total > (<Py_ssize_t>1 << 60):
            raise ValueError("embeddings: more than 2**60 parameters")
    if columns != width:
        raise ValueError(f"embeddings make {columns} columns, but the first layer takes {width}")
    return total


cdef bint is_above(Block edges, Py_ssize_t index) noexcept:
    """Whether the next of these numbers is larger, by a finite distance."""
    cdef double distance
    if edges.view.itemsize == 4:
        distance = (<const float*>edges.view.buf)[index + 1] - (<const float*>edges.view.buf)[index]
    else:
        distance = (<const double*>edges.view.buf)[index + 1] - (<const double*>edges.view.buf)[index]
    return 0.0 < distance < INFINITY


cdef Py_ssize_t check_plan(Block plan, Py_ssize_t begin) except -1:
    """The number of parameters of a plan all of whose layers fit together, the first one's from `begin` on."""
    cdef const Layer* layers = <const Layer*>plan.view.buf
    cdef const Layer* layer
    cdef Py_ssize_t total = begin, index
    if plan.length() < 1:
        raise ValueError("plan must have at least one layer, got none")
    for index in range(plan.length()):
        layer = &layers[index]
        if not (1 <= layer.n_in <= INT_MAX - 1 and 1 <= layer.n_out <= INT_MAX - 1):
            raise ValueError(
                f"plan: layer {index} must have between 1 and 2**31 - 2 units in and out, "
                f"got {layer.n_in} and {layer.n_out}")
        if index and layer.n_in != layers[index - 1].n_out:
            raise ValueError(
                f"plan: layer {index} takes {layer.n_in} units, but the layer before gives {layers[index - 1].n_out}")
        if index and layer.weights == total + layers[index - 1].n_out:      # those of a parametric activation between
            total = layer.weights
        if layer.weights != total or layer.biases != total + layer.n_in * layer.n_out:
            raise ValueError(
                f"plan: layer {index} must start at {total} of the vector, biases right behind its weights, "
                f"got {layer.weights} and {layer.biases}")
        if not 0 <= layer.activation < N_ACTIVATIONS:
            raise ValueError(f"plan: layer {index} has the unknown activation code {layer.activation}")
        total = layer.biases + layer.n_out
        if total > (<Py_ssize_t>1 << 60):
            raise ValueError("plan: the network has more than 2**60 parameters")
    return total
