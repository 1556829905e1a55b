"""What is TabularRegressor to its users: parameters, predictions, documentation."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import check_array, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions

from cbackprop.estimators.options import loss_of_numbers
from cbackprop.estimators.targets import d2_of_quantiles, several_quantiles
from cbackprop.files.registry import saved_by
from cbackprop.functions.losses import OF_NUMBERS, Loss
from cbackprop.network.network import Network
from cbackprop.running.execution import Execution
from cbackprop.running.sweeps import Sweep
from cbackprop.tabular.estimators import Tabular
from cbackprop.tabular.file import TabularDescription
from cbackprop.tabular.outputs import Numbers, Outputs
from cbackprop.tabular.recipes import RECIPES
from cbackprop.validation.arrays import check_given
from cbackprop.validation.columns import explained
from cbackprop.validation.naming import named, public


@public("cbackprop.tabular")
@named
@saved_by(TabularDescription)
class TabularRegressor(RegressorMixin, Tabular):
    """A regressor for a table as it is: numbers, categories and holes, good without tuning.

    Some networks are trained side by side, a thread each, on the table that `TableEncoder` makes
    numbers of; their predictions are averaged. Each holds out another fifth of the rows, and the
    epoch is kept, for all the same one, whose predictions for these rows were the best. Targets are
    scaled, and predictions stay in the range that was seen. The same `random_state` gives the same
    bits for any `n_jobs`.

    Parameters
    ----------
    loss : str or Loss, default='squared_error'
        'squared_error', 'absolute_error', 'huber', 'log_cosh', 'quantile', 'poisson' or 'gamma',
        or one of `cbackprop.losses`: see `MLPRegressor`.
    quantile : float or list of float, optional
        For loss='quantile'. Several have a column of predictions each.
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
        The largest of AdamW's rates, which rise and fall four times; 'auto' is 0.1.
    dropout : float, default=0.15
        Share of the hidden units that a step leaves out.
    weight_decay : float, default=0.02
        Of AdamW, for weights; biases do not decay.
    categorical_features : 'from_dtype', list or None, default='from_dtype'
        Which columns are categories: see `TableEncoder`.
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
        What chooses the epoch. None or 'loss': the loss; or a scorer of scikit-learn's.
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
        Of the averaged prediction for the rows held out: the loss with its sign turned, or what
        `scoring` says. None without such rows.
    history_ : History
        Loss, score and seconds of every epoch.
    oof_prediction_ : ndarray of shape (n_samples, n_outputs)
        With `n_folds`: predictions of the members that were not trained on the row.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X had feature names that are all strings.

    See Also
    --------
    TabularClassifier : The same for classes.
    TableEncoder : What makes numbers of the table.
    MLPRegressor : A network for numbers, with scikit-learn's parameters.

    References
    ----------
    As of `TabularClassifier`.

    Examples
    --------
    >>> import numpy as np
    >>> from cbackprop.tabular import TabularRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = np.empty((300, 2), dtype=object)
    >>> X[:, 0], X[:, 1] = rng.uniform(size=300), rng.choice(["red", "blue", None], size=300)
    >>> y = np.sin(9 * X[:, 0].astype(float)) * (X[:, 1] == "red")
    >>> model = TabularRegressor(max_epochs=30, random_state=0).fit(X[:250], y[:250])
    >>> bool(model.score(X[250:], y[250:]) > 0.9)
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **Tabular._parameter_constraints,
        "loss": [StrOptions(set(OF_NUMBERS)), Loss],
        "quantile": [None, Interval(Real, 0, 1, closed="neither"), "array-like"],
    }
    _task = "numbers"

    def __init__(
        self,
        loss="squared_error",
        *,
        quantile=None,
        n_members=5,
        hidden_layer_sizes=(128, 128, 128),
        embedding="piecewise",
        max_epochs="auto",
        batch_size="auto",
        learning_rate="auto",
        dropout=0.15,
        weight_decay=0.02,
        categorical_features="from_dtype",
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
        self.loss = loss
        self.quantile = quantile
        self.n_members = n_members
        self.hidden_layer_sizes = hidden_layer_sizes
        self.embedding = embedding
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.dropout = dropout
        self.weight_decay = weight_decay
        self.categorical_features = categorical_features
        self.validation_fraction = validation_fraction
        self.n_folds = n_folds
        self.refit = refit
        self.recipe = recipe
        self.scoring = scoring
        self.early_stopping = early_stopping
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def predict(self, X) -> NDArray:
        """Predict numbers.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            With the columns of `fit`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The mean of the members' predictions. Several quantiles have a column each.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        TypeError, ValueError
            For another table than that of `fit`.
        """
        return self._answer("predict", self._said(X))

    def _answer(self, method: str, said: NDArray) -> NDArray:
        return self._shaped(said)

    def score(self, X, y, sample_weight=None) -> float:
        """R squared; of several quantiles, D squared: see `MLPRegressor.score`.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            With the columns of `fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The true numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        float
            At most 1.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        TypeError, ValueError
            For another table than that of `fit`.
        """
        predicted = self.predict(X)
        quantiles = several_quantiles(self._outputs.loss)
        if quantiles:
            return d2_of_quantiles(np.ravel(y), predicted, quantiles, sample_weight)
        return r2_score(y, predicted, sample_weight=sample_weight)

    def _shaped(self, said: NDArray) -> NDArray:
        return said[:, 0] if said.shape[1] == 1 else said

    def _take_targets(self, y) -> NDArray:
        check_given("y", y)
        given = y.toarray() if hasattr(y, "toarray") else y
        with explained(as_note=False, y=y):
            targets = check_array(given, ensure_2d=False, dtype=np.float64, input_name="y")
        if targets.ndim == 2 and targets.shape[1] == 1:
            targets = column_or_1d(targets, warn=True)
        targets = targets.reshape(len(targets), -1)
        loss = loss_of_numbers(self.loss, self.quantile)
        loss.check(targets)
        loss.n_outputs(targets.shape[1])
        return targets

    def _more_targets(self, y) -> NDArray:
        return self._take_targets(y)

    def _outputs_for(self, targets: NDArray) -> Outputs:
        loss = loss_of_numbers(self.loss, self.quantile)
        return Numbers(loss, targets, clips=RECIPES[self.recipe].clips)

    def _score_of(self, said: NDArray, targets: NDArray, weight: NDArray | None) -> float:
        return -self._loss_of(said, targets, weight)

    def _loss_of(self, said: NDArray, targets: NDArray, weight: NDArray | None) -> float:
        """The loss of predictions, on the scale of the targets that are learnt."""
        outputs = self._outputs
        z = ((said - outputs.center) / outputs.scale).astype(np.float64)
        if outputs.output == "exp":
            z = np.log(np.maximum(z, np.finfo(np.float64).tiny))
        return _loss(z, outputs.learnt(targets).astype(np.float64), weight, outputs)

    def _scored_targets(self, targets: NDArray) -> Any:
        return self._shaped(targets)

    def _predictor(self, said: NDArray) -> Any:
        return _Said(self._shaped(said))


def _loss(z: NDArray, y: NDArray, weight: NDArray | None, outputs: Any) -> float:
    """The mean loss of what stands before the output's activation: of a layer that copies it."""
    k = z.shape[1]
    # With a seed, or NumPy's own generator would be drawn from after every epoch.
    network = Network([k, k], output_activation=outputs.output, loss=outputs.loss, random_state=0)
    network.weights, network.biases = [np.eye(k)], [np.zeros(k)]
    own = None if weight is None else weight.astype(np.float64)
    sweep = Sweep(network, z, y=y, sample_weight=own, execution=Execution(1))
    return sweep.loss()


class _Said(RegressorMixin, BaseEstimator):
    """A regressor that has said it already, for scorers."""

    def __init__(self, predictions: NDArray):
        self.predictions = predictions

    def predict(self, X):
        return self.predictions

    def __sklearn_is_fitted__(self):
        return True
