"""MLPClassifier and MLPRegressor: scikit-learn's contract over Network; no numerics."""

from __future__ import annotations

import warnings
from contextlib import closing
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, _fit_context, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels
from sklearn.utils.optimize import _check_optimize_result
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from cbackprop import training
from cbackprop.engine import run
from cbackprop.network import Network
from cbackprop.optimizers import SGD, Adam
from cbackprop.sweeps import Sweep

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)
# A loss this many times the one before the first step has blown up.
BLOWN_UP = 1e8


def _hidden_layer_sizes(estimator: _MLP) -> list:
    sizes = estimator.hidden_layer_sizes
    sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
    if np.any(np.array(sizes) <= 0):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return sizes


def _rows(X: Any, dtype: np.dtype) -> Any:
    """What the engine takes: C-ordered rows or CSR with one index type, of this dtype."""
    if not hasattr(X, "tocsr"):
        return np.ascontiguousarray(X, dtype=dtype)
    X = X.tocsr().astype(dtype, copy=False)
    if X.indices.dtype != X.indptr.dtype or X.indices.dtype not in (np.int32, np.int64):
        X = type(X)((X.data, X.indices.astype(np.int64), X.indptr.astype(np.int64)), shape=X.shape)
    return X


class _MLP(BaseEstimator):
    """What the two estimators share."""

    _parameter_constraints: ClassVar[dict] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions({"identity", "logistic", "tanh", "relu"})],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [None, Interval(Integral, 1, None, closed="left"), Options(Integral, {-1})],
    }

    # Views into the network's vector, under scikit-learn's names.

    @property
    def coefs_(self) -> list:
        return self._fitted_network("coefs_").weights

    @coefs_.setter
    def coefs_(self, values: Any) -> None:
        self._fitted_network("coefs_").weights = values

    @property
    def intercepts_(self) -> list:
        return self._fitted_network("intercepts_").biases

    @intercepts_.setter
    def intercepts_(self, values: Any) -> None:
        self._fitted_network("intercepts_").biases = values

    def _fitted_network(self, name: str) -> Network:
        try:
            return self.__dict__["network_"]
        except KeyError:
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r} before it is fitted"
            ) from None

    # Fitting.

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Fit the model to data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data. float32 is trained in float32, all else in float64.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels, or numbers for regression.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            For data or parameters out of range, and if the parameters end up non-finite.
        """
        return self._fit(X, y, sample_weight, incremental=False)

    def _check_solver(self):
        if self.solver not in ("sgd", "adam"):
            raise AttributeError(
                "partial_fit is only available for stochastic"
                f" optimizers. {self.solver} is not stochastic."
            )
        return True

    def _fit(self, X, y, sample_weight, *, incremental):
        hidden = _hidden_layer_sizes(self)
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        first_pass = not hasattr(self, "network_") or (not self.warm_start and not incremental)
        X, y = self._validate_input(X, y, incremental, reset=first_pass)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        rng = check_random_state(self.random_state)
        if first_pass:
            # SciPy's L-BFGS works in float64 whatever it is given.
            dtype = np.float64 if self.solver == "lbfgs" else X.dtype
            network = self._start(X.shape[1], hidden, y, dtype, rng)
        else:
            network = self._writable_network()
        dtype = network.dtype
        X, y = _rows(X, dtype), self._engine_targets(y, dtype)
        if sample_weight is not None:
            sample_weight = np.ascontiguousarray(sample_weight, dtype=dtype)
        if self.solver == "lbfgs":
            self._fit_lbfgs(network, X, y, sample_weight)
        else:
            self._fit_stochastic(network, X, y, sample_weight, rng, first_pass, incremental)
        if not run.all_finite(network.parameters):
            raise ValueError(NOT_FINITE)
        return self

    def _start(self, n_features, hidden, y, dtype, rng) -> Network:
        """A new network and the attributes of a fit that begins."""
        self.n_outputs_ = self._n_outputs(y)
        self.n_layers_ = len(hidden) + 2
        self.out_activation_, loss = self._output()
        self.network_ = Network(
            [n_features, *(int(size) for size in hidden), self.n_outputs_],
            activation=self.activation,
            output_activation=self.out_activation_,
            loss=loss,
            dtype=dtype,
            random_state=rng,
        )
        self.n_iter_ = 0
        self.t_ = 0
        for name in ("loss_curve_", "validation_scores_", "best_validation_score_", "best_loss_"):
            self.__dict__.pop(name, None)
        return self.network_

    def _writable_network(self) -> Network:
        """The network at hand; a copy of it where its vector came read-only from a memory map."""
        if not self.network_.parameters.flags.writeable:
            self.network_ = self.network_.copy()
        return self.network_

    @property
    def _loss_scale(self) -> float:
        """scikit-learn reports the squared error's mean over the outputs, and descends its sum."""
        return 1.0 / self.n_outputs_ if self.network_.loss_name == "squared_error" else 1.0

    def _fit_lbfgs(self, network, X, y, sample_weight):
        result = training.lbfgs(
            network,
            X,
            y,
            sample_weight=sample_weight,
            l2_batch=self.alpha,
            max_iter=self.max_iter,
            max_fun=self.max_fun,
            tol=self.tol,
            verbose=self.verbose is True or self.verbose >= 1,
            n_jobs=self.n_jobs,
        )
        self.n_iter_ = _check_optimize_result("lbfgs", result, self.max_iter)
        self.loss_ = float(result.fun)
        if self._loss_scale != 1.0:
            self.loss_ += (self._loss_scale - 1.0) * Sweep(
                network,
                X,
                y=y,
                sample_weight=sample_weight,
            ).loss()

    def _new_optimizer(self):
        if self.solver == "sgd":
            return SGD(self.learning_rate_init, self.momentum, self.nesterovs_momentum)
        if self.learning_rate != "constant":
            warnings.warn(
                f"learning_rate={self.learning_rate!r} has no effect with solver='adam': schedules "
                "are for solver='sgd'.",
                stacklevel=5,
            )
        return Adam(self.learning_rate_init, self.beta_1, self.beta_2, self.epsilon)

    def _fit_stochastic(self, network, X, y, sample_weight, rng, first_pass, incremental):
        if not incremental or not hasattr(self, "_optimizer"):
            self._optimizer = self._new_optimizer()
        optimizer = self._optimizer
        name = self.learning_rate if isinstance(optimizer, SGD) else "constant"
        schedule = training.Schedule(name, self.learning_rate_init, self.power_t)
        rows, validation = self._split(X, y, sample_weight, rng)
        n_samples = X.shape[0] if rows is None else rows.size
        batch_size = self._batch_size(n_samples)
        self._begin_curves()
        best = network.parameters.copy() if self.early_stopping and first_pass else None
        some = np.arange(n_samples)[:batch_size] if rows is None else rows[:batch_size]
        before = Sweep(network, X, y=y, rows=some).loss()
        warned = False
        self.n_iter_ = 0
        try:
            with closing(
                training.epochs(
                    network,
                    X,
                    y,
                    optimizer,
                    batch_size=batch_size,
                    max_epochs=self.max_iter,
                    rng=rng if self.shuffle else None,
                    rows=rows,
                    sample_weight=sample_weight,
                    l2_batch=self.alpha,
                    loss_scale=self._loss_scale,
                    n_jobs=self.n_jobs,
                )
            ) as epochs:
                for loss in epochs:
                    self.n_iter_ += 1
                    self.loss_ = loss
                    self.t_ += n_samples
                    self.loss_curve_.append(loss)
                    if self.verbose:
                        print(f"Iteration {self.n_iter_}, loss = {loss:.8f}")
                    if not np.isfinite(loss) and not run.all_finite(network.parameters):
                        if best is None:
                            raise ValueError(f"{NOT_FINITE} {self._where(optimizer)}")
                        warnings.warn(
                            f"{NOT_FINITE} {self._where(optimizer)} The best parameters so far "
                            "are kept.",
                            ConvergenceWarning,
                            stacklevel=4,
                        )
                        break
                    if not warned and not loss <= BLOWN_UP * max(before, 1.0):
                        warned = True
                        warnings.warn(
                            f"The loss has blown up from {before:.3g}. {self._where(optimizer)}",
                            ConvergenceWarning,
                            stacklevel=4,
                        )
                    if self._improved(network, validation):
                        best = network.parameters.copy()
                    schedule.epoch_ended(optimizer, self.t_)
                    if self._no_improvement_count > self.n_iter_no_change:
                        what = schedule.no_progress(optimizer)
                        if self.verbose:
                            print(f"{self._no_improvement_message()} {what}")
                        if what.endswith("Stopping."):
                            break
                        self._no_improvement_count = 0
                    if incremental:
                        break
                    if self.n_iter_ == self.max_iter:
                        warnings.warn(
                            f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) "
                            "reached and the optimization hasn't converged yet.",
                            ConvergenceWarning,
                            stacklevel=4,
                        )
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=4)
        if best is not None:
            network.parameters = best

    def _where(self, optimizer) -> str:
        return (
            f"Epoch {self.n_iter_}: loss {self.loss_:.3g}, learning rate "
            f"{optimizer.learning_rate:.3g}. Try a smaller learning_rate_init, and scaled inputs."
        )

    def _split(self, X, y, sample_weight, rng):
        """Rows to train on (None for all) and what early stopping looks at (None without it)."""
        if not self.early_stopping:
            return None, None
        stratify = None
        if is_classifier(self) and self.n_outputs_ == 1:
            # Names, so that an error names what scikit-learn's does.
            stratify = np.array(["False", "True"])[y]
        train, held_out = train_test_split(
            np.arange(X.shape[0]),
            random_state=rng,
            test_size=self.validation_fraction,
            stratify=stratify,
        )
        if held_out.size < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' "
                "or the size of your dataset."
            )
        weight = None if sample_weight is None else sample_weight[held_out]
        return train, (X[held_out], y[held_out], weight)

    def _batch_size(self, n_samples: int) -> int:
        if isinstance(self.batch_size, str):
            return min(200, n_samples)
        if self.batch_size > n_samples:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than "
                "sample size. It is going to be clipped",
                stacklevel=5,
            )
        return int(min(self.batch_size, n_samples))

    def _begin_curves(self) -> None:
        """Curves and best values: new ones, or those that a warm start goes on with."""
        if not hasattr(self, "loss_curve_"):
            self.loss_curve_: list[float] = []
            self.best_loss_: float | None = None
            self.validation_scores_: list[float] | None = None
            self.best_validation_score_: float | None = None
            self._no_improvement_count = 0
        if self.early_stopping and self.validation_scores_ is None:
            self.validation_scores_, self.best_validation_score_ = [], -np.inf
        if not self.early_stopping and self.best_loss_ is None:
            self.best_loss_ = np.inf

    def _improved(self, network, validation) -> bool:
        """Counts epochs without improvement; whether the validation score is the best so far."""
        if validation is None:
            if self.loss_ > self.best_loss_ - self.tol:
                self._no_improvement_count += 1
            else:
                self._no_improvement_count = 0
            if self.loss_ < self.best_loss_:
                self.best_loss_ = self.loss_
            return False
        X, y, weight = validation
        assert self.validation_scores_ is not None
        score = self._validation_score(network._predict(X), y, weight)
        self.validation_scores_.append(score)
        if self.verbose:
            print(f"Validation score: {score:f}")
        if score < self.best_validation_score_ + self.tol:
            self._no_improvement_count += 1
        else:
            self._no_improvement_count = 0
        if score > self.best_validation_score_:
            self.best_validation_score_ = score
            return True
        return False

    def _no_improvement_message(self) -> str:
        what = "Validation score" if self.early_stopping else "Training loss"
        return (
            f"{what} did not improve more than tol={self.tol:f} for "
            f"{self.n_iter_no_change} consecutive epochs."
        )

    # Predicting.

    def _outputs(self, X):
        """Checked rows through the network: output activations (n, n_outputs)."""
        network = self.__dict__.get("network_")
        if network is not None and "feature_names_in_" not in self.__dict__ and network.takes(X):
            return network._predict(X, self.n_jobs)
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        # As NumPy promotes: float32 rows and parameters stay float32, all else is float64.
        single = np.result_type(X.dtype, self.network_.dtype) == np.float32
        network = self.network_.astype(np.float32 if single else np.float64)
        return network._predict(_rows(X, network.dtype), self.n_jobs)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class MLPClassifier(ClassifierMixin, _MLP):
    """Multilayer perceptron classifier: scikit-learn's, trained in compiled code.

    The same parameters, data and `random_state` give the model that
    `sklearn.neural_network.MLPClassifier` gives, to rounding. It minimises the log loss: of a
    softmax for several classes, of logistic outputs for two classes and for multilabel targets.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of shape (n_layers - 2,), default=(100,)
        Units of every hidden layer; ``()`` for none.
    activation : {'identity', 'logistic', 'tanh', 'relu'}, default='relu'
        Of the hidden layers.
    solver : {'lbfgs', 'sgd', 'adam'}, default='adam'
        SciPy's L-BFGS over all rows, or mini-batches with SGD or Adam.
    alpha : float, default=0.0001
        Strength of the L2 term, ``alpha / (2 m) * |W|^2`` for a mini-batch whose rows weigh m.
    batch_size : int or 'auto', default='auto'
        Rows of a mini-batch; 'auto' is ``min(200, n_samples)``.
    learning_rate : {'constant', 'invscaling', 'adaptive'}, default='constant'
        With solver='sgd': stays; is ``learning_rate_init / (t + 1) ** power_t`` after t samples;
        or is divided by 5 when there is no improvement for `n_iter_no_change` epochs.
    learning_rate_init : float, default=0.001
        The first learning rate (sgd, adam).
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
    validation_fraction : float, default=0.1
        Share of the rows to hold out.
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay rates of adam's two means, in [0, 1).
    epsilon : float, default=1e-8
        Added to the root of adam's second mean.
    n_iter_no_change : int, default=10
        Epochs without improvement after which to stop, or to lower an adaptive rate.
    max_fun : int, default=15000
        Most loss evaluations of lbfgs.
    n_jobs : int or None, default=None
        Threads that train together. None: as many as pay off, of those that BLAS may use; -1:
        all those. Not in scikit-learn, where BLAS decides.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    coefs_, intercepts_ : lists of ndarrays (fan_in, fan_out) and (fan_out,)
        Weights and biases, views into the network's vector: change them in place or assign.
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

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from cbackprop import MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MLPClassifier((50,), max_iter=100, random_state=0).fit(X[:1500] / 16, y[:1500])
    >>> bool(clf.score(X[1500:] / 16, y[1500:]) > 0.9)
    True
    """

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
        self.n_jobs = n_jobs

    def _n_outputs(self, y) -> int:
        if y.ndim == 2:
            return y.shape[1]
        return len(self.classes_) if self._label_binarizer.y_type_ == "multiclass" else 1

    def _output(self) -> tuple[str, str]:
        if self._label_binarizer.y_type_ == "multiclass":
            return "softmax", "log_loss"
        return "logistic", "binary_log_loss"

    def _validate_input(self, X, y, incremental, reset):
        """Checked X, and y as labels' positions in classes_ (n,) or an indicator (n, n_classes)."""
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            dtype=(np.float64, np.float32),
            order="C",
            reset=reset,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or (not self.warm_start and not incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            classes = unique_labels(y)
            if self.warm_start:
                if set(classes) != set(self.classes_):
                    raise ValueError(
                        "warm_start can only be used where `y` has the same "
                        "classes as in the previous call to fit. Previously "
                        f"got {self.classes_}, `y` has {classes}"
                    )
            elif len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
                raise ValueError(
                    "`y` has classes not in `self.classes_`. "
                    f"`self.classes_` has {self.classes_}. 'y' has {classes}."
                )
        if self._label_binarizer.y_type_.startswith("multilabel"):
            return X, self._label_binarizer.transform(y)
        return X, np.searchsorted(self.classes_, y)

    def _engine_targets(self, y, dtype):
        return np.ascontiguousarray(y, dtype=np.int32 if y.ndim == 1 else dtype)

    def _positions(self, outputs):
        """Output activations as positions in classes_ (n,), or as an indicator (n, n_classes)."""
        if self.out_activation_ == "softmax":
            return outputs.argmax(axis=1)
        chosen = outputs > 0.5
        return chosen if self.n_outputs_ > 1 else chosen[:, 0].astype(np.intp)

    def _validation_score(self, outputs, y, weight) -> float:
        """Accuracy; a multilabel row counts only if all its labels are right."""
        right = self._positions(outputs) == y
        return float(np.average(right if right.ndim == 1 else right.all(axis=1), weights=weight))

    def predict(self, X):
        """Predict classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            The labels, or a multilabel indicator.
        """
        outputs = self._outputs(X)
        if self._label_binarizer.y_type_.startswith("multilabel"):
            return self._label_binarizer.inverse_transform(outputs)
        if len(self.classes_) == 1:
            return np.repeat(self.classes_, outputs.shape[0])
        return self.classes_[self._positions(outputs)]

    def predict_proba(self, X):
        """Probability of every class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        outputs = self._outputs(X)
        return np.hstack([1 - outputs, outputs]) if self.n_outputs_ == 1 else outputs

    def predict_log_proba(self, X):
        """Logarithm of `predict_proba`, of the same shape.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        probabilities = self.predict_proba(X)
        return np.log(probabilities, out=probabilities)

    @available_if(lambda estimator: estimator._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """One epoch over the given data, going on from the parameters at hand.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
        sample_weight : array-like of shape (n_samples,), default=None
        classes : array-like of shape (n_classes,), default=None
            All classes there will be; needed in the first call.

        Returns
        -------
        self : object
        """
        if _check_partial_fit_first_call(self, classes):
            multilabel = type_of_target(y).startswith("multilabel")
            self._label_binarizer = LabelBinarizer().fit(y if multilabel else classes)
        return self._fit(X, y, sample_weight, incremental=True)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class MLPRegressor(RegressorMixin, _MLP):
    """Multilayer perceptron regressor: scikit-learn's, trained in compiled code.

    The same parameters, data and `random_state` give the model that
    `sklearn.neural_network.MLPRegressor` gives, to rounding.

    Parameters
    ----------
    loss : {'squared_error', 'poisson'}, default='squared_error'
        Half the squared error, or half the Poisson deviance, whose output is exponential.
    hidden_layer_sizes : int or array-like of shape (n_layers - 2,), default=(100,)
        Units of every hidden layer; ``()`` for none.
    activation : {'identity', 'logistic', 'tanh', 'relu'}, default='relu'
        Of the hidden layers.
    solver : {'lbfgs', 'sgd', 'adam'}, default='adam'
        SciPy's L-BFGS over all rows, or mini-batches with SGD or Adam.
    alpha : float, default=0.0001
        Strength of the L2 term, ``alpha / (2 m) * |W|^2`` for a mini-batch whose rows weigh m.
    batch_size : int or 'auto', default='auto'
        Rows of a mini-batch; 'auto' is ``min(200, n_samples)``.
    learning_rate : {'constant', 'invscaling', 'adaptive'}, default='constant'
        With solver='sgd': stays; is ``learning_rate_init / (t + 1) ** power_t`` after t samples;
        or is divided by 5 when there is no improvement for `n_iter_no_change` epochs.
    learning_rate_init : float, default=0.001
        The first learning rate (sgd, adam).
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
    validation_fraction : float, default=0.1
        Share of the rows to hold out.
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay rates of adam's two means, in [0, 1).
    epsilon : float, default=1e-8
        Added to the root of adam's second mean.
    n_iter_no_change : int, default=10
        Epochs without improvement after which to stop, or to lower an adaptive rate.
    max_fun : int, default=15000
        Most loss evaluations of lbfgs.
    n_jobs : int or None, default=None
        Threads that train together. None: as many as pay off, of those that BLAS may use; -1:
        all those. Not in scikit-learn, where BLAS decides.

    Attributes
    ----------
    coefs_, intercepts_ : lists of ndarrays (fan_in, fan_out) and (fan_out,)
        Weights and biases, views into the network's vector: change them in place or assign.
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

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from cbackprop import MLPRegressor
    >>> X, y = make_regression(n_samples=200, n_features=20, random_state=1)
    >>> model = MLPRegressor(solver="lbfgs", random_state=1, max_iter=500).fit(X, y / 100)
    >>> bool(model.score(X, y / 100) > 0.99)
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **_MLP._parameter_constraints,
        "loss": [StrOptions({"squared_error", "poisson"})],
    }

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
        self.n_jobs = n_jobs

    def _n_outputs(self, y) -> int:
        return 1 if y.ndim == 1 else y.shape[1]

    def _output(self) -> tuple[str, str]:
        return ("exp" if self.loss == "poisson" else "identity"), self.loss

    def _validate_input(self, X, y, incremental, reset):
        """Checked X, and y (n,) or (n, n_outputs)."""
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            y_numeric=True,
            dtype=(np.float64, np.float32),
            order="C",
            reset=reset,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, y

    def _engine_targets(self, y, dtype):
        y = np.ascontiguousarray(y, dtype=dtype)
        return y.reshape(-1, 1) if y.ndim == 1 else y

    def _validation_score(self, outputs, y, weight) -> float:
        """R squared; NaN for outputs that are not finite."""
        if not np.isfinite(outputs).all():
            return np.nan
        return r2_score(y, outputs, sample_weight=weight)

    def predict(self, X):
        """Predict numbers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        outputs = self._outputs(X)
        return outputs[:, 0] if self.n_outputs_ == 1 else outputs

    @available_if(lambda estimator: estimator._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """One epoch over the given data, going on from the parameters at hand.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : object
        """
        return self._fit(X, y, sample_weight, incremental=True)
