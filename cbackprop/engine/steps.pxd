"""Training: mini-batch after mini-batch, alone or in a team."""

from cython cimport floating

from cbackprop.engine.passes cimport Masks, Task
from cbackprop.engine.plan cimport Rule, Step
from cbackprop.engine.team cimport TeamBarrier


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
