"""Rows of sparse blocks and frames, and their predictions: as of arrays; errors name the block."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.metrics import accuracy_score

from cbackprop import Checkpoint, MLPClassifier, MLPRegressor, Network, Rows
from cbackprop.running import blocks as module
from cbackprop.tabular import TabularClassifier, TabularRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
ROWS = np.random.RandomState(0).randn(300, 6) * (np.random.RandomState(1).rand(300, 6) > 0.6)
LABELS = np.array(["no", "yes"])[(ROWS[:, 0] > 0).astype(int)]
NUMBERS = ROWS[:, :2].sum(axis=1)
WEIGHT = np.abs(ROWS[:, 1]) + 0.1
KINDS = {
    "dense": np.asarray,
    "csr": scipy.sparse.csr_matrix,
    "csc array": scipy.sparse.csc_array,
    "coo": scipy.sparse.coo_matrix,
}


def blocks(make=np.asarray, y=LABELS, *weight, X=ROWS, size=70):
    for first in range(0, len(X), size):
        part = slice(first, first + size)
        yield (make(X[part]), y[part], *(w[part] for w in weight))


def classifier(**parameters):
    given = {"max_iter": 5, "random_state": 0, **parameters}
    return MLPClassifier((5,), **given)


def same(a, b):
    assert a.network_.dtype == b.network_.dtype
    assert (a.network_.parameters == b.network_.parameters).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("parameters", [{}, {"early_stopping": True}, {"solver": "lbfgs"}], ids=str)
def test_sparse_blocks_make_the_model_of_a_matrix(kind, dtype, parameters):
    X, make = ROWS.astype(dtype), KINDS[kind]
    whole = X if kind == "dense" else scipy.sparse.csr_matrix(X)
    one = classifier(**parameters).fit(whole, LABELS, WEIGHT)
    rows = Rows(blocks(make, LABELS, WEIGHT, X=X), window=1000)
    same(one, classifier(**parameters).fit(rows))


def test_a_network_takes_sparse_blocks():
    made = [Network([6, 3, 1], random_state=0) for _ in range(2)]
    made[0].fit(scipy.sparse.csr_matrix(ROWS), NUMBERS, epochs=2, random_state=1)
    made[1].fit(Rows(blocks(scipy.sparse.csr_matrix, NUMBERS)), epochs=2, random_state=1)
    assert (made[0].parameters == made[1].parameters).all()


def test_blocks_that_store_nothing_are_rows_of_zeros():
    X = np.zeros((40, 3))
    one = classifier().fit(scipy.sparse.csr_matrix(X), LABELS[:40])
    given = Rows(blocks(scipy.sparse.csr_matrix, LABELS[:40], X=X, size=9))
    same(one, classifier().fit(given))


def test_more_stored_values_than_32_bits_count_are_counted_in_64(monkeypatch):
    monkeypatch.setattr(module, "MOST_INDICES", 100)
    monkeypatch.setattr(module, "INDICES_AT_ONCE", 64)
    one = classifier().fit(scipy.sparse.csr_matrix(ROWS), LABELS)
    same(one, classifier().fit(Rows(blocks(scipy.sparse.csr_matrix))))


def test_windows_of_sparse_rows_are_as_large_as_what_is_stored(monkeypatch):
    seen = []
    monkeypatch.setattr("cbackprop.running.rows.WINDOW_BYTES", 100 * 12 * 3)
    X = scipy.sparse.random(500, 1000, density=0.003, format="csr", random_state=0)
    with Rows([(X, np.arange(500.0))])._mapped() as mapped:
        seen.append(mapped.window)
    assert 90 <= seen[0] <= 110


PREDICTIONS = ["predict", "predict_proba", "predict_log_proba", "decision_function", "transform"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", PREDICTIONS)
def test_blocks_are_predicted_one_behind_the_other(kind, method):
    model, make = classifier().fit(ROWS, LABELS), KINDS[kind]
    expected = getattr(model, method)(ROWS)
    for given in (blocks(make), (X for X, _ in blocks(make))):
        said = getattr(model, method)(Rows(given))
        assert said.shape == expected.shape
        assert said.dtype == expected.dtype
        if method == "predict":
            assert (said == expected).all()
        else:
            np.testing.assert_allclose(said, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("weight", [(), (WEIGHT,)])
def test_scores_of_blocks_are_those_of_arrays(weight):
    model = classifier().fit(ROWS, LABELS)
    assert model.score(Rows(blocks(np.asarray, LABELS, *weight))) == accuracy_score(
        LABELS, model.predict(ROWS), sample_weight=weight[0] if weight else None
    )
    two = np.stack([NUMBERS, NUMBERS**2], axis=1)
    regressors = (
        (MLPRegressor(max_iter=9, random_state=0), NUMBERS),
        (MLPRegressor(max_iter=9, random_state=0), two),
        (MLPRegressor(max_iter=9, random_state=0, loss="quantile", quantile=[0.1, 0.9]), NUMBERS),
    )
    for model, y in regressors:
        model.fit(ROWS, y)
        expected = model.score(ROWS, y, *weight)
        assert model.score(Rows(blocks(np.asarray, y, *weight))) == pytest.approx(expected)


def test_indicators_come_in_blocks():
    y = np.stack([ROWS[:, 0] > 0, ROWS[:, 1] > 0], axis=1).astype(int)
    model = classifier().fit(Rows(blocks(np.asarray, y)))
    same(model, classifier().fit(ROWS, y))
    assert model.score(Rows(blocks(np.asarray, y))) == model.score(ROWS, y)


def test_networks_predict_blocks():
    network = Network([6, 3, 1], random_state=0)
    for method in (network.predict, network.logits):
        np.testing.assert_allclose(method(Rows(blocks())), method(ROWS), rtol=1e-12)


def test_files_are_predicted_without_targets(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow as pa

    model = classifier().fit(ROWS, LABELS)
    for part in range(3):
        np.save(tmp_path / f"{part}.npy", np.array_split(ROWS, 3)[part])
    files = [tmp_path / f"{part}.npy" for part in range(3)]
    assert (model.predict(Rows.from_npy(files)) == model.predict(ROWS)).all()
    assert (model.predict(Rows.from_npy(files[0])) == model.predict(ROWS[:100])).all()
    table = pa.table({name: ROWS[:, i] for i, name in enumerate("abcdef")})
    parquet.write_table(table, tmp_path / "rows.parquet", row_group_size=64)
    rows = Rows.from_parquet(tmp_path / "rows.parquet")
    assert (model.predict(rows) == model.predict(ROWS)).all()


def test_columns_of_files_are_taken_by_name_and_missing_ones_named(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow as pa

    for part, names in enumerate(["abcdef", "fedcba"]):
        table = pa.table({name: ROWS[part::2, "abcdef".index(name)] for name in names})
        table = table.append_column("y", pa.array(NUMBERS[part::2]))
        parquet.write_table(table, tmp_path / f"{part}.parquet")
    files = [tmp_path / f"{part}.parquet" for part in range(2)]
    model = MLPRegressor(max_iter=2, random_state=0).fit(Rows.from_parquet(files, "y"))
    order = np.r_[0:300:2, 1:300:2]
    same(model, MLPRegressor(max_iter=2, random_state=0).fit(ROWS[order], NUMBERS[order]))
    parquet.write_table(table.drop_columns(["c"]), files[1])
    with pytest.raises(ValueError, match=r"1\.parquet has no column 'c'"):
        MLPRegressor().fit(Rows.from_parquet(files, "y"))


def frames(X=ROWS, order="abcdef"):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcdef"))[list(order)]
    return [(frame[:100], LABELS[:100]), (frame[100:], LABELS[100:])]


def test_frames_have_their_columns_in_one_order(recwarn):
    model = classifier().fit(Rows(frames()))
    same(model, classifier().fit(ROWS, LABELS))
    assert (model.predict(Rows(frames())) == model.predict(ROWS)).all()
    named = classifier().fit(frames()[0][0], LABELS[:100])
    parts = [named.predict(frame) for frame, _ in frames()]
    assert (named.predict(Rows(frames())) == np.concatenate(parts)).all()
    assert not [w for w in recwarn if "feature names" in str(w.message)]
    mixed = [frames()[0], frames(order="abcdfe")[1]]
    with pytest.raises(ValueError, match=r"column 4 of block 1 is 'f', and not 'e'"):
        classifier().fit(Rows(mixed))


@pytest.mark.parametrize("parameters", [{}, {"dropout": 0.3}, {"solver": "sgd"}], ids=str)
@pytest.mark.parametrize("make", [np.asarray, scipy.sparse.csr_matrix])
def test_partial_fits_take_blocks(make, parameters):
    made = [classifier(**parameters) for _ in range(2)]
    for _ in range(2):
        made[0].partial_fit(make(ROWS), LABELS, WEIGHT, classes=["no", "yes"])
        made[1].partial_fit(Rows(blocks(make, LABELS, WEIGHT)), classes=["no", "yes"])
    same(*made)
    numbers = [MLPRegressor(random_state=0) for _ in range(2)]
    numbers[0].partial_fit(make(ROWS), NUMBERS)
    numbers[1].partial_fit(Rows(blocks(make, NUMBERS)))
    same(*numbers)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("window", [None, 64])
def test_a_warm_start_goes_on_with_blocks(solver, window):
    given = {"warm_start": True, "solver": solver, "max_iter": 3}
    model = classifier(**given)
    for _ in range(2):
        model.fit(Rows(list(blocks()), window=window))
    if window is None:
        one = classifier(**given)
        for _ in range(2):
            one.fit(ROWS, LABELS)
        same(model, one)
    assert np.isfinite(model.loss_)


@pytest.mark.parametrize("make", [np.asarray, scipy.sparse.csr_matrix])
@pytest.mark.parametrize("window", [None, 64])
@pytest.mark.parametrize("parameters", [{}, {"early_stopping": True}, {"dropout": 0.3}], ids=str)
def test_a_checkpoint_goes_on_with_blocks_to_the_same_bits(make, window, parameters, tmp_path):
    def fit(*callbacks):
        model = classifier(max_iter=6, tol=0, **parameters)
        return model.fit(Rows(blocks(make), window=window), callbacks=callbacks)

    def stop(model, history):
        if history.epochs == 3:
            raise KeyError("stopped")

    kept = Checkpoint(tmp_path / "fit", resume=True)
    with pytest.raises(KeyError):
        fit(kept, stop)
    same(fit(), fit(kept))


TEXT, LIE = LABELS[:5], scipy.sparse.csr_matrix(ROWS[:5])
LIE.indices[0] = 99
WRONG = {
    "dense among sparse": ([(scipy.sparse.eye(6), TEXT[[0] * 6]), (ROWS[:5], TEXT)], "block 1 is"),
    "nan": ([(ROWS[:5], TEXT), (ROWS[:5] * np.nan, TEXT)], "X of block 1 contains NaN"),
    "sparse nan": (
        [(scipy.sparse.csr_matrix(ROWS[:5]), TEXT)] * 2
        + [(scipy.sparse.csr_matrix(ROWS[:5] * np.nan), TEXT)],
        "X of block 2 contains NaN",
    ),
    "too large": (
        [(ROWS[:5].astype(np.float32), TEXT), (ROWS[:5] + 1e300, TEXT)],
        "X of block 1 contains NaN or infinity in float32",
    ),
    "text and numbers": (
        [(ROWS[:5], TEXT), (ROWS[:5], np.arange(5))],
        "y must be text, as in the first block: that of block 1 is numbers",
    ),
    "other targets": (
        [(ROWS[:5], np.ones((5, 2))), (ROWS[:5], np.ones((5, 3)))],
        r"y must have shape \(n, 2\) as in the first block: that of block 1 has \(5, 3\)",
    ),
    "nan in y": ([(ROWS[:5], np.ones(5)), (ROWS[:5], np.full(5, np.nan))], "y of block 1 contains"),
    "bad weight": (
        [(ROWS[:5], TEXT, np.ones(5)), (ROWS[:5], TEXT, np.full(5, np.inf))],
        "sample_weight of block 1 contains",
    ),
    "a weight for all": ([(ROWS[:5], TEXT, 1.0)], r"block 0 has \[5, 5, None\] rows"),
    "a lie": (
        [(LIE, TEXT)],
        r"X of block 0.indices must lie between 0 and 5",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_of_its_block(name):
    given, message = WRONG[name]
    with pytest.raises((TypeError, ValueError), match=message):
        classifier().fit(Rows(given))


def test_errors_of_predictions_name_the_block():
    model = classifier().fit(ROWS, LABELS)
    for call in (model.predict, model.score):
        with pytest.raises(ValueError, match="about block 1 of the Rows"):
            call(Rows([(ROWS, LABELS), (ROWS[:, :2], LABELS)]))
    with pytest.raises(TypeError, match=r"block 0 must be \(X, y\)"):
        model.score(Rows([ROWS]))
    with pytest.raises(ValueError, match="A generator gives its blocks once"):
        model.predict(Rows([]))
    with pytest.raises(ValueError, match="y must be None"):
        model.score(Rows(blocks()), LABELS)
    with pytest.raises(TypeError, match="'y'"):
        model.score(ROWS)


def test_estimators_for_tables_say_who_takes_rows():
    for call in (
        lambda: TabularClassifier().fit(Rows(blocks())),
        lambda: TabularRegressor(max_epochs=1).fit(ROWS, NUMBERS).predict(Rows(blocks())),
    ):
        with pytest.raises(TypeError, match="got Rows: these are for MLPClassifier"):
            call()
