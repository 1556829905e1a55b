/* What a network is, to compiled code: a table of layers and a few codes. plan.pxd shows the same to Cython. */
#ifndef CBACKPROP_PLAN_H
#define CBACKPROP_PLAN_H

#include <stddef.h>
#include <stdint.h>

enum Activation { IDENTITY, LOGISTIC, TANH, RELU, N_ACTIVATIONS };

/* An output is an activation and the loss that looks at it: one code, because their derivatives are fused. */
enum Output {
    IDENTITY_SQUARED_ERROR,
    LOGISTIC_SQUARED_ERROR,
    LOGISTIC_LOG_LOSS,
    SOFTMAX_LOG_LOSS,
    EXP_POISSON,
    N_OUTPUTS
};

enum Optimizer { SGD, MOMENTUM, NESTEROV, ADAM, N_OPTIMIZERS };

/* One layer, z = a W + b: a row of the plan, and of the NumPy structured array of the same layout.
   W (n_in, n_out) starts at `weights` in the flat vector, b (n_out) at `biases`, right behind it. */
typedef struct {
    int64_t n_in, n_out;
    int64_t weights, biases;
    int64_t activation; /* of a hidden layer; the last layer's stands in the output code */
} Layer;

/* How a step changes the parameters. The L2 coefficient of a batch is l2 + l2_batch / (sum of its weights). */
typedef struct {
    int64_t optimizer;
    double learning_rate;
    double momentum;              /* SGD */
    double beta_1, beta_2, epsilon; /* Adam */
    double l2, l2_batch;
    double clip_value, clip_norm; /* bounds of the gradient, its L2 term included; 0 for none */
    int64_t step;                 /* Adam: updates made so far */
} Rule;

#endif
