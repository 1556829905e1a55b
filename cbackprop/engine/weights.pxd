"""What a step does to the weights as they are, beside their gradient: the L1 term's number, the bound of columns."""

from cython cimport floating

from cbackprop.engine.leaves cimport shorten_columns, sum_of_absolutes
from cbackprop.engine.passes cimport Task
from cbackprop.engine.runs cimport Run
from cbackprop.engine.shares cimport share_of, weights_in
from cbackprop.engine.steps cimport Training
from cbackprop.engine.team cimport part


cdef inline double absolutes(const Task* task, const Training* training, const floating* parameters) noexcept nogil:
    """The sum of the weights' absolute values, of this thread's share of all layers."""
    cdef double total = 0.0
    cdef Py_ssize_t index, i
    cdef Run run
    for index in range(task.n_layers):
        run = weights_in(task, index, share_of(task, training, index))
        for i in range(run.count):
            total += sum_of_absolutes(parameters + run.at + i * run.step, run.n)
    return total


cdef inline void bound_columns(const Task* task, const Training* training, floating* parameters) noexcept nogil:
    """A unit's incoming weights, a column of W, become no longer than the rule's max_norm.

    All threads have made their step: each takes a range of columns, whole ones, so that their number changes no bit.
    Layers whose weights do not learn are left alone.
    """
    cdef Py_ssize_t index, n_in, n_out
    for index in range(task.n_layers):
        if training.groups != NULL and training.groups[3 * training.n_kinds * index] == 0.0:
            continue
        n_in = task.plan[index].n_in
        n_out = task.plan[index].n_out
        shorten_columns(parameters + task.plan[index].weights, n_in, n_out,
                        part(n_out, training.thread, training.n_threads),
                        part(n_out, training.thread + 1, training.n_threads), training.rule.max_norm)
