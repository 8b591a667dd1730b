"""A state as text, 96 columns at most for a 32-tile map."""

from __future__ import annotations

from typing import Any

from envs.waybill.core import state as st
from envs.waybill.core.levels import LevelConfig
from envs.waybill.maps.pool import MapPool
from envs.waybill.render import words
from envs.waybill.render.scene import Candidate, Scene, look

_TERRAIN = {st.PLAIN: ".", st.FOREST: '"', st.HILL: "^", st.WATER: "~"}
LEGEND = '. plain  " forest  ^ hill  ~ water  (w) deposit  [w] extractor  {p} workshop  <A> town  : in construction'
RIVAL_LEGEND = "1w] 1p} of rival 1"
HIDDEN_LEGEND = "?w? ?A? not known to the player"
TAKEN_LEGEND = "!w! taken by another company"
_CART_MARKS = "0123456789abcdefghijklmnop"
_BAR = 24  # characters


def to_text(
    state: Any,
    pool: MapPool,
    level_config: LevelConfig,
    *,
    order: Any = None,
    candidates: list[Candidate] | None = None,
    seen_only: bool = False,
) -> str:
    """One state as lines of text: map, ledger, market, buildings, carts, and what the player does about it.

    Args:
        state: STATE record, or an array of one; ``pool`` is the map pool it points into.
        order: ORDER record given in this state, if it is to be told.
        candidates: (text, Q-value, chosen) of the orders that the policy weighed.
        seen_only: leaves out what the player has not seen; the state is one by ``as_known`` then.
    """
    scene = look(state, pool, level_config)
    lines = [_headline(scene), "", *(_map_lines(scene, seen_only)), "", *_ledger_lines(scene)]
    lines += _market_lines(scene, seen_only)
    lines += [words.building_line(scene, building) for _, building in scene.buildings()]
    lines += [words.cart_line(scene, number, cart) for number, cart in enumerate(scene.carts())]
    lines += [words.rival_line(rival, public=seen_only) for rival in scene.rivals()]
    if order is not None:
        lines += ["", f"order: {words.describe_order(order, scene.state, pool, level_config)}"]
    if candidates:
        lines += ["", *_candidate_lines(candidates)]
    return "\n".join(lines)


def _headline(scene: Scene) -> str:
    s = scene.state
    parts = [scene.level.name, f"turn {int(s['turn'])}/{scene.level.horizon}", f"cash {int(scene.me['cash'])}"]
    parts += [f"score {scene.score:+d}", f"illegal orders {int(scene.me['illegal'])}", words.game_status(scene)]
    return "  ".join(parts)


def _map_lines(scene: Scene, seen_only: bool) -> list[str]:
    side, letters = scene.side, words.good_letters(scene.level)
    terrain = scene.shown_terrain() if seen_only else scene.terrain()
    cells = [[" ", _TERRAIN[int(kind)], " "] for kind in terrain.ravel()]
    for site, tile in enumerate(scene.site_tiles()):
        town = site - scene.level.deposits
        if seen_only and not scene.knows(site):
            continue
        good = int(scene.pool.site_good[scene.row, site])
        cells[tile] = ["<", words.town_name(town), ">"] if town >= 0 else ["(", letters[good], ")"]
        if not scene.knows(site):
            cells[tile][::2] = "??"
        if seen_only and town < 0 and scene.state["owner"][site] > 0:
            cells[tile][::2] = "!!"
    for owner in (*scene.rivals(), scene):
        for _, building in owner.buildings():
            left, right = "[]" if building["kind"] == st.EXTRACTOR else "{}"
            mark = ":" if building["ready_in"] > 0 else right
            cells[int(building["tile"])] = [str(owner.seat or left), letters[int(building["output"])], mark]
    for number, cart in enumerate(scene.carts()):
        row, column = (round(value) for value in scene.cart_at(cart))
        cells[row * side + column][2] = _CART_MARKS[number]
    head = "   " + "".join(f"{column:^3}" for column in range(side))
    rows = [f"{r:>2} " + "".join("".join(c) for c in cells[r * side : (r + 1) * side]) for r in range(side)]
    more = [TAKEN_LEGEND if seen_only else RIVAL_LEGEND] * bool(scene.level.rivals)
    more += [HIDDEN_LEGEND] * (scene.level.sight > 0 and not seen_only)
    return [line.rstrip() for line in [head, *rows, LEGEND, *["  ".join(more)] * bool(more)]]


def _ledger_lines(scene: Scene) -> list[str]:
    money = [f"{account} {coins:+d}" for account, coins in words.money_rows(scene) if coins or account == "capital"]
    head = f"{'goods':<10}" + "".join(f"{name:>10}" for name in ("in store", "on carts", *st.GOODS_ACCOUNTS))
    rows = [f"{name:<10}" + "".join(f"{n:>10}" for n in numbers) for name, numbers in words.goods_rows(scene)]
    return ["money: " + "  ".join(money), head, *rows]


def _market_lines(scene: Scene, seen_only: bool) -> list[str]:
    lines = []
    for town in range(scene.level.towns):
        if seen_only and not scene.knows(scene.level.deposits + town):
            continue
        offers = [
            f"{scene.level.goods[good]} {now}/{base}" + (f" (glut {glut})" if glut else "")
            for where, good, now, base, glut in words.price_rows(scene)
            if where == town
        ]
        lines.append(f"town {words.town_name(town)} pays: {', '.join(offers) or 'nothing'}")
    return lines


def _candidate_lines(candidates: list[Candidate], count: int = 8) -> list[str]:
    shown = words.best_candidates(candidates, count)
    low, high = min(q for _, q, _ in shown), max(q for _, q, _ in shown)
    lines = []
    for text, q, chosen in shown:
        filled = _BAR if high <= low else max(1, round(_BAR * (q - low) / (high - low)))
        lines.append(f"{'>' if chosen else ' '} {q:>9.3f} {'█' * filled:<{_BAR}} {text}")
    return lines
