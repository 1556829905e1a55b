"""Is what the pages show of the package so? Without building them: `test_docs` does that."""

import ast
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import cbackprop

PAGES = Path(__file__).resolve().parents[2] / "docs"
pytestmark = pytest.mark.skipif(not PAGES.exists(), reason="only in a checkout")

EXCERPT = re.compile(r"^```\{literalinclude\} (\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXCERPTS = [
    (
        page.name,
        (page.parent / file).resolve(),
        dict(re.findall(r"^:([\w-]+): (.+)$", options, re.M)),
    )
    for page in sorted(PAGES.glob("*.md"))
    for file, options in EXCERPT.findall(page.read_text("utf-8"))
]


def test_there_are_excerpts():
    assert len(EXCERPTS) >= 9


@pytest.mark.parametrize(("page", "file", "options"), EXCERPTS, ids=lambda part: str(part)[-40:])
def test_an_excerpt_is_still_where_the_page_looks_for_it(page, file, options):
    lines = file.read_text("utf-8").splitlines()
    first = [i for i, line in enumerate(lines) if options["start-at"] in line]
    assert len(first) == 1, f"{page}: {options['start-at']!r} stands {len(first)} times"
    last = next(i for i, line in enumerate(lines) if i >= first[0] and options["end-at"] in line)
    assert last - first[0] < (6 if page == "equations.md" else 60)


INCLUDED = re.compile(r"^```\{include\} (\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.name)
def test_what_a_page_includes_begins_and_ends_where_it_is_to(page):
    for file, options in INCLUDED.findall(page.read_text("utf-8")):
        text = (page.parent / file).resolve().read_text("utf-8")
        for words in re.findall(r"^:(?:start-after|end-before): (.+)$", options, re.MULTILINE):
            assert text.count(words) == 1, words


# Formulas.

PACKAGE = Path(cbackprop.__file__).parent
WITHOUT_CODE = re.compile(r"^(`{3,}).*?^\1|`[^`\n]+`", re.MULTILINE | re.DOTALL)
IN_PAGES = [
    (page.name, tex.strip())
    for page in sorted(PAGES.glob("*.md"))
    for tex in re.findall(
        r"\$\$(.+?)\$\$|\$([^$\n]+)\$", WITHOUT_CODE.sub("", page.read_text("utf-8")), re.DOTALL
    )
    for tex in tex
    if tex
]
OF_DOCSTRINGS = re.compile(r":math:`([^`]+)`|^ *\.\. math::\n\n((?: {4,}.*\n)+)", re.MULTILINE)


def docstrings():
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                yield path.name, ast.get_docstring(node) or ""


IN_DOCSTRINGS = [
    (name, tex.strip())
    for name, text in docstrings()
    for tex in OF_DOCSTRINGS.findall(text + "\n")
    for tex in tex
    if tex
]


@pytest.mark.parametrize(("place", "tex"), IN_PAGES + IN_DOCSTRINGS)
def test_every_formula_can_be_set(place, tex, monkeypatch):
    pytest.importorskip("sphinx")
    monkeypatch.syspath_prepend(str(PAGES / "_ext"))
    from formulas import mathml

    assert mathml(tex, None, as_block="&" in tex).startswith("<math")


def test_primes_and_signs_in_exponents_are_set_as_in_a_book(monkeypatch):
    pytest.importorskip("sphinx")
    monkeypatch.syspath_prepend(str(PAGES / "_ext"))
    from formulas import mathml

    assert "\N{PRIME}" in mathml("f'(z)", None, as_block=False)
    tight = '<mo lspace="0" rspace="0">+</mo>'
    assert mathml("a^{l+1} + b", None, as_block=False).count(tight) == 1


# As a formula of NumPy's it would stand between two backquotes.
PLAIN = re.compile(r"(?<![\w`])(?:[A-Zaw]_[0-9lLx]|exp\(|sum\(|sqrt\(|d[A-Z]/d[A-Za-z])|\w\^\d")


def test_formulas_of_docstrings_that_are_pages_are_set():
    found = []
    for name, text in docstrings():
        if re.search(r"^ *(Parameters|Examples)\n *---", text, re.MULTILINE):
            prose = re.sub(r"``.+?``|:math:`.+?`", "", text, flags=re.DOTALL)
            blocks = r"^ *(>>>|\.\.\.) .*\n|^ *\.\. math::\n\n( .+\n)+"
            prose = re.sub(blocks, "", prose, flags=re.MULTILINE)
            found += [(name, line) for line in prose.splitlines() if PLAIN.search(line)]
    assert found == []


def test_there_are_formulas():
    assert len(IN_PAGES) > 60
    assert len(IN_DOCSTRINGS) > 40


def test_what_is_no_formula_is_a_warning(monkeypatch, caplog):
    pytest.importorskip("sphinx")
    monkeypatch.syspath_prepend(str(PAGES / "_ext"))
    import formulas

    said = []
    monkeypatch.setattr(formulas.logger, "warning", lambda *a, **k: said.append(a))
    assert formulas.mathml(r"\nonsense{x}", None, as_block=False).startswith("<code>")
    assert len(said) == 1


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.name)
def test_no_formula_stands_in_plain_letters(page):
    prose = WITHOUT_CODE.sub("", page.read_text("utf-8"))
    prose = re.sub(r"\$\$.+?\$\$|\$[^$\n]+\$", "", prose, flags=re.DOTALL)
    assert re.findall(r"\w\^[\w({]|sum_\w|\|\|\w|<- |[ᴸˡᵀ∂∇]|\w_\{", prose) == []


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.name)
def test_programs_stand_between_fences(page):
    text = re.sub(r"^(`{3,}).*?^\1$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    assert re.findall(r"^>>>.*|^`{3,}.*", text, re.MULTILINE) == []


# Tables.


def test_rows_of_long_texts_are_cards_and_rows_of_numbers_are_not(monkeypatch):
    monkeypatch.syspath_prepend(str(PAGES / "_ext"))
    from cards import TABLE, marked

    def table(*rows):
        head, *body = ("".join(f"<td>{cell}</td>" for cell in row) for row in rows)
        head = f"<thead><tr>{head.replace('td>', 'th>')}</tr></thead>"
        body = "".join(f"<tr>{row}</tr>" for row in body)
        return TABLE.sub(marked, f'<table class="docutils">{head}{body}</table>')

    head = ("name", "what it <i>does</i>", "when")
    texts = table(head, ("alpha", "draws all weights to 0", "if it learns by heart"))
    assert 'class="docutils cards"' in texts
    assert 'data-label="what it does"' in texts
    numbers = table(head, ("alpha, or something with a very long name", "0.12", "3.45"))
    assert 'class="docutils numbers"' in numbers


# Drawings.


@pytest.fixture
def drawings(monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(str(PAGES / "_ext"))
    monkeypatch.delitem(sys.modules, "drawings", raising=False)
    import drawings

    return drawings


def texts(figure):
    return [text.get_text() for ax in figure.axes for text in ax.texts]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_drawing_of_one_example_shows_the_networks_numbers(drawings, scheme):
    figure = drawings.one_example(drawings.THEMES[scheme])
    figure.canvas.draw()
    net, x, y = drawings.example()
    inside = net.backprop(x, y)
    numbers = [float(t) for t in texts(figure) if re.fullmatch(r"-?\.\d+", t)]
    forward = np.concatenate([a[0] for a in inside.activations])
    backward = np.concatenate([d[0] for d in inside.deltas])
    expected = np.concatenate([forward, backward, x[0], backward])
    np.testing.assert_allclose(numbers, expected, atol=6e-3)


def test_the_drawing_of_a_mini_batch_shows_matrices_of_the_right_shapes(drawings):
    figure = drawings.mini_batch(drawings.THEMES["light"])
    figure.canvas.draw()
    sizes = [text for text in texts(figure) if re.fullmatch(r"\d x \d", text)]
    assert sizes == ["5 x 3", "3 x 4", "1 x 4", "5 x 4", "5 x 2", "2 x 4", "5 x 4", "5 x 4",
                     "3 x 5", "5 x 4", "3 x 4"]  # fmt: skip


def test_every_drawing_can_be_drawn(drawings):
    for draw in drawings.DRAWINGS.values():
        figure = draw(drawings.THEMES["dark"])
        figure.canvas.draw()
        assert figure.axes


def test_every_drawing_that_a_page_shows_is_one(drawings):
    shown = [
        name
        for page in PAGES.glob("*.md")
        for name in re.findall(r"^```\{drawing\} (\S+)$", page.read_text("utf-8"), re.MULTILINE)
    ]
    assert sorted(shown) == sorted(drawings.DRAWINGS)
