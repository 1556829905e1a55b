"""Tables on a telephone: a row with long texts becomes a card, whose lines say what they are.

Every cell is given its column's heading, ``data-label``, which the style sheet shows where a table
is a list of cards. Tables of short numbers stay tables: they scroll, and their first column stays.
"""

import re
from html import escape, unescape

TABLE = re.compile(r'<table class="(docutils[^"]*)">(.*?)</table>', re.DOTALL)
HEAD = re.compile(r"<thead>(.*?)</thead>", re.DOTALL)
ROW = re.compile(r"<tr\b[^>]*>.*?</tr>", re.DOTALL)
CELL = re.compile(r"<(t[dh])\b([^>]*)>(.*?)</\1>", re.DOTALL)
LONG = 7  # letters in a column's cells, in the mean: more is text
WIDE = 40  # signs of a row that fit beside each other on a telephone


def text(html):
    return unescape(" ".join(re.sub(r"<[^>]+>", "", html).split()))


def marked(found):
    """The table with its cells' headings, and marked as one of cards or of numbers."""
    classes, table = found.groups()
    head = HEAD.search(table)
    if not head:
        return found[0]
    names = [text(cell[3]) for cell in CELL.finditer(head[1])]
    rows = [[text(cell[3]) for cell in CELL.finditer(row)] for row in ROW.findall(table)[1:]]
    columns = list(zip(*rows, strict=False))
    letters = [sum(map(str.isalpha, "".join(column))) / len(column) for column in columns]
    in_all = sum(max(map(len, column)) for column in columns)
    kind = "cards" if in_all > WIDE and max(letters[1:], default=0) > LONG else "numbers"

    def row(one):
        labels = iter(names)

        def cell(of_row):
            tag, attributes, content = of_row.groups()
            label = next(labels, "")
            said = f' data-label="{escape(label)}"' if label and text(content) else ""
            return f"<{tag}{attributes}{said}>{content}</{tag}>"

        return CELL.sub(cell, one[0])

    body = table[head.end() :]
    return f'<table class="{classes} {kind}">{table[: head.end()]}{ROW.sub(row, body)}</table>'


def mark(app, page, template, context, doctree):
    if "body" in context:
        context["body"] = TABLE.sub(marked, context["body"])


def setup(app):
    app.connect("html-page-context", mark)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
