"""Infos: what is told of a game beside what is observed."""

from __future__ import annotations

import numpy as np
from handmade import company

from envs.waybill.actions.raw import encode
from envs.waybill.core import levels
from envs.waybill.core.state import DUG, PRODUCED, SOLD, WORKS
from envs.waybill.env import WaybillEnv
from envs.waybill.players.play import play_games


def test_infos_tell_what_was_made_and_when() -> None:
    """As the goods of the state turn by turn say it: what stands in stores, on carts, was used up and sold."""
    level = levels.load_level("chain")
    games = play_games("greedy", level, np.arange(3, dtype=np.uint64), threads=1)
    for number in range(3):
        env = WaybillEnv(level="chain", actions="full", reward="cash", maps=(number, 1))
        _, info = env.reset(seed=0)
        made_turn, stage_turn, over, turn = np.full(5, -1), np.full(6, -1), False, 0
        built = np.zeros(3, np.int64)
        while not over:
            order = games.orders[number, turn]
            before, here = np.array([b["kind"] for b in company(env.state)["buildings"]]), env.state["turn"]
            _, _, over, _, info = env.step(encode(level.record()[0], order))
            after = company(env.state)["buildings"]
            for slot in np.flatnonzero((before == 0) & (after["kind"] == WORKS)):
                built[after["recipe"][slot]] += 1
            made_turn[(made_turn < 0) & (info["made"] > 0)] = here
            stage_turn[(stage_turn < 0) & info["stages"]] = here
            turn += 1
        ledger = company(env.state)["goods_ledger"]
        assert info["made"].tolist() == (ledger[:5, DUG] + ledger[:5, PRODUCED]).tolist()
        assert info["sold"].tolist() == (-ledger[:5, SOLD]).tolist()
        assert info["made_turn"].tolist() == made_turn.tolist()
        assert info["stage_turn"].tolist() == stage_turn.tolist()
        assert info["workshops"].tolist() == built.tolist()
        assert info["made"].tolist() == games.made[number].tolist()
        assert (built > 0).any()
        assert info["made"][3] > 0 or info["made"][2] > 0
    assert env.columns["made"] == ("wood", "ore", "planks", "iron", "tools")
    assert env.columns["workshops"] == ("planks", "iron", "tools")
