"""Which small faults can be planted in the mathematics, found by pattern in the files there are.

Signs, operators, bounds, indices, terms, factors, constants, choices and flags, in compiled code
and in Python alike: operators have spaces around them here, and nothing else that looks like them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

GROUPS: dict[str, tuple[str, ...]] = {  # where they are looked for
    "passes, steps, products": (".pyx", ".pxd"),
    "C loops": (".h", ".c", ".def"),
    "Python loops": (".py",),
    "other Python": (".py",),  # what is not mathematics
}
# Words of a path where there is none, and lines.
OTHERS = re.compile(
    r"plots|callbacks|files|_demo|_info|__main__|_version|saving|savable|container|values|atomic|"
    r"checkpoint|progress|summary|onnx|checks|threads|running|history|arrays|display|slices|"
    r"engine/(?:crew|run|trial|team)"
)
LINES = re.compile(
    r"^[ \t]*#(?![ \t]*define).*$"  # of the preprocessor
    r"|^.*(?:PREFETCH|prefetch|ahead|ask_for|_BYTES|define (?:MOST|COPIED)|__attribute__).*$"
    r"|^.*(?:raise |warn\(|verbose|check_|_positive).*$"
    r"|^(?:from|import|cimport|ctypedef|@|class|def) .*$",
    re.MULTILINE,
)
COMMENTS = {
    "python": r'"""[\s\S]*?"""|[rbf]?"[^"\n]*"|[rbf]?\'[^\'\n]*\'|#[^\n]*',
    "c": r'/\*[\s\S]*?\*/|//[^\n]*|"[^"\n]*"',
}
# Kind, what is looked for, and what comes instead: \1 is what the first group found.
PATTERNS: list[tuple[str, str, str | dict[str, str]]] = [
    ("sign", r" \+ (?=[\w(*&<-])", " - "),
    ("sign", r" - (?=[\w(*&<])", " + "),
    ("sign", r" \+= ", " -= "),
    ("sign", r" -= ", " += "),
    ("sign", r"((?:[=(,?:]|return) ?)-(?=[A-Za-z(])", r"\1"),
    ("sign", r"\bPLUS\(", "MINUS("),
    ("sign", r"\bMINUS\(", "PLUS("),
    ("sign", r"\bMULTIPLY_ADD\((?=[a-z])", "MULTIPLY_ADD(-"),
    ("operator", r" \* (?=[\w(*<-])", " / "),
    ("operator", r" / (?=[\w(*<-])", " * "),
    ("operator", r" // (?=[\w(])", " * "),
    ("operator", r" \*= ", " /= "),
    ("operator", r" /= ", " *= "),
    ("operator", r"\bMULTIPLY\(", "PLUS("),
    ("operator", r" @ (?=\w)", " * "),
    ("operator", r" \+= ", " = "),
    ("comparison", r" < (?=\S)", " <= "),
    ("comparison", r" <= (?=\S)", " < "),
    ("comparison", r" > (?=\S)", " >= "),
    ("comparison", r" >= (?=\S)", " > "),
    ("comparison", r" == (?=\S)", " != "),
    ("comparison", r" != (?=\S)", " == "),
    (
        "comparison",
        r" (and|or|&&|\|\|) ",
        {"and": " or ", "or": " and ", "&&": " || ", "||": " && "},
    ),
    ("bound", r"\brange\(([\w.]+)\)", r"range(\1 - 1)"),
    ("bound", r"\brange\(1, ", "range(0, "),
    ("bound", r"\b(\w+) < (\w+); (?=\1\b)", r"\1 + 1 < \2; "),
    ("bound", r"\b(\w+) = 0; (?=\1 < )", r"\1 = 1; "),
    ("index", r" [+-] 1(?=[\]),;:\s])", ""),
    ("index", r"\[([a-z])\]", r"[\1 + 1]"),
    ("index", r"\[(\w+) ([+-]) (\w+)\]", r"[\1]"),
    ("index", r"\[([a-z]) \* (\w+) \+ ([a-z])\]", r"[\3 * \2 + \1]"),
    ("term", r" [+-] [\w.>\[\]-]+(?: \* [\w.>\[\]-]+)*(?=[;),\n])", ""),
    ("term", r" [*/] [\w.>\[\]]+(?=[;),\n ])", ""),
    ("constant", r"(?<![\w.])0\.0(?![\w.])", "1.0"),
    ("constant", r"(?<![\w.])((?!0\.0\b)\d+\.\d+(?:e-?\d+)?)(?![\w.])", r"2.0 * \1"),
    ("choice", r"\? ([^?:;,()]+) : ([^?:;,()]+)(?=[;,)])", r"? \2 : \1"),
    ("choice", r"(?<![\w.\])])([\w.]+) if ([^\n(),]+) else ([\w.]+)", r"\3 if \2 else \1"),
    ("choice", r"\b(min|max)\(", {"min": "max(", "max": "min("}),
    ("transposition", r"(product\((?:True, |False, )?)True\b", r"\1False"),
    ("transposition", r"(product\((?:True, |False, )?)False\b", r"\1True"),
    ("transposition", r"\.T\b", ""),
]


class Fault(NamedTuple):
    group: str
    kind: str
    file: str
    start: int
    end: int
    new: str

    def planted(self, text: str) -> str:
        return text[: self.start] + self.new + text[self.end :]

    def shown(self, text: str) -> str:
        """The line with the fault in it, what was there in brackets behind."""
        begin, stop = text.rfind("\n", 0, self.start) + 1, text.find("\n", self.end)
        line = text[begin : self.start] + self.new + text[self.end : stop]
        old = text[self.start : self.end].strip()
        number = text.count("\n", 0, self.start) + 1
        return f"{self.file}:{number}: {' '.join(line.split())}   [was {old!r}]"


def blanked(text: str, pattern: str | re.Pattern[str]) -> str:
    """Spaces where the pattern matches, every other character where it was."""
    return re.sub(pattern, lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def is_left_out(condition: str, lacking: set[str]) -> bool:
    """Whether this processor and GCC never come where that condition of the preprocessor holds."""
    widths = {"512": "avx512", "256": "avx2"}
    width = re.fullmatch(r"if ISA_BITS == (\d+)", condition)
    return bool(width and widths[width[1]] in lacking) or condition in (
        "if defined(_MSC_VER)",
        "if defined(__clang__)",
    )


def without_what_is_left_out(text: str, lacking: set[str]) -> str:
    """The lines between such a condition and its end blanked."""
    lines, conditions = [], []
    for line in text.splitlines(keepends=True):
        directive = re.match(r"\s*#\s*(if.*|else|elif.*|endif)", line)
        word = directive[1].strip() if directive else ""
        if word.startswith("if"):
            conditions.append(word)
        elif word.startswith("el"):
            conditions[-1] = word
        elif word == "endif":
            conditions.pop()
        left_out = any(is_left_out(condition, lacking) for condition in conditions)
        lines.append(re.sub(r"[^\n]", " ", line) if left_out else line)
    return "".join(lines)


def replaced(found: re.Match[str], new: str | dict[str, str], text: str) -> str:
    """What comes instead; the groups are taken from the text, in which no string is blank."""
    if isinstance(new, dict):
        return new[found[1]]
    return re.sub(r"\\(\d)", lambda n: text[slice(*found.span(int(n[1])))], new)


def faults_of(file: Path, root: Path, group: str, lacking: set[str]) -> Iterator[Fault]:
    text = file.read_text(encoding="utf-8")
    is_c = group == "C loops"
    code = blanked(text, COMMENTS["c" if is_c else "python"])
    if is_c:
        code = without_what_is_left_out(code, lacking)
    code = blanked(code, LINES)
    for kind, pattern, new in PATTERNS:
        for found in re.finditer(pattern, code):
            instead = replaced(found, new, text)
            if instead != text[slice(*found.span())]:
                name = file.relative_to(root).as_posix()
                yield Fault(group, kind, name, *found.span(), instead)


def all_faults(root: Path, lacking: set[str]) -> list[Fault]:
    """Of a copy of the source, on a processor that lacks these instructions."""
    files = sorted(path for path in (root / "cbackprop").rglob("*") if path.is_file())
    texts = {
        path: path.read_text(encoding="utf-8") for path in files if path.suffix in (".h", ".c")
    }
    alive = "".join(without_what_is_left_out(text, lacking) for text in texts.values())
    return [
        fault
        for group, suffixes in GROUPS.items()
        for path in files
        if path.suffix in suffixes
        if bool(OTHERS.search(path.relative_to(root).as_posix())) == (group == "other Python")
        if path.suffix != ".h" or f'{path.name}"' in alive
        for fault in faults_of(path, root, group, lacking)
    ]


def drawn(faults: list[Fault], shuffle: Callable[[list], None]) -> Iterator[Fault]:
    """All of them, in an order that takes groups in turn, and in each the kinds in turn."""
    order: dict[str, dict[str, list[Fault]]] = {}
    shuffle(faults)
    for fault in faults:
        order.setdefault(fault.group, {}).setdefault(fault.kind, []).append(fault)
    while order:
        for group, kinds in list(order.items()):
            kind = next(iter(kinds))
            left = kinds.pop(kind)
            yield left.pop()
            if left:
                kinds[kind] = left  # behind the others
            if not kinds:
                del order[group]
