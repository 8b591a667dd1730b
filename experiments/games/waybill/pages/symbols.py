"""The pictures of a page, drawn by the code that draws animations: the land as an image, all else as SVG symbols."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from functools import partial

import numpy as np

from envs.waybill.core.levels import LevelConfig
from envs.waybill.render import icons
from envs.waybill.render.ground import ground
from envs.waybill.render.svg import SvgCanvas

_SIZE = 100.0  # of a symbol's box, whose middle is 0,0
_LAND_PIXELS, _QUALITY = 1024, 80


def land_image(terrain: np.ndarray) -> str:
    """The land int8 [side, side] as an image in a data URI."""
    side = terrain.shape[0]
    picture = ground(terrain, tile=_LAND_PIXELS / side, unit=2.0).reduce(2)
    stream = io.BytesIO()
    picture.save(stream, "WEBP", quality=_QUALITY, method=6)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode()


def symbol_sheet(level: LevelConfig) -> str:
    """``<symbol>`` elements for all that stands or drives on the board; their ids begin with ``s-``."""
    whole, drawn = _SIZE, dict[str, str]()
    drawn["town"] = _drawn(partial(icons.town, x=0, y=0, t=whole))
    drawn["extractor"] = _drawn(partial(icons.extractor, x=0, y=0, t=whole))
    drawn["workshop"] = _drawn(partial(icons.workshop, x=0, y=0, t=whole, working=False))
    drawn["scaffold"] = _drawn(partial(icons.scaffold, x=0, y=0, t=whole, share=0.0))
    for number, name in enumerate(level.goods):
        drawn[f"good-{number}"] = _drawn(partial(icons.good, x=0, y=0, r=0.48 * whole, name=name, number=number))
    for number in range(level.max_carts):
        drawn[f"cart-{number}"] = _drawn(partial(icons.cart, x=0, y=0, size=0.9 * whole, number=number, load=None))
    for seat in range(1, 1 + len(level.rivals)):
        flag = partial(icons.flag, x=-0.3 * whole, y=0.45 * whole, size=0.8 * whole, seat=seat)
        drawn[f"flag-{seat}"] = _drawn(flag)
        drawn[f"rival-cart-{seat}"] = _drawn(partial(icons.rival_cart, x=0, y=0, size=whole, seat=seat, load=None))
    half = whole / 2
    box = f'viewBox="{-half:.0f} {-half:.0f} {whole:.0f} {whole:.0f}" overflow="visible"'
    return "".join(f'<symbol id="s-{name}" {box}>{markup}</symbol>' for name, markup in drawn.items())


def _drawn(draw: Callable[[SvgCanvas], None]) -> str:
    """The markup of what is drawn on an empty canvas."""
    canvas = SvgCanvas()
    draw(canvas)
    return canvas.markup
