"""The benchmark of tables: files are read as said, scores are right, a fit is made once."""

import importlib
import json
import math
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pd = pytest.importorskip("pandas")
pytest.importorskip("narwhals")

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def bench():
    """The benchmark's modules."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        names = {"command": "tables", "data": "table_data"}
        names |= {"models": "table_models", "report": "table_report"}
        yield SimpleNamespace(**{k: importlib.import_module(v) for k, v in names.items()})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two tables with numbers, categories and holes."""
    folder = tmp_path_factory.mktemp("tables")
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"size": rng.normal(size=100), "colour": rng.choice(["red", "NA"], size=100)})
    numbers = X["size"] + (X["colour"] == "red")
    X.loc[::9, "size"] = np.nan
    X.loc[::7, "colour"] = ""
    X["new"] = rng.random(100) < 0.5
    X.assign(target=numbers).to_csv(folder / "prices.csv.gz", index=False)
    X.assign(target=np.where(numbers > 0.5, "yes", "no")).to_csv(folder / "sold.csv", index=False)
    return folder


def run(*arguments):
    command = [sys.executable, str(BENCHMARKS / "tables.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8")


def test_a_fit_is_a_record_made_once(folder, tmp_path):
    out = tmp_path / "results.jsonl"
    asked = ["--data", folder, "--models", "hgb,cbackprop:max_epochs=2", "--folds", "0-1"]
    first = run(*asked, "--out", out)
    assert first.returncode == 0, first.stderr
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(records) == 2 * 2 * 2
    for r in records:
        assert {"seconds", "cpu_seconds", "predict_seconds", "version", "seed"} <= r.keys()
        assert ("auc" in r) == ("log_loss" in r) == (r["task"] == "sold")
        assert 0 <= r["error"] < 2
    again = run(*asked, "--out", out)
    assert len(out.read_text().splitlines()) == len(records)
    assert again.stdout == first.stdout
    assert "| sold |" in first.stdout
    assert "cbackprop:max_epochs=2" in first.stdout
    assert run("--report", "--out", out).stdout == first.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--models", "lightgmb"], "no model is called 'lightgmb'"),
        (["--models", "cbackprop:dropout"], "written as name=value"),
        (["--models", "cbackprop:dropout=0.3,**x"], "written as name=value"),
        (["--tasks", "prizes"], "has no tables prizes"),
        (["--folds", "0-5"], "there are five"),
        (["--report"], "no results"),
    ],
)
def test_what_cannot_be_done_is_said(bench, folder, tmp_path, arguments, said, monkeypatch, capsys):
    out = str(tmp_path / "results.jsonl")
    monkeypatch.setattr(sys, "argv", ["tables.py", "--data", str(folder), "--out", out, *arguments])
    with pytest.raises(SystemExit) as end:
        bench.command.main()
    assert said in f"{end.value} {capsys.readouterr().err}"


def test_a_table_is_read_as_it_is_said_to_be(bench, folder):
    prices, sold = bench.data.load(folder, "prices"), bench.data.load(folder, "sold")
    assert (prices.kind, sold.kind) == ("regression", "binary")
    assert prices.numbers == ["size"]
    assert prices.categories == ["colour", "new"]
    assert prices.X["colour"].isna().sum() == 15
    assert set(prices.X["colour"].cat.categories) == {"NA", "red"}


def test_a_table_that_cannot_be_read_is_named(bench, folder, tmp_path):
    with pytest.raises(ValueError, match=r"sold.csv has no column 'price'"):
        bench.data.load(folder, "sold", "price")
    with pytest.raises(ValueError, match=r"sold.csv: no size in row 0"):
        bench.data.load(folder, "sold", "size")
    with pytest.raises(FileNotFoundError, match="there are: prices, sold"):
        bench.data.load(folder, "bought")


def test_five_folds_hold_every_row_and_as_many_of_every_class(bench, folder):
    task = bench.data.load(folder, "sold")
    folds = [bench.data.fold(task, i) for i in range(5)]
    np.testing.assert_array_equal(np.sort(np.concatenate([t for _, t in folds])), np.arange(100))
    counts = [(task.y[test] == "yes").sum() for _, test in folds]
    assert max(counts) - min(counts) <= 1
    for train, test in folds:
        np.testing.assert_array_equal(np.sort(np.r_[train, test]), np.arange(100))


def test_scores_are_the_formulas(bench):
    y = np.array(["a", "b", "b", "c"])
    said = np.array([[0.5, 0.5], [0.25, 0.75], [0.75, 0.25], [1.0, 0.0]])
    scores = bench.data.scores(y, said, np.array(["a", "b"]))  # no rows of c to train on
    assert scores["error"] == 0.5
    logs = math.log(0.5) + math.log(0.75) + math.log(0.25) + math.log(1e-7)
    assert scores["log_loss"] == pytest.approx(-logs / 4)
    assert scores["auc"] == pytest.approx((1 / 3 + 3 / 4 + 1 / 2) / 3)
    regression = bench.data.scores(np.array([0.0, 2.0]), np.array([1.0, 2.0]), None)
    assert regression == {"error": pytest.approx(math.sqrt(0.5))}


def test_arguments_follow_a_colon(bench):
    models = bench.models.models("hgb,cbackprop:dropout=0.3, hidden_layer_sizes=(8, 8),mlp")
    assert [m.library for m in models] == ["hgb", "cbackprop", "mlp"]
    assert models[1].arguments == {"dropout": 0.3, "hidden_layer_sizes": (8, 8)}
    assert str(models[1]) == "cbackprop:dropout=0.3,hidden_layer_sizes=(8, 8)"
    assert bench.models.models(str(models[1])) == [models[1]]


def test_what_has_no_place_for_holes_or_many_levels_gets_none(bench):
    levels = [f"l{i}" for i in range(300)] + ["l0"] * 5
    X = pd.DataFrame({"a": np.arange(305.0), "b": pd.Categorical(levels)})
    X.loc[3, "a"] = np.nan
    X.loc[4, "b"] = np.nan
    few = bench.models.FewLevels().fit_transform(X)["b"]
    assert few.nunique() == 255
    assert few[0] == "l0"
    assert few.isna().sum() == 1
    assert bench.models.Words().fit_transform(X)["b"][4] == "(missing)"
    filled = bench.models.Filled().fit(X).transform(X)
    assert filled["a"][3] == pytest.approx(X["a"].mean())
    assert list(filled["a is missing"][2:5]) == ["no", "yes", "no"]


def test_models_are_compared_on_the_folds_that_both_have(bench):
    common = {"kind": "regression", "version": "x 1", "processor": "p", "threads": 1, "task": "t"}
    errors = {("hgb", 0, 0): 1.0, ("hgb", 1, 0): 9.0, ("mlp", 0, 0): 0.6, ("mlp", 0, 1): 0.4}
    records = [
        {**common, "model": m, "fold": f, "seed": s, "error": e} for (m, f, s), e in errors.items()
    ]
    results = bench.report.Results(records)
    assert results.mean("hgb", "t", "error") == 5.0
    assert results.ratio("mlp", "hgb", "t", "error") == 0.5
    assert math.isnan(results.ratio("mlp", "hgb", "t", "auc"))
