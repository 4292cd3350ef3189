"""Tables in the HTML of estimators."""

from html.parser import HTMLParser


class _Cells(HTMLParser):
    """Collects the rows of the table of layers."""

    def __init__(self, page):
        super().__init__()
        self.rows = []
        self.feed(page[page.index('<table class="fusednn-layers"') :])

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        elif tag == "td":
            self.rows[-1].append("")

    def handle_data(self, data):
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def rows_of(model):
    """The rows of the table of a model's layers, without its head."""
    (head, *rows) = _Cells(model._repr_html_()).rows
    assert head == ["layer", "output", "parameters"]
    return rows
