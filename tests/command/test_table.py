"""Does `cbackprop demo --table` find what is in a file, compare fairly, and say what is wrong?"""

import re
import sys

import numpy as np
import pytest

from cbackprop.__main__ import main
from cbackprop.command import table as _table
from cbackprop.tabular import TabularClassifier, TabularRegressor

pytest.importorskip("pandas")
pytest.importorskip("narwhals")

N = 60
RNG = np.random.default_rng(0)
SIZE = RNG.normal(size=N).round(3)
COLOR = RNG.choice(["red", "NA", "blue"], N)
COLUMNS = {
    "size": ["" if i % 7 == 0 else f"{size}" for i, size in enumerate(SIZE)],
    "color": ["" if i % 5 == 0 else color for i, color in enumerate(COLOR)],
    "sold": RNG.choice(["True", "False"], N).tolist(),
    "empty": [""] * N,
    "kind": np.where(SIZE > 0, "large", "small").tolist(),
    "number": (2 * SIZE + 1).round(4).tolist(),
    "count": (np.arange(N) % 5).tolist(),
    "one": ["same"] * N,
    "name": [f"thing {i}" for i in range(N)],
}
SCORED = re.compile(r"^(cbackprop|scikit-learn, \w+) +(-?[\d.]+)", re.MULTILINE)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Small networks; what is compared stays as it is otherwise."""
    monkeypatch.setenv("COLUMNS", "200")

    def ours(table, seed):
        kind = TabularClassifier if table.is_classification else TabularRegressor
        return kind(n_members=1, hidden_layer_sizes=(8,), max_epochs=5, random_state=seed)

    def network(table, seed, make=_table.MODELS["scikit-learn, MLP"]):
        model = make(table, seed)
        inner = model[-1] if table.is_classification else model[-1].regressor
        inner.set_params(max_iter=5, hidden_layer_sizes=(8,))
        return model

    def trees(table, seed, make=_table._trees):
        return make(table, seed).set_params(max_iter=5)

    monkeypatch.setattr(_table, "_trees", trees)
    monkeypatch.setitem(_table.MODELS, "scikit-learn, HistGradientBoosting", trees)
    monkeypatch.setitem(_table.MODELS, "cbackprop", ours)
    monkeypatch.setitem(_table.MODELS, "scikit-learn, MLP", network)


@pytest.fixture
def file(tmp_path):
    def write(columns=COLUMNS):
        path = tmp_path / "things.csv"
        rows = [list(columns), *zip(*columns.values(), strict=True)]
        path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows), "utf-8")
        return str(path)

    return write


def said(arguments, capsys):
    assert main(["demo", *arguments]) == 0
    return unwrapped(capsys.readouterr().out)


def unwrapped(text):
    """The lines that were broken to fit a terminal, as one."""
    return re.sub(r"(?<=\S)\n  (?=\S)", " ", text)


def refused(arguments, capsys):
    """The message of a table that is refused with status 2."""
    assert main(["demo", *arguments]) == 2
    out = capsys.readouterr()
    assert "Traceback" not in out.err
    return out.err


def test_columns_are_found_by_what_they_hold(file, capsys):
    text = said(["--table", file(), "--target", "kind"], capsys)
    assert "things.csv: 60 rows, 8 columns besides the target." in text
    assert "numbers: size (9 holes), empty (60 holes), number, count" in text
    # Only an empty field is missing: 'NA' is a color.
    assert "categories: color (3 values, 12 holes), sold (2 values), one (1 value)" in text
    assert "rows: 48 to train on, 12 to test, each class with its share; seed: 0" in text


def test_every_model_has_a_score_and_seconds(file, capsys):
    text = said(["--table", file(), "--target", "kind"], capsys)
    names = [match[0] for match in SCORED.findall(text)]
    assert names == list(_table.MODELS)
    assert "accuracy" in text
    assert all(0 <= float(match[1]) <= 100 for match in SCORED.findall(text))
    assert said(["--table", file(), "--target", "number"], capsys).count("RMSE") == 1


@pytest.mark.parametrize(
    ("target", "options", "words"),
    [
        ("kind", [], "classification, 2 classes (it is no number)"),
        ("sold", [], "classification, 2 classes (it is no number)"),
        ("count", [], "classification, 5 classes (integers, 5 distinct ones; --regression takes"),
        ("count", ["--regression"], "regression (as asked for)"),
        ("number", [], "regression (numbers, 60 distinct ones; --classification takes"),
    ],
)
def test_the_target_says_what_it_is(target, options, words, file, capsys):
    assert words in said(["--table", file(), "--target", target, *options], capsys)


def test_more_than_twenty_integers_are_numbers(file, capsys):
    columns = {"x": range(44), "y": [i // 2 for i in range(44)]}
    arguments = ["--table", file(columns), "--target", "y"]
    assert "regression (integers, 22 distinct ones; --classification" in said(arguments, capsys)
    text = said([*arguments, "--classification"], capsys)
    assert "classification, 22 classes (as asked for)" in text


def test_trees_take_a_column_of_many_categories(file, capsys):
    n = 600
    columns = {"id": [f"id {i % 400}" for i in range(n)], "y": [i % 2 for i in range(n)]}
    assert len(SCORED.findall(said(["--table", file(columns), "--target", "y"], capsys))) == 3


def test_the_seed_draws_the_split(file, capsys):
    def scores(seed):
        text = said(["--table", file(), "--target", "number", "--seed", str(seed)], capsys)
        return [match[1] for match in SCORED.findall(text)]

    assert scores(1) == scores(1)
    assert scores(1) != scores(2)


def test_a_class_of_one_row_works(file, capsys):
    columns = {**COLUMNS, "kind": ["single", *COLUMNS["kind"][1:]]}
    text = said(["--table", file(columns), "--target", "kind"], capsys)
    assert "3 classes" in text
    assert "each class with its share" not in text


# What is wrong.


@pytest.mark.parametrize(
    ("target", "options", "words"),
    [
        ("price", [], "has no column 'price'; its columns are size, color, sold"),
        ("size", [], "the target 'size' is missing in 9 rows, first in row 1: leave"),
        ("one", [], "the target 'one' is 'same' in every row"),
        ("name", [], "the target 'name' has 60 values in 60 rows: they are no classes"),
        ("number", ["--classification"], "they are no classes"),
        ("kind", ["--regression"], "the target 'kind' holds text"),
        ("sold", ["--regression"], "the target 'sold' holds text"),
    ],
)
def test_targets_that_cannot_be_learnt_are_refused(target, options, words, file, capsys):
    assert words in refused(["--table", file(), "--target", target, *options], capsys)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no table of values separated by commas"),
        (b"a,y\n1,2\n", "has 1 rows, and at least 10 are needed"),
        (b"a,y\n1,2\n1,2,3,4\n", "is no table of values separated by commas"),
        (b"y\n" + b"1\n2\n" * 10, "has no column besides 'y'"),
        (b"a,y\n\xff\xfe,2\n", "is no text in UTF-8"),
        (b"a,y\n" + b"inf,1\n2,0\n" * 10, "column 'a' has infinities"),
        (b"a,y\n" + b"1,inf\n2,0.5\n" * 10, "the target 'y' has infinities"),
    ],
)
def test_files_that_are_no_tables_are_refused(content, words, tmp_path, capsys):
    path = tmp_path / "odd.csv"
    path.write_bytes(content)
    assert words in refused(["--table", str(path), "--target", "y"], capsys)


def test_a_file_that_is_not_there_is_named(tmp_path, capsys):
    path = str(tmp_path / "nowhere.csv")
    message = refused(["--table", path, "--target", "y"], capsys)
    assert f"cannot read {path}: No such file" in message
    assert "cannot read" in refused(["--table", str(tmp_path), "--target", "y"], capsys)


def test_pandas_is_asked_for_where_it_is_not(file, monkeypatch, capsys):
    path = file()
    monkeypatch.setitem(sys.modules, "pandas", None)
    message = refused(["--table", path, "--target", "kind"], capsys)
    assert "--table needs pandas: pip install pandas narwhals" in message


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--table", "x.csv"], "--table needs --target NAME"),
        (["--target", "y"], "--target goes with --table FILE.csv"),
        (["--regression"], "--regression goes with --table FILE.csv"),
        (["--table", "x.csv", "--target", "y", "--epochs", "3"], "--epochs is for the digits"),
        (
            ["--table", "x.csv", "--target", "y", "--regression", "--classification"],
            "not allowed with",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(arguments, words, capsys):
    with pytest.raises(SystemExit) as exit:
        main(["demo", *arguments])
    assert exit.value.code == 2
    assert words in capsys.readouterr().err


def test_ctrl_c_ends_it_with_one_line(file, monkeypatch, capsys):
    class Interrupted:
        def fit(self, X, y):
            raise UserWarning("Training interrupted by user.")

    monkeypatch.setitem(_table.MODELS, "cbackprop", lambda table, seed: Interrupted())
    assert main(["demo", "--table", file(), "--target", "kind"]) == 130
    assert capsys.readouterr().err == "cbackprop: interrupted\n"
