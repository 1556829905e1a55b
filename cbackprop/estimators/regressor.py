"""What is MLPRegressor to its users: parameters, predictions, documentation."""

from __future__ import annotations

from numbers import Real
from typing import ClassVar

from scipy import LowLevelCallable
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from cbackprop.callbacks.protocol import not_within_itself
from cbackprop.estimators.agreement import as_one
from cbackprop.estimators.base import MLP
from cbackprop.estimators.blockwise import rows_have_y, with_truth
from cbackprop.estimators.file import EstimatorDescription
from cbackprop.estimators.given import RegressorOfWeights
from cbackprop.estimators.judging import Given
from cbackprop.estimators.targets import Numbers, d2_of_quantiles, several_quantiles
from cbackprop.files.registry import saved_by
from cbackprop.functions.losses import OF_NUMBERS, Loss
from cbackprop.running.ranks import ALONE
from cbackprop.running.rows import mapped
from cbackprop.validation.naming import named, public


@public("cbackprop.estimators")
@named
@saved_by(EstimatorDescription)
class MLPRegressor(RegressorMixin, RegressorOfWeights, MLP):
    r"""Multilayer perceptron regressor: scikit-learn's, trained in compiled code.

    The same parameters, data and `random_state` give the model that
    `sklearn.neural_network.MLPRegressor` gives, to rounding.

    Parameters
    ----------
    loss : str, Loss or callable, default='squared_error'
        Of a row, summed over its outputs: 'squared_error', half of it; 'absolute_error', whose
        minimum is the median; 'huber', quadratic up to a distance of 1 and linear from there on;
        'log_cosh', much the same but smooth; 'quantile', the pinball loss; 'poisson' or 'gamma',
        half the deviance, whose output is exponential. The last two need y that is not negative,
        or positive. Or one of `cbackprop.losses` with parameters, as ``Huber(delta=2.0)``, or a
        function of (z, y, weight), see `cbackprop.losses.Custom`. Only the first and 'poisson' are
        in scikit-learn.
    hidden_layer_sizes : int or array-like of shape (n_layers - 2,), default=(100,)
        Units of every hidden layer; ``()`` for none.
    activation : str, Activation or list of them, default='relu'
        The hidden layers', or a list of one for each: scikit-learn's 'identity', 'logistic',
        'tanh' and 'relu', and those that `Network` names besides.
    solver : {'lbfgs', 'sgd', 'adam'}, default='adam'
        SciPy's L-BFGS over all rows, or mini-batches with SGD or Adam.
    alpha : float, default=0.0001
        Strength of the L2 term, :math:`\frac{\alpha}{2m} \lVert W \rVert^2` for a mini-batch whose
        rows weigh m.
    batch_size : int or 'auto', default='auto'
        Rows of a mini-batch; 'auto' is ``min(200, n_samples)``.
    learning_rate : str, Schedule or callable, default='constant'
        With solver='sgd' one of scikit-learn's words: 'constant' stays; 'invscaling' is
        ``learning_rate_init / (t + 1) ** power_t`` after t samples; 'adaptive' is divided by 5
        when there is no improvement for `n_iter_no_change` epochs. With sgd and adam also a
        schedule of `cbackprop.schedules`, as ``Cosine(warmup=0.1)``, or a function of t: factors
        of `learning_rate_init` for every step, t being the share that is done of `max_iter`
        epochs: to make them all is then no reason for a warning. `partial_fit`, which has no end,
        takes none of those that look at t.
    learning_rate_init : float, default=0.001
        The first learning rate (sgd, adam), or what the factors of a schedule are multiplied by.
    power_t : float, default=0.5
        The exponent of 'invscaling'.
    max_iter : int, default=200
        Most epochs (sgd, adam) or iterations (lbfgs).
    shuffle : bool, default=True
        Whether to shuffle the rows before every epoch (sgd, adam).
    random_state : int, RandomState instance or None, default=None
        Draws the initial parameters, early stopping's split and the shuffles, just as
        scikit-learn draws them.
    tol : float, default=1e-4
        An epoch that is not better by this much counts as no improvement.
    verbose : bool, default=False
        Print the loss of every epoch.
    warm_start : bool, default=False
        Let `fit` go on from the parameters at hand.
    momentum : float, default=0.9
        Momentum of sgd, in [0, 1].
    nesterovs_momentum : bool, default=True
        Whether it is Nesterov's.
    early_stopping : bool, default=False
        Hold out rows, stop when their score no longer improves, keep the best parameters.
    validation_fraction : float or splitter, default=0.1
        Share of the rows to hold out; or one of scikit-learn's splitters, as
        ``GroupShuffleSplit(1)`` with the `groups` of `fit`, or ``TimeSeriesSplit()``: the last of
        its splits says which rows to train on, and which to hold out.
    beta_1 : float, default=0.9
        Decay rate of adam's mean of the gradient, in [0, 1).
    beta_2 : float, default=0.999
        Decay rate of adam's mean of the gradient's square, in [0, 1).
    epsilon : float, default=1e-8
        Added to the root of adam's second mean.
    n_iter_no_change : int, default=10
        Epochs without improvement after which to stop, or to lower an adaptive rate.
    max_fun : int, default=15000
        Most loss evaluations of lbfgs.
    clip_value : float, optional
        Keep every component of the gradient within -clip_value ... clip_value (sgd, adam). Not
        in scikit-learn, nor are those that follow.
    clip_norm : float, optional
        Shorten the gradient over all layers to this length if it is longer. One of the two at
        most.
    l1 : float, optional
        Strength of the L1 term, :math:`\frac{l_1}{m} \lvert W \rvert_1` for a mini-batch whose rows
        weigh m (sgd, adam).
    dropout : float or list of float, optional
        The share, in [0, 1), of every hidden layer's units that a step leaves out, or a list of one
        for each layer: of every row others (sgd, adam; Srivastava and others, 2014). What is left
        is multiplied by ``1 / (1 - dropout)``. Scores and predictions are of the whole network, the
        losses of the thinned one. Its seed is drawn behind early stopping's split.
    max_norm : float, optional
        After every step the weights that come into a unit, a column of the layer's matrix, are
        shortened to this length if they are longer, in all layers (sgd, adam).
    quantile : float or list of float, optional
        For loss='quantile', which quantile in (0, 1) to predict; None is the median, 0.5. Several
        have an output each, for a y of one column: `predict` gives a column for each.
    scoring : str, callable or None, default=None
        What early stopping goes by. None: the R squared of `score`; 'loss': the loss of the rows
        held out, its sign turned; or a scorer's name, see `sklearn.metrics.get_scorer_names`, or a
        function of (estimator, X, y): the larger the better.
    gradient_norms : bool, default=False
        Write the length of each layer's gradient over the rows trained on into `history_`: a
        forward and a backward pass more in every epoch (sgd, adam).
    ema_decay : float, optional
        In (0, 1): `fit` ends with the exponential moving average of the parameters after every
        epoch, ``ema = ema_decay * ema + (1 - ema_decay) * parameters`` (sgd, adam). Early stopping
        then judges and keeps averages. `partial_fit` does not average.
    swa_epochs : int, optional
        `fit` ends with the mean of the parameters after the last epochs, so many at most
        (stochastic weight averaging; sgd, adam). One of the two at most.
    non_crossing : bool, default=False
        Whether the predictions of several quantiles are rearranged so that a higher quantile is
        never below a lower one (Chernozhukov and others, 2010). Their pinball loss, added up over
        the quantiles, is then smaller or the same for every row.
    trainable : list of bool, optional
        Of each layer of weights, the hidden layers' and the output's: False leaves its weights
        and biases as they are, to the bit, for fine-tuning. None trains all.
    n_jobs : int or None, default=None
        Threads that train together. None: as many as pay off, of those that BLAS may use; -1:
        all those. In scikit-learn BLAS decides.

    Attributes
    ----------
    coefs_ : list of ndarrays (fan_in, fan_out)
        Weights, views into the network's vector: change them in place or assign.
    intercepts_ : list of ndarrays (fan_out,)
        Biases, likewise.
    network_ : Network
        The network behind the estimator.
    loss_ : float
        The last epoch's loss.
    best_loss_ : float or None
        The smallest loss; None with early stopping.
    loss_curve_ : list of float
        The loss of every epoch (sgd, adam).
    validation_scores_ : list of float or None
        The held-out rows' score in every epoch, with early stopping.
    best_validation_score_ : float or None
    best_iter_ : int or None
        With early stopping the epoch whose parameters were kept, from 1; 0 for those it began
        with; None after a warm start in which no epoch was better than those before: the last
        epoch's stay.
    history_ : History
        Lists by name, an entry per epoch: cost (the loss), learning_rate, seconds, evaluation_score
        with early stopping, evaluation_cost with ``scoring="loss"``, and gradient_norms if asked
        for. `pandas.DataFrame` takes it, and `cbackprop.plots` draws it.
    n_iter_ : int
        Epochs or iterations run.
    t_ : int
        Samples seen.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X had feature names that are all strings.
    n_layers_ : int
        Layers, input and output among them.
    n_outputs_ : int
    out_activation_ : str
        The output's activation.

    See Also
    --------
    MLPClassifier : The same for classes.
    Network : The network by itself.

    References
    ----------
    Kingma and Ba (2014), "Adam: a method for stochastic optimization", arXiv:1412.6980. Glorot and
    Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks", for
    the first parameters. Sutskever and others (2013) for momentum: see `SGD`. Chernozhukov,
    Fernandez-Val and Galichon (2010), "Quantile and probability curves without crossing",
    Econometrica 78(3), for `non_crossing`.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from cbackprop import MLPRegressor
    >>> X, y = make_regression(n_samples=200, n_features=20, random_state=1)
    >>> model = MLPRegressor(solver="lbfgs", random_state=1, max_iter=500).fit(X, y / 100)
    >>> bool(model.score(X, y / 100) > 0.99)
    True

    Between two quantiles lie nine tenths of the numbers, about:

    >>> from cbackprop.schedules import Cosine
    >>> model = MLPRegressor("quantile", (20,), quantile=[0.05, 0.5, 0.95], max_iter=50,
    ...                      learning_rate=Cosine(warmup=0.1), learning_rate_init=0.01,
    ...                      random_state=1).fit(X, y / 100)
    >>> model.predict(X[:4]).shape
    (4, 3)
    >>> low, middle, high = model.set_params(non_crossing=True).predict(X).T
    >>> bool((low <= middle).all() and (middle <= high).all())
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **MLP._parameter_constraints,
        "loss": [StrOptions(set(OF_NUMBERS)), Loss, callable, LowLevelCallable],
        "non_crossing": ["boolean"],
        "quantile": [None, Interval(Real, 0, 1, closed="neither"), "array-like"],
    }

    _targets: ClassVar[Numbers] = Numbers()

    def __init__(
        self,
        loss="squared_error",
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        clip_value=None,
        clip_norm=None,
        l1=None,
        dropout=None,
        max_norm=None,
        quantile=None,
        scoring=None,
        gradient_norms=False,
        ema_decay=None,
        swa_epochs=None,
        non_crossing=False,
        trainable=None,
        n_jobs=None,
    ):
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.clip_value = clip_value
        self.clip_norm = clip_norm
        self.l1 = l1
        self.dropout = dropout
        self.max_norm = max_norm
        self.quantile = quantile
        self.scoring = scoring
        self.gradient_norms = gradient_norms
        self.ema_decay = ema_decay
        self.swa_epochs = swa_epochs
        self.non_crossing = non_crossing
        self.trainable = trainable
        self.n_jobs = n_jobs

    def predict(self, X):
        """Predict numbers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or Rows
            Finite numbers, with the features of `fit`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            float32 if both X and the network are, otherwise float64. Several quantiles have a
            column each, in the order in which they were given.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError
            If X is not finite or has other features than in `fit`.
        """
        outputs = self._targets.arranged(self, self._outputs(X))
        return outputs[:, 0] if self.n_outputs_ == 1 else outputs

    @rows_have_y
    def score(self, X, y, sample_weight=None):
        """R squared; of several quantiles, D squared: both are 1 at best, and 0 for a constant.

        D squared is the share of the quantile loss of constant predictions (y's quantiles) that
        the model saves, the mean over the quantiles: see `sklearn.metrics.d2_pinball_score`.
        Early stopping goes by the same numbers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or Rows
            Finite numbers, with the features of `fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The true numbers; of one column for several quantiles. None for `Rows`, which have them.
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
        ValueError
            If X is not finite or has other features than in `fit`, or if y does not fit it.
        """
        check_is_fitted(self)
        guess, y, sample_weight = with_truth(self, X, y, sample_weight)
        quantiles = several_quantiles(self.network_.loss_function)
        if not quantiles:
            return r2_score(y, guess, sample_weight=sample_weight)
        return d2_of_quantiles(column_or_1d(y), guess, quantiles, sample_weight)

    @available_if(lambda estimator: estimator._check_solver())
    @as_one
    @not_within_itself
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None, *, comm=None, sync_every=1):
        """One epoch over the given data, going on from the parameters at hand.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or Rows
            Finite numbers. The first call settles dtype and number of features.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Finite numbers, as many columns as in the first call; none negative for the Poisson
            loss, and all positive for the gamma loss.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        comm : communicator, default=None
            Make this epoch together with the other processes of it, as in `fit`.
        sync_every : int, default=1
            As in `fit`.

        Returns
        -------
        self : object
            The estimator itself.

        Raises
        ------
        ValueError
            For data or parameters out of range, with early stopping, and with a `learning_rate`
            that depends on the length of the fit.
        AttributeError
            With solver 'lbfgs'.
        """
        ranks = ALONE if comm is None else comm
        with (
            mapped(X, y, sample_weight) as rows,
            self._all_or_nothing(incremental=True) as undo,
        ):
            given = Given(*rows[:3], window=rows.window)
            return self._fit(given, undo, ranks, incremental=True)
