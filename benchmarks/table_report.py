"""What is written about the tables: every model's scores and times, task by task, and in the mean."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from typing import Any

import report

Record = dict[str, Any]


class Results:
    """Records by model, task and fold; of several seeds the mean counts."""

    def __init__(self, records: list[Record]):
        self.models = list(dict.fromkeys(r["model"] for r in records))
        self.tasks = sorted({r["task"] for r in records}, key=lambda t: (_order(records, t), t))
        self.kinds = {r["task"]: r["kind"] for r in records}
        self.versions = dict.fromkeys(r["version"] for r in records)
        self.circumstances = dict.fromkeys(
            f"{r['processor']}, {r['threads']} threads a fit" for r in records
        )
        self._cells: dict[tuple, list[Record]] = defaultdict(list)
        for r in records:
            self._cells[r["model"], r["task"], r["fold"]].append(r)

    def folds(self, model: str, task: str) -> set[int]:
        return {f for m, t, f in self._cells if (m, t) == (model, task)}

    def mean(self, model: str, task: str, measure: str, folds: set[int] | None = None) -> float:
        """Over folds (all there are, if not given) of the mean over seeds; NaN without any."""
        folds = self.folds(model, task) if folds is None else folds
        if not folds or any(measure not in r for f in folds for r in self._cells[model, task, f]):
            return math.nan
        return statistics.fmean(
            statistics.fmean(r[measure] for r in self._cells[model, task, f]) for f in sorted(folds)
        )

    def ratio(self, model: str, base: str, task: str, measure: str) -> float:
        """Of the means over the folds that both have; NaN without any.

        Of the area under the curve, what is missing to 1 is compared: less is better everywhere.
        """
        both = self.folds(model, task) & self.folds(base, task)
        a, b = (self.mean(m, task, measure, both) for m in (model, base))
        if measure == "auc":
            a, b = 1 - a, 1 - b
        return a / b if a > 0 and b > 0 else math.nan

    def ratios(self, model: str, base: str, measure: str, kinds: str = "") -> list[float]:
        tasks = [t for t in self.tasks if kinds in ("", _group(self.kinds[t]))]
        found = (self.ratio(model, base, task, measure) for task in tasks)
        return [r for r in found if math.isfinite(r)]


def _group(kind: str) -> str:
    return "regression" if kind == "regression" else "classification"


def _order(records: list[Record], task: str) -> int:
    kind = next(r["kind"] for r in records if r["task"] == task)
    return ("binary", "multiclass", "regression").index(kind)


def geometric(ratios: list[float], error: bool = False) -> str:
    """The geometric mean, and its standard error over the tasks."""
    if not ratios:
        return "-"
    logs = [math.log(r) for r in ratios]
    mean = math.exp(statistics.fmean(logs))
    if not error or len(logs) < 2:
        return f"{mean:.3f}"
    return f"{mean:.3f} +- {mean * statistics.stdev(logs) / math.sqrt(len(logs)):.3f}"


def task_table(results: Results, measure: str, most: bool = False) -> str:
    """A row for each task, a column for each model: means over folds, the best one bold."""
    lines = []
    for task in results.tasks:
        values = [results.mean(model, task, measure) for model in results.models]
        counts = [len(results.folds(model, task)) for model in results.models]
        # Means of fewer folds are means of other rows: they are no best ones.
        fair = [v for v, n in zip(values, counts, strict=True) if n == max(counts) and v == v]
        if not fair:
            continue
        best = (max if most else min)(fair)
        cells = []
        for value, n in zip(values, counts, strict=True):
            text = f"{value:.4f}" if math.isfinite(value) else "-"
            text = f"**{text}**" if value == best and len(fair) > 1 and n == max(counts) else text
            cells.append(text + (f" ({n})" if 0 < n < max(counts) else ""))
        lines.append([task, *cells])
    return report.table(["", *results.models], lines)


def time_table(results: Results) -> str:
    """Seconds of a fit, and CPU seconds where they are others."""
    lines = []
    for task in results.tasks:
        cells = []
        for model in results.models:
            wall, cpu = (results.mean(model, task, m) for m in ("seconds", "cpu_seconds"))
            cells.append(f"{report.number(wall)} / {report.number(cpu)}" if wall == wall else "-")
        lines.append([task, *cells])
    return report.table(["", *results.models], lines)


def summary_table(results: Results, base: str) -> str:
    """A row for each model, everything over that of `base` on the folds that both have."""
    head = ["", "tasks", "wins", "error", "median", "classification", "regression", "log loss", "1 - AUC",
            "CPU s", "s to predict", "CPU s in all"]  # fmt: skip
    lines = []
    for model in results.models:
        errors = results.ratios(model, base, "error")
        own = [t for t in results.tasks if results.folds(model, t)]
        lines.append(
            [
                model,
                str(len(errors)),
                "-" if model == base else str(sum(r < 1 for r in errors)),
                geometric(errors, error=True),
                f"{statistics.median(errors):.3f}" if errors else "-",
                geometric(results.ratios(model, base, "error", "classification")),
                geometric(results.ratios(model, base, "error", "regression")),
                geometric(results.ratios(model, base, "log_loss")),
                geometric(results.ratios(model, base, "auc")),
                geometric(results.ratios(model, base, "cpu_seconds")),
                geometric(results.ratios(model, base, "predict_seconds")),
                report.number(sum(results.mean(model, t, "cpu_seconds") for t in own)),
            ]
        )
    return report.table(head, lines)


def text(records: list[Record], base: str) -> str:
    """All of it, in Markdown."""
    results = Results(records)
    parts = [f"{'; '.join(results.circumstances)}; {', '.join(results.versions)}."]
    if base in results.models:
        parts += [
            f"Over {base} on the same folds, geometric means over the tasks (+- their standard "
            f"error); less than 1 is better. Wins are tasks with less error than {base}. CPU "
            "seconds in all: one fit of each of its tasks.",
            summary_table(results, base),
        ]
    else:
        parts.append(f"There are no results of {base} to compare with.")
    parts += [
        "Error: share of wrong labels, or RMSE over the standard deviation. Means over the folds; "
        "in brackets how many, where others have more.",
        task_table(results, "error"),
        "Log loss:",
        task_table(results, "log_loss"),
        "Area under the ROC curve, of more classes the mean of each against the rest:",
        task_table(results, "auc", most=True),
        "Seconds of a fit / CPU seconds:",
        time_table(results),
    ]
    return "\n\n".join(parts)
