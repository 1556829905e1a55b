"""What is MLPClassifier to its users: parameters, predictions, documentation.

The explicit parameters, and their documentation here and in MLPRegressor, are scikit-learn's way.
"""

from __future__ import annotations

from numbers import Real
from typing import ClassVar

from sklearn.base import ClassifierMixin, _fit_context
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    type_of_target,
    unique_labels,
)
from sklearn.utils.validation import check_is_fitted

from cbackprop.callbacks.protocol import not_within_itself
from cbackprop.estimators.agreement import as_one
from cbackprop.estimators.base import MLP
from cbackprop.estimators.blockwise import rows_have_y, with_truth
from cbackprop.estimators.file import EstimatorDescription
from cbackprop.estimators.given import ClassifierOfWeights
from cbackprop.estimators.growing import grow
from cbackprop.estimators.judging import Given
from cbackprop.estimators.probabilities import Probabilities
from cbackprop.estimators.targets import Labels, plain_indicator
from cbackprop.files.registry import saved_by
from cbackprop.running.ranks import ALONE
from cbackprop.running.rows import mapped
from cbackprop.validation.naming import named, public


@public("cbackprop.estimators")
@named
@saved_by(EstimatorDescription)
class MLPClassifier(ClassifierMixin, Probabilities, ClassifierOfWeights, MLP):
    r"""Multilayer perceptron classifier: scikit-learn's, trained in compiled code.

    The same parameters, data and `random_state` give the model that
    `sklearn.neural_network.MLPClassifier` gives, to rounding. It minimises the log loss: of a
    softmax for several classes, of logistic outputs for two classes and for multilabel targets.

    Parameters
    ----------
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
    label_smoothing : float, optional
        In [0, 1): the share of every label that is spread evenly over all classes, or, where an
        output is on or off, over the two (Szegedy and others, 2016). Losses and curves are those
        of the smoothed labels; scores and predictions are of the true ones.
    scoring : str, callable or None, default=None
        What early stopping goes by. None: the accuracy of `score`; 'loss': the loss of the rows
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
    class_weight : dict, list of dicts or 'balanced', optional
        What the rows of a class weigh, times their `sample_weight`: a weight for a class, 1 for
        one that is not named; 'balanced' is ``n_samples / (n_classes * np.bincount(y))``. For
        multilabel targets a list with a dict for each label, as ``{0: 1, 1: 5}``, whose product
        a row weighs, or 'balanced', label by label: those of `compute_sample_weight` in
        scikit-learn. Held-out rows weigh as much in early stopping's accuracy and loss; scorers
        get weights of rows alone. `partial_fit`, which sees a part of y, takes no 'balanced'.
    new_classes : 'add', optional
        Let `partial_fit` add outputs for classes that it has not been told of, in `classes` or y,
        or for more columns of a multilabel y; None is an error. Classes known before keep their
        weights and the optimizer's state, new ones are drawn as the first were. Where there were
        two, their one logit z becomes -z/2 and z/2 of a softmax: their odds stay. `network_` and
        `coefs_` are then new objects.
    trainable : list of bool, optional
        Of each layer of weights, the hidden layers' and the output's: False leaves its weights
        and biases as they are, to the bit, for fine-tuning. None trains all.
    n_jobs : int or None, default=None
        Threads that train together. None: as many as pay off, of those that BLAS may use; -1:
        all those. In scikit-learn BLAS decides.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
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
    MLPRegressor : The same for numbers.
    Network : The network by itself.

    References
    ----------
    Kingma and Ba (2014), "Adam: a method for stochastic optimization", arXiv:1412.6980. Glorot and
    Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks", for
    the first parameters. Sutskever and others (2013) for momentum: see `SGD`. Szegedy and others
    (2016), "Rethinking the Inception architecture for computer vision", arXiv:1512.00567, for
    label smoothing.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from cbackprop import MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MLPClassifier((50,), max_iter=500, random_state=0).fit(X[:1500] / 16, y[:1500])
    >>> bool(clf.score(X[1500:] / 16, y[1500:]) > 0.9)
    True

    With a learning rate that rises and falls, and labels that are less sure:

    >>> from cbackprop.schedules import Cosine
    >>> clf = MLPClassifier((50,), learning_rate=Cosine(warmup=0.1), learning_rate_init=0.02,
    ...                     max_iter=50, tol=0, label_smoothing=0.1, random_state=0)
    >>> bool(clf.fit(X[:1500] / 16, y[:1500]).score(X[1500:] / 16, y[1500:]) > 0.9)
    True

    Where threes are rare and a miss is dear:

    >>> import numpy as np
    >>> rare = np.flatnonzero((y == 8) | ((y == 3) & (np.arange(len(y)) < 250)))
    >>> clf = MLPClassifier((5,), solver="lbfgs", class_weight="balanced", random_state=0)
    >>> bool(clf.fit(X[rare] / 16, y[rare]).score(X[y == 3] / 16, y[y == 3]) > 0.8)
    True

    Hidden layers of one model, frozen, and a new last layer for other classes:

    >>> clf = MLPClassifier((50,), max_iter=500, random_state=0).fit(X[y < 7] / 16, y[y < 7])
    >>> rows = X[y >= 7] / 16
    >>> tuned = MLPClassifier.from_weights(
    ...     [clf.coefs_[0], np.zeros((50, 3))], [clf.intercepts_[0], np.zeros(3)], [7, 8, 9],
    ...     trainable=[False, True], warm_start=True, solver="lbfgs"
    ... ).fit(rows, y[y >= 7])
    >>> bool((tuned.coefs_[0] == clf.coefs_[0]).all()), bool(tuned.score(rows, y[y >= 7]) > 0.9)
    (True, True)

    A class that appears later in a stream:

    >>> clf = MLPClassifier((5,), new_classes="add", random_state=0)
    >>> clf.partial_fit(X[y < 2], y[y < 2], classes=[0, 1]).classes_.tolist()
    [0, 1]
    >>> clf.partial_fit(X[y < 3], y[y < 3]).classes_.tolist()
    [0, 1, 2]
    """

    _targets: ClassVar[Labels] = Labels()
    _parameter_constraints: ClassVar[dict] = {
        **MLP._parameter_constraints,
        "label_smoothing": [None, Interval(Real, 0, 1, closed="left")],
        "new_classes": [None, StrOptions({"add"})],
        "class_weight": [None, StrOptions({"balanced"}), dict, list],
    }

    def __init__(
        self,
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
        label_smoothing=None,
        scoring=None,
        gradient_norms=False,
        ema_decay=None,
        swa_epochs=None,
        class_weight=None,
        new_classes=None,
        trainable=None,
        n_jobs=None,
    ):
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
        self.label_smoothing = label_smoothing
        self.scoring = scoring
        self.gradient_norms = gradient_norms
        self.ema_decay = ema_decay
        self.swa_epochs = swa_epochs
        self.class_weight = class_weight
        self.new_classes = new_classes
        self.trainable = trainable
        self.n_jobs = n_jobs

    @rows_have_y
    def score(self, X, y, sample_weight=None):
        """Accuracy; a multilabel row counts only if all its labels are right.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or Rows
            Finite numbers, with the features of `fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            The true labels, or an indicator, which is read as `fit` reads it. None for `Rows`,
            which have them.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        float
            From 0 to 1.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError
            If X is not finite or has other features than in `fit`, or if y does not fit it.
        """
        check_is_fitted(self)
        guess, y, sample_weight = with_truth(self, X, y, sample_weight)
        return accuracy_score(self._targets.true(self, y), guess, sample_weight=sample_weight)

    @available_if(lambda estimator: estimator._check_solver())
    @as_one
    @not_within_itself
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None, classes=None, *, comm=None, sync_every=1):
        """One epoch over the given data, going on from the parameters at hand.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or Rows
            Finite numbers. The first call settles dtype and number of features.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Class labels, or a multilabel indicator: not zero where a row has the class.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        classes : array-like of shape (n_classes,), default=None
            All classes there will be; needed in the first call. With new_classes='add' those that
            are known by now; later calls may name more.
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
            return self._fit(given, undo, ranks, incremental=True, classes=classes)

    def _take_classes(self, y, classes, random_state):
        if self.new_classes == "add" and classes is not None and hasattr(self, "classes_"):
            grow(self, unique_labels(classes), random_state)
            return
        if _check_partial_fit_first_call(self, classes):
            given = plain_indicator(y)
            multilabel = type_of_target(given).startswith("multilabel")
            self._label_binarizer = LabelBinarizer().fit(given if multilabel else classes)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
