from collections.abc import Mapping

import numpy as np

ACTIVATIONS: Mapping[str, int]
SLOPES: Mapping[str, tuple[str, float]]
OUTPUTS: Mapping[tuple[str, str], int]
LOSS_PARAMETERS: Mapping[str, tuple[str, float, bool]]
OPTIMIZERS: Mapping[str, int]
STATE_VECTORS: Mapping[int, int]
LAYER: np.dtype[np.void]
RULE: np.dtype[np.void]
