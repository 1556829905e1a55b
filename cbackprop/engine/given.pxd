"""What the door is given beside data: a plan, numbers of every step, factors of every group; all of it checked."""

from libc.limits cimport INT_MAX
from libc.math cimport INFINITY

from cbackprop.engine.block cimport Block
from cbackprop.engine.plan cimport ADAMW, N_ACTIVATIONS, Layer
from cbackprop.engine.steps cimport Training


cdef inline Py_ssize_t check_plan(Block plan) except -1:
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


cdef inline object take_numbers(Training* training, Py_ssize_t n_layers, numbers, groups, Py_ssize_t n_steps):
    """The numbers of every step and the factors of every group, checked. Returns what holds their memory."""
    cdef Block of_steps = None, factors = None
    cdef Py_ssize_t i
    cdef const double* row
    training.numbers = training.groups = NULL
    if numbers is not None:
        of_steps = Block(numbers, "numbers", "float64", 2)
        if of_steps.length(0) != n_steps or of_steps.length(1) != 3:
            raise ValueError(
                f"numbers must have shape {(n_steps, 3)}: a row for each step, learning rate, decay and dropout; "
                f"got {(of_steps.length(0), of_steps.length(1))}")
        training.numbers = <const double*>of_steps.view.buf
        for i in range(n_steps):
            row = training.numbers + 3 * i
            if not (0.0 <= row[0] < INFINITY and 0.0 <= row[1] < INFINITY and 0.0 <= row[2] < 1.0):
                raise ValueError(
                    "numbers must be finite and at least 0, dropout less than 1, "
                    f"got {(row[0], row[1], row[2])} for step {i}")
            if row[1] != 0.0 and training.rule.optimizer != ADAMW:
                raise ValueError(f"numbers has the decay {row[1]} for step {i}, and only adamw decays")
    if groups is not None:
        factors = Block(groups, "groups", "float64", 3)
        if factors.length(0) != n_layers or factors.length(1) != 2 or factors.length(2) != 3:
            raise ValueError(
                f"groups must have shape {(n_layers, 2, 3)}: factors of rate, decay and epsilon for each "
                f"layer's weights and biases; got {(factors.length(0), factors.length(1), factors.length(2))}")
        training.groups = <const double*>factors.view.buf
        for i in range(6 * n_layers):
            if not 0.0 <= training.groups[i] < INFINITY:
                raise ValueError(
                    f"groups must be finite and at least 0, got {training.groups[i]} in layer {i // 6}")
    return of_steps, factors
