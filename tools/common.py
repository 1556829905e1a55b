"""What the tools share: copies of the source, builds, commands in bounded time, figures."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "build" / "tools"  # ignored by git; every tool has a folder of its own in it
CONTENTS = ["cbackprop", "tests", "examples", "docs", "tools", "benchmarks", "setup.py"]
CONTENTS += [
    "pyproject.toml",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE",
    "MANIFEST.in",
]


def copy_source(name: str) -> Path:
    """A fresh copy of the source without anything built, at build/tools/`name`."""
    copy = WORK / name
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    unwanted = shutil.ignore_patterns(
        "*.so", "*.pyd", "__pycache__", "_build", "auto_examples", "results"
    )
    for entry in CONTENTS:
        source = ROOT / entry
        if source.is_dir():
            shutil.copytree(source, copy / entry, ignore=unwanted)
        elif source.exists():
            shutil.copy2(source, copy / entry)
    return copy


def tests_named(names: Iterable[str]) -> list[str]:
    """The files of tests that are called so, wherever they stand."""
    files = {path.stem.removeprefix("test_"): path for path in (ROOT / "tests").rglob("test_*.py")}
    return [str(files[name].relative_to(ROOT)) for name in names]


def replace_once(file: Path, old: str, new: str) -> None:
    """Plant a change; an error if the place is no longer there, so that no plant is lost."""
    text = file.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise SystemExit(f"{file}: expected {old!r} once, found it {text.count(old)} times")
    file.write_text(text.replace(old, new), encoding="utf-8")


def build(copy: Path, *, flags: str = "", link: str = "", level: str = "-O3") -> None:
    """Compile the copy in place, with these flags behind the interpreter's and this -O.

    Debug information is there if the flags ask for it: setup.py looks for -g among them.
    """
    setup = copy / "setup.py"
    text = setup.read_text(encoding="utf-8")
    if '"-O3"' in text and level != "-O3":  # a file touched in vain is one that has changed
        setup.write_text(text.replace('"-O3"', f'"{level}"'), encoding="utf-8")
    compile_changes(copy, flags=flags, link=link)


def compile_changes(copy: Path, *, flags: str = "", link: str = "") -> None:
    """Compile what changed since the copy was built."""
    environment = environment_with(CFLAGS=flags, LDFLAGS=link, PYTHONPATH=str(_builders()))
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    run(command, copy, environment, quiet=True)


def _builders() -> Path:
    """A folder with Cython and a setuptools that knows pyproject.toml, filled once."""
    folder = WORK / "builders"
    if not folder.exists():
        command = [sys.executable, "-m", "pip", "install", "-q", "--target", str(folder)]
        run([*command, "Cython>=3.1", "setuptools>=77"], ROOT, environment_with())
    return folder


def environment_with(**variables: str) -> dict[str, str]:
    """This environment with these variables set."""
    return {**os.environ, **variables}


def run(
    command: list[str],
    folder: Path,
    environment: dict[str, str],
    *,
    timeout: float = 1800,
    quiet: bool = False,
    fails: bool = False,
) -> str:
    """Run a command and return what it said; end with it if it fails, unless `fails`."""
    if not quiet:
        print(f"+ {shlex.join(command)}", flush=True)
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired as error:
        raise SystemExit(f"no end within {timeout} s: {shlex.join(command)}") from error
    if done.returncode and not fails:
        print(done.stdout)
        raise SystemExit(f"exit status {done.returncode}: {shlex.join(command)}")
    return done.stdout


def report(tool: str, name: str, value: object) -> None:
    """A figure, printed and added to the file that $CBACKPROP_FIGURES names, if any."""
    print(f"{tool}: {name}: {value}", flush=True)
    if path := os.environ.get("CBACKPROP_FIGURES"):
        with Path(path).open("a", encoding="utf-8") as out:
            out.write(f"{tool}\t{name}\t{value}\n")
