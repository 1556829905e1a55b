r"""What should backpropagation compute?  The answer in plain NumPy, written to be read.

This is the mathematics of the compiled engine, and what the engine is tested against.  Read it
next to chapter 2 of Michael Nielsen, *Neural Networks and Deep Learning* (2015),
http://neuralnetworksanddeeplearning.com/chap2.html: its four equations of backpropagation, (BP1)
to (BP4), are named where they stand.  Nothing is imported but NumPy.  `functions` has activations
and losses, each with its derivative; `layers` the forward pass and the cost; `network`
backpropagation; `training` the optimizers; `dropout` the units left out; `embeddings` what may
stand before the first layer; `checks` what says that arguments do not fit.

A network is two lists, one entry a layer: ``weights``, arrays (fan_in, fan_out), and ``biases``,
arrays (fan_out,).  Examples are rows, so a layer is :math:`z = a W + b`; Nielsen's are columns, and
his w is our W transposed.  These options are shared by all functions:

``activation``
    f of the hidden layers: "identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "selu",
    "softplus", "silu", "gelu", "gelu_tanh" or "mish"; ``("leaky_relu", slope)`` for a slope that
    is not 0.01; or a list of these, one for each hidden layer.
``activation_weights``
    Of parametric activations, arrays (units,) of the hidden layers: with w, a unit's own,
    :math:`a = z + w (f(z) - z)`. None by default, where a is f(z).
``output_activation`` and ``loss``
    One of these pairs, a being the output and y the target; losses are summed over outputs.

    =================== =================== ========================================================
    output_activation   loss                :math:`C_x`, the loss of one example
    =================== =================== ========================================================
    "identity"          "squared_error"     :math:`(a - y)^2 / 2`
    "logistic"          "squared_error"     :math:`(a - y)^2 / 2`, the book's quadratic cost
    "logistic"          "binary_log_loss"   :math:`-y \log a - (1 - y) \log(1 - a)`, y in [0, 1]
    "softmax"           "log_loss"          :math:`-\log a_y`, y an integer label
    "exp"               "poisson"           :math:`y \log(y / a) - y + a`, y at least 0
    "exp"               "gamma"             :math:`\log(a / y) + y / a - 1`, y positive
    "identity"          "absolute_error"    :math:`\lvert a - y \rvert`
    "identity"          "huber"             :math:`(a - y)^2 / 2` to delta, linear from there on
    "identity"          "log_cosh"          :math:`\log \cosh(a - y)`
    "identity"          "quantile"          :math:`q (y - a)` if a < y, else :math:`(1 - q)(a - y)`
    =================== =================== ========================================================
``loss_parameters``
    Of the loss, its standard ones by default: the share of label smoothing for the two log losses
    (0), delta for "huber" (1), q for "quantile" (0.5), or one for each output.
``sample_weight``, ``alpha`` and ``l1``
    The weights :math:`w_x` of the examples, ones by default, and the penalties, which spare the
    biases: the cost is

    .. math::

        C &= \frac{\sum_x w_x C_x + P}{\sum_x w_x} \\
        P &= \frac{\alpha}{2} \sum_l \lVert W_l \rVert^2 + l_1 \sum_l \lvert W_l \rvert

``masks``
    What dropout multiplies the activations of each hidden layer by: `dropout` says how they are
    drawn. None by default.

Everything is computed in float32 if weights, biases and X are, otherwise in float64; losses are
summed in float64.  Losses are made of z, so that they are right where a is 0 or 1 to rounding:
scikit-learn clips a.  "exp" is NumPy's: past z = 709 (88 in float32) it warns and is inf.  What
does not fit, be it options, shapes or values, is named in a ValueError.
"""

from cbackprop.reference.dropout import dropout_masks
from cbackprop.reference.embeddings import embed, embed_gradient, encoding
from cbackprop.reference.functions import ACTIVATIONS as ACTIVATIONS
from cbackprop.reference.functions import DERIVATIVES as DERIVATIVES
from cbackprop.reference.functions import PAIRS as PAIRS
from cbackprop.reference.functions import logistic, softmax
from cbackprop.reference.layers import cost, forward
from cbackprop.reference.network import (
    Gradients,
    backprop,
    backprop_example,
    backprop_loop,
)
from cbackprop.reference.numerical import numerical_gradient
from cbackprop.reference.training import SGD, Adam, AdamW, RMSprop, train

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Gradients",
    "RMSprop",
    "backprop",
    "backprop_example",
    "backprop_loop",
    "cost",
    "dropout_masks",
    "embed",
    "embed_gradient",
    "encoding",
    "forward",
    "logistic",
    "numerical_gradient",
    "softmax",
    "train",
]
