from collections.abc import Mapping

import numpy as np

ACTIVATIONS: Mapping[str, int]
FORMULAS: Mapping[str, str]
SLOPES: Mapping[str, tuple[str, float]]
OUTPUTS: Mapping[tuple[str, str], int]
LOSS_PARAMETERS: Mapping[str, tuple[str, float, bool]]
OPTIMIZERS: Mapping[str, int]
STATE_VECTORS: Mapping[int, int]
EMBEDDINGS: Mapping[str, int]
LAYER: np.dtype[np.void]
EMBEDDING: np.dtype[np.void]
RULE: np.dtype[np.void]
