"""The land under the board: smooth shores, woods and hills. It never changes in a game, so it is drawn once a map."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageFilter

from envs.waybill.core.state import FOREST, HILL, WATER
from envs.waybill.render.canvas import INK, Canvas, Colour

_MEADOW, _WOOD, _HILL = (221, 230, 186), (186, 209, 152), (217, 203, 166)
_SHORE, _WATER, _DEEP = (236, 222, 172), (150, 198, 224), (132, 185, 216)
_LAYERS = (  # terrain, colour, tiles by which its outline is moved outwards
    (FOREST, _WOOD, 0.0),
    (HILL, _HILL, 0.0),
    (WATER, _SHORE, 0.16),
    (WATER, _WATER, 0.0),
    (WATER, _DEEP, -0.3),
)


def ground(terrain: np.ndarray, *, tile: float, unit: float) -> Image.Image:
    """The land as a picture.

    Args:
        terrain: int8 [side, side].
        tile: size of a tile in frame units.
        unit: pixels per frame unit.
    """
    return _ground(terrain.astype(np.int8).tobytes(), terrain.shape[0], tile, unit)


@lru_cache(maxsize=4)
def _ground(terrain_bytes: bytes, side: int, tile: float, unit: float) -> Image.Image:
    terrain = np.frombuffer(terrain_bytes, np.int8).reshape(side, side)
    canvas = Canvas(width=side * tile, height=side * tile, scale=unit / 2, colour=_MEADOW)
    for kind, colour, grow in _LAYERS:
        canvas.image.paste(colour, mask=_smooth(terrain == kind, canvas.image.size, grow))
    rng = np.random.default_rng(int(terrain.astype(np.int64).sum()) * 7919 + side)
    for row in range(side):
        for column in range(side):
            _grow(canvas, int(terrain[row, column]), column * tile, row * tile, tile, rng)
    line: Colour = (*INK, 16)
    for k in range(1, side):
        canvas.line([(k * tile, 0), (k * tile, side * tile)], line, 0.8)
        canvas.line([(0, k * tile), (side * tile, k * tile)], line, 0.8)
    return canvas.image


def _smooth(mask: np.ndarray, size: tuple[int, int], grow: float) -> Image.Image:
    """A mask of tiles with rounded outlines; ``grow`` moves the outline, in tiles."""
    fine = 16
    padded = np.pad(mask, 1, mode="edge").repeat(fine, 0).repeat(fine, 1)
    small = Image.fromarray((padded * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(fine * 0.3))
    small = small.crop((fine, fine, small.width - fine, small.height - fine))
    large = small.resize(size, Image.Resampling.BICUBIC)
    middle = 128 - 128 * grow * 1.25
    return large.point([int(min(255, max(0, (value - middle) * 12 + 128))) for value in range(256)])


def _grow(c: Canvas, kind: int, x: float, y: float, t: float, rng: np.random.Generator) -> None:
    """What stands on one tile of land: trees, hills, waves, a tuft of grass."""
    shift = rng.uniform(-0.06, 0.06, (3, 2)) * t
    if kind == FOREST:
        for (dx, dy), (sx, sy) in zip(((0.3, 0.42), (0.7, 0.5), (0.47, 0.8)), shift, strict=True):
            _tree(c, x + dx * t + sx, y + dy * t + sy, t * 0.3)
    elif kind == HILL:
        for (dx, dy, w), (sx, sy) in zip(((0.36, 0.5, 0.56), (0.66, 0.76, 0.48)), shift[:2], strict=True):
            _mound(c, x + dx * t + sx, y + dy * t + sy, w * t)
    elif kind == WATER:
        for (dx, dy), (sx, sy) in zip(((0.28, 0.34), (0.6, 0.68)), shift[:2], strict=True):
            left, top = x + dx * t + sx, y + dy * t + sy
            points = [(left + k * 0.075 * t, top + (0.03 * t if k % 2 else 0.0)) for k in range(4)]
            c.line(points, (214, 235, 246, 190), 0.03 * t)
    elif rng.random() < 0.4:
        left, top = x + 0.5 * t + 4 * shift[0, 0], y + 0.5 * t + 4 * shift[0, 1]
        for k in (-1, 0, 1):
            c.line([(left, top), (left + k * 0.05 * t, top - 0.09 * t)], (176, 192, 132), 0.02 * t)


def _tree(c: Canvas, x: float, y: float, size: float) -> None:
    c.disc(x, y + 0.04 * size, 0.32 * size, (60, 90, 50, 50))
    c.box(x - 0.06 * size, y - 0.2 * size, 0.12 * size, 0.26 * size, (112, 84, 60))
    for low, half, colour in (
        (-0.1, 0.42, (84, 132, 80)),
        (-0.42, 0.34, (98, 148, 90)),
        (-0.72, 0.24, (114, 164, 102)),
    ):
        top = y + low * size
        c.shape([(x - half * size, top), (x + half * size, top), (x, top - 0.5 * size)], colour)


def _mound(c: Canvas, x: float, y: float, w: float) -> None:
    steps = np.linspace(-1.0, 1.0, 13)
    outline = [(x + float(u) * w / 2, y - float(np.cos(u * np.pi / 2)) * w * 0.55) for u in steps]
    c.shape(outline, (184, 158, 116))
    lit = [(x + float(u) * w / 2 - 0.02 * w, y - float(np.cos(u * np.pi / 2)) * w * 0.55) for u in steps[:8]]
    c.shape([*lit, (x - 0.1 * w, y)], (204, 182, 140))
