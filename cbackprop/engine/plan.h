/* What a network is, to compiled code: a table of layers and a few codes. plan.pxd shows the same to Cython. */
#ifndef CBACKPROP_PLAN_H
#define CBACKPROP_PLAN_H

#include <stddef.h>
#include <stdint.h>

/* The codes, and what is to be known of each function outside the kernels: rows of functions.def. */

enum Activation {
#define ACTIVATION(CODE, ...) CODE,
#include "functions.def"
    N_ACTIVATIONS
};

/* An output is an activation and the loss that looks at it: one code, because their derivatives are fused. */
enum Output {
#define OUTPUT(CODE, ...) CODE,
#include "functions.def"
    N_OUTPUTS
};

enum Optimizer {
#define OPTIMIZER(CODE, ...) CODE,
#include "functions.def"
    N_OPTIMIZERS
};

enum EmbeddingKind {
#define EMBEDDING(CODE, ...) CODE,
#include "functions.def"
    N_EMBEDDINGS
};

/* What is done to the sums of a product while they are at hand. */
enum Finish {
    NOTHING,
#define FINISH(CODE, ...) CODE,
#include "functions.def"
    N_FINISHES
};

enum { DERIVATIVE_MADE_OF_A, DERIVATIVE_KEPT };
enum { BESIDE_ROW, BESIDE_NEIGHBOUR };
enum { TARGETS_NUMBERS, TARGETS_LABELS };
enum { PARAMETERS_ONE, PARAMETERS_EACH };

typedef struct {
    const char *name, *parameter, *formula;
    int derivative, forward, backward; /* the last two are codes of Finish */
    double standard;                 /* value of the parameter */
} ActivationRow;

typedef struct {
    const char *activation, *loss, *parameter;
    int targets, parameters;
    double standard; /* value of the parameter */
} OutputRow;

typedef struct {
    const char *name;
    int vectors;
} OptimizerRow;

typedef struct {
    const char *name;
    int beside;
} FinishRow;

static const ActivationRow ACTIVATION_ROWS[] = {
#define ACTIVATION(CODE, name, DERIVATIVE, FORWARD, BACKWARD, parameter, STANDARD, FORMULA)                            \
    [CODE] = {#name, parameter, FORMULA, DERIVATIVE_##DERIVATIVE, FORWARD, BACKWARD, STANDARD},
#include "functions.def"
};

static const OutputRow OUTPUT_ROWS[] = {
#define OUTPUT(CODE, activation, loss, TARGETS, SKLEARNS, parameter, STANDARD, PARAMETERS)                             \
    [CODE] = {#activation, #loss, parameter, TARGETS_##TARGETS, PARAMETERS_##PARAMETERS, STANDARD},
#include "functions.def"
};

static const OptimizerRow OPTIMIZER_ROWS[] = {
#define OPTIMIZER(CODE, name, VECTORS) [CODE] = {#name, VECTORS},
#include "functions.def"
};

static const char *const EMBEDDING_NAMES[] = {
#define EMBEDDING(CODE, name) [CODE] = #name,
#include "functions.def"
};

static const FinishRow FINISH_ROWS[] = {
    [NOTHING] = {"nothing", BESIDE_ROW},
#define FINISH(CODE, name, BESIDE, ...) [CODE] = {#name, BESIDE_##BESIDE},
#include "functions.def"
};

/* One layer, z = a W + b: a row of the plan, and of the NumPy structured array of the same layout.
   W (n_in, n_out) starts at `weights` in the flat vector, b (n_out) at `biases`, right behind it. Where the next layer's
   W starts n_out numbers later than it could, the activation is parametric, and these are its w. */
typedef struct {
    int64_t n_in, n_out;
    int64_t weights, biases;
    int64_t activation; /* of a hidden layer; the last layer's stands in the output code */
} Layer;

/* What stands before the first layer: a row for each piece of A_0. `width` columns of it, from `first` on, are made of
   column `source` of X. `parameters` is where those that it learns start in the flat vector, before all layers'; `size`
   says how many edges, frequencies or values there are, and `edges` where the edges start in an array of their own. */
typedef struct {
    int64_t kind;
    int64_t source;
    int64_t first, width;
    int64_t size;
    int64_t parameters;
    int64_t edges;
} Embedding;

/* How a step changes the parameters. The L2 coefficient of a batch is l2 + l2_batch / (sum of its weights), that of L1
   likewise. */
typedef struct {
    int64_t optimizer;
    double learning_rate;
    double momentum;              /* SGD, RMSprop */
    double beta_1, beta_2, epsilon; /* Adam, AdamW; RMSprop has the last, too */
    double rho;                   /* RMSprop */
    double weight_decay;          /* AdamW, decoupled */
    double l2, l2_batch;
    double l1, l1_batch;
    double clip_value, clip_norm; /* bounds of the gradient, its L2 and L1 terms included; 0 for none */
    double max_norm;              /* of the weights that come into a unit; 0 for none */
    int64_t step;                 /* Adam: updates made so far */
} Rule;

/* The numbers of a mini-batch's step, for weights or for biases: the Rule's, or the step's own, times the factors of
   their group. */
typedef struct {
    double rate;  /* with the bias corrections of Adam and AdamW */
    double decay; /* decoupled: the learning rate times the Rule's weight_decay */
    double epsilon;
    double l2; /* of the gradient's term l2 w */
    double l1; /* of its term l1 sign(w) */
} Step;

#endif
