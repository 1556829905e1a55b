"""The directive ``{drawing} name``: a drawing of `drawings`, its body being what it shows in words.

Each is made when the pages are built, once for light pages and once for dark ones.
"""

from pathlib import Path

from docutils import nodes
from drawings import DRAWINGS, THEMES
from matplotlib import rc_context
from sphinx.util.docutils import SphinxDirective

FOLDER = "generated/drawings"


def draw(folder):
    """All drawings, in both themes, as files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, drawn in DRAWINGS.items():
        for scheme, theme in THEMES.items():
            file = folder / f"{name}-{scheme}.svg"
            with rc_context({"svg.hashsalt": name, "mathtext.fontset": "cm"}):
                drawn(theme).savefig(file, transparent=True, metadata={"Date": None})


class Drawing(SphinxDirective):
    """``{drawing} name``: the one for light pages and the one for dark pages."""

    required_arguments = 1
    has_content = True

    def run(self):
        name, words = self.arguments[0], " ".join(self.content)
        pair = []
        for scheme in THEMES:
            image = nodes.image(uri=f"/{FOLDER}/{name}-{scheme}.svg", alt=words)
            image["classes"] = ["drawing", f"only-{scheme}"]
            pair.append(image)
        return pair


def setup(app):
    app.add_directive("drawing", Drawing)
    app.connect("builder-inited", lambda app: draw(Path(app.srcdir) / FOLDER))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
