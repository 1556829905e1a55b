"""Rows that come block by block: the model of arrays, in bounded memory, shuffled in windows."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cbackprop import MLPClassifier, MLPRegressor, Network, Rows
from cbackprop.training.windows import shuffle_rows

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SCRIPTS = Path(__file__).parents[1] / "scripts"
ROWS = np.random.RandomState(0).randn(300, 4)
LABELS = np.array(["no", "yes"])[(ROWS[:, 0] > 0).astype(int)]
NUMBERS = ROWS.sum(axis=1)
WEIGHT = np.abs(ROWS[:, 1])


def blocks(X=ROWS, y=LABELS, *weight, size=70):
    for first in range(0, len(X), size):
        part = slice(first, first + size)
        yield (X[part], y[part], *(w[part] for w in weight))


def classifier(**parameters):
    return MLPClassifier((5,), max_iter=5, random_state=0, **parameters)


def same(a, b):
    assert a.network_.dtype == b.network_.dtype
    assert (a.network_.parameters == b.network_.parameters).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_blocks_make_the_model_of_arrays(dtype, early_stopping):
    X = ROWS.astype(dtype)
    one = classifier(early_stopping=early_stopping).fit(X, LABELS)
    same(one, classifier(early_stopping=early_stopping).fit(Rows(blocks(X)), None))


def test_y_may_be_left_out():
    same(classifier().fit(ROWS, LABELS), classifier().fit(Rows(blocks())))


def test_weights_come_with_the_blocks():
    one = MLPRegressor(random_state=0, max_iter=3).fit(ROWS, NUMBERS, WEIGHT)
    given = Rows(blocks(ROWS, NUMBERS, WEIGHT))
    same(one, MLPRegressor(random_state=0, max_iter=3).fit(given, None))


def test_a_network_takes_them():
    made = [Network([4, 3, 1], random_state=0) for _ in range(2)]
    made[0].fit(ROWS, NUMBERS, epochs=2, random_state=1, sample_weight=WEIGHT)
    made[1].fit(Rows(blocks(ROWS, NUMBERS, WEIGHT)), epochs=2, random_state=1)
    assert (made[0].parameters == made[1].parameters).all()
    with pytest.raises((TypeError, ValueError)):
        made[0].fit(ROWS)


@pytest.mark.parametrize("n", [1, 3])
def test_npy_files(n, tmp_path):
    for part in range(n):
        np.save(tmp_path / f"X{part}.npy", np.array_split(ROWS, n)[part])
        np.save(tmp_path / f"y{part}.npy", np.array_split(NUMBERS, n)[part])
    files = [[tmp_path / f"{name}{part}.npy" for part in range(n)] for name in "Xy"]
    rows = Rows.from_npy(*(files if n > 1 else [names[0] for names in files]))
    one = MLPRegressor(random_state=0, max_iter=3).fit(ROWS, NUMBERS)
    same(one, MLPRegressor(random_state=0, max_iter=3).fit(rows, None))


def test_parquet_files_by_row_group(tmp_path):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {name: ROWS[:, i] for i, name in enumerate("abcd")}
    table = pa.table({"label": LABELS, **columns, "w": WEIGHT})
    parquet.write_table(table, tmp_path / "rows.parquet", row_group_size=64)
    rows = Rows.from_parquet(tmp_path / "rows.parquet", "label", sample_weight="w")
    same(classifier().fit(ROWS, LABELS, WEIGHT), classifier().fit(rows, None))
    some = Rows.from_parquet([tmp_path / "rows.parquet"], "label", columns=["b", "a"])
    assert classifier().fit(some, None).n_features_in_ == 2
    with pytest.raises(ValueError, match=r"column 'label' must hold numbers.*row group 0"):
        classifier().fit(Rows.from_parquet(tmp_path / "rows.parquet", "a"), None)


def test_rows_are_shuffled_within_windows_of_stretches():
    rng, order = np.random.RandomState(0), np.arange(10_000)
    seen = []
    for _ in range(2):
        shuffle_rows(rng, order, 1600)
        assert (np.sort(order) == np.arange(10_000)).all()
        for first in range(0, 10_000, 1600):
            window = order[first : first + 1600]
            assert len(np.unique(window // 100)) <= 17  # 16 stretches of 100 rows
            assert (np.diff(window) != 1).mean() > 0.9
        seen.append(order.copy())
    assert (seen[0] != seen[1]).mean() > 0.9


def test_small_windows_train_well():
    model = classifier(learning_rate_init=0.02).set_params(max_iter=40)
    assert model.fit(Rows(blocks(), window=64), None).score(ROWS, LABELS) > 0.9


WRONG = {
    "no blocks": (lambda: Rows(3), TypeError, "blocks must be an iterable"),
    "no window": (lambda: Rows([], window=0), ValueError, "window must be at least 1"),
    "nothing": (lambda: classifier().fit(Rows([]), None), ValueError, "there are no rows"),
    "no pair": (lambda: classifier().fit(Rows([ROWS]), None), TypeError, "block 0 must be"),
    "text": (
        lambda: classifier().fit(Rows([(np.array([["a"]]), [1])]), None),
        ValueError,
        "X of block 0 must be numbers",
    ),
    "other columns": (
        lambda: classifier().fit(Rows([(ROWS, LABELS), (ROWS[:, :2], LABELS)]), None),
        ValueError,
        "of 4 columns: block 1 has 2",
    ),
    "other rows": (
        lambda: classifier().fit(Rows([(ROWS, LABELS[:-1])]), None),
        ValueError,
        "block 0 has",
    ),
    "nan": (
        lambda: classifier().fit(Rows([(ROWS * np.nan, LABELS)]), None),
        ValueError,
        "contains NaN",
    ),
    "y besides": (lambda: classifier().fit(Rows(blocks()), LABELS), ValueError, "y must be None"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_rows_are_named(name):
    call, error, message = WRONG[name]
    with pytest.raises(error, match=message):
        call()


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_DATA")
@pytest.mark.parametrize("script", ["large_rows.py", "large_sparse_rows.py"])
def test_a_file_four_times_the_memory_is_fitted(script, tmp_path):
    done = subprocess.run(
        [sys.executable, "-P", str(SCRIPTS / script), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("too large to be read")
    assert done.stdout.endswith("done\n")
