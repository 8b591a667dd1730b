"""What happened in a turn, and the events of a game: read off the books, every kind of them."""

from __future__ import annotations

import itertools

import numpy as np
from watched import HIDDEN, SMALL, played

from envs.waybill.core import state as st
from envs.waybill.maps.pool import make_pool
from envs.waybill.record import play_orders, replay_states
from envs.waybill.render.scene import Scene, look
from experiments.games.waybill.pages.happenings import KINDS, MARKS, game_events, happened_to


def scenes_of(player: str = "greedy", map_seed: int = 0) -> list[Scene]:
    game = played(SMALL, player=player, map_seed=map_seed).game
    pool = game.map_pool()
    return [look(state[0], pool, SMALL) for state in replay_states(game)]


def test_a_turn_is_told_as_its_books_say() -> None:
    scenes = scenes_of()
    for before, after in itertools.pairwise(scenes):
        mark, texts = happened_to(before, after)
        assert mark in MARKS
        built = after.me["cash_ledger"][[st.EXTRACTORS, st.WORKSHOPS, st.CARTS]].sum()
        spent = built < before.me["cash_ledger"][[st.EXTRACTORS, st.WORKSHOPS, st.CARTS]].sum()
        assert (mark == "build") == spent
        sold = int(after.me["cash_ledger"][st.SALES] - before.me["cash_ledger"][st.SALES])
        assert any(text.endswith(f"for {sold} coins") for text in texts) == (sold > 0)
        assert sum(text.startswith("bought cart") for text in texts) == after.me["n_carts"] - before.me["n_carts"]
    assert {happened_to(a, b)[0] for a, b in itertools.pairwise(scenes)} >= {"build", "sale", "nothing"}


def test_orders_that_are_illegal_or_clear_a_building_are_told() -> None:
    level = SMALL
    pool = make_pool(level.record(), np.array([0], np.uint64))
    orders = st.records(4, st.ORDER)
    deposit = int(pool.site_tile[0, 0])
    for k, (verb, tile) in enumerate(
        [(st.EXTRACT, deposit), (st.EXTRACT, deposit), (st.DISMANTLE, deposit), (st.PASS, -1)]
    ):
        orders[k]["verb"], orders[k]["tile"] = verb, tile
    states = list(play_orders(level=level, map_seed=0, game_seed=0, orders=orders))
    scenes = [look(state[0], pool, level) for state in states]
    told = [happened_to(a, b) for a, b in itertools.pairwise(scenes)]
    good = level.goods[int(pool.site_good[0, 0])]
    where = f"an extractor for {good} at ({deposit // level.side},{deposit % level.side})"
    assert told[0] == ("build", [f"began {where}"])
    assert told[1] == ("illegal", ["gave an order that was not legal"])
    assert told[2] == ("clear", [f"cleared {where}"])
    assert told[3] == ("nothing", [])


def test_the_events_of_a_game_are_those_that_its_books_note() -> None:
    scenes = scenes_of()
    end = scenes[-1].me
    events = game_events(scenes, differs=[(3, "pass; greedy: pass")], values=[5.0, 4.0, 1.0, 1.5])
    assert [event.turn for event in events] == sorted(event.turn for event in events)
    kinds = [event.kind for event in events]
    assert set(kinds) <= set(KINDS)
    goods = {event.text: event.turn for event in events if event.kind == "good"}
    made = {
        f"the first {name}": int(end["made_turn"][k]) + 1
        for k, name in enumerate(SMALL.goods)
        if end["made_turn"][k] >= 0
    }
    assert goods == made
    assert [event.turn for event in events if event.kind == "sale"] == [int(end["stage_turn"][st.STAGE_SELL]) + 1]
    assert kinds.count("building") == int(end["orders"][st.EXTRACT] + end["orders"][st.WORKSHOP])
    assert [(event.turn, event.text) for event in events if event.kind == "loss"] == [
        (2, "greatest loss: the value fell from 4.00 to 1.00")
    ]
    assert [event.turn for event in events if event.kind == "differs"] == [3]


def test_bankruptcies_are_events_of_whoever_goes_bankrupt() -> None:
    seed = next(seed for seed in range(20) if scenes_of("random", seed)[-1].me["bankrupt"])
    scenes = scenes_of("random", seed)
    events = game_events(scenes, differs=[], values=None)
    assert [(event.turn, event.seat) for event in events if event.kind == "bankruptcy"] == [(len(scenes) - 1, 0)]
    assert [event.kind for event in events].count("loss") == 1

    game = played(HIDDEN).game
    pool, states = game.map_pool(), [state[0] for state in replay_states(game)]
    last = states[-1].copy()
    last["companies"]["bankrupt"][2] = 1
    shown = [look(state, pool, HIDDEN) for state in (states[-1], last)]
    assert [
        (event.seat, event.text) for event in game_events(shown, differs=[], values=None) if event.kind == "bankruptcy"
    ] == [(2, "rival 2 went bankrupt")]
