"""A report as a list of blocks, and the two ways to write it: one HTML page that needs nothing else, and Markdown."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PIXELS = 110  # of an inch of a figure on the page, where there is room
FIGURE_INK = (
    "#1b1c1d"  # of figures; in the page it becomes the page's own colour of text, light on dark or dark on light
)


@dataclass(frozen=True)
class Heading:
    """A heading of level 1..3."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Warnings:
    """What casts doubt on the report, to be read first."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Table:
    """Rows below headings: the first ``words`` columns are words, to the left, the others numbers, to the right."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: int = 1


@dataclass(frozen=True)
class Code:
    """Lines to be typed."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Picture:
    """A figure. ``name`` is its file's, without ending; ``caption`` also tells who can't see it what is in it."""

    name: str
    caption: str
    figure: Figure = field(compare=False)


@dataclass(frozen=True)
class Image:
    """A picture that is drawn already, a PNG or GIF. ``name`` and ``caption`` as of ``Picture``."""

    name: str
    caption: str
    data: bytes = field(repr=False)

    @property
    def kind(self) -> str:
        """Its file's ending."""
        return "gif" if self.data.startswith(b"GIF") else "png"


@dataclass(frozen=True)
class Panels:
    """Figures that belong together, side by side where there is room, each below its own heading: name → figure."""

    name: str
    caption: str
    figures: Mapping[str, Figure] = field(compare=False)

    def pictures(self) -> list[Picture]:
        """Each as a picture of its own, with its heading as caption."""
        return [Picture(f"{self.name}-{k}", head, one) for k, (head, one) in enumerate(self.figures.items())]


Block = Heading | Text | Warnings | Table | Code | Picture | Panels | Image


def html(block: Block) -> str:
    """A block as HTML. A figure is drawn in it, so that nothing has to be fetched."""
    return _HTML[type(block)](block)


def page(title: str, parts: Sequence[str]) -> str:
    """The whole page around its blocks' HTML: one file that needs no other."""
    return _PAGE.format(title=escape(title), style=_STYLE, body="\n".join(parts))


def markdown(block: Block, pictures: str) -> str:
    """A block as Markdown. A figure is a link to its PNG file in the folder ``pictures``."""
    return _MARKDOWN[type(block)](block, pictures)


def save_png(picture: Picture, folder: Path) -> None:
    """Write a figure as a PNG file into a folder."""
    picture.figure.savefig(folder / f"{picture.name}.png", dpi=130, format="png", facecolor="white")


def _heading(block: Heading) -> str:
    return f"<h{block.level}>{escape(block.text)}</h{block.level}>"


def _warnings(block: Warnings) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in block.lines)
    return f'<section class="warnings" role="alert"><h2>Warnings</h2><ul>{items}</ul></section>'


def _table(block: Table) -> str:
    classes = [' class="words"' if k < block.words else "" for k in range(len(block.head))]
    head = "".join(f'<th scope="col"{of}>{escape(cell)}</th>' for of, cell in zip(classes, block.head, strict=True))
    lines = []
    for row in block.rows:
        cells = "".join(f"<td{of}>{escape(cell)}</td>" for of, cell in zip(classes[1:], row[1:], strict=True))
        lines.append(f'<tr><th scope="row" class="words">{escape(row[0])}</th>{cells}</tr>')
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def _code(block: Code) -> str:
    return f"<pre><code>{escape(chr(10).join(block.lines))}</code></pre>"


def _picture(block: Picture) -> str:
    label, svg = escape(block.caption, quote=True), _svg(block)
    drawing = f'<div role="img" aria-label="{label}">{svg}</div>'
    return f"<figure>{drawing}<figcaption>{escape(block.caption)}</figcaption></figure>"


def _panels(block: Panels) -> str:
    drawn = [
        f'<figure><figcaption>{escape(one.caption)}</figcaption><div aria-hidden="true">{_svg(one)}</div></figure>'
        for one in block.pictures()
    ]
    label = escape(block.caption, quote=True)
    return f'<div class="panels" role="group" aria-label="{label}">{"".join(drawn)}</div>'


def _image(block: Image) -> str:
    label, data = escape(block.caption, quote=True), base64.b64encode(block.data).decode()
    drawing = f'<img alt="{label}" src="data:image/{block.kind};base64,{data}">'
    return f"<figure>{drawing}<figcaption>{escape(block.caption)}</figcaption></figure>"


def _md_image(block: Image, pictures: str) -> str:
    return f"![{plain_md(block.caption)}]({pictures}/{block.name}.{block.kind})\n\n*{plain_md(block.caption)}*"


def _svg(block: Picture) -> str:
    """The figure as SVG for a page, without what only a file needs; its ids begin with its name, to be unique."""
    from matplotlib import rc_context

    stream = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": block.name}):
        block.figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    text = stream.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r' (xmlns(:\w+)?|version)="[^"]*"', "", text)
    width = block.figure.get_figwidth() * _PIXELS
    text = re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', rf'<svg \1 style="max-width: {width:.0f}px">', text, count=1)
    text = re.sub(r'id="([^"]+)"', rf'id="{block.name}-\1"', text)
    text = re.sub(r'(url\(|href=")#', rf"\1#{block.name}-", text)
    return text.replace(FIGURE_INK, "currentColor")


def plain_md(text: str) -> str:
    """Text as one line of Markdown in which nothing is taken for markup."""
    return re.sub(r"([\\|<>*`\[\]])", r"\\\1", " ".join(text.split("\n")))


def _md_code(block: Code) -> str:
    """Lines between fences that none of them can end."""
    text = "\n".join(block.lines)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}\n{text}\n{fence}"


def _md_table(block: Table, pictures: str) -> str:
    lines = [block.head, *block.rows]
    rows = [f"| {' | '.join(plain_md(cell) for cell in line)} |" for line in lines]
    return "\n".join([rows[0], "|" + "---|" * block.words + "---:|" * (len(block.head) - block.words), *rows[1:]])


def _md_warnings(block: Warnings, pictures: str) -> str:
    return "\n".join(["**Warnings**", "", *(f"- {plain_md(line)}" for line in block.lines)])


_HTML: dict[type, Callable] = {
    Heading: _heading,
    Text: lambda block: f"<p>{escape(block.text)}</p>",
    Warnings: _warnings,
    Table: _table,
    Code: _code,
    Picture: _picture,
    Panels: _panels,
    Image: _image,
}
_MARKDOWN: dict[type, Callable] = {
    Heading: lambda block, pictures: f"{'#' * block.level} {plain_md(block.text)}",
    Text: lambda block, pictures: plain_md(block.text),
    Warnings: _md_warnings,
    Table: _md_table,
    Code: lambda block, pictures: _md_code(block),
    Picture: lambda block, pictures: (
        f"![{plain_md(block.caption)}]({pictures}/{block.name}.png)\n\n*{plain_md(block.caption)}*"
    ),
    Panels: lambda block, pictures: "\n\n".join(markdown(one, pictures) for one in block.pictures()),
    Image: _md_image,
}
_STYLE = """
:root { color-scheme: light dark; --ink: #1b1c1d; --paper: #fff; --soft: #f3f4f6; --line: #d5d8dd;
  --alert: #fff4e0; --edge: #d98200; --quiet: #5b6168; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --paper: #16181b; --soft: #22262b; --line: #3a3f46;
  --alert: #3a2c12; --edge: #e79a2b; --quiet: #a3abb4; } }
body { margin: 0 auto; max-width: 68rem; padding: 1.5rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 1rem; } h2 { font-size: 1.35rem; margin: 2.5rem 0 .5rem; }
h3 { font-size: 1.1rem; margin: 2rem 0 .5rem; } h1, h2, h3 { overflow-wrap: anywhere; }
p { max-width: 46rem; }
.warnings { background: var(--alert); border-left: 5px solid var(--edge); padding: .8rem 1.2rem; border-radius: 4px; }
.warnings h2 { margin: 0; font-size: 1.1rem; } .warnings ul { margin: .4rem 0 0; padding-left: 1.2rem; }
.warnings li { overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .7rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
.words { text-align: left; } td.words { overflow-wrap: anywhere; min-width: 9rem; }
thead th { border-bottom: 2px solid var(--line); vertical-align: bottom; }
tbody th { font-weight: 600; } tbody tr:nth-child(even) { background: var(--soft); }
figure { margin: 1rem 0; } figure img { max-width: 100%; height: auto; }
figure svg { display: block; width: 100%; height: auto; max-height: 90vh; }
figure svg text { font-family: inherit !important; }
figcaption { color: var(--quiet); font-size: .88rem; max-width: 50rem; }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem 1.5rem;
  margin: 1rem 0; }
.panels figure { margin: 0; min-width: 0; }
.panels figcaption { color: var(--ink); font-weight: 600; margin-bottom: .3rem; }
.panels svg { max-width: 34rem !important; }
pre { background: var(--soft); padding: .8rem; overflow-x: auto; border-radius: 4px; font-size: .82rem; }
"""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
