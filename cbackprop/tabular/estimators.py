"""What do TabularClassifier and TabularRegressor share: parameters, the fit, predictions."""

from __future__ import annotations

from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, _fit_context, clone
from sklearn.metrics import check_scoring
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
)

from cbackprop.callbacks.protocol import (
    CallbackSupportMixin,
    check_callbacks,
    not_within_itself,
    without_fit,
)
from cbackprop.estimators.agreement import as_one, told_to
from cbackprop.estimators.judging import Given, score_by
from cbackprop.files.savable import Savable
from cbackprop.running.differences import checksum_of
from cbackprop.running.execution import Execution
from cbackprop.running.ranks import ALONE
from cbackprop.tabular.embeddings import embeddings_for
from cbackprop.tabular.encoder import TableEncoder
from cbackprop.tabular.fitting import train_again, train_members
from cbackprop.tabular.folds import splits
from cbackprop.tabular.importances import importances_of, spreads_of
from cbackprop.tabular.members import Member, Rows, Settings, new_member
from cbackprop.tabular.outputs import Outputs, means_of_folds
from cbackprop.tabular.predictor import Served
from cbackprop.tabular.recipes import RECIPES
from cbackprop.tabular.table import Stacked, as_table, rows_of
from cbackprop.training.undo import all_or_nothing
from cbackprop.validation.arrays import check_given
from cbackprop.validation.checks import check_sign
from cbackprop.validation.columns import explained

ROWS_OF_BATCH = {1024: 64, 8192: 128, 30_000: 256, 100_000: 512}
MOST_STEPS_OF_ALL = 64 * 50_000  # rows times epochs: with more rows there are fewer epochs
FEWEST_EPOCHS = 16
MAY_BE_AUTO = "max_epochs", "batch_size", "learning_rate"
AS_MUCH_AS_IT_TAKES = 1e15  # of work: every thread that may pays


class Tabular(Savable, CallbackSupportMixin, Served, BaseEstimator):
    """What the two share."""

    # For the one call of fit: meta-estimators have nothing to route.
    __metadata_request__fit: ClassVar[dict] = {"callbacks": UNUSED, "comm": UNUSED}
    _parameter_constraints: ClassVar[dict] = {
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "embedding": [StrOptions({"piecewise", "periodic"}), None],
        "max_epochs": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "categorical_features": TableEncoder._parameter_constraints["categorical_features"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_folds": [None, Interval(Integral, 2, None, closed="left")],
        "refit": ["boolean"],
        "recipe": [StrOptions(set(RECIPES))],
        "scoring": [None, str, callable],
        "early_stopping": ["boolean"],
        "random_state": ["random_state"],
        "n_jobs": [None, Integral],
        "verbose": ["verbose"],
    }
    _task: ClassVar[str]  # "classes" or "numbers"

    @as_one
    @not_within_itself
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, callbacks=(), comm=None):
        """Fit the model to a table.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            Numbers and categories, with holes, as `TableEncoder` takes them.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels, a multilabel indicator, or numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        X_val, y_val : as X and y, default=None
            Rows to choose the epoch by, in place of some of X.
        callbacks : list, default=()
            For this fit: objects with the hooks of `cbackprop.callbacks.Callback`, or functions of
            the estimator and its `History`, called after every epoch; True stops. The history has
            each epoch's loss, `cost`, and score, `evaluation_score`; the estimator predicts as its
            members do after that epoch. The epochs of `refit` are not told. Callbacks set with
            `set_callbacks` (scikit-learn 1.9) are called, too.
        comm : communicator, default=None
            Divide the members among the processes of it, as mpi4py's ``MPI.COMM_WORLD``: see the
            page "Past one machine". Each is given the same table, and has the whole model then,
            that of one process to the bit.

        Returns
        -------
        TabularClassifier or TabularRegressor
            The estimator itself.

        Raises
        ------
        TypeError, ValueError
            For a table that `TableEncoder` refuses, targets that cannot be learnt, or a scorer
            that fails; the estimator is then as it was.

        Notes
        -----
        Ctrl-C ends a fit with a warning, and the best epoch so far; one in `refit`, with the
        members as they were before it.
        """
        heard = check_callbacks(callbacks)
        with all_or_nothing(self, random_state=self.random_state, error=BaseException):
            ranks = ALONE if comm is None else comm
            return self._fit(X, y, sample_weight, X_val, y_val, heard, ranks)

    def _fit(self, X, y, sample_weight, X_val, y_val, callbacks, ranks):
        given = Given(X, y, sample_weight, X_val, y_val)
        ranks.agree(lambda: told_to(self, given))
        rng = check_random_state(ranks.seed(self.random_state))
        if (X_val is None) != (y_val is None):
            missing = "y_val" if y_val is None else "X_val"
            raise ValueError(f"X_val and y_val go together, and {missing} was not passed")
        if X_val is not None and self.n_folds is not None:
            raise ValueError(
                "rows are held out fold by fold, or given as X_val and y_val, not both"
            )
        execution = Execution(self.n_jobs, ranks)
        X = as_table(X)
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None"
            )
        check_consistent_length(X, y)
        if len(X) < 2:
            raise ValueError("n_samples=1: nothing can be learnt from one row")
        targets = self._take_targets(y)
        weight = self._weights(X, targets, sample_weight)
        parts = splits(self, targets, weight, X_val is not None, rng)
        # Where there is nothing to hold out, all members have the one part.
        of_a_part = -(-self.n_members // len(parts)) if self.n_folds is None else self.n_members
        # The encoder looks at the rows trained on; with folds each row is one for some member.
        train = np.unique(np.concatenate([part[0] for part in parts]))
        outputs = self._outputs_for(targets[train])
        encoder = TableEncoder(
            self.categorical_features,
            max_one_hot=RECIPES[self.recipe].most_one_hot,
        )
        encoder.fit(X if train.size == len(X) else rows_of(X, train))
        encoded = encoder._encode(X)
        if encoded.shape[1] == 0:
            raise ValueError("X has nothing to learn from: all its values are missing")
        self._use(encoder)
        if X_val is not None:
            check_consistent_length(X_val, y_val)
            given = encoder._encode(X_val), self._more_targets(y_val)
            if given[1].shape[1:] != targets.shape[1:]:
                raise ValueError(
                    f"y_val must have as many columns as y: got {_shown(given[1])} for "
                    f"{_shown(targets)}"
                )
            n = encoded.shape[0]
            encoded = np.concatenate([encoded, given[0]])
            targets = np.concatenate([targets, given[1]])
            if weight is not None:
                own = self._class_weights(given[1])
                own = np.ones(len(given[1])) if own is None else own
                if not own.any():
                    raise ValueError("class_weight leaves no row of X_val a weight above 0")
                weight = np.concatenate([weight, own], dtype=np.float32)
            parts = [(train, np.arange(n, encoded.shape[0]))]
        ranks.agree(
            lambda: {
                "the table, of which every rank is to bring the same, by its checksum": checksum_of(
                    vars(encoder), encoded, targets, weight
                )
            }
        )
        self._outputs = outputs
        n_rows = parts[0][0].size
        settings = self._settings(outputs, n_rows)
        settings.embeddings = embeddings_for(encoder, encoded, train, self.embedding)
        self.settings_ = self._chosen(settings)
        learnt = outputs.learnt(targets)
        members = [
            new_member(
                Rows(encoded, learnt, weight, *part),
                outputs.n_outputs,
                settings,
                int(rng.randint(2**31 - 1)),
            )
            for part in parts
            for _ in range(of_a_part)
        ]
        for name in ("oof_prediction_", "_spreads"):
            vars(self).pop(name, None)
        threads = partial(execution.threads, AS_MUCH_AS_IT_TAKES)
        state = train_members(
            self,
            members,
            self._judge(outputs, members[::of_a_part], of_a_part, targets, weight),
            callbacks,
            n_threads=min(len(members), threads()),
            ranks=ranks,
            X=X,
            y=y,
            metadata=None if sample_weight is None else {"sample_weight": sample_weight},
        )
        if self.n_folds is not None:
            self.oof_prediction_ = self._out_of_fold(outputs, members, len(targets))
        if self.refit and not state.interrupted:
            stacked = Stacked(X, X_val)
            self._train_again(
                stacked, targets, weight, settings, rng, n_threads=threads(), ranks=ranks
            )
        if self.encoder_ is encoder:  # of the first fit
            self._spreads = spreads_of(self.networks_, encoded)
        return self

    def _train_again(
        self,
        table: Stacked,
        targets: NDArray,
        weight: NDArray | None,
        settings: Settings,
        rng,
        **how,
    ) -> None:
        """All members anew, on all rows that weigh something, and an encoder of these."""
        train_on = np.arange(len(targets)) if weight is None else np.flatnonzero(weight)
        outputs = self._outputs_for(targets[train_on])
        encoder = clone(self.encoder_)
        encoder._fit_columns(table.columns(train_on), table.upper)
        encoded = encoder._encode(table.upper)
        if table.lower is not None:
            encoded = np.concatenate([encoded, encoder._encode(table.lower)])
        settings.embeddings = embeddings_for(encoder, encoded, train_on, self.embedding)
        rows = Rows(encoded, outputs.learnt(targets), weight, train_on, np.arange(0))
        members = train_again(self, rows, outputs, settings, rng, **how)
        if members is not None:
            self._use(encoder)
            self._outputs, self.networks_ = outputs, [member.network for member in members]
            self._spreads = spreads_of(self.networks_, encoded)

    def _use(self, encoder: TableEncoder) -> None:
        """Take a fitted encoder, and what it knows of the features."""
        self.encoder_, self.n_features_in_ = encoder, encoder.n_features_in_
        self.__dict__.pop("feature_names_in_", None)
        if hasattr(encoder, "feature_names_in_"):
            self.feature_names_in_ = encoder.feature_names_in_

    # What the subclasses say.

    def _take_targets(self, y) -> NDArray:
        """Checked targets as numbers; labels by their positions."""
        raise NotImplementedError

    def _more_targets(self, y) -> NDArray:
        """Those of other rows."""
        raise NotImplementedError

    def _outputs_for(self, targets: NDArray) -> Outputs:
        raise NotImplementedError

    def _class_weights(self, targets: NDArray) -> NDArray | None:
        return None

    def _predictor(self, said: NDArray) -> Any:
        """An estimator that predicts this, for scorers."""
        raise NotImplementedError

    def _scored_targets(self, targets: NDArray) -> Any:
        raise NotImplementedError

    def _score_of(self, said: NDArray, targets: NDArray, weight: NDArray | None) -> float:
        """The score that is asked for by `scoring=None`."""
        raise NotImplementedError

    # The fit's parts.

    def _weights(self, X, targets, sample_weight) -> NDArray | None:
        weight = self._class_weights(targets)
        if sample_weight is not None:
            check_given("sample_weight", sample_weight)
            with explained(sample_weight=sample_weight):
                given = _check_sample_weight(sample_weight, np.empty((len(targets), 1)))
            given = check_sign(given)
            weight = given if weight is None else weight * given
        if weight is not None and not np.any(weight):
            raise ValueError(
                "class_weight and sample_weight leave no row a weight above 0: look at both"
            )
        if weight is None:
            return None
        with np.errstate(over="ignore"):
            return check_sign(np.ascontiguousarray(weight, dtype=np.float32))

    def _settings(self, outputs: Outputs, n_rows: int) -> Settings:
        hidden = self.hidden_layer_sizes
        batch, epochs, rate = self.batch_size, self.max_epochs, self.learning_rate
        if batch == "auto":
            batch = next((size for most, size in ROWS_OF_BATCH.items() if n_rows <= most), 1024)
        if epochs == "auto":
            epochs = max(FEWEST_EPOCHS, min(64, MOST_STEPS_OF_ALL // n_rows))
        recipe = RECIPES[self.recipe]
        return Settings(
            recipe=recipe,
            hidden=tuple(hidden) if hasattr(hidden, "__iter__") else (hidden,),
            activation=getattr(recipe.activation, self._task),
            output=outputs.output,
            loss=outputs.loss,
            max_epochs=int(epochs),
            batch_size=int(batch),
            learning_rate=float(
                getattr(recipe.learning_rate, self._task) if rate == "auto" else rate
            ),
            weight_decay=float(self.weight_decay),
            dropout=float(self.dropout),
        )

    def _chosen(self, settings: Settings) -> dict[str, Any]:
        """What the parameters that may be 'auto' are in this fit."""
        return {name: getattr(settings, name) for name in MAY_BE_AUTO}

    def _judge(
        self,
        outputs: Outputs,
        firsts: list[Member],
        n_each: int,
        targets: NDArray,
        weight: NDArray | None,
    ) -> Any:
        """The score of what members say of the rows they held out, `n_each` together; or None."""
        if not firsts[0].rows.held_out.size:
            return None
        scorer = None
        if self.scoring is not None and self.scoring != "loss":
            scorer = check_scoring(self, self.scoring)
        rows = np.concatenate([member.rows.held_out for member in firsts])
        held_out, own = targets[rows], None if weight is None else weight[rows]

        def judge(said: list[NDArray]) -> float:
            mean = outputs.said(means_of_folds(said, n_each))
            if scorer is not None:
                rows, true = np.empty((len(held_out), 1)), self._scored_targets(held_out)
                predicted, what = self._predictor(mean), "rows held out"
                return score_by(scorer, predicted, rows, true, own, name=self.scoring, rows=what)
            if self.scoring is None:
                return self._score_of(mean, held_out, own)
            return -self._loss_of(mean, held_out, own)

        return judge

    def _loss_of(self, said: NDArray, targets: NDArray, weight: NDArray | None) -> float:
        raise NotImplementedError

    def _out_of_fold(self, outputs: Outputs, members: list[Member], n: int) -> NDArray:
        """What the members say of the rows that they were not trained on."""
        said = [member.held_out_outputs() for member in members]
        rows = np.concatenate([member.rows.held_out for member in members[:: self.n_members]])
        means = outputs.said(means_of_folds(said, self.n_members))
        out = np.empty((n, means.shape[1]))
        out[rows] = means
        return out

    # Predicting.

    def _said(self, X) -> NDArray:
        """The mean over the members of what they say of the rows (n, n_outputs)."""
        if "networks_" not in vars(self):  # which is soon told: one row is microseconds
            check_is_fitted(self)
        encoded = self.encoder_._encode(X)
        execution = Execution(self.n_jobs)
        total = np.zeros((encoded.shape[0], self._outputs.n_outputs))
        for network in self.networks_:
            total += network._predict(encoded, execution)
        return self._outputs.said(total / len(self.networks_))

    @property
    def feature_importances_(self) -> NDArray:
        """How much of the first layer each column of the table makes up, (n_features,).

        Of every number that the first layer gets: the length of its weights, times its standard
        deviation over the rows of `fit`, of large tables over some 8,000 of them. Of a column: the
        root of the sum of these squares over all that it is encoded and embedded as. Then the mean
        over the members, and divided by the sum. A constant column has 0. It is quick, and rough:
        what a column is worth, `sklearn.inspection.permutation_importance` says.
        """
        check_is_fitted(self)
        if "_spreads" not in vars(self):
            raise AttributeError(
                "there are no feature_importances_ before the end of fit, nor from files of "
                "earlier versions"
            )
        sources = self.encoder_.sources_
        return importances_of(self.networks_, self._spreads, sources, self.n_features_in_)

    def __getstate__(self) -> dict[str, Any]:
        return without_fit(dict(super().__getstate__()))

    def __sklearn_is_fitted__(self) -> bool:
        return "networks_" in vars(self)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = tags.input_tags.string = True
        return tags


def _shown(targets: NDArray) -> str:
    return "a vector" if targets.ndim == 1 else f"{targets.shape[1]}"
