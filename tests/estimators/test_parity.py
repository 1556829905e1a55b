"""Same seed, same model: fitted beside scikit-learn's MLPs, the estimators end with the same."""

import copy
import random
import warnings
from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import neural_network
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.preprocessing import scale
from sklearn.utils.fixes import parse_version
from threadpoolctl import threadpool_limits

import cbackprop

sklearn_version = parse_version(sklearn.__version__)
ACTIVATIONS = ["identity", "logistic", "tanh", "relu"]

# float64: every single number agrees to this, relative to itself. In the grid the worst is 1e-9.
RTOL = 1e-6
# float32: to this, relative to the largest number of its kind (coefficients and intercepts, losses,
# probabilities), as a number near zero is a sum of larger ones. Both libraries round every result
# to 6e-8, in different orders. Measured over the grid's SGD and Adam cases: the median difference
# is 5e-8, the largest 2e-6; scikit-learn's own float32 coefficients are as far from its float64
# ones (median 1.4e-7, largest 2e-6). Rounding grows with the steps, most with Adam, which divides
# by the root of a mean square gradient: after some hundred steps both libraries are 8e-5 from
# float64, so the float32 cases are shorter, not the tolerance wider.
RTOL_SINGLE = 1e-5


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """These networks are small: threads would only wait for each other."""
    with threadpool_limits(1):
        yield


# ---------------------------------------------------------------------------------------------
# Real data.

CLASSES = {"digits": load_digits, "iris": load_iris}
# L-BFGS multiplies rounding: its curvature pairs divide by differences of gradients, which lose
# their digits near a minimum. The loss of these networks has long flat valleys, where the last bits
# of the first gradients have grown to 1e-3 of the coefficients after 50 iterations (iris, logistic;
# 5e-5 iris, tanh; 1e-6 diabetes, logistic) and to less than 1e-8 after those given here. So these
# are compared this early, to the same 1e-6.
LBFGS_ITERATIONS = {("iris", "logistic"): 15, ("iris", "tanh"): 25, ("diabetes", "logistic"): 25}


def real_data(name: str):
    if name == "diabetes":
        X, y = load_diabetes(return_X_y=True)
        return scale(X), scale(y)
    X, y = CLASSES[name](return_X_y=True)
    return (X[:600] / 16, y[:600]) if name == "digits" else (scale(X), y)


@pytest.mark.parametrize("name", ["digits", "iris", "diabetes"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_same_seed_gives_sklearns_coefficients(solver, activation, name):
    X, y = real_data(name)
    settings = {
        "hidden_layer_sizes": (20,) if name == "digits" else (10, 5),
        "activation": activation,
        "solver": solver,
        "max_iter": LBFGS_ITERATIONS.get((name, activation), 50) if solver == "lbfgs" else 50,
        "learning_rate_init": 0.01,
        "n_iter_no_change": 50,
        "random_state": 1,
    }
    kind = "MLPRegressor" if name == "diabetes" else "MLPClassifier"
    theirs, ours = (getattr(m, kind)(**settings) for m in (neural_network, cbackprop))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.fit(X, y)
        ours.fit(X, y)
    assert ours.n_iter_ == theirs.n_iter_
    for mine, other in zip(
        ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True
    ):
        assert_allclose(mine, other, rtol=RTOL, atol=RTOL * 1e-3)
    if solver == "lbfgs":
        assert_allclose(ours.loss_, theirs.loss_, rtol=RTOL)
    else:
        assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=RTOL)
    answers = "predict" if name == "diabetes" else "predict_proba"
    assert_allclose(
        getattr(ours, answers)(X), getattr(theirs, answers)(X), rtol=RTOL, atol=RTOL * 1e-3
    )


# ---------------------------------------------------------------------------------------------
# The grid. Every case is drawn from this one seed; the standard library's generator promises the
# same draws everywhere.

SEED = 8086
N_CASES = 500
CLASSIFIER_TARGETS = ["binary", "signs", "bool", "strings", "objects", "multiclass", "names"]
CLASSIFIER_TARGETS += ["multilabel", "multilabel", "column"]
REGRESSOR_TARGETS = ["single", "single", "multioutput", "poisson", "counts", "column"]
SEQUENCES = ["fit", "fit", "fit", "warm", "refit", "partial", "fit+partial"]
LAYOUTS = ["C", "C", "C", "F", "list", "csr", "csr", "csc", "csr_array"]
HIDDEN = [(), 6, (7,), (1,), (5, 4), (9, 3), (4, 5, 6), (3, 2, 4)]
# scikit-learn has sample weights and the Poisson loss from 1.7 on.
WEIGHTED = sklearn_version >= parse_version("1.7")
WEIGHTS = {"none", "positive", "integer", "some_zero"}
LABELS = {
    "signs": np.array([-1, 1]),
    "bool": np.array([False, True]),
    "strings": np.array(["yes", "no"]),
    "objects": np.array(["b", "a"], dtype=object),
    "names": np.array(["one", "two", "three", "four", "five"]),
    "multiclass": np.array([0, 2, 3, 7, 11]),
}


@dataclass(frozen=True)
class Case:
    """One estimator, its data, and what is done with it."""

    index: int
    regressor: bool
    target: str
    layout: str
    dtype: str
    weights: str
    sequence: str
    n: int
    n_features: int
    n_outputs: int
    params: dict = field(hash=False)

    @property
    def name(self) -> str:
        p = self.params
        parts = [
            f"{self.index:03d}",
            "regressor" if self.regressor else "classifier",
            self.target,
            p["solver"],
            p["activation"],
            "x".join(map(str, np.atleast_1d(p["hidden_layer_sizes"]))) or "no_hidden",
            self.dtype,
            self.layout,
            self.sequence,
        ]
        if self.weights != "none":
            parts.append(f"{self.weights}_weights")
        if p["early_stopping"]:
            parts.append("early_stopping")
        return "-".join(parts)


def draw(index: int, rng: random.Random) -> Case:
    """The next case. What means nothing to its solver is drawn all the same: it must not matter."""
    regressor = rng.random() < 0.45
    target = rng.choice(REGRESSOR_TARGETS if regressor else CLASSIFIER_TARGETS)
    solver = rng.choice(["sgd", "sgd", "adam", "adam", "lbfgs"])
    sequence = rng.choice(SEQUENCES)
    if solver == "lbfgs" and regressor:
        # These differ by design, see test_differences.py.
        target = "single" if target == "multioutput" else target
        sequence = "warm" if "partial" in sequence else sequence
    layout = rng.choice(LAYOUTS)
    dtypes = ["float64"] * 6 + ["float32"] * 3
    dtype = rng.choice(dtypes if layout[:2] == "cs" else [*dtypes, "int64", "float16"])
    batch_size = rng.choice(["auto", 3, 10, 16, 32, 33, 1000])
    weights = rng.choice(["none", "none", "none", "positive", "integer", "some_zero"])
    if weights == "some_zero" and batch_size != "auto" and solver != "lbfgs":
        weights = "positive"  # scikit-learn fails on a mini-batch without weight
    weights = weights if WEIGHTED else "none"
    # Nothing may blow up: ours says so in more words, see test_differences.py.
    wild = regressor and solver == "sgd"
    params = {
        "solver": solver,
        "activation": rng.choice(ACTIVATIONS),
        "hidden_layer_sizes": rng.choice(HIDDEN),
        "batch_size": batch_size,
        "learning_rate": rng.choice(["constant", "invscaling", "adaptive"]),
        "learning_rate_init": rng.choice([0.0003, 0.001, 0.0005 if wild else 0.05]),
        "power_t": rng.choice([0.0, 0.25, 0.5, 1.0]),
        "max_iter": rng.randint(3, 5) if dtype == "float32" else rng.randint(3, 12),
        "momentum": rng.choice([0.0, 0.3, 0.9, 0.9, 0.9 if wild else 0.99]),
        "nesterovs_momentum": rng.random() < 0.6,
        "alpha": rng.choice([0.0, 0.0001, 0.01, 1.0]),
        "early_stopping": rng.random() < (0.1 if "partial" in sequence else 0.3),
        "validation_fraction": rng.choice([0.1, 0.2, 0.35]),
        "n_iter_no_change": rng.choice([1, 2, 3, 10]),
        "tol": rng.choice([0.0, 1e-4, 1e-2, 0.1]),
        "shuffle": rng.random() < 0.75,
        "warm_start": sequence == "warm",
        "random_state": rng.randint(0, 10**6),
        "beta_1": rng.choice([0.9, 0.9, 0.0, 0.5]),
        "beta_2": rng.choice([0.999, 0.999, 0.9]),
        "epsilon": rng.choice([1e-8, 1e-8, 1e-3]),
        "max_fun": rng.choice([15000, 15000, 7]),
    }
    if regressor and WEIGHTED:
        params["loss"] = "poisson" if target in ("poisson", "counts") else "squared_error"
    return Case(
        index=index,
        regressor=regressor,
        target=target,
        layout=layout,
        dtype=dtype,
        weights=weights,
        sequence=sequence,
        n=rng.randint(40, 90),
        n_features=rng.randint(3, 12),
        n_outputs=rng.randint(3, 5),
        params=params,
    )


def drawn_cases() -> list[Case]:
    rng = random.Random(SEED)
    return [draw(index, rng) for index in range(N_CASES)]


CASES = drawn_cases()


def make_rows(case: Case, rng: np.random.Generator, n: int) -> np.ndarray:
    X = rng.standard_normal((n, case.n_features))
    if case.dtype == "int64":
        X = np.round(X)
    if case.layout[:2] == "cs":
        X[rng.random(X.shape) < 0.6] = 0.0
    if case.dtype == "float32 in float64":
        return X.astype("float32").astype("float64")
    return X.astype(case.dtype)


def make_targets(case: Case, rng: np.random.Generator, X: np.ndarray) -> np.ndarray:
    """Targets that depend on X, so that there is something to learn; every class occurs."""
    signal = np.tanh(X.astype(float) @ rng.standard_normal((X.shape[1], case.n_outputs)))
    signal += 0.3 * rng.standard_normal(signal.shape)
    if case.target in ("poisson", "counts"):
        counts = rng.poisson(np.exp(signal))
        several = case.n_outputs == 5 and "loss" in case.params
        counts = counts[:, :2] if several else counts[:, 0]
        return counts if case.target == "counts" else counts + 0.5
    if case.regressor:
        return {"single": signal[:, 0], "column": signal[:, :1]}.get(case.target, signal)
    if case.target == "multilabel":
        return (signal > 0).astype(int)
    if case.target in ("multiclass", "names"):
        y = np.argmax(signal, axis=1)
        y[: case.n_outputs] = np.arange(case.n_outputs)
    else:
        y = (signal[:, 0] > 0).astype(int)
        y[:2] = [0, 1]
    y = LABELS[case.target][y] if case.target in LABELS else y
    return y.reshape(-1, 1) if case.target == "column" else y


def as_layout(case: Case, X: np.ndarray):
    if case.layout == "list":
        return X.tolist() if X.dtype == np.float64 else X
    if case.layout in ("C", "F"):
        return np.asarray(X, order=case.layout)
    return {"csr": sp.csr_matrix, "csc": sp.csc_matrix, "csr_array": sp.csr_array}[case.layout](X)


def make_weights(case: Case, rng: np.random.Generator):
    if case.weights == "none":
        return None
    if case.weights == "positive":
        return rng.uniform(0.2, 3.0, case.n)
    return rng.integers(0 if case.weights == "some_zero" else 1, 4, case.n)


def run_case(case: Case, module):
    """The fitted estimator, what it says of new rows, and the warnings on the way."""
    rng = np.random.default_rng(case.index)
    X = make_rows(case, rng, case.n)
    y = make_targets(case, rng, X)
    weight = make_weights(case, rng)
    new = as_layout(case, make_rows(case, rng, 30))
    estimator = (module.MLPRegressor if case.regressor else module.MLPClassifier)(**case.params)

    def call(method, rows, **more):
        if weight is not None:
            more["sample_weight"] = weight[rows]
        getattr(estimator, method)(as_layout(case, X[rows]), y[rows], **more)

    everything, part = np.arange(case.n), np.arange(case.n - 7)
    first = {}
    if not case.regressor:
        first["classes"] = np.arange(case.n_outputs) if y.ndim == 2 else np.unique(y)
        if case.target == "column":
            first["classes"] = np.unique(y)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if case.sequence == "partial":
            for rows in np.array_split(everything, 3):
                call("partial_fit", rows, **first)
            call("partial_fit", everything)
        else:
            call("fit", everything)
        if case.sequence in ("warm", "refit"):
            call("fit", part)
        if case.sequence == "fit+partial":
            call("partial_fit", everything[20:])
            call("partial_fit", everything[:20])
        answers = {"predict": estimator.predict(new)}
        if not case.regressor:
            answers["predict_proba"] = estimator.predict_proba(new)
            answers["predict_log_proba"] = estimator.predict_log_proba(new)
    return estimator, answers, caught


def outcome(case: Case, module):
    try:
        return run_case(case, module)
    except Exception as error:
        return error


def messages(caught) -> list:
    """What was warned of, without what differs by design and NumPy's floating-point noise."""
    return [
        (warning.category, str(warning.message))
        for warning in caught
        if warning.category is not RuntimeWarning
        and "has no effect with solver='adam'" not in str(warning.message)
    ]


def assert_close(case: Case, ours: list, theirs: list):
    """Lists of arrays agree: each number to RTOL; float32 to RTOL_SINGLE of the largest of all."""
    largest = max(np.abs(other[np.isfinite(other)]).max(initial=0) for other in theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine.shape, mine.dtype) == (other.shape, other.dtype)
        if case.dtype == "float32":
            assert_allclose(mine, other, rtol=0, atol=RTOL_SINGLE * largest)
        else:
            assert_allclose(mine, other, rtol=RTOL, atol=1e-12)


def skip_where_sklearn_fails(early_stopping: bool, kind: str):
    """Before 1.9 scikit-learn looked for NaN among predicted labels, text and sparse ones too."""
    if early_stopping and kind in "UO" and sklearn_version < parse_version("1.9"):
        pytest.skip("early stopping with such labels fails in this scikit-learn")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_drawn_case_ends_with_sklearns_model(case):
    labels = LABELS.get(case.target, np.zeros(0))
    skip_where_sklearn_fails(
        case.params["early_stopping"] and "partial" not in case.sequence, labels.dtype.kind
    )
    ours = outcome(case, cbackprop)
    if case.dtype == "float32" and case.params["solver"] == "lbfgs":
        # Ours computes in float64 here by design, see test_differences.py: so must scikit-learn.
        case = replace(case, dtype="float32 in float64")
    theirs = outcome(case, neural_network)
    if isinstance(theirs, Exception):
        assert (type(ours), str(ours)) == (type(theirs), str(theirs))
        assert repr(ours.__cause__) == repr(theirs.__cause__)
        return
    if isinstance(ours, Exception):
        raise ours
    (theirs, their_answers, their_warnings), (ours, our_answers, our_warnings) = theirs, ours

    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert_close(case, ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_)
    curves = ["loss_", "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_"]
    for name in curves:
        assert hasattr(ours, name) == hasattr(theirs, name), name
        mine, other = getattr(ours, name, None), getattr(theirs, name, None)
        assert (mine is None) == (other is None), name
        if mine is not None:
            assert_close(case, [np.array(mine, dtype=float)], [np.array(other, dtype=float)])
    for name, other in their_answers.items():
        mine = our_answers[name]
        if other.dtype.kind == "f":
            assert_close(case, [mine], [other])
        else:
            assert mine.dtype == other.dtype
            assert_array_equal(mine, other)
    assert messages(our_warnings) == messages(their_warnings)


def test_grid_has_four_hundred_cases_and_every_option():
    refused = [
        case
        for case in CASES
        if "partial" in case.sequence
        and (case.params["early_stopping"] or case.params["solver"] == "lbfgs")
    ]
    assert len(CASES) - len(refused) >= 400
    assert len(refused) >= 10
    for values, expected in [
        ([case.target for case in CASES], {*CLASSIFIER_TARGETS, *REGRESSOR_TARGETS}),
        ([case.layout for case in CASES], set(LAYOUTS)),
        ([case.sequence for case in CASES], set(SEQUENCES)),
        ([case.dtype for case in CASES], {"float32", "float64", "int64", "float16"}),
        ([case.weights for case in CASES], WEIGHTS if WEIGHTED else {"none"}),
        ([case.params["hidden_layer_sizes"] for case in CASES], set(HIDDEN)),
        ([case.params["learning_rate"] for case in CASES], {"constant", "invscaling", "adaptive"}),
        (
            [(case.params["solver"], case.params["activation"], case.regressor) for case in CASES],
            {(s, a, r) for s in ("sgd", "adam", "lbfgs") for a in ACTIVATIONS for r in (0, 1)},
        ),
    ]:
        counts = Counter(values)
        assert set(counts) == expected
        assert min(counts.values()) >= 6, counts


# ---------------------------------------------------------------------------------------------
# What the grid does not draw.


def fitted_pair(kind, settings, train):
    pair = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in (neural_network, cbackprop):
            estimator = getattr(module, kind)(**copy.deepcopy(settings))
            train(estimator)
            pair.append(estimator)
    return pair


def assert_same_model(ours, theirs):
    for mine, other in zip(
        ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True
    ):
        assert mine.dtype == other.dtype
        assert_allclose(mine, other, rtol=RTOL, atol=1e-12)
    assert (ours.n_iter_, ours.t_) == (theirs.n_iter_, theirs.t_)


SMALL = {"hidden_layer_sizes": (6, 4), "random_state": 3, "max_iter": 5, "batch_size": 16}


@pytest.fixture(scope="module")
def small():
    rng = np.random.default_rng(5)
    X = rng.standard_normal((60, 5))
    return X, (X[:, 0] + 0.5 * X[:, 1] > 0).astype(int)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_random_state_instance_gives_sklearns_numbers_and_is_left_where_it_leaves_it(
    solver, early_stopping, small
):
    settings = {**SMALL, "solver": solver, "early_stopping": early_stopping, "warm_start": True}
    settings["random_state"] = np.random.RandomState(11)
    theirs, ours = fitted_pair("MLPClassifier", settings, lambda e: e.fit(*small).fit(*small))
    assert_same_model(ours, theirs)
    mine, other = ours.random_state.get_state(), theirs.random_state.get_state()
    assert_array_equal(mine[1], other[1])
    assert mine[2:] == other[2:]


# scikit-learn fails where sgd or adam go on from lbfgs, see test_differences.py.
SOLVERS_IN_TURN = [(first, then) for first in ("sgd", "adam") for then in ("sgd", "adam", "lbfgs")]
SOLVERS_IN_TURN.append(("lbfgs", "lbfgs"))
CHANGES = [
    {"learning_rate_init": 0.5},
    {"alpha": 1.0},
    {"momentum": 0.1},
    {"nesterovs_momentum": False},
    {"beta_1": 0.1},
    {"learning_rate": "invscaling"},
    {"learning_rate": "constant"},
    {"power_t": 0.9},
    {"batch_size": 7},
    {"shuffle": False},
    {"tol": 1.0},
    {"solver": "adam"},
    {"random_state": 9},
    {"max_iter": 7},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
@pytest.mark.parametrize("schedule", ["constant", "invscaling", "adaptive"])
def test_parameters_set_between_partial_fits_count_where_they_do_in_sklearn(
    schedule, change, small
):
    def train(estimator):
        for _ in range(3):
            estimator.partial_fit(*small, classes=[0, 1])
        estimator.set_params(**change)
        for _ in range(3):
            estimator.partial_fit(*small)

    settings = {**SMALL, "solver": "sgd", "learning_rate": schedule, "learning_rate_init": 0.05}
    settings["n_iter_no_change"] = 1
    theirs, ours = fitted_pair("MLPClassifier", settings, train)
    assert_same_model(ours, theirs)


@pytest.mark.parametrize("change", CHANGES, ids=str)
@pytest.mark.parametrize("schedule", ["constant", "invscaling", "adaptive"])
def test_parameters_set_before_a_warm_fit_count_as_in_sklearn(schedule, change, small):
    settings = {**SMALL, "solver": "sgd", "learning_rate": schedule, "warm_start": True}
    theirs, ours = fitted_pair(
        "MLPClassifier",
        settings,
        lambda e: e.fit(*small).set_params(**change).fit(small[0][:50], small[1][:50]),
    )
    assert_same_model(ours, theirs)


@pytest.mark.parametrize(("first", "then"), SOLVERS_IN_TURN)
@pytest.mark.parametrize("dtypes", [("float64", "float32"), ("float32", "float64")], ids="-".join)
def test_warm_fit_with_another_dtype_keeps_to_sklearns_precision(first, then, dtypes, small):
    X, y = small

    def train(estimator):
        estimator.fit(X.astype(dtypes[0]), y)
        estimator.set_params(solver=then).fit(X.astype(dtypes[1]), y)

    theirs, ours = fitted_pair(
        "MLPClassifier", {**SMALL, "solver": first, "warm_start": True}, train
    )
    for mine, other in zip(ours.coefs_, theirs.coefs_, strict=True):
        assert mine.dtype == other.dtype
        assert_allclose(mine, other, rtol=0, atol=RTOL_SINGLE * np.abs(other).max())


def test_early_stopping_that_never_improves_a_warm_start_ends_as_in_sklearn(small):
    settings = {**SMALL, "early_stopping": True, "warm_start": True, "n_iter_no_change": 2}
    settings["learning_rate_init"] = 0.05

    def train(estimator):
        estimator.fit(*small).fit(*small)
        estimator.set_params(learning_rate_init=1e-9).fit(*small)

    theirs, ours = fitted_pair("MLPClassifier", settings, train)
    assert_same_model(ours, theirs)
    assert ours.validation_scores_ == theirs.validation_scores_


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_targets_of_one_class_give_sklearns_model(solver, small):
    X, _ = small
    theirs, ours = fitted_pair(
        "MLPClassifier", {**SMALL, "solver": solver}, lambda e: e.fit(X, np.full(60, "only"))
    )
    assert_same_model(ours, theirs)
    assert_array_equal(ours.predict(X), theirs.predict(X))
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=RTOL)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("container", [sp.csr_matrix, sp.csc_matrix])
def test_sparse_multilabel_targets_give_sklearns_model(container, early_stopping, small):
    skip_where_sklearn_fails(early_stopping, "O")
    X, _ = small
    Y = container((X[:, :3] > 0).astype(int))
    settings = {**SMALL, "early_stopping": early_stopping}
    theirs, ours = fitted_pair("MLPClassifier", settings, lambda e: e.fit(X, Y))
    assert_same_model(ours, theirs)
    mine, other = ours.predict(X), theirs.predict(X)
    assert (sp.issparse(mine), mine.dtype) == (sp.issparse(other), other.dtype)
    assert_array_equal(mine.toarray(), other.toarray())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("trained", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_predictions_have_sklearns_dtype_whatever_rows_they_are_for(kind, trained, dtype, small):
    X, y = small
    theirs, ours = fitted_pair(kind, SMALL, lambda e: e.fit(X.astype(trained), y))
    for rows in (X.astype(dtype), np.round(X).astype("int32"), X.astype("float16")):
        for method in ("predict", "predict_proba", "predict_log_proba"):
            if hasattr(theirs, method):
                mine, other = getattr(ours, method)(rows), getattr(theirs, method)(rows)
                assert mine.dtype == other.dtype
                assert_allclose(mine, other, rtol=0, atol=1e-5)


def test_partial_fit_of_some_classes_gives_sklearns_model(small):
    X, _ = small
    y = np.array(["c", "a", "b"])[np.arange(60) % 3]

    def train(estimator):
        estimator.partial_fit(X[:10], np.full(10, "c"), classes=["d", "a", "c", "b"])
        estimator.partial_fit(X, y)
        estimator.partial_fit(X, y, classes=["a", "b", "c", "d"])

    theirs, ours = fitted_pair("MLPClassifier", SMALL, train)
    assert_same_model(ours, theirs)
    assert_array_equal(ours.classes_, theirs.classes_)
    assert_array_equal(ours.predict(X), theirs.predict(X))


def duplicates(X):
    """Every value twice, halved, and columns out of order."""
    indices = np.tile([4, 2, 0, 1, 3], 2 * len(X))
    data = np.concatenate([X[:, [4, 2, 0, 1, 3]]] * 2, axis=1).ravel() / 2
    return sp.csr_matrix((data, indices, np.arange(0, data.size + 1, 10)), shape=X.shape)


def stored_zeros(X):
    matrix = sp.csr_array(np.ones_like(X))
    matrix.data[:] = np.where(X > 0, X, 0.0).ravel()
    return matrix


def long_indices(X):
    matrix = sp.csr_matrix(X)
    matrix.indices, matrix.indptr = matrix.indices.astype("int64"), matrix.indptr.astype("int64")
    return matrix


def empty_rows(X):
    return sp.csr_array(X * (np.arange(len(X)) % 5 != 0)[:, None])


def one_column(X):
    return X[:, :1]


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("form", [duplicates, stored_zeros, long_indices, empty_rows, one_column])
def test_rows_in_unusual_forms_give_sklearns_model(form, early_stopping, small):
    X, y = form(small[0]), small[1]
    settings = {**SMALL, "early_stopping": early_stopping}
    theirs, ours = fitted_pair("MLPClassifier", settings, lambda e: e.fit(X, y))
    assert_same_model(ours, theirs)
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=RTOL)


def frames():
    return pytest.importorskip("pandas")


def halves(X):
    return (X[:, :3] > 0).astype(int)


LABELS_IN_FORMS = {
    "float": lambda y, X: y.astype(float),
    "float16": lambda y, X: y.astype("float16"),
    "int8": lambda y, X: y.astype("int8"),
    "uint64": lambda y, X: y.astype("uint64"),
    "huge": lambda y, X: y * 2**40,
    "list_of_text": lambda y, X: ["yes" if label else "no" for label in y],
    "series": lambda y, X: frames().Series(y),
    "series_text": lambda y, X: frames().Series(np.array(["u", "v"])[y]),
    "series_nullable": lambda y, X: frames().Series(y, dtype="Int64"),
    "series_nullable_bool": lambda y, X: frames().Series(y > 0, dtype="boolean"),
    "categories": lambda y, X: frames().Series(frames().Categorical(np.array(["u", "v"])[y])),
    "multilabel_lists": lambda y, X: halves(X).tolist(),
    "multilabel_bool": lambda y, X: halves(X) > 0,
    "multilabel_float": lambda y, X: halves(X).astype(float),
    "multilabel_frame": lambda y, X: frames().DataFrame(halves(X)),
    "multilabel_with_empty_column": lambda y, X: halves(X) * [1, 0, 1],
}


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("form", LABELS_IN_FORMS)
def test_labels_in_all_forms_give_sklearns_model(form, early_stopping, small):
    X, y = small
    labels = LABELS_IN_FORMS[form](y, X)
    kind = np.asarray(labels).dtype.kind
    skip_where_sklearn_fails(early_stopping and not form.startswith("multilabel"), kind)
    settings = {**SMALL, "early_stopping": early_stopping}
    theirs, ours = fitted_pair("MLPClassifier", settings, lambda e: e.fit(X, labels))
    assert_same_model(ours, theirs)
    mine, other = ours.predict(X), theirs.predict(X)
    assert mine.dtype == other.dtype
    assert_array_equal(mine, other)


NUMBERS_IN_FORMS = {
    "int": lambda y: (3 * y).astype(int),
    "bool": lambda y: y > 0,
    "float16": lambda y: y.astype("float16"),
    "objects": lambda y: y.astype(object),
    "list": lambda y: y.tolist(),
    "series": lambda y: frames().Series(y),
    "series_nullable": lambda y: frames().Series(y, dtype="Float64"),
    "column_frame": lambda y: frames().DataFrame(y),
    "frame": lambda y: frames().DataFrame({"a": y, "b": -y}),
    "fortran": lambda y: np.asfortranarray(np.column_stack([y, -y, y**2])),
    "constant": lambda y: np.zeros_like(y),
}


@pytest.mark.parametrize("form", NUMBERS_IN_FORMS)
def test_numbers_in_all_forms_give_sklearns_model(form, small):
    X, _ = small
    y = NUMBERS_IN_FORMS[form](X[:, 0])
    theirs, ours = fitted_pair("MLPRegressor", SMALL, lambda e: e.fit(X, y))
    assert_same_model(ours, theirs)
    assert_allclose(ours.predict(X), theirs.predict(X), rtol=RTOL)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(("solver", "n_jobs"), [("sgd", 2), ("adam", 3), ("lbfgs", 2)])
def test_threads_end_with_sklearns_model(solver, n_jobs, sparse):
    X, y = real_data("digits")
    X = sp.csr_matrix(X) if sparse else X
    settings = {"hidden_layer_sizes": (50, 20), "solver": solver, "max_iter": 4, "random_state": 2}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = neural_network.MLPClassifier(**settings).fit(X, y)
        ours = cbackprop.MLPClassifier(**settings, n_jobs=n_jobs).fit(X, y)
    assert_same_model(ours, theirs)
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=RTOL, atol=1e-12)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_early_stopping_on_many_rows_scores_as_sklearn_does(solver):
    X, y = load_digits(return_X_y=True)
    settings = {"hidden_layer_sizes": (20,), "solver": solver, "max_iter": 8, "random_state": 2}
    settings |= {"early_stopping": True, "validation_fraction": 0.4}
    theirs, ours = fitted_pair("MLPClassifier", settings, lambda e: e.fit(X / 16, y))
    assert ours.validation_scores_ == theirs.validation_scores_
    assert_same_model(ours, theirs)


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_unseeded_estimator_draws_from_numpys_global_state_as_sklearns(solver, small):
    models = []
    before = np.random.get_state()  # noqa: NPY002
    try:
        for module in (neural_network, cbackprop):
            np.random.seed(77)  # noqa: NPY002
            estimator = module.MLPClassifier(**{**SMALL, "random_state": None, "solver": solver})
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                models.append(estimator.fit(*small).fit(*small))
    finally:
        np.random.set_state(before)  # noqa: NPY002
    assert_same_model(*models[::-1])


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_epochs_in_many_slices_end_with_the_same_model(solver, small, monkeypatch):
    settings = {**SMALL, "solver": solver}
    _, whole = fitted_pair("MLPClassifier", settings, lambda e: e.fit(*small))
    monkeypatch.setattr("cbackprop.running.slices.SECONDS", 0.0)
    theirs, sliced = fitted_pair("MLPClassifier", settings, lambda e: e.fit(*small))
    assert_same_model(sliced, theirs)
    for mine, other in zip(sliced.coefs_, whole.coefs_, strict=True):
        assert_array_equal(mine, other)
    assert_allclose(sliced.loss_curve_, theirs.loss_curve_, rtol=RTOL)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("tol", [0.0, 1e-4])
def test_loss_that_stays_the_same_stops_or_goes_on_as_in_sklearn(tol, early_stopping, small):
    settings = {**SMALL, "learning_rate_init": 1e-300, "n_iter_no_change": 2, "tol": tol}
    settings |= {"batch_size": 100, "max_iter": 9, "alpha": 0.0, "shuffle": False}
    settings["early_stopping"] = early_stopping
    theirs, ours = fitted_pair("MLPClassifier", settings, lambda e: e.fit(*small))
    assert_same_model(ours, theirs)
    assert len(set(ours.loss_curve_)) == 1
    assert ours.n_iter_ == (9 if tol == 0.0 else 4)
