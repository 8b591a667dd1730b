"""Golden games: one game per level file, kept as a record and as text to read. ``python tests/golden/regenerate.py``.

A game is chosen by a plain script here and not by one of the players, so that a better player does not change it.
Run this after the rules or a level's numbers were changed on purpose, and read the difference before committing it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parents[1]))

from envs.waybill import record  # noqa: E402
from envs.waybill.core import levels  # noqa: E402
from envs.waybill.core import state as st  # noqa: E402
from envs.waybill.core.levels import LevelConfig  # noqa: E402
from envs.waybill.core.scratch import make_scratch  # noqa: E402
from envs.waybill.maps.pool import MapPool, make_pool  # noqa: E402
from envs.waybill.players.scripted import decide_scripted  # noqa: E402
from envs.waybill.render import describe_order, to_text  # noqa: E402
from envs.waybill.rules.game import judge_orders, play_turns, start_games  # noqa: E402

MAP_SEEDS, GAME_SEED = range(11, 111), 5
TEXT_EVERY = 10  # turns from one picture in text to the next


def order(verb: int, *, tile: int = -1, target: int = -1, recipe: int = 0, cart: int = 0) -> np.ndarray:
    """One order as an ORDER array [1]."""
    one = st.records(1, st.ORDER)
    one["verb"], one["tile"], one["target"], one["recipe"], one["cart"] = verb, tile, target, recipe, cart
    return one


def supply(level: LevelConfig, pool: MapPool, good: str, tile: int, site: int, used: set[int]) -> list[np.ndarray]:
    """Orders that bring a good to a tile near a site, from the nearest free deposit or a workshop that is supplied."""
    travel = pool.site_travel[0]
    if good in level.raw_goods:
        number = level.raw_goods.index(good)
        free = [d for d in range(level.deposits) if pool.site_good[0, d] == number and d not in used]
        if not free:
            return []
        nearest = min(free, key=lambda d: int(travel[d, tile]))
        used.add(nearest)
        source = int(pool.site_tile[0, nearest])
        return [order(st.EXTRACT, tile=source), order(st.HAUL, tile=source, target=tile, cart=st.NEW_CART)]
    recipe = next(i for i, r in enumerate(level.recipes) if r.output == good)
    near = next(int(t) for t in pool.near[0, site] if 1000 + int(t) not in used)
    used.add(1000 + near)
    orders = [order(st.WORKSHOP, tile=near, recipe=recipe)]
    for needed in level.recipes[recipe].inputs:
        orders += supply(level, pool, needed, near, site, used)
    return [*orders, order(st.HAUL, tile=near, target=tile, cart=st.NEW_CART)]


def cost(level: LevelConfig, chain: list[np.ndarray]) -> int:
    """Coins to build a chain of orders."""
    price = {st.EXTRACT: level.extractor_cost, st.WORKSHOP: level.workshop_cost, st.HAUL: level.cart_cost}
    return sum(price[int(one["verb"][0])] for one in chain)


def plan(level: LevelConfig, pool: MapPool, known: int) -> list[list[np.ndarray]]:
    """A chain to the best offer, one to the next and more carts; at the end a mistake, a turn, a clearance.

    ``known`` are the sites that the company knows at the start, one bit each: it plans with no others.
    """
    hidden = [site for site in range(level.deposits + level.towns) if not known >> site & 1]
    offers = []
    for town, good in np.argwhere(pool.site_price[0, level.deposits :] > 0).tolist():
        site = level.deposits + town
        if site in hidden:
            continue
        far = int(pool.site_travel[0, : level.deposits, pool.site_tile[0, site]].min())
        offers.append((int(pool.site_price[0, site, good]) * 1000 // (10 + far), town, good))
    used = set(hidden)
    chains = []
    offers.sort(reverse=True)
    for k, (_, town, good) in enumerate(offers):  # the first chain must be one that can be paid for
        site = level.deposits + town
        trial = supply(level, pool, level.goods[good], int(pool.site_tile[0, site]), site, set(used))
        if trial and cost(level, trial) <= level.start_cash * 9 // 10:
            offers.insert(0, offers.pop(k))
            break
    for _, town, good in offers[:2]:
        site = level.deposits + town
        chains.append(supply(level, pool, level.goods[good], int(pool.site_tile[0, site]), site, used))
    hauls = [one for chain in chains for one in chain if one["verb"][0] == st.HAUL]
    turned = hauls[-1].copy()
    turned["cart"] = 0
    mistake, cleared = int(pool.site_tile[0, level.deposits]), int(hauls[0]["tile"][0])
    end = [order(st.EXTRACT, tile=mistake), turned, order(st.DISMANTLE, tile=cleared)]
    return [chains[0], [*hauls[: len(chains[0]) // 2], *chains[1]], end]


def is_time(states: np.ndarray, level: LevelConfig, one: np.ndarray, first: bool) -> bool:
    """True if a legal order makes sense now: goods wait for the new cart, the first chain has earned the second."""
    me = states["companies"][0, 0]
    if one["verb"][0] == st.HAUL and not any(
        b["kind"] and b["tile"] == one["tile"][0] and b["stock"] > 0 for b in me["buildings"]
    ):
        return False
    return first or bool(me["stage_turn"][st.STAGE_SELL] >= 0 and me["cash"] > level.start_cash // 2)


def choose_orders(level: LevelConfig, map_seed: int) -> np.ndarray:
    """The orders [T] of a game on a map: the plan's one after the other, each when it is time for it."""
    numbers, scratch, states = level.record(), make_scratch(), st.records(1, st.STATE)
    scratch.script[:] = level.script()
    pool = make_pool(numbers, np.array([map_seed], np.uint64))
    start_games(states, pool, numbers, np.zeros(1, np.int64), np.array([GAME_SEED], np.uint64), 0, 1)
    first, later, late = plan(level, pool, int(states["companies"]["known"][0, 0]))
    given = st.records(1 + len(level.rivals), st.ORDER).reshape(1, -1)
    orders, legal = [], np.zeros((1, 1), np.bool_)
    while not states["done"][0]:
        one = order(st.PASS)
        if states["turn"][0] >= level.horizon * 3 // 4:
            one = late.pop(0) if late else one
        elif waiting := first or later:
            judge_orders(states, 0, pool, numbers, waiting[0].reshape(1, 1), legal)
            if legal[0, 0] and is_time(states, level, waiting[0], waiting is first):
                one = waiting.pop(0)
        given[:, 0] = one
        decide_scripted(states, pool, numbers, scratch, given, 0, 1)
        play_turns(states, pool, numbers, given, scratch, 0, 1)
        orders.append(one[0])
    return np.array(orders, st.ORDER)


def as_text(game: record.Game) -> Iterator[str]:
    """The lines of a golden game: every order with the hash after it, and the whole state every few turns."""
    pool = game.map_pool()
    states = list(record.replay_states(game))
    yield f"level {game.level.name}, map seed {game.map_seed}, game seed {game.game_seed}"
    for turn, (one, state) in enumerate(zip(game.own_orders, states[:-1], strict=True)):
        if turn % TEXT_EVERY == 0:
            yield from ["", *to_text(state[0], pool, game.level).splitlines(), ""]
        words = describe_order(one, state[0], pool, game.level)
        yield f"{turn:>3} {game.hashes[turn + 1]} cash {int(states[turn + 1]['companies'][0, 0]['cash']):>5}  {words}"
    yield from ["", *to_text(states[-1][0], pool, game.level).splitlines(), "", f"score {game.score}"]


def golden_game(level: LevelConfig) -> record.Game:
    """The script's game on the first map where it sells, lives to the end and gives every order; else its best game."""
    games = []
    for map_seed in MAP_SEEDS:
        orders = choose_orders(level, map_seed)
        game = record.record_game(
            level=level, map_seed=map_seed, game_seed=GAME_SEED, player="golden script", orders=orders
        )
        end = list(record.replay_states(game))[-1]["companies"][0, 0]
        used = [bool(count) or (verb == st.WORKSHOP and not level.recipes) for verb, count in enumerate(end["orders"])]
        if all(used) and not end["bankrupt"] and end["illegal"] == 1 and end["cash_ledger"][st.SALES] > 0:
            return game
        games.append(game)
    print(f"{level.name}: the script's company goes bankrupt on all of {len(MAP_SEEDS)} maps, a better one is needed")
    return max(games, key=lambda game: (game.score, len(game.orders)))


def main() -> None:
    """Write the record and the text of every level's golden game."""
    for name in levels.names():
        game = golden_game(levels.load_level(name))
        game.save(FOLDER / f"{name}.jsonl")
        (FOLDER / f"{name}.txt").write_text("\n".join(as_text(game)) + "\n", encoding="utf-8")
        print(f"{name}: map {game.map_seed}, {len(game.orders)} turns, score {game.score}")


if __name__ == "__main__":
    main()
