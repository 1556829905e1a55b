"""Makes its environment ready for work: the package as editable, compiled where it has changed.

    python tools/ready.py [EXTRA ...]

The Makefile calls it before it runs anything. pip, which compiles everything anew, is asked only
where an extra is missing, pyproject.toml has changed, or cbackprop was installed from elsewhere.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOTE = Path(sys.prefix) / ".cbackprop.json"  # what was installed here last
COMPILE = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]


def is_editable_from(root: Path) -> bool:
    """Whether an import of the package in this environment takes the source in that folder."""
    try:
        said = distribution("cbackprop").read_text("direct_url.json")
    except PackageNotFoundError:
        return False
    origin = json.loads(said or "{}")
    editable = origin.get("dir_info", {}).get("editable", False)
    return editable and origin.get("url") == root.as_uri()


def extras_noted(note: Path, project: str) -> set[str] | None:
    """The extras that were installed with this text of pyproject.toml, None if none ever was."""
    try:
        noted = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return set(noted["extras"]) if noted["project"] == project else None


def install(extras: set[str], project: str) -> None:
    """Into this environment, and not by way of one of pip's own: a second build is then quick."""
    import tomllib

    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    needed = tomllib.loads(project)["build-system"]["requires"]
    wanted = f".[{','.join(sorted(extras))}]" if extras else "."
    print(f"installing {wanted} into {sys.prefix} ...", flush=True)
    run([*pip, *needed])
    run([*pip, "--no-build-isolation", "--editable", wanted])
    NOTE.write_text(json.dumps({"extras": sorted(extras), "project": project}), encoding="utf-8")


def run(command: list[str]) -> None:
    status = subprocess.run(command, cwd=ROOT, check=False).returncode
    if status:
        raise SystemExit(status)


def main(extras: set[str]) -> None:
    if sys.version_info < (3, 11):  # noqa: UP036
        raise SystemExit(f"Python 3.11 or later is needed, not {sys.version}")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    noted = extras_noted(NOTE, project)
    if noted is None or not extras <= noted or not is_editable_from(ROOT):
        install(extras | (noted or set()), project)
    run(COMPILE)


if __name__ == "__main__":
    main(set(sys.argv[1:]))
