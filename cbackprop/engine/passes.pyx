"""Forward and backward over a range of rows, in the notation of Nielsen's chapter 2 with examples as rows.

    Z_l = A_{l-1} W_l + b_l,   A_l = f(Z_l)                                   forward
    D_L = dC/dZ_L,             D_l = (D_{l+1} W_{l+1}^T) * f'(Z_l)            (BP1), (BP2)
    dC/dW_l = A_{l-1}^T D_l,   dC/db_l = sum of D_l over the rows             (BP4), (BP3)

Where an activation is parametric, A_l = Z_l + w (f(Z_l) - Z_l), 1 + w (f' - 1) stands for f', and dC/dw is the sum over
the rows of (D_{l+1} W_{l+1}^T) * (f(Z_l) - Z_l).

The functions are generic in float and double: those of the workspace that they are given. Ranges of rows do not touch
each other, so squads of threads run them side by side; within a squad a layer's rows, or its columns, are divided, and
where one needs what the others have made, they meet.
"""

from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from cbackprop.engine cimport leaves
from cbackprop.engine.front cimport make_inputs, make_nodes, part_gradient, through_scaling
from cbackprop.engine.masks cimport nth_key
from cbackprop.engine.plan cimport (
    ACTIVATION_ROWS, ELU, IDENTITY, OUTPUT_ROWS, RELU, TARGETS_LABELS,
)
from cbackprop.engine.products cimport (
    backward_product, drop_columns, forward_product, gradient_product, plain_product,
)
from cbackprop.engine.regions cimport (
    BROKEN, SOME_COLUMNS, SOME_ROWS, WHOLE, Region, meet_for, region_of, rows_of_member,
)
from cbackprop.engine.team cimport meet
from cbackprop.engine.workspace cimport activations, deltas, drops, excess, gathered, kept, made_with_a


cdef inline double slope_of(const Task* task, Py_ssize_t index) noexcept nogil:
    """The parameter of a layer's activation."""
    if task.slopes != NULL:
        return task.slopes[index]
    return ACTIVATION_ROWS[task.plan[index].activation].standard


cdef const floating* inputs(const Task* task, floating* workspace, Py_ssize_t first) noexcept nogil:
    """A_0 of dense rows: gathered, or X itself where rows are taken as they stand; or what is made of them."""
    if task.front.n_pieces != 0:
        return <const floating*>task.front.embedded
    if gathered(task):
        return activations(task, workspace, 0)
    return <const floating*>task.X + first * task.n_features


cdef inline Py_ssize_t row_of(const Task* task, Py_ssize_t position) noexcept nogil:
    return task.rows[position] if task.rows != NULL else position


cdef void ask_for_rows(
    const Task* task, floating* workspace, Py_ssize_t first, Py_ssize_t last, Py_ssize_t piece, Py_ssize_t pieces
) noexcept nogil:
    cdef Py_ssize_t n = task.n_features, lines
    if not gathered(task) or first >= last:
        return
    lines = (n * <Py_ssize_t>sizeof(floating) + 63) // 64
    leaves.ask_for(<const floating*>task.X, task.rows + first, last - first, n, lines * piece // pieces,
                   lines * (piece + 1) // pieces)


cdef void add_sparse_product(
    const Task* task, Py_ssize_t first, Py_ssize_t start, Py_ssize_t stop, const floating* W, floating* Z
) noexcept nogil:
    """Z (stop - start, n_out) += X[rows] W for CSR rows."""
    cdef Py_ssize_t n_out = task.plan[0].n_out, i, row
    cdef int64_t at
    cdef const floating* values = <const floating*>task.X
    for i in range(start, stop):
        row = row_of(task, first + i)
        for at in range(index_at(task.indptr, task.index_size, row),
                        index_at(task.indptr, task.index_size, row + 1)):
            leaves.add_scaled(
                values[at], W + index_at(task.indices, task.index_size, at) * n_out, Z + (i - start) * n_out, n_out)


cdef void blend(
    const Task* task, floating* workspace, Py_ssize_t index, Py_ssize_t start, Py_ssize_t m, floating* z,
    floating* slopes_kept, const Masks* masks
) noexcept nogil:
    """A parametric activation of rows from `start`, and what dropout leaves of f(Z) - Z."""
    cdef Py_ssize_t n_out = task.plan[index].n_out
    cdef int64_t activation = task.plan[index].activation
    cdef const floating* biases = <const floating*>task.parameters + task.plan[index].biases
    cdef floating* rest = NULL
    if slopes_kept != NULL:
        rest = excess(task, workspace, index + 1) + start * n_out
    leaves.blend(activation, made_with_a(task, index), z, biases, biases + n_out, slopes_kept, rest, m, n_out,
                 slope_of(task, index))
    if masks != NULL and rest != NULL and drops(task, index):
        leaves.drop(activation, True, rest, <floating*>NULL, m, n_out, slope_of(task, index),
                    nth_key(masks.key, <uint64_t>index), masks.row + start, 0, task.dropout[index] * masks.factor)


cdef void layer_forward(
    const Task* task, floating* workspace, Py_ssize_t first, Py_ssize_t index, Region region, const Masks* masks
) noexcept nogil:
    cdef const Layer* layer = &task.plan[index]
    cdef Py_ssize_t m = region.stop - region.start, n_in = layer.n_in, n_out = layer.n_out
    cdef Py_ssize_t at = region.start * n_out + region.low, n = region.high - region.low
    cdef const floating* parameters = <const floating*>task.parameters
    cdef const floating* a
    cdef floating* z = activations(task, workspace, index + 1) + at
    cdef floating* slopes_kept = kept(task, workspace, index + 1)
    cdef bint blended = has_blend(task, index)
    # The output's activation comes with its loss.
    cdef int64_t activation = layer.activation if index + 1 < task.n_layers else IDENTITY
    if m <= 0:
        return
    if slopes_kept != NULL:
        slopes_kept += at
    if index == 0 and task.index_size != 0:
        memset(z, 0, m * n_out * sizeof(floating))
        add_sparse_product(task, first, region.start, region.stop, parameters + layer.weights, z)
        if not blended:
            leaves.activate(activation, z, parameters + layer.biases, slopes_kept, m, n_out, slope_of(task, index))
    else:
        a = inputs(task, workspace, first) if index == 0 else activations(task, workspace, index)
        if blended:
            plain_product(m, n_in, n_out, a + region.start * n_in, parameters + layer.weights, z)
        else:
            forward_product(m, n_in, n, n_out, a + region.start * n_in, parameters + layer.weights + region.low,
                            parameters + layer.biases + region.low, activation, slope_of(task, index), z, slopes_kept)
    if blended:
        blend(task, workspace, index, region.start, m, z, slopes_kept, masks)
    if masks != NULL and drops(task, index):
        drop_columns(activation, blended or made_with_a(task, index), z, slopes_kept, m, n, n_out,
                     slope_of(task, index), nth_key(masks.key, <uint64_t>index), masks.row + region.start, region.low,
                     task.dropout[index] * masks.factor)


cdef double LOOK = 4e8      # multiplications, some milliseconds: a look is less than a thousandth of that


cdef bint look(Ending* ending) noexcept with gil:
    """Whether a signal has come whose handler raises an error: Ctrl-C. Python asks in its main thread alone."""
    try:
        PyErr_CheckSignals()
    except BaseException as error:
        (<list>ending.errors).append(error)
        ending.come = True
    return ending.come


cdef bint interrupted(const Task* task, const Squad* squad, double multiplications) noexcept nogil:
    return multiplications >= LOOK and squad.number == 0 and squad.member == 0 and look(task.ending)


cdef inline bint stopped_behind(const Task* task, const Squad* squad, Region region, double width) noexcept nogil:
    """`interrupted`, behind a product that makes a region by sums of so many products."""
    return interrupted(task, squad, width * (region.stop - region.start) * (region.high - region.low))


cdef bint forward(
    const Task* task, floating* workspace, Py_ssize_t first, Py_ssize_t start, Py_ssize_t stop, const Masks* masks,
    const Squad* squad
) noexcept nogil:
    """A_1 ... A_{L-1}, and Z_L where A_L will stand. Returns whether it does."""
    cdef Py_ssize_t index, n = task.n_features
    cdef Region mine, region
    cdef const floating* x
    cdef int stands = WHOLE
    mine = rows_of_member(squad, start, stop)
    if gathered(task):
        leaves.gather(<const floating*>task.X, task.rows + first + mine.start,
                      activations(task, workspace, 0) + mine.start * n, mine.stop - mine.start, n)
        stands = SOME_ROWS
    if task.front.n_pieces != 0:
        x = <const floating*>task.X + (first + mine.start) * n
        if gathered(task):
            x = activations(task, workspace, 0) + mine.start * n
        make_inputs(&task.front, <const floating*>task.parameters, x, n, mine.start, mine.stop - mine.start)
        stands = SOME_ROWS
    for index in range(task.n_layers):
        region = region_of(task, squad, index, start, stop)
        stands = meet_for(task, squad, index, stands)
        if stands == BROKEN:
            return False
        layer_forward(task, workspace, first, index, region, masks)
        if stopped_behind(task, squad, region, task.plan[index].n_in):
            return False
    return stands != SOME_COLUMNS or meet(squad)


cdef void finish(const Task* task, floating* workspace, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """Z_L becomes A_L, where no loss is asked for."""
    cdef Py_ssize_t k = task.plan[task.n_layers - 1].n_out
    leaves.output(task.output, activations(task, workspace, task.n_layers) + start * k, stop - start, k)


cdef double call_python(OwnLoss* own, Ending* ending, Py_ssize_t m, bint weighted) noexcept with gil:
    """The sum of m rows' weighted losses. An error, also an interrupt, is kept for the one who called the loops."""
    try:
        return (<object>own.python).losses(m, weighted)
    except BaseException as error:
        (<list>ending.errors).append(error)
        ending.come = True
        return 0.0


cdef double own_loss(
    OwnLoss* own, Ending* ending, const floating* z, floating* delta, const floating* y, const floating* weights,
    Py_ssize_t start, Py_ssize_t m, Py_ssize_t k
) noexcept nogil:
    """The user's loss of the output's rows, which stand from `start` on; as `output_delta`, of identity outputs."""
    cdef Py_ssize_t i, j, at = start * k
    cdef double total = 0.0
    for i in range(m * k):
        own.z[at + i] = z[i]
        own.y[at + i] = y[i]
    for i in range(m):
        own.weights[start + i] = weights[i * k] if weights != NULL else 1.0
    if own.row == NULL:
        if not ending.come:
            total = call_python(own, ending, m, weights != NULL)
    else:
        for i in range(m):
            total += own.weights[start + i] * own.row(
                own.z + at + i * k, own.y + at + i * k, own.weights[start + i], own.derivatives + at + i * k, <int>k,
                own.data)
    for i in range(m):
        for j in range(k):
            delta[i * k + j] = <floating>(own.weights[start + i] * own.derivatives[at + i * k + j])
    return total


cdef double output_delta(
    const Task* task, floating* workspace, Py_ssize_t first, Py_ssize_t start, Py_ssize_t stop
) noexcept nogil:
    """Z_L becomes A_L, and D_L (BP1) stands beside it. Returns the sum of the rows' weighted losses."""
    cdef Py_ssize_t k = task.plan[task.n_layers - 1].n_out, m = stop - start, i, j, row
    cdef floating* z = activations(task, workspace, task.n_layers) + start * k
    cdef floating* delta = deltas(task, workspace, task.n_layers) + start * k
    cdef floating* y = deltas(task, workspace, task.n_layers + 1) + start * k
    cdef floating* weights = deltas(task, workspace, task.n_layers + 1) + (task.capacity + start) * k
    cdef int32_t* labels = <int32_t*>y
    if m <= 0:
        return 0.0
    if OUTPUT_ROWS[task.output].targets == TARGETS_LABELS:
        for i in range(m):
            labels[i] = task.labels[row_of(task, first + start + i)]
    elif task.labels != NULL and k == 1:
        for i in range(m):
            y[i] = <floating>task.labels[row_of(task, first + start + i)]
    elif task.labels != NULL:       # 1 for the label's output, 0 for the others
        memset(y, 0, m * k * sizeof(floating))
        for i in range(m):
            y[i * k + task.labels[row_of(task, first + start + i)]] = 1.0
    else:
        for i in range(m):
            row = row_of(task, first + start + i)
            for j in range(k):
                y[i * k + j] = (<const floating*>task.targets)[row * k + j]
    if task.sample_weight == NULL:
        weights = NULL
    else:
        for i in range(m):
            row = row_of(task, first + start + i)
            for j in range(k):
                weights[i * k + j] = (<const floating*>task.sample_weight)[row]
    if task.own_loss != NULL:
        return own_loss(task.own_loss, task.ending, z, delta, y, weights, start, m, k)
    return leaves.loss(task.output, task.sklearns_loss, z, delta, y, labels, weights, m, k, task.loss_parameters)


cdef void layer_backward(
    const Task* task, floating* workspace, Py_ssize_t index, Region region, const Masks* masks
) noexcept nogil:
    """(BP2): D of the layer `index` from that of the next one."""
    cdef Py_ssize_t m = region.stop - region.start, n = task.plan[index].n_out, n_out = task.plan[index + 1].n_out
    cdef Py_ssize_t at = region.start * n + region.low
    cdef int64_t activation = task.plan[index].activation
    cdef double scale = 1.0
    cdef bint blended = has_blend(task, index)
    cdef floating* delta = deltas(task, workspace, index + 1) + at
    cdef const floating* made_of = activations(task, workspace, index + 1)
    if m <= 0:
        return
    if blended:
        activation = IDENTITY       # of the product; what it is behind f comes then
        made_of = kept(task, workspace, index + 1)
    elif masks != NULL and drops(task, index) and activation == RELU:
        scale = 1.0 / (1.0 - task.dropout[index] * masks.factor)
    elif masks != NULL and drops(task, index):
        activation = ELU    # what stands beside A is multiplied, as for every derivative that is kept
        made_of = kept(task, workspace, index + 1)
    elif made_with_a(task, index):
        made_of = kept(task, workspace, index + 1)
    backward_product(m, region.high - region.low, n, n_out, scale,
                     deltas(task, workspace, index + 2) + region.start * n_out,
                     <const floating*>task.parameters + task.plan[index + 1].weights + region.low * n_out, activation,
                     slope_of(task, index), made_of + at, delta)
    if blended:
        leaves.blend_backward(delta, made_of + at, excess(task, workspace, index + 1) + at, m * n)


cdef bint backward(
    const Task* task, floating* workspace, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t lowest, const Masks* masks,
    const Squad* squad
) noexcept nogil:
    """D_{L-1} ... D_{lowest + 1} from D_L: those that the layers from index `lowest` on are trained with.

    Returns whether they stand.
    """
    cdef Py_ssize_t index, n_in = task.plan[0].n_in, n_out = task.plan[0].n_out
    cdef Region mine, region
    cdef const floating* parameters = <const floating*>task.parameters
    cdef int stands = SOME_ROWS
    for index in range(task.n_layers - 2, lowest - 1, -1):
        region = region_of(task, squad, index, start, stop)
        stands = meet_for(task, squad, index, stands)
        if stands == BROKEN:
            return False
        layer_backward(task, workspace, index, region, masks)
        if stopped_behind(task, squad, region, task.plan[index + 1].n_out):
            return False
    if task.front.n_pieces != 0:
        if stands == SOME_COLUMNS and not meet(squad):
            return False
        mine = rows_of_member(squad, start, stop)
        backward_product(mine.stop - mine.start, n_in, n_in, n_out, 1.0,
                         deltas(task, workspace, 1) + mine.start * n_out, parameters + task.plan[0].weights, IDENTITY,
                         0.0, <const floating*>NULL, <floating*>task.front.deltas + mine.start * n_in)
        through_scaling(&task.front, parameters, mine.start, mine.stop - mine.start)
    return True


cdef void prepare(const Task* task, const floating* parameters, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    cdef Py_ssize_t part
    for part in range(first, last):
        make_nodes(&task.front, parameters, part)


cdef void front_gradient(const Task* task, Py_ssize_t part, Py_ssize_t m, double scale, floating* out) noexcept nogil:
    part_gradient(&task.front, <const floating*>task.parameters, part, m, scale, out)


cdef double total_weight(const Task* task, floating* workspace, Py_ssize_t first, Py_ssize_t m) noexcept nogil:
    """What a mean over these rows divides by: their number, or the sum of their weights."""
    cdef double total = 0.0
    cdef Py_ssize_t i
    if task.sample_weight == NULL:
        return <double>m
    for i in range(m):
        total += (<const floating*>task.sample_weight)[row_of(task, first + i)]
    return total


cdef void sparse_gradient(
    const Task* task, Py_ssize_t first, Py_ssize_t m, Py_ssize_t low, Py_ssize_t high,
    double scale, double keep, const floating* delta, floating* out
) noexcept nogil:
    """Rows low ... high of out := keep * out + scale * X[rows]^T D for CSR rows."""
    cdef Py_ssize_t n_out = task.plan[0].n_out, i, row
    cdef int64_t at, column
    cdef const floating* values = <const floating*>task.X
    if keep == 0.0:
        for i in range(low * n_out, high * n_out):
            out[i] = 0.0
    elif keep != 1.0:
        for i in range(low * n_out, high * n_out):
            out[i] *= <floating>keep
    for i in range(m):
        row = row_of(task, first + i)
        for at in range(index_at(task.indptr, task.index_size, row),
                        index_at(task.indptr, task.index_size, row + 1)):
            column = index_at(task.indices, task.index_size, at)
            if column < low or column >= high:
                continue
            leaves.add_scaled(<floating>(<floating>scale * values[at]), delta + i * n_out, out + column * n_out, n_out)


cdef void layer_gradient(
    const Task* task, Py_ssize_t layer, Py_ssize_t first, Py_ssize_t m, Share share, double scale, double keep,
    double keep_biases, floating* out
) noexcept nogil:
    """(BP4) and (BP3) into a vector laid out like the parameters."""
    cdef Py_ssize_t n_in = task.plan[layer].n_in, n_out = task.plan[layer].n_out, n = share.right - share.left
    cdef Py_ssize_t stop = share.high if share.high < n_in else n_in
    cdef floating* workspace = <floating*>task.workspace
    cdef const floating* delta = deltas(task, workspace, layer + 1) + share.left
    cdef const floating* a
    cdef floating* W = out + task.plan[layer].weights + share.left
    cdef floating* b = out + task.plan[layer].biases + share.left
    if share.low < stop:
        if layer == 0 and task.index_size != 0:
            sparse_gradient(task, first, m, share.low, stop, scale, keep, delta, W)
        else:
            a = inputs(task, workspace, first) if layer == 0 else activations(task, workspace, layer)
            gradient_product(stop - share.low, n, n_out, m, scale, a + share.low, n_in, delta, keep,
                             W + share.low * n_out)
    if share.low <= n_in < share.high:
        leaves.column_sums(delta, b, m, n, n_out, scale, keep_biases)
    if share.high > n_in + 1:
        leaves.column_sums(excess(task, workspace, layer + 1) + share.left, b + n_out, m, n, n_out, scale, keep_biases)
