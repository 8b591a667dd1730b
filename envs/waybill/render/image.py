"""A state as a picture: the map on the left, the books on the right, the order below."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.core.levels import LevelConfig
from envs.waybill.maps.pool import MapPool
from envs.waybill.render.board import Board
from envs.waybill.render.canvas import AMBER, BLUE, CARD, FAINT, GREEN, INK, PAPER, RED, RULE, WHITE, Canvas
from envs.waybill.render.icons import CART_COLOURS, RIVAL_COLOURS, shade
from envs.waybill.render.panel import Panel
from envs.waybill.render.scene import Candidate, look
from envs.waybill.render.words import describe_order
from groundwork.errors import WaybillError

WIDTH, HEIGHT = 1140, 740  # frame units, the same for every level
_MAP = 640
# What a reduced palette must keep: small in area, but their colour is what they say.
KEY_COLOURS = (
    *(INK, FAINT, PAPER, CARD, RULE, WHITE, GREEN, RED, AMBER, BLUE),
    *RIVAL_COLOURS,
    *(colour for cart in CART_COLOURS for colour in (cart, shade(cart, 1.2))),
)


def to_image(
    state: Any,
    pool: MapPool,
    level_config: LevelConfig,
    *,
    order: Any = None,
    candidates: list[Candidate] | None = None,
    values: str = "Q-values",
    scale: float = 1.0,
) -> np.ndarray:
    """One state as a picture, uint8 [740 · scale, 1140 · scale, 3].

    Args:
        state: STATE record, or an array of one; ``pool`` is the map pool it points into.
        order: ORDER record given in this state, if it is to be told.
        candidates: (text, value, chosen) of the orders that the policy weighed; ``values`` says what they are.
        scale: pixels per frame unit, 0.25 to 4.

    Raises:
        WaybillError: if the scale is out of range.
    """
    if not 0.25 <= scale <= 4:
        raise WaybillError(f"scale={scale} of a picture is not in 0.25..4")
    scene = look(state, pool, level_config)
    canvas = Canvas(width=WIDTH, height=HEIGHT, scale=scale, colour=PAPER)
    Board(canvas=canvas, scene=scene, x=26, y=24, size=_MAP).draw()
    told = "" if order is None else describe_order(order, scene.state, pool, level_config)
    top = 24 + _MAP + 12
    canvas.box(26, top, _MAP, HEIGHT - top - 14, CARD, round_by=7, edge=RULE, line=1)
    middle = (top + HEIGHT - 14) / 2
    canvas.text(40, middle, "ORDER", 10.5, FAINT, bold=True)
    canvas.text(92, middle, told[:1].upper() + told[1:] or "–", 16, INK if told else FAINT, most=_MAP - 80)
    width, bottom = WIDTH - 684 - 16, HEIGHT - 14
    Panel(canvas=canvas, scene=scene, x=684, y=14, width=width, bottom=bottom, values=values).draw(candidates)
    return np.asarray(canvas.finish())
