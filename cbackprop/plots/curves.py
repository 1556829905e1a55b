"""How did a training go: loss, accuracy and lengths of the gradients, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import is_regressor

from cbackprop.plots.drawing import attribute, axes, perceptron
from cbackprop.validation.naming import named


class _Curves:
    """Curves over epochs or seconds; the subclasses say of what."""

    ylabel = ""
    yscale = "linear"

    def __init__(
        self,
        curves: Mapping[str, Sequence[float]],
        *,
        seconds: Sequence[float] | None = None,
        ylabel: str | None = None,
    ):
        self.curves = {label: np.asarray(values) for label, values in curves.items()}
        self.seconds = None if seconds is None else np.cumsum(seconds)
        self.ylabel = type(self).ylabel if ylabel is None else ylabel

    @classmethod
    def from_history(
        cls,
        history: Mapping[str, Any],
        *,
        ax: Any = None,
        x: str = "epochs",
        name: str | None = None,
        **line: Any,
    ) -> Self:
        """Draw the curves of a history, as `Network.fit` returns it.

        Parameters
        ----------
        history : History
            Of `Network.fit`.
        ax : matplotlib Axes, optional
            Without it, a new figure's.
        x : {'epochs', 'seconds'}, default='epochs'
        name : str, optional
            For the legend.
        **line
            For matplotlib's ``plot``.

        Returns
        -------
        LossCurveDisplay, AccuracyCurveDisplay or GradientNormsDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            Without matplotlib.
        TypeError
            If it is no history.
        ValueError
            If the history does not have what is to be drawn.
        """
        if not hasattr(history, "keys"):
            raise TypeError(
                f"history must be what Network.fit has returned, got {type(history).__name__}: "
                "of an estimator draw from_estimator"
            )
        return cls._of(history).plot(ax, x=x, name=name, **line)

    @classmethod
    def _of(cls, history: Mapping[str, Any]) -> Self:
        """The display of a history, not drawn yet."""
        raise NotImplementedError

    def plot(
        self, ax: Any = None, *, x: str = "epochs", name: str | None = None, **line: Any
    ) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Without it, a new figure's.
        x : {'epochs', 'seconds'}, default='epochs'
            What the horizontal axis counts: epochs, or the seconds of training before each
            epoch's end (histories know them, estimators do not).
        name : str, optional
            Named first in the legend, to tell several displays on the same axes apart.
        **line
            For matplotlib's ``plot``: color, linewidth, ...

        Returns
        -------
        LossCurveDisplay, AccuracyCurveDisplay or GradientNormsDisplay
            The display itself.

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            For another x, or where the seconds are not known.
        """
        if x not in ("epochs", "seconds"):
            raise ValueError(f"x must be 'epochs' or 'seconds', got {x!r}")
        if x == "seconds" and self.seconds is None:
            raise ValueError("x='seconds' needs the seconds of a history")
        ax = axes(ax)
        self.ax_, self.figure_, self.lines_ = ax, ax.figure, []
        color: dict[str, Any] = {}
        for i, (label, values) in enumerate(self.curves.items()):
            along = np.arange(1, len(values) + 1) if x == "epochs" else self.seconds
            label = ", ".join(part for part in (name, label) if part)
            style = {"label": label, **self._style(i), **color, **line}
            if len(values) == 1:
                style.setdefault("marker", "o")
            self.lines_ += ax.plot(along, values, **style)
            color = self._next_color(self.lines_[-1])
        ax.set(xlabel="epoch" if x == "epochs" else "seconds", ylabel=self.ylabel)
        ax.set_yscale(self.yscale)
        if x == "epochs":
            ax.xaxis.get_major_locator().set_params(integer=True)
        if any(not line.get_label().startswith("_") for line in ax.lines):
            ax.legend()
        return self

    def _style(self, i: int) -> dict[str, Any]:
        return {"linestyle": "-" if i == 0 else "--"}

    def _next_color(self, line: Any) -> dict[str, Any]:
        """Training and evaluation of one run share a colour: the one solid, the other dashed."""
        return {"color": line.get_color()}


def _curves_of(history: Mapping[str, Any], what: str) -> dict[str, Sequence[float]]:
    """The quantity in training and in evaluation, as far as the history has it."""
    keys = {"training": what, "evaluation": f"evaluation_{what}"}
    curves = {label: history[key] for label, key in keys.items() if key in history}
    if not any(len(values) for values in curves.values()):
        wanted = " or ".join(repr(key) for key in keys.values())
        raise ValueError(f"the history must have {wanted}, got {sorted(history)}")
    return curves


@named
class LossCurveDisplay(_Curves):
    """The loss of every epoch.

    Of a history: its cost, of training and, dashed, of evaluation.

    Parameters
    ----------
    curves : mapping of labels to sequences
        The losses, an entry per epoch.
    seconds : sequence of float, optional
        What each epoch took.
    ylabel : str, default='loss'
        Beside the vertical axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D

    See Also
    --------
    AccuracyCurveDisplay : The accuracy of every epoch.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from cbackprop import MLPClassifier
    >>> from cbackprop.plots import LossCurveDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MLPClassifier((20,), early_stopping=True, random_state=0).fit(X / 16, y)
    >>> display = LossCurveDisplay.from_estimator(clf)  # doctest: +SKIP
    >>> display.ax_.get_ylabel()  # doctest: +SKIP
    'loss'
    """

    ylabel = "loss"

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, ax: Any = None, name: str | None = None, **line: Any
    ) -> Self:
        """Draw the ``loss_curve_`` of an estimator fitted with SGD or Adam.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
            Fitted; also as the last step of a pipeline or the best one of a search, and
            scikit-learn's will do, too.
        ax : matplotlib Axes, optional
            Without it, a new figure's.
        name : str, optional
            For the legend.
        **line
            For matplotlib's ``plot``.

        Returns
        -------
        LossCurveDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        TypeError
            If it is another estimator.
        ValueError
            If the estimator is not fitted, or with L-BFGS.
        """
        curve = attribute(estimator, "loss_curve_", "fit it with solver='sgd' or 'adam'")
        return cls({"": curve}).plot(ax, name=name, **line)

    @classmethod
    def _of(cls, history: Mapping[str, Any]) -> Self:
        return cls(_curves_of(history, "cost"), seconds=history.get("seconds"), ylabel="cost")


@named
class AccuracyCurveDisplay(_Curves):
    """The accuracy of every epoch.

    Of a history, if it is that of a fit with ``evaluation_data`` or ``training_metrics=True``:
    training's and, dashed, evaluation's.

    Parameters
    ----------
    curves : mapping of labels to sequences
        The accuracies, an entry per epoch.
    seconds : sequence of float, optional
        What each epoch took.
    ylabel : str, default='accuracy'
        Beside the vertical axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D

    See Also
    --------
    LossCurveDisplay : The loss of every epoch.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from cbackprop import SGD, Network
    >>> from cbackprop.plots import AccuracyCurveDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> net = Network([64, 20, 10], output_activation="softmax", loss="log_loss", random_state=0)
    >>> history = net.fit(X[:1500] / 16, y[:1500], optimizer=SGD(0.5), epochs=5,
    ...                   evaluation_data=(X[1500:] / 16, y[1500:]), training_metrics=True)
    >>> display = AccuracyCurveDisplay.from_history(history)  # doctest: +SKIP
    >>> [line.get_label() for line in display.lines_]  # doctest: +SKIP
    ['training', 'evaluation']
    """

    ylabel = "accuracy"

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, ax: Any = None, name: str | None = None, **line: Any
    ) -> Self:
        """Draw the ``validation_scores_`` of an estimator fitted with early stopping.

        They are accuracies for a classifier, R squared for a regressor.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
            Fitted; also as the last step of a pipeline or the best one of a search, and
            scikit-learn's will do, too.
        ax : matplotlib Axes, optional
            Without it, a new figure's.
        name : str, optional
            For the legend.
        **line
            For matplotlib's ``plot``.

        Returns
        -------
        AccuracyCurveDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        TypeError
            If it is another estimator.
        ValueError
            If the estimator is not fitted, or without early stopping.
        """
        scores = attribute(estimator, "validation_scores_", "fit it with early_stopping=True")
        ylabel = (
            "validation $R^2$" if is_regressor(perceptron(estimator)) else "validation accuracy"
        )
        return cls({"": scores}, ylabel=ylabel).plot(ax, name=name, **line)

    @classmethod
    def _of(cls, history: Mapping[str, Any]) -> Self:
        return cls(_curves_of(history, "accuracy"), seconds=history.get("seconds"))


@named
class GradientNormsDisplay(_Curves):
    """The length of each layer's gradient after every epoch, on a logarithmic axis.

    Where the curves of the first layers lie far below those of the last, the gradient vanishes
    on its way back: Nielsen's chapter 5. It is drawn of the history of a fit with
    ``gradient_norms=True``.

    Parameters
    ----------
    curves : mapping of labels to sequences
        The lengths, an entry per epoch.
    seconds : sequence of float, optional
        What each epoch took.
    ylabel : str, default='length of the gradient'
        Beside the vertical axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from cbackprop import SGD, Network
    >>> from cbackprop.plots import GradientNormsDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> net = Network([64, 20, 20, 10], activation="logistic", output_activation="logistic",
    ...               random_state=0)
    >>> history = net.fit(X / 16, y, epochs=3, gradient_norms=True, random_state=0)
    >>> display = GradientNormsDisplay.from_history(history)  # doctest: +SKIP
    >>> [line.get_label() for line in display.lines_]  # doctest: +SKIP
    ['layer 1', 'layer 2', 'layer 3']
    """

    ylabel = "length of the gradient"
    yscale = "log"

    def _style(self, i: int) -> dict[str, Any]:
        return {}

    def _next_color(self, line: Any) -> dict[str, Any]:
        return {}

    @classmethod
    def _of(cls, history: Mapping[str, Any]) -> Self:
        if not len(history.get("gradient_norms", ())):
            raise ValueError(
                "the history has no 'gradient_norms': fit with gradient_norms=True; "
                f"got {sorted(history)}"
            )
        layers = np.transpose(history["gradient_norms"])
        curves = {f"layer {i}": lengths for i, lengths in enumerate(layers, start=1)}
        return cls(curves, seconds=history.get("seconds"))
