"""The things on the board, each drawn round a point: goods, deposits, buildings, towns, carts."""

from __future__ import annotations

from collections.abc import Callable

from envs.waybill.render.canvas import AMBER, INK, WHITE, Colour, Drawing

CART_COLOURS = ((208, 84, 56), (46, 104, 160), (128, 78, 150), (34, 128, 116), (190, 128, 26), (172, 62, 108))
RIVAL_COLOURS = ((66, 72, 100), (140, 38, 62), (88, 98, 30))  # of the seats 1, 2 and 3
_DARK = (72, 60, 52)
_GOODS: dict[str, tuple[str, Colour]] = {
    "wood": ("log", (150, 100, 58)),
    "ore": ("rock", (132, 128, 140)),
    "coal": ("rock", (62, 62, 70)),
    "stone": ("rock", (168, 162, 150)),
    "clay": ("rock", (190, 116, 82)),
    "planks": ("boards", (214, 164, 100)),
    "iron": ("ingot", (120, 142, 168)),
    "steel": ("ingot", (88, 106, 132)),
    "tools": ("tool", (176, 92, 60)),
}
_OTHER = ((98, 150, 82), (206, 170, 60), (150, 92, 160), (70, 140, 170), (200, 96, 96), (110, 110, 60))


def good_colour(name: str, number: int) -> Colour:
    """The colour that stands for a good."""
    return _GOODS[name][1] if name in _GOODS else _OTHER[number % len(_OTHER)]


def shade(colour: Colour, share: float) -> Colour:
    """A colour made darker (share < 1) or lighter (share > 1)."""
    if share <= 1:
        return tuple(int(c * share) for c in colour[:3])
    return tuple(int(255 - (255 - c) * (2 - share)) for c in colour[:3])


def good(c: Drawing, x: float, y: float, r: float, name: str, number: int) -> None:
    """A good, inside a circle of radius r. Goods without a drawing of their own are a disc with their initial."""
    kind, colour = _GOODS.get(name, ("letter", good_colour(name, number)))
    _DRAWN[kind](c, x, y, r, colour)
    if kind == "letter":
        c.text(x, y, name[:1].upper(), r * 1.25, WHITE, at="mm", bold=True)


def _log(c: Drawing, x: float, y: float, r: float, colour: Colour) -> None:
    for dx, dy in ((-0.48, 0.42), (0.48, 0.42), (0.0, -0.38)):
        c.disc(x + dx * r, y + dy * r, r * 0.5, shade(colour, 0.72))
        c.disc(x + dx * r, y + dy * r, r * 0.37, shade(colour, 1.55))
        c.disc(x + dx * r, y + dy * r, r * 0.16, shade(colour, 1.1))


def _rock(c: Drawing, x: float, y: float, r: float, colour: Colour) -> None:
    outline = ((-0.95, 0.6), (-0.75, -0.25), (-0.2, -0.85), (0.5, -0.6), (0.95, 0.1), (0.8, 0.7))
    c.shape([(x + px * r, y + py * r) for px, py in outline], shade(colour, 0.72))
    light = ((-0.75, -0.25), (-0.2, -0.85), (0.5, -0.6), (0.1, -0.05), (-0.5, 0.15))
    c.shape([(x + px * r, y + py * r) for px, py in light], shade(colour, 1.4))
    face = ((0.1, -0.05), (0.5, -0.6), (0.95, 0.1), (0.45, 0.35))
    c.shape([(x + px * r, y + py * r) for px, py in face], colour)


def _boards(c: Drawing, x: float, y: float, r: float, colour: Colour) -> None:
    for k, dx in enumerate((0.08, -0.08, 0.08)):
        top = y + (-0.82 + 0.56 * k) * r
        c.box(x + (dx - 0.9) * r, top, 1.8 * r, 0.48 * r, shade(colour, (1.0, 0.88, 1.08)[k]), round_by=0.08 * r)
        c.box(x + (dx + 0.55) * r, top, 0.35 * r, 0.48 * r, shade(colour, 0.7), round_by=0.08 * r)


def _ingot(c: Drawing, x: float, y: float, r: float, colour: Colour) -> None:
    for dx, dy in ((-0.42, 0.4), (0.42, 0.4), (0.0, -0.25)):
        px, py = x + dx * r, y + dy * r
        base = [(px - 0.5 * r, py + 0.3 * r), (px + 0.5 * r, py + 0.3 * r), (px + 0.34 * r, py - 0.3 * r)]
        c.shape([*base, (px - 0.34 * r, py - 0.3 * r)], shade(colour, 0.72))
        c.shape(
            [(px - 0.34 * r, py - 0.3 * r), (px + 0.34 * r, py - 0.3 * r), (px + 0.4 * r, py), (px - 0.4 * r, py)],
            shade(colour, 1.35),
        )


def _tool(c: Drawing, x: float, y: float, r: float, colour: Colour) -> None:
    c.line([(x - 0.6 * r, y + 0.75 * r), (x + 0.3 * r, y - 0.35 * r)], colour, 0.3 * r)
    c.shape(
        [
            (x - 0.25 * r, y - 0.75 * r),
            (x + 0.3 * r, y - 0.9 * r),
            (x + 0.9 * r, y - 0.1 * r),
            (x + 0.5 * r, y + 0.15 * r),
        ],
        INK,
    )


def _letter(c: Drawing, x: float, y: float, r: float, colour: Colour) -> None:
    c.disc(x, y, r * 0.9, colour, edge=shade(colour, 0.7), line=0.14 * r)


_DRAWN: dict[str, Callable[[Drawing, float, float, float, Colour], None]] = {
    "log": _log, "rock": _rock, "boards": _boards, "ingot": _ingot, "tool": _tool, "letter": _letter,
}  # fmt: skip


def extractor(c: Drawing, x: float, y: float, t: float) -> None:
    """A winding tower over a deposit, on a tile of size t."""
    foot, head = y + 0.3 * t, y - 0.3 * t
    c.line([(x - 0.3 * t, foot), (x - 0.05 * t, head)], _DARK, 0.055 * t)
    c.line([(x + 0.3 * t, foot), (x + 0.05 * t, head)], _DARK, 0.055 * t)
    for level, half in ((0.0, 0.165), (0.17, 0.235)):
        c.line([(x - half * t, y + level * t), (x + half * t, y + level * t)], _DARK, 0.04 * t)
    c.disc(x, head, 0.11 * t, (236, 200, 110), edge=_DARK, line=0.045 * t)


def workshop(c: Drawing, x: float, y: float, t: float, *, working: bool) -> None:
    """A brick hall with a saw-tooth roof; its chimney smokes while it works."""
    brick, roof = (182, 98, 74), (96, 64, 60)
    left, floor = x - 0.38 * t, y + 0.36 * t
    if working:
        for k, (dx, dy) in enumerate(((0.0, 0.0), (0.07, -0.09), (0.17, -0.15))):
            c.disc(left + (0.12 + dx) * t, y + (-0.42 + dy) * t, (0.055 + 0.018 * k) * t, (250, 250, 250, 210 - 40 * k))
    c.box(left + 0.06 * t, y - 0.38 * t, 0.12 * t, 0.4 * t, shade(brick, 0.75))
    for k in range(3):
        start = left + 0.253 * k * t
        c.shape(
            [
                (start, y - 0.02 * t),
                (start + 0.253 * t, y - 0.22 * t),
                (start + 0.253 * t, y + 0.05 * t),
                (start, y + 0.05 * t),
            ],
            roof,
        )
    c.box(left, y - 0.02 * t, 0.76 * t, floor - y + 0.02 * t, brick)
    c.box(left, y - 0.02 * t, 0.76 * t, 0.035 * t, shade(brick, 1.35))


def town(c: Drawing, x: float, y: float, t: float) -> None:
    """Three houses and a church."""
    for dx, dy, w, wall, roof in (
        (-0.27, -0.02, 0.3, (238, 222, 190), (178, 74, 62)),
        (0.24, -0.06, 0.3, (228, 208, 176), (160, 66, 60)),
        (-0.04, 0.16, 0.36, (248, 236, 208), (196, 88, 68)),
    ):
        left, top, w, h = x + (dx - w / 2) * t, y + dy * t, w * t, 0.22 * t
        c.box(left, top, w, h, wall)
        c.shape([(left - 0.03 * t, top), (left + w / 2, top - 0.17 * t), (left + w + 0.03 * t, top)], roof)
        c.box(left + w * 0.42, top + h * 0.4, w * 0.2, h * 0.6, shade(wall, 0.62))
    c.box(x - 0.03 * t, y - 0.3 * t, 0.12 * t, 0.28 * t, (240, 230, 206))
    c.shape([(x - 0.05 * t, y - 0.3 * t), (x + 0.03 * t, y - 0.48 * t), (x + 0.11 * t, y - 0.3 * t)], (112, 84, 84))


def scaffold(c: Drawing, x: float, y: float, t: float, share: float) -> None:
    """Building work over a tile; ``share`` of it is done."""
    c.box(x - 0.42 * t, y - 0.42 * t, 0.84 * t, 0.84 * t, (250, 244, 226, 150), round_by=0.1 * t)
    for k in range(3):
        across = x + (-0.34 + 0.34 * k) * t
        c.line([(across, y - 0.36 * t), (across, y + 0.36 * t)], (*AMBER, 230), 0.03 * t)
        down = y + (-0.3 + 0.3 * k) * t
        c.line([(x - 0.38 * t, down), (x + 0.38 * t, down)], (*AMBER, 230), 0.03 * t)
    c.disc(x, y, 0.25 * t, CARD_BACK)
    c.arc(x, y, 0.25 * t, 1.0, (224, 214, 190), 0.07 * t)
    c.arc(x, y, 0.25 * t, share, AMBER, 0.07 * t)


CARD_BACK: Colour = (255, 253, 246)


def flag(c: Drawing, x: float, y: float, size: float, seat: int) -> None:
    """A rival's pennant, the foot of its pole at a point."""
    colour, top = RIVAL_COLOURS[(seat - 1) % len(RIVAL_COLOURS)], y - size
    c.line([(x, y), (x, top)], WHITE, 0.2 * size)
    c.line([(x, y), (x, top)], _DARK, 0.09 * size)
    for grow, fill in ((0.12, WHITE), (0.0, colour)):
        wide, high = (0.95 + grow) * size, (0.3 + 0.6 * grow) * size
        c.shape([(x, top + 0.3 * size - high), (x + wide, top + 0.3 * size), (x, top + 0.3 * size + high)], fill)


def rival_cart(c: Drawing, x: float, y: float, size: float, seat: int, load: tuple[str, int, int] | None) -> None:
    """A rival's cart: smaller and rounder than the own ones, in the rival's colour."""
    colour = RIVAL_COLOURS[(seat - 1) % len(RIVAL_COLOURS)]
    if load is not None:
        good(c, x, y - 0.34 * size, 0.26 * size, load[0], load[1])
    c.box(x - 0.4 * size, y - 0.16 * size, 0.8 * size, 0.36 * size, colour, round_by=0.18 * size, edge=WHITE, line=1.0)
    for dx in (-0.2, 0.2):
        c.disc(x + dx * size, y + 0.22 * size, 0.12 * size, (60, 52, 50), edge=WHITE, line=0.6)


def cart(c: Drawing, x: float, y: float, size: float, number: int, load: tuple[str, int, int] | None) -> None:
    """A cart with its number; ``load`` is (good, the good's number, units)."""
    colour = CART_COLOURS[number % len(CART_COLOURS)]
    if load is not None:
        good(c, x, y - 0.42 * size, 0.34 * size, load[0], load[1])
    c.box(x - 0.5 * size, y - 0.2 * size, size, 0.46 * size, colour, round_by=0.1 * size, edge=WHITE, line=0.07 * size)
    for dx in (-0.28, 0.28):
        c.disc(x + dx * size, y + 0.3 * size, 0.16 * size, (60, 52, 50), edge=WHITE, line=0.05 * size)
    c.text(x, y + 0.02 * size, str(number), 0.46 * size, WHITE, at="mm", bold=True)
