"""What a network is, to compiled code: the structs and codes of plan.h."""

from libc.stdint cimport int64_t


cdef extern from "plan.h":
    enum:
        IDENTITY, LOGISTIC, TANH, RELU, N_ACTIVATIONS
        IDENTITY_SQUARED_ERROR, LOGISTIC_SQUARED_ERROR, LOGISTIC_LOG_LOSS, SOFTMAX_LOG_LOSS, EXP_POISSON, N_OUTPUTS
        SGD, MOMENTUM, NESTEROV, ADAM, N_OPTIMIZERS

    ctypedef struct Layer:
        int64_t n_in
        int64_t n_out
        int64_t weights
        int64_t biases
        int64_t activation

    ctypedef struct Rule:
        int64_t optimizer
        double learning_rate
        double momentum
        double beta_1
        double beta_2
        double epsilon
        double l2
        double l2_batch
        double clip_value
        double clip_norm
        int64_t step
