"""Sphinx's configuration: `make docs` builds the pages and runs the examples."""

import os
import sys
import warnings
from importlib.metadata import version as installed_version
from pathlib import Path

from docutils.nodes import Text, literal_block
from sphinx_gallery.sorting import ExplicitOrder

os.environ.setdefault("MPLBACKEND", "Agg")
sys.path.insert(0, str(Path(__file__).parent / "_ext"))
warnings.filterwarnings("ignore", message="Stochastic Optimizer: Maximum iterations")

# From the first steps to the long runs.
EXAMPLES = [
    "tour.py",
    "plot_digits_pipeline.py",
    "plot_table.py",
    "plot_seeing_inside.py",
    "plot_gradient_check.py",
    "plot_reference.py",
    "plot_saturation.py",
    "plot_ways_to_descend.py",
    "ranks.py",
    "spark_ranks.py",
    "service.py",
    "occupancy.py",
    "book_mnist.py",
]

project = "cbackprop"
author = "the cbackprop developers"
copyright = "2026, the cbackprop developers"
release = version = installed_version("cbackprop")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "formulas",
    "cards",
    "drawing",
]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
# `score` is inherited from scikit-learn, whose docstring refers to scikit-learn's own pages; the
# gallery's configuration holds a class.
suppress_warnings = ["ref.ref", "config.cache"]
exclude_patterns = ["_build", "_templates", "auto_examples/*.md5", "**/sg_execution_times.rst"]
templates_path = ["_templates"]
myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath"]
myst_update_mathjax = False
autosummary_generate = True
autodoc_typehints = "none"  # the docstrings say the types, in fewer words
highlight_language = "none"
numpydoc_show_class_members = False
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/(plot_|occupancy|tour)",
    "within_subsection_order": ExplicitOrder(EXAMPLES),
    "download_all_examples": False,
    "show_memory": False,
    "write_computation_times": False,
    "default_thumb_file": str(Path(__file__).parent / "_static" / "network.svg"),
    "abort_on_example_error": True,
}
html_theme = "furo"
html_title = "cbackprop"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_favicon = "_static/network.svg"
html_copy_source = False
html_show_sourcelink = False


def _without_last_line(app, document):
    """Examples in Markdown end with an empty line, for doctest's sake: it need not be seen."""
    for block in document.findall(literal_block):
        text = block.astext().rstrip("\n")
        block.children[:] = [Text(text)] if len(block.children) == 1 else block.children
        block.rawsource = text


def _only_modules_with_a_page(app):
    """The list of modules leads to their source: compiled ones have no page there."""
    modules = getattr(app.env, "_viewcode_modules", {})
    for name in [name for name, source in modules.items() if not source]:
        del modules[name]
    return []


def _not_the_fields_of_a_tuple(app, what, name, member, skip, options):
    """Their docstrings say "Alias for field number 1"; the class's own says what they are."""
    return True if type(member).__name__ == "_tuplegetter" else None


def setup(app):
    app.connect("doctree-read", _without_last_line)
    app.connect("autodoc-skip-member", _not_the_fields_of_a_tuple)
    app.connect("html-collect-pages", _only_modules_with_a_page, priority=400)  # before viewcode
