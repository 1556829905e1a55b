"""The house: arrows point down, nothing goes in a circle, a newcomer can take it in at a look."""

import ast
import importlib
import pickle
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import cbackprop

ROOT = Path(cbackprop.__file__).parent
# From the top floor down: what stands in a wing imports from lower ones only.
FLOORS = [
    "command",
    "onnx",
    "mlflow",
    "plots",
    "dask",
    "tabular",
    "estimators",
    "network",
    "callbacks",
    "training",
    "functions",
    "files",
    "running",
    "validation",
    "engine",
]
APART = {"reference", "_version"}  # which import nothing of the package
# Paths that users had before there were wings: each hands on names, and nothing else.
FACES = {"activations", "history", "losses", "optimizers", "presets"}
FACES |= {"schedules"}
LONGEST = 450

SOURCES = {
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in ROOT.rglob("*")
    if path.suffix in (".py", ".pyx")
}
CIMPORT = re.compile(r"^\s*from (cbackprop[\w.]*) c?import ([^\n#]+)", re.MULTILINE)


def imports(module, path):
    """The modules of the package that one imports, also within functions, but not for types."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".pyx":
        for base, names in CIMPORT.findall(text):
            yield base
            yield from (f"{base}.{name}" for name in re.findall(r"\w+", names))
        return
    tree = ast.parse(text)
    for_types = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test)
        for statement in block.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in for_types:
            assert node.level == 0, f"{module} imports by a relative path"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import) and id(node) not in for_types:
            yield from (alias.name for alias in node.names)


ARROWS = {
    module: {name for name in imports(module, path) if name in SOURCES and name != module}
    for module, path in SOURCES.items()
}


def wing(module):
    return module.split(".")[1] if "." in module else ""


def test_no_import_goes_in_a_circle():
    # A wing's face hands names on: an arrow to it from inside the wing is one in name only.
    graph = {
        module: {
            target
            for target in targets
            if not (SOURCES[target].name == "__init__.py" and module.startswith(f"{target}."))
        }
        for module, targets in ARROWS.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("module", sorted(SOURCES))
def test_imports_point_down(module):
    place = wing(module)
    if not place or place in {*FACES, "__main__"}:
        return
    if place in APART:
        assert {wing(target) for target in ARROWS[module]} <= {place}
        return
    allowed = {*FLOORS[FLOORS.index(place) :], *APART, ""}
    if place not in ("command", "onnx", "mlflow"):
        allowed.discard("")  # the package itself imports them
    assert {wing(target) for target in ARROWS[module]} <= allowed


def test_every_wing_has_its_floor():
    top = {wing(module) for module in SOURCES} - {"", "__main__"}
    assert top == {*FLOORS, *APART, *FACES}
    assert len(top) <= 23


@pytest.mark.parametrize("face", sorted(FACES))
def test_old_paths_hand_on_names_and_do_nothing(face):
    tree = ast.parse(SOURCES[f"cbackprop.{face}"].read_text(encoding="utf-8"))
    kinds = {type(node) for node in tree.body}
    assert kinds <= {ast.Expr, ast.ImportFrom, ast.Assign}


NAMED = [
    (decorator.args[0].value, node.name)
    for path in ROOT.rglob("*.py")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.ClassDef)
    for decorator in node.decorator_list
    if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "public"
]


@pytest.mark.parametrize(("module", "name"), NAMED)
def test_a_class_is_found_where_it_says_that_it_is(module, name):
    cls = getattr(importlib.import_module(module), name)
    assert pickle.loads(pickle.dumps(cls)) is cls


def test_files_answer_one_question_each():
    long = {
        str(path.relative_to(ROOT)): lines
        for path in ROOT.rglob("*")
        if path.suffix in (".py", ".pyx", ".pxd", ".c", ".h", ".def")
        and (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST
    }
    # network.py is two thirds documentation; run.pyx is one class, the door.
    assert set(long) <= {"network/network.py", "engine/run.pyx"}
