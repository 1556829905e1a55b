"""Is what setup.py builds whole, small, up to date, and alone?"""

import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETUP = ROOT / "setup.py"


@pytest.fixture(scope="module")
def setup():
    """The names of setup.py's top level, without the build: its imports need not be installed."""
    tree = ast.parse(SETUP.read_text(encoding="utf-8"))
    kept = (ast.FunctionDef, ast.Assign)
    names = {"os": os, "re": re, "sys": sys, "sysconfig": sysconfig, "Path": Path}
    body = [node for node in tree.body if isinstance(node, kept)]
    exec(compile(ast.Module(body, []), SETUP, "exec"), names)
    return names


def test_modules_that_win_over_the_new_one_are_found(setup, tmp_path):
    new = tmp_path / "run.abi3.so"
    old = [
        tmp_path / f"run{suffix}"
        for suffix in {*EXTENSION_SUFFIXES, ".cpython-312-darwin.so", ".cp311-win_amd64.pyd"}
        if suffix not in (".so", ".pyd", ".abi3.so") and "t-" not in suffix
    ]
    for path in (new, *old):
        path.touch()
    assert len(old) >= 2
    assert set(setup["superseded"](new)) == set(old)


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
def test_other_files_stay(setup, tmp_path, name):
    new = tmp_path / "run.abi3.so"
    for path in (new, tmp_path / name):
        path.touch()
    assert setup["superseded"](new) == []


def compiled(source, flags, folder):
    """The object file that a GNU compiler makes with a Python's own flags and these."""
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("needs GCC or clang")
    (folder / "one.c").write_text(source, encoding="utf-8")
    command = [compiler, "-g", *flags, "-c", "one.c", "-o", "one.o"]
    subprocess.run(command, cwd=folder, check=True)
    return (folder / "one.o").read_bytes()


@pytest.mark.parametrize(
    ("asked_for", "debug"),
    [
        ("", False),
        ("-O1 -fno-gcse", False),
        ("-g", True),
        ("-O1 -g3", True),
        ("-march=x86-g", False),
    ],
)
def test_debug_information_is_there_if_it_is_asked_for(setup, tmp_path, asked_for, debug):
    flags = setup["flags"]("unix", asked_for)
    built = compiled("int one(void) { return 1; }", flags, tmp_path)
    assert (b"debug_info" in built) is debug


def test_microsofts_compiler_gets_no_flag_of_gnus(setup):
    assert setup["flags"]("msvc", "") == setup["FLAGS"]["msvc"]


def test_a_module_depends_on_what_its_headers_include(setup, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    engine = Path(setup["ENGINE"])
    (engine / "vector").mkdir(parents=True)
    (tmp_path / "generated.c").write_text('#include "vector/table.h"\n#include <math.h>\n')
    (engine / "vector/table.h").write_text('  # include "../plan.h"\n#include "list.def"\n')
    (engine / "vector/list.def").write_text("X(relu)\n")
    (engine / "plan.h").write_text('#include "vector/table.h"\n')
    (engine / "team.h").write_text("")
    names = {Path(path).name for path in setup["included"](["generated.c"])}
    assert names == {"generated.c", "table.h", "plan.h", "list.def"}


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs GCC")
def test_the_loops_depend_on_every_file_that_the_compiler_opens(setup, monkeypatch):
    if not (ROOT / setup["ENGINE"]).exists():
        pytest.skip("an installed package without its source")
    monkeypatch.chdir(ROOT)
    for source in Path(setup["ENGINE"]).rglob("*.c"):
        said = subprocess.check_output(
            ["gcc", "-MM", f"-I{setup['ENGINE']}", f"-I{sysconfig.get_path('include')}", source],
            text=True,
        )
        opened = {Path(name).resolve() for name in said.replace("\\\n", " ").split()[1:]}
        assert opened <= {Path(name).resolve() for name in setup["included"]([source])}


def python_files(folder):
    files = (path.relative_to(folder) for path in folder.rglob("*"))
    return {file.as_posix() for file in files if file.suffix in (".py", ".pyi")}


@pytest.mark.nightly
def test_pip_installs_all_of_the_package_and_no_debug_information(tmp_path, figure):
    pytest.importorskip("Cython")
    source, site = tmp_path / "source", tmp_path / "site"
    unbuilt = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    shutil.copytree(ROOT / "cbackprop", source / "cbackprop", ignore=unbuilt)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
    environment = {name: value for name, value in os.environ.items() if name != "CFLAGS"}
    subprocess.run([*pip, "--target", site, source], env=environment, cwd=tmp_path, check=True)

    assert python_files(site / "cbackprop") == python_files(source / "cbackprop")
    modules = [path for path in (site / "cbackprop").rglob("*") if path.suffix in (".so", ".pyd")]
    cython = list((source / "cbackprop").rglob("*.pyx"))
    assert {path.name.partition(".")[0] for path in modules} == {path.stem for path in cython}
    assert not any(b".debug_info" in path.read_bytes() for path in modules)
    size = sum(path.stat().st_size for path in modules)
    figure("bytes of compiled modules", size)
    assert size < 3_000_000


def test_every_folder_of_the_package_is_installed():
    folders = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = folders["tool"]["setuptools"]["packages"]["find"]
    assert found == {"include": ["cbackprop*"], "namespaces": False}
    package = ROOT / "cbackprop"
    modules = {path.parent for path in package.rglob("*.py")} if package.exists() else set()
    assert [folder.name for folder in modules if not (folder / "__init__.py").exists()] == []
