"""The numbers of a step: rate, decay, epsilon, L2 and L1 coefficients of a mini-batch, and of a group of parameters."""

from libc.math cimport sqrt

from cbackprop.engine.plan cimport ADAM, ADAMW, Rule, Step
from cbackprop.engine.steps cimport Training


cdef inline double power(double base, Py_ssize_t n) noexcept nogil:
    """base^n by squaring: quicker than the library's, and no newer libm is needed."""
    cdef double result = 1.0
    while n > 0:
        if n & 1:
            result *= base
        base *= base
        n >>= 1
    return result


cdef inline double next_power(double last, double base, Py_ssize_t n) noexcept nogil:
    """base^n from `last`, base^(n - 1). Taken anew every 64 steps: it depends on n alone, not on a slice's begin."""
    return last * base if n & 63 else power(base, n)


cdef inline double first_power(double base, Py_ssize_t n) noexcept nogil:
    """base^n as `next_power` would have come to it."""
    cdef Py_ssize_t _
    cdef double result = power(base, n & ~<Py_ssize_t>63)
    for _ in range(n & 63):
        result *= base
    return result


cdef inline Step step_of(
    const Training* training, const double* numbers, double weight, double power_1, double power_2
) noexcept nogil:
    """The numbers of a mini-batch of this total weight; `numbers` are its own, if not NULL.

    Adam's bias corrections fold into the rate (Kingma and Ba, section 2). In AdamW epsilon stands inside of them.
    """
    cdef const Rule* rule = training.rule
    cdef Step step
    step.rate = numbers[0] if numbers != NULL else rule.learning_rate
    step.decay = 0.0
    step.epsilon = rule.epsilon
    step.l2 = rule.l2 + rule.l2_batch / weight
    step.l1 = rule.l1 + rule.l1_batch / weight
    if rule.optimizer == ADAMW:
        step.decay = step.rate * (numbers[1] if numbers != NULL else rule.weight_decay)
        step.epsilon *= sqrt(1.0 - power_2)
    if rule.optimizer == ADAM or rule.optimizer == ADAMW:
        step.rate = step.rate * sqrt(1.0 - power_2) / (1.0 - power_1)
    return step


cdef inline Step step_of_group(
    const Training* training, const Step* step, Py_ssize_t layer, Py_ssize_t kind
) noexcept nogil:
    """The step of a layer's weights; kind 1: of its biases, 2: of its parametric activation; these have no penalty."""
    cdef const double* factors
    cdef Step own = step[0]
    if training.groups != NULL:
        factors = training.groups + 3 * (training.n_kinds * layer + kind)
        own.rate *= factors[0]
        own.decay *= factors[0] * factors[1]
        own.epsilon *= factors[2]
    if kind != 0:
        own.l2 = own.l1 = 0.0
    return own


cdef inline Step step_of_part(const Training* training, const Step* step, Py_ssize_t index) noexcept nogil:
    """The step of what stands before the first layer, which has no penalty: its factors come after all layers'."""
    return step_of_group(training, step, index, True)
