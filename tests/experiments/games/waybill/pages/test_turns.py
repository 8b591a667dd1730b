"""A turn as JSON: every number is the state's, and what a seat does not know is not in what it is told."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from watched import HIDDEN, SMALL, played

from envs.waybill.core import state as st
from envs.waybill.record import replay_states
from envs.waybill.render.scene import look
from experiments.games.waybill.pages.turns import COLUMNS, map_data, turn_data


@pytest.fixture(scope="module")
def hidden() -> Any:
    """(game, states [T + 1], pool) of a game with rivals in fog."""
    game = played(HIDDEN).game
    return game, np.concatenate(list(replay_states(game))), game.map_pool()


def named(kind: str, row: list[Any]) -> dict[str, Any]:
    assert len(row) == len(COLUMNS[kind])
    return dict(zip(COLUMNS[kind], row, strict=True))


def test_the_map_is_the_pools() -> None:
    pool = played().game.map_pool()
    told = map_data(pool, 0, SMALL)
    assert (told["level"], told["side"], told["horizon"]) == ("haul", SMALL.side, 24)
    assert [int(sign) for sign in told["terrain"]] == pool.terrain[0].tolist()
    assert [site["tile"] for site in told["sites"]] == pool.site_tile[0].tolist()
    assert [site["kind"] for site in told["sites"]] == ["deposit"] * SMALL.deposits + ["town"] * SMALL.towns
    assert told["sites"][-1]["base"] == pool.site_price[0, -1].tolist()
    assert [good["name"] for good in told["goods"]] == SMALL.goods


def test_every_number_of_every_turn_is_the_states(hidden: Any) -> None:
    game, states, pool = hidden
    for turn, state in enumerate(states):
        told = turn_data(states[max(0, turn - 1) : turn + 1], pool, HIDDEN)
        assert told["turn"] == state["turn"] == turn
        assert told["truth"]["reserves"] == state["reserve"][: HIDDEN.deposits].tolist()
        assert told["truth"]["owners"] == state["owner"][: HIDDEN.deposits].tolist()
        scene = look(state, pool, HIDDEN)
        assert told["truth"]["prices"][2][3] == scene.price(2, 3)
        for seat, company in enumerate(told["companies"]):
            me = state["companies"][seat]
            assert company["cash"] == me["cash"] == sum(company["money"])
            assert company["score"] == me["cash"] - HIDDEN.start_cash
            assert len(company["carts"]) == me["n_carts"]
            for number, row in enumerate(company["carts"]):
                cart = named("cart", row)
                for name in ("phase", "good", "load", "leg_from", "leg_to", "leg_turns", "leg_left"):
                    assert cart[name] == me["carts"][number][name]
            for row in company["buildings"]:
                building = named("building", row)
                slot = me["buildings"][building["slot"]]
                assert (building["tile"], building["good"], building["stock"]) == (
                    slot["tile"],
                    slot["output"],
                    slot["stock"],
                )
        json.dumps(told, allow_nan=False)
    assert game.score == told["companies"][0]["score"]


def test_only_whole_numbers_are_told(hidden: Any) -> None:
    _, states, pool = hidden

    def leaves(value: Any) -> Any:
        if isinstance(value, dict | list):
            for one in value.values() if isinstance(value, dict) else value:
                yield from leaves(one)
        else:
            yield value

    assert {type(leaf) for leaf in leaves(turn_data(states[20:22], pool, HIDDEN))} <= {int, str, bool, type(None)}


def test_a_seat_is_told_nothing_that_it_does_not_know(hidden: Any) -> None:
    """All that is hidden from it is changed: what it is told stays the same, to the letter."""
    _, states, pool = hidden
    for seat in range(4):
        pair = states[30:32].copy()
        before = json.dumps(turn_data(pair, pool, HIDDEN, seat=seat))
        for state in pair:
            unseen = ~(int(state["companies"][seat]["known"]) >> np.arange(HIDDEN.deposits)) & 1 == 1
            assert unseen.any()
            state["reserve"][: HIDDEN.deposits][unseen] = 7
            state["owner"][: HIDDEN.deposits][unseen] = 3
            state["glut"][:] = 99
            for other in {0, 1, 2, 3} - {seat}:
                rival = state["companies"][other]
                for name in ("cash", "bankrupt", "sales", "n_carts", "n_slots", "illegal", "known", "home"):
                    rival[name] = 0
                rival["buildings"] = np.zeros(st.MAX_BUILDINGS, st.BUILDING)
        moved = pool._replace(site_tile=pool.site_tile.copy())
        assert json.dumps(turn_data(pair, moved, HIDDEN, seat=seat)) == before


def test_what_is_remembered_stands_in_place_of_the_truth(hidden: Any) -> None:
    """The truth moves on where nobody looks: what is known stays as it was last seen."""
    _, states, pool = hidden
    state = states[-1].copy()
    state["reserve"][: HIDDEN.deposits] += 1
    state["glut"][:] += 50
    told, me = turn_data(state[None], pool, HIDDEN), state["companies"][0]
    known, towns = told["known"][0], range(HIDDEN.towns)
    for site in range(HIDDEN.deposits):
        if known["seen"][site] < 0:
            assert (known["reserves"][site], known["taken"][site]) == (None, None)
        else:
            assert known["reserves"][site] == me["seen_reserve"][site] != told["truth"]["reserves"][site]
    assert [known["prices"][town] is None for town in towns] == [
        known["seen"][HIDDEN.deposits + town] < 0 for town in towns
    ]
    sold = [town for town in towns if known["prices"][town] is not None]
    assert sold
    assert all(sum(known["prices"][town]) > sum(told["truth"]["prices"][town]) for town in sold)


def test_a_way_is_told_once_and_lies_between_its_ends(hidden: Any) -> None:
    _, states, pool = hidden
    sent: set[str] = set()
    ways: dict[str, Any] = {}
    for state in states:
        told = turn_data(state[None], pool, HIDDEN, sent=sent)
        assert not told["ways"].keys() & ways.keys()
        ways |= told["ways"]
        for company in told["companies"]:
            for row in company["carts"]:
                cart = named("cart", row)
                if cart["leg_turns"] > 0 and COLUMNS["phases"][cart["phase"]] != "idle":
                    assert f"{cart['leg_from']}-{cart['leg_to']}" in ways
    assert ways
    for key, way in ways.items():
        assert key == f"{way[0][0]}-{way[-1][0]}"
        units = [far for _, far in way]
        assert units[0] == 0
        assert units == sorted(units)
        assert all(pool.terrain[0][tile] != st.WATER for tile, _ in way)
