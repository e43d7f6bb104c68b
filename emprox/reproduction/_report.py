"""A report of texts, tables and pictures, as Markdown and as one HTML page without anything else.

Blocks of a report hold plain text; what that needs in Markdown or HTML is done here.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Text:
    """A paragraph.

    Parameters
    ----------
    text : str
        The text.
    """

    text: str

    def to_markdown(self) -> str:
        """Return the paragraph as Markdown."""
        return _escape_markdown(self.text)

    def to_html(self) -> str:
        """Return the paragraph as HTML."""
        return f"<p>{html.escape(self.text)}</p>"


@dataclass(frozen=True)
class Bullets:
    """A list.

    Parameters
    ----------
    items : sequence of str
        The texts.
    """

    items: Sequence[str]

    def to_markdown(self) -> str:
        """Return the list as Markdown."""
        return "\n".join(f"- {_escape_markdown(item)}" for item in self.items)

    def to_html(self) -> str:
        """Return the list as HTML."""
        items = "".join(f"<li>{html.escape(item)}</li>\n" for item in self.items)
        return f"<ul>\n{items}</ul>"


@dataclass(frozen=True)
class Command:
    """A command to type.

    Parameters
    ----------
    text : str
        The command.
    """

    text: str

    def to_markdown(self) -> str:
        """Return the command as Markdown."""
        return f"    {self.text}"

    def to_html(self) -> str:
        """Return the command as HTML."""
        return f"<pre>{html.escape(self.text)}</pre>"


@dataclass(frozen=True)
class Table:
    """A table.

    Parameters
    ----------
    columns : sequence of str
        The headings.
    rows : sequence of sequence of str
        The texts.
    n_texts : int, default=1
        How many of the first columns hold texts; the others hold numbers, which are lined up on
        the right.
    quiet : sequence of bool, default=()
        For each row whether it stands back, as the paper's numbers do.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    n_texts: int = 1
    quiet: Sequence[bool] = ()

    def to_markdown(self) -> str:
        """Return the table as Markdown."""
        lines = [
            self.columns,
            ["---" if column < self.n_texts else "---:" for column in range(len(self.columns))],
            *self.rows,
        ]
        cells = [[_escape_markdown(cell) for cell in line] for line in lines]
        return "\n".join(f"| {' | '.join(line)} |" for line in cells)

    def to_html(self) -> str:
        """Return the table as HTML; it scrolls sideways where it is wider than the screen."""
        quiet = self.quiet or [False] * len(self.rows)
        head = self._line("th", self.columns)
        rows = "".join(
            f'<tr class="quiet">{self._line("td", row)}</tr>\n'
            if is_quiet
            else f"<tr>{self._line('td', row)}</tr>\n"
            for row, is_quiet in zip(self.rows, quiet, strict=True)
        )
        return (
            f'<div class="scroll" tabindex="0"><table>\n<thead><tr>{head}</tr></thead>\n'
            f"<tbody>\n{rows}</tbody>\n</table></div>"
        )

    def _line(self, tag: str, cells: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{'' if column < self.n_texts else ' class=number'}>{html.escape(cell)}</{tag}>"
            for column, cell in enumerate(cells)
        )


@dataclass(frozen=True)
class Picture:
    """A picture.

    Parameters
    ----------
    filename : str
        Name of its file beside the report.
    caption : str
        What it shows.
    png : bytes
        The picture.
    """

    filename: str
    caption: str
    png: bytes = field(repr=False)

    def to_markdown(self) -> str:
        """Return a reference to the file as Markdown."""
        caption = _escape_markdown(self.caption)
        return f"![{caption}]({self.filename})\n\n{caption}"

    def to_html(self) -> str:
        """Return the picture itself as HTML."""
        data = base64.b64encode(self.png).decode("ascii")
        caption = html.escape(self.caption)
        return (
            f'<figure><img src="data:image/png;base64,{data}" alt="{caption}">'
            f"<figcaption>{caption}</figcaption></figure>"
        )


Block = Text | Bullets | Command | Table | Picture


@dataclass(frozen=True)
class Section:
    """Blocks under a heading.

    Parameters
    ----------
    heading : str
        The heading.
    blocks : sequence of block
        What stands below.
    is_summary : bool, default=False
        Whether it is among what is said first, on the screen too.
    """

    heading: str
    blocks: Sequence[Block]
    is_summary: bool = False


@dataclass(frozen=True)
class Report:
    """A report on an experiment.

    Parameters
    ----------
    title : str
        What was done.
    notice : sequence of block
        What has to be known before any number is read: the data. Stands first, in a box.
    sections : sequence of Section
        The rest.

    Attributes
    ----------
    pictures : list of Picture
        All pictures in it.

    Examples
    --------
    >>> from emprox.reproduction import Report
    >>> from emprox.reproduction._report import Section, Table, Text
    >>> table = Table(["method", "Kendall"], [["EmProx", "0.545"]])
    >>> report = Report("Table 1", [Text("The data")], [Section("Results", [table])])
    >>> print(report.to_markdown())
    # Table 1
    <BLANKLINE>
    The data
    <BLANKLINE>
    ## Results
    <BLANKLINE>
    | method | Kendall |
    | --- | ---: |
    | EmProx | 0.545 |
    <BLANKLINE>
    """

    title: str
    notice: Sequence[Block]
    sections: Sequence[Section]

    @property
    def pictures(self) -> list[Picture]:
        """All pictures in it.

        Returns
        -------
        list of Picture
            The pictures, in their order.
        """
        blocks = [block for section in self.sections for block in section.blocks]
        return [block for block in blocks if isinstance(block, Picture)]

    def to_markdown(self) -> str:
        """Write Markdown, which refers to the files of the pictures.

        Returns
        -------
        str
            The text.
        """
        parts = [f"# {_escape_markdown(self.title)}"]
        parts += [block.to_markdown() for block in self.notice]
        for section in self.sections:
            parts.append(f"## {_escape_markdown(section.heading)}")
            parts += [block.to_markdown() for block in section.blocks]
        return "\n\n".join(parts) + "\n"

    def to_html(self) -> str:
        """Write one HTML page that holds its pictures and needs nothing else.

        Returns
        -------
        str
            The text.
        """
        notice = "\n".join(block.to_html() for block in self.notice)
        sections = "\n".join(
            "\n".join(
                [
                    f"<section>\n<h2>{html.escape(section.heading)}</h2>",
                    *(block.to_html() for block in section.blocks),
                    "</section>",
                ]
            )
            for section in self.sections
        )
        title = html.escape(self.title)
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
            f"<h1>{title}</h1>\n<aside>\n{notice}\n</aside>\n{sections}\n</main>\n</body>\n</html>\n"
        )


# Fonts and widths of the reader's own system; nothing is fetched from anywhere.
_STYLE = """
body { margin: 0; background: #fff; color: #1b1b1b;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 74rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
p, ul { max-width: 46rem; margin: .6rem 0; }
ul { padding-left: 1.3rem; }
li { margin: .3rem 0; }
aside { background: #fff7e0; border-left: 5px solid #e69f00; padding: .4rem 1rem; }
pre { background: #f3f4f6; padding: .6rem .8rem; overflow-x: auto; font-size: .85rem; }
.scroll { overflow-x: auto; margin: .8rem 0; }
table { border-collapse: separate; border-spacing: 0; font-size: .88rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .7rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid #e2e4e8; }
th { border-bottom: 2px solid #8a8f98; vertical-align: bottom; }
td.number, th.number { text-align: right; white-space: nowrap; }
th:first-child, td:first-child { position: sticky; left: 0; background: #fff; min-width: 7rem; }
tr.quiet td { color: #5b616b; border-bottom-color: #aab0ba; }
figure { margin: 1rem 0; }
img { width: 100%; max-width: 56rem; height: auto; }
figcaption { color: #4a4f57; font-size: .9rem; max-width: 46rem; }
@media (max-width: 40rem) { main { padding: 1rem .8rem 3rem; } h1 { font-size: 1.35rem; }
  th, td { padding: .3rem .45rem; } }
"""

# An underscore within a word, as in a name, means nothing.
_MARKDOWN_SPECIAL = re.compile(r"([\\`*\[\]<|]|(?<!\w)_|_(?!\w))")


def _escape_markdown(text: str) -> str:
    """Write plain text so that Markdown shows it as it is."""
    return _MARKDOWN_SPECIAL.sub(r"\\\1", text)
