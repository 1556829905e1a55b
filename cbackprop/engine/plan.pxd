"""What a network is, to compiled code: the structs and codes of plan.h."""

from libc.stdint cimport int64_t


cdef extern from "plan.h":
    # The codes that compiled code itself asks for; all others are known by their rows.
    enum:
        IDENTITY, RELU, ELU, N_ACTIVATIONS
        N_OUTPUTS
        SGD, MOMENTUM, ADAM, ADAMW, N_OPTIMIZERS
        NOTHING, N_FINISHES
        NUMBER, PIECEWISE, PERIODIC, CATEGORY, N_EMBEDDINGS
        DERIVATIVE_KEPT, BESIDE_ROW, PARAMETERS_EACH, TARGETS_LABELS

    ctypedef struct ActivationRow:
        const char* name
        const char* parameter
        const char* formula
        int derivative
        int forward
        int backward
        double standard

    ctypedef struct OutputRow:
        const char* activation
        const char* loss
        const char* parameter
        int targets
        int parameters
        double standard

    ctypedef struct OptimizerRow:
        const char* name
        int vectors

    ctypedef struct FinishRow:
        const char* name
        int beside

    const ActivationRow* ACTIVATION_ROWS
    const OutputRow* OUTPUT_ROWS
    const OptimizerRow* OPTIMIZER_ROWS
    const FinishRow* FINISH_ROWS
    const char* const* EMBEDDING_NAMES

    ctypedef struct Layer:
        int64_t n_in
        int64_t n_out
        int64_t weights
        int64_t biases
        int64_t activation

    ctypedef struct Embedding:
        int64_t kind
        int64_t source
        int64_t first
        int64_t width
        int64_t size
        int64_t parameters
        int64_t edges

    ctypedef struct Rule:
        int64_t optimizer
        double learning_rate
        double momentum
        double beta_1
        double beta_2
        double epsilon
        double rho
        double weight_decay
        double l2
        double l2_batch
        double l1
        double l1_batch
        double clip_value
        double clip_norm
        double max_norm
        int64_t step

    ctypedef struct Step:
        double rate
        double decay
        double epsilon
        double l2
        double l1
