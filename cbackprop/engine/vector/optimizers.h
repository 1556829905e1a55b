/* Optimizers, one step on a slice: g = gradient + l2 w first, then the method's own rule. SGD, without or with
   plain momentum, comes here only where its gradient is clipped: its step is one gemm otherwise (steps.pyx). Included
   in body.h. */

static void FN(sgd_update)(T *RESTRICT w, const T *RESTRICT gradient, T *first, T *second, ptrdiff_t n,
                           const Rule *rule, const Step *step)
{
    const T eta = (T)step->rate, decay = (T)step->l2;
    (void)first, (void)second, (void)rule;
    for (ptrdiff_t i = 0; i < n; i++) w[i] -= eta * (gradient[i] + decay * w[i]);
}

static void FN(momentum_update)(T *RESTRICT w, const T *RESTRICT gradient, T *RESTRICT velocity, T *second,
                                ptrdiff_t n, const Rule *rule, const Step *step)
{
    const T eta = (T)step->rate, decay = (T)step->l2, mu = (T)rule->momentum;
    (void)second;
    for (ptrdiff_t i = 0; i < n; i++) {
        velocity[i] = mu * velocity[i] - eta * (gradient[i] + decay * w[i]);
        w[i] += velocity[i];
    }
}

static void FN(nesterov_update)(T *RESTRICT w, const T *RESTRICT gradient, T *RESTRICT velocity, T *second,
                                ptrdiff_t n, const Rule *rule, const Step *step)
{
    const T eta = (T)step->rate, decay = (T)step->l2, mu = (T)rule->momentum;
    (void)second;
    for (ptrdiff_t i = 0; i < n; i++) {
        T move = eta * (gradient[i] + decay * w[i]);
        velocity[i] = mu * velocity[i] - move;
        w[i] += mu * velocity[i] - move;
    }
}

/* Adam, and AdamW, which `decays` besides: w - (decay w + ...) and not (1 - decay) w - ..., for in float32 a small decay
   would be lost in 1. The rate holds the bias corrections: eta sqrt(1 - beta_2^t) / (1 - beta_1^t). */
#if ISA_BITS == 512
#include "adam.h"
#else
static ALWAYS_INLINE void FN(adam_step)(T *RESTRICT w, const T *RESTRICT gradient, T *RESTRICT mean, T *RESTRICT square,
                                        ptrdiff_t n, const Rule *rule, const Step *step, int decays)
{
    const T eta = (T)step->rate, l2 = (T)step->l2, epsilon = (T)step->epsilon, decay = (T)step->decay;
    const T beta_1 = (T)rule->beta_1, rest_1 = (T)(1.0 - rule->beta_1);
    const T beta_2 = (T)rule->beta_2, rest_2 = (T)(1.0 - rule->beta_2);
    for (ptrdiff_t i = 0; i < n; i++) {
        T g = gradient[i] + l2 * w[i];
        mean[i] = beta_1 * mean[i] + rest_1 * g;
        square[i] = beta_2 * square[i] + rest_2 * (g * g);
        T move = eta * mean[i] / (SQRT(square[i]) + epsilon);
        w[i] -= decays ? decay * w[i] + move : move;
    }
}
#endif

static void FN(adam_update)(T *RESTRICT w, const T *RESTRICT gradient, T *RESTRICT mean, T *RESTRICT square,
                            ptrdiff_t n, const Rule *rule, const Step *step)
{
    FN(adam_step)(w, gradient, mean, square, n, rule, step, 0);
}

static void FN(adamw_update)(T *RESTRICT w, const T *RESTRICT gradient, T *RESTRICT mean, T *RESTRICT square,
                             ptrdiff_t n, const Rule *rule, const Step *step)
{
    FN(adam_step)(w, gradient, mean, square, n, rule, step, 1);
}

static void FN(rmsprop_update)(T *RESTRICT w, const T *RESTRICT gradient, T *RESTRICT square, T *second, ptrdiff_t n,
                               const Rule *rule, const Step *step)
{
    const T eta = (T)step->rate, l2 = (T)step->l2, epsilon = (T)step->epsilon;
    const T rho = (T)rule->rho, rest = (T)(1.0 - rule->rho);
    (void)second;
    for (ptrdiff_t i = 0; i < n; i++) {
        T g = gradient[i] + l2 * w[i];
        square[i] = rho * square[i] + rest * (g * g);
        w[i] -= eta * g / (SQRT(square[i]) + epsilon);
    }
}

static void FN(rmsprop_momentum_update)(T *RESTRICT w, const T *RESTRICT gradient, T *RESTRICT square,
                                        T *RESTRICT velocity, ptrdiff_t n, const Rule *rule, const Step *step)
{
    const T eta = (T)step->rate, l2 = (T)step->l2, epsilon = (T)step->epsilon, mu = (T)rule->momentum;
    const T rho = (T)rule->rho, rest = (T)(1.0 - rule->rho);
    for (ptrdiff_t i = 0; i < n; i++) {
        T g = gradient[i] + l2 * w[i];
        square[i] = rho * square[i] + rest * (g * g);
        velocity[i] = mu * velocity[i] + g / (SQRT(square[i]) + epsilon);
        w[i] -= eta * velocity[i];
    }
}
