"""How is one row predicted, or a few, in a microsecond? By a call that makes nothing ready, for all was made before.

What a call works in is its own, on its stack: any number of threads may be in it at once. Rows go through one after the
other, each by the same sums, so that an answer does not depend on the rows beside it.
"""

from cpython.buffer cimport (
    PyBUF_RECORDS_RO, PyBUF_WRITABLE, PyBuffer_Release, PyObject_CheckBuffer, PyObject_GetBuffer,
)
from cpython.pycapsule cimport (
    PyCapsule_Destructor, PyCapsule_GetContext, PyCapsule_New, PyCapsule_SetContext,
    PyCapsule_SetDestructor,
)
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.limits cimport INT_MAX
from libc.stdlib cimport calloc, free

import ctypes

import numpy as np

from cbackprop.engine.block cimport Block, struct_block
from cbackprop.engine.front cimport make_nodes
from cbackprop.engine.passes cimport Front
from cbackprop.engine.plan cimport ACTIVATION_ROWS, N_OUTPUTS, Embedding, Layer
from cbackprop.engine.rows cimport check_embeddings, check_plan
from cbackprop.engine.rowwise cimport (
    CLASS, LONG, NO_MEMORY, NUMBER, NUMBERS, ON_THE_STACK, PAIR, SAID, Model, asks_blas, numbers_of, padded, rows,
)

from cbackprop.engine.rows import EMBEDDING, LAYER

cdef object empty = np.empty, ndarray = np.ndarray

# The function's signature, for those who take it from a capsule.
cdef const char* FLOATS = b"int (const void *, const float *, ptrdiff_t, float *)"
cdef const char* DOUBLES = b"int (const void *, const double *, ptrdiff_t, double *)"

ANSWERS = {"numbers": NUMBERS, "number": NUMBER, "pair": PAIR, "class": CLASS}


cdef int outputs_of(const void* model, const void* x, Py_ssize_t n, void* out) noexcept nogil:
    """What a capsule offers: see `RowPredictor.outputs`."""
    cdef const Model* whole = <const Model*>model
    cdef Py_ssize_t item = sizeof(float) if whole.task.single else sizeof(double)
    return rows(whole, NUMBERS, <const char*>x, n, whole.task.n_features * item, item, not whole.task.single,
                <char*>out)


cdef void let_go(object capsule) noexcept:
    """The end of a capsule, which has held its predictor."""
    Py_DECREF(<object>(<Model*>PyCapsule_GetContext(capsule)).owner)


cdef class RowPredictor:
    """A network as a function of a row, or of a few.

    Parameters
    ----------
    plan, output, parameters, slopes, embeddings, edges, n_features, scaling
        As for `cbackprop.engine.run.Task`. Nothing is copied of `parameters`.
    lives : bool
        Whether the parameters may change from call to call.
    answer : str
        What is said of a row, one of ANSWERS.
    classes : array (n_classes,), optional
        For the answer "class".
    zeros_matter : bool
        Whether `_without_zeros` is to be asked where one of the numbers is 0.
    mends : bool
        Whether `_mended` says what is said, of "numbers".
    """

    def __cinit__(self, plan, int output, parameters, *, bint lives=False, answer="numbers", classes=None,
                  bint zeros_matter=False, bint mends=False, slopes=None, embeddings=None, edges=None,
                  Py_ssize_t n_features=0, bint scaling=False):
        cdef Block plan_block, vector
        cdef Model* model = <Model*>calloc(1, sizeof(Model))
        if model == NULL:
            raise MemoryError("no memory for a predictor")
        model.owner = <void*>self
        self.model, self.classes, self.lives = model, classes, lives
        struct_block(plan, LAYER, "plan", 1)
        plan_block = Block(np.array(plan), "plan", "struct", 1)     # nobody changes it later
        vector = Block(parameters, "parameters", "float32 float64", 1)
        self.single = model.task.single = vector.kind() == "float32"
        self.blocks = [vector, plan_block]
        model.task.plan = <const Layer*>plan_block.view.buf
        model.task.n_layers = plan_block.length()
        model.task.parameters = vector.view.buf
        model.task.front.scaling = -1
        model.lives = lives
        if answer not in ANSWERS:
            raise ValueError(f"answer must be one of {list(ANSWERS)}, got {answer!r}")
        model.answer = ANSWERS[answer]
        take_network(self, model, output, slopes, embeddings, edges, n_features, scaling)
        self.n_features_in_ = model.task.n_features
        self.n_outputs_ = model.task.plan[model.task.n_layers - 1].n_out
        if model.answer == CLASS:
            model.n_classes = 0 if classes is None else len(classes)
            if model.n_classes < (self.n_outputs_ if self.n_outputs_ > 1 else 1):
                raise ValueError(f"{self.n_outputs_} outputs need as many classes, got {model.n_classes}")
        if model.answer in (NUMBER, PAIR) and self.n_outputs_ != 1:
            raise ValueError(f"the answer {answer!r} is made of one output, got {self.n_outputs_}")
        self.dtype_of_answers = np.dtype(np.intp if model.answer == CLASS else "float32" if self.single else "float64")
        self.alone = {NUMBERS: (self.n_outputs_,), PAIR: (2,)}.get(model.answer)
        self.one_row = None if self.alone is None else (1, *self.alone)
        self.zeros_matter, self.mends = zeros_matter, mends

    def __dealloc__(self):
        free(self.model)

    cdef int outputs(self, const void* x, Py_ssize_t n, void* out) noexcept nogil:
        return outputs_of(self.model, x, n, out)

    # For ctypes and whoever calls C.

    @property
    def dtype(self):
        """float32 or float64: that of the network, and of the numbers that are said."""
        return np.dtype(np.float32 if self.single else np.float64)

    @property
    def capsule(self):
        """The function in C as a PyCapsule: ``int (const void *, const T *, ptrdiff_t, T *)``, its name.

        T is float or double, as `dtype`. It takes the capsule's context, n rows of `n_features_in_` numbers each, n,
        and room for n rows of `n_outputs_`. It returns 0; 1 if there is a row that is not finite, which ends it there;
        -1 for want of memory. It needs no GIL, and any number of threads may call it. The predictor lives as long as
        the capsule.
        """
        cdef const char* name = FLOATS if self.single else DOUBLES
        capsule = PyCapsule_New(<void*>outputs_of, name, NULL)
        PyCapsule_SetContext(capsule, self.model)
        Py_INCREF(self)
        PyCapsule_SetDestructor(capsule, <PyCapsule_Destructor>let_go)
        return capsule

    @property
    def ctypes(self):
        """The same function as ctypes has it, and the number that it takes first.

        Numba calls it, too: with these two, ``x.ctypes.data``, the number of rows and ``out.ctypes.data``. The
        predictor lives as long as the function.
        """
        types = [ctypes.c_int, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_ssize_t, ctypes.c_size_t]
        function = ctypes.CFUNCTYPE(*types)(<size_t>outputs_of)
        function.predictor = self
        return function, <size_t>self.model

    # For Python.

    def __call__(self, X):
        said = taken(self, X)
        if said is None:
            checked = self._checked(X)
            said = taken(self, checked)
            if said is None:
                raise ValueError(f"X must be finite rows of {self.n_features_in_} numbers")
        return said

    def _checked(self, X):
        """X as an array that `take` takes, or an error that says why there is none."""
        raise ValueError(f"X must be finite rows of {self.n_features_in_} numbers, float32 or float64")

    def _mended(self, said):
        """What is said, made of outputs (n, n_outputs)."""
        return said

    def _without_zeros(self, said, X):
        """What is said if one of the numbers is 0, where that matters."""
        return said

    def take(self, X):
        """What is said of rows of finite float32 or float64 numbers, or of one row; None of anything else.

        Of parameters that live only arrays (n, n_features) of their dtype are taken, and what is said is to the bit
        what `cbackprop.engine.run.Task` says; None, too, where that has BLAS make a large product.
        """
        return taken(self, X)


cdef object taken(RowPredictor self, X):
    kind = type(X)
    if kind is ndarray:
        return of_buffer(self, X)
    if self.lives:
        return None
    if kind is list or kind is tuple:
        return of_sequence(self, X)
    if isinstance(X, ndarray) or not PyObject_CheckBuffer(X):      # of some subclasses a part does not count
        return None
    return of_buffer(self, X)


cdef int take_network(RowPredictor self, Model* model, int output, slopes, embeddings, edges, Py_ssize_t n_features,
                      bint scaling) except -1:
    cdef Block plan = self.blocks[1], vector = self.blocks[0], numbers
    cdef Py_ssize_t index, before = 0, part
    cdef const Layer* layer
    if plan.length() and embeddings is not None:
        before = take_embeddings(self, model, embeddings, edges, n_features, scaling)
    n_parameters = check_plan(plan, before)
    if vector.length() != n_parameters:
        raise ValueError(f"parameters must have the plan's {n_parameters} elements, got {vector.length()}")
    if not 0 <= output < N_OUTPUTS:
        raise ValueError(f"output must be one of the codes in OUTPUTS, got {output}")
    model.task.output = output
    model.task.n_features = model.task.plan[0].n_in if embeddings is None else n_features
    standard = [ACTIVATION_ROWS[model.task.plan[index].activation].standard
                for index in range(model.task.n_layers)]
    numbers = Block(np.array(standard if slopes is None else slopes, dtype=np.float64), "slopes", "float64", 1)
    if numbers.length() != model.task.n_layers:
        raise ValueError(f"slopes must have {model.task.n_layers} elements, got {numbers.length()}")
    self.blocks.append(numbers)
    model.task.slopes = <const double*>numbers.view.buf
    for index in range(model.task.n_layers):
        layer = &model.task.plan[index]
        model.width = max(model.width, padded(layer.n_out))
        model.work += layer.n_in * layer.n_out
    model.n_numbers = numbers_of(model)
    for part in range(model.task.front.n_pieces):
        if model.task.single:
            make_nodes(&model.task.front, <const float*>model.task.parameters, part)
        else:
            make_nodes(&model.task.front, <const double*>model.task.parameters, part)
    return 0


cdef Py_ssize_t take_embeddings(RowPredictor self, Model* model, embeddings, edges, Py_ssize_t n_features,
                                bint scaling) except -1:
    """The number of parameters before the layers."""
    cdef Front* front = &model.task.front
    cdef Block table, places, nodes, learnt
    parameters = <object>(<Block>self.blocks[0]).view.obj
    dtype = "float32" if self.single else "float64"
    struct_block(embeddings, EMBEDDING, "embeddings", 1)
    table = Block(np.array(embeddings), "embeddings", "struct", 1)      # nobody changes it later
    places = Block(np.array([] if edges is None else edges, dtype=dtype), "edges", dtype, 1)
    if table.length() < 1 or not 1 <= n_features < INT_MAX:
        raise ValueError(f"embeddings must have a row, and X a column: got {table.length()} and {n_features}")
    front.width = model.task.plan[0].n_in
    before = check_embeddings(table, places, n_features, front.width)
    front.pieces = <const Embedding*>table.view.buf
    front.n_pieces = table.length()
    front.edges = places.view.buf
    nodes = Block(np.empty(before, dtype=dtype), "nodes", dtype, 1, True)
    front.nodes = nodes.view.buf
    learnt = Block(np.array(parameters[:before]), "parameters", dtype, 1)
    model.embedded_by, model.n_embedded = learnt.view.buf, before
    self.blocks += [table, places, nodes, learnt]
    if scaling:
        front.scaling = before
        before += front.width
    return before


cdef object of_buffer(RowPredictor self, X):
    cdef Py_buffer view
    cdef Py_ssize_t item, n = 1, row_stride = 0, stride
    cdef bint wide
    try:
        PyObject_GetBuffer(X, &view, PyBUF_RECORDS_RO)
    except (TypeError, ValueError, BufferError):
        return None
    try:
        if view.format == NULL or view.format[0] not in (c"f", c"d") or view.format[1] != 0:
            return None
        if view.ndim == 2:
            n, row_stride = view.shape[0], view.strides[0]
        elif view.ndim != 1 or self.lives:
            return None
        wide = view.format[0] == c"d"
        item, stride = view.itemsize, view.strides[view.ndim - 1]
        if (n < 1 or view.shape[view.ndim - 1] != self.n_features_in_ or (self.lives and wide == self.single)
                or (<Py_ssize_t>view.buf | row_stride | stride) % item):
            return None
        return said(self, X, <const char*>view.buf, n, row_stride, stride, wide, view.ndim == 1)
    finally:
        PyBuffer_Release(&view)


cdef object of_sequence(RowPredictor self, X):
    """Of a list of numbers, or of lists of numbers; of few, others are made an array first."""
    cdef double numbers[ON_THE_STACK]
    cdef Py_ssize_t n = len(X), i, n_features = self.n_features_in_
    if n == 0:
        return None
    if type(X[0]) is not list and type(X[0]) is not tuple:
        if n_features > ON_THE_STACK or not floats_of(X, numbers, n_features):
            return None
        return said(self, X, <const char*>numbers, 1, 0, sizeof(double), True, True)
    if n > ON_THE_STACK // n_features:
        return None
    for i in range(n):
        if not floats_of(X[i], numbers + i * n_features, n_features):
            return None
    return said(self, X, <const char*>numbers, n, n_features * sizeof(double), sizeof(double), True, False)


cdef object said(RowPredictor self, X, const char* x, Py_ssize_t n, Py_ssize_t row_stride, Py_ssize_t stride, bint wide,
                 bint alone):
    """What is said of these rows; None if a number of them is not finite."""
    cdef const Model* model = <const Model*>self.model
    cdef Py_buffer view
    cdef double number
    cdef Py_ssize_t position
    cdef bint has_zero = False
    cdef int fate
    if self.lives:
        if asks_blas(model):
            return None
        (<Block>self.blocks[0]).check_kept()
    if alone and model.answer == CLASS:
        return None if run(self, x, 1, 0, stride, wide, <char*>&position) else self.classes[position]
    if alone and model.answer == NUMBER:
        return None if run(self, x, 1, 0, stride, wide, <char*>&number) else scalar(self, <char*>&number)
    out = empty(self.alone if alone and not self.mends else shape_of(self, n), self.dtype_of_answers)
    PyObject_GetBuffer(out, &view, PyBUF_WRITABLE)
    try:
        fate = run(self, x, n, row_stride, stride, wide, <char*>view.buf)
        if self.zeros_matter:
            has_zero = any_zero(<const char*>view.buf, view.len, self.single)
    finally:
        PyBuffer_Release(&view)
    if fate != SAID:
        return None
    if model.answer == CLASS:
        return self.classes.take(out)
    if self.mends:
        return self._mended(out)[0] if alone else self._mended(out)
    return self._without_zeros(out, X) if has_zero else out


cdef int run(RowPredictor self, const char* x, Py_ssize_t n, Py_ssize_t row_stride, Py_ssize_t stride, bint wide,
             char* out) except -2:
    """As `rows`; the GIL is let go where that pays."""
    cdef const Model* model = <const Model*>self.model
    cdef int fate
    if n * model.work < LONG:
        fate = rows(model, model.answer, x, n, row_stride, stride, wide, out)
    else:
        with nogil:
            fate = rows(model, model.answer, x, n, row_stride, stride, wide, out)
    if fate == NO_MEMORY:
        raise MemoryError(f"no memory for {model.n_numbers} numbers, which one row passes through")
    return fate


cdef object scalar(RowPredictor self, const char* number):
    if self.single:
        return self.dtype_of_answers.type((<const float*>number)[0])
    return self.dtype_of_answers.type((<const double*>number)[0])


cdef object shape_of(RowPredictor self, Py_ssize_t n):
    if self.alone is None:
        return n
    return self.one_row if n == 1 else (n, *self.alone)


cdef bint floats_of(numbers, double* out, Py_ssize_t n) except *:
    """out (n) := numbers, if they are a list or a tuple of so many floats and integers."""
    cdef Py_ssize_t j
    if (type(numbers) is not list and type(numbers) is not tuple) or len(numbers) != n:
        return False
    for j in range(n):
        number = numbers[j]
        if not isinstance(number, float) and not isinstance(number, int):
            return False
        try:
            out[j] = number
        except OverflowError:
            return False
    return True


cdef bint any_zero(const char* numbers, Py_ssize_t size, bint single) noexcept nogil:
    cdef Py_ssize_t j
    if single:
        for j in range(size // <Py_ssize_t>sizeof(float)):
            if (<const float*>numbers)[j] == 0:
                return True
    else:
        for j in range(size // <Py_ssize_t>sizeof(double)):
            if (<const double*>numbers)[j] == 0:
                return True
    return False
