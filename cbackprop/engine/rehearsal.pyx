"""A step tried before it is made: whether it would leave every parameter finite, with nothing copied but a cacheful.

So a partial fit of one mini-batch can be all or nothing without copies of the parameters and the optimizer's state.
"""

from cython cimport floating
from libc.string cimport memcpy

from cbackprop.engine.leaves cimport all_finite
from cbackprop.engine.masks cimport masks_of
from cbackprop.engine.numbers cimport first_power, next_power, step_of
from cbackprop.engine.passes cimport (
    Masks, Share, backward, forward, index_at, layer_gradient, output_delta, total_weight,
)
from cbackprop.engine.plan cimport OPTIMIZER_ROWS, Step
from cbackprop.engine.regions cimport Region, rows_of_member
from cbackprop.engine.runs cimport Run, move, run_of, squares
from cbackprop.engine.shares cimport biases_in, rows_at_once, share_of, some_rows, weights_in
from cbackprop.engine.steps cimport Training
from cbackprop.engine.team cimport Squad, part, squad_of, team_wait


cdef bint stays_finite(
    const Training* training, Run run, const Step* step, const floating* parameters
) noexcept nogil:
    """Whether `move` would leave these parameters finite: it is tried on copies, a cacheful at a time."""
    cdef floating[4 * 512] copies       # parameters, gradient, and the state's vectors, if there are as many
    cdef Training trial = training[0]
    cdef Py_ssize_t i, at, n, size, vector, vectors = OPTIMIZER_ROWS[training.rule.optimizer].vectors
    trial.gradient = copies + 512
    trial.state = copies + 2 * 512
    trial.n_parameters = 512
    for i in range(run.count):
        at, n = run.at + i * run.step, run.n
        while n > 0:
            size = n if n < 512 else 512
            memcpy(copies, parameters + at, size * sizeof(floating))
            memcpy(copies + 512, <floating*>training.gradient + at, size * sizeof(floating))
            for vector in range(vectors):
                memcpy(copies + (2 + vector) * 512, <floating*>training.state + vector * training.n_parameters + at,
                       size * sizeof(floating))
            move(&trial, run_of(0, size), step, copies)
            if not all_finite(copies, size):
                return False
            at += size
            n -= size
    return True


cdef Py_ssize_t rows_of_gradient(
    const Task* task, Py_ssize_t index, Py_ssize_t first, Py_ssize_t m, Share share
) noexcept nogil:
    """Rows of [W; b] whose gradient is computed, used and dropped, to be computed again for the step; 0 to keep it.

    Of a wide layer with few values of sparse rows it is nearly all zeros: memory costs more than to find them again.
    """
    cdef Py_ssize_t n_out = task.plan[index].n_out, i, row, values = 1, rows, most
    if index != 0 or task.index_size == 0:
        return 0
    for i in range(m):
        row = task.rows[first + i] if task.rows != NULL else first + i
        values += <Py_ssize_t>(index_at(task.indptr, task.index_size, row + 1)
                               - index_at(task.indptr, task.index_size, row))
    rows = 1 + (1 << 17) // n_out
    most = weights_in(task, index, share).n // (16 * values)    # pieces: every one looks at all the values
    if most < 2:
        return 0
    if rows * most < share.high - share.low:
        rows = (share.high - share.low) // most + 1
    return rows if rows < share.high - share.low else 0


cdef Step next_step(const Training* training, double weight) noexcept nogil:
    """The numbers of the next step, as `train` comes to them."""
    cdef Py_ssize_t n = training.step
    return step_of(training, training.numbers, weight,
                   next_power(first_power(training.rule.beta_1, n), training.rule.beta_1, n + 1),
                   next_power(first_power(training.rule.beta_2, n), training.rule.beta_2, n + 1))


cdef double rehearsal(const Task* task, Training* training, bint* sound, floating* workspace) noexcept nogil:
    """What `train` does with one mini-batch, but that no parameter moves."""
    cdef floating* parameters = <floating*>task.parameters
    cdef Training trial = training[0]
    cdef Share share, rest, whole
    cdef bint dropped
    cdef Py_ssize_t first = training.first, m = training.last - training.first, index, rows
    cdef Squad squad = squad_of(training.team, training.thread, training.squad_size)
    cdef Region mine
    cdef Py_ssize_t squads = training.n_threads // squad.size
    cdef Py_ssize_t start = part(m, squad.number, squads), stop = part(m, squad.number + 1, squads)
    cdef double weight = total_weight(task, workspace, first, m), norm = 0.0, of_layer, loss, l2
    cdef Step step, of_biases
    cdef Masks masks = masks_of(task, training.step, 1.0, 0)
    cdef const Masks* left_out = NULL if task.dropout == NULL else &masks
    sound[0] = weight != 0.0
    if not sound[0]:
        return 0.0
    if not forward(task, workspace, first, start, stop, left_out, &squad):
        return 0.0
    mine = rows_of_member(&squad, start, stop)
    loss = output_delta(task, workspace, first, mine.start, mine.stop)
    if not backward(task, workspace, start, stop, 0, left_out, &squad) or not team_wait(training.team):
        return 0.0
    step = of_biases = next_step(training, weight)
    of_biases.l2 = 0.0
    l2 = step.l2
    for index in range(task.n_layers):
        whole = rest = share_of(task, training, index)
        rows = rows_of_gradient(task, index, first, m, whole)
        dropped = rows != 0
        of_layer = 0.0
        if not dropped:     # the same pieces as in `update_layer`: the same sums
            rows = rows_at_once(task, whole, index, m, sizeof(floating))
        elif l2 != 0.0:
            of_layer = squares(parameters, weights_in(task, index, whole))
        while rest.low < rest.high:
            share = some_rows(rest, rest.low, rest.low + rows if 0 < rows < rest.high - rest.low else rest.high)
            # Where it is dropped the pieces' gradients all stand where the first one's does.
            trial.gradient = <floating*>training.gradient - (
                (share.low - whole.low) * task.plan[index].n_out if dropped else 0)
            layer_gradient(task, index, first, m, share, 1.0 / weight, 0.0, 0.0, <floating*>trial.gradient)
            if l2 != 0.0 and not dropped:
                of_layer += squares(parameters, weights_in(task, index, share))
            if not (stays_finite(&trial, weights_in(task, index, share), &step, parameters)
                    and stays_finite(&trial, biases_in(task, index, share), &of_biases, parameters)):
                sound[0] = False
            rest.low = share.high
        norm += of_layer
    return m * (task.loss_scale * loss / weight + 0.5 * l2 * norm)


cdef void rehearsed_move(const Task* task, Training* training, floating* workspace) noexcept nogil:
    cdef floating* parameters = <floating*>task.parameters
    cdef Py_ssize_t first = training.first, m = training.last - training.first, index, rows
    cdef double weight = total_weight(task, workspace, first, m)
    cdef Step step = next_step(training, weight), of_biases = step
    cdef Training piece = training[0]
    cdef Share share, rest, whole
    of_biases.l2 = 0.0
    if not team_wait(training.team):        # all of them are here, or nobody moves
        return
    training.step += 1
    for index in range(task.n_layers):
        whole = rest = share_of(task, training, index)
        rows = rows_of_gradient(task, index, first, m, whole)
        while rest.low < rest.high:
            share = some_rows(rest, rest.low, rest.low + rows if 0 < rows < rest.high - rest.low else rest.high)
            if rows != 0:
                piece.gradient = <floating*>training.gradient - (share.low - whole.low) * task.plan[index].n_out
                layer_gradient(task, index, first, m, share, 1.0 / weight, 0.0, 0.0, <floating*>piece.gradient)
            move(&piece, weights_in(task, index, share), &step, parameters)
            move(&piece, biases_in(task, index, share), &of_biases, parameters)
            rest.low = share.high
        piece.gradient = training.gradient
    team_wait(training.team)


cdef double rehearse(const Task* task, Training* training, bint* sound) noexcept nogil:
    if task.single:
        return rehearsal(task, training, sound, <float*>task.workspace)
    return rehearsal(task, training, sound, <double*>task.workspace)


cdef void move_as_rehearsed(const Task* task, Training* training) noexcept nogil:
    if task.single:
        rehearsed_move(task, training, <float*>task.workspace)
    else:
        rehearsed_move(task, training, <double*>task.workspace)
