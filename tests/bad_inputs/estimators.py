"""Bad input for the estimators: where scikit-learn refuses it, with its words; and more."""

import warnings

import numpy as np
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning, NotFittedError

import cbackprop
from bad_inputs import Bad, Liar, changed

RNG = np.random.default_rng(12)
X = RNG.standard_normal((40, 4))
LABELS = (X[:, 0] - X[:, 1] > 0).astype(int)
NUMBERS = X @ np.array([1.0, -0.5, 0.2, 0.0]) + 0.1 * RNG.standard_normal(40)
TARGETS = {"MLPClassifier": LABELS, "MLPRegressor": NUMBERS}
SETTINGS = {"hidden_layer_sizes": (5, 3), "max_iter": 4, "random_state": 0, "batch_size": 10}

# --- how a case is written: what makes the estimator, of either library, what is asked of it ---


def new(kind, module=cbackprop, **settings):
    return getattr(module, kind)(**{**SETTINGS, **settings})


def fitted(kind, module=cbackprop, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return new(kind, module, **settings).fit(X, TARGETS[kind])


def case(kind, call, **settings):
    return (lambda module: new(kind, module, **settings)), call


def fit(kind="MLPClassifier", rows=X, target=None, sample_weight=None, **settings):
    target = TARGETS[kind] if target is None else target
    weight = {} if sample_weight is None else {"sample_weight": sample_weight}
    return case(kind, lambda estimator: estimator.fit(rows, target, **weight), **settings)


def after_fit(method, *arguments, kind="MLPClassifier", **settings):
    settings["warm_start"] = method == "fit"
    return (
        lambda module: fitted(kind, module, **settings),
        lambda estimator: getattr(estimator, method)(*arguments),
    )


def unfitted(method, *arguments, kind="MLPClassifier"):
    return case(kind, lambda estimator: getattr(estimator, method)(*arguments))


def partial_fits(*calls, kind="MLPClassifier", **settings):
    """All calls but the last go well."""
    *before, (rows, target, more) = calls

    def make(module):
        estimator = new(kind, module, **settings)
        for its_rows, its_target, its_more in before:
            estimator.partial_fit(its_rows, its_target, **its_more)
        return estimator

    return make, lambda estimator: estimator.partial_fit(rows, target, **more)


def parameter(name, value, kind="MLPClassifier"):
    text = rf"The '{name}' parameter of {kind} must be .* Got .* instead\."
    return fit(kind, **{name: value}), ValueError, text


THREE = np.arange(40) % 3
BOTH = {"classes": [0, 1]}
NAN = "contains NaN"
FEATURES = "X has 2 features, but MLP.* is expecting 4 features as input"
LENGTHS = "Found input variables with inconsistent numbers of samples"

AS_SKLEARN = {
    "activation": parameter("activation", "sigmoid"),
    "solver": parameter("solver", "newton"),
    "alpha_negative": parameter("alpha", -1e-3),
    "alpha_nan": parameter("alpha", np.nan),
    "alpha_text": parameter("alpha", "1"),
    "batch_size_zero": parameter("batch_size", 0),
    "batch_size_fraction": parameter("batch_size", 2.5),
    "batch_size_text": parameter("batch_size", "all"),
    "learning_rate": parameter("learning_rate", "fast"),
    "learning_rate_init": parameter("learning_rate_init", 0.0),
    "power_t": parameter("power_t", -0.5),
    "max_iter_zero": parameter("max_iter", 0),
    "max_iter_fraction": parameter("max_iter", 1.5),
    "shuffle": parameter("shuffle", "yes"),
    "random_state_negative": parameter("random_state", -1),
    "random_state_text": parameter("random_state", "seed"),
    "tol": parameter("tol", -1.0),
    "verbose": parameter("verbose", "loud"),
    "warm_start": parameter("warm_start", 2),
    "momentum": parameter("momentum", 1.1),
    "nesterovs_momentum": parameter("nesterovs_momentum", None),
    "early_stopping": parameter("early_stopping", None),
    "validation_fraction": parameter("validation_fraction", 1.0),
    "beta_1": parameter("beta_1", 1.0),
    "beta_2": parameter("beta_2", -0.1),
    "epsilon": parameter("epsilon", 0.0),
    "n_iter_no_change": parameter("n_iter_no_change", 0),
    "max_fun": parameter("max_fun", 0),
    "loss": parameter("loss", "absolute", "MLPRegressor"),
    "hidden_negative": parameter("hidden_layer_sizes", -1),
    "hidden_none": parameter("hidden_layer_sizes", None),
    "hidden_zero": (
        fit(hidden_layer_sizes=(3, 0)),
        ValueError,
        r"hidden_layer_sizes must be > 0, got \[3, 0\]\.",
    ),
    "hidden_fraction": (fit(hidden_layer_sizes=(2.5,)), TypeError, "integer"),
    "hidden_bool": (fit(hidden_layer_sizes=(True,)), TypeError, "integer"),
    "X_nan": (fit(rows=changed(X, np.nan)), ValueError, f"Input X {NAN}"),
    "X_nan_regressor": (fit("MLPRegressor", changed(X, np.nan)), ValueError, f"Input X {NAN}"),
    "X_infinite": (fit(rows=changed(X, np.inf)), ValueError, "Input X contains infinity"),
    "X_sparse_nan": (fit(rows=sp.csr_array(changed(X, np.nan))), ValueError, f"Input X {NAN}"),
    "X_one_dimension": (fit(rows=X[:, 0]), ValueError, "Expected 2D array, got 1D array"),
    "X_three_dimensions": (fit(rows=X[None]), ValueError, "Found array with dim 3"),
    "X_no_rows": (fit(rows=X[:0], target=LABELS[:0]), ValueError, "Found array with 0 sample"),
    "X_no_columns": (fit(rows=X[:, :0]), ValueError, r"Found array with 0 feature\(s\)"),
    "X_text": (fit(rows=np.full((40, 4), "a")), ValueError, "could not convert|dtype='numeric'"),
    "X_complex": (fit(rows=X * 1j), ValueError, "Complex data not supported"),
    "X_objects": (fit(rows=np.full((40, 4), object())), TypeError, "float"),
    "X_none": (
        case("MLPClassifier", lambda estimator: estimator.fit(None, LABELS)),
        ValueError,
        "Expected 2D array, got scalar array instead",
    ),
    "y_short": (fit(target=LABELS[:5]), ValueError, LENGTHS),
    "y_short_regressor": (fit("MLPRegressor", target=NUMBERS[:5]), ValueError, LENGTHS),
    "y_none": (
        case("MLPClassifier", lambda estimator: estimator.fit(X, None)),
        ValueError,
        "requires y to be passed, but the target y is None",
    ),
    "y_nan": (fit("MLPRegressor", target=changed(X, np.nan)), ValueError, f"Input y {NAN}"),
    "y_infinite": (fit("MLPRegressor", target=np.full(40, np.inf)), ValueError, "Input y contains"),
    "y_labels_nan": (fit(target=np.where(LABELS, np.nan, 1)), ValueError, f"Input y {NAN}"),
    "y_continuous": (fit(target=NUMBERS), ValueError, "Unknown label type: "),
    "y_multioutput": (fit(target=np.c_[LABELS, THREE]), ValueError, "Multioutput target data"),
    "y_three_dimensions": (fit(target=np.zeros((40, 2, 2))), ValueError, "dim 3"),
    "weight_short": (fit(sample_weight=np.ones(5)), ValueError, r"sample_weight.shape == \(5,\)"),
    "weight_matrix": (fit(sample_weight=np.ones((40, 2))), ValueError, "Sample weights must be"),
    "weight_nan": (fit(sample_weight=np.full(40, np.nan)), ValueError, f"sample_weight {NAN}"),
    "weight_infinite": (fit(sample_weight=np.full(40, np.inf)), ValueError, "contains infinity"),
    "predict_unfitted": (unfitted("predict", X), NotFittedError, "instance is not fitted yet"),
    "proba_unfitted": (unfitted("predict_proba", X), NotFittedError, "is not fitted yet"),
    "log_proba_unfitted": (unfitted("predict_log_proba", X), NotFittedError, "is not fitted yet"),
    "score_unfitted": (unfitted("score", X, LABELS), NotFittedError, "is not fitted yet"),
    "regressor_unfitted": (
        unfitted("predict", X, kind="MLPRegressor"),
        NotFittedError,
        "This MLPRegressor instance is not fitted yet",
    ),
    "predict_features": (after_fit("predict", X[:, :2]), ValueError, FEATURES),
    "proba_features": (after_fit("predict_proba", X[:, :2]), ValueError, FEATURES),
    "predict_nan": (after_fit("predict", changed(X, np.nan)), ValueError, f"Input X {NAN}"),
    "predict_one_row": (after_fit("predict", X[0]), ValueError, "Expected 2D array, got 1D"),
    "predict_no_rows": (after_fit("predict", X[:0]), ValueError, "Found array with 0 sample"),
    "score_lengths": (after_fit("score", X, LABELS[:3]), ValueError, LENGTHS),
    "warm_features": (after_fit("fit", X[:, :2], LABELS), ValueError, FEATURES),
    "warm_classes": (
        after_fit("fit", X, THREE),
        ValueError,
        r"warm_start can only be used where `y` has the same classes as in the previous call to "
        r"fit. Previously got \[0 1\], `y` has \[0 1 2\]",
    ),
    "partial_no_classes": (
        partial_fits((X, LABELS, {})),
        ValueError,
        "classes must be passed on the first call to partial_fit",
    ),
    "partial_other_classes": (
        partial_fits((X, LABELS, BOTH), (X, LABELS, {"classes": [0, 2]})),
        ValueError,
        "`classes=.*` is not the same as on last call to partial_fit",
    ),
    "partial_new_class": (
        partial_fits((X, LABELS, BOTH), (X, THREE, {})),
        ValueError,
        r"`y` has classes not in `self.classes_`. `self.classes_` has \[0 1\]. 'y' has \[0 1 2\]",
    ),
    "partial_class_missing_at_first": (
        partial_fits((X, THREE, BOTH)),
        ValueError,
        "`y` has classes not in `self.classes_`",
    ),
    "partial_features": (
        partial_fits((X, LABELS, BOTH), (X[:, :2], LABELS, {})),
        ValueError,
        FEATURES,
    ),
    "partial_early_stopping": (
        partial_fits((X, LABELS, BOTH), early_stopping=True),
        ValueError,
        "^partial_fit does not support early_stopping=True$",
    ),
    "partial_early_stopping_regressor": (
        partial_fits((X, NUMBERS, {}), kind="MLPRegressor", early_stopping=True),
        ValueError,
        "^partial_fit does not support early_stopping=True$",
    ),
    "partial_lbfgs": (
        partial_fits((X, LABELS, BOTH), solver="lbfgs"),
        AttributeError,
        "^This 'MLPClassifier' has no attribute 'partial_fit'$",
    ),
    "partial_classes_regressor": (
        partial_fits((X, NUMBERS, BOTH), kind="MLPRegressor"),
        TypeError,
        "unexpected keyword argument 'classes'",
    ),
    "stopping_one_of_a_class": (
        fit(target=np.arange(40) == 7, early_stopping=True),
        ValueError,
        "The least populated class(es)? in y ha(s|ve) only 1 member",
    ),
    "stopping_few_rows": (
        fit("MLPRegressor", X[:2], NUMBERS[:2], early_stopping=True, batch_size=1),
        ValueError,
        "The validation set is too small. Increase 'validation_fraction'",
    ),
    "stopping_no_fraction": (
        fit(early_stopping=True, validation_fraction=0.0),
        ValueError,
        "test_size=0.0 should be",
    ),
    "decision_function_regressor": (
        after_fit("decision_function", X, kind="MLPRegressor"),
        AttributeError,
        "'MLPRegressor' object has no attribute 'decision_function'",
    ),
    "proba_regressor": (
        after_fit("predict_proba", X, kind="MLPRegressor"),
        AttributeError,
        "'MLPRegressor' object has no attribute 'predict_proba'",
    ),
    "unknown_parameter": (
        (lambda module: module, lambda module: new("MLPClassifier", module, depth=2)),
        TypeError,
        "unexpected keyword argument 'depth'",
    ),
    "solver_by_position": (
        (lambda module: module, lambda module: module.MLPClassifier((4,), "relu", "adam")),
        TypeError,
        "positional arguments",
    ),
}
# What scikit-learn raises for the same reason with other words.
OTHER_WORDS = {"hidden_fraction", "hidden_bool"}
# of which there are more here
OTHER_WORDS |= {"activation", "learning_rate", "loss", "validation_fraction"}
FROM_1_7_ON = {"loss", "weight_short", "weight_matrix", "weight_nan", "weight_infinite"}
FROM_1_7_ON |= {"stopping_few_rows"}

# --- where scikit-learn has other words, no such parameter, or lets it through ---


def lying_csr(kind, **changes):
    """A sparse matrix one of whose index arrays was changed after SciPy had looked at it."""
    matrix = kind(X)
    for name, (at, value) in changes.items():
        getattr(matrix, name)[at] = value
    return matrix


def masked(array):
    return np.ma.masked_array(array, mask=changed(np.zeros(array.shape, bool), True))


DATES = np.full((40, 4), "2020-01-01", dtype="M8[D]")
RECORDS = np.zeros((40, 4), dtype=[("a", float), ("b", float)])
CODES = np.array(["x", "y"])[LABELS]
WEIGHTS = np.ones(40)
# The first is scikit-learn's from 1.9 on.
ALL_ZERO = "at least one non-zero number|nor zero for every row, got 0 to 0"

OURS = {
    "clip_value_zero": parameter("clip_value", 0.0),
    "clip_value_nan": parameter("clip_value", np.nan),
    "clip_value_text": parameter("clip_value", "1"),
    "clip_norm_negative": parameter("clip_norm", -1.0),
    "clip_norm_list": parameter("clip_norm", [1.0], "MLPRegressor"),
    "n_jobs_zero": parameter("n_jobs", 0),
    "n_jobs_fraction": parameter("n_jobs", 1.5),
    "n_jobs_minus_two": parameter("n_jobs", -2, "MLPRegressor"),
    "l1_negative": parameter("l1", -1.0),
    "l1_nan": parameter("l1", np.nan, "MLPRegressor"),
    "max_norm_zero": parameter("max_norm", 0.0),
    "max_norm_negative": parameter("max_norm", -1.0, "MLPRegressor"),
    "max_norm_text": parameter("max_norm", "1"),
    "l1_lbfgs": (
        fit(solver="lbfgs", l1=0.5),
        ValueError,
        "l1=0.5 goes with solver='sgd' or 'adam', got solver='lbfgs': it takes the loss to be",
    ),
    "max_norm_lbfgs": (
        fit("MLPRegressor", solver="lbfgs", max_norm=3.0),
        ValueError,
        "max_norm=3.0 goes with solver='sgd' or 'adam', got solver='lbfgs'",
    ),
    "dropout_all": parameter("dropout", 1.0),
    "dropout_negative": parameter("dropout", -0.1),
    "dropout_nan": parameter("dropout", np.nan, "MLPRegressor"),
    "dropout_text": parameter("dropout", "0.5"),
    "dropout_short": (
        fit(hidden_layer_sizes=(5, 3), dropout=[0.5]),
        ValueError,
        r"dropout must be a number, or a list of one for each hidden layer, and there are 2: got",
    ),
    "dropout_of_none": (
        fit(hidden_layer_sizes=(), dropout=[0.5]),
        ValueError,
        r"a list of one for each hidden layer, and there are 0: got \[0.5\]",
    ),
    "dropout_list_out_of_range": (
        fit(hidden_layer_sizes=(5, 3), dropout=[0.5, 1.0]),
        ValueError,
        r"dropout\[1\] must lie in \[0, 1\), got 1.0",
    ),
    "dropout_list_of_text": (
        fit(hidden_layer_sizes=(5, 3), dropout=["a", 0.5]),
        TypeError,
        r"dropout\[0\] must be a number, got 'a' of type str",
    ),
    "dropout_lbfgs": (
        fit(solver="lbfgs", dropout=0.5),
        ValueError,
        "dropout=0.5 goes with solver='sgd' or 'adam', got solver='lbfgs'",
    ),
    "clip_both": (
        fit(clip_value=1.0, clip_norm=1.0),
        ValueError,
        "by value or by norm, not both: got clip_value=1.0 and clip_norm=1.0",
    ),
    "hidden_huge": (
        fit(hidden_layer_sizes=(2**31 - 1,)),
        ValueError,
        "each of layer_sizes must be at most 2147483646, got 2147483647",
    ),
    "hidden_text": (fit(hidden_layer_sizes=("5",)), (TypeError, ValueError), "hidden_layer_sizes"),
    "hidden_nested": (
        fit(hidden_layer_sizes=[[5], [3]]),
        (TypeError, ValueError),
        r"integer, got \[5\]",
    ),
    "X_huge_width": (
        fit(rows=np.broadcast_to(0.0, (40, 2**31))),
        ValueError,
        "X must have at most 2147483646 features, got 2147483648",
    ),
    "X_huge_height": (
        fit(rows=np.broadcast_to(np.zeros(4), (2**45, 4))),
        MemoryError,
        "Unable to allocate .* shape .35184372088832, 4",
    ),
    "X_dates": (fit(rows=DATES), (TypeError, ValueError), "X must be numbers, got .*datetime64"),
    "X_durations": (
        fit(rows=DATES - DATES[0]),
        (TypeError, ValueError),
        "X must be numbers, got .*timedelta64",
    ),
    "X_records": (fit(rows=RECORDS), (TypeError, ValueError), r"X must be numbers, got .*\('a',"),
    "X_bytes": (fit(rows=np.full((40, 4), b"a")), ValueError, "could not convert|dtype='numeric'"),
    "X_masked": (fit(rows=masked(X)), ValueError, "X must have no masked values, got 1"),
    "X_object_none": (fit(rows=changed(X.astype(object), None)), (TypeError, ValueError), "NaN"),
    "X_object_text": (fit(rows=changed(X.astype(object), "a")), ValueError, "could not convert"),
    "X_object_list": (
        fit(rows=changed(X.astype(object), [1])),
        (TypeError, ValueError),
        "setting an array element with a sequence",
    ),
    "X_object_complex": (
        fit(rows=changed(X.astype(object), 1j)),
        (TypeError, ValueError),
        "[Cc]omplex",
    ),
    "X_too_large_for_float": (
        fit(rows=changed(X.astype(object), 10**400)),
        (ValueError, OverflowError),
        "too large",
    ),
    "X_longdouble_infinite": (
        fit(rows=X.astype(np.longdouble) * np.longdouble("1e4000")),
        ValueError,
        "Input X contains infinity",
    ),
    "X_ragged": (fit(rows=[[1.0, 2.0], [1.0]] * 20), ValueError, "inhomogeneous|sequence"),
    "X_dict": (fit(rows={"a": [1.0]}), (TypeError, ValueError), "dict|float|2D"),
    "X_a_word": (fit(rows="abc"), ValueError, "Expected 2D array, got scalar|could not convert"),
    "X_generator": (fit(rows=(r for r in X)), (TypeError, ValueError), "generator"),
    "X_array_raises": (fit(rows=Liar(RuntimeError("no array"))), RuntimeError, "no array"),
    "X_shorter_the_second_time": (
        fit(rows=Liar(X[:39], X), target=LABELS),
        ValueError,
        LENGTHS,
    ),
    "X_infinity_reversed": (fit(rows=changed(X, -np.inf)[::-1]), ValueError, "contains infinity"),
    "X_nan_fortran": (fit(rows=np.asfortranarray(changed(X, np.nan))), ValueError, f"X {NAN}"),
    "X_nan_other_byte_order": (
        fit(rows=changed(X, np.nan).astype(">f8")),
        ValueError,
        f"X {NAN}",
    ),
    "X_nan_float32": (fit(rows=changed(X, np.nan).astype("f4")), ValueError, f"X {NAN}"),
    "X_infinity_half": (fit(rows=changed(X, np.inf).astype("f2")), ValueError, "infinity"),
    "csr_nan": (
        fit("MLPRegressor", rows=sp.csr_matrix(changed(X, np.nan))),
        ValueError,
        f"X {NAN}",
    ),
    "csc_infinity": (fit(rows=sp.csc_array(changed(X, np.inf))), ValueError, "infinity"),
    "csr_objects": (fit(rows=sp.coo_matrix(X).astype(complex)), ValueError, "Complex data"),
    "csr_column_past_the_last": (
        fit(rows=lying_csr(sp.csr_matrix, indices=(7, 4))),
        ValueError,
        "X.indices must lie between 0 and 3, got 4 at 7",
    ),
    "csr_column_negative": (
        fit(rows=lying_csr(sp.csr_array, indices=(7, -1))),
        ValueError,
        "X.indices must lie between 0 and 3, got -1 at 7",
    ),
    "csr_early_stopping": (
        fit(rows=lying_csr(sp.csr_array, indptr=(40, 2**30)), early_stopping=True),
        ValueError,
        f"X.indptr must grow from 0 to at most 160, got 156 and {2**30} at row 39",
    ),
    "csr_indptr_not_monotone": (
        fit("MLPRegressor", rows=lying_csr(sp.csr_array, indptr=(3, 3))),
        ValueError,
        "X.indptr must grow from 0 to at most 160, got 8 and 3 at row 2",
    ),
    "csr_indptr_negative": (
        fit("MLPRegressor", rows=lying_csr(sp.csr_array, indptr=(0, -2))),
        ValueError,
        "X.indptr must grow from 0 to at most 160, got -2 and 4 at row 0",
    ),
    "csc_row_past_the_last": (
        fit(rows=lying_csr(sp.csc_matrix, indices=(7, 40))),
        ValueError,
        "X.indices must lie between 0 and 39, got 40 at 7",
    ),
    "csc_row_far_past_the_last": (
        fit(rows=lying_csr(sp.csc_matrix, indices=(7, 2**31 - 1))),
        ValueError,
        f"X.indices must lie between 0 and 39, got {2**31 - 1} at 7",
    ),
    "csc_indptr_past_the_end": (
        fit(rows=lying_csr(sp.csc_array, indptr=(4, 2**20))),
        ValueError,
        f"X.indptr must grow from 0 to at most 160, got 120 and {2**20} at column 3",
    ),
    "coo_row_past_the_last": (
        fit(rows=lying_csr(sp.coo_matrix, row=(7, 10**6))),
        ValueError,
        "X's rows must lie between 0 and 39, got 1000000 at 7",
    ),
    "coo_column_negative": (
        fit(rows=lying_csr(sp.coo_matrix, col=(7, -1))),
        ValueError,
        "X's columns must lie between 0 and 3, got -1 at 7",
    ),
    "bsr_column_past_the_last": (
        fit(rows=lying_csr(sp.bsr_matrix, indices=(0, 2**30))),
        ValueError,
        "X.indices must lie between 0 and",
    ),
    "predict_csr_lies": (
        after_fit("predict", lying_csr(sp.csr_array, indices=(7, 4))),
        ValueError,
        "X.indices must lie between 0 and 3, got 4 at 7",
    ),
    "predict_csc_lies": (
        after_fit("predict_proba", lying_csr(sp.csc_array, indices=(7, 10**9))),
        ValueError,
        "X.indices must lie between 0 and 39, got 1000000000 at 7",
    ),
    "predict_masked": (
        after_fit("predict", masked(X)),
        ValueError,
        "X must have no masked values, got 1",
    ),
    "predict_dates": (
        after_fit("predict", DATES),
        (TypeError, ValueError),
        "X must be numbers, got .*datetime64",
    ),
    "predict_none": (after_fit("predict", None), ValueError, "Expected 2D array"),
    "predict_text": (after_fit("predict", "abc"), ValueError, "Expected 2D|could not convert"),
    "predict_csr_features": (after_fit("predict", sp.csr_array(X[:, :2])), ValueError, FEATURES),
    "predict_infinity_float32": (
        after_fit("predict", changed(X, np.inf).astype("f4")),
        ValueError,
        "contains infinity",
    ),
    "predict_raises": (
        after_fit("predict", Liar(RuntimeError("no array"))),
        RuntimeError,
        "no array",
    ),
    "score_continuous": (
        after_fit("score", X, NUMBERS),
        ValueError,
        "Classification metrics can't handle a mix of continuous and binary",
    ),
    "y_masked": (
        fit("MLPRegressor", target=np.ma.masked_array(NUMBERS, NUMBERS > 1)),
        ValueError,
        "y must have no masked values, got",
    ),
    "y_dates": (
        fit("MLPRegressor", target=DATES[:, 0]),
        (TypeError, ValueError),
        "y must be numbers, got .*datetime64",
    ),
    "y_text_regressor": (
        fit("MLPRegressor", target=CODES),
        ValueError,
        "could not convert string to float|dtype='numeric'",
    ),
    "y_complex_regressor": (fit("MLPRegressor", target=NUMBERS * 1j), ValueError, "[Cc]omplex"),
    "y_no_columns": (
        fit("MLPRegressor", target=np.zeros((40, 0))),
        ValueError,
        "0 feature|at least one|no columns",
    ),
    "y_raises": (
        fit("MLPRegressor", target=Liar(RuntimeError("no array"))),
        RuntimeError,
        "no array",
    ),
    "y_shorter_the_second_time": (
        partial_fits((X, Liar(LABELS, LABELS[:39]), BOTH)),
        ValueError,
        LENGTHS,
    ),
    "y_mixed_types": (
        fit(target=changed(CODES.astype(object), 1.5, 3)),
        (TypeError, ValueError),
        "[Mm]ix|<|not supported|str",
    ),
    "y_poisson_negative": (
        fit("MLPRegressor", target=NUMBERS - 10, loss="poisson"),
        ValueError,
        r"y must not be negative for the Poisson loss, got -1\d\.",
    ),
    "weight_negative": (
        fit(sample_weight=changed(WEIGHTS, -1.0, 3)),
        ValueError,
        "sample_weight must not be negative, nor zero for every row, got -1 to 1",
    ),
    "weight_all_zero": (
        fit("MLPRegressor", sample_weight=np.zeros(40)),
        ValueError,
        ALL_ZERO,
    ),
    "weight_all_zero_lbfgs": (
        fit("MLPRegressor", sample_weight=np.zeros(40), solver="lbfgs"),
        ValueError,
        ALL_ZERO,
    ),
    "weight_text": (fit(sample_weight=CODES), ValueError, "could not convert|dtype='numeric'"),
    "weight_complex": (fit(sample_weight=WEIGHTS * 1j), ValueError, "[Cc]omplex"),
    "weight_too_large_for_float32": (
        fit(rows=X.astype("f4"), sample_weight=np.full(40, 1e300)),
        ValueError,
        "sample_weight contains infinity|sample_weight must be finite",
    ),
    "weight_zero_in_float32": (
        fit(rows=X.astype("f4"), sample_weight=np.full(40, 1e-300)),
        ValueError,
        "nor zero for every row, got 0 to 0",
    ),
    "weight_infinite_together": (
        fit("MLPRegressor", sample_weight=np.full(40, 1e308)),
        ValueError,
        "sample_weight must have a finite sum, got weights up to 1e.308",
    ),
    "y_too_large_for_float32": (
        fit("MLPRegressor", X.astype("f4"), np.full(40, 1e39)),
        ValueError,
        "y must be finite in float32, got a larger number: scale y, or train in float64",
    ),
    "partial_X_too_large_for_float32": (
        partial_fits((X.astype("f4"), NUMBERS, {}), (X * 1e39, NUMBERS, {}), kind="MLPRegressor"),
        ValueError,
        "X must be finite in float32, got a larger number: scale X",
    ),
    "partial_csr_too_large_for_float32": (
        partial_fits((X.astype("f4"), LABELS, BOTH), (sp.csr_array(X * 1e39), LABELS, {})),
        ValueError,
        "X must be finite in float32, got a larger number: scale X",
    ),
    "weight_partial_fit": (
        partial_fits((X, NUMBERS, {"sample_weight": -WEIGHTS}), kind="MLPRegressor"),
        ValueError,
        "sample_weight must not be negative, nor zero for every row, got -1 to -1",
    ),
    "weight_partial_fit_after_another": (
        partial_fits((X, LABELS, BOTH), (X, LABELS, {"sample_weight": np.ones(39)}), solver="sgd"),
        ValueError,
        r"sample_weight.shape == \(39,\)",
    ),
    "partial_nan_after_another": (
        partial_fits((X, LABELS, BOTH), (changed(X, np.nan), LABELS, {})),
        ValueError,
        f"X {NAN}",
    ),
    "partial_csr_lies_after_another": (
        partial_fits(
            (X, NUMBERS, {}),
            (lying_csr(sp.csr_array, indices=(7, 4)), NUMBERS, {}),
            kind="MLPRegressor",
        ),
        ValueError,
        "X.indices must lie between 0 and 3, got 4 at 7",
    ),
    "partial_classes_text": (
        partial_fits((X, LABELS, {"classes": ["a", "b"]})),
        (TypeError, ValueError),
        "classes",
    ),
    "partial_classes_empty": (
        partial_fits((X, LABELS, {"classes": []})),
        ValueError,
        "has 0 samples|classes",
    ),
    "warm_outputs": (
        after_fit("fit", X, np.c_[NUMBERS, NUMBERS], kind="MLPRegressor"),
        ValueError,
        "y must have the network's 1 columns, got 2",
    ),
    "callbacks_number": (
        case("MLPClassifier", lambda e: e.fit(X, LABELS, callbacks=3)),
        TypeError,
        "callbacks must be a list of callbacks, got 3",
    ),
    "callbacks_class": (
        case("MLPClassifier", lambda e: e.fit(X, LABELS, callbacks=[Liar])),
        TypeError,
        "each callback must be a function .* got <class",
    ),
    "callback_that_fails": (
        case("MLPClassifier", lambda e: e.fit(X, LABELS, callbacks=[lambda m, h: 1 / 0])),
        ZeroDivisionError,
        "division by zero",
    ),
    "callback_of_other_arguments": (
        case("MLPRegressor", lambda e: e.fit(X, NUMBERS, callbacks=[lambda: True])),
        TypeError,
        "takes 0 positional arguments but 2 were given",
    ),
    "coefs_text": (
        after_fit("__setattr__", "coefs_", [[["a"] * 5] * 4, [["a"] * 3] * 5, [["a"]] * 3]),
        (TypeError, ValueError),
        "weights must be numbers, got .*<U1",
    ),
    "intercepts_complex": (
        after_fit("__setattr__", "intercepts_", [1j * np.ones(n) for n in (5, 3, 1)]),
        (TypeError, ValueError),
        "biases must be numbers, got complex128",
    ),
    "save_unfitted": (unfitted("save", "nowhere"), NotFittedError, "is not fitted yet"),
    "save_number": (after_fit("save", 3.5), TypeError, "str, bytes or os.PathLike.*float"),
    "save_in_no_folder": (
        after_fit("save", "no such folder/model"),
        FileNotFoundError,
        "no folder .*no such folder",
    ),
}


def _cases(table):
    for name, ((make, call), error, words) in table.items():
        yield Bad(f"estimators: {name}", lambda make=make: make(cbackprop), call, error, words)


TABLE = [*_cases(AS_SKLEARN), *_cases(OURS)]
