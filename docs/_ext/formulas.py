r"""Formulas, in pages and in docstrings: set once, when the pages are built.

TeX becomes MathML by docutils' own converter, and browsers draw that by themselves: no script, no
other server, the page's own colours. In Markdown a formula is ``$\delta^L$``, or a paragraph
between two lines of ``$$``; in docstrings it is ``:math:`\delta^L```, or the directive
``.. math::``. What the converter does not know is a warning, and warnings end the build.
"""

import re
from html import escape

from docutils.nodes import SkipNode
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

logger = logging.getLogger(__name__)
# The converter takes the 12 of \frac12 for one number.
SHORT_FRACTION = re.compile(r"\\frac\s*(\d)(\d)")

APPLIED = re.compile(r"(<mo>&ApplyFunction;</mo>)(?!\s*(?:<mrow>\s*)?<mo[^>]*>[(])(\s*<)")  # log a
BARS = re.compile(r'<mo(?: class="math\w+")?>([|‖])</mo>')  # of |x|: close to x
FUNCTION = re.compile(r"(</m[in]>|[)]</mo>)(\s*<mi>[a-z]{2,}</mi>\s*<mo>&Apply)")  # y log a
SIGN = re.compile("<mo>([+\u2212=])</mo>")
# What is raised or lowered: a sign there has no room around it.
SCRIPT = re.compile(r"<m(?:sup|sub|subsup)>.*?</m(?:sup|sub|subsup)>", re.DOTALL)
# The prime of f' belongs to f: no room around it, and no straight tick.
PRIME = re.compile(r"<mo>'</mo>")
FOLLOWED = re.compile(r"(<math\b(?:(?!</math>).)*</math>)([,.;:?)]+)", re.DOTALL)


def _tight(found):
    return SIGN.sub(r'<mo lspace="0" rspace="0">\1</mo>', found[0])


def mathml(tex, node, *, as_block):
    """The formula as an element <math>."""
    try:
        element = tex2mathml(SHORT_FRACTION.sub(r"\\frac{\1}{\2}", tex), as_block=as_block)
    except (MathError, AttributeError) as error:  # the second where an & is amiss
        logger.warning("this formula cannot be set: %s: %s", tex, error, location=node)
        return f"<code>{escape(tex)}</code>"
    element = PRIME.sub('<mo lspace="0" rspace="0">\N{PRIME}</mo>', SCRIPT.sub(_tight, element))
    element = FUNCTION.sub(r"\1<mspace width='0.17em'></mspace>\2", element)
    element = APPLIED.sub(r"\1<mspace width='0.17em'></mspace>\2", element)
    return BARS.sub(r'<mo lspace="0" rspace="0" stretchy="false">\1</mo>', element)


def inline(writer, node):
    writer.body.append(mathml(node.astext(), node, as_block=False))
    raise SkipNode


def block(writer, node):
    # A formula that is wider than a phone scrolls within its own box.
    writer.body.append(writer.starttag(node, "div", CLASS="math", tabindex="0"))
    writer.body.append(mathml(node.astext(), node, as_block=True))
    writer.body.append("</div>\n")
    raise SkipNode


def keep(app, page, template, context, doctree):
    """A comma or a full stop stays on the line of the formula before it."""
    if "body" in context:
        context["body"] = FOLLOWED.sub(r'<span class="formula">\1\2</span>', context["body"])


def setup(app):
    app.connect("html-page-context", keep)
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
