"""Sphinx's configuration: `make docs` builds the pages and runs the examples."""

import os
import re
import warnings
from importlib.metadata import version as installed_version

from sphinx_gallery.sorting import ExplicitOrder

os.environ.setdefault("MPLBACKEND", "Agg")
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
]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
# `score` is inherited from scikit-learn, whose docstring refers to scikit-learn's own pages; the
# gallery's configuration holds a class.
suppress_warnings = ["ref.ref", "config.cache"]
exclude_patterns = ["_build", "_templates", "auto_examples/*.md5", "**/sg_execution_times.rst"]
templates_path = ["_templates"]
myst_heading_anchors = 3
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
    "default_thumb_file": os.path.join(os.path.dirname(__file__), "_static", "network.svg"),
    "abort_on_example_error": True,
}
html_theme = "furo"
html_title = "cbackprop"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_favicon = "_static/network.svg"
html_copy_source = False
html_show_sourcelink = False


def _plain_math(app, what, name, obj, options, lines):
    """Formulas in docstrings from scikit-learn as text: MathJax would come from another server."""
    for i, line in enumerate(lines):
        line = re.sub(r"\\frac\{(\w+)\}\{(\w+)\}", r"\1 / \2", line)
        lines[i] = re.sub(r":math:`([^`]*)`", r"``\1``", line)


def setup(app):
    app.connect("autodoc-process-docstring", _plain_math, priority=900)
