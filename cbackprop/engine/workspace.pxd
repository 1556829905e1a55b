"""The workspace's blocks, one behind the other, `capacity` rows each.

Gathered rows A_0 (only if rows are picked from a dense X), activations A_1 ... A_L, deltas D_1 ... D_L, targets (k) and
weights (k), and the derivatives f'(Z) of those layers that keep them; those with dropout do, and those with a
parametric activation, f(Z) - Z behind them.
"""

from cython cimport floating

from cbackprop.engine.passes cimport Task, has_blend
from cbackprop.engine.plan cimport ACTIVATION_ROWS, DERIVATIVE_KEPT, RELU


cdef inline bint gathered(const Task* task) noexcept nogil:
    return task.rows != NULL and task.index_size == 0


cdef inline bint made_with_a(const Task* task, Py_ssize_t index) noexcept nogil:
    """Whether f gives its derivative, too, because a does not say enough."""
    return ACTIVATION_ROWS[task.plan[index].activation].derivative == DERIVATIVE_KEPT


cdef inline bint drops(const Task* task, Py_ssize_t index) noexcept nogil:
    """Whether the layer has dropout."""
    return task.dropout != NULL and index + 1 < task.n_layers and task.dropout[index] > 0.0


cdef inline bint keeps_slopes(const Task* task, Py_ssize_t index) noexcept nogil:
    """Whether the layer keeps its derivative beside A: a hidden one whose a, or what dropout leaves of it, says little.

    Of relu's a it leaves enough: 0 where the derivative is, or was made, 0.
    """
    return index + 1 < task.n_layers and (
        made_with_a(task, index) or has_blend(task, index)
        or (drops(task, index) and task.plan[index].activation != RELU))


cdef inline Py_ssize_t workspace_size(const Task* task, bint gathered, Py_ssize_t capacity) noexcept nogil:
    """Elements of a workspace for `capacity` rows; prediction needs A alone."""
    cdef Py_ssize_t columns = task.n_features if gathered else 0
    cdef Py_ssize_t layer
    for layer in range(task.n_layers):
        columns += task.plan[layer].n_out * (2 if task.training else 1)
        if task.training and keeps_slopes(task, layer):
            columns += task.plan[layer].n_out * (1 + has_blend(task, layer))
    if task.training:
        columns += 2 * task.plan[task.n_layers - 1].n_out
    return columns * capacity


cdef inline floating* activations(const Task* task, floating* workspace, Py_ssize_t layer) noexcept nogil:
    """A_layer (capacity, n_out of the layer), layer 1 ... L; 0 is the gathered rows of X."""
    cdef Py_ssize_t columns = 0, before
    if layer > 0 and gathered(task):
        columns = task.n_features
    for before in range(layer - 1):
        columns += task.plan[before].n_out
    return workspace + columns * task.capacity


cdef inline floating* deltas(const Task* task, floating* workspace, Py_ssize_t layer) noexcept nogil:
    """D_layer, the same shape as A_layer, layer 1 ... L; L + 1 is where the targets stand."""
    cdef floating* block = activations(task, workspace, task.n_layers + 1)
    cdef Py_ssize_t before
    for before in range(layer - 1):
        block += task.plan[before].n_out * task.capacity
    return block


cdef inline floating* kept(const Task* task, floating* workspace, Py_ssize_t layer) noexcept nogil:
    """f'(Z_layer), the same shape as A_layer, layer 1 ... L - 1; NULL where it is not kept."""
    cdef floating* block
    cdef Py_ssize_t before
    if not task.training or not keeps_slopes(task, layer - 1):
        return NULL
    block = deltas(task, workspace, task.n_layers + 1) + 2 * task.plan[task.n_layers - 1].n_out * task.capacity
    for before in range(layer - 1):
        if keeps_slopes(task, before):
            block += task.plan[before].n_out * (1 + has_blend(task, before)) * task.capacity
    return block


cdef inline floating* excess(const Task* task, floating* workspace, Py_ssize_t layer) noexcept nogil:
    """f(Z_layer) - Z_layer, the same shape as A_layer, behind what `kept` gives: of a parametric activation."""
    return kept(task, workspace, layer) + task.plan[layer - 1].n_out * task.capacity
