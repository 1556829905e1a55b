"""How did a training go, in one picture: loss on the left axis, score on the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from cbackprop.plots.drawing import attribute, axes, perceptron
from cbackprop.validation.naming import named

SCORES = "accuracy", "score"


@named
class TrainingCurvesDisplay:
    """Loss and score of every epoch in one picture, each with an axis of its own.

    Training's curves are solid, those of the rows held out are dashed; a dotted line marks the
    epoch whose parameters early stopping has kept.

    Parameters
    ----------
    history : mapping of names to sequences
        As `Network.fit` returns it, or an estimator's ``history_``.
    best_epoch : int, optional
        The epoch to mark, counted from 1.

    Attributes
    ----------
    ax_, score_ax_ : matplotlib Axes
        The losses', and the scores', which is None where there are none.
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D

    See Also
    --------
    LossCurveDisplay, AccuracyCurveDisplay : One of the two.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from cbackprop import MLPClassifier
    >>> from cbackprop.plots import TrainingCurvesDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MLPClassifier((20,), early_stopping=True, random_state=0).fit(X / 16, y)
    >>> display = TrainingCurvesDisplay.from_estimator(clf)  # doctest: +SKIP
    >>> display.score_ax_.get_ylabel()  # doctest: +SKIP
    'score'
    """

    def __init__(self, history: Mapping[str, Sequence[float]], *, best_epoch: int | None = None):
        self.history, self.best_epoch = history, best_epoch

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None, x: str = "epochs") -> Self:
        """Draw the ``history_`` of an estimator.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
            Fitted; also as the last step of a pipeline or the best one of a search.
        ax : matplotlib Axes, optional
            Without it, a new figure's.
        x : {'epochs', 'seconds'}, default='epochs'
            What the horizontal axis counts.

        Returns
        -------
        TrainingCurvesDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        TypeError
            If it is another estimator.
        ValueError
            If the estimator is not fitted.
        """
        history = attribute(estimator, "history_", "draw a fitted one of cbackprop's")
        model = perceptron(estimator)
        best = getattr(model, "best_iter_", None)
        if best:  # of the last fit; a history goes on with warm starts
            best += history.epochs - model.n_iter_
        return cls(history, best_epoch=best or None).plot(ax, x=x)

    @classmethod
    def from_history(cls, history: Mapping[str, Any], *, ax: Any = None, x: str = "epochs") -> Self:
        """Draw a history.

        Parameters
        ----------
        history : History
            As `Network.fit` returns it.
        ax : matplotlib Axes, optional
            Without it, a new figure's.
        x : {'epochs', 'seconds'}, default='epochs'
            What the horizontal axis counts.

        Returns
        -------
        TrainingCurvesDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        TypeError
            If it is no history.
        ValueError
            If there is no epoch in it.
        """
        if not hasattr(history, "keys"):
            raise TypeError(
                f"history must be what Network.fit has returned, got {type(history).__name__}: "
                "of an estimator draw from_estimator"
            )
        return cls(history).plot(ax, x=x)

    def plot(self, ax: Any = None, *, x: str = "epochs") -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            The losses'; the scores' axes share its horizontal one. Without it, a new figure's.
        x : {'epochs', 'seconds'}, default='epochs'
            What the horizontal axis counts.

        Returns
        -------
        TrainingCurvesDisplay
            The display itself.

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            For another x, where the seconds are not known, or if there is no epoch.
        """
        costs = [name for name in ("cost", "evaluation_cost") if len(self.history.get(name, ()))]
        scores = [
            start + name
            for name in SCORES
            for start in ("", "evaluation_")
            if len(self.history.get(start + name, ()))
        ]
        if not costs and "cost" in self.history:
            raise ValueError("the history has no epochs: nothing was trained")
        if not costs:
            raise ValueError(f"the history must have 'cost', got {sorted(self.history)}")
        along = self._along(x)
        self.ax_ = axes(ax)
        self.score_ax_: Any = self.ax_.twinx() if scores else None
        self.figure_, self.lines_ = self.ax_.figure, []
        place: Any
        for names, place, color in ((costs, self.ax_, "C0"), (scores, self.score_ax_, "C1")):
            for name in names:
                style = "--" if name.startswith("evaluation_") else "-"
                label = name.replace("evaluation_", "validation ").replace("cost", "loss")
                marker = "o" if len(along) == 1 else None
                self.lines_ += place.plot(
                    along, self.history[name], style, color=color, label=label, marker=marker
                )
        self.ax_.set(xlabel="epoch" if x == "epochs" else "seconds", ylabel="loss")
        if self.score_ax_ is not None:
            self.score_ax_.set_ylabel(scores[-1].removeprefix("evaluation_"))
        if self.best_epoch:
            at = along[self.best_epoch - 1]
            self.lines_.append(self.ax_.axvline(at, ls=":", color="grey", label="kept"))
        if x == "epochs":
            self.ax_.xaxis.get_major_locator().set_params(integer=True)
        # On the axes that are drawn last, so that no curve runs over it.
        (self.score_ax_ or self.ax_).legend(handles=self.lines_, loc="center right")
        return self

    def _along(self, x: str) -> Any:
        if x not in ("epochs", "seconds"):
            raise ValueError(f"x must be 'epochs' or 'seconds', got {x!r}")
        if x == "epochs":
            return np.arange(1, len(self.history["cost"]) + 1)
        seconds = np.asarray(self.history.get("seconds", []), dtype=float)
        if not seconds.size or np.isnan(seconds).any():
            raise ValueError(
                "x='seconds' needs the seconds of every epoch, and a model that was loaded has none"
            )
        return np.cumsum(seconds)
