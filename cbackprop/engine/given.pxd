"""What a call of the door is given beside its rule: numbers of every step, factors of every group; checked."""

from libc.math cimport INFINITY

from cbackprop.engine.block cimport Block
from cbackprop.engine.front cimport n_parts
from cbackprop.engine.passes cimport Task, has_blend
from cbackprop.engine.plan cimport ADAMW
from cbackprop.engine.steps cimport Training


cdef inline int check_rates(const double* rates, Py_ssize_t n, double factor=1.0) except -1:
    """The rates of dropout times the factor: shares of units that leave some."""
    cdef Py_ssize_t i
    for i in range(n):
        if not 0.0 <= rates[i] * factor < 1.0:
            times = "" if factor == 1.0 else f" times {factor}"
            raise ValueError(f"dropout must lie in [0, 1), got {rates[i]}{times} for hidden layer {i}")
    return 0


cdef inline object take_numbers(Training* training, const Task* task, numbers, groups, Py_ssize_t n_steps):
    """The numbers of every step and the factors of every group, checked. Returns what holds their memory."""
    cdef Block of_steps = None, factors = None
    cdef Py_ssize_t n_layers = task.n_layers, n_groups = task.n_layers + n_parts(&task.front)
    cdef Py_ssize_t i
    cdef const double* row
    training.numbers = training.groups = NULL
    training.n_kinds = 2
    for i in range(n_layers):
        if has_blend(task, i):
            training.n_kinds = 3
    if numbers is not None:
        of_steps = Block(numbers, "numbers", "float64", 2)
        if of_steps.length(0) != n_steps or of_steps.length(1) != 3:
            raise ValueError(
                f"numbers must have shape {(n_steps, 3)}: a row for each step, learning rate, decay and the factor of "
                f"dropout; got {(of_steps.length(0), of_steps.length(1))}")
        training.numbers = <const double*>of_steps.view.buf
        for i in range(n_steps):
            row = training.numbers + 3 * i
            if not (0.0 <= row[0] < INFINITY and 0.0 <= row[1] < INFINITY and 0.0 <= row[2] < INFINITY):
                raise ValueError(
                    f"numbers must be finite and at least 0, got {(row[0], row[1], row[2])} for step {i}")
            if task.dropout != NULL:
                check_rates(task.dropout, n_layers - 1, row[2])
            if row[1] != 0.0 and training.rule.optimizer != ADAMW:
                raise ValueError(f"numbers has the decay {row[1]} for step {i}, and only adamw decays")
    if groups is not None:
        factors = Block(groups, "groups", "float64", 3)
        of_blends = ", and for parametric activations" if training.n_kinds == 3 else ""
        if factors.length(0) != n_groups or factors.length(1) != training.n_kinds or factors.length(2) != 3:
            raise ValueError(
                f"groups must have shape {(n_groups, training.n_kinds, 3)}: factors of rate, decay and epsilon for "
                f"each layer's weights and biases{of_blends}, and then for each part before the layers; got "
                f"{(factors.length(0), factors.length(1), factors.length(2))}")
        training.groups = <const double*>factors.view.buf
        for i in range(3 * training.n_kinds * n_groups):
            if not 0.0 <= training.groups[i] < INFINITY:
                raise ValueError(
                    f"groups must be finite and at least 0, got {training.groups[i]} in layer "
                    f"{i // (3 * training.n_kinds)}")
    return of_steps, factors
