"""Blocks as HTML and Markdown: nothing is fetched, nothing is taken for markup, figures follow the page's colours."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image
from reports import Page

from experiments.reports.page import (
    FIGURE_INK,
    Code,
    Heading,
    Picture,
    Table,
    Text,
    Warnings,
    html,
    markdown,
    page,
    save_png,
)


def picture(name: str) -> Picture:
    figure = Figure(figsize=(4, 2))
    axes = figure.subplots()
    axes.fill_between([0, 1], [0, 1], clip_on=True)
    axes.set_title("sales < costs & more", color=FIGURE_INK)
    return Picture(name, 'Sales "over" <time>', figure)


BLOCKS = [
    Heading("Runs <1>", 1),
    Warnings(["Seeds 1 & 2 are *missing*"]),
    Text("a | b"),
    Table(["arm", "mean"], [["x|y=[1]", "1,000"], ["<b>", "2"]]),
    Code(["python train.py 'a=<1>'"]),
    picture("one"),
    picture("two"),
]


def test_a_page_needs_nothing_else() -> None:
    text = page("Runs <1>", [html(block) for block in BLOCKS])
    found = Page(text)
    assert found.drawings == 2
    assert found.outside == []
    assert Page('<img src="x.png"><link href="https://a.b/c.css"><a href="#d">').outside == [
        "x.png",
        "https://a.b/c.css",
    ]
    assert "://" not in text
    assert "<script" not in text
    assert "@import" not in text


def test_text_is_no_markup() -> None:
    text = page("Runs <1>", [html(block) for block in BLOCKS])
    found = Page(text)
    assert found.headings == ["Runs <1>", "Warnings"]
    assert found.warnings == ["Seeds 1 & 2 are *missing*"]
    assert found.rows("Warnings") == {"x|y=[1]": {"mean": "1,000"}, "<b>": {"mean": "2"}}
    assert "python train.py &#x27;a=&lt;1&gt;&#x27;" in text
    assert 'aria-label="Sales &quot;over&quot; &lt;time&gt;"' in text


def test_drawings_have_names_of_their_own_and_the_pages_ink() -> None:
    found = Page(page("", [html(block) for block in BLOCKS]))
    assert len(found.ids) == len(set(found.ids)) > 10
    drawn = html(BLOCKS[-1])
    assert FIGURE_INK not in drawn
    assert "currentColor" in drawn
    for reference in drawn.split("url(#")[1:]:
        assert f'id="{reference.partition(")")[0]}"' in drawn
    assert "sales &lt; costs &amp; more" in drawn  # text stays text


def test_markdown_says_the_same() -> None:
    lines = "\n\n".join(markdown(block, "figures") for block in BLOCKS).splitlines()
    assert lines[0] == "# Runs \\<1\\>"
    assert "- Seeds 1 & 2 are \\*missing\\*" in lines
    assert "a \\| b" in lines
    table = lines[lines.index("| arm | mean |") :]
    assert table[1:4] == ["|---|---:|", "| x\\|y=\\[1\\] | 1,000 |", "| \\<b\\> | 2 |"]
    assert "python train.py 'a=<1>'" in lines
    assert '![Sales "over" \\<time\\>](figures/one.png)' in lines


def test_a_figure_is_saved_on_white(tmp_path: Path) -> None:
    save_png(picture("one"), tmp_path)
    with Image.open(tmp_path / "one.png") as image:
        assert image.size == (520, 260)
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
