"""Who trains?  One module a library, each in its best honest form, behind one small class."""

from __future__ import annotations

import importlib
import importlib.util
from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from workloads import Data, Workload

# Name in tables: module here, and what must be installed for it.
LIBRARIES = {
    "floor": ("bare_blas", "scipy"),
    "cbackprop": ("cbackprop", "cbackprop"),
    "scikit-learn": ("scikit_learn", "sklearn"),
    "PyTorch": ("pytorch", "torch"),
    "JAX": ("jax", "jax"),
}


class Runner(ABC):
    """One library training one workload in one form.

    Parameters
    ----------
    workload : Workload
    data : Data
    form : str
        One of `forms`.
    threads : int
        Threads it may use; the process was started with the matching environment.
    """

    @staticmethod
    def forms(workload: Workload, threads: int, most: int) -> dict[str, str]:
        """Ways to do it with so many threads, each with the row of the table it competes for."""
        return {"": f"{threads}"}

    version: ClassVar[str]
    divisible: ClassVar[bool] = False  # whether an epoch may be broken off

    @abstractmethod
    def __init__(self, workload: Workload, data: Data, form: str, threads: int): ...

    @staticmethod
    def forget() -> None:
        """Drop what was compiled before, so that it cannot get in the way."""
        return None

    @abstractmethod
    def epochs(self, count: float) -> None:
        """Train so many epochs on all rows, shuffled anew in each; parts of one if divisible."""

    @abstractmethod
    def first_steps(self) -> None:
        """Train on the first CHECK_STEPS mini-batches as they stand, for the check."""

    @abstractmethod
    def reset(self) -> None:
        """Back to the parameters in `data`, with an optimizer that has seen nothing."""

    @abstractmethod
    def parameters(self) -> np.ndarray:
        """All parameters, as `workloads.flat` orders them."""


def installed(library: str) -> bool:
    return importlib.util.find_spec(LIBRARIES[library][1]) is not None


def runner(library: str) -> type[Runner]:
    """The library's class; imports the library."""
    return importlib.import_module(f"peers.{LIBRARIES[library][0]}").Peer
