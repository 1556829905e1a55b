"""Bad input for `Network` and its training."""

import numpy as np
import scipy.sparse as sp

from bad_inputs import Bad, Liar, changed
from cbackprop import SGD, Adam, Network

ROWS = np.random.default_rng(0).normal(size=(5, 3))
NUMBERS = np.random.default_rng(1).normal(size=(5, 2))


def tanh_network():
    return Network([3, 4, 2], activation="tanh", random_state=0)


# --- building one: layer sizes, the error, and what its message says ---

BAD_SIZES = [
    ([], ValueError, r"at least an input and an output size, got \(\)"),
    ([3], ValueError, r"at least an input and an output size, got \(3,\)"),
    ([3, 0], ValueError, "layer_sizes must be at least 1, got 0"),
    ([-3, 2], ValueError, "layer_sizes must be at least 1, got -3"),
    ([3, 2**31 - 1], ValueError, "layer_sizes must be at most 2147483646, got 2147483647"),
    ([3, 10**30], ValueError, "layer_sizes must be at most 2147483646"),
    ([3, 2.0], TypeError, "layer_sizes must be an integer, got 2.0"),
    ([3, True], TypeError, "layer_sizes must be an integer, got True"),
    ([3, None], TypeError, "layer_sizes must be an integer, got None"),
    ("32", TypeError, "layer_sizes must be an integer, got '3'"),
    (3, TypeError, "must be a sequence of integers, got 3"),
    (None, TypeError, "must be a sequence of integers, got None"),
    ([[3, 2], [2, 1]], TypeError, "layer_sizes must be an integer"),
]
BAD_OPTIONS = ["sigmoid", "", None, 3, ["relu"]]
BAD_DTYPES = [np.float16, np.int64, ">f8", complex, object, "longdouble", "nonsense", 3]
BAD_COPIES = [np.int64, np.float16, complex, ">f8", "nonsense"]
BAD_SEEDS = ["seed", -1, 1.5, np.random.default_rng(0), [[1.5]]]

# --- data for predict, loss, gradient, backprop, check_gradient and fit ---

BAD_X = {
    "NaN": (np.array([[1.0, np.nan, 0.0]]), "NaN"),
    "infinity": (np.array([[1.0, -np.inf, 0.0]]), "infinity"),
    "too few features": (np.ones((4, 2)), "network's 3 features, got 2"),
    "too many features": (np.ones((4, 4)), "network's 3 features, got 4"),
    "no rows": (np.ones((0, 3)), "0 sample"),
    "no features": (np.ones((3, 0)), "0 feature"),
    "one row": (np.ones(3), "Expected 2D array"),
    "a stack": (np.ones((2, 4, 3)), r"dim 3(.|\n)*X.reshape\(2, -1\) makes every image a row"),
    "a stack of lists": (np.ones((2, 4, 3)).tolist(), r"dim 3(.|\n)*X.reshape\(2, -1\) makes"),
    "text among numbers": (
        np.array([[1.0, "a", 2.0], [3.0, "b", 4.0]], object),
        "could not convert(.|\n)*X has text in column 1, 'a' in row 0: encode it",
    ),
    "a number": (1.0, "Expected 2D array"),
    "strings": (np.array([["a", "b", "c"]]), "could not convert|dtype"),
    "ragged": ([[1.0, 2.0, 3.0], [1.0]], "inhomogeneous|sequence"),
    "None": (None, "Expected 2D|dtype|NaN"),
    "complex": (np.ones((2, 3), complex), "[Cc]omplex"),
    "sparse NaN": (sp.csr_array(np.array([[np.nan, 0.0, 1.0]])), "NaN"),
    "sparse of other width": (sp.csr_array(np.ones((3, 4))), "3 features, got 4"),
}

REGRESSION = ("identity", "squared_error")
BINARY = ("logistic", "binary_log_loss")
CLASSES = ("softmax", "log_loss")
COUNTS = ("exp", "poisson")
BAD_Y = {
    "too few rows": (REGRESSION, np.ones((4, 2)), ValueError, r"\[5, 4\]"),
    "too many columns": (REGRESSION, np.ones((5, 3)), ValueError, r"\(n, 2\) .*got \(5, 3\)"),
    "vector for two outputs": (REGRESSION, np.ones(5), ValueError, r"\(n, 2\) .*got \(5,\)"),
    "a stack": (REGRESSION, np.ones((5, 2, 1)), ValueError, "dim 3|shape"),
    "NaN": (REGRESSION, np.full((5, 2), np.nan), ValueError, "y contains NaN"),
    "infinity": (REGRESSION, np.full((5, 2), np.inf), ValueError, "y contains infinity"),
    "strings": (REGRESSION, np.full((5, 2), "a"), ValueError, "could not convert|dtype"),
    "None": (REGRESSION, None, ValueError, "None|NaN|dimension"),
    "sparse": (REGRESSION, sp.csr_array(np.ones((5, 2))), TypeError, "[Ss]parse"),
    "float labels": (CLASSES, np.ones(5), TypeError, "y must be integer labels .*got float64"),
    "string labels": (CLASSES, np.array(list("ababa")), TypeError, "integer labels .*got <U1"),
    "object labels": (CLASSES, np.array([0, 1, 1, 0, 1], object), TypeError, "got object"),
    "label too large": (CLASSES, [0, 1, 2, 0, 1], ValueError, "between 0 and 1, got 0 to 2"),
    "label too large for int32": (CLASSES, [0, 1, 2**32, 0, 1], ValueError, "got 0 to 4294967296"),
    "negative label": (CLASSES, [0, 1, -1, 0, 1], ValueError, "between 0 and 1, got -1 to 1"),
    "too few labels": (CLASSES, [0, 1, 1, 0], ValueError, r"\[5, 4\]"),
    "no labels": (CLASSES, np.zeros(0, int), ValueError, r"\[5, 0\]"),
    "two ones in a row": (
        CLASSES,
        changed(np.eye(2, dtype=int)[[0, 1, 1, 0, 1]], 1, (1, 0)),
        ValueError,
        r"must be one-hot .*got \[1, 1\] in row 1",
    ),
    "probabilities": (CLASSES, np.full((5, 2), 0.5), ValueError, r"got \[0.5, 0.5\] in row 0"),
    "sparse rows of nothing": (
        CLASSES,
        sp.csr_array((5, 2)),
        ValueError,
        "must be one-hot .*got 0 numbers other than 0 in row 0",
    ),
    "sparse rows of 2": (
        CLASSES,
        sp.csr_array(2 * np.eye(2)[[0, 1, 1, 0, 1]]),
        ValueError,
        r"must be one-hot .*got 2\.0 in row 0",
    ),
    "sparse rows of other width": (
        CLASSES,
        sp.csr_array(np.eye(3)[[0, 1, 1, 0, 1]]),
        ValueError,
        r"one-hot rows of shape \(n, 2\) .*got a sparse matrix of shape \(5, 3\)",
    ),
    "one-hot rows of other width": (
        CLASSES,
        np.eye(3)[[0, 1, 1, 0, 1]],
        ValueError,
        r"one-hot rows of shape \(n, 2\) .*got shape \(5, 3\)",
    ),
    "one-hot columns": (
        CLASSES,
        np.eye(2)[[0, 1, 1, 0, 1]].reshape(5, 2, 1),
        ValueError,
        r"got shape \(5, 2, 1\): y.reshape\(5, -1\) makes rows",
    ),
    "a column of float labels": (CLASSES, np.ones((5, 1)), TypeError, "labels .*got float64"),
    "a label that is missing": (
        CLASSES,
        np.array([0, 1, np.nan, 0, 1]),
        ValueError,
        "y contains NaN, in row 2",
    ),
    "negative count": (COUNTS, np.full((5, 2), -1.0), ValueError, "not be negative .*got -1.0"),
    "not a probability": (BINARY, np.full((5, 2), 1.5), ValueError, "between 0 and 1 .*1.5"),
    "negative probability": (BINARY, np.full((5, 2), -0.5), ValueError, "between 0 and 1 .*-0.5"),
}

BAD_WEIGHT = {
    "too few": (np.ones(4), r"\[5, 4\]"),
    "column": (np.ones((5, 1)), "sample_weight must have 1 dimension, got 2"),
    "negative": (np.array([1.0, 1.0, -1.0, 1.0, 1.0]), "sample_weight must not be negative"),
    "all zero": (np.zeros(5), "nor zero for every row"),
    "NaN": (np.full(5, np.nan), "sample_weight contains NaN"),
    "infinity": (np.full(5, np.inf), "sample_weight contains infinity"),
    "strings": (np.full(5, "a"), "could not convert|dtype"),
    "a number": (2.0, "dimension"),
}

MORE_X = {
    "dates": (np.full((5, 3), "2020-01-01", "M8[D]"), "X must be numbers, got datetime64"),
    "records": (np.zeros((5, 3), [("a", float)]), r"X must be numbers, got \[\('a'"),
    "masked": (
        np.ma.masked_array(ROWS, changed(np.zeros((5, 3), bool), True, (1, 1))),
        "X must have no masked values, got 1",
    ),
    "2**31 features": (np.broadcast_to(0.0, (5, 2**31)), "at most 2147483646 features, got 2147"),
    "an array that raises": (Liar(ValueError("no array")), "no array"),
    "one feature the second time": (Liar(ROWS[:, :1]), "3 features, got 1"),
    "reversed NaN": (changed(ROWS, np.nan, (0, 0))[::-1], "X contains NaN"),
    "infinity in Fortran order": (np.asfortranarray(changed(ROWS, np.inf, (0, 0))), "X contains"),
    "NaN in the other byte order": (changed(ROWS, np.nan, (0, 0)).astype(">f8"), "X contains NaN"),
    "a lying CSR": (
        sp.csr_array((np.ones(5), np.array([0, 1, 2, 3, 0]), np.arange(6)), shape=(5, 4)),
        "X must have the network's 3 features, got 4",
    ),
}


def lying(kind, name, at, value):
    matrix = kind(np.ones((5, 3)))
    getattr(matrix, name)[at] = value
    return matrix


MORE_X |= {
    "CSR, column past the last": (
        lying(sp.csr_array, "indices", 4, 3),
        "X.indices must lie between 0 and 2, got 3 at 4",
    ),
    "CSR, negative column": (
        lying(sp.csr_matrix, "indices", 4, -1),
        "X.indices must lie between 0 and 2, got -1 at 4",
    ),
    "CSR, decreasing indptr": (
        lying(sp.csr_array, "indptr", 2, 1),
        "X.indptr must grow from 0 to at most 15, got 3 and 1 at row 1",
    ),
    "CSR, indptr past the end": (
        lying(sp.csr_array, "indptr", 5, 16),
        "X.indptr must grow from 0 to at most 15, got 12 and 16 at row 4",
    ),
    "CSC, row past the last": (
        lying(sp.csc_array, "indices", 0, 2**31 - 1),
        f"X.indices must lie between 0 and 4, got {2**31 - 1} at 0",
    ),
    "COO, row past the last": (
        lying(sp.coo_matrix, "row", 0, 5),
        "X's rows must lie between 0 and 4, got 5 at 0",
    ),
}

SOFTMAX = {"output_activation": "softmax", "loss": "log_loss"}
MORE_Y = {
    "dates": (
        REGRESSION,
        np.full((5, 2), "2020-01-01", "M8[D]"),
        TypeError,
        "y must be numbers, got datetime64",
    ),
    "masked": (
        REGRESSION,
        np.ma.masked_array(NUMBERS, NUMBERS > 0.5),
        ValueError,
        "y must have no masked values, got",
    ),
    "complex": (REGRESSION, NUMBERS * 1j, ValueError, "[Cc]omplex"),
    "an array that raises": (REGRESSION, Liar(ValueError("no array")), ValueError, "no array"),
    "unsigned label too large": (
        CLASSES,
        np.array([0, 1, 2**64 - 1, 0, 1], np.uint64),
        ValueError,
        "between 0 and 1, got 0 to 18446744073709551615",
    ),
    "records": (CLASSES, np.zeros(5, [("a", int)]), TypeError, "y must be numbers, got"),
    "a column of labels of a logistic output, too large": (
        BINARY,
        [[0], [1], [2], [0], [1]],
        ValueError,
        "between 0 and 1, got 0 to 2",
    ),
    "float labels of several logistic outputs": (
        BINARY,
        np.ones(5),
        ValueError,
        r"shape \(n, 2\) for 2 outputs, or be integer labels, got \(5,\)",
    ),
    "labels of a logistic output too large": (
        BINARY,
        [0, 1, 2, 0, 1],
        ValueError,
        "between 0 and 1, got 0 to 2",
    ),
}
MORE_WEIGHT = {
    "negative, says which": (changed(np.ones(5), -2.0, 1), "got -2 to 1"),
    "infinite together": (np.full(5, 1e308), "have a finite sum, got weights up to 1e.308"),
    "all zero, says so": (np.zeros(5), "got 0 to 0"),
    "complex": (np.ones(5) * 1j, "[Cc]omplex"),
    "masked": (np.ma.masked_array(np.ones(5), [1, 0, 0, 0, 0]), "no masked values, got 1"),
    "dates": (np.full(5, "2020-01-01", "M8[D]"), "sample_weight must be numbers, got datetime64"),
    "an array that raises": (Liar(ValueError("no array")), "no array"),
}

# --- what `fit` takes besides: the arguments, the error, and what its message says ---

BAD_FIT = {
    "epochs 0": ({"epochs": 0}, ValueError, "epochs must be at least 1, got 0"),
    "epochs a half": ({"epochs": 0.5}, TypeError, "epochs must be an integer, got 0.5 of type flo"),
    "epochs True": (
        {"epochs": True},
        TypeError,
        "epochs must be an integer, got True of type boo",
    ),
    "epochs text": ({"epochs": "3"}, TypeError, "epochs must be an integer, got '3' of type str"),
    "epochs None": ({"epochs": None}, TypeError, "epochs must be an integer, got None"),
    "batch_size 0": ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
    "batch_size negative": (
        {"batch_size": -5},
        ValueError,
        "batch_size must be at least 1.*-5",
    ),
    "batch_size fraction": ({"batch_size": 2.5}, TypeError, "batch_size must be an integer, got 2"),
    "l2 negative": ({"l2": -0.1}, ValueError, r"l2 must lie in \[0, inf\), got -0.1"),
    "l2 NaN": ({"l2": np.nan}, ValueError, r"l2 must lie in \[0, inf\), got nan"),
    "l2 infinite": ({"l2": np.inf}, ValueError, r"l2 must lie in \[0, inf\), got inf"),
    "l2 text": ({"l2": "1"}, TypeError, "l2 must be a number, got '1' of type str"),
    "l1 negative": ({"l1": -0.1}, ValueError, r"l1 must lie in \[0, inf\), got -0.1"),
    "l1 infinite": ({"l1": np.inf}, ValueError, r"l1 must lie in \[0, inf\), got inf"),
    "l1 None": ({"l1": None}, TypeError, "l1 must be a number, got None"),
    "max_norm 0": ({"max_norm": 0.0}, ValueError, r"max_norm must lie in \(0, inf\), got 0.0"),
    "max_norm NaN": ({"max_norm": np.nan}, ValueError, r"max_norm must lie in \(0, inf\), got nan"),
    "max_norm text": (
        {"max_norm": "3"},
        TypeError,
        "max_norm must be a number, got '3' of type str",
    ),
    "dropout all": ({"dropout": 1.0}, ValueError, r"dropout must lie in \[0, 1\), got 1.0"),
    "dropout negative": ({"dropout": -0.1}, ValueError, r"dropout must lie in \[0, 1\), got -0.1"),
    "dropout NaN": ({"dropout": np.nan}, ValueError, r"dropout must lie in \[0, 1\), got nan"),
    "dropout text": ({"dropout": "1"}, TypeError, "dropout must be a number, got '1' of type str"),
    "dropout for two layers": (
        {"dropout": [0.5, 0.5]},
        ValueError,
        "a list of one for each hidden layer, and there are 1: got",
    ),
    "dropout true": ({"dropout": [True]}, TypeError, r"dropout\[0\] must be a number, got True"),
    "optimizer name": (
        {"optimizer": "sgd"},
        TypeError,
        "optimizer must be one of SGD, .*, got 'sgd'",
    ),
    "optimizer class": (
        {"optimizer": SGD},
        TypeError,
        "optimizer must be one of SGD, .*, got <class",
    ),
    "metrics unknown": ({"metrics": "recall"}, ValueError, "among .*accuracy.*, got 'recall'"),
    "metrics a number": ({"metrics": 5}, TypeError, "metrics must be names.* got 5"),
    "metrics a list of one": ({"metrics": [3]}, ValueError, "among .*, got 3"),
    "metrics not callable": (
        {"metrics": {"a": 1}},
        TypeError,
        "metric 'a' must be callable.* 1",
    ),
    "metric that fails": (
        {"metrics": {"a": lambda y, out: 1 / 0}, "training_metrics": True},
        ZeroDivisionError,
        "division",
    ),
    "evaluation of X alone": (
        {"evaluation_data": ROWS},
        TypeError,
        r"evaluation_data must be a pair \(X, y\), got ndarray of length 5",
    ),
    "evaluation of three": (
        {"evaluation_data": (ROWS, NUMBERS, 1)},
        TypeError,
        r"evaluation_data must be a pair \(X, y\), got tuple of length 3",
    ),
    "evaluation a number": ({"evaluation_data": 3}, TypeError, "must be a pair .*, got int"),
    "evaluation of other features": (
        {"evaluation_data": (ROWS[:, :2], NUMBERS)},
        ValueError,
        "network's 3 features, got 2",
    ),
    "evaluation with NaN": (
        {"evaluation_data": (ROWS, changed(NUMBERS, np.nan, (0, 0)))},
        ValueError,
        "y contains NaN",
    ),
    "random_state text": ({"random_state": "seed"}, ValueError, "'seed' cannot be used to seed"),
    "random_state negative": ({"random_state": -1}, ValueError, "[Ss]eed must be between 0 and"),
    "random_state a Generator": (
        {"random_state": np.random.default_rng(0)},
        ValueError,
        "Generator.* cannot be used to seed",
    ),
    "callbacks a number": ({"callbacks": 3}, TypeError, "a list of callbacks, got 3"),
    "callbacks text": ({"callbacks": "ab"}, TypeError, "a list of callbacks, got 'ab'"),
    "callbacks of numbers": ({"callbacks": [3]}, TypeError, "each callback must be .* got 3"),
    "callback that fails": ({"callbacks": [lambda m, h: 1 / 0]}, ZeroDivisionError, "division"),
    "n_jobs 0": ({"n_jobs": 0}, ValueError, "n_jobs must be at least 1.*got 0"),
    "n_jobs text": ({"n_jobs": "2"}, TypeError, "n_jobs must be an integer.*got '2'"),
    "n_jobs fraction": ({"n_jobs": 1.5}, TypeError, "n_jobs must be an integer.*got 1.5"),
}
BAD_ASSIGNMENTS = {
    "parameters, too few": ("parameters", np.ones(25), ValueError, r"shape \(26,\), got \(25,\)"),
    "parameters, text": ("parameters", ["a"] * 26, TypeError, "must be numbers, got <U1"),
    "parameters, half of them text": (
        "parameters",
        [0.5] * 13 + ["a"] * 13,
        TypeError,
        "must be numbers, got <U",
    ),
    "parameters, the last no number": (
        "parameters",
        np.array([0.5] * 25 + [None], object),
        TypeError,
        "parameters must be numbers, got",
    ),
    "parameters, complex": ("parameters", np.ones(26) * 1j, TypeError, "numbers, got complex128"),
    "parameters, None": ("parameters", None, TypeError, "parameters must be numbers, got"),
    "weights, one layer": (
        "weights",
        [np.ones((3, 4))],
        ValueError,
        "weights must have the shape",
    ),
    "weights, text": ("weights", [[["a"] * 4] * 3, [["b"] * 2] * 4], TypeError, "numbers, got <U1"),
    "biases, dates": (
        "biases",
        [np.zeros(4), np.zeros(2, "M8[D]")],
        TypeError,
        "biases must be numbers, got datetime64",
    ),
    "biases, a number": ("biases", 3.0, TypeError, "float"),
}


# --- all of them as cases ---


def _data_cases():
    passes = ["loss", "gradient", "backprop", "check_gradient", "fit"]
    for name, (X, words) in {**BAD_X, **MORE_X}.items():
        for call in ["predict", *passes]:
            rest = () if call == "predict" else (np.ones((1, 2)),)
            yield (
                f"{call}: X {name}",
                tanh_network,
                lambda net, call=call, X=X, rest=rest: getattr(net, call)(X, *rest),
                (TypeError, ValueError) if name in MORE_X else ValueError,
                words,
            )
    for name, ((output, loss), y, error, words) in {**BAD_Y, **MORE_Y}.items():
        for call in passes:
            yield (
                f"{call}: y {name}",
                lambda output=output, loss=loss: Network(
                    [3, 2], output_activation=output, loss=loss, random_state=0
                ),
                lambda net, call=call, y=y: getattr(net, call)(ROWS, y),
                error,
                words,
            )
    for name, (weight, words) in {**BAD_WEIGHT, **MORE_WEIGHT}.items():
        for call in passes:
            yield (
                f"{call}: weight {name}",
                tanh_network,
                lambda net, call=call, weight=weight: getattr(net, call)(
                    ROWS, NUMBERS, sample_weight=weight
                ),
                (ValueError, TypeError),
                words,
            )


def _building():
    for sizes, error, words in BAD_SIZES:
        yield f"layer sizes {sizes}", dict, lambda _, s=sizes: Network(s), error, words
    for name in ["activation", "output_activation", "loss", "init"]:
        for value in BAD_OPTIONS:
            yield (
                f"{name} {value!r}",
                dict,
                lambda _, name=name, value=value: Network([3, 2], **{name: value}),
                ValueError,
                # A list of activations is one for each hidden layer, of which there are none here.
                rf"{name} must be one (of \[|for all hidden layers, or a list).*got ",
            )
    for dtype in BAD_DTYPES:
        yield (
            f"dtype {dtype}",
            dict,
            lambda _, dtype=dtype: Network([3, 2], dtype=dtype),
            ValueError,
            "dtype must be float32 or float64, got",
        )
    for method in ["astype", "copy"]:
        for dtype in BAD_COPIES:
            yield (
                f"{method} {dtype}",
                tanh_network,
                lambda net, method=method, dtype=dtype: getattr(net, method)(dtype),
                ValueError,
                "dtype must be float32 or float64",
            )
    for seed in BAD_SEEDS:
        yield (
            f"random_state {seed}",
            dict,
            lambda _, seed=seed: Network([3, 2], random_state=seed),
            (TypeError, ValueError),
            r"[Ss]eed",
        )
        yield (
            f"initialize: {seed}",
            tanh_network,
            lambda net, seed=seed: net.initialize(seed),
            (TypeError, ValueError),
            r"[Ss]eed",
        )


def _training():
    def trained():
        """A network and its optimizer, which has made steps: both must stay as they are."""
        net, adam, rng = tanh_network(), Adam(0.01), np.random.RandomState(0)
        net.fit(ROWS, NUMBERS, optimizer=adam, epochs=2, random_state=rng)
        return [net, adam, rng]

    for name, (arguments, error, words) in BAD_FIT.items():
        yield (
            f"fit: {name}",
            trained,
            lambda made, arguments=arguments: made[0].fit(
                ROWS, NUMBERS, **{"optimizer": made[1], "random_state": made[2], **arguments}
            ),
            error,
            words,
        )
    for name, (attribute, values, error, words) in BAD_ASSIGNMENTS.items():
        yield (
            f"assign: {name}",
            tanh_network,
            lambda net, attribute=attribute, values=values: setattr(net, attribute, values),
            error,
            words,
        )
    for step in (0.0, -1e-6, np.nan, np.inf, "a"):
        yield (
            f"check_gradient: step {step}",
            tanh_network,
            lambda net, step=step: net.check_gradient(ROWS, NUMBERS, step=step),
            (TypeError, ValueError),
            f"step must (lie in|be a number).*got '?{step}",
        )


TABLE = [
    Bad(f"network: {name}", make, call, error, words)
    for part in (_building(), _data_cases(), _training())
    for name, make, call, error, words in part
]
