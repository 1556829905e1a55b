"""The tour runs as a notebook: no error, no warning, and what it shows is there."""

import json
import re
from pathlib import Path

import pytest

TOUR = Path(__file__).resolve().parents[2] / "examples" / "tour.py"

# As a notebook is run by those who want to see every warning.
STRICT = "import warnings; warnings.simplefilter('error')"


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """The tour's cells after they were run, code and outputs, by a kernel of this Python."""
    for package in ("matplotlib", "onnxruntime", "skl2onnx", "ipykernel"):
        pytest.importorskip(package)
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    notebook_of = pytest.importorskip("sphinx_gallery.notebook")
    parser = pytest.importorskip("sphinx_gallery.py_source_parser")
    gen_gallery = pytest.importorskip("sphinx_gallery.gen_gallery")

    _, blocks = parser.split_code_and_text_blocks(str(TOUR))
    made = notebook_of.jupyter_notebook(blocks, gen_gallery.DEFAULT_GALLERY_CONF, str(TOUR.parent))
    notebook = nbformat.reads(json.dumps(made), as_version=4)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    first.source = f"{STRICT}\n{first.source}"
    folder = tmp_path_factory.mktemp("elsewhere")
    client = nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cells, kind):
    """What cells have displayed in a form such as text/html."""
    return [
        output["data"][kind]
        for cell in cells
        for output in cell.outputs
        if kind in output.get("data", {})
    ]


pytestmark = [
    pytest.mark.nightly,
    # Of the packages that run notebooks, in this process.
    pytest.mark.filterwarnings("ignore"),
]


def test_the_tour_warns_of_nothing(cells):
    errors = [
        output
        for cell in cells
        for output in cell.outputs
        if output.get("name") == "stderr" or output.output_type == "error"
    ]
    assert errors == []


def test_the_pipeline_and_the_network_are_shown_as_html(cells):
    pipeline, summary = shown(cells, "text/html")
    assert "MLPClassifier" in pipeline
    assert "sk-toggleable" in pipeline
    assert "<table" in summary


def test_progress_is_one_line_that_is_updated(cells):
    lines = [text for text in shown(cells, "text/plain") if text.startswith("epoch ")]
    assert len(lines) == 1
    stopped = r"stopped: score no better for \d+ epochs, best epoch \d+"
    pattern = rf"epoch \d+/200 \[=+ *\]  {stopped}  loss \S+  score \S+  rate 0.003  \d:\d\d"
    assert re.fullmatch(pattern, lines[0])


def test_there_is_a_picture_of_the_curves(cells):
    assert len(shown(cells, "image/png")) == 1


def test_what_is_loaded_and_exported_agrees(cells):
    printed = "".join(
        output.text for cell in cells for output in cell.outputs if output.output_type == "stream"
    )
    assert "labels agree: True" in printed
    assert float(re.search(r"largest difference: (\S+)", printed)[1]) < 1e-5
    assert "bytes\nTrue\n" in printed
