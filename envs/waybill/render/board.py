"""The map in a picture: routes, deposits, towns, buildings and carts on the land."""

from __future__ import annotations

from typing import Any

from envs.waybill.core import state as st
from envs.waybill.render import icons, words
from envs.waybill.render.canvas import CARD, FAINT, INK, PAPER, RULE, WHITE, Canvas, Colour
from envs.waybill.render.ground import ground
from envs.waybill.render.scene import Scene


class Board:
    """Draws one scene's map into a square of the canvas.

    Args:
        x, y, size: the square in frame units; room for the numbers of rows and columns is left outside it.
    """

    def __init__(self, *, canvas: Canvas, scene: Scene, x: float, y: float, size: float) -> None:
        self.c, self.scene, self.x, self.y = canvas, scene, x, y
        self.size, self.t = size, size / scene.side
        self.icon = max(28.0, self.t)  # sites lie two tiles apart, so they may stand over a small tile's edge
        self.small = max(8.5, min(12.0, 0.2 * self.t))  # text on the map

    def draw(self) -> None:
        """Draw the whole map, the ground first."""
        land = ground(self.scene.terrain(), tile=self.t, unit=self.c.unit)
        self.c.image.paste(land, (round(self.x * self.c.unit), round(self.y * self.c.unit)))
        self.c.box(self.x, self.y, self.size, self.size, None, edge=RULE, line=1.5)
        self._numbers()
        owners = (*self.scene.rivals(), self.scene)
        for owner in owners:
            self._routes(owner)
        dug = {int(b["tile"]): b for owner in owners for _, b in owner.buildings() if b["kind"] == st.EXTRACTOR}
        for site, tile in enumerate(self.scene.site_tiles()):
            if site < self.scene.level.deposits:
                self._deposit(site, tile, dug.get(tile))
            else:
                icons.town(self.c, *self.middle(tile), self.icon)
        for rival in self.scene.rivals():
            self._rival(rival)
        for _, building in self.scene.buildings():
            self._building(building)
        self._signs()
        self._hide()
        for owner in owners:
            self._carts(owner)

    def middle(self, tile: int) -> tuple[float, float]:
        """The middle of a tile."""
        row, column = divmod(tile, self.scene.side)
        return self.at(row, column)

    def at(self, row: float, column: float) -> tuple[float, float]:
        """The point of a place between tiles."""
        return self.x + (column + 0.5) * self.t, self.y + (row + 0.5) * self.t

    def _numbers(self) -> None:
        size = min(11.0, 0.5 * self.t)
        for k in range(self.scene.side):
            across, down = self.at(k, k)
            self.c.text(across, self.y - 4, str(k), size, FAINT, at="ms")
            self.c.text(self.x - 5, down, str(k), size, FAINT, at="rm")

    def _routes(self, owner: Scene) -> None:
        """The way of every cart, in its colour or its rival's; carts on the same route share a line."""
        seen: dict[tuple[int, int], int] = {}
        for number, cart in enumerate(owner.carts()):
            if cart["phase"] != st.IDLE:
                seen.setdefault((int(cart["source"]), int(cart["target"])), number)
        for k, ((source, target), number) in enumerate(seen.items()):
            shift = (k % 3 - 1) * 0.09 * self.t
            tiles = owner.path(owner.place_tile(source), owner.place_tile(target))
            points = [(px + shift, py + shift) for px, py in map(self.middle, tiles)]
            if owner.seat:
                self.c.line(points, (*icons.RIVAL_COLOURS[owner.seat - 1], 150), max(1.2, 0.03 * self.t))
                continue
            colour = icons.CART_COLOURS[number % len(icons.CART_COLOURS)]
            self.c.line(points, WHITE, max(4.0, 0.1 * self.t))
            self.c.line(points, icons.shade(colour, 1.2), max(2.0, 0.055 * self.t))

    def _plate(self, x: float, y: float, colour: Colour) -> None:
        self.c.disc(x, y + 0.02 * self.icon, 0.4 * self.icon, (60, 50, 40, 50))
        self.c.disc(x, y, 0.4 * self.icon, (252, 248, 236), edge=colour, line=0.05 * self.icon)

    def _deposit(self, site: int, tile: int, extractor: Any) -> None:
        x, y = self.middle(tile)
        good = int(self.scene.pool.site_good[self.scene.row, site])
        name = self.scene.level.goods[good]
        colour = icons.good_colour(name, good)
        self._plate(x, y, icons.shade(colour, 0.85))
        if extractor is None:
            icons.good(self.c, x, y - 0.03 * self.icon, 0.24 * self.icon, name, good)
        else:
            icons.extractor(self.c, x, y - 0.04 * self.icon, self.icon)
            icons.good(self.c, x, y + 0.14 * self.icon, 0.17 * self.icon, name, good)
        share = min(1.0, int(self.scene.state["reserve"][site]) / self.scene.level.reserve)
        w, h = 0.72 * self.icon, max(3.5, 0.085 * self.icon)
        left, top = x - w / 2, y + 0.36 * self.icon
        self.c.box(left, top, w, h, (70, 62, 56), round_by=h / 2, edge=WHITE, line=0.8)
        self.c.box(left + 1, top + 1, (w - 2) * share, h - 2, icons.shade(colour, 1.15), round_by=h / 2)

    def _building(self, building: Any) -> None:
        x, y = self.middle(int(building["tile"]))
        level, works = self.scene.level, building["kind"] == st.WORKS
        output = int(building["output"])
        if works:
            needs = self.scene.record[0]["recipes"][int(building["recipe"])]["input_units"]
            fed = all(units >= int(needs[j]) for j, (_, units) in enumerate(self.scene.inputs(building)))
            icons.workshop(self.c, x, y, self.icon, working=fed and building["ready_in"] == 0)
            self.c.disc(x, y + 0.17 * self.icon, 0.18 * self.icon, (255, 250, 238))
            icons.good(self.c, x, y + 0.17 * self.icon, 0.125 * self.icon, level.goods[output], output)
        if building["ready_in"] > 0:
            lead = level.workshop_lead if works else level.extractor_lead
            left = int(building["ready_in"])
            icons.scaffold(self.c, x, y, self.icon, 1 - left / max(1, lead))
            self.c.text(x, y, str(left), 0.26 * self.icon, INK, at="mm", bold=True)
            return
        held = [*self.scene.inputs(building), (output, int(building["stock"]))]
        self._tags([(good, str(units)) for good, units in held], int(building["tile"]), arrow=works)

    def _rival(self, rival: Scene) -> None:
        """A rival's buildings under its flag; a workshop stands aside if another one is on its tile."""
        others = [b for owner in (self.scene, *self.scene.rivals()) for _, b in owner.buildings()]
        for _, building in rival.buildings():
            (x, y), size = self.middle(int(building["tile"])), 0.8 * self.icon
            if building["kind"] == st.WORKS:
                if sum(b["tile"] == building["tile"] for b in others) > 1:
                    x, y = x + (0.16 * rival.seat - 0.05) * self.icon, y - 0.22 * self.icon
                output = int(building["output"])
                icons.workshop(self.c, x, y, size, working=False)
                self.c.disc(x, y + 0.17 * size, 0.18 * size, (255, 250, 238))
                icons.good(self.c, x, y + 0.17 * size, 0.125 * size, self.scene.level.goods[output], output)
            if building["ready_in"] > 0:
                icons.scaffold(self.c, x, y, size, 0.5)
            icons.flag(self.c, x + 0.3 * self.icon, y - 0.02 * self.icon, 0.42 * self.icon, rival.seat)

    def _hide(self) -> None:
        """A haze over the sites that the player doesn't know."""
        for site, tile in enumerate(self.scene.site_tiles()):
            if not self.scene.knows(site):
                x, y = self.middle(tile)
                for grow in (0.62, 0.55, 0.48):
                    self.c.disc(x, y + 0.04 * self.icon, grow * self.icon, (*PAPER, 120))
                self.c.text(x, y, "?", 0.5 * self.icon, FAINT, at="mm", bold=True)

    def _free_side(self, tile: int) -> tuple[int, int]:
        """(down, across) to a neighbour where nothing stands, below the tile if it can be."""
        owners = (self.scene, *self.scene.rivals())
        taken = {*self.scene.site_tiles(), *(int(b["tile"]) for owner in owners for _, b in owner.buildings())}
        row, column = divmod(tile, self.scene.side)
        for down, across in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            r, c = row + down, column + across
            if 0 <= r < self.scene.side and 0 <= c < self.scene.side and r * self.scene.side + c not in taken:
                return down, across
        return 1, 0

    def _tags(self, tags: list[tuple[int, str]], tile: int, *, arrow: bool = False) -> None:
        """A label of goods and figures beside a tile, kept on the map; ``arrow`` stands before the last."""
        c, size = self.c, self.small
        icon, gap = 0.5 * size, 0.45 * size
        widths = [2 * icon + 0.25 * size + c.width_of(text, size) for _, text in tags]
        total = sum(widths) + gap * (len(tags) + 1) + (1.1 * size if arrow else 0.0)
        (x, y), (down, across) = self.middle(tile), self._free_side(tile)
        x, y = x + across * (0.45 * self.icon + total / 2), y + down * (0.57 if down > 0 else 0.62) * self.icon
        left = min(max(x - total / 2, self.x + 2), self.x + self.size - total - 2)
        y = min(max(y, self.y + 0.8 * size), self.y + self.size - 0.8 * size)
        c.box(left, y - 0.72 * size, total, 1.44 * size, (*CARD, 232), round_by=0.5 * size, edge=(*INK, 70), line=0.7)
        left += gap
        for k, ((good, text), width) in enumerate(zip(tags, widths, strict=True)):
            if arrow and k == len(tags) - 1:
                c.line([(left, y), (left + 0.6 * size, y)], FAINT, 0.12 * size)
                c.shape(
                    [
                        (left + 0.5 * size, y - 0.28 * size),
                        (left + 0.85 * size, y),
                        (left + 0.5 * size, y + 0.28 * size),
                    ],
                    FAINT,
                )
                left += 1.1 * size
            icons.good(c, left + icon, y, icon, self.scene.level.goods[good], good)
            c.text(left + 2 * icon + 0.25 * size, y, text, size, INK)
            left += width + gap

    def _signs(self) -> None:
        deposits = self.scene.level.deposits
        for town, tile in enumerate(self.scene.site_tiles()[deposits:]):
            if self.scene.knows(deposits + town):
                self._town_sign(town, tile)

    def _town_sign(self, town: int, tile: int) -> None:
        x, y = self.middle(tile)
        r = max(6.0, 0.15 * self.icon)
        offers = [(good, str(now)) for where, good, now, _, _ in words.price_rows(self.scene) if where == town]
        if offers:
            self._tags(offers, tile)
        self.c.disc(x + 0.36 * self.icon, y - 0.34 * self.icon, r, (84, 62, 92), edge=WHITE, line=1.0)
        self.c.text(
            x + 0.36 * self.icon, y - 0.34 * self.icon, words.town_name(town), 1.25 * r, WHITE, at="mm", bold=True
        )

    def _carts(self, owner: Scene) -> None:
        size = min(30.0, max(14.0, 0.44 * self.t))
        here: dict[tuple[int, int], int] = {}
        for number, cart in enumerate(owner.carts()):
            row, column = owner.cart_at(cart)
            spot = (round(row * 2), round(column * 2))
            beside = here[spot] = here.get(spot, -1) + 1
            x, y = self.at(row, column)
            x, y = x - 0.24 * self.t + beside % 3 * 0.9 * size, y - 0.16 * self.t - beside // 3 * 0.5 * size
            good = int(cart["good"])
            load = (self.scene.level.goods[good], good, int(cart["load"])) if cart["load"] > 0 else None
            if owner.seat:
                icons.rival_cart(self.c, x + 0.3 * self.t, y + 0.3 * self.t, size, owner.seat, load)
            else:
                icons.cart(self.c, x, y, size, number, load)
