"""A picture drawn twice as large as it will be and then halved, for smooth edges. Lengths are in frame units."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from PIL import Image, ImageDraw, ImageFont

from groundwork.errors import WaybillError

Colour = tuple[int, ...]  # red, green, blue, and opacity where it is not 255
Point = tuple[float, float]

INK, FAINT, PAPER, CARD, RULE = (45, 48, 56), (128, 131, 140), (244, 241, 234), (255, 254, 251), (226, 222, 212)
GREEN, RED, AMBER, BLUE, WHITE = (63, 140, 92), (196, 74, 64), (226, 158, 52), (46, 104, 160), (255, 255, 255)
OVERSAMPLING = 2


class Drawing(Protocol):
    """What shapes can be drawn on: a picture, or SVG. See ``Canvas`` for the arguments."""

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

    def disc(
        self, x: float, y: float, r: float, fill: Colour | None, *, edge: Colour | None = None, line: float = 1.0
    ) -> None:
        """A circle round a point."""

    def shape(self, points: Sequence[Point], fill: Colour) -> None:
        """A filled polygon."""

    def line(self, points: Sequence[Point], colour: Colour, width: float) -> None:
        """A line through points with round ends."""

    def arc(self, x: float, y: float, r: float, share: float, colour: Colour, width: float) -> None:
        """A part of a ring, clockwise from the top."""

    def text(
        self, x: float, y: float, text: str, size: float, colour: Colour = INK, *, at: str = "lm", bold: bool = False
    ) -> None:
        """A line of text."""


@lru_cache(maxsize=64)
def _font(pixels: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size=pixels)
    if not isinstance(font, ImageFont.FreeTypeFont):  # Pillow without FreeType has one bitmap size only
        raise WaybillError("drawing pictures needs a Pillow that was built with FreeType")
    return font


class Canvas:
    """Shapes and words on a picture.

    Args:
        width, height: size in frame units.
        scale: pixels per frame unit.
        colour: of the empty picture.
    """

    def __init__(self, *, width: float, height: float, scale: float, colour: Colour) -> None:
        self.size = (round(width * scale), round(height * scale))
        self.unit = scale * OVERSAMPLING
        self.image = Image.new("RGB", (self.size[0] * OVERSAMPLING, self.size[1] * OVERSAMPLING), colour)
        self._draw = ImageDraw.Draw(self.image, "RGBA")

    def finish(self) -> Image.Image:
        """The picture at its own size."""
        return self.image.reduce(OVERSAMPLING)

    def pixels(self, length: float) -> int:
        """A length in pixels of the large picture, at least one."""
        return max(1, round(length * self.unit))

    def _scaled(self, points: Sequence[Point]) -> list[Point]:
        return [(x * self.unit, y * self.unit) for x, y in points]

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
        if w <= 0 or h <= 0:
            return
        (left, top), (right, bottom) = self._scaled([(x, y), (x + w, y + h)])
        corners = (left, top, max(left, right - 1), max(top, bottom - 1))
        width = self.pixels(line) if edge is not None else 0
        self._draw.rounded_rectangle(corners, min(round_by, w / 2, h / 2) * self.unit, fill, edge, width)

    def disc(
        self, x: float, y: float, r: float, fill: Colour | None, *, edge: Colour | None = None, line: float = 1.0
    ) -> None:
        """A circle round a point."""
        (left, top), (right, bottom) = self._scaled([(x - r, y - r), (x + r, y + r)])
        self._draw.ellipse((left, top, right, bottom), fill, edge, self.pixels(line) if edge is not None else 0)

    def shape(self, points: Sequence[Point], fill: Colour) -> None:
        """A filled polygon."""
        self._draw.polygon(self._scaled(points), fill)

    def line(self, points: Sequence[Point], colour: Colour, width: float) -> None:
        """A line through points with round ends."""
        scaled, pixels = self._scaled(points), self.pixels(width)
        self._draw.line(scaled, colour, pixels, joint="curve")
        if pixels > 2 and len(colour) == 3:
            for x, y in (scaled[0], scaled[-1]):
                r = pixels / 2 - 0.5
                self._draw.ellipse((x - r, y - r, x + r, y + r), colour)

    def arc(self, x: float, y: float, r: float, share: float, colour: Colour, width: float) -> None:
        """A part of a ring, clockwise from the top."""
        (left, top), (right, bottom) = self._scaled([(x - r, y - r), (x + r, y + r)])
        self._draw.arc((left, top, right, bottom), -90, -90 + 360 * share, colour, self.pixels(width))

    def width_of(self, text: str, size: float) -> float:
        """Length of a line of text in frame units."""
        return _font(self.pixels(size)).getlength(text) / self.unit

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        colour: Colour = INK,
        *,
        at: str = "lm",
        bold: bool = False,
        most: float | None = None,
    ) -> None:
        """A line of text; ``at`` is Pillow's anchor, ``most`` the length at which it is cut off with an ellipsis."""
        text = text.replace("→", ">").replace("–", "-")  # Pillow's own font has no such signs
        if most is not None and self.width_of(text, size) > most:
            while text and self.width_of(text + "…", size) > most:
                text = text[:-1]
            text = text.rstrip() + "…"
        stroke = int(size * self.unit / 26) if bold else 0  # none in small print, where it would only smear
        where = (x * self.unit, y * self.unit)
        self._draw.text(where, text, colour, _font(self.pixels(size)), at, stroke_width=stroke, stroke_fill=colour)
