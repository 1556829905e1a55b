"""What does each unit of the first layer look for: its weights as an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cbackprop.plots.drawing import attribute, axes

# The units that a WeightsDisplay shows unless told otherwise.
MOST_UNITS = 36


class WeightsDisplay:
    """The first layer's weights as images, one per hidden unit: what each unit looks for.

    All share one scale, symmetric about zero, so that colours can be compared.

    Parameters
    ----------
    weights : array-like of shape (n_features, n_units)
        Of the first layer: a column a unit.
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
            Whether to draw the scale of colours.
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
        ax = axes(ax)
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
        estimator : MLPClassifier or MLPRegressor
            Fitted; also as the last step of a pipeline or the best one of a search, and
            scikit-learn's will do, too.
        image_shape : tuple of (height, width), optional
            Of an image; square without it.
        ax : matplotlib Axes, optional
            Without it, a new figure's.
        **options
            For `plot`.

        Returns
        -------
        WeightsDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        TypeError
            If it is another estimator.
        ValueError
            If the estimator is not fitted, or its features do not fit the image.
        """
        weights = attribute(estimator, "coefs_", "fit it first")[0]
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
            Its first layer's units are shown.
        image_shape : tuple of (height, width), optional
            Of an image; square without it.
        ax : matplotlib Axes, optional
            Without it, a new figure's.
        **options
            For `plot`.

        Returns
        -------
        WeightsDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        TypeError
            If it is no network.
        ValueError
            If the features do not fit the image.
        """
        if not hasattr(network, "weights"):
            raise TypeError(
                f"network must be a Network, got {type(network).__name__}: of an estimator draw "
                "from_estimator"
            )
        return cls(network.weights[0], image_shape=image_shape).plot(ax, **options)
