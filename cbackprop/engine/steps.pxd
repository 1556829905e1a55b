"""Training: mini-batch after mini-batch, alone or in a team."""

from cython cimport floating

from cbackprop.engine.passes cimport Masks, Task
from cbackprop.engine.plan cimport Rule, Step
from cbackprop.engine.team cimport Squad, TeamBarrier


cdef struct Training:
    const Rule* rule
    void* gradient                  # (n_parameters,), where it stands: SGD without or with plain momentum does without
    void* state                     # (number of state vectors, n_parameters)
    Py_ssize_t n_parameters
    Py_ssize_t step                 # updates made so far, counted on by `train`
    Py_ssize_t rows                 # rows of the mini-batches that had a weight, counted by `train`
    Py_ssize_t first                # rows first ... last of the task's order are trained on
    Py_ssize_t last
    Py_ssize_t batch_size
    TeamBarrier* team
    Py_ssize_t thread
    Py_ssize_t n_threads
    Py_ssize_t squad_size           # how many of them share rows; it divides n_threads
    const double* numbers           # (mini-batches, 3): learning rate, decay, factor of the rates of dropout; or NULL
    const double* groups            # (n_layers, n_kinds, 3): factors of rate, decay, epsilon; or NULL
    Py_ssize_t n_kinds              # of parameters: weights, biases, and what parametric activations have, if any

# The sum over these mini-batches of the mean loss, penalties included, times their rows: this thread's part of it.
cdef double train(const Task* task, Training* training) noexcept nogil
# One step of a mini-batch of this total weight, whose gradient stands. Returns this thread's part of the penalties.
cdef double step(const Task* task, Training* training, double weight) noexcept nogil
# The weighted losses' sum over the rows first ... last, divided by `weight`; with `gradient` not NULL, the sum of their
# gradients, divided likewise, is added to it. `capacity` rows at a time. With `masks`, not NULL, units are left out.
cdef double loss_and_gradient(const Task* task, Py_ssize_t first, Py_ssize_t last, double weight, void* gradient,
                              const Masks* masks) noexcept nogil
cdef void predict(const Task* task, Py_ssize_t first, Py_ssize_t last, void* out) noexcept nogil

# What a step is made of, for `rehearsal`, too.
cdef struct Share:
    # Rows low ... high of a layer's [W; b]. Its weights are `weights` numbers from `at` of the vector; `biases` is
    # n_out where the row of the biases is among them, more by n_out where that of a parametric activation is, and
    # else 0.
    Py_ssize_t low
    Py_ssize_t high
    Py_ssize_t at
    Py_ssize_t weights
    Py_ssize_t biases

cdef double squares(const floating* x, Py_ssize_t n) noexcept nogil
cdef void move(
    const Training* training, Py_ssize_t at, Py_ssize_t n, const Step* step, floating* parameters
) noexcept nogil
cdef Share share_of_rows(const Task* task, Py_ssize_t index, Py_ssize_t low, Py_ssize_t high) noexcept nogil
cdef Share share_of(const Task* task, const Training* training, Py_ssize_t index) noexcept nogil
cdef Py_ssize_t rows_at_once(
    const Task* task, const Training* training, Py_ssize_t index, Py_ssize_t m, Py_ssize_t itemsize
) noexcept nogil
cdef Squad squad_of(const Training* training) noexcept nogil
