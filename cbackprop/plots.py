"""Pictures of a training and of what was learnt, drawn with matplotlib, which is optional.

The displays are made as scikit-learn's are: ``from_estimator``, ``from_network`` or
``from_history`` draws at once, on ``ax`` or on a figure of its own, and returns an object that
keeps the data and what was drawn; its ``plot`` draws them again elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_regressor

__all__ = [
    "AccuracyCurveDisplay",
    "GradientNormsDisplay",
    "LossCurveDisplay",
    "WeightsDisplay",
]

# The units that a WeightsDisplay shows unless told otherwise.
MOST_UNITS = 36


def _axes(ax: Any) -> Any:
    """The axes to draw on: those given, or those of a new figure."""
    try:
        pyplot = import_module("matplotlib.pyplot")
    except ImportError as error:
        raise ImportError(
            'the displays of cbackprop.plots need matplotlib: pip install "cbackprop[plots]"'
        ) from error
    return pyplot.subplots(layout="constrained")[1] if ax is None else ax


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

    def plot(self, ax: Any = None, *, x: str = "epochs", name: str | None = None, **line: Any):
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
        ax = _axes(ax)
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


def _attribute(estimator: Any, name: str, where: str) -> Any:
    value = getattr(estimator, name, None)
    if value is None:
        raise ValueError(f"{estimator!r} has no {name}: {where}")
    return value


class LossCurveDisplay(_Curves):
    """The loss of every epoch.

    Parameters
    ----------
    curves : mapping of labels to sequences
        The losses, an entry per epoch.
    seconds : sequence of float, optional
        What each epoch took.
    ylabel : str, default='loss'

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
    ) -> LossCurveDisplay:
        """Draw the ``loss_curve_`` of an estimator fitted with SGD or Adam.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor, fitted; scikit-learn's will do, too
        ax : matplotlib Axes, optional
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
        ValueError
            If the estimator is not fitted, or with L-BFGS.
        """
        curve = _attribute(estimator, "loss_curve_", "fit it with solver='sgd' or 'adam'")
        return cls({"": curve}).plot(ax, name=name, **line)

    @classmethod
    def from_history(
        cls,
        history: Mapping[str, Any],
        *,
        ax: Any = None,
        x: str = "epochs",
        name: str | None = None,
        **line: Any,
    ) -> LossCurveDisplay:
        """Draw the cost of training and, dashed, of evaluation that `Network.fit` returns.

        Parameters
        ----------
        history : History
        ax : matplotlib Axes, optional
        x : {'epochs', 'seconds'}, default='epochs'
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
        ValueError
            If the history is empty.
        """
        display = cls(_curves_of(history, "cost"), seconds=history.get("seconds"), ylabel="cost")
        return display.plot(ax, x=x, name=name, **line)


class AccuracyCurveDisplay(_Curves):
    """The accuracy of every epoch.

    Parameters
    ----------
    curves : mapping of labels to sequences
        The accuracies, an entry per epoch.
    seconds : sequence of float, optional
        What each epoch took.
    ylabel : str, default='accuracy'

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
    ) -> AccuracyCurveDisplay:
        """Draw the ``validation_scores_`` of an estimator fitted with early stopping.

        They are accuracies for a classifier, R squared for a regressor.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor, fitted; scikit-learn's will do, too
        ax : matplotlib Axes, optional
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
        ValueError
            If the estimator is not fitted, or without early stopping.
        """
        scores = _attribute(estimator, "validation_scores_", "fit it with early_stopping=True")
        ylabel = "validation $R^2$" if is_regressor(estimator) else "validation accuracy"
        return cls({"": scores}, ylabel=ylabel).plot(ax, name=name, **line)

    @classmethod
    def from_history(
        cls,
        history: Mapping[str, Any],
        *,
        ax: Any = None,
        x: str = "epochs",
        name: str | None = None,
        **line: Any,
    ) -> AccuracyCurveDisplay:
        """Draw the accuracy in training and, dashed, in evaluation that `Network.fit` returns.

        Parameters
        ----------
        history : History
            Of a fit with ``evaluation_data`` or ``training_metrics=True``.
        ax : matplotlib Axes, optional
        x : {'epochs', 'seconds'}, default='epochs'
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
        ValueError
            If the history has no accuracies.
        """
        display = cls(_curves_of(history, "accuracy"), seconds=history.get("seconds"))
        return display.plot(ax, x=x, name=name, **line)


class GradientNormsDisplay(_Curves):
    """The length of each layer's gradient after every epoch, on a logarithmic axis.

    Where the curves of the first layers lie far below those of the last, the gradient vanishes
    on its way back: Nielsen's chapter 5.

    Parameters
    ----------
    curves : mapping of labels to sequences
        The lengths, an entry per epoch.
    seconds : sequence of float, optional
        What each epoch took.
    ylabel : str, default='length of the gradient'

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
    def from_history(
        cls,
        history: Mapping[str, Any],
        *,
        ax: Any = None,
        x: str = "epochs",
        name: str | None = None,
        **line: Any,
    ) -> GradientNormsDisplay:
        """Draw the ``gradient_norms`` of a history.

        Parameters
        ----------
        history : History
            Of a fit with ``gradient_norms=True``.
        ax : matplotlib Axes, optional
        x : {'epochs', 'seconds'}, default='epochs'
        name : str, optional
            For the legend.
        **line
            For matplotlib's ``plot``.

        Returns
        -------
        GradientNormsDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            If the history has no gradient norms.
        """
        if not len(history.get("gradient_norms", ())):
            raise ValueError(
                "the history has no 'gradient_norms': fit with gradient_norms=True; "
                f"got {sorted(history)}"
            )
        layers = np.transpose(history["gradient_norms"])
        curves = {f"layer {i}": lengths for i, lengths in enumerate(layers, start=1)}
        return cls(curves, seconds=history.get("seconds")).plot(ax, x=x, name=name, **line)


class WeightsDisplay:
    """The first layer's weights as images, one per hidden unit: what each unit looks for.

    All share one scale, symmetric about zero, so that colours can be compared.

    Parameters
    ----------
    weights : array-like of shape (n_features, n_units)
    image_shape : tuple of (height, width), optional
        Without it, the features must be the pixels of a square, row by row.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    image_ : matplotlib AxesImage
        The images side by side, with a pixel's gap between them.
    colorbar_ : matplotlib Colorbar or None

    Raises
    ------
    ValueError
        If the image's pixels are not as many as the features.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from cbackprop import MLPClassifier
    >>> from cbackprop.plots import WeightsDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MLPClassifier((12,), early_stopping=True, random_state=0).fit(X / 16, y)
    >>> display = WeightsDisplay.from_estimator(clf)  # doctest: +SKIP
    >>> display.image_shape  # doctest: +SKIP
    (8, 8)
    """

    def __init__(self, weights: ArrayLike, *, image_shape: tuple[int, int] | None = None):
        self.weights: NDArray = np.asarray(weights)
        if self.weights.ndim != 2:
            raise ValueError(
                f"weights must have the shape (n_features, n_units), got {self.weights.shape}"
            )
        n_features = self.weights.shape[0]
        if image_shape is None:
            side = round(n_features**0.5)
            if side * side != n_features:
                raise ValueError(f"{n_features} features are no square image: give its image_shape")
            image_shape = side, side
        height, width = (int(side) for side in image_shape)
        if height * width != n_features or height < 1:
            raise ValueError(f"image_shape {image_shape} does not hold {n_features} features")
        self.image_shape = height, width

    def plot(
        self,
        ax: Any = None,
        *,
        units: int | Sequence[int] | None = None,
        columns: int | None = None,
        limit: float | None = None,
        colorbar: bool = True,
        **image: Any,
    ) -> WeightsDisplay:
        """Draw the weights.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Without it, a new figure's.
        units : int or sequence of int, optional
            The first so many, or these. Without it, up to 36.
        columns : int, optional
            Images in a row; without it, about as many as rows.
        limit : float, optional
            The weight of the strongest colour, of either sign; without it, the largest one shown.
        colorbar : bool, default=True
        **image
            For matplotlib's ``imshow``: cmap, interpolation, ...

        Returns
        -------
        WeightsDisplay
            The display itself.

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        n_units = self.weights.shape[1]
        if units is None or isinstance(units, int):
            shown = list(range(min(MOST_UNITS if units is None else units, n_units)))
        else:
            shown = list(units)
        if not shown:
            raise ValueError(f"units must name at least one unit, got {units!r}")
        ax = _axes(ax)
        montage = self._montage(self.weights[:, shown], columns)
        limit = float(np.nanmax(np.abs(montage))) if limit is None else limit
        style = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit, "interpolation": "nearest"}
        self.ax_, self.figure_ = ax, ax.figure
        self.image_ = ax.imshow(montage, **{**style, **image})
        ax.set(xticks=[], yticks=[], facecolor="0.8")  # grey shows through the gaps
        ax.spines[:].set_visible(False)
        self.colorbar_ = None
        if colorbar:
            self.colorbar_ = ax.figure.colorbar(self.image_, ax=ax, shrink=0.8, label="weight")
        return self

    def _montage(self, weights: NDArray, columns: int | None) -> NDArray:
        """One array of all images, NaN between them."""
        height, width = self.image_shape
        n = weights.shape[1]
        columns = int(np.ceil((n * height / width) ** 0.5)) if columns is None else columns
        columns = max(1, min(columns, n))
        rows = -(-n // columns)
        montage = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan)
        for i in range(n):
            top, left = i // columns * (height + 1), i % columns * (width + 1)
            montage[top : top + height, left : left + width] = weights[:, i].reshape(height, width)
        return montage

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        image_shape: tuple[int, int] | None = None,
        ax: Any = None,
        **options: Any,
    ) -> WeightsDisplay:
        """Draw ``coefs_[0]`` of a fitted estimator.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor, fitted; scikit-learn's will do, too
        image_shape : tuple of (height, width), optional
        ax : matplotlib Axes, optional
        **options
            For `plot`.

        Returns
        -------
        WeightsDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            If the estimator is not fitted, or its features do not fit the image.
        """
        weights = _attribute(estimator, "coefs_", "fit it first")[0]
        return cls(weights, image_shape=image_shape).plot(ax, **options)

    @classmethod
    def from_network(
        cls,
        network: Any,
        *,
        image_shape: tuple[int, int] | None = None,
        ax: Any = None,
        **options: Any,
    ) -> WeightsDisplay:
        """Draw ``weights[0]`` of a network.

        Parameters
        ----------
        network : Network
        image_shape : tuple of (height, width), optional
        ax : matplotlib Axes, optional
        **options
            For `plot`.

        Returns
        -------
        WeightsDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            If the features do not fit the image.
        """
        return cls(network.weights[0], image_shape=image_shape).plot(ax, **options)
