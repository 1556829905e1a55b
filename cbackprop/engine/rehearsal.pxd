"""A step tried before it is made."""

from cbackprop.engine.passes cimport Task
from cbackprop.engine.steps cimport Training

# What `train` does of one mini-batch, first ... last, whose gradient then stands; nothing moves. `sound`: whether the
# step would leave this thread's parameters finite. Not for rules that clip, nor for SGD without or with plain momentum.
cdef double rehearse(const Task* task, Training* training, bint* sound) noexcept nogil
# The step that was rehearsed.
cdef void move_as_rehearsed(const Task* task, Training* training) noexcept nogil
