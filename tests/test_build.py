"""Does a build leave no module behind that Python would import instead of the new one?"""

import ast
import re
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[1] / "setup.py"


@pytest.fixture
def superseded():
    """The function of setup.py, without the build that an import of it would start."""
    tree = ast.parse(SETUP.read_text(encoding="utf-8"))
    (function,) = (n for n in tree.body if getattr(n, "name", None) == "superseded")
    names = {"re": re}
    exec(compile(ast.Module([function], []), SETUP, "exec"), names)
    return names["superseded"]


def test_modules_that_win_over_the_new_one_are_found(superseded, tmp_path):
    new = tmp_path / "run.abi3.so"
    old = [
        tmp_path / f"run{suffix}"
        for suffix in {*EXTENSION_SUFFIXES, ".cpython-312-darwin.so", ".cp311-win_amd64.pyd"}
        if suffix not in (".so", ".pyd", ".abi3.so") and "t-" not in suffix
    ]
    for path in (new, *old):
        path.touch()
    assert len(old) >= 2
    assert set(superseded(new)) == set(old)


@pytest.mark.parametrize(
    "name",
    [
        "run.cpython-313t-x86_64-linux-gnu.so",
        "run.cp313t-win_amd64.pyd",
        "run.py",
        "run.pyi",
        "runner.cpython-311-darwin.so",
    ],
)
def test_other_files_stay(superseded, tmp_path, name):
    new = tmp_path / "run.abi3.so"
    for path in (new, tmp_path / name):
        path.touch()
    assert superseded(new) == []
