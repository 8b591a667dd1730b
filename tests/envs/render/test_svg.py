"""What icons draw as SVG: sound XML, every icon, and numbers with few digits."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest

from envs.waybill.render import icons
from envs.waybill.render.svg import SvgCanvas, hex_colour

DRAWN: dict[str, Callable[[Any], None]] = {
    "town": lambda c: icons.town(c, 0, 0, 100),
    "extractor": lambda c: icons.extractor(c, 0, 0, 100),
    "workshop": lambda c: icons.workshop(c, 0, 0, 100, working=True),
    "scaffold": lambda c: icons.scaffold(c, 0, 0, 100, 0.5),
    "flag": lambda c: icons.flag(c, 0, 0, 50, 2),
    "cart": lambda c: icons.cart(c, 0, 0, 50, 3, ("wood", 0, 4)),
    "rival's cart": lambda c: icons.rival_cart(c, 0, 0, 50, 1, None),
    "a good without a drawing": lambda c: icons.good(c, 0, 0, 20, "<b>", 5),
}


@pytest.mark.parametrize("name", DRAWN)
def test_icons_are_sound_svg(name: str) -> None:
    canvas = SvgCanvas()
    DRAWN[name](canvas)
    root = ElementTree.fromstring(f"<svg>{canvas.markup}</svg>")
    assert len(root) >= 1
    assert {node.tag for node in root} <= {"rect", "circle", "polygon", "polyline", "text"}
    assert not re.search(r"\d\.\d{3}", canvas.markup)


def test_shapes_are_written_as_they_are_given() -> None:
    canvas = SvgCanvas()
    canvas.box(1, 2.04, 3.25, 4, (255, 0, 16, 51), round_by=2, edge=(0, 0, 0), line=1)
    canvas.text(0, 0, "<&>", 9, at="mm", bold=True)
    assert canvas.markup == (
        '<rect x="1" y="2" width="3.2" height="4" rx="2" fill="#ff0010" fill-opacity="0.20" stroke="#000000" '
        'stroke-width="1"/><text x="0" y="0" font-size="9" text-anchor="middle" dominant-baseline="central" '
        'font-weight="700" fill="#2d3038">&lt;&amp;&gt;</text>'
    )
    assert hex_colour((210, 105, 30, 9)) == "#d2691e"
