"""Every docstring's example runs as written."""

import doctest
import importlib
import importlib.util
import pkgutil
import re
from pathlib import Path

import pytest

import cbackprop

pytestmark = pytest.mark.thread_unsafe(reason="doctest is not for several threads")
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(cbackprop.__path__, "cbackprop.")
    if module.name != "cbackprop.__main__"
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name):
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0


PAGES = Path(__file__).parents[2] / "docs"
# scikit-learn 1.9 has callbacks; frames need narwhals.
NEED = {"saving.md": "sklearn.callback", "tables.md": "narwhals", "from-others.md": "narwhals"}


# Pages, and how many examples each has at least.
EXAMPLES = {
    "beyond.md": 50,
    "equations.md": 35,
    "from-others.md": 30,
    "getting-started.md": 15,
    "inside.md": 25,
    "machines.md": 4,
    "parameters.md": 8,
    "saving.md": 20,
    "serving.md": 15,
    "tables.md": 40,
    "troubleshooting.md": 15,
}


@pytest.mark.skipif(not PAGES.exists(), reason="only in a checkout")
def test_no_page_with_examples_is_left_out():
    with_some = {page.name for page in PAGES.glob("*.md") if ">>> " in page.read_text("utf-8")}
    assert with_some == set(EXAMPLES)


@pytest.mark.skipif(not PAGES.exists(), reason="only in a checkout")
@pytest.mark.parametrize(("page", "examples"), EXAMPLES.items())
def test_examples_in_the_pages_run(page, examples, tmp_path, monkeypatch):
    pytest.importorskip(NEED.get(page, "sklearn"))
    monkeypatch.chdir(tmp_path)
    failed, attempted = doctest.testfile(str(PAGES / page), module_relative=False)
    assert failed == 0
    assert attempted > examples


@pytest.mark.skipif(not PAGES.exists(), reason="only in a checkout")
def test_links_from_page_to_page_lead_somewhere():
    for page in PAGES.glob("*.md"):
        links = re.findall(
            r"\]\((?!https?:|#|auto_examples/)([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8")
        )
        missing = [link for link in links if not (PAGES / link).exists()]
        assert missing == [], page.name
