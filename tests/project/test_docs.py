"""The pages build without a warning, and say what they must."""

import importlib.util
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from browser import Browser, program

DOCS = Path(__file__).resolve().parents[2] / "docs"
NEEDED = ("sphinx", "furo", "numpydoc", "myst_parser", "sphinx_gallery", "onnxruntime", "skl2onnx")

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(
        not DOCS.exists() or any(importlib.util.find_spec(name) is None for name in NEEDED),
        reason="needs a checkout and the extra `docs`",
    ),
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The folder of the pages, examples run anew."""
    folder = tmp_path_factory.mktemp("pages")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-E", "-b", "html"]
    command += ["-d", str(folder / "doctrees"), str(DOCS), str(folder / "html")]
    result = subprocess.run(
        command, cwd=folder, env={**os.environ}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return folder / "html"


class _Anchors(HTMLParser):
    def __init__(self):
        super().__init__()
        self.ids, self.links = set(), []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if "id" in attributes:
            self.ids.add(attributes["id"])
        if tag == "a" and not re.match(r"https?:|mailto:|#", attributes.get("href") or "#"):
            self.links.append(attributes["href"])


def test_every_link_between_pages_leads_to_its_place(pages):
    parsed = {}
    for page in pages.rglob("*.html"):
        parsed[page.resolve()] = anchors = _Anchors()
        anchors.feed(page.read_text("utf-8"))
    missing = []
    for page, anchors in parsed.items():
        for link in anchors.links:
            file, _, place = link.partition("#")
            target = (page.parent / file).resolve()
            there = target.exists() and (
                not place or target not in parsed or place in parsed[target].ids
            )
            if not there:
                missing.append((page.name, link))
    assert missing == []


def test_methods_stand_in_the_reference(pages):
    text = (pages / "generated" / "cbackprop.MLPClassifier.html").read_text("utf-8")
    for method in ("fit", "predict", "predict_proba", "partial_fit", "save", "score"):
        assert f'id="cbackprop.MLPClassifier.{method}"' in text


def test_every_example_has_its_page_and_the_tour_its_notebook(pages):
    scripts = {path.stem for path in (DOCS.parent / "examples").glob("*.py")}
    assert scripts == {path.stem for path in (pages / "auto_examples").glob("*.html")} - {"index"}
    assert list((pages / "_downloads").rglob("tour.ipynb"))


def test_no_formula_is_left_as_it_is_written(pages):
    n_formulas = 0
    for page in pages.rglob("*.html"):
        text = page.read_text("utf-8")
        n_formulas += text.count("<math")
        article = text.partition('<article role="main"')[2].partition("</article>")[0]
        prose = re.sub(r"<(pre|code|math|script|style)\b.*?</\1>", "", article, flags=re.DOTALL)
        prose = re.sub(r"<[^>]+>", "", prose)
        if "_modules" not in page.parts and page.parent.name != "auto_examples":
            assert (
                re.findall(r"\\(?:frac|sum|delta|sigma)\b|:math:|\|\|\w|sum_\w|&lt;-", prose) == []
            )
    assert n_formulas > 150


# As one sees them, in a real Chromium.


@pytest.fixture
def browser():
    if program() is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with Browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def files(pages):
    return [page for page in sorted(pages.rglob("*.html")) if "_static" not in page.parts]


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_its_page(browser, files, width, figure):
    page, found = browser.page(width), {}
    for file in files:
        page.open(file.as_uri())
        if too_wide := page.too_wide():
            found[file.name] = too_wide[:3]
    figure("pages looked at", len(files))
    assert found == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_load_without_a_network_and_every_formula_is_drawn(browser, files, scheme):
    page = browser.page(scheme=scheme)
    page.disconnect()
    drawn = """
        [...document.querySelectorAll('math')].filter(m => m.checkVisibility()).map(m =>
          m.getBoundingClientRect()).every(box => box.width > 2 && box.height > 2)
          && (!document.querySelector('math') || document.fonts.check('16px Formulas'))
    """
    for file in files:
        page.open(file.as_uri())
        assert page.evaluate(drawn), file.name
        unseen = "[...document.images].filter(i => i.checkVisibility() && !i.naturalWidth).length"
        assert page.evaluate(unseen) == 0, file.name
    assert [url for url in page.asked if not url.startswith(("file:", "data:"))] == []
    # scikit-learn's pictures of estimators look for an icon that is not there.
    assert [error for error in page.errors if "copy-paste icon" not in error] == []


def test_no_page_asks_another_server_for_anything(pages):
    for page in pages.rglob("*.html"):
        asked = re.findall(r'(?:src|<link[^>]*href)="(https?://[^"]+)"', page.read_text("utf-8"))
        assert asked == [], page.name
