"""Sphinx's configuration: `make docs` builds the pages and runs the examples."""

import os
import warnings
from importlib.metadata import version as installed_version

from sphinx_gallery.sorting import FileNameSortKey

os.environ.setdefault("MPLBACKEND", "Agg")
warnings.filterwarnings("ignore", message="Stochastic Optimizer: Maximum iterations")

project = "cbackprop"
author = "the cbackprop developers"
copyright = "2026, the cbackprop developers"
release = version = installed_version("cbackprop")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
# `score` is inherited from scikit-learn, whose docstring refers to scikit-learn's own pages; the
# gallery's configuration holds a class.
suppress_warnings = ["ref.ref", "config.cache"]
exclude_patterns = ["_build", "auto_examples/*.md5"]
myst_heading_anchors = 3
autosummary_generate = True
numpydoc_show_class_members = False
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/(plot_|occupancy)",
    "within_subsection_order": FileNameSortKey,
    "download_all_examples": False,
    "show_memory": False,
    "abort_on_example_error": True,
}
html_theme = "furo"
html_title = "cbackprop"
