"""Does what the README promises happen?"""

import contextlib
import io
import re
from pathlib import Path

import pytest

from cbackprop.command import demo as _demo

README = Path(__file__).parents[2] / "README.md"
TEXT = README.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("code", EXAMPLES, ids=range(len(EXAMPLES)))
def test_example_prints_what_its_comments_say(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})
    promised = re.findall(r"^print\(.*\)  # (.+)$", code, re.MULTILINE)
    assert promised
    assert printed.getvalue().splitlines() == promised


def test_pipeline_example_has_twelve_lines():
    assert [code.count("\n") for code in EXAMPLES if "make_pipeline" in code] == [12]


def test_the_test_command_can_be_found_by_the_continuous_integration():
    assert TEXT.count("<!-- ci: test command -->") == 1
    assert "<!-- ci: test command -->\n\n```\nmake test\n```\n" in TEXT


def test_the_demos_output_has_todays_form():
    for line in (*_demo.HEADINGS, *([name] for name in _demo.PROGRAMS)):
        assert re.search(r"^ *" + r" +".join(filter(None, line)) + r"\b", TEXT, re.MULTILINE)


def test_linked_files_exist():
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)\)", TEXT)
    assert links
    assert [link for link in links if not (README.parent / link).exists()] == []
