"""Shapes and words as SVG: what is drawn on it has the same calls as a picture's ``Canvas``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from envs.waybill.render.canvas import INK, Colour, Point


class SvgCanvas:
    """Collects SVG elements; ``markup`` is their text, whose coordinates are those that were given."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    @property
    def markup(self) -> str:
        """All that was drawn, without an ``<svg>`` round it."""
        return "".join(self._parts)

    def box(
        self,
        x: float,
        y: float,
        w: float,
        h: float,
        fill: Colour | None,
        *,
        round_by: float = 0.0,
        edge: Colour | None = None,
        line: float = 1.0,
    ) -> None:
        """A rectangle from its upper left corner."""
        corner = f' rx="{_short(round_by)}"' if round_by else ""
        place = f'x="{_short(x)}" y="{_short(y)}" width="{_short(w)}" height="{_short(h)}"'
        self._parts.append(f"<rect {place}{corner}{_paint(fill, edge, line)}/>")

    def disc(
        self, x: float, y: float, r: float, fill: Colour | None, *, edge: Colour | None = None, line: float = 1.0
    ) -> None:
        """A circle round a point."""
        place = f'cx="{_short(x)}" cy="{_short(y)}" r="{_short(r)}"'
        self._parts.append(f"<circle {place}{_paint(fill, edge, line)}/>")

    def shape(self, points: Sequence[Point], fill: Colour) -> None:
        """A filled polygon."""
        self._parts.append(f'<polygon points="{_points(points)}"{_paint(fill, None, 0)}/>')

    def line(self, points: Sequence[Point], colour: Colour, width: float) -> None:
        """A line through points with round ends."""
        ends = ' stroke-linecap="round" stroke-linejoin="round"'
        self._parts.append(f'<polyline points="{_points(points)}"{_paint(None, colour, width)}{ends}/>')

    def arc(self, x: float, y: float, r: float, share: float, colour: Colour, width: float) -> None:
        """A part of a ring, clockwise from the top."""
        steps = max(2, round(48 * share))
        angles = [2 * math.pi * share * k / steps for k in range(steps + 1)]
        self.line([(x + r * math.sin(angle), y - r * math.cos(angle)) for angle in angles], colour, width)

    def text(
        self, x: float, y: float, text: str, size: float, colour: Colour = INK, *, at: str = "lm", bold: bool = False
    ) -> None:
        """A line of text; the first letter of ``at`` is l, m or r."""
        anchor = {"l": "start", "m": "middle", "r": "end"}[at[0]]
        weight = ' font-weight="700"' if bold else ""
        place = f'x="{_short(x)}" y="{_short(y)}" font-size="{_short(size)}" text-anchor="{anchor}"'
        words = escape(text, quote=False)
        self._parts.append(f'<text {place} dominant-baseline="central"{weight}{_paint(colour, None, 0)}>{words}</text>')


def hex_colour(colour: Colour) -> str:
    """A colour as CSS writes it, such as "#d2691e"."""
    return "#" + "".join(f"{int(level):02x}" for level in colour[:3])


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0") if abs(number) >= 0.05 else "0"


def _points(points: Sequence[Point]) -> str:
    return " ".join(f"{_short(x)},{_short(y)}" for x, y in points)


def _paint(fill: Colour | None, edge: Colour | None, line: float) -> str:
    """The attributes of a shape's inside and of its outline."""
    found = f' fill="{"none" if fill is None else hex_colour(fill)}"'
    if fill is not None and len(fill) == 4:
        found += f' fill-opacity="{fill[3] / 255:.2f}"'
    if edge is not None:
        found += f' stroke="{hex_colour(edge)}" stroke-width="{_short(line)}"'
        if len(edge) == 4:
            found += f' stroke-opacity="{edge[3] / 255:.2f}"'
    return found
