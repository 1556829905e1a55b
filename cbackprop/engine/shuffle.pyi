import numpy as np
from numpy.typing import NDArray

def shuffle(rng: np.random.RandomState, order: NDArray[np.intp]) -> None: ...
