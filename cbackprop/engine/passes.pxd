"""The task a call gives the compiled loops, and the passes over a range of its rows."""

from cython cimport floating
from libc.stdint cimport int32_t, int64_t, uint64_t

from cbackprop.engine.front cimport Front
from cbackprop.engine.plan cimport Layer
from cbackprop.engine.team cimport Squad


# A loss of the user's: the loss of one row, and its derivative by z; weights come after. Buffers are float64 whatever
# the task's dtype.
ctypedef double (*RowLoss)(double* z, double* y, double weight, double* derivative, int k, void* data) noexcept nogil

cdef struct Ending:
    # What ends the loops before their work is done: an error in Python's code that they call, or an interrupt.
    bint come
    void* errors                    # a list, whose error is raised when the loops have returned

cdef struct OwnLoss:
    RowLoss row                     # called for each row; or NULL, and
    void* python                    # a Python object is called for a block of rows, with their number
    void* data                      # the last argument of `row`
    double* z                       # (capacity, k)
    double* y                       # (capacity, k)
    double* derivatives             # (capacity, k)
    double* weights                 # (capacity,)


cdef struct Masks:
    # Which units dropout leaves out of a mini-batch.
    uint64_t key                    # of the step
    double factor                   # of the task's rates
    Py_ssize_t row                  # where the first row of the workspace's blocks stands in the mini-batch


cdef struct Task:
    # The model: a plan and a vector.
    const Layer* plan
    Py_ssize_t n_layers
    const double* slopes            # (n_layers,), the activations' parameters, or NULL for the standard ones
    int output                      # a code of plan.h's enum Output
    void* parameters
    Front front                     # what makes A_0 of X; without pieces X is A_0
    Py_ssize_t n_features           # of X
    # The data. X is dense (n, n_features), or CSR with `indices` and `indptr` of index_size bytes each.
    const void* X
    const void* indices
    const void* indptr
    int index_size                  # 4 or 8; 0 says that X is dense
    const int32_t* labels           # (n,), or NULL
    const void* targets             # (n, k), or NULL
    const void* sample_weight       # (n,), or NULL for all ones
    const Py_ssize_t* rows          # which rows, in which order; NULL: all, as they stand
    # The workspace: blocks of `capacity` rows each.
    bint single                     # all is float32, and not float64
    bint training                   # there are deltas, targets and weights, too
    void* workspace
    Py_ssize_t capacity
    double loss_scale               # the reported loss is this times the mean loss
    bint sklearns_loss              # which is made as scikit-learn makes it
    const double* loss_parameters   # as the loss's row says
    OwnLoss* own_loss               # in place of the row's; or NULL
    const double* dropout           # (n_layers - 1,), the hidden layers' rates; or NULL
    uint64_t seed                   # of what it leaves out
    Ending* ending                  # one for all who work on the task


cdef inline bint has_blend(const Task* task, Py_ssize_t index) noexcept nogil:
    """Whether a hidden layer's activation is parametric: its units' w then stand between b and the next W."""
    return (index + 1 < task.n_layers
            and task.plan[index + 1].weights != task.plan[index].biases + task.plan[index].n_out)


cdef inline Py_ssize_t rows_of(const Task* task, Py_ssize_t index) noexcept nogil:
    """Rows of a layer's [W; b], or of [W; b; w]."""
    return task.plan[index].n_in + 1 + has_blend(task, index)


cdef inline int64_t index_at(const void* indices, int size, int64_t position) noexcept nogil:
    """A number of CSR's index arrays, whose items have `size` bytes."""
    if size == 4:
        return (<const int32_t*>indices)[position]
    return (<const int64_t*>indices)[position]


# What the front looks up, for its parts first ... last: before a pass, and after they have moved.
cdef void prepare(const Task* task, const floating* parameters, Py_ssize_t first, Py_ssize_t last) noexcept nogil

# Rows first + start ... first + stop of the task's order; they stand at start ... stop of the blocks: rows of a squad,
# of which each thread calls these. What stands in the end, Z_L or D_1, does so for the rows that are this thread's;
# other D where they have met. With `masks`, not NULL, units are left out, and `backward` gets the same ones.
# Return whether it stands: not if the team was broken, nor if the loops are to end, which one thread finds out.
cdef bint forward(const Task* task, floating* workspace, Py_ssize_t first, Py_ssize_t start, Py_ssize_t stop,
                  const Masks* masks, const Squad* squad) noexcept nogil
# Asks the memory for a part of rows first ... last of the task's order, if they are to be gathered.
cdef void ask_for_rows(const Task* task, floating* workspace, Py_ssize_t first, Py_ssize_t last, Py_ssize_t piece,
                       Py_ssize_t pieces) noexcept nogil
cdef void finish(const Task* task, floating* workspace, Py_ssize_t start, Py_ssize_t stop) noexcept nogil
cdef double output_delta(const Task* task, floating* workspace, Py_ssize_t first, Py_ssize_t start,
                         Py_ssize_t stop) noexcept nogil
cdef bint backward(const Task* task, floating* workspace, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t lowest,
                   const Masks* masks, const Squad* squad) noexcept nogil
# Behind that many multiplications: whether the loops are to end.
cdef bint interrupted(const Task* task, const Squad* squad, double multiplications) noexcept nogil
cdef double total_weight(const Task* task, floating* workspace, Py_ssize_t first, Py_ssize_t m) noexcept nogil

# Gradient of one part of the front, by its parameters, over m rows of the blocks, times scale.
cdef void front_gradient(const Task* task, Py_ssize_t part, Py_ssize_t m, double scale, floating* out) noexcept nogil

# A part of a layer's [W; b], whose row n_in is the biases', or [W; b; w] where the activation is parametric.
cdef struct Share:
    Py_ssize_t low                  # rows low ... high
    Py_ssize_t high
    Py_ssize_t left                 # columns left ... right, all of them of a layer that sparse rows come to
    Py_ssize_t right

# Gradient of a part of a layer over m rows of the blocks: out := keep * out + scale * (A^T D), keep_biases for the
# rows of biases and w.
cdef void layer_gradient(const Task* task, Py_ssize_t layer, Py_ssize_t first, Py_ssize_t m, Share share, double scale,
                         double keep, double keep_biases, floating* out) noexcept nogil
