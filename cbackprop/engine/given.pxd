"""What a call of the door is given beside its rule: numbers of every step, factors of every group; checked."""

from libc.math cimport INFINITY

from cbackprop.engine.block cimport Block
from cbackprop.engine.plan cimport ADAMW
from cbackprop.engine.steps cimport Training


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
