"""How many small faults in the package do the tests catch?

    python tools/mutate.py [NUMBER [SEED]]

Changes one operator or number at a time, in a copy of the source, and runs the tests that look at
that file, and where these pass almost all others; for compiled files the copy is compiled anew. A
fault that no test notices is listed: it is a missing test, or a change that means the same. The
draw depends on SEED alone.
"""

from __future__ import annotations

import ast
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import common

COMMON = ["network", "estimators", "callbacks", "differences", "bad_input", "checkpoints", "parity"]
TESTS = {  # the files to change, and the tests that look at each; those first that end soon
    "optimizers": ["network", "estimators", "bad_input", "steps", "files"],
    "training": ["network", "estimators", "team", "differences", "parity"],
    "sweeps": ["gradients", "network", "estimators", "parity"],
    "network": COMMON,
    "parameters": COMMON,
    "arrays": ["bad_input", "lies", "estimators"],
    "base": COMMON,
    "fitting": [*COMMON, "divergence"],
    "undo": ["undo", "lies", "divergence"],
    "divergence": ["divergence"],
    "descent": [*COMMON, "divergence"],
    "stopping": [*COMMON, "divergence"],
    "callbacks": ["callbacks", "checkpoints", "estimators"],
    "checkpoint": ["checkpoints"],
    "estimators": COMMON,
    "targets": COMMON,
    "checks": COMMON,
    "plan": ["door", "network"],
    "threads": ["team", "processes", "memory"],
    "slices": ["slices", "network"],
    "initializers": ["network", "parity"],
    "history": ["network", "callbacks"],
    "saving": ["files", "damaged_files", "checkpoints"],
    "container": ["files", "damaged_files"],
    "values": ["files", "damaged_files"],
    "atomic": ["files", "atomic"],
    "engine/run": ["door", "steps", "gradients"],
    "engine/shuffle": ["parity", "network"],
}
# What survives these meets all other tests, but for those that take minutes to see something else.
ELSEWHERE = ["interrupts", "main", "memory", "allocations", "docs", "notebook", "examples"]
COMPILED_SHARE = 5  # of so many faults, one is in a compiled file

COMPARISONS = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.Is: "is not", ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip
OPERATORS = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.FloorDiv: "*"}
IN_PYX = {" < ": " <= ", " <= ": " < ", " != ": " == ", " or ": " and ", " - 1": "", " + 1": ""}


class Mutant(NamedTuple):
    file: str
    start: int
    end: int
    new: str


def position(lines: list[str], line: int, column: int) -> int:
    """Of a place that `ast` names, in characters of the text."""
    before = sum(map(len, lines[: line - 1]))
    return before + len(lines[line - 1].encode()[:column].decode())


def between(text: str, lines: list[str], left: ast.expr, right: ast.expr, new: str):
    """The change of what stands between two expressions, brackets kept."""
    assert left.end_lineno is not None
    assert left.end_col_offset is not None
    start = position(lines, left.end_lineno, left.end_col_offset)
    end = position(lines, right.lineno, right.col_offset)
    match = re.fullmatch(r"([\s)]*)([^\s()]+(?: (?:not|in))?)([\s(]*)", text[start:end])
    if match:
        yield start + match.start(2), start + match.end(2), new


def changes(text: str) -> Iterator[tuple[int, int, str]]:
    lines = text.splitlines(keepends=True)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            new = COMPARISONS[type(node.ops[0])]
            yield from between(text, lines, node.left, node.comparators[0], new)
        elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            yield from between(text, lines, node.left, node.right, OPERATORS[type(node.op)])
        elif isinstance(node, ast.BoolOp):
            new = "or" if isinstance(node.op, ast.And) else "and"
            yield from between(text, lines, node.values[0], node.values[1], new)
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
            start = position(lines, node.lineno, node.col_offset)
            end = position(lines, node.end_lineno or 0, node.end_col_offset or 0)
            value = not node.value if isinstance(node.value, bool) else node.value + 1
            if abs(value) < 1e15:
                yield start, end, repr(value)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            start = position(lines, node.lineno, node.col_offset)
            yield start, position(lines, node.operand.lineno, node.operand.col_offset), ""


def mutants(copy: Path) -> tuple[list[Mutant], list[Mutant]]:
    """All of Python files, and all of compiled files."""
    plain, compiled = [], []
    for name in TESTS:
        python, cython = (copy / f"cbackprop/{name}{suffix}" for suffix in (".py", ".pyx"))
        if python.exists():
            found = changes(python.read_text(encoding="utf-8"))
            plain += [Mutant(f"cbackprop/{name}.py", *change) for change in found]
        elif cython.exists():
            text = cython.read_text(encoding="utf-8")
            for line in re.finditer(r"^ +(?:if|elif) .*:$", text, re.MULTILINE):
                for old, new in IN_PYX.items():
                    for at in re.finditer(re.escape(old), line[0]):
                        start, end = (line.start() + place for place in at.span())
                        compiled.append(Mutant(f"cbackprop/{name}.pyx", start, end, new))
    return plain, compiled


def fails(copy: Path, *selected: str) -> bool:
    """Whether a test of these fails, or hangs."""
    environment = common.environment_with(PYTHONPATH=str(copy), PYTHONDONTWRITEBYTECODE="1")
    environment.pop("CBACKPROP_FIGURES", None)
    command = ["pytest", "-x", "-q", "-p", "no:cacheprovider", *selected]
    try:
        run = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, check=False, timeout=900
        )
    except subprocess.TimeoutExpired:
        return True
    return run.returncode != 0


def tests_of(names: list[str]) -> list[str]:
    return [f"tests/test_{name}.py" for name in names]


def all_others(names: list[str]) -> list[str]:
    return ["tests", *(f"--ignore={test}" for test in tests_of([*names, *ELSEWHERE]))]


def is_caught(copy: Path, mutant: Mutant) -> bool:
    """Whether a test fails, or anything else goes wrong, with this fault; it is taken back."""
    file = copy / mutant.file
    text = file.read_text(encoding="utf-8")
    file.write_text(text[: mutant.start] + mutant.new + text[mutant.end :], encoding="utf-8")
    names = TESTS[mutant.file.removeprefix("cbackprop/").rpartition(".")[0]]
    try:
        if file.suffix == ".pyx":
            common.build(copy)
        return fails(copy, *tests_of(names)) or fails(copy, *all_others(names))
    except SystemExit:  # does not compile
        return True
    finally:
        file.write_text(text, encoding="utf-8")
        if file.suffix == ".pyx":
            os.utime(file)


def shown(copy: Path, mutant: Mutant) -> str:
    text = (copy / mutant.file).read_text(encoding="utf-8")
    line = text.count("\n", 0, mutant.start)
    before = text.rfind("\n", 0, mutant.start) + 1
    after = text.find("\n", mutant.end)
    new = text[before : mutant.start] + f"[{mutant.new}]" + text[mutant.end : after]
    return f"{mutant.file}:{line + 1}: {text[mutant.start : mutant.end].strip()!r}: {new.strip()}"


def main(number: int, seed: int) -> None:
    rng = random.Random(seed)
    copy = common.copy_source("mutate")
    common.build(copy)
    if fails(copy, *all_others([])):
        raise SystemExit("a test fails without any fault")
    plain, compiled = mutants(copy)
    n_compiled = min(len(compiled), number // COMPILED_SHARE)
    drawn = rng.sample(plain, number - n_compiled) + rng.sample(compiled, n_compiled)
    survivors = []
    for mutant in drawn:
        caught = is_caught(copy, mutant)
        print("caught  " if caught else "SURVIVED", shown(copy, mutant), flush=True)
        if not caught:
            survivors.append(mutant)
    common.report("mutate", "possible faults", len(plain) + len(compiled))
    common.report("mutate", "faults planted", number)
    common.report("mutate", "faults caught", number - len(survivors))
    if len(survivors) > number // 4:
        raise SystemExit("the tests miss more than a quarter of the faults")


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    main(*(arguments + [40, 0][len(arguments) :]))
