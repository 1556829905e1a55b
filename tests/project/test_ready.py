"""Does the environment that `make` takes get what it lacks, and nothing twice?"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = '[build-system]\nrequires = ["setuptools>=77", "Cython>=3.1"]\n'


@pytest.fixture
def ready(tmp_path, monkeypatch):
    """The tool, for a project in tmp_path and with nobody called; what would be is in `calls`."""
    path = ROOT / "tools" / "ready.py"
    if not path.exists():
        pytest.skip("the tools come with the source alone")
    specification = importlib.util.spec_from_file_location("ready", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    (tmp_path / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "NOTE", tmp_path / "note.json")
    monkeypatch.setattr(module, "is_editable_from", lambda root: True)
    module.calls = []
    monkeypatch.setattr(module, "run", module.calls.append)
    return module


def installed(ready):
    """What pip was asked for, as editable, since the last time."""
    what = [command[-1] for command in ready.calls if "--editable" in command]
    ready.calls.clear()
    return what


def test_a_new_environment_gets_what_the_build_needs_then_the_package(ready):
    ready.main({"test"})
    needed, package, build = ready.calls
    assert needed[-2:] == ["setuptools>=77", "Cython>=3.1"]
    assert package[-3:] == ["--no-build-isolation", "--editable", ".[test]"]
    assert build == ready.COMPILE


def test_what_is_there_is_compiled_and_nothing_else(ready):
    ready.main({"test"})
    ready.calls.clear()
    for extras in ({"test"}, set()):
        ready.main(extras)
        assert ready.calls == [ready.COMPILE]
        ready.calls.clear()


def test_extras_add_up(ready):
    ready.main(set())
    ready.main({"test"})
    ready.main({"docs"})
    assert installed(ready) == [".", ".[test]", ".[docs,test]"]
    ready.main({"docs"})
    assert installed(ready) == []


def test_a_changed_project_is_installed_anew(ready, tmp_path):
    ready.main({"test", "docs"})
    installed(ready)
    (tmp_path / "pyproject.toml").write_text(PROJECT + "# more\n", encoding="utf-8")
    ready.main({"test"})
    assert installed(ready) == [".[test]"]


def test_an_installed_copy_gives_way_to_the_source(ready, monkeypatch):
    ready.main({"test"})
    installed(ready)
    monkeypatch.setattr(ready, "is_editable_from", lambda root: False)
    ready.main(set())
    assert installed(ready) == [".[test]"]


def test_a_note_that_cannot_be_read_is_none(ready):
    ready.NOTE.write_text("{", encoding="utf-8")
    assert ready.extras_noted(ready.NOTE, PROJECT) is None


@pytest.mark.parametrize(
    ("folder", "kind", "editable"),
    [
        ("source", {"editable": True}, True),
        ("other", {"editable": True}, False),
        ("source", {}, False),
        (None, {}, False),
    ],
)
def test_an_editable_install_is_one_of_this_folder(
    ready, tmp_path, monkeypatch, folder, kind, editable
):
    monkeypatch.undo()

    class Installed:
        def read_text(self, name):
            assert name == "direct_url.json"
            return folder and json.dumps({"dir_info": kind, "url": (tmp_path / folder).as_uri()})

    monkeypatch.setattr(ready, "distribution", lambda name: Installed())
    assert ready.is_editable_from(tmp_path / "source") is editable


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize("active", [True, False])
def test_make_takes_the_active_environment_or_its_own(active, tmp_path):
    if not (ROOT / "Makefile").exists():
        pytest.skip("the Makefile comes with the source alone")
    assignment = f"VIRTUAL_ENV={tmp_path if active else ''}"
    # Also where make has started these tests.
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}
    said = subprocess.check_output(
        ["make", "-n", "test", assignment],
        cwd=ROOT,
        env=environment,
        text=True,
        stderr=subprocess.STDOUT,
    )
    expected = tmp_path if active else ROOT / ".venv"
    assert f"{expected}/bin/python tools/ready.py test\n" in said
    assert said.endswith(f"{expected}/bin/pytest\n")


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_refuses_an_old_python_before_it_makes_anything(tmp_path):
    if not (ROOT / "Makefile").exists():
        pytest.skip("the Makefile comes with the source alone")
    old = tmp_path / "python3"
    code = "import sys; sys.version_info = (3, 10); sys.version = '3.10'; exec(sys.argv.pop(1))"
    old.write_text(f'#!/bin/sh\nshift\nexec {sys.executable} -c "{code}" "$@"\n')
    old.chmod(0o755)
    environment = tmp_path / "environment"
    result = subprocess.run(
        ["make", "demo", f"VIRTUAL_ENV={environment}", f"PYTHON={old}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0
    assert re.search(r"^Python 3\.11 or later is needed, not 3\.10$", result.stderr, re.MULTILINE)
    assert not environment.exists()
