"""Are the tests that `make quick` leaves out there, and the others all among the quick ones?"""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import quick

FILES = Path(__file__).parents[1].rglob("*.py")
TESTS = {path.name: path.read_text(encoding="utf-8") for path in FILES}


def test_what_is_left_out_is_there():
    defined = {
        name for text in TESTS.values() for name in re.findall(r"^def (test_\w+)", text, re.M)
    }
    assert quick.FILES - set(TESTS) == set()
    assert set(quick.ONE_IN) - defined == set()


class Item(SimpleNamespace):
    """As much of a test as the choice looks at."""

    def get_closest_marker(self, name):
        return name if name in self.markers else None

    def add_marker(self, mark):
        self.markers.append(mark.name)


def quick_ones(*tests):
    items = [
        Item(path=Path(file), name=name, markers=list(markers)) for file, name, markers in tests
    ]
    quick.pytest_collection_modifyitems(items)
    return [item.name for item in items if "quick" in item.markers]


def test_a_new_test_is_quick_unless_it_is_nightly():
    assert quick_ones(
        ("test_new.py", "test_one", []), ("test_new.py", "test_two", ["nightly"])
    ) == ["test_one"]


def test_files_are_left_out_whole():
    file = min(quick.FILES)
    assert quick_ones((file, "test_one", []), ("test_new.py", "test_one", [])) == ["test_one"]


@pytest.mark.parametrize(("one_in", "left"), [(0, 0), (1, 9), (4, 3), (16, 1)])
def test_one_case_in_so_many_stays(monkeypatch, one_in, left):
    monkeypatch.setitem(quick.ONE_IN, "test_one", one_in)
    assert len(quick_ones(*[("test_new.py", "test_one", [])] * 9)) == left
