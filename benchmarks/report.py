"""What is written down?  The machine, the tables (Markdown, CSV, JSON) and the plot."""

from __future__ import annotations

import csv
import json
import math
import os
import platform
import re
import statistics
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from measure import PINS, THREADS, Sample, Summary, ratio
from workloads import WORKLOADS

RIVALS = ("scikit-learn", "PyTorch", "JAX")
README = Path(__file__).parent / "README.md"
RESULTS = Path(__file__).parent / "results"


@dataclass
class Measured:
    """A contender's measurements in one workload, as they come."""

    library: str
    form: str
    threads: str
    difference: float
    microseconds: list[float]  # a mini-batch, one a round
    samples: list[Sample]


@dataclass
class Row:
    """One line of the long table."""

    workload: str
    dtype: str
    library: str
    form: str
    threads: str
    cores: float  # kept busy, on average
    median: float  # microseconds a mini-batch, as all times here
    least: float
    quartile_1: float
    quartile_3: float
    of_floor: float  # the floor at the same threads; NaN where there is none
    of_best_peer: float
    difference: float
    elsewhere: float  # cores that other processes kept busy, median
    microseconds: list[float] = field(default_factory=list)


def rows_of(workload: str, dtype: str, measured: list[Measured]) -> list[Row]:
    """The lines of one workload: medians over the rounds, ratios round by round."""
    floors = {
        int(m.threads): m.microseconds
        for m in measured
        if m.library == "floor" and not WORKLOADS[workload].sparse
    }
    rivals = [m.microseconds for m in measured if m.library in RIVALS]
    best = min(rivals, key=statistics.median, default=None)
    rows = []
    for m in measured:
        summary = Summary.of(m.microseconds)
        cores = statistics.median(s.cores for s in m.samples)
        # `auto` is compared with the floor at the threads it kept busy.
        threads = int(m.threads) if m.threads.isdigit() else max(1, round(cores))
        floor = floors.get(threads)
        rows.append(
            Row(
                workload,
                dtype,
                m.library,
                m.form,
                m.threads,
                cores,
                summary.median,
                summary.least,
                *summary.quartiles,
                ratio(m.microseconds, floor) if floor else math.nan,
                ratio(m.microseconds, best) if best else math.nan,
                m.difference,
                statistics.median(s.elsewhere for s in m.samples),
                m.microseconds,
            )
        )
    return rows


# Numbers as people read them.


def number(value: float) -> str:
    """Three significant digits."""
    if not math.isfinite(value):
        return "-"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(head: list[str], lines: list[list[str]]) -> str:
    """A Markdown table; columns after the first are numbers."""
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *lines])


def details(rows: list[Row]) -> str:
    """The long table: a line for every contender."""
    head = ["workload", "library", "form", "threads", "cores", "us", "least", "quartiles",
            "/ floor", "/ best peer"]  # fmt: skip
    lines = [
        [
            f"{r.workload}, {r.dtype}", r.library, r.form, r.threads, f"{r.cores:.1f}",
            number(r.median), number(r.least), f"{number(r.quartile_1)} to {number(r.quartile_3)}",
            number(r.of_floor), number(r.of_best_peer),
        ]
        for r in rows
    ]  # fmt: skip
    return table(head, lines)


def _pick(rows: list[Row], library: str, threads: str | None = None) -> Row | None:
    """The library's row with these threads, or its fastest."""
    own = [r for r in rows if r.library == library and threads in (None, r.threads)]
    return min(own, key=lambda r: r.median, default=None)


def _ahead(rows: list[Row], who: Row | None, *libraries: str) -> float:
    """How many times as long the fastest of these libraries takes."""
    rivals = [r for library in libraries if (r := _pick(rows, library))]
    best = min(rivals, key=lambda r: r.median, default=None)
    if who is None or best is None:
        return math.nan
    return ratio(best.microseconds, who.microseconds)


def summary(rows: list[Row], dtype: str) -> str:
    """The short table: a line for every workload, microseconds a mini-batch."""
    rows = [r for r in rows if r.dtype == dtype]
    counts = sorted({r.threads for r in rows if r.threads.isdigit()}, key=int)
    head = ["workload"]
    head += [f"floor, {n}" for n in counts]
    head += [f"cbackprop, {n}" for n in counts] + ["cbackprop, auto"]
    head += [f"/ floor, {n}" for n in counts] + ["auto / floor"]
    head += [*RIVALS, "ahead of best peer", "ahead of scikit-learn"]
    lines = []
    for name in dict.fromkeys(r.workload for r in rows):
        own = [r for r in rows if r.workload == name]
        auto = _pick(own, "cbackprop", "auto")
        ours = [_pick(own, "cbackprop", n) for n in [*counts, "auto"]]
        cells = [_pick(own, "floor", n) for n in counts] + ours
        times = [number(r.median) if r else "-" for r in cells]
        ratios = [number(r.of_floor) if r else "-" for r in ours]
        best = [number(r.median) if (r := _pick(own, rival)) else "-" for rival in RIVALS]
        ahead = [number(_ahead(own, auto, *RIVALS)), number(_ahead(own, auto, "scikit-learn"))]
        lines.append([f"{name}: {WORKLOADS[name]}", *times, *ratios, *best, *ahead])
    return table(head, lines)


# The machine.


def load_average() -> float:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan


def processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    found = {
        key: re.search(rf"^{key}\s*: (.*)$", text, re.MULTILINE)
        for key in ("model name", "cpu family", "model")
    }
    values = {key: match.group(1) for key, match in found.items() if match}
    return (
        f"{values.get('model name', platform.machine())} (family {values.get('cpu family', '?')}, "
        f"model {values.get('model', '?')})"
    )


def _blas(keep_pins: bool) -> str:
    """SciPy's BLAS and the kernels it picks with the contenders' variables."""
    import measure

    worker = measure.Worker("report:BLAS", measure.environment(os.cpu_count() or 1, keep_pins))
    try:
        return worker.call("name")
    finally:
        worker.close()


class BLAS:
    def name(self) -> str:
        import scipy.linalg.cython_blas  # noqa: F401
        from threadpoolctl import threadpool_info

        libraries = [i for i in threadpool_info() if i["user_api"] == "blas"]
        own = [i for i in libraries if "scipy.libs" in (i.get("filepath") or "")] or libraries
        if not own:
            return "unknown"
        i = own[-1]
        return f"{i['internal_api']} {i['version']}, {i.get('architecture', 'unknown')} kernels"


def machine(versions: dict[str, str], keep_pins: bool, loads: tuple[float, float]) -> dict:
    """What a reader needs to know about where the figures come from; no paths, no names."""
    versions = {k: v for k, v in versions.items() if k != "floor"}
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": versions | {"NumPy": np.__version__, "SciPy": scipy.__version__},
        "blas": _blas(keep_pins),
        "variables taken away": {}
        if keep_pins
        else {n: os.environ[n] for n in (*PINS, *THREADS) if n in os.environ},
        "load average before and after": loads,
    }


def about(machine: dict) -> str:
    """The machine in a paragraph."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    before, after = machine["load average before and after"]
    return (
        f"{machine['date']}: {machine['processor']}, {machine['cores']} cores, "
        f"{machine['system']}; Python {machine['python']}, {versions}; "
        f"SciPy's BLAS: {machine['blas']}. "
        f"Load average before and after: {before:.1f}, {after:.1f}."
    )


# Files.


def into_readme(section: str, text: str) -> None:
    """Put the text between README.md's two comments that name the section."""
    begin, end = f"<!-- {section} -->", f"<!-- end of {section} -->"
    before, found, rest = README.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"README.md has no section between {begin} and {end}")
    README.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def _plain(value: Any) -> Any:
    """The same for JSON, which knows no NaN."""
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(path: Path, machine: dict, **content: Any) -> None:
    text = json.dumps(_plain({"machine": machine, **content}), indent=1, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def write_steps(
    folder: Path, machine: dict, rows: list[Row], problems: list[str], readme: bool
) -> None:
    """steps.md, steps.csv, steps.json and, with matplotlib, steps.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    dtypes = list(dict.fromkeys(r.dtype for r in rows))
    short = "\n\n".join(f"**{dtype}**\n\n{summary(rows, dtype)}" for dtype in dtypes)
    text = f"{about(machine)}\n\n{short}"
    print(f"\n{text}")
    troubles = "".join(f"- {problem}\n" for problem in problems)
    (folder / "steps.md").write_text(
        f"{text}\n\n{details(rows)}\n" + (f"\nProblems:\n\n{troubles}" if troubles else ""),
        encoding="utf-8",
    )
    write_json(folder / "steps.json", machine, rows=[asdict(r) for r in rows], problems=problems)
    with open(folder / "steps.csv", "w", newline="", encoding="utf-8") as file:
        names = [name for name in Row.__dataclass_fields__ if name != "microseconds"]
        writer = csv.DictWriter(file, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(r) for r in rows)
    plot(folder / "steps.svg", rows)
    if readme:
        into_readme("steps", text)


COLOURS = {"floor": "0.6", "cbackprop": "tab:red", "scikit-learn": "tab:orange",
           "PyTorch": "tab:purple", "JAX": "tab:blue"}  # fmt: skip
MARKERS = {"auto": "*", "1": "o"}


def plot(path: Path, rows: list[Row]) -> None:
    """A dot for every contender, a line for every workload, times the floor on one thread."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return
    dtypes = list(dict.fromkeys(r.dtype for r in rows))
    figure = Figure(figsize=(6 * len(dtypes), 4.5), layout="constrained")
    panels = figure.subplots(1, len(dtypes), sharey=True, squeeze=False)[0]
    for axes, dtype in zip(panels, dtypes, strict=True):
        names = list(dict.fromkeys(r.workload for r in rows if r.dtype == dtype))
        for height, name in enumerate(names):
            own = [r for r in rows if (r.dtype, r.workload) == (dtype, name)]
            unit = _pick(own, "floor", "1") or own[0]
            for r in own:
                # The floor of a sparse workload leaves out most of it: no line to compare with.
                if r.library == "floor" and WORKLOADS[name].sparse:
                    continue
                base = (_pick(own, "cbackprop", "1") or unit) if WORKLOADS[name].sparse else unit
                axes.plot(
                    [r.quartile_1 / base.median, r.quartile_3 / base.median], [height] * 2,
                    color=COLOURS[r.library], linewidth=1,
                )  # fmt: skip
                axes.plot(
                    r.median / base.median, height, MARKERS.get(r.threads, "D"), markersize=6,
                    color=COLOURS[r.library], label=f"{r.library}, {r.threads}",
                )  # fmt: skip
        axes.set_xscale("log")
        axes.set_yticks(range(len(names)), names)
        axes.set_title(dtype)
        axes.set_xlabel("time of a step / its matrix products on one thread (F: / cbackprop)")
        axes.grid(axis="x", which="both", alpha=0.3)
    panels[0].invert_yaxis()
    handles = dict(zip(*reversed(panels[0].get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside right", fontsize=8)
    figure.savefig(path)
