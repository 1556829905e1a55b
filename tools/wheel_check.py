"""Does the Linux wheel hold what it promises, and pass all tests where it is installed?

Makes the source distribution, a wheel out of that alone, repairs and audits it, and runs the tests
against the installed wheel in fresh virtual environments, in a folder without the source. Wheel and
source distribution end in dist/, the output of every step in build/wheel-check/.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "wheel-check"
POLICY = "manylinux_2_17"
LARGEST = 1_000_000  # bytes

# Where pyproject.toml allows an older version, the first that has a wheel for that Python.
FIRST_WHEELS = {
    "3.12": {"numpy": "1.26.0", "scipy": "1.11.2"},
    "3.13": {"numpy": "2.1.0", "scipy": "1.14.1"},
}


class Failed(Exception):
    """A step went wrong; its output is in the log."""


def run(command: list[object], log: str, **options) -> str:
    """Run to the end, the output into a log; returns the output."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options
    )
    path = LOGS / f"{log}.log"
    with path.open("a", encoding="utf-8") as file:
        file.write(f"+ {' '.join(words)}\n{done.stdout}")
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-15:])
        raise Failed(f"{tail}\n{' '.join(words[:3])} ... gave {done.returncode}, see {path}")
    return done.stdout


def environment(folder: Path | None = None) -> dict[str, str]:
    """Nothing of this shell's Python; the programs of a virtual environment first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    kept["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    if folder is not None:
        kept["PATH"] = f"{folder / 'bin'}{os.pathsep}{kept['PATH']}"
    return kept


def build(work: Path) -> tuple[Path, Path]:
    """The repaired wheel and the unpacked source distribution it was built from."""
    tools = work / "tools"
    venv.create(tools, with_pip=True)
    options = {"env": environment(tools), "cwd": work}
    python = tools / "bin" / "python"
    requirements = ROOT / "tools" / "wheel-requirements.txt"
    run([python, "-m", "pip", "install", "-q", "-r", requirements], "build", **options)
    run([python, "-m", "build", "--sdist", "--outdir", work, ROOT], "build", **options)
    (sdist,) = work.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(work / "source", filter="data")
    (source,) = (work / "source").iterdir()
    run([python, "-m", "build", "--wheel", "--outdir", work / "raw", source], "build", **options)
    (raw,) = (work / "raw").glob("*.whl")
    plat = f"{POLICY}_{platform.machine()}"
    repair = [tools / "bin" / "auditwheel", "repair", "--strip", "--plat", plat, "-w", work, raw]
    run(repair, "build", **options)
    (wheel,) = work.glob("*.whl")
    print(f"source distribution: {sdist.name}, {sdist.stat().st_size:,} bytes")
    print(f"wheel: {wheel.name}, {wheel.stat().st_size:,} bytes ({raw.stat().st_size:,} before)")
    report = run([tools / "bin" / "abi3audit", "--strict", "--report", wheel], "build", **options)
    if '"result"' not in report and "specs" not in report:
        raise Failed(f"abi3audit reported nothing:\n{report}")
    (ROOT / "dist").mkdir(exist_ok=True)
    for file in (sdist, wheel):
        shutil.copy(file, ROOT / "dist")
    return wheel, source


def faults(wheel: Path) -> Iterator[str]:
    """What is wrong with a repaired wheel: its tags, its size, what is in it and what is not."""
    python, abi, platforms = wheel.stem.split("-")[-3:]
    policy = f"{POLICY}_{platform.machine()}"
    if (python, abi) != ("cp311", "abi3") or policy not in platforms.split("."):
        yield f"{wheel.name}: expected the tags cp311-abi3-{policy}"
    size = wheel.stat().st_size
    if size >= LARGEST:
        yield f"{size:,} bytes, expected fewer than {LARGEST:,}"
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        metadata = next(archive.read(name).decode() for name in names if name.endswith("METADATA"))
    if "\nRequires-Python: >=3.11\n" not in metadata:
        yield "Requires-Python and the tag cp311 disagree"
    package = {name.removeprefix("cbackprop/") for name in names if name.startswith("cbackprop/")}
    source = ROOT / "cbackprop"
    compiled = [file.stem for file in (source / "engine").glob("*.pyx")]
    expected = {f"engine/{name}.abi3.so" for name in compiled} | {
        file.relative_to(source).as_posix()
        for file in source.rglob("*")
        if file.suffix in (".py", ".pyi", ".html", ".css", ".js") or file.name == "py.typed"
    }
    yield from (f"{name} is missing" for name in sorted(expected - package))
    yield from (f"{name} should not be there" for name in sorted(package - expected))
    for name in names:
        if not re.match(r"cbackprop(/|-[^/]*\.dist-info/)", name):
            yield f"{name} should not be there"


def lower_bounds(wheel: Path) -> dict[str, str]:
    """What the wheel's own metadata promises to run with, at the oldest."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = archive.read(name).decode()
    needed = re.findall(r"^Requires-Dist: (?!.*extra ==)", metadata, re.MULTILINE)
    found = re.findall(r"^Requires-Dist: ([\w-]+)>=([\d.]+)$", metadata, re.MULTILINE)
    if len(found) < len(needed):
        raise Failed(f"expected a lower bound for every dependency, found {found}")
    return dict(found)


def interpreter(version: str) -> str | None:
    """A Python of that version: a path, one on PATH, or one of pyenv's."""
    if os.sep in version:
        return version
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}.*/bin/python"))]
    for candidate in filter(None, candidates):
        command = [str(candidate), "-c", "import sys, venv; print('%d.%d' % sys.version_info[:2])"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if answer.stdout.strip() == version:
            return str(candidate)
    return None


def install(python: str, folder: Path, wheel: Path, pins: str, log: str) -> str:
    """A fresh virtual environment with the wheel and what its tests need; returns the versions."""
    run([python, "-m", "venv", folder], log)
    inside = folder / "bin" / "python"
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    version = run([inside, "-c", code], log).strip()
    bounds = lower_bounds(wheel)
    constraints = folder / "constraints.txt"
    oldest = {**bounds, **FIRST_WHEELS.get(version, {})} if pins == "oldest" else {}
    constraints.write_text("".join(f"{name}=={pin}\n" for name, pin in oldest.items()))
    pip = [inside, "-m", "pip", "install", "-q", "--only-binary", ":all:", "-c", constraints]
    run([*pip, f"{wheel}[test]"], log, env=environment(), cwd=folder)
    names = list(bounds)
    code = "from importlib.metadata import version; import platform, sys; " + (
        "print(platform.python_version(), *(f'{n} {version(n)}' for n in sys.argv[1:]), sep=', ')"
    )
    return run([inside, "-c", code, *names], log).strip()


def test(folder: Path, suite: Path, log: str, more: list[str]) -> str:
    """Run the tests from a folder without the source; returns pytest's last line."""
    where = "import cbackprop.engine.run as run; print(run.__file__)"
    options = {"env": environment(folder), "cwd": suite}
    module = run([folder / "bin" / "python", "-c", where], log, **options).strip()
    if not (module.startswith(str(folder)) and module.endswith(".abi3.so")):
        raise Failed(f"expected the wheel's modules to be tested, not {module}")
    report = run([folder / "bin" / "pytest", "-q", "-rs", *more], log, **options)
    for line in report.splitlines():
        if line.startswith("SKIPPED"):
            print(f"    {line}")
    return report.splitlines()[-1].strip("= ")


def check(args: argparse.Namespace, work: Path) -> list[str]:
    """All that was asked for; returns what failed."""
    wheel, source = build(work)
    failed = list(faults(wheel))
    suite = work / "suite"
    shutil.copytree(source, suite, ignore=shutil.ignore_patterns("cbackprop"))
    for version in [] if args.audit else args.python:
        python = interpreter(version)
        if python is None:
            failed.append(f"Python {version}: not found")
            continue
        for pins in args.pins:
            name = f"{Path(version).name}-{pins}"
            folder = work / f"venv-{len(list(work.glob('venv-*')))}"
            try:
                print(f"{name}: {install(python, folder, wheel, pins, name)}", flush=True)
                print(f"{name}: {test(folder, suite, name, args.pytest)}", flush=True)
            except Failed as error:
                failed.append(f"{name}: {error}")
                print(failed[-1], flush=True)
            shutil.rmtree(folder, ignore_errors=True)
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", nargs="+", default=["3.11", "3.12", "3.13"], metavar="3.X",
                        help="versions or paths of interpreters")  # fmt: skip
    parser.add_argument("--pins", nargs="+", default=["oldest", "newest"],
                        choices=["oldest", "newest"], help="which dependencies")  # fmt: skip
    parser.add_argument("--audit", action="store_true", help="build and audit, run no tests")
    parser.add_argument("--pytest", nargs=argparse.REMAINDER, default=[], metavar="ARGUMENT",
                        help="the rest goes to pytest")  # fmt: skip
    args = parser.parse_args()
    if sys.platform != "linux":
        parser.error("auditwheel repairs wheels on Linux alone; elsewhere cibuildwheel does it all")
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as work:
        try:
            failed = check(args, Path(work).resolve())
        except Failed as error:
            failed = [str(error)]
    print("\n".join(failed) or "everything passed")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
