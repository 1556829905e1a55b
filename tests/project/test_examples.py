"""Every example runs, from any folder, on little data; and shows pictures if it is to."""

import runpy
import sys
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PLOTS = sorted(path.name for path in EXAMPLES.glob("plot_*.py"))


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run an example as a script in an empty folder; its variables."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    def run(name, *arguments):
        path = str(EXAMPLES / name)
        monkeypatch.setattr(sys, "argv", [path, *map(str, arguments)])
        return runpy.run_path(path, run_name="__main__")

    return run


def covered(figure):
    """The curves that go on behind a legend."""
    from matplotlib.transforms import Bbox

    legends = [*figure.legends, *filter(None, (ax.get_legend() for ax in figure.axes))]
    found = []
    for ax in figure.axes:
        for line in ax.get_lines():
            path = line.get_transform().transform_path(line.get_path())
            for legend in legends:
                # A curve is seen within its axes alone.
                box = Bbox.intersection(legend.get_window_extent().padded(-1), ax.bbox)
                if box is not None and path.intersects_bbox(box, filled=False):
                    found.append(f"{line.get_label()} behind {legend.get_texts()[0].get_text()}")
    return found


@pytest.fixture
def shown(monkeypatch):
    """matplotlib without a screen: the number of figures at each `show`."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figures = []

    def show():
        for number in pyplot.get_fignums():
            figure = pyplot.figure(number)
            figure.canvas.draw()
            assert covered(figure) == []
        figures.append(len(pyplot.get_fignums()))
        pyplot.close("all")

    monkeypatch.setattr(pyplot, "show", show)
    yield figures
    pyplot.close("all")


@pytest.mark.parametrize("name", PLOTS)
def test_examples_with_pictures_run_and_show_them(name, run, shown, capsys):
    run(name)
    assert shown
    assert all(shown)
    assert capsys.readouterr().out


def test_the_examples_are_there():
    assert len(PLOTS) == 7
    assert (EXAMPLES / "book_mnist.py").exists()
    assert (EXAMPLES / "occupancy.py").exists()
    assert (EXAMPLES / "service.py").exists()


# The book's networks.


def images(n):
    rng = np.random.default_rng(0)
    return rng.integers(256, size=(n, 784), dtype=np.uint8), np.arange(n) % 10


@pytest.fixture
def mnist(tmp_path):
    """70 images: 50 to train on, 10 to validate, 10 to test."""
    X, y = images(70)
    np.savez(tmp_path / "mnist.npz", X=X, y=y)
    return tmp_path / "mnist.npz"


def test_all_networks_of_the_book_run(run, mnist, capsys):
    rows = run("book_mnist.py", "--data", mnist, "--quick")["ROWS"]
    out = capsys.readouterr().out
    assert "50 images to train on, 10 to validate, 10 to test" in out
    assert len(rows) == 14
    assert all(f"\n{name} " in out for name in rows)


def test_one_row_of_the_book_writes_every_run(run, mnist, tmp_path):
    file = tmp_path / "runs.csv"
    run("book_mnist.py", "--data", mnist, "--row", "deep-2", "--seeds", 2, "--output", file)
    header, *runs = file.read_text().splitlines()
    assert header == "row,seed,best,best_epoch,last,milliseconds"
    assert [line.split(",")[:2] for line in runs] == [["deep-2", "0"], ["deep-2", "1"]]
    assert all(0 <= float(line.split(",")[2]) <= 100 for line in runs)


def test_without_a_file_the_images_come_from_openml(run, monkeypatch, capsys):
    def fetch_openml(name, **options):
        X, y = images(70)
        return X.astype(float), y.astype(str).astype(object)

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch_openml)
    run("book_mnist.py", "--quick", "--row", "entropy-30")
    assert "entropy-30" in capsys.readouterr().out


def test_without_a_network_it_says_what_to_give_instead(run, monkeypatch):
    def fetch_openml(name, **options):
        raise URLError("Temporary failure in name resolution")

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch_openml)
    with pytest.raises(SystemExit) as exit:
        run("book_mnist.py", "--quick")
    assert "give --data" in str(exit.value.code)


# Occupancy.


@pytest.fixture
def occupancy(tmp_path):
    """Three files as UCI's are: one name fewer in the header, quotes about what is no number."""
    rng = np.random.default_rng(0)
    header = '"date","Temperature","Humidity","Light","CO2","HumidityRatio","Occupancy"\n'
    sizes = {"datatraining.txt": 80, "datatest.txt": 30, "datatest2.txt": 40}
    for file, n in sizes.items():
        lines = [header]
        for i in range(n):
            date = "2015-02-04 17:51:00" if file == "datatest2.txt" else '"2015-02-04 17:51:00"'
            there = int(rng.random() < 0.4)
            lines.append(f'"{i + 1}",{date},21.5,26.2,{400 * there},{600 + i},0.0048,{there}\n')
        (tmp_path / file).write_text("".join(lines))
    return tmp_path


@pytest.mark.parametrize("options", [(), ("--humidity-ratio",)])
def test_occupancy_reads_the_three_files(options, run, occupancy, capsys):
    few = ("--seeds", 1, "--epochs", 2)
    variables = run("occupancy.py", "--data", occupancy, *few, *options)
    assert variables["X"].shape == (80, 4 + len(options))
    assert [labels.size for _, labels in variables["tests"]] == [30, 40]
    assert {*np.unique(variables["y"])} == {0, 1}
    out = capsys.readouterr().out
    for name in ("squared error", "log loss", "cbackprop.ML", "sklearn.neural", "Logistic"):
        assert name in out


def test_occupancy_makes_up_a_room_and_ignores_arguments_that_are_not_its_own(run):
    variables = run("occupancy.py", "--seeds", 1, "--epochs", 2, "--gallery-of-examples", "x")
    assert len(variables["X"]) == 1000


def test_in_occupancy_both_libraries_classifiers_end_alike(run, capsys):
    run("occupancy.py", "--seeds", 1, "--epochs", 3)
    lines = capsys.readouterr().out.splitlines()
    ours, theirs = (line.split()[1:7] for line in lines if "MLPClassifier" in line)
    assert ours == theirs
