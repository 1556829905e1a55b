"""Where the estimators differ from scikit-learn's by design: one test each, with the reason."""

import copy
import inspect
import re
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import neural_network
from sklearn.utils.fixes import parse_version
from threadpoolctl import threadpool_limits

import cbackprop

sklearn_version = parse_version(sklearn.__version__)
quiet = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::RuntimeWarning"
)

RNG = np.random.default_rng(4)
X = RNG.standard_normal((60, 4))
LABELS = (X[:, 0] > 0).astype(int)
NUMBERS = X @ np.array([1.0, -0.5, 0.2, 0.0])
SEVERAL = np.column_stack([NUMBERS, -NUMBERS, X[:, 3]])
TARGETS = {"MLPClassifier": LABELS, "MLPRegressor": NUMBERS}
SETTINGS = {"hidden_layer_sizes": (5,), "max_iter": 5, "random_state": 0, "batch_size": 10}
KINDS = list(TARGETS)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """These networks are small: threads would only wait for each other."""
    with threadpool_limits(1):
        yield


def new(kind, module=cbackprop, **settings):
    return getattr(module, kind)(**{**SETTINGS, **settings})


def parameters(estimator) -> np.ndarray:
    return np.concatenate([a.ravel() for a in estimator.coefs_ + estimator.intercepts_])


def messages(call) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(w.message) for w in caught if w.category is not RuntimeWarning]


# ---------------------------------------------------------------------------------------------
# L-BFGS.


def loss_that_is_descended(estimator, rows, target, alpha) -> float:
    """Half the squared distance, summed over the outputs, and the L2 term."""
    distance = ((estimator.predict(rows) - target) ** 2).sum(axis=1).mean()
    decay = alpha * sum((w**2).sum() for w in estimator.coefs_) / len(rows)
    return 0.5 * (distance + decay)


@quiet
@pytest.mark.parametrize("activation", ["identity", "tanh", "relu"])
def test_lbfgs_with_very_many_outputs_descends_where_sklearns_makes_no_step(activation):
    """scikit-learn gives L-BFGS the squared error's mean over the outputs, and the gradient of its
    sum. A step then lowers the loss by less than the gradient promises, by as many times as there
    are outputs; from a thousand on, the line search never finds it enough."""
    rng = np.random.default_rng(0)
    target = np.tanh(X @ rng.standard_normal((4, 1500)))
    settings = {"solver": "lbfgs", "max_iter": 10, "activation": activation}
    theirs, ours = (
        new("MLPRegressor", module, **settings).fit(X, target)
        for module in (neural_network, cbackprop)
    )
    assert theirs.n_iter_ == 0
    assert ours.n_iter_ == 10
    loss = [loss_that_is_descended(e, X, target, 1e-4) for e in (theirs, ours)]
    assert loss[1] < 0.5 * loss[0]


@quiet
@pytest.mark.parametrize("n_outputs", [2, 30, 300])
@pytest.mark.parametrize("seed", range(3))
def test_multioutput_lbfgs_ends_with_no_larger_a_loss_than_sklearns(n_outputs, seed):
    """The loss whose gradient is followed is the one that L-BFGS sees. Compared where there is one
    minimum only, without hidden layers."""
    target = np.tanh(X @ np.random.default_rng(seed).standard_normal((4, n_outputs)))
    settings = {"solver": "lbfgs", "max_iter": 500, "tol": 1e-6, "alpha": 0.1}
    theirs, ours = (
        new("MLPRegressor", module, hidden_layer_sizes=(), random_state=seed, **settings)
        for module in (neural_network, cbackprop)
    )
    losses = [loss_that_is_descended(e.fit(X, target), X, target, 0.1) for e in (theirs, ours)]
    assert losses[1] <= losses[0] * (1 + 1e-9)


@quiet
def test_multioutput_lbfgs_reports_the_loss_that_sklearn_reports():
    """`loss_` stays scikit-learn's, the mean over the outputs, so that numbers can be compared."""
    settings = {"solver": "lbfgs", "max_iter": 500, "tol": 1e-7, "hidden_layer_sizes": ()}
    theirs, ours = (
        new("MLPRegressor", module, **settings).fit(X, SEVERAL)
        for module in (neural_network, cbackprop)
    )
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-5)


@quiet
@pytest.mark.parametrize("kind", KINDS)
def test_lbfgs_with_float32_rows_computes_in_float64(kind):
    """In both libraries the parameters end up float64. scikit-learn evaluates the loss in float32
    at float32 points, and the line search divides by differences of these losses; here the rows
    are taken to float64 and the model is the one that scikit-learn's has for float64 rows."""
    single = X.astype("float32")
    settings = {"solver": "lbfgs", "max_iter": 8, "activation": "tanh"}
    ours = new(kind, **settings).fit(single, TARGETS[kind])
    theirs = new(kind, neural_network, **settings).fit(single.astype("float64"), TARGETS[kind])
    in_single = new(kind, neural_network, **settings).fit(single, TARGETS[kind])
    assert ours.coefs_[0].dtype == in_single.coefs_[0].dtype == np.float64
    assert_allclose(parameters(ours), parameters(theirs), rtol=1e-6)
    assert not np.allclose(parameters(in_single), parameters(theirs), rtol=1e-8)


def test_partial_fit_of_a_regressor_is_refused_with_lbfgs_too():
    """scikit-learn means to refuse it, as it does for the classifier: its regressor's check is
    looked up and not called, so that partial_fit runs all of L-BFGS."""
    assert hasattr(new("MLPRegressor", neural_network, solver="lbfgs"), "partial_fit")
    estimator = new("MLPRegressor", solver="lbfgs")
    assert not hasattr(estimator, "partial_fit")
    with pytest.raises(AttributeError, match="has no attribute 'partial_fit'") as raised:
        estimator.partial_fit(X, NUMBERS)
    assert "partial_fit is only available for stochastic" in str(raised.value.__cause__)


# ---------------------------------------------------------------------------------------------
# Warnings where scikit-learn is silent.


@pytest.mark.parametrize("kind", KINDS)
def test_learning_rate_given_to_adam_warns(kind):
    """Adam has no schedule, in either library: who asks for one should know that there is none."""
    settings = {"learning_rate": "adaptive", "max_iter": 300, "tol": 1.0}
    theirs, ours = (new(kind, m, **settings) for m in (neural_network, cbackprop))
    assert messages(lambda: theirs.fit(X, TARGETS[kind])) == []
    assert messages(lambda: ours.fit(X, TARGETS[kind])) == [
        "learning_rate='adaptive' has no effect with solver='adam': schedules are for solver='sgd'."
    ]
    assert_allclose(parameters(ours), parameters(theirs), rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_loss_that_has_blown_up_warns(kind):
    """A loss of 1e55 is finite, so scikit-learn ends the fit as if nothing were wrong. The model is
    the same here, and the warning says in which epoch it was lost."""
    settings = {"activation": "identity", "learning_rate_init": 1e30, "max_iter": 3}
    theirs, ours = (new(kind, m, **settings) for m in (neural_network, cbackprop))
    expected = messages(lambda: theirs.fit(X, TARGETS[kind]))
    assert len(expected) == 1
    said = messages(lambda: ours.fit(X, TARGETS[kind]))
    assert [text for text in said if "The loss has blown up from" not in text] == expected
    assert len(said) == 2
    assert_allclose(parameters(ours), parameters(theirs), rtol=1e-6)


def test_overflow_is_not_reported_by_numpy():
    """NumPy warns of every overflow in scikit-learn's arrays, from which nobody learns what to do;
    compiled code does not, and the warning above does."""
    settings = {"solver": "sgd", "activation": "identity", "learning_rate_init": 0.5}
    warned = []
    for module in (neural_network, cbackprop):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with pytest.raises(ValueError, match="non-finite parameter weights"):
                new("MLPRegressor", module, max_iter=20, **settings).fit(100 * X, NUMBERS)
        warned.append({w.category for w in caught})
    assert RuntimeWarning in warned[0]
    assert RuntimeWarning not in warned[1]


# ---------------------------------------------------------------------------------------------
# What cannot be computed.


@quiet
def test_non_finite_parameters_are_noticed_in_their_epoch():
    """scikit-learn looks at them when the fit is over: it trains on with NaN for all the epochs
    that remain, and cannot say when it happened."""
    settings = {"solver": "sgd", "activation": "identity", "learning_rate_init": 0.5}
    settings |= {"max_iter": 30, "n_iter_no_change": np.inf}
    theirs, ours = (new("MLPRegressor", m, **settings) for m in (neural_network, cbackprop))
    with pytest.raises(ValueError, match="non-finite parameter weights") as expected:
        theirs.fit(100 * X, NUMBERS)
    with pytest.raises(ValueError, match=r"Epoch \d+: loss") as raised:
        ours.fit(100 * X, NUMBERS)
    assert theirs.n_iter_ == 30
    assert 1 <= int(re.search(r"Epoch (\d+): loss", str(raised.value))[1]) < 15
    assert str(raised.value).startswith(str(expected.value))


def test_non_finite_parameters_under_early_stopping_end_the_fit_with_the_best():
    """Both libraries restore the parameters with the best score, which are finite, so that it is no
    error; scikit-learn trains on with NaN for the remaining epochs, silently."""
    settings = {"solver": "sgd", "activation": "identity", "learning_rate_init": 0.5}
    settings |= {"max_iter": 30, "n_iter_no_change": np.inf, "early_stopping": True}
    theirs, ours = (new("MLPRegressor", m, **settings) for m in (neural_network, cbackprop))
    assert all("non-finite" not in text for text in messages(lambda: theirs.fit(100 * X, NUMBERS)))
    said = messages(lambda: ours.fit(100 * X, NUMBERS))
    assert sum("non-finite parameter weights" in text for text in said) == 1
    assert said[-1].endswith("The best parameters so far are kept.")
    assert ours.n_iter_ < 15
    assert_allclose(parameters(ours), parameters(theirs), rtol=1e-9)


@quiet
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_mini_batches_without_weight_are_skipped(solver):
    """scikit-learn divides by their weight and fails. They have nothing to say: here no step is
    made, as if the rows were not there; and they count for nothing in the loss."""
    weight = np.ones(60)
    weight[10:20] = 0.0
    settings = {"solver": solver, "shuffle": False}
    if sklearn_version >= parse_version("1.7"):
        with pytest.raises(ZeroDivisionError):
            new("MLPClassifier", neural_network, **settings).fit(X, LABELS, sample_weight=weight)
    ours = new("MLPClassifier", **settings).fit(X, LABELS, sample_weight=weight)
    without = new("MLPClassifier", **settings).fit(X[weight > 0], LABELS[weight > 0])
    assert_array_equal(parameters(ours), parameters(without))
    assert_allclose(ours.loss_curve_, without.loss_curve_)


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_negative_targets_of_the_poisson_loss_are_refused(solver):
    """The Poisson deviance is not defined for them: in scikit-learn the loss is NaN from the first
    epoch on, without a word, so that nothing can be seen to converge, nor L-BFGS to descend."""
    with pytest.raises(ValueError, match=r"y must not be negative for .*[Pp]oisson"):
        new("MLPRegressor", loss="poisson", solver=solver).fit(X, NUMBERS)


@quiet
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_float32_rows_are_computed_with_in_float32_throughout(solver):
    """float32 in means float32 all the way. In scikit-learn targets in float64 make the errors and
    the gradients of float32 rows float64 too, and only the parameters are rounded."""
    single = X.astype("float32")
    models = {}
    for module in (neural_network, cbackprop):
        for dtype in ("float32", "float64"):
            estimator = new("MLPRegressor", module, solver=solver)
            estimator.fit(single, NUMBERS.astype("float32").astype(dtype))
            models[module, dtype] = parameters(estimator)
            assert models[module, dtype].dtype == np.float32
    assert_array_equal(models[cbackprop, "float64"], models[cbackprop, "float32"])
    assert (models[neural_network, "float64"] != models[neural_network, "float32"]).any()
    largest = np.abs(models[neural_network, "float64"]).max()
    assert_allclose(
        models[cbackprop, "float64"], models[neural_network, "float64"], rtol=0, atol=1e-5 * largest
    )


# ---------------------------------------------------------------------------------------------
# Going on with a fitted model.


@quiet
@pytest.mark.parametrize("then", ["sgd", "adam"])
def test_stochastic_solver_goes_on_from_lbfgs(then):
    """scikit-learn fails: only a first fit with sgd or adam makes the loss_curve_ to append to."""

    def train(module):
        estimator = new("MLPClassifier", module, solver="lbfgs", warm_start=True).fit(X, LABELS)
        return estimator.set_params(solver=then).fit(X, LABELS)

    with pytest.raises(AttributeError, match="loss_curve_"):
        train(neural_network)
    assert len(train(cbackprop).loss_curve_) == 5


@quiet
@pytest.mark.parametrize("first", [False, True])
def test_early_stopping_may_be_switched_before_a_warm_fit(first):
    """scikit-learn fails: what the other way of stopping needs was set to None."""

    def train(module):
        estimator = new("MLPClassifier", module, early_stopping=first, warm_start=True)
        return estimator.fit(X, LABELS).set_params(early_stopping=not first).fit(X, LABELS)

    with pytest.raises((AttributeError, TypeError), match="NoneType"):
        train(neural_network)
    estimator = train(cbackprop)
    assert len(estimator.loss_curve_) == 10
    assert len(estimator.validation_scores_) == 5


@quiet
def test_partial_fit_goes_on_after_early_stopping_is_switched_off():
    """scikit-learn fails: best_loss_ is None after early stopping."""

    def train(module):
        estimator = new("MLPClassifier", module, early_stopping=True).fit(X, LABELS)
        return estimator.set_params(early_stopping=False).partial_fit(X, LABELS)

    with pytest.raises(TypeError, match="NoneType"):
        train(neural_network)
    assert train(cbackprop).best_loss_ == train(cbackprop).loss_


@quiet
@pytest.mark.parametrize("kind", KINDS)
def test_activation_set_on_a_fitted_model_waits_for_a_new_one(kind):
    """A network is its layers and their activations. scikit-learn reads the parameter in every
    pass, so that set_params turns a trained model into one that nobody trained."""
    theirs, ours = (new(kind, m).fit(X, TARGETS[kind]) for m in (neural_network, cbackprop))
    before = ours.predict(X), theirs.predict(X)
    for estimator in (theirs, ours):
        estimator.set_params(activation="identity")
    assert_array_equal(ours.predict(X), before[0])
    assert not np.array_equal(theirs.predict(X), before[1])
    assert ours.fit(X, TARGETS[kind]).network_.activation == "identity"


@quiet
@pytest.mark.parametrize("hidden", [(5, 5), ()])
def test_hidden_layers_set_before_a_warm_fit_wait_for_a_new_model(hidden):
    """A warm start goes on with the network there is, as in scikit-learn, which ignores new sizes
    and fails in the midst of backpropagation if the number of layers is another."""

    def train(module):
        estimator = new("MLPClassifier", module, warm_start=True).fit(X, LABELS)
        return estimator.set_params(hidden_layer_sizes=hidden).fit(X, LABELS)

    if len(hidden) < 1:
        with pytest.raises(IndexError):
            train(neural_network)
    assert [w.shape for w in train(cbackprop).coefs_] == [(4, 5), (5, 1)]


@quiet
def test_warm_fit_to_one_target_instead_of_three_is_refused():
    """scikit-learn broadcasts the one to all three outputs, silently; three to one it refuses."""
    settings = {"warm_start": True}
    new("MLPRegressor", neural_network, **settings).fit(X, SEVERAL).fit(X, NUMBERS)
    with pytest.raises(ValueError, match="y must have the network's 3 columns, got 1"):
        new("MLPRegressor", **settings).fit(X, SEVERAL).fit(X, NUMBERS)


# ---------------------------------------------------------------------------------------------
# coefs_ and intercepts_.


@quiet
def test_assigned_parameters_are_copied_and_keep_the_networks_dtype():
    """They live in the network's one vector; scikit-learn keeps the very arrays it was given,
    integers too."""
    arrays = [np.ones((4, 5), dtype=int), np.ones((5, 1), dtype=int)]
    theirs, ours = (
        new("MLPClassifier", m).fit(X.astype("float32"), LABELS)
        for m in (neural_network, cbackprop)
    )
    theirs.coefs_ = copy.copy(arrays)
    ours.coefs_ = copy.copy(arrays)
    arrays[0][0, 0] = 7
    assert theirs.coefs_[0] is arrays[0]
    assert ours.coefs_[0][0, 0] == 1.0
    assert ours.coefs_[0].dtype == np.float32


@quiet
def test_parameters_of_another_shape_are_refused_when_they_are_assigned():
    """scikit-learn takes anything, and fails at the next prediction, if then."""
    theirs, ours = (new("MLPClassifier", m).fit(X, LABELS) for m in (neural_network, cbackprop))
    theirs.coefs_ = []
    theirs.intercepts_ = theirs.intercepts_[:1]
    with pytest.raises(ValueError, match="weights must have the shapes"):
        ours.coefs_ = []
    with pytest.raises(ValueError, match="biases must have the shapes"):
        ours.intercepts_ = ours.intercepts_[:1]
    with pytest.raises(TypeError, match="assign one layer at a time"):
        ours.coefs_[:] = [np.zeros((4, 5)), np.zeros((5, 1))]


def test_parameters_cannot_be_assigned_before_the_network_exists():
    """Nothing says yet what they are parameters of."""
    neural_network.MLPClassifier().coefs_ = []
    with pytest.raises(AttributeError, match="'coefs_' before it is fitted"):
        cbackprop.MLPClassifier().coefs_ = []


# ---------------------------------------------------------------------------------------------
# More than scikit-learn has.


@pytest.mark.parametrize("kind", KINDS)
def test_n_jobs_is_a_parameter(kind):
    """Threads are the estimator's own here, where scikit-learn leaves them to BLAS."""
    estimator = new(kind, n_jobs=2)
    assert estimator.get_params()["n_jobs"] == 2
    assert "n_jobs" not in getattr(neural_network, kind)().get_params()


@quiet
@pytest.mark.parametrize("bound", [{"clip_value": 1e-3}, {"clip_norm": 1e-2}], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_can_be_clipped(kind, bound):
    """Exploding gradients have a cure. It is off by default, and nothing then differs."""
    name = next(iter(bound))
    assert name not in getattr(neural_network, kind)().get_params()
    assert new(kind).get_params()[name] is None
    settings = {"solver": "sgd", "momentum": 0.0, "alpha": 0.0, "learning_rate_init": 1.0}
    settings |= {"max_iter": 1, "batch_size": 60}
    start = new(kind, **{**settings, "learning_rate_init": 1e-300}).fit(X, TARGETS[kind])
    step = parameters(new(kind, **settings, **bound).fit(X, TARGETS[kind])) - parameters(start)
    length = np.abs(step).max() if name == "clip_value" else np.linalg.norm(step)
    assert length == pytest.approx(bound[name])


@pytest.mark.parametrize("kind", KINDS)
def test_more_parameters_than_sklearns_are_keywords_and_off(kind):
    """So that nothing that is written for scikit-learn means something else here."""
    ours = inspect.signature(getattr(cbackprop, kind)).parameters
    more = [
        p for name, p in ours.items() if name not in getattr(neural_network, kind)().get_params()
    ]
    expected = {"n_jobs", "clip_value", "clip_norm", "scoring", "gradient_norms"}
    expected |= {"ema_decay", "swa_epochs", "trainable", "dropout", "l1", "max_norm"}
    of_classes = {"label_smoothing", "class_weight", "new_classes"}
    expected |= of_classes if kind == "MLPClassifier" else {"quantile", "non_crossing"}
    more = [p for p in more if p.name != "loss"]
    assert {p.name for p in more} == expected
    assert all(p.kind == p.KEYWORD_ONLY and p.default in (None, False) for p in more)


@quiet
@pytest.mark.skipif(sklearn_version >= parse_version("1.7"), reason="scikit-learn has it by now")
def test_weights_and_the_poisson_loss_are_there_with_any_sklearn():
    """The estimators are those of scikit-learn 1.9, whatever version is installed."""
    assert "loss" not in neural_network.MLPRegressor().get_params()
    estimator = new("MLPRegressor", loss="poisson")
    estimator.fit(X, np.exp(NUMBERS), sample_weight=np.ones(60))
    assert estimator.out_activation_ == "exp"


@quiet
@pytest.mark.parametrize("labels", [np.array(["no", "yes"])[LABELS], sp.csr_array(SEVERAL > 0)])
def test_early_stopping_takes_text_and_sparse_labels_with_any_sklearn(labels):
    """Before 1.9 scikit-learn looked for NaN among the predicted labels, which fails for these."""
    if sklearn_version < parse_version("1.9"):
        with pytest.raises(TypeError, match="isnan"):
            new("MLPClassifier", neural_network, early_stopping=True).fit(X, labels)
    estimator = new("MLPClassifier", early_stopping=True).fit(X, labels)
    assert len(estimator.validation_scores_) == 5
