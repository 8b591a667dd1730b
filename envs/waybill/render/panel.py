"""The column beside the map: turn and cash, ledger, goods, prices, and what the policy thinks."""

from __future__ import annotations

from envs.waybill.core import state as st
from envs.waybill.render import icons, words
from envs.waybill.render.canvas import AMBER, BLUE, CARD, FAINT, GREEN, INK, RED, RULE, WHITE, Canvas, Colour
from envs.waybill.render.scene import Candidate, Scene

_LINE = 17.0
_STATUS = {"playing": GREEN, "over": BLUE, "bankrupt": RED}


class Panel:
    """Draws cards from the top of a column downwards.

    Args:
        x, y, width, bottom: the column in frame units.
        values: what the values of candidates are, in words.
    """

    def __init__(
        self, *, canvas: Canvas, scene: Scene, x: float, y: float, width: float, bottom: float, values: str
    ) -> None:
        self.c, self.scene, self.values = canvas, scene, values
        self.x, self.y, self.width, self.bottom = x, y, width, bottom

    def draw(self, candidates: list[Candidate] | None) -> None:
        """Draw every card that has something to show."""
        self._headline()
        half = (self.width - 10) / 2
        top = self.y
        self._money(self.x, half)
        left_end, self.y = self.y, top
        self._prices(self.x + half + 10, half)
        self.y = max(left_end, self.y)
        self._goods()
        self._stages()
        self._rivals()
        if candidates:
            self._candidates(candidates)
        else:
            self._fleet()

    def _card(self, x: float, width: float, height: float, title: str) -> float:
        """A card at the present height; returns where its first line stands."""
        self.c.box(x, self.y, width, height, CARD, round_by=7, edge=RULE, line=1)
        self.c.text(x + 12, self.y + 14, title, 10.5, FAINT, bold=True)
        top = self.y + 34
        self.y += height + 10
        return top

    def _headline(self) -> None:
        c, me, level = self.c, self.scene.me, self.scene.level
        c.box(self.x, self.y, self.width, 92, CARD, round_by=7, edge=RULE, line=1)
        turn, x, y = int(self.scene.state["turn"]), self.x + 12, self.y
        c.text(x, y + 20, f"Waybill · {level.name}", 17, INK, bold=True)
        status = words.game_status(self.scene)
        wide = c.width_of(status, 11) + 18
        c.box(self.x + self.width - wide - 12, y + 10, wide, 20, _STATUS[status], round_by=10)
        c.text(self.x + self.width - wide / 2 - 12, y + 20, status, 11, WHITE, at="mm", bold=True)
        for k, (name, value, colour) in enumerate(
            (
                ("turn", f"{turn} / {level.horizon}", INK),
                ("cash", str(int(me["cash"])), INK if me["cash"] >= 0 else RED),
                ("score", f"{self.scene.score:+d}", GREEN if self.scene.score >= 0 else RED),
                ("illegal", str(int(me["illegal"])), FAINT if me["illegal"] == 0 else RED),
            )
        ):
            left = x + k * (self.width - 24) / 4
            c.text(left, y + 43, name, 10.5, FAINT)
            c.text(left, y + 62, value, 18, colour, bold=True)
        c.box(x, y + 79, self.width - 24, 5, RULE, round_by=2.5)
        c.box(x, y + 79, (self.width - 24) * turn / level.horizon, 5, BLUE, round_by=2.5)

        self.y += 102

    def _money(self, x: float, width: float) -> None:
        rows = words.money_rows(self.scene)
        top = self._card(x, width, 34 + _LINE * len(rows), "MONEY")
        most = max(1, *(abs(coins) for _, coins in rows))
        left, middle = x + 12, x + 0.56 * width
        for k, (account, coins) in enumerate(rows):
            y = top + _LINE * k
            self.c.text(left, y, account, 12, INK if coins else FAINT)
            length = (0.4 * width - 44) * abs(coins) / most
            self.c.box(middle - 8, y - 4, max(length, 1.5) if coins else 0, 8, GREEN if coins > 0 else RED, round_by=2)
            self.c.text(x + width - 12, y, f"{coins:+d}" if coins else "0", 12, INK if coins else FAINT, at="rm")

    def _prices(self, x: float, width: float) -> None:
        """Towns down, goods for sale across: the price now, and how far the glut has pushed it down."""
        level = self.scene.level
        sold = [good for good in range(len(level.goods)) if level.prices.get(level.goods[good], 0) > 0]
        rows = {(town, good): (now, base) for town, good, now, base, _ in words.price_rows(self.scene)}
        pitch = 24.0 if level.towns <= 4 else 20.0
        height = max(34 + _LINE * len(st.CASH_ACCOUNTS), 34 + _LINE + pitch * level.towns)
        top = self._card(x, width, height, "TOWNS PAY (bar: of the full price)")
        across = (width - 52) / max(1, len(sold))
        for j, good in enumerate(sold):
            middle = x + 46 + (j + 0.5) * across
            icons.good(self.c, middle, top, 7, level.goods[good], good)
        for town in range(level.towns):
            y = top + _LINE + 3 + pitch * (town + 0.2)
            self.c.text(x + 12, y, words.town_name(town), 13, INK, bold=True)
            for j, good in enumerate(sold):
                middle = x + 46 + (j + 0.5) * across
                if (town, good) not in rows:
                    self.c.text(middle, y, "-", 12, FAINT, at="mm")
                    continue
                now, base = rows[town, good]
                share, w = now / base, min(34.0, 0.7 * across)
                colour: Colour = GREEN if share > 0.75 else AMBER if share > 0.5 else RED
                self.c.text(middle, y - 1, str(now), 12.5, INK, at="mm", bold=share < 1)
                self.c.box(middle - w / 2, y + 7, w, 3, RULE, round_by=1.5)
                self.c.box(middle - w / 2, y + 7, w * share, 3, colour, round_by=1.5)

    def _goods(self) -> None:
        rows = words.goods_rows(self.scene)
        top = self._card(self.x, self.width, 52 + _LINE * len(rows), "GOODS (units so far)")
        names = ("in store", "on carts", *st.GOODS_ACCOUNTS)
        across = (self.width - 92) / len(names)
        for j, name in enumerate(names):
            self.c.text(self.x + 80 + (j + 1) * across, top, name, 9.5, FAINT, at="rm")
        for k, (good, numbers) in enumerate(rows):
            y = top + _LINE * (k + 1)
            icons.good(self.c, self.x + 19, y, 6.5, good, k)
            self.c.text(self.x + 32, y, good, 12, INK)
            for j, number in enumerate(numbers):
                colour = INK if number else (200, 198, 192)
                self.c.text(self.x + 80 + (j + 1) * across, y, str(number), 12, colour, at="rm")

    def _stages(self) -> None:
        """The turn in which each stage of the supply chain was first reached."""
        top = self._card(self.x, self.width, 50, "REACHED FIRST IN TURN")
        turns = [int(turn) for turn in self.scene.me["stage_turn"]]
        texts = [f"{stage} {turn}" if turn >= 0 else stage for stage, turn in zip(st.STAGES, turns, strict=True)]
        gap = (self.width - 24 - sum(12 + self.c.width_of(text, 10.5) for text in texts)) / (len(texts) - 1)
        left = self.x + 12
        for text, turn in zip(texts, turns, strict=True):
            self.c.disc(left + 4, top, 4, GREEN if turn >= 0 else RULE)
            self.c.text(left + 12, top, text, 10.5, INK if turn >= 0 else FAINT)
            left += 12 + self.c.width_of(text, 10.5) + gap

    def _rivals(self) -> None:
        """A line for each rival: the flag, the rule it plays by, and how it stands."""
        rivals = self.scene.rivals()
        if not rivals:
            return
        title = "RIVALS (companies know only of each other's sales, a turn late)"
        top = self._card(self.x, self.width, 52 + _LINE * len(rivals), title)
        across = (self.width - 92) / 5
        for j, (name, _) in enumerate(words.rival_row(rivals[0])):
            self.c.text(self.x + 80 + (j + 1) * across, top, name, 9.5, FAINT, at="rm")
        for k, rival in enumerate(rivals):
            y, gone = top + _LINE * (k + 1), bool(rival.me["bankrupt"])
            icons.flag(self.c, self.x + 15, y + 6, 12, rival.seat)
            self.c.text(self.x + 32, y, rival.level.rivals[k], 12, FAINT if gone else INK)
            figures = [("", "bankrupt")] if gone else words.rival_row(rival)
            for j, (_, value) in enumerate(figures):
                self.c.text(self.x + 80 + (j + 1) * across, y, value, 12, RED if gone else INK, at="rm")

    def _fleet(self) -> None:
        """What each cart does, where the Q-values would stand."""
        carts = self.scene.carts()[: int((self.bottom - self.y - 40) // _LINE)]
        if carts:
            top = self._card(self.x, self.width, 34 + _LINE * len(carts), "CARTS")
            for k, cart in enumerate(carts):
                text = words.cart_line(self.scene, k, cart)
                self.c.text(self.x + 12, top + _LINE * k, text, 11, INK, most=self.width - 24)

    def _candidates(self, candidates: list[Candidate]) -> None:
        """The best candidates with their Q-values as bars, from the worst shown to the best."""
        pitch = 25.0
        count = min(10, len(candidates), int((self.bottom - self.y - 34) // pitch))
        if count < 1:
            return
        shown = words.best_candidates(candidates, count)
        top = self._card(self.x, self.width, 34 + pitch * count, f"{self.values.upper()}, BEST FIRST")
        low, high = min(q for _, q, _ in shown), max(q for _, q, _ in shown)
        wide = self.width - 24
        for k, (text, q, chosen) in enumerate(shown):
            y = top + pitch * k
            if chosen:
                self.c.box(self.x + 5, y - 10, self.width - 10, pitch - 1, (228, 238, 247), round_by=4)
            share = 1.0 if high <= low else 0.04 + 0.96 * (q - low) / (high - low)
            self.c.text(self.x + 12, y - 1, text, 11, INK, bold=chosen, most=wide - 62)
            self.c.text(self.x + self.width - 12, y - 1, f"{q:.3f}", 11.5, INK, at="rm", bold=chosen)
            self.c.box(self.x + 12, y + 7, wide, 4, RULE, round_by=2)
            self.c.box(self.x + 12, y + 7, wide * share, 4, BLUE if chosen else (150, 172, 196), round_by=2)
