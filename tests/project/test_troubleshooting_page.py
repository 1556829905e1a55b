"""Does the page have every warning and every class of errors of the package, in its words?"""

import ast
import re
from pathlib import Path

import pytest

import cbackprop

PACKAGE = Path(cbackprop.__file__).parent
PAGE = Path(__file__).resolve().parents[2] / "docs" / "troubleshooting.md"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="only in a checkout")

APART = ("reference", "command")  # plain Python to read; ends with a message, not with an error
PRIVATE = {"_Stopped"}  # never seen by a user
# What says the words of a warning that is made elsewhere.
SAY = {"blown_up", "lost_at_end", "comes_from_another", "NOT_FINITE"}
TREES = [
    ast.parse(path.read_text("utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.relative_to(PACKAGE).parts[0] not in APART
]


def words(node):
    """A message's text, "..." for what varies; "" where it is made elsewhere."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(words(part) or "..." for part in parts)
        case ast.BinOp(left=left, right=right, op=ast.Add()):
            return (words(left) or "...") + (words(right) or "...")
    return ""


def calls(tree, name):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == name:
            yield node


def strings(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr | ast.BinOp) or (
            isinstance(node, ast.Constant) and isinstance(node.value, str)
        ):
            yield words(node)


def warnings_of_the_package():
    """Their first sentences."""
    for tree in TREES:
        for call in calls(tree, "warn"):
            if (text := words(call.args[0])).strip(". "):
                yield text
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name in SAY:
                for statement in ast.walk(node):
                    if isinstance(statement, ast.Return) and words(statement.value):
                        yield words(statement.value)
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in SAY:
                yield words(node.value)


def errors():
    """Class and message of every error that is made, also by functions that make some to raise."""
    for tree in TREES:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func).rpartition(".")[2]
                if re.fullmatch(r"[A-Z]\w*Error", name) and name not in PRIVATE:
                    yield name, words(node.args[0]) if node.args else ""
    for path in sorted(PACKAGE.rglob("*.pyx")):
        raised = r"raise (\w+Error)\((?:f?\"([^\"]*)\")?"
        for name, text in re.findall(raised, path.read_text("utf-8")):
            yield name, re.sub(r"\{.*?\}", "...", text)


def classes():
    """The classes of errors that are raised."""
    return {name for name, _ in errors()}


IN_CYTHON = [[path.read_text("utf-8")] for path in sorted(PACKAGE.rglob("*.pyx"))]
TEXT = PAGE.read_text("utf-8") if PAGE.exists() else ""
FLAT = " ".join(TEXT.split())
HEADINGS = re.findall(r"^#{2,3} (.+)$", TEXT, re.MULTILINE)
QUOTED = [
    quoted.strip()
    for heading in re.findall(r"^### (.+)$", TEXT, re.MULTILINE)
    for quoted in re.findall(r"``(.+?)``(?!`)|(?<!`)`([^`]+)`(?!`)", heading)
    for quoted in quoted
    if quoted
]
# Of SciPy and scikit-learn, whose warnings and errors come through.
THEIRS = ("lbfgs failed to converge", "X has ... features, but ...", "Input X contains NaN.")


@pytest.mark.parametrize("name", sorted({*classes(), "ModelFileError", "OtherFitError"}))
def test_every_class_of_errors_has_its_heading(name):
    assert any(re.search(rf"\b{name}\b", heading) for heading in HEADINGS)


@pytest.mark.parametrize("text", sorted({*warnings_of_the_package()}))
def test_every_warning_stands_there_in_its_words(text):
    longest = max(re.split(r"\.\.\.|[.:] ", text), key=len).strip()
    assert len(longest) > 10
    assert longest in FLAT


# Not of a kind that has a rule, as "must be ..., got ..." has: each has its words on the page.
OF_NO_KIND = (RuntimeError, AttributeError, KeyError, MemoryError, NotImplementedError)
OF_NO_KIND = {*(each.__name__ for each in OF_NO_KIND), "OtherFitError"}
# Python's own words; an error that is printed, not raised; another process's, as it comes.
OTHERWISE = ("module ...", "in the middle of", "......: ...", "no memory for ")


@pytest.mark.parametrize(
    "text",
    sorted(
        {
            text
            for name, text in errors()
            if name in OF_NO_KIND and text and not text.startswith(OTHERWISE)
        }
    ),
)
def test_every_error_of_no_kind_stands_there_in_its_words(text):
    first_sentence = re.split(r"(?<!\.)\. ", text)[0]
    longest = max(re.split(r"\.\.\.|[:;,] ", first_sentence), key=len).strip()
    assert longest in FLAT


@pytest.mark.parametrize("quoted", QUOTED)
def test_every_message_that_the_page_quotes_is_one_of_the_packages(quoted):
    if quoted.startswith(THEIRS):
        return
    parts = [part.strip() for part in quoted.split("...") if len(part.strip()) > 3]
    assert parts
    # A message may be put together of several strings of one file.
    assert any(
        all(any(part in one for one in said) for part in parts)
        for said in [*(list(strings(tree)) for tree in TREES), *IN_CYTHON]
    ), quoted


def test_enough_is_quoted():
    assert len(QUOTED) > 35
    assert len({*classes()}) >= 12
