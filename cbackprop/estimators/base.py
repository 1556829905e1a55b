"""What do MLPClassifier and MLPRegressor share: parameters, checked data, attributes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, _fit_context, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted, validate_data

from cbackprop.callbacks.protocol import (
    CallbackSupportMixin,
    check_callbacks,
    listening,
    not_listening,
    not_within_itself,
)
from cbackprop.engine import run
from cbackprop.estimators.agreement import as_one, check_rows_there, told_to
from cbackprop.estimators.blockwise import answered
from cbackprop.estimators.exchange import Exchange
from cbackprop.estimators.fitting import fit_lbfgs, fit_stochastic, prepare_stochastic
from cbackprop.estimators.hidden import HiddenFeatures
from cbackprop.estimators.judging import Given, Splitter
from cbackprop.estimators.options import averaging_of, regularization_of
from cbackprop.estimators.plain import PlainState
from cbackprop.estimators.served import Served
from cbackprop.estimators.shown import Shown
from cbackprop.estimators.stopping import (
    curves,
    forget,
    forget_optimizer,
    history_of,
    record_of,
)
from cbackprop.estimators.targets import Targets
from cbackprop.estimators.weights import rows_weigh
from cbackprop.files.savable import Savable
from cbackprop.functions.activations import Activation
from cbackprop.functions.frozen import check_trainable
from cbackprop.functions.losses import as_loss
from cbackprop.functions.schedules import Schedule
from cbackprop.network.network import Network
from cbackprop.network.one_row import predict_row
from cbackprop.running.execution import AS_MANY_AS_PAY, Execution
from cbackprop.running.ranks import ALONE
from cbackprop.running.rows import Rows, mapped
from cbackprop.training.history import History
from cbackprop.training.record import FitState, Record
from cbackprop.training.undo import all_or_nothing
from cbackprop.validation.arrays import check_given
from cbackprop.validation.checks import check_sign, engine_rows, in_dtype
from cbackprop.validation.columns import explained


def _hidden_layer_sizes(estimator: MLP) -> list:
    sizes = estimator.hidden_layer_sizes
    sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
    try:
        too_small = np.any(np.array(sizes) <= 0)
    except (TypeError, ValueError):
        raise TypeError(f"hidden_layer_sizes must be integers > 0, got {sizes}") from None
    if too_small:
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return sizes


class MLP(
    Exchange,
    PlainState,
    Savable,
    Shown,
    CallbackSupportMixin,
    HiddenFeatures,
    Served,
    BaseEstimator,
):
    """What the two estimators share."""

    _targets: ClassVar[Targets]
    # For the one call of fit: meta-estimators have nothing to route.
    __metadata_request__fit: ClassVar[dict] = {
        "callbacks": UNUSED,
        "comm": UNUSED,
        "sync_every": UNUSED,
    }
    __metadata_request__partial_fit: ClassVar[dict] = {"comm": UNUSED, "sync_every": UNUSED}
    _parameter_constraints: ClassVar[dict] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(run.ACTIVATIONS)), Activation, "array-like"],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [
            StrOptions({"constant", "invscaling", "adaptive"}),
            Schedule,
            callable,
        ],
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
        "validation_fraction": [Interval(Real, 0, 1, closed="left"), Splitter("split")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "clip_value": [None, Interval(Real, 0, None, closed="neither")],
        "clip_norm": [None, Interval(Real, 0, None, closed="neither")],
        "l1": [None, Interval(Real, 0, None, closed="left")],
        "max_norm": [None, Interval(Real, 0, None, closed="neither")],
        "dropout": [None, Interval(Real, 0, 1, closed="left"), "array-like"],
        "scoring": [None, str, callable],
        "gradient_norms": ["boolean"],
        "ema_decay": [None, Interval(Real, 0, 1, closed="neither")],
        "swa_epochs": [None, Interval(Integral, 1, None, closed="left")],
        "trainable": [None, "array-like"],
        "n_jobs": [None, Interval(Integral, 1, None, closed="left"), Options(Integral, {-1})],
    }

    # Views into the network's vector, under scikit-learn's names.

    @property
    def coefs_(self) -> list:
        """Weights (fan_in, fan_out), layer by layer: views into the network's vector."""
        return self._fitted_network("coefs_").weights

    @coefs_.setter
    def coefs_(self, values: Any) -> None:
        self._network_to_assign("coefs_").weights = values

    @property
    def intercepts_(self) -> list:
        """Biases (fan_out,), layer by layer: views into the network's vector."""
        return self._fitted_network("intercepts_").biases

    @intercepts_.setter
    def intercepts_(self, values: Any) -> None:
        self._network_to_assign("intercepts_").biases = values

    @property
    def history_(self) -> History:
        """What every epoch left: `pandas.DataFrame` takes it, and `cbackprop.plots` draws it."""
        fitted = vars(self)
        if "loss_curve_" not in fitted and "_other_curves" not in fitted:
            self._fitted_network("history_")
            raise AttributeError(f"this {type(self).__name__} has no history_: nothing was fitted")
        return history_of(self)

    def _fitted_network(self, name: str) -> Network:
        try:
            return self.__dict__["network_"]
        except KeyError:
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r} before it is fitted"
            ) from None

    def _network_to_assign(self, name: str) -> Network:
        if "network_" not in self.__dict__:
            mine = type(self).__name__
            raise NotFittedError(
                f"this {mine} cannot be given {name!r} before it is fitted: it has no network yet. "
                f"Without a fit, {mine}.from_weights(coefs, intercepts, ...) makes a fitted one of "
                f"weights and biases, with warm_start=True one that fit goes on from, and "
                f"{mine}.from_sklearn(...) one of scikit-learn's. Or call fit (or partial_fit) "
                f"first and set {name} then."
            )
        return self._fitted_network(name)

    # Fitting.

    @as_one
    @not_within_itself
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
        groups=None,
        callbacks=None,
        comm=None,
        sync_every=1,
    ):
        """Fit the model to data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or Rows
            The input data. float32 is trained in float32, all else in float64. `cbackprop.Rows`,
            which may be larger than memory, have the targets and weights, too: y is None then.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels, or numbers for regression.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        X_val : {array-like, sparse matrix} of shape (n_validation, n_features), default=None
            With ``early_stopping=True``: the rows to validate with, in place of some of X. In a
            `Pipeline`, ``transform_input=["X_val"]`` brings them to where X is then.
        y_val : array-like of shape (n_validation,) or (n_validation, n_outputs), default=None
            Their targets, of labels that y has, too.
        sample_weight_val : array-like of shape (n_validation,), default=None
            Their weights.
        groups : array-like of shape (n_samples,), default=None
            For a splitter that is set as `validation_fraction`: what its rows belong together by.
        callbacks : list, default=None
            For this fit: objects with the hooks of `cbackprop.callbacks.Callback` (scikit-learn's
            protocol), or functions of the estimator and its `History`, called after every epoch;
            True stops. Callbacks set with `set_callbacks` (scikit-learn 1.9) are called, too.
        comm : communicator, default=None
            Fit together with the other processes of it, as mpi4py's ``MPI.COMM_WORLD``: see the
            page "Past one machine". Each brings rows of its own; `batch_size`, classes, scores and
            all that is recorded are of all rows, and so is the model that every process has then.
        sync_every : int, default=1
            For slow links: make so many steps on one's own rows before all processes take the mean
            of their parameters; 1 makes every step together, and the model that of one process.

        Returns
        -------
        self : object
            The estimator itself.

        Raises
        ------
        ValueError
            For data or parameters out of range, and in the epoch in which the parameters become
            non-finite. Whatever the error, the estimator is then as it was before the call.

        Notes
        -----
        Ctrl-C ends a fit by SGD or Adam with a warning, and the model so far; one by L-BFGS with
        `KeyboardInterrupt`, the model as its last iteration left it. One estimator must not be
        fitted in two threads at once.
        """
        callbacks = check_callbacks(callbacks)
        ranks = ALONE if comm is None else comm
        with mapped(X, y, sample_weight) as rows:
            given = Given(*rows[:3], X_val, y_val, sample_weight_val, groups, rows.window)
            given.check(self)
            with self._all_or_nothing(incremental=False) as undo:
                return self._fit(given, undo, ranks, incremental=False, callbacks=callbacks)

    def _check_solver(self):
        if self.solver not in ("sgd", "adam"):
            raise AttributeError(
                "partial_fit is only available for stochastic"
                f" optimizers. {self.solver} is not stochastic."
            )
        return True

    def _all_or_nothing(self, *, incremental: bool):
        """Whatever goes wrong in a fit: the estimator is then as it was before."""
        if incremental:
            changed = ["network_", "_optimizer"]
        else:  # with an optimizer of its own
            changed = ["network_"] if self.warm_start else []
        mine = [vars(self).get(name) for name in changed]
        short = incremental or self.max_iter == 1
        return all_or_nothing(
            self, *mine, random_state=self.random_state, short=short, patient=incremental
        )

    def _fit(self, given, undo, ranks, *, incremental, callbacks=(), classes=None):
        """Fit, or leave what was there before if anything goes wrong ahead of the training."""
        before, execution = dict(vars(self)), Execution(self.n_jobs, ranks)
        ranks.agree(lambda: told_to(self, given, incremental, classes))
        check_rows_there(given.X, ranks)
        try:
            network, data, prepared = self._prepare(given, execution, incremental, classes)
        except BaseException:
            self.__dict__ = before
            raise
        del before  # an old network need not stay
        if incremental:
            listen = partial(not_listening, self)
        else:
            weight = given.sample_weight
            metadata = None if weight is None else {"sample_weight": weight}
            told = {"X": given.X, "y": given.y, "metadata": metadata}
            listen = partial(listening, self, callbacks=callbacks, **told)
        if prepared is None:
            fit_lbfgs(self, network, data, execution, listen)
        else:
            fit_stochastic(
                self,
                network,
                data,
                execution,
                prepared,
                listen,
                incremental=incremental,
                undo=undo,
            )
        return self

    def _prepare(self, given, execution, incremental, classes):
        """The network, the engine's data, and what mini-batches need besides (None for lbfgs)."""
        X, y, sample_weight = given[:3]
        ranks = execution.ranks
        random_state = ranks.seed(self.random_state)
        if incremental:
            self._take_classes(y, classes, random_state)
        hidden = _hidden_layer_sizes(self)
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        if ranks.sync_every > 1 and self.solver == "lbfgs":
            raise ValueError(
                f"sync_every={ranks.sync_every} is for solver='sgd' and 'adam': 'lbfgs' makes no "
                "steps on some rows"
            )
        if averaging_of(self) is not None and self.solver == "lbfgs":
            raise ValueError(
                "solver='lbfgs' does not average parameters, which ema_decay and swa_epochs ask "
                "for: set both to None"
            )
        first_pass = not hasattr(self, "network_") or (not self.warm_start and not incremental)
        n_layers = len(hidden) + 1 if first_pass else len(self.network_.plan)
        check_trainable(self.trainable, n_layers)
        check_given("X", X)
        check_given("y", y, numbers=not is_classifier(self))
        X, y = self._targets.check(self, X, y, incremental, first_pass, ranks, random_state)
        sample_weight = rows_weigh(self, X, y, sample_weight, incremental=incremental, ranks=ranks)
        rng = check_random_state(random_state)
        if first_pass:
            # SciPy's L-BFGS works in float64 whatever it is given.
            dtype = np.float64 if self.solver == "lbfgs" else X.dtype
            network = self._start(X.shape[1], hidden, y, dtype, rng)
            ranks.same_bits(network.parameters)
        else:
            network = self.network_.writable()
            self._go_on_with_loss(network)
            if self.solver == "lbfgs":
                forget_optimizer(self)
                network = self.network_ = network.astype(np.float64)
        dtype = network.dtype
        X, y = engine_rows(X, dtype), self._targets.for_engine(y, dtype)
        y = network.loss_function.spread(y, network.layer_sizes[-1])
        if sample_weight is not None:
            sample_weight = in_dtype("sample_weight", sample_weight, dtype)
            sample_weight = check_sign(sample_weight, elsewhere=ranks.size > 1)
        data = X, y, sample_weight
        regularization = regularization_of(self, len(network.plan) - 1)
        prepared = None
        if self.solver != "lbfgs":
            prepared = prepare_stochastic(
                self,
                network,
                data,
                given,
                execution,
                rng,
                regularization,
                first_pass=first_pass,
                incremental=incremental,
            )
        return network, data, prepared

    def _take_classes(self, y, classes, random_state) -> None:
        """Those of the first partial fit of a classifier."""

    def _start(self, n_features, hidden, y, dtype, rng) -> Network:
        """A new network and the attributes of a fit that begins."""
        self.n_outputs_ = self._targets.n_outputs(self, y)
        self.n_layers_ = len(hidden) + 2
        self.out_activation_, loss = self._targets.output(self)
        self.network_ = Network(
            [n_features, *hidden, self.n_outputs_],
            activation=self.activation,
            output_activation=self.out_activation_,
            loss=loss,
            dtype=dtype,
            random_state=rng,
        )
        forget(self)
        return self.network_

    def _go_on_with_loss(self, network: Network) -> None:
        """The loss as it is set now, for a network that is trained further."""
        output, given = self._targets.output(self)
        loss = as_loss(given)
        if loss == network.loss_function:
            return
        if output != network.output_activation:
            raise ValueError(
                f"the loss {loss.name!r} has {output} outputs, and the network that is to be "
                f"trained further has {network.output_activation} outputs: begin anew, by fit "
                "with warm_start=False"
            )
        network._use_loss(loss)

    # What a checkpoint asks for.

    def _curves(self) -> History:
        return curves(self)

    def _record(self, state: FitState, **known: Any) -> Record:
        """The record of a resumed fit, from what the attributes show and what is known besides."""
        return record_of(self, state)._replace(**known)

    # Predicting.

    def _outputs(self, X, passed: Callable = Network._predict, **settings: Any):
        """Checked rows through the network: output activations (n, n_outputs), or another pass."""
        network = self.__dict__.get("network_")
        if network is not None and "feature_names_in_" not in self.__dict__:
            some = AS_MANY_AS_PAY if self.n_jobs is None else Execution(self.n_jobs)
            said = predict_row(network, X) if passed is Network._predict else None
            if said is not None:
                return said
            if network.takes(X):
                return passed(network, X, some, **settings)
        check_is_fitted(self)
        if isinstance(X, Rows):
            return answered(self, X, partial(self._outputs, passed=passed, **settings))
        check_given("X", X)
        with explained(X=X):
            X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
            if X.dtype.kind == "O":  # of some frames scikit-learn makes objects
                X = check_array(X, dtype=np.float64, input_name="X")
        # As NumPy promotes: float32 rows and parameters stay float32, all else is float64.
        single = np.result_type(X.dtype, self.network_.dtype) == np.float32
        network = self.network_.astype(np.float32 if single else np.float64)
        return passed(network, engine_rows(X, network.dtype), Execution(self.n_jobs), **settings)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
