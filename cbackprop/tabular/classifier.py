"""What is TabularClassifier to its users: parameters, predictions, documentation."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import column_or_1d, compute_sample_weight
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from cbackprop.estimators.targets import as_indicator, plain_indicator
from cbackprop.files.registry import saved_by
from cbackprop.tabular.estimators import Tabular
from cbackprop.tabular.file import TabularDescription
from cbackprop.tabular.members import Settings
from cbackprop.tabular.outputs import Classes, Indicators, Outputs
from cbackprop.tabular.table import holes
from cbackprop.validation.arrays import check_given
from cbackprop.validation.naming import named, public


@public("cbackprop.tabular")
@named
@saved_by(TabularDescription)
class TabularClassifier(ClassifierMixin, Tabular):
    """A classifier for a table as it is: numbers, categories and holes, good without tuning.

    Some networks are trained side by side, a thread each, on the table that `TableEncoder` makes
    numbers of; their probabilities are averaged. Each holds out another fifth of the rows, and the
    epoch is kept, for all the same one, whose predictions for these rows were the best. The same
    `random_state` gives the same bits for any `n_jobs`.

    Parameters
    ----------
    n_members : int, default=5
        Networks that are averaged.
    hidden_layer_sizes : int or array-like, default=(128, 128, 128)
        Units of every hidden layer of each.
    embedding : {'piecewise', 'periodic'} or None, default='piecewise'
        What the first layer gets of a column of numbers: four numbers each, of lines or of waves
        that are learnt, or the number alone. See `PiecewiseLinear` and `Periodic`.
    max_epochs : int or 'auto', default='auto'
        Looks at all rows. 'auto': 64, or fewer for more than 50,000 rows, down to 16.
    batch_size : int or 'auto', default='auto'
        Rows of a mini-batch. 'auto': 64 up to 1,024 rows to train on, 128 up to 8,192, 256 up to
        30,000, 512 up to 100,000, else 1,024.
    learning_rate : float or 'auto', default='auto'
        The largest of AdamW's rates, which rise and fall four times; 'auto' is 0.04.
    dropout : float, default=0.15
        Share of the hidden units that a step leaves out.
    weight_decay : float, default=0.02
        Of AdamW, for weights; biases do not decay.
    label_smoothing : float or 'auto', default='auto'
        Share of every label that is spread over all. 'auto': 0.1 where accuracy chooses the epoch,
        else 0.
    categorical_features : 'from_dtype', list or None, default='from_dtype'
        Which columns are categories: see `TableEncoder`.
    class_weight : dict, list of dicts, 'balanced' or None, default=None
        What the rows of a class weigh, as everywhere in scikit-learn.
    validation_fraction : float, default=0.2
        Share of the rows that a member holds out, to choose the epoch by; other rows for each, as
        long as there are enough.
    n_folds : int, optional
        Fold after fold is held out instead, and as many networks trained: `n_members` for each.
        They are all averaged, and out-of-fold predictions kept.
    recipe : {'default', 'realmlp_td', 'realmlp_td_s'}, default='default'
        What else the networks are made of, and how their parts are trained: ours, or as published;
        `cbackprop.presets` has the parameters that belong to these.
    refit : bool, default=False
        Train `n_members` networks anew on all rows, the held-out ones too, with an encoder of all
        of them, and stop at the epoch that was the best; these are then the members. Scores,
        history and out-of-fold predictions stay those of the first fit.
    scoring : str, callable or None, default=None
        What chooses the epoch. None: accuracy; 'loss': the log loss; or a scorer of scikit-learn's.
    early_stopping : bool, default=False
        Stop after epoch 2 b + 20, where b is the best one. The rates fall as if it went on.
    random_state : int, RandomState instance or None, default=None
        Draws the rows held out, parameters, shuffles and dropout.
    n_jobs : int or None, default=None
        Members that are trained at a time; None or -1: as many as BLAS may use threads.
    verbose : bool, default=False
        Show a bar with members, epochs, score, the best one and the time left; a line for every
        epoch where standard output is no terminal.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    encoder_ : TableEncoder
        Fitted to the rows trained on.
    networks_ : list of Network
        The members, after the epoch that was kept.
    best_epoch_ : int
        That epoch, from 1.
    settings_ : dict
        What 'auto' has become, by the names of the parameters.
    feature_importances_ : ndarray of shape (n_features,)
        How much of the first layer each column makes up: quick, and rough; they sum to 1.
    n_epochs_ : int
        Epochs that were made.
    validation_score_ : float or None
        Of the predictions for the rows held out, by whoever held them out; None without any.
    history_ : History
        Loss, score and seconds of every epoch.
    oof_prediction_ : ndarray of shape (n_samples, n_classes)
        With `n_folds`: the probabilities from the members that were not trained on the row.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X had feature names that are all strings.

    See Also
    --------
    TabularRegressor : The same for numbers.
    TableEncoder : What makes numbers of the table.
    MLPClassifier : A network for numbers, with scikit-learn's parameters.

    References
    ----------
    Holzmueller, Grinsztajn and Steinwart (2024), "Better by default: strong pre-tuned MLPs and
    boosted trees on tabular data", arXiv:2407.04491, for preprocessing, rates and their factors,
    and how the epoch is chosen. Gorishniy, Rubachev and Babenko (2022), "On embeddings for
    numerical features in tabular deep learning", arXiv:2203.05556.

    Examples
    --------
    >>> import numpy as np
    >>> from cbackprop.tabular import TabularClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = np.empty((200, 2), dtype=object)
    >>> X[:, 0], X[:, 1] = rng.normal(size=200), rng.choice(["red", "blue", None], size=200)
    >>> y = np.where((X[:, 0] > 0) == (X[:, 1] == "red"), "yes", "no")
    >>> clf = TabularClassifier(random_state=0).fit(X[:150], y[:150])
    >>> bool(clf.score(X[150:], y[150:]) > 0.9)
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **Tabular._parameter_constraints,
        "label_smoothing": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="left")],
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
    }
    _task = "classes"

    def __init__(
        self,
        *,
        n_members=5,
        hidden_layer_sizes=(128, 128, 128),
        embedding="piecewise",
        max_epochs="auto",
        batch_size="auto",
        learning_rate="auto",
        dropout=0.15,
        weight_decay=0.02,
        label_smoothing="auto",
        categorical_features="from_dtype",
        class_weight=None,
        validation_fraction=0.2,
        n_folds=None,
        refit=False,
        recipe="default",
        scoring=None,
        early_stopping=False,
        random_state=None,
        n_jobs=None,
        verbose=False,
    ):
        self.n_members = n_members
        self.hidden_layer_sizes = hidden_layer_sizes
        self.embedding = embedding
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.dropout = dropout
        self.weight_decay = weight_decay
        self.label_smoothing = label_smoothing
        self.categorical_features = categorical_features
        self.class_weight = class_weight
        self.validation_fraction = validation_fraction
        self.n_folds = n_folds
        self.refit = refit
        self.recipe = recipe
        self.scoring = scoring
        self.early_stopping = early_stopping
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def predict_proba(self, X) -> NDArray:
        """Probability of every class.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            With the columns of `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`: the mean of the members'.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        TypeError, ValueError
            For another table than that of `fit`.
        """
        return self._answer("predict_proba", self._said(X))

    def predict(self, X) -> NDArray:
        """Predict classes.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            With the columns of `fit`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            The labels, or a multilabel indicator.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        TypeError, ValueError
            For another table than that of `fit`.
        """
        return self._answer("predict", self._said(X))

    def _answer(self, method: str, said: NDArray) -> NDArray:
        said = said[:, : len(self.classes_)]
        said = said if len(self.classes_) > 1 else np.ones_like(said)
        return said if method == "predict_proba" else self._labels(said)

    def _labels(self, probabilities: NDArray) -> NDArray:
        if isinstance(self._outputs, Indicators):
            return (probabilities > 0.5).astype(np.intp)
        return self.classes_[probabilities.argmax(axis=1)]

    def _take_targets(self, y) -> NDArray:
        check_given("y", y, numbers=False)
        _check_no_holes(y)
        check_classification_targets(y)
        given = plain_indicator(y)
        if type_of_target(given).startswith("multilabel"):
            targets = as_indicator(given if hasattr(given, "tocsr") else np.asarray(given))
            self.classes_ = np.arange(targets.shape[1])
            return targets
        self.classes_, targets = np.unique(column_or_1d(y, warn=True), return_inverse=True)
        return targets.reshape(-1)

    def _more_targets(self, y) -> NDArray:
        check_given("y_val", y, numbers=False)
        given = plain_indicator(y)
        if hasattr(given, "tocsr"):
            return as_indicator(given)
        if np.ndim(given) == 2 and np.shape(given)[1] > 1:
            return as_indicator(np.asarray(given))
        labels = column_or_1d(y)
        unknown = sorted(set(labels.tolist()) - set(self.classes_.tolist()), key=str)
        if unknown:
            raise ValueError(f"y_val has labels that y has not: {unknown}")
        return np.searchsorted(self.classes_, labels)

    def _smoothing(self) -> float:
        if self.label_smoothing == "auto":
            return 0.1 if self.scoring in (None, "accuracy") else 0.0
        return float(self.label_smoothing)

    def _chosen(self, settings: Settings) -> dict[str, Any]:
        return {**super()._chosen(settings), "label_smoothing": self._smoothing()}

    def _outputs_for(self, targets: NDArray) -> Outputs:
        smoothing = self._smoothing()
        if targets.ndim == 2:
            return Indicators(targets.shape[1], smoothing)
        return Classes(len(self.classes_), smoothing)

    def _class_weights(self, targets: NDArray) -> NDArray | None:
        if self.class_weight is None:
            return None
        if targets.ndim == 2:
            labels, every = targets.astype(int), np.repeat([[0], [1]], targets.shape[1], axis=1)
        else:
            labels, every = self.classes_[targets], self.classes_
        if isinstance(self.class_weight, str):
            return compute_sample_weight(self.class_weight, labels)
        # These few rows may not have every class, of which scikit-learn makes an error.
        weight = compute_sample_weight(self.class_weight, np.concatenate([every, labels]))
        return weight[len(every) :]

    def _score_of(self, said: NDArray, targets: NDArray, weight: NDArray | None) -> float:
        if targets.ndim == 2:
            right = ((said > 0.5) == targets).all(axis=1)
        else:
            right = said.argmax(axis=1) == targets
        return float(np.average(right, weights=weight))

    def _loss_of(self, said: NDArray, targets: NDArray, weight: NDArray | None) -> float:
        eps = np.finfo(np.float32).eps
        p = np.clip(said, eps, 1 - eps)
        if targets.ndim == 2:
            each = -np.where(targets, np.log(p), np.log(1 - p)).sum(axis=1)
            return float(np.average(each, weights=weight))
        each = -np.log(p[np.arange(len(p)), targets])
        return float(np.average(each, weights=weight))

    def _scored_targets(self, targets: NDArray) -> Any:
        return targets.astype(int) if targets.ndim == 2 else self.classes_[targets]

    def _predictor(self, said: NDArray) -> Any:
        return _Said(self, said[:, : len(self.classes_)])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _check_no_holes(y: Any) -> None:
    """ValueError for a label that is missing: among text it would be one of the labels."""
    if hasattr(y, "tocsr"):
        return
    items = np.asarray(y, dtype=object if isinstance(y, list | tuple) else None)
    if items.dtype.kind not in "fO" or not items.size:
        return
    flat = items.ravel()
    missing = holes(flat) if items.dtype.kind == "O" else np.isnan(flat)
    if missing.any():
        row = int(np.argmax(missing)) // (items.size // len(items))
        raise ValueError(
            f"y contains NaN or None: there is no label in row {row}; leave out such rows"
        )


class _Said(ClassifierMixin, BaseEstimator):
    """A classifier that has said it already, for scorers."""

    def __init__(self, fitted: TabularClassifier, probabilities: NDArray):
        self.fitted, self.probabilities = fitted, probabilities
        self.classes_ = fitted.classes_

    def predict_proba(self, X):
        return self.probabilities

    def predict(self, X):
        return self.fitted._labels(self.probabilities)

    def __sklearn_is_fitted__(self):
        return True
