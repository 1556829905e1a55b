"""Training: mini-batch after mini-batch, alone or in a team; and the whole-data sweeps, a block of rows at a time.

A step has two halves. In the first a thread takes a range of the mini-batch's rows through forward and backward. In
the second it takes a share of every layer's [W; b], or [W; b; w] where the activation is parametric, some rows or a
block, computes the gradient there and moves the parameters; and of what stands before the first layer it takes some
parts. A barrier stands behind each half; nothing is reduced, so a run is repeatable.
"""

from cython cimport floating
from libc.math cimport sqrt
from libc.string cimport memcpy

from cbackprop.engine.front cimport n_parts, part_begin, part_size
from cbackprop.engine.leaves cimport add_scaled
from cbackprop.engine.masks cimport masks_of
from cbackprop.engine.numbers cimport first_power, next_power, step_of, step_of_group, step_of_part
from cbackprop.engine.passes cimport (
    Masks, Share, ask_for_rows, backward, finish, forward, front_gradient, interrupted, layer_gradient,
    output_delta, prepare, total_weight,
)
from cbackprop.engine.plan cimport MOMENTUM, SGD, Step
from cbackprop.engine.regions cimport Region, rows_of_member
from cbackprop.engine.runs cimport Run, add, add_sign, bound, move, multiply, run_of, squares
from cbackprop.engine.shares cimport (
    all_in, biases_in, rows_at_once, rows_in, share_of, some_rows, weights_in, whole_layer,
)
from cbackprop.engine.team cimport Squad, alone, part, squad_of, team_enter, team_leave, team_wait
from cbackprop.engine.weights cimport absolutes, bound_columns
from cbackprop.engine.workspace cimport activations


cdef bint is_frozen(const Training* training, Py_ssize_t index) noexcept nogil:
    """Whether a layer stays as it is. No Group has a factor of epsilon that is 0."""
    return training.groups != NULL and training.groups[3 * training.n_kinds * index + 2] == 0.0


cdef double update_layer(
    const Task* task, const Training* training, Py_ssize_t index, Py_ssize_t first, Py_ssize_t m,
    double weight, const Step* step, floating* parameters
) noexcept nogil:
    """This thread's share of one layer: gradient, then step. Returns the sum of squares of its weights before it."""
    cdef Share share = share_of(task, training, index)
    cdef Py_ssize_t rows = rows_at_once(task, share, index, m, sizeof(floating))
    cdef Py_ssize_t low = share.low, high = share.high, piece, pieces, next_first, next_m
    cdef double norm = 0.0
    if is_frozen(training, index):
        return squares(parameters, weights_in(task, index, share)) if step.l2 != 0.0 else 0.0
    if rows == 0 or high - low <= rows:
        return update_share(task, training, index, share, first, m, weight, step, parameters)
    pieces = (high - low + rows - 1) // rows
    next_first = first + m
    next_m = training.last - next_first if training.last - next_first < training.batch_size else training.batch_size
    for piece in range(pieces):
        # The next mini-batch's rows are far away: the memory finds them while this one's gradient is computed.
        if index == 0 and next_m > 0:
            ask_for_rows(task, <floating*>task.workspace,
                         next_first + part(next_m, training.thread, training.n_threads),
                         next_first + part(next_m, training.thread + 1, training.n_threads), piece, pieces)
        share = some_rows(share, low, low + rows if high - low > rows else high)
        norm += update_share(task, training, index, share, first, m, weight, step, parameters)
        low = share.high
    return norm


cdef Py_ssize_t first_part(const Task* task, const Training* training, Py_ssize_t thread) noexcept nogil:
    """The first of a thread's parts of what stands before the layers; behind its last is that of the next thread."""
    return part(n_parts(&task.front), thread, training.n_threads)


cdef void update_front(
    const Task* task, const Training* training, Py_ssize_t m, double weight, const Step* step, floating* parameters
) noexcept nogil:
    """This thread's parts of what stands before the first layer: gradient, then step, then what is looked up of it."""
    cdef Py_ssize_t index
    for index in range(first_part(task, training, training.thread), first_part(task, training, training.thread + 1)):
        front_gradient(task, index, m, 1.0 / weight,
                       <floating*>training.gradient + part_begin(&task.front, index))
        move_part(task, training, index, step, parameters)


cdef void move_part(
    const Task* task, const Training* training, Py_ssize_t index, const Step* step, floating* parameters
) noexcept nogil:
    cdef Step own = step_of_part(training, step, task.n_layers + index)
    move(training, run_of(part_begin(&task.front, index), part_size(&task.front, index)), &own, parameters)
    prepare(task, parameters, index, index + 1)


cdef double update_share(
    const Task* task, const Training* training, Py_ssize_t index, Share share, Py_ssize_t first, Py_ssize_t m,
    double weight, const Step* step, floating* parameters
) noexcept nogil:
    """Weights and biases together, or one after the other where their groups differ."""
    cdef Py_ssize_t n_in = task.plan[index].n_in, row
    cdef Step own
    cdef double norm = 0.0
    if training.groups == NULL:
        return update_rows(task, training, index, share, first, m, weight, step, parameters)
    if share.low < n_in:
        own = step_of_group(training, step, index, 0)
        norm = update_rows(task, training, index,
                           some_rows(share, share.low, share.high if share.high < n_in else n_in),
                           first, m, weight, &own, parameters)
    for row in range(n_in if share.low < n_in else share.low, share.high):      # of biases, of a parametric activation
        own = step_of_group(training, step, index, 1 + row - n_in)
        update_rows(task, training, index, some_rows(share, row, row + 1), first, m, weight, &own, parameters)
    return norm


cdef double update_rows(
    const Task* task, const Training* training, Py_ssize_t index, Share share, Py_ssize_t first, Py_ssize_t m,
    double weight, const Step* step, floating* parameters
) noexcept nogil:
    cdef floating* velocity = <floating*>training.state
    cdef double norm = 0.0, rate = step.rate, l2 = step.l2
    cdef bint at_once = step.l1 == 0.0      # with an L1 term the gradient stands first
    cdef Run weights = weights_in(task, index, share), all_of_it = all_in(task, index, share)
    cdef Step of_biases
    if l2 != 0.0:
        norm = squares(parameters, weights)
    if training.rule.optimizer == SGD and at_once:
        # W := (1 - eta l2) W - eta A^T D / weight is one gemm, with no gradient kept.
        layer_gradient(task, index, first, m, share, -rate / weight, 1.0 - rate * l2, 1.0, parameters)
        return norm
    if training.rule.optimizer == MOMENTUM and at_once:
        # V := mu V - eta A^T D / weight is one gemm, too; then V -= eta l2 W, and W += V.
        layer_gradient(task, index, first, m, share, -rate / weight, training.rule.momentum, training.rule.momentum,
                       velocity)
        if l2 != 0.0:
            add(-rate * l2, parameters, velocity, weights)
        add(1.0, velocity, parameters, all_of_it)
        return norm
    layer_gradient(task, index, first, m, share, 1.0 / weight, 0.0, 0.0, <floating*>training.gradient)
    if not at_once:
        add_sign(step.l1, parameters, <floating*>training.gradient, weights)
    if l2 == 0.0:       # what has no penalty stands right behind the weights
        move(training, all_of_it, step, parameters)
    else:
        of_biases = step[0]
        of_biases.l2 = 0.0
        move(training, weights, step, parameters)
        move(training, biases_in(task, index, share), &of_biases, parameters)
    return norm


cdef double move_by_gradient(
    const Task* task, const Training* training, const Step* step, floating* parameters
) noexcept nogil:
    """This thread's share of all layers, where the whole gradient of the losses stands: decayed, bounded, then the
    step. Returns as `update_layer`.

    The gradient's norm is everybody's: where it is asked for, a barrier stands between.
    """
    cdef floating* gradient = <floating*>training.gradient
    cdef Share share
    cdef Run weights, of_part
    cdef Step own, decayed = step[0]
    cdef Py_ssize_t index, thread, n_in, row
    cdef Py_ssize_t begin = first_part(task, training, training.thread)
    cdef Py_ssize_t end = first_part(task, training, training.thread + 1)
    cdef double norm = 0.0, length = 0.0, scale = 1.0, l2 = step.l2
    decayed.l2 = 0.0        # it is in the gradient by then
    for index in range(task.n_layers):
        share = share_of(task, training, index)
        weights = weights_in(task, index, share)
        if l2 != 0.0:
            norm += squares(parameters, weights)
        if is_frozen(training, index):
            continue
        if l2 != 0.0:
            add(l2, parameters, gradient, weights)
        if step.l1 != 0.0:
            add_sign(step.l1, parameters, gradient, weights)
        if training.rule.clip_value > 0.0:
            bound(gradient, all_in(task, index, share), training.rule.clip_value)
        if training.rule.clip_norm > 0.0:
            length += squares(gradient, weights)
            length += squares(gradient, biases_in(task, index, share))
    for index in range(begin, end):
        of_part = run_of(part_begin(&task.front, index), part_size(&task.front, index))
        if training.rule.clip_value > 0.0:
            bound(gradient, of_part, training.rule.clip_value)
        if training.rule.clip_norm > 0.0:
            length += squares(gradient, of_part)
    if training.rule.clip_norm > 0.0:
        training.team.parts[training.thread] = length
        if not team_wait(training.team):
            return norm
        length = 0.0
        for thread in range(training.n_threads):
            length += training.team.parts[thread]
        if length > training.rule.clip_norm * training.rule.clip_norm:
            scale = training.rule.clip_norm / sqrt(length)
    for index in range(task.n_layers):
        if is_frozen(training, index):
            continue
        share = share_of(task, training, index)
        if scale != 1.0:
            multiply(gradient, all_in(task, index, share), scale)
        own = step_of_group(training, &decayed, index, 0)
        move(training, weights_in(task, index, share), &own, parameters)
        n_in = task.plan[index].n_in
        for row in range(n_in if share.low < n_in else share.low, share.high):
            own = step_of_group(training, &decayed, index, 1 + row - n_in)
            move(training, rows_in(task, index, share, row, row + 1), &own, parameters)
    for index in range(begin, end):
        if scale != 1.0:
            multiply(gradient, run_of(part_begin(&task.front, index), part_size(&task.front, index)), scale)
        move_part(task, training, index, &decayed, parameters)
    return norm


cdef double update_clipped(
    const Task* task, const Training* training, Py_ssize_t first, Py_ssize_t m,
    double weight, const Step* step, floating* parameters
) noexcept nogil:
    """This thread's share of all layers, the gradient bounded before the step. Returns as `update_layer`."""
    cdef Py_ssize_t index
    for index in range(first_part(task, training, training.thread), first_part(task, training, training.thread + 1)):
        front_gradient(task, index, m, 1.0 / weight,
                       <floating*>training.gradient + part_begin(&task.front, index))
    for index in range(task.n_layers):
        if is_frozen(training, index):
            continue
        layer_gradient(task, index, first, m, share_of(task, training, index), 1.0 / weight, 0.0, 0.0,
                       <floating*>training.gradient)
    return move_by_gradient(task, training, step, parameters)


cdef double one_step(const Task* task, Training* training, double weight, floating* parameters) noexcept nogil:
    cdef Step numbers
    cdef double penalty = 0.0
    training.step += 1
    numbers = step_of(training, training.numbers, weight, first_power(training.rule.beta_1, training.step),
                      first_power(training.rule.beta_2, training.step))
    if numbers.l1 != 0.0:
        penalty = numbers.l1 * absolutes(task, training, parameters)
    penalty += 0.5 * numbers.l2 * move_by_gradient(task, training, &numbers, parameters)
    if training.rule.max_norm > 0.0 and team_wait(training.team):
        bound_columns(task, training, parameters)
    return penalty


cdef inline double without(Training* training, Py_ssize_t m, double losses) noexcept nogil:
    """A mini-batch's step is not made."""
    training.step -= 1
    training.rows -= m
    return losses


cdef double mini_batches(const Task* task, Training* training, floating* workspace) noexcept nogil:
    cdef Py_ssize_t first = training.first, m, index
    cdef Py_ssize_t start, stop, lowest = 0
    cdef floating* parameters = <floating*>task.parameters
    cdef double losses = 0.0, loss, norm, absolute, weight
    cdef const double* numbers = training.numbers
    cdef Step step
    cdef Masks masks
    cdef const Masks* left_out = NULL
    cdef Squad squad = squad_of(training.team, training.thread, training.squad_size)
    cdef Region mine
    cdef Py_ssize_t squads = training.n_threads // squad.size
    cdef double power_1 = first_power(training.rule.beta_1, training.step)
    cdef double power_2 = first_power(training.rule.beta_2, training.step)
    cdef bint clipped = training.rule.clip_value > 0.0 or training.rule.clip_norm > 0.0
    if n_parts(&task.front) != 0:
        prepare(task, parameters, first_part(task, training, training.thread),
                first_part(task, training, training.thread + 1))
        if not team_wait(training.team):
            return 0.0
    else:
        while is_frozen(training, lowest) and lowest + 1 < task.n_layers:
            lowest += 1
    while first < training.last:
        m = training.batch_size if training.last - first > training.batch_size else training.last - first
        weight = total_weight(task, workspace, first, m)
        if weight != 0.0:       # rows that weigh nothing say nothing: no loss, no step
            training.step += 1
            power_1 = next_power(power_1, training.rule.beta_1, training.step)
            power_2 = next_power(power_2, training.rule.beta_2, training.step)
            training.rows += m
            start = part(m, squad.number, squads)
            stop = part(m, squad.number + 1, squads)
            if task.dropout != NULL:
                masks = masks_of(task, training.step - 1, numbers[2] if numbers != NULL else 1.0, 0)
                left_out = &masks
            if not forward(task, workspace, first, start, stop, left_out, &squad):
                return without(training, m, losses)
            mine = rows_of_member(&squad, start, stop)
            loss = output_delta(task, workspace, first, mine.start, mine.stop)
            if task.own_loss != NULL and task.ending.come:      # alone: Python's are not called in a team
                return without(training, m, losses)
            if not backward(task, workspace, start, stop, lowest, left_out, &squad):
                return without(training, m, losses)
            if not team_wait(training.team):
                return losses
            step = step_of(training, numbers, weight, power_1, power_2)
            norm = absolute = 0.0
            if step.l1 != 0.0:
                absolute = absolutes(task, training, parameters)
            if clipped:
                norm = update_clipped(task, training, first, m, weight, &step, parameters)
            else:
                for index in range(task.n_layers):
                    norm += update_layer(task, training, index, first, m, weight, &step, parameters)
                update_front(task, training, m, weight, &step, parameters)
            losses += m * (task.loss_scale * loss / weight + 0.5 * step.l2 * norm + step.l1 * absolute)
            if not team_wait(training.team):
                return losses
            if training.rule.max_norm > 0.0:
                bound_columns(task, training, parameters)
                if not team_wait(training.team):
                    return losses
        if numbers != NULL:     # those of a mini-batch that weighs nothing are passed over, too
            numbers += 3
        first += m
    return losses


cdef void add_part(const Task* task, Py_ssize_t index, Py_ssize_t m, double scale, floating* gradient) noexcept nogil:
    """A part's gradient over one block of several."""
    cdef floating* of_block = <floating*>task.front.scratch
    front_gradient(task, index, m, scale, of_block)
    add_scaled(<floating>1.0, of_block, gradient + part_begin(&task.front, index), part_size(&task.front, index))


cdef double sum_of_blocks(
    const Task* task, floating* workspace, Py_ssize_t first, Py_ssize_t last, double weight, floating* gradient,
    const Masks* masks
) noexcept nogil:
    cdef Py_ssize_t m, index
    cdef double loss = 0.0
    cdef Masks of_block
    cdef Squad squad = alone()
    prepare(task, <floating*>task.parameters, 0, task.front.n_pieces)
    if masks != NULL:       # each block begins with another row
        of_block = masks[0]
        masks = &of_block
    while first < last:
        m = task.capacity if last - first > task.capacity else last - first
        if not forward(task, workspace, first, 0, m, masks, &squad):
            return loss
        loss += output_delta(task, workspace, first, 0, m)
        if task.own_loss != NULL and task.ending.come:
            return loss
        if gradient != NULL:
            if not backward(task, workspace, 0, m, 0, masks, &squad):
                return loss
            for index in range(task.n_layers):
                layer_gradient(task, index, first, m, whole_layer(task, index), 1.0 / weight, 1.0, 1.0, gradient)
                if interrupted(task, &squad, <double>m * task.plan[index].n_in * task.plan[index].n_out):
                    return loss
            for index in range(n_parts(&task.front)):
                add_part(task, index, m, 1.0 / weight, gradient)
        if masks != NULL:
            of_block.row += m
        first += m
    return task.loss_scale * loss / weight


cdef void outputs(
    const Task* task, floating* workspace, Py_ssize_t first, Py_ssize_t last, floating* out
) noexcept nogil:
    """The outputs (last - first, k) of these rows, `capacity` at a time."""
    cdef Py_ssize_t k = task.plan[task.n_layers - 1].n_out, m, done = first
    cdef Squad squad = alone()
    prepare(task, <floating*>task.parameters, 0, task.front.n_pieces)
    while done < last:
        m = task.capacity if last - done > task.capacity else last - done
        if not forward(task, workspace, done, 0, m, NULL, &squad):
            return
        finish(task, workspace, 0, m)
        memcpy(out + (done - first) * k, activations(task, workspace, task.n_layers), m * k * sizeof(floating))
        done += m


# The door's calls, for the dtype that the task has.

cdef double train(const Task* task, Training* training) noexcept nogil:
    cdef double losses
    team_enter(training.team)
    if task.single:
        losses = mini_batches(task, training, <float*>task.workspace)
    else:
        losses = mini_batches(task, training, <double*>task.workspace)
    team_leave(training.team)
    return losses


cdef double step(const Task* task, Training* training, double weight) noexcept nogil:
    if task.single:
        return one_step(task, training, weight, <float*>task.parameters)
    return one_step(task, training, weight, <double*>task.parameters)


cdef double loss_and_gradient(
    const Task* task, Py_ssize_t first, Py_ssize_t last, double weight, void* gradient, const Masks* masks
) noexcept nogil:
    if task.single:
        return sum_of_blocks(task, <float*>task.workspace, first, last, weight, <float*>gradient, masks)
    return sum_of_blocks(task, <double*>task.workspace, first, last, weight, <double*>gradient, masks)


cdef void predict(const Task* task, Py_ssize_t first, Py_ssize_t last, void* out) noexcept nogil:
    if task.single:
        outputs(task, <float*>task.workspace, first, last, <float*>out)
    else:
        outputs(task, <double*>task.workspace, first, last, <double*>out)
