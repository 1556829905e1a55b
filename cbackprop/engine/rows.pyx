"""The rows of functions.def, the plan's and the rule's, as Python sees them; and what makes a plan a plan."""

from libc.limits cimport INT_MAX

import numpy as np

from cbackprop.engine.block cimport Block
from cbackprop.engine.plan cimport (
    ACTIVATION_ROWS, N_ACTIVATIONS, N_OPTIMIZERS, N_OUTPUTS, OPTIMIZER_ROWS, OUTPUT_ROWS, PARAMETERS_EACH, Layer, Rule,
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

LAYER = np.dtype([(name, np.int64) for name in ("n_in", "n_out", "weights", "biases", "activation")])
RULE = np.dtype(
    [("optimizer", np.int64)]
    + [(name, np.float64) for name in ("learning_rate", "momentum", "beta_1", "beta_2", "epsilon", "rho")]
    + [(name, np.float64) for name in ("weight_decay", "l2", "l2_batch", "l1", "l1_batch")]
    + [(name, np.float64) for name in ("clip_value", "clip_norm", "max_norm")]
    + [("step", np.int64)]
)

if LAYER.itemsize != sizeof(Layer) or RULE.itemsize != sizeof(Rule):
    raise ImportError("cbackprop was built for a platform whose structs are laid out differently")


cdef Py_ssize_t check_plan(Block plan) except -1:
    """The number of parameters of a plan all of whose layers fit together."""
    cdef const Layer* layers = <const Layer*>plan.view.buf
    cdef const Layer* layer
    cdef Py_ssize_t total = 0, index
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
