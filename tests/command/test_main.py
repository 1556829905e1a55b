"""Does the command `cbackprop` say what is so, and end as a command should?"""

import importlib.metadata
import io
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

import cbackprop
from cbackprop import reference
from cbackprop.__main__ import main
from cbackprop.command import demo as _demo
from cbackprop.command import info as _info
from cbackprop.engine import kernels
from cbackprop.training import fit

FEW = ["demo", "--epochs", "2", "--hidden", "8"]
NAMES = ["cbackprop", "scikit-learn", "reference, matrices", "reference, loop"]
ROW = re.compile(
    r"^(?P<name>[a-z, -]+?) +(?P<accuracy>[\d.]+) % +(?P<difference>-|nan|[\d.e+-]+) +"
    r"(?P<seconds>[\d.]+) +(?P<microseconds>[\d.]+) +(?P<speed_up>[\d.]+)x$",
    re.MULTILINE,
)


@pytest.fixture(autouse=True)
def columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def one_fit(monkeypatch):
    monkeypatch.setattr(_demo, "FITS", 1)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def refused(arguments, capsys):
    """The message of a command line that is refused with status 2."""
    with pytest.raises(SystemExit) as exit:
        main(arguments)
    assert exit.value.code == 2
    return capsys.readouterr().err


# The command line.


def test_help_explains_the_commands(capsys):
    with pytest.raises(SystemExit) as exit:
        main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert exit.value.code == 0
    assert "demo Train a network on scikit-learn's handwritten digits" in text
    assert "info Print what a bug report needs" in text
    assert "plan Print how much of several machines is to be expected" in text
    assert "play Open a page in the browser" in text


def test_demos_help_gives_ranges_and_defaults(capsys):
    with pytest.raises(SystemExit) as exit:
        main(["demo", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert exit.value.code == 0
    assert "passes over the training set; 1 to 100000 (default: 30)" in text


def test_version_is_the_packages(capsys):
    with pytest.raises(SystemExit) as exit:
        main(["--version"])
    assert exit.value.code == 0
    assert capsys.readouterr().out == f"cbackprop {cbackprop.__version__}\n"


def test_no_command_is_refused(capsys):
    assert "required: command" in refused([], capsys)


def test_an_unknown_command_is_refused_with_the_known_ones(capsys):
    message = refused(["train"], capsys)
    assert "train" in message
    assert "demo" in message
    assert "info" in message


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--epochs", "0"),
        ("--epochs", "-3"),
        ("--epochs", "many"),
        ("--epochs", "1.5"),
        ("--epochs", "nan"),
        ("--hidden", "0"),
        ("--hidden", "1000000000000"),
        ("--seed", "-1"),
        ("--seed", str(2**32)),
        ("--seed", ""),
    ],
)
def test_a_bad_number_is_refused_with_what_was_expected(option, value, capsys):
    message = refused(["demo", f"{option}={value}"], capsys)
    assert re.search(f"argument {option}: expected an integer from . to [0-9]+", message)
    assert f"got {value!r}" in message


def test_an_option_without_its_number_is_refused(capsys):
    assert "argument --seed: expected one argument" in refused(["demo", "--seed"], capsys)


# cbackprop demo


def test_demo_finds_the_same_model_in_every_row(capsys):
    assert main(FEW) == 0
    output = capsys.readouterr().out
    rows = [row.groupdict() for row in ROW.finditer(output)]
    assert [row["name"] for row in rows] == NAMES
    assert len({row["accuracy"] for row in rows}) == 1
    assert rows[0]["difference"] == "-"
    assert all(float(row["difference"]) < 1e-6 for row in rows[1:])
    assert all(float(row["microseconds"]) > 0 for row in rows)
    assert "The same model every time" in output
    assert "WRONG" not in output


@pytest.mark.usefixtures("one_fit")
def test_demos_figures_fit_together(capsys):
    main(FEW)
    rows = [row.groupdict() for row in ROW.finditer(capsys.readouterr().out)]
    slowest = max(rows, key=lambda row: float(row["seconds"]))
    batches = 2 * 43  # 1347 rows in 32s, twice
    assert float(slowest["microseconds"]) == pytest.approx(
        1e6 * float(slowest["seconds"]) / batches, rel=0.05
    )
    assert float(slowest["speed_up"]) == pytest.approx(
        float(slowest["microseconds"]) / float(rows[0]["microseconds"]), rel=0.05
    )


@pytest.mark.parametrize("error", [1e-3, np.nan], ids=["other", "nan"])
@pytest.mark.usefixtures("one_fit")
def test_demo_fails_if_a_model_differs(error, monkeypatch, capsys):
    right = reference.train

    def wrong(weights, *arguments, **options):
        losses = right(weights, *arguments, **options)
        if options["method"] == "matrix":
            weights[0][5, 3] += error
        return losses

    monkeypatch.setattr(reference, "train", wrong)
    assert main(FEW) == 1
    output = capsys.readouterr().out
    assert "WRONG: reference, matrices and cbackprop ended with different models" in output
    assert output.count("WRONG") == 1
    assert "The same model every time" not in output


@pytest.mark.usefixtures("one_fit")
def test_demo_fails_if_cbackprop_itself_is_wrong(monkeypatch, capsys):
    right = fit.passes

    def wrong(network, *arguments, **options):
        for loss in right(network, *arguments, **options):
            network.parameters[7] += 1e-3
            yield loss

    monkeypatch.setattr(fit, "passes", wrong)
    assert main(FEW) == 1
    assert capsys.readouterr().out.count("WRONG") == 3


@pytest.mark.usefixtures("one_fit")
def test_seeds_give_different_runs(capsys):
    accuracies = []
    for seed in ("0", "1"):
        assert main([*FEW, "--seed", seed]) == 0
        accuracies.append(ROW.search(capsys.readouterr().out)["accuracy"])
    assert accuracies[0] != accuracies[1]


def test_the_loop_is_left_out_where_it_would_take_long(monkeypatch, capsys):
    monkeypatch.setattr(_demo, "LOOP_SECONDS", 0.0)
    assert main(FEW) == 0
    output = capsys.readouterr().out
    assert [row["name"] for row in ROW.finditer(output)] == NAMES[:-1]
    assert "reference, loop: left out, it would take about" in output


def test_everything_is_fitted_once_where_it_would_take_long(monkeypatch, capsys):
    monkeypatch.setattr(_demo, "ALL_FITS_SECONDS", 0.0)
    assert main(FEW) == 0
    assert "seconds: of a fit; fastest of 1\n" in capsys.readouterr().out


@pytest.mark.usefixtures("one_fit")
def test_progress_is_one_line_on_a_terminal(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(FEW) == 0
    written = terminal.getvalue()
    assert "\rreference, loop, fit 1 of 1: epoch " in written
    # What is left to see after the carriage returns.
    assert "epoch " not in "\n".join(line.split("\r")[-1] for line in written.split("\n"))
    assert all(len(part) < 80 for part in re.split("[\r\n]", written))


@pytest.mark.usefixtures("one_fit")
def test_without_a_terminal_there_is_no_carriage_return(capsys):
    main(FEW)
    assert "\r" not in capsys.readouterr().out


@pytest.mark.usefixtures("one_fit")
def test_a_narrow_terminal_gets_narrow_lines(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    assert main(FEW) == 0
    output = capsys.readouterr().out
    assert max(map(len, output.splitlines())) <= 40
    assert output.count("  microseconds a mini-batch ") == len(NAMES)


@pytest.mark.parametrize(("module", "name"), [(fit, "passes"), (reference, "train")])
def test_ctrl_c_ends_the_demo_with_one_line(module, name, monkeypatch, capsys):
    """In the estimators too, which make a warning of it."""

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, name, interrupted)
    assert main(FEW) == 130
    assert capsys.readouterr().err == "cbackprop: interrupted\n"


# cbackprop info


def information(capsys):
    assert main(["info"]) == 0
    return [(line[:14].strip(), line[14:].strip()) for line in capsys.readouterr().out.splitlines()]


def test_info_names_versions_processor_and_instructions(capsys):
    facts = dict(information(capsys))
    assert facts["cbackprop"].startswith(f"{cbackprop.__version__} in ")
    assert facts["Python"].startswith(".".join(map(str, sys.version_info[:3])))
    for package in ("numpy", "scipy", "scikit-learn", "threadpoolctl"):
        assert facts[package] == importlib.metadata.version(package)
    assert facts["processor"]
    assert facts["platform"]
    assert facts["threads"]
    assert facts["instructions"].startswith(f"{kernels.in_use()} in use")


def test_info_marks_the_blas_of_the_engine(capsys):
    libraries = [value for name, value in information(capsys) if name == "BLAS"]
    assert sum("used by the engine" in library for library in libraries) == 1
    assert all(re.search(r"threads: \d+", library) for library in libraries)


def test_info_shows_the_variables_that_are_set(monkeypatch, capsys):
    for variable in _info.VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    assert dict(information(capsys))["environment"].startswith("nothing set")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    expected = "OMP_NUM_THREADS=3, OPENBLAS_CORETYPE=Haswell"
    assert dict(information(capsys))["environment"] == expected


def test_info_hides_the_home_folder(monkeypatch, capsys):
    monkeypatch.setattr(Path, "home", lambda: Path(cbackprop.__file__).parents[1])
    assert dict(information(capsys))["cbackprop"].endswith(" in ~/cbackprop")


# The ends of the output.


def test_a_closed_pipe_ends_the_command_in_silence(monkeypatch, capsys):
    reader, writer = os.pipe()
    os.close(reader)
    # Taken back here: capsys, which goes first, would leave its closed file in its place.
    with open(writer, "w") as pipe, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", pipe)
        assert main(["info"]) == 141
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_named(monkeypatch, capsys):
    with open("/dev/full", "w") as full, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", full)
        assert main(["info"]) == 1
    expected = "cbackprop: cannot write the output: No space left on device\n"
    assert capsys.readouterr().err == expected


# A process of its own, started elsewhere than in the source folder.


def test_module_and_console_script_are_the_same(tmp_path):
    script = Path(sysconfig.get_path("scripts")) / ("cbackprop" + ".exe" * (os.name == "nt"))
    if not script.exists():
        pytest.skip("cbackprop is not installed with its script")
    outputs = []
    for command in ([sys.executable, "-m", "cbackprop"], [script]):
        done = subprocess.run([*command, "--help"], cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]
    assert outputs[0].startswith("usage: cbackprop ")
