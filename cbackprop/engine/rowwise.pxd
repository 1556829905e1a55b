"""One row through a network: what is computed of it, in memory that the call has for itself.

Any number of threads may be in it at once. Rows go through one after the other, each by the same sums, so that what is
said of one does not depend on those beside it.
"""

from cython cimport floating
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy

from cbackprop.engine cimport leaves, passes
from cbackprop.engine.front cimport make_inputs, make_nodes
from cbackprop.engine.plan cimport IDENTITY, Layer
from cbackprop.engine.products cimport plain_product

cdef enum:
    ON_THE_STACK = 2048     # doubles that a call works in before it asks for memory
    LONG = 1 << 17          # multiplications: some ten microseconds, for which others need not wait
    FEW_FOR_BLAS = 50000    # multiplications of a product: below, BLAS stays on one thread

cdef enum Answer:
    NUMBERS     # (n, n_outputs), as they are
    NUMBER      # (n,), of one output
    PAIR        # (n, 2): what one output leaves to 1, and the output
    CLASS       # (n,): the class of the largest output, or of one output whether it is above a half

cdef enum Fate:
    SAID = 0
    NOT_FINITE = 1
    NO_MEMORY = -1

cdef struct Model:
    void* owner                 # the predictor that it is part of
    passes.Task task            # of which it needs what is said of the network
    Answer answer
    Py_ssize_t n_classes
    bint lives                  # the parameters may change from call to call
    void* embedded_by           # then, what the embeddings had learnt when what they look up was made
    Py_ssize_t n_embedded
    Py_ssize_t width            # of the widest layer, in whole vectors
    Py_ssize_t n_numbers        # that a call works in
    Py_ssize_t work             # multiplications of a row


cdef inline Py_ssize_t padded(Py_ssize_t n) noexcept nogil:
    """Whole vectors of 64 bytes."""
    return (n + 15) // 16 * 16


cdef inline Py_ssize_t numbers_of(const Model* model) noexcept nogil:
    """What a call works in: two layers, the row, and what embeddings make of it and look up."""
    cdef const passes.Front* front = &model.task.front
    cdef Py_ssize_t numbers = 2 * model.width + padded(model.task.n_features)
    if front.n_pieces != 0:
        numbers += 2 * padded(front.width) + padded(front.n_pieces)
        numbers += padded(model.task.plan[0].weights) if model.lives else 0
    return numbers


cdef inline const floating* first_inputs(const Model* model, const floating* row, floating* memory) noexcept nogil:
    """A_0 of a row: what the embeddings make of it, if there are any."""
    cdef passes.Front front = model.task.front
    cdef const floating* parameters = <const floating*>model.task.parameters
    cdef Py_ssize_t part
    if front.n_pieces == 0:
        return row
    front.embedded, front.unscaled = memory, memory + padded(front.width)
    front.places = memory + 2 * padded(front.width)
    front.capacity = 1
    if model.lives and memcmp(parameters, model.embedded_by, model.n_embedded * sizeof(floating)) != 0:
        front.nodes = memory + 2 * padded(front.width) + padded(front.n_pieces)
        for part in range(front.n_pieces):
            make_nodes(&front, parameters, part)
    make_inputs(&front, parameters, row, model.task.n_features, 0, 1)
    return <const floating*>front.embedded


cdef inline bint asks_blas(const Model* model) noexcept nogil:
    """Whether a product is left to BLAS that is large enough for it to call its threads."""
    cdef const Layer* layer
    cdef Py_ssize_t index
    for index in range(model.task.n_layers):
        layer = &model.task.plan[index]
        if layer.n_in * layer.n_out < FEW_FOR_BLAS:
            continue
        if model.task.single:
            if not leaves.is_tiled(<const float*>NULL, layer.n_in, layer.n_out):
                return True
        elif not leaves.is_tiled(<const double*>NULL, layer.n_in, layer.n_out):
            return True
    return False


cdef inline const floating* through(const Model* model, const floating* row, floating* memory) noexcept nogil:
    """A_L of a row: `passes.forward` and `finish` for one row and no way back.

    Of parameters that live it is to the bit what they make of it.
    """
    cdef const passes.Task* task = &model.task
    cdef const Layer* layer
    cdef const floating* a = first_inputs(model, row, memory + 2 * model.width)
    cdef const floating* W
    cdef const floating* b
    cdef floating* z = memory
    cdef Py_ssize_t index
    for index in range(task.n_layers):
        layer = &task.plan[index]
        z = memory + (index & 1) * model.width
        W = <const floating*>task.parameters + layer.weights
        b = <const floating*>task.parameters + layer.biases
        if model.lives and not leaves.is_tiled(W, layer.n_in, layer.n_out):
            plain_product(1, layer.n_in, layer.n_out, a, W, z)
        else:
            leaves.row_product(a, W, layer.n_in, layer.n_out, z)
        if passes.has_blend(task, index):
            leaves.blend(layer.activation, True, z, b, b + layer.n_out, <floating*>NULL, <floating*>NULL, 1,
                         layer.n_out, task.slopes[index])
        else:       # the output's activation comes with its loss
            leaves.activate(layer.activation if index + 1 < task.n_layers else IDENTITY, z, b, <floating*>NULL, 1,
                            layer.n_out, task.slopes[index])
        a = z
    leaves.output(task.output, z, 1, task.plan[task.n_layers - 1].n_out)
    return z


cdef inline Py_ssize_t class_of(const floating* a, Py_ssize_t k, Py_ssize_t n_classes) noexcept nogil:
    """The largest output's, the first of equals, as NumPy finds it: a NaN is larger than all others."""
    cdef Py_ssize_t j, best = 0
    if n_classes == 1:
        return 0
    if k == 1:
        return a[0] > <floating>0.5
    for j in range(k):
        if a[j] != a[j]:
            return j
        if a[j] > a[best]:
            best = j
    return best


cdef inline Py_ssize_t bytes_of(Answer answer, Py_ssize_t k, Py_ssize_t item) noexcept nogil:
    """What is said of a row."""
    return sizeof(Py_ssize_t) if answer == CLASS else 2 * item if answer == PAIR else k * item


cdef inline void answered(const Model* model, Answer answer, const floating* a, char* out) noexcept nogil:
    """What is said of a row whose outputs are these."""
    cdef Py_ssize_t k = model.task.plan[model.task.n_layers - 1].n_out
    if answer == CLASS:
        (<Py_ssize_t*>out)[0] = class_of(a, k, model.n_classes)
    elif answer == PAIR:
        (<floating*>out)[0], (<floating*>out)[1] = <floating>1.0 - a[0], a[0]
    else:
        memcpy(out, a, k * sizeof(floating))


cdef inline void take_row(const char* x, Py_ssize_t stride, bint wide, floating* row, Py_ssize_t n) noexcept nogil:
    """row (n) := numbers that are `stride` bytes apart: doubles if `wide`, else floats."""
    cdef Py_ssize_t j
    if wide:
        for j in range(n):
            row[j] = <floating>(<const double*>(x + j * stride))[0]
    else:
        for j in range(n):
            row[j] = <floating>(<const float*>(x + j * stride))[0]


cdef inline Fate one_by_one(const Model* model, Answer answer, const char* x, Py_ssize_t n, Py_ssize_t row_stride,
                            Py_ssize_t stride, bint wide, char* out, floating* memory) noexcept nogil:
    cdef Py_ssize_t i, n_features = model.task.n_features
    cdef Py_ssize_t each = bytes_of(answer, model.task.plan[model.task.n_layers - 1].n_out, sizeof(floating))
    cdef floating* row = memory
    memory += padded(n_features)
    for i in range(n):
        take_row(x + i * row_stride, stride, wide, row, n_features)
        if not leaves.all_finite(row, n_features):
            return NOT_FINITE
        answered(model, answer, through(model, <const floating*>row, memory), out + i * each)
    return SAID


cdef inline Fate rows(const Model* model, Answer answer, const char* x, Py_ssize_t n, Py_ssize_t row_stride,
                      Py_ssize_t stride, bint wide, char* out) noexcept nogil:
    """What is said of each of n rows, whose numbers may lie apart."""
    cdef double stack[ON_THE_STACK]
    cdef void* memory = stack
    cdef Fate fate
    cdef size_t size = model.n_numbers * (sizeof(float) if model.task.single else sizeof(double))
    if size > sizeof(stack):
        memory = malloc(size)
        if memory == NULL:
            return NO_MEMORY
    if model.task.single:
        fate = one_by_one(model, answer, x, n, row_stride, stride, wide, out, <float*>memory)
    else:
        fate = one_by_one(model, answer, x, n, row_stride, stride, wide, out, <double*>memory)
    if memory != <void*>stack:
        free(memory)
    return fate
