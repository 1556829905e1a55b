"""How good are the estimators for tables, and what do they cost, beside other libraries?

    python benchmarks/tables.py --data FOLDER --models hgb,lightgbm,cbackprop --out results.jsonl
    python benchmarks/tables.py --data FOLDER --models "cbackprop:dropout=0.3,n_members=8"
    python benchmarks/tables.py --report --out results.jsonl

A fit is a line of the file as soon as it is done, and is not made again. README.md says more.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import measure
import report
import table_data
import table_report
from table_models import LIBRARIES, Model, models


def numbers(text: str) -> list[int]:
    """Of "0-4" or "0,2,3"."""
    found = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def chosen(text: str) -> list[Model]:
    try:
        return models(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def read(path: Path) -> list[dict[str, Any]]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def write(path: Path, record: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(record, allow_nan=False) + "\n")


def installed(model: Model) -> bool:
    return importlib.util.find_spec(LIBRARIES[model.library].module.partition(".")[0]) is not None


def named(model: Model, options: argparse.Namespace) -> str:
    return f"{model} ({options.label})" if options.label else str(model)


def measured(
    model: Model, wanted: list[tuple[int, int, str]], options: argparse.Namespace, processor: str
) -> list[str]:
    """Fits one model to all that is wanted of it: fold, seed, task; what failed."""
    failed = []
    worker = measure.Worker(
        "table_models:Fits", measure.environment(options.threads, options.keep_pins),
        model=model, folder=options.data, target=options.target, threads=options.threads,
    )  # fmt: skip
    about = worker.call("about") | {"processor": processor}
    name = named(model, options)
    for fold, seed, task in wanted:
        key = {"model": name, "task": task, "fold": fold, "seed": seed}
        what = f"{name}, {task}, fold {fold}, seed {seed}"
        try:
            result = worker.call("fit", task, fold, seed)
        except (measure.Failed, BrokenPipeError) as trouble:
            failed.append(what)
            print(f"{what} failed:\n{trouble}", file=sys.stderr)
            continue
        write(options.out, key | result | about)
        print(
            f"{what}: error {result['error']:.4f}, {result['seconds']:.1f} s",
            file=sys.stderr, flush=True,
        )  # fmt: skip
    worker.close()
    return failed


def run(options: argparse.Namespace) -> list[str]:
    """All fits that are asked for and not in the file yet; what failed."""
    known = table_data.names(options.data)
    tasks = options.tasks.split(",") if options.tasks else known
    if not tasks or (unknown := sorted(set(tasks) - set(known))):
        sys.exit(f"{options.data} has no tables {', '.join(unknown) if tasks else 'at all'}")
    done = {(r["model"], r["fold"], r["seed"], r["task"]) for r in read(options.out)}
    processor, failed = report.processor(), []
    for model in options.models or models(",".join(LIBRARIES)):
        if not installed(model):
            print(f"{LIBRARIES[model.library].package} is not installed: {model} is left out")
            continue
        # Fold after fold: what is interrupted has something of every task.
        wanted = [
            (fold, seed, task)
            for fold in options.folds
            for seed in options.seeds
            for task in tasks
            if (named(model, options), fold, seed, task) not in done
        ]
        if wanted:
            failed += measured(model, wanted, options, processor)
    return failed


def shown(records: list[dict[str, Any]], options: argparse.Namespace) -> list[dict[str, Any]]:
    """Of the models and tasks that are asked for, and of what they are compared with."""
    if options.models:
        own = {options.against, *(named(model, options) for model in options.models)}
        records = [r for r in records if r["model"] in own]
    tasks = options.tasks.split(",") if options.tasks else None
    return [r for r in records if tasks is None or r["task"] in tasks]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of NAME.csv or NAME.csv.gz")
    parser.add_argument("--target", default="target", help="the column to predict")
    parser.add_argument(
        "--models",
        type=chosen,
        help=f"of {', '.join(LIBRARIES)}; all if left out; constructor arguments after a colon",
    )
    parser.add_argument("--tasks", help="names of tables; all if left out")
    parser.add_argument("--folds", type=numbers, default="0-4", help="of five")
    parser.add_argument("--seeds", type=numbers, default="0")
    parser.add_argument("--label", help="added to the names of the models: a state of the source")
    parser.add_argument("--threads", type=int, default=1, help="that a fit may use")
    parser.add_argument("--keep-pins", action="store_true", help="as in steps.py")
    parser.add_argument("--out", type=Path, default=report.RESULTS / "tables.jsonl", help="file")
    parser.add_argument("--report", action="store_true", help="fit nothing, show what is there")
    parser.add_argument("--against", default="hgb", help="model that the others are compared with")
    parser.add_argument("--readme", action="store_true", help="put the tables into README.md too")
    options = parser.parse_args()
    if not options.report and options.data is None:
        parser.error("--data or --report is needed")
    if max(options.folds) > 4:
        parser.error("--folds: there are five, 0 to 4")
    failed = [] if options.report else run(options)
    records = shown(read(options.out), options)
    if not records:
        sys.exit(f"no results in {options.out}")
    text = table_report.text(records, options.against)
    print(text)
    if options.readme:
        report.into_readme("tables", text)
    if failed:
        sys.exit(f"these failed: {'; '.join(failed)}")


if __name__ == "__main__":
    main()
