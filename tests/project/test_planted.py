"""The faults that the sanitizers must find can be planted: what they change is still there."""

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not (ROOT / "tools").exists(), reason="only in a checkout")
def test_what_planted_faults_change_stands_there_once(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    planted = importlib.import_module("sanitize").PLANTED
    assert len(planted) == 4
    for file, old, new in planted:
        text = (ROOT / "cbackprop/engine" / file).read_text(encoding="utf-8")
        assert text.count(old) == 1, (file, old)
        assert new not in text
