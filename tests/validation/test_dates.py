"""Dates and spans of time are no numbers, whatever holds them: TypeError before training begins.

As labels of a classifier they are labels like others.
"""

import datetime

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from threadpoolctl import threadpool_limits

from cbackprop import MLPClassifier, MLPRegressor, Network

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.default_rng(6).normal(size=(12, 2))
LABELS = np.arange(12) % 2
DAYS = np.datetime64("2024-02-25") + np.arange(12)
SPANS = DAYS - DAYS[0]
SETTINGS = {"hidden_layer_sizes": (3,), "max_iter": 2, "random_state": 0}


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    with threadpool_limits(1):
        yield


@pytest.fixture
def pd():
    return pytest.importorskip("pandas")


def series(pd, values=DAYS, name="when"):
    return pd.Series(values.astype("M8[ns]" if values.dtype.kind == "M" else "m8[ns]"), name=name)


def with_nat(pd):
    dates = series(pd)
    dates[4] = pd.NaT
    return dates


def arrow_dtype(pd, dtype):
    pytest.importorskip("pyarrow")
    return series(pd).astype(dtype)


# Each: what makes it, and how the error calls it.
PANDAS = {
    "Series": (series, "datetime64.* in column 'when'"),
    "Series without a name": (lambda pd: series(pd, name=None), "datetime64"),
    "Series with NaT": (with_nat, "datetime64.* in column 'when'"),
    "Series in a time zone": (lambda pd: series(pd).dt.tz_localize("UTC"), "datetime64.*UTC"),
    "Series of spans": (lambda pd: series(pd, SPANS), "timedelta64.* in column 'when'"),
    "Series of periods": (lambda pd: series(pd).dt.to_period("D"), r"period\[D\]"),
    "Series of categories": (lambda pd: series(pd).astype("category"), "category"),
    "Series of objects": (lambda pd: series(pd).astype(object), "Timestamp objects"),
    "Series of datetime.date": (lambda pd: series(pd).dt.date, "date objects in column 'when'"),
    "Series of Arrow's": (lambda pd: arrow_dtype(pd, "timestamp[us][pyarrow]"), "timestamp"),
    "Series of Arrow's dates": (lambda pd: arrow_dtype(pd, "date32[day][pyarrow]"), "date32"),
    "DatetimeIndex": (lambda pd: pd.DatetimeIndex(DAYS), "datetime64"),
    "TimedeltaIndex": (lambda pd: pd.TimedeltaIndex(SPANS), "timedelta64"),
    "pandas' array": (lambda pd: pd.array(series(pd)), "datetime64"),
    "list of Timestamps": (lambda pd: list(series(pd)), "Timestamp objects"),
    "DataFrame": (lambda pd: series(pd).to_frame(), "datetime64.* in column 'when'"),
}
PLAIN = {
    "array": (lambda: DAYS, r"datetime64\[D\]"),
    "array of spans": (lambda: SPANS, r"timedelta64\[D\]"),
    "array with NaT": (lambda: np.append(DAYS[1:], np.datetime64("NaT")), "datetime64"),
    "objects, NumPy's": (lambda: np.array(list(DAYS), object), "datetime64 objects"),
    "objects, NumPy's spans": (lambda: np.array(list(SPANS), object), "timedelta64 objects"),
    "objects, Python's": (lambda: DAYS.astype(object), "date objects"),
    "objects, some": (lambda: np.array([*range(11), DAYS[0]], object), "datetime64 objects"),
    "list of NumPy's": (lambda: list(DAYS), "datetime64"),
    "list of Python's": (lambda: DAYS.astype("M8[s]").tolist(), "datetime objects"),
    "list of dates": (lambda: DAYS.tolist(), "date objects"),
    "list of spans": (lambda: SPANS.tolist(), "timedelta objects"),
    "list of times": (lambda: [datetime.time(hour) for hour in range(12)], "time objects"),
    "tuple": (lambda: tuple(DAYS), "datetime64"),
}


def polars(dtype):
    pl = pytest.importorskip("polars")
    return pl.Series("when", DAYS.tolist()).cast(getattr(pl, dtype))


def polars_spans():
    pl = pytest.importorskip("polars")
    return pl.Series("when", SPANS.tolist())


def arrow(chunked=False):
    pa = pytest.importorskip("pyarrow")
    array = pa.array(DAYS.tolist())
    return pa.chunked_array([array]) if chunked else array


OTHERS = {
    "Polars' dates": (lambda: polars("Date"), "Date in column 'when'"),
    "Polars' times of day": (lambda: polars("Datetime"), "Datetime.* in column 'when'"),
    "Polars' spans": (polars_spans, "Duration.* in column 'when'"),
    "Polars' frame": (lambda: polars("Date").to_frame(), "Date in column 'when'"),
    "Arrow's array": (arrow, "date32"),
    "Arrow's chunks": (lambda: arrow(chunked=True), "date32"),
}


def cases():
    for name, (make, words) in PANDAS.items():
        yield pytest.param(
            lambda make=make: make(pytest.importorskip("pandas")), words, id=f"pandas: {name}"
        )
    for name, (make, words) in {**PLAIN, **OTHERS}.items():
        yield pytest.param(make, words, id=name)


dates = pytest.mark.parametrize(("make", "words"), list(cases()))


def untouched(model, call, words):
    before = dict(vars(model))
    with pytest.raises(TypeError, match=words):
        call(model)
    assert list(vars(model)) == list(before)


@dates
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_regressor_refuses_dates_as_targets(solver, make, words):
    y, words = make(), f"^y must be numbers, got {words}.*: turn dates into numbers first"
    untouched(MLPRegressor(**SETTINGS, solver=solver), lambda model: model.fit(X, y), words)


@dates
def test_partial_fit_refuses_dates_as_targets(make, words):
    y, words = make(), f"y must be numbers, got {words}"
    untouched(MLPRegressor(**SETTINGS), lambda model: model.partial_fit(X, y), words)


@dates
@pytest.mark.parametrize("call", ["loss", "gradient", "backprop", "check_gradient", "fit"])
def test_a_network_refuses_dates_as_targets(call, make, words):
    net = Network([2, 1], random_state=0)
    with pytest.raises(TypeError, match=f"y must be numbers, got {words}"):
        getattr(net, call)(X, make())


@dates
def test_dates_are_no_weights(make, words):
    weight, words = make(), f"sample_weight must be numbers, got {words}"
    for model in (MLPRegressor(**SETTINGS), MLPClassifier(**SETTINGS)):
        untouched(model, lambda model: model.fit(X, LABELS, sample_weight=weight), words)
    with pytest.raises(TypeError, match=words):
        Network([2, 1]).fit(X, LABELS, sample_weight=weight)


def test_a_network_for_classes_refuses_dates_as_targets():
    for output, loss in (("softmax", "log_loss"), ("logistic", "binary_log_loss")):
        net = Network([2, 2], output_activation=output, loss=loss)
        with pytest.raises(TypeError, match="y must be numbers, got datetime64"):
            net.fit(X, list(DAYS))


# --- rows with a column of dates ---


def frame_with(column):
    pd = pytest.importorskip("pandas")
    return pd.DataFrame({"size": X[:, 0], "when": column})


FRAMES = {
    "dates": (lambda pd: frame_with(series(pd)), "datetime64.* in column 'when'"),
    "NaT": (lambda pd: frame_with(with_nat(pd)), "datetime64.* in column 'when'"),
    "nothing but dates": (
        lambda pd: pd.DataFrame({"when": series(pd), "until": series(pd)}),
        "datetime64.* in column 'when'",
    ),
    "spans": (lambda pd: frame_with(series(pd, SPANS)), "timedelta64.* in column 'when'"),
    "time zone": (
        lambda pd: frame_with(series(pd).dt.tz_localize("CET")),
        "datetime64.*CET.* in column 'when'",
    ),
    "objects": (lambda pd: frame_with(series(pd).astype(object)), "Timestamp .*column 'when'"),
    "NumPy's objects": (
        lambda pd: frame_with(np.array(list(DAYS), object)).astype({"when": object}),
        "(datetime64|Timestamp).* in column 'when'",
    ),
    "categories": (
        lambda pd: frame_with(series(pd).astype("category")),
        "category in column 'when'",
    ),
    "one name twice": (
        lambda pd: frame_with(series(pd)).set_axis(["when", "when"], axis=1),
        "datetime64.* in column 'when'",
    ),
    "columns with numbers": (
        lambda pd: frame_with(series(pd)).set_axis([7, 8], axis=1),
        "datetime64.* in column 8",
    ),
}
ROWS = {
    "array of objects": (
        lambda: np.column_stack([X[:, 0].astype(object), DAYS.astype(object)]),
        "date objects in column 1",
    ),
    "array of NumPy's objects": (
        lambda: np.array([[x, day] for x, day in zip(X[:, 0], DAYS, strict=True)], object),
        "datetime64 objects in column 1",
    ),
    "lists": (
        lambda: [[day, x] for x, day in zip(X[:, 0].tolist(), DAYS.tolist(), strict=True)],
        "date objects in column 0",
    ),
    "lists of nothing but dates": (lambda: np.c_[DAYS, DAYS].tolist(), "date objects in column 0"),
    "Polars": (
        lambda: pytest.importorskip("polars").DataFrame({"size": X[:, 0], "when": polars("Date")}),
        "Date in column 'when'",
    ),
    "Arrow": (
        lambda: pytest.importorskip("pyarrow").table({"size": X[:, 0], "when": arrow()}),
        "date32.* in column 'when'",
    ),
}


def row_cases():
    for name, (make, words) in FRAMES.items():
        yield pytest.param(
            lambda make=make: make(pytest.importorskip("pandas")), words, id=f"pandas: {name}"
        )
    for name, (make, words) in ROWS.items():
        yield pytest.param(make, words, id=name)


rows = pytest.mark.parametrize(("make", "words"), list(row_cases()))


@rows
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
def test_rows_with_dates_are_not_trained_on(solver, kind, make, words):
    given, words = make(), f"^X must be numbers, got {words}.*: turn dates into numbers first"
    untouched(kind(**SETTINGS, solver=solver), lambda model: model.fit(given, LABELS), words)


@rows
def test_rows_with_dates_are_not_trained_on_by_partial_fit(make, words):
    given, words = make(), f"X must be numbers, got {words}"
    untouched(
        MLPClassifier(**SETTINGS),
        lambda model: model.partial_fit(given, LABELS, classes=[0, 1]),
        words,
    )


@rows
def test_nothing_is_predicted_of_dates(make, words):
    given = make()
    for model, ask in (
        (MLPClassifier(**SETTINGS).fit(X, LABELS), ["predict", "predict_proba"]),
        (MLPRegressor(**SETTINGS).fit(X, LABELS), ["predict"]),
        (Network([2, 1]), ["predict"]),
    ):
        for name in ask:
            with pytest.raises(TypeError, match=f"X must be numbers, got {words}"):
                getattr(model, name)(given)


@rows
def test_a_network_refuses_rows_with_dates(make, words):
    given = make()
    words = f"X must be numbers, got {words}"
    net = Network([2, 1])
    for call in ("loss", "gradient", "backprop", "fit"):
        with pytest.raises(TypeError, match=words):
            getattr(net, call)(given, LABELS)
    with pytest.raises(TypeError, match=words):
        net.fit(X, LABELS, evaluation_data=(given, LABELS))


# --- what is let through ---


def test_what_the_error_advises_works():
    days = (DAYS - DAYS.min()) / np.timedelta64(1, "D")
    assert np.isfinite(MLPRegressor(**SETTINGS).fit(X, days).loss_)


@pytest.mark.parametrize("make", [np.asarray, list])
def test_dates_can_be_labels(make):
    model = MLPClassifier(**SETTINGS).fit(X, make(DAYS[LABELS].astype("M8[ns]")))
    same = MLPClassifier(**SETTINGS).fit(X, LABELS)
    assert len(model.classes_) == 2
    assert_array_equal(model.network_.parameters, same.network_.parameters)


def test_columns_of_numbers_that_are_called_after_dates_are_numbers(pd):
    given = pd.DataFrame({"date": X[:, 0], "time": pd.Categorical(np.arange(12) % 3)})
    same = np.column_stack([X[:, 0], np.arange(12) % 3])
    ours, plain = (MLPRegressor(**SETTINGS).fit(rows, LABELS) for rows in (given, same))
    assert_array_equal(ours.network_.parameters, plain.network_.parameters)
