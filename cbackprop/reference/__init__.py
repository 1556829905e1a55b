"""What should backpropagation compute? The answer in plain NumPy, written to be read."""

from cbackprop.reference.network import *  # noqa: F403
from cbackprop.reference.network import ACTIVATIONS, DERIVATIVES, PAIRS, __all__, __doc__  # noqa: F401
