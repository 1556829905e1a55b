"""What do all losses share: the y they are defined for, their parameters, their outputs?"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cbackprop.engine import run
from cbackprop.validation.checks import check_option


class Loss:
    """What all losses share. Their formulas stand in `cbackprop.reference`.

    Attributes
    ----------
    name : str
        What ``loss=`` calls it, and `cbackprop.reference`.
    title : str
        What messages call it.
    lowest, highest : float
        The interval that y must lie in.
    above_lowest : bool
        Whether y must not be `lowest` itself.
    takes_labels : bool
        Whether y must be labels.
    advice : str
        What to do about a y out of the interval, as a message ends.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    lowest: ClassVar[float] = -np.inf
    highest: ClassVar[float] = np.inf
    above_lowest: ClassVar[bool] = False
    takes_labels: ClassVar[bool] = False
    advice: ClassVar[str] = ""

    @property
    def function_in_engine(self) -> Any:
        """A function that the engine calls instead of one of its own, or None."""
        return None

    @property
    def outputs(self) -> list[str]:
        """Activations of the output that go with it, its own first."""
        return [output for output, loss in run.OUTPUTS if loss == self.name]

    def code(self, output_activation: str) -> int:
        """The engine's code of the loss with this output.

        Raises
        ------
        ValueError
            If they do not go together.
        """
        check_option("output_activation", output_activation, {output for output, _ in run.OUTPUTS})
        if (output_activation, self.name) not in run.OUTPUTS:
            allowed = ", ".join(f"{output} with {name}" for output, name in run.OUTPUTS)
            raise ValueError(
                f"the output activation {output_activation!r} does not go with the loss "
                f"{self.name!r}; these do: {allowed}"
            )
        return run.OUTPUTS[output_activation, self.name]

    @property
    def parameters(self) -> tuple[float, ...]:
        """The loss's parameters, as `cbackprop.reference` takes them; () if it has none."""
        return ()

    def engine_parameters(self, n_outputs: int) -> NDArray | None:
        """The parameters as the engine takes them, or None.

        Raises
        ------
        ValueError
            If they are not for so many outputs.
        """
        return np.array(self.parameters) if self.parameters else None

    def n_outputs(self, columns: int) -> int:
        """Outputs of a network for targets of so many columns."""
        return columns

    def spread(self, y: NDArray, n_outputs: int) -> NDArray:
        """Targets (n, n_outputs), of targets (n, columns) as they are given."""
        return y

    def check(self, y: NDArray) -> None:
        """An error for a y that the loss is not defined for.

        Raises
        ------
        ValueError
            With what was expected, and what was got.
        """
        low, high = y.min(), y.max()
        below = low <= self.lowest if self.above_lowest else low < self.lowest
        if not below and high <= self.highest:
            return
        if self.highest < np.inf:
            raise ValueError(
                f"y must lie between {self.lowest:g} and {self.highest:g} for the {self.title}, "
                f"got {low} to {high}{self.advice}"
            )
        wanted = "be positive" if self.above_lowest else "not be negative"
        raise ValueError(f"y must {wanted} for the {self.title}, got {low}")
