"""Small pictures of boards for the diagnostics, drawn by the painter: a game as an animation, boards side by side."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.state import STATE
from envs.waybill.maps.pool import MapPool, make_pool
from envs.waybill.render.board import Board
from envs.waybill.render.canvas import INK, PAPER, Canvas
from envs.waybill.render.scene import look
from envs.waybill.render.words import describe_order

SIDE, SMALL, MARGIN, CAPTION = 320, 220, 18, 22  # of a board, in pixels
MOST_FRAMES, COLOURS, FRAME_MS, HOLD_MS = 32, 96, 250, 2500


class Snapshot(NamedTuple):
    """One state to be drawn: its bytes, the seed of its map, and a line of words above it."""

    state: bytes  # of a STATE record
    map_seed: int
    caption: str


def animation(level: LevelConfig, map_seed: int, states: Sequence[bytes], orders: np.ndarray) -> bytes:
    """A GIF of a game from its states [T + 1] and the own orders [T], ORDER records: at most 32 turns of it."""
    pool = make_pool(level.record(), np.array([map_seed], np.uint64))
    shown = np.unique(np.linspace(0, len(states) - 1, min(MOST_FRAMES, len(states))).round().astype(int)).tolist()
    frames = []
    for turn in shown:
        state = _record(states[turn], 0)
        told = describe_order(orders[turn], state, pool, level) if turn < len(orders) else "the end"
        frames.append(_board(state, pool, level, f"turn {turn}, cash {_cash(state)}: {told}"))
    palette = frames[len(frames) // 2].quantize(COLOURS)
    first, *others = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    out, durations = io.BytesIO(), [FRAME_MS] * len(others) + [HOLD_MS]
    first.save(out, "GIF", save_all=True, append_images=others, duration=durations, loop=0)
    return out.getvalue()


def board_sheet(
    level: LevelConfig, rows: Sequence[Sequence[Snapshot]], titles: Sequence[str] = (), side: int = SIDE
) -> bytes:
    """A PNG of rows of boards of ``side`` pixels, each row below its title."""
    seeds = sorted({one.map_seed for row in rows for one in row})
    pool = make_pool(level.record(), np.array(seeds, np.uint64))
    high = side + 2 * MARGIN + CAPTION
    titled = CAPTION if titles else 0
    wide = max(map(len, rows)) * (side + 2 * MARGIN)
    sheet = Image.new("RGB", (wide, len(rows) * (high + titled)), PAPER)
    for k, row in enumerate(rows):
        if titles:
            canvas = Canvas(width=wide, height=CAPTION, scale=1, colour=PAPER)
            canvas.text(MARGIN, CAPTION / 2, titles[k], 13, INK, bold=True)
            sheet.paste(canvas.finish(), (0, k * (high + titled)))
        for j, one in enumerate(row):
            state = _record(one.state, seeds.index(one.map_seed))
            board = _board(state, pool, level, one.caption, side)
            sheet.paste(board, (j * (side + 2 * MARGIN), k * (high + titled) + titled))
    out = io.BytesIO()
    sheet.quantize(128).save(out, "PNG", optimize=True)
    return out.getvalue()


def _record(state: bytes, row: int) -> Any:
    """The STATE record, on the map in that row of the pool."""
    record = np.frombuffer(state, STATE).copy().view(np.recarray)
    record["map"] = row
    return record[0]


def _cash(state: Any) -> str:
    return f"{int(state['companies'][0]['cash']):,}"


def _board(state: Any, pool: MapPool, level: LevelConfig, caption: str, side: int = SIDE) -> Image.Image:
    """One board below a line of words."""
    wide = side + 2 * MARGIN
    canvas = Canvas(width=wide, height=wide + CAPTION, scale=1, colour=PAPER)
    canvas.text(MARGIN, CAPTION / 2, caption, 11, INK, most=side)
    Board(canvas=canvas, scene=look(state, pool, level), x=MARGIN, y=CAPTION + MARGIN, size=side).draw()
    return canvas.finish()
