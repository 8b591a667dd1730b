"""Copies of games on several levels: each is what a copy of its level's own games is, also after a move up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ladder_games import games

from experiments.games.waybill.lookahead.copies import CopiedGames, LadderCopies


def test_each_copy_is_one_of_its_levels_own(tmp_path: Path) -> None:
    ladder, rng = games(tmp_path), np.random.default_rng(0)
    copies = LadderCopies(ladder)
    _, infos = ladder.reset(seed=1)
    checked = set()
    for _ in range(3):
        for _ in range(12):  # a few turns of games
            mask = infos["action_mask"]
            _, _, _, _, infos = ladder.step(np.array([rng.choice(np.flatnonzero(row)) for row in mask]))
        counts = [count for _, count in ladder.active]
        first = np.cumsum([0, *counts])
        chosen = rng.permutation(np.repeat(np.arange(ladder.num_envs), 2))  # in any order, some twice
        copies.follow()
        copies.begin(chosen, 0)
        singles = []
        for number, part in enumerate(ladder.parts):
            own = np.flatnonzero((chosen >= first[number]) & (chosen < first[number + 1]))
            single = CopiedGames(part.batch, draws=0)
            single.follow()
            single.begin(chosen[own] - first[number], 0)
            singles.append((own, single))
        for _ in range(6):
            obs, mask = copies.seen
            actions = np.array([rng.choice(np.flatnonzero(row)) for row in mask])
            rewards = copies.step(actions)
            for own, single in singles:
                np.testing.assert_array_equal(obs[own], single.seen[0])
                np.testing.assert_array_equal(mask[own], single.seen[1])
                np.testing.assert_array_equal(rewards[own], single.step(actions[own]))
                np.testing.assert_array_equal(copies.over[own], single.over)
            assert (rewards != 0).any()
        checked.add(tuple(level.name for level, _ in ladder.active))
        if ladder.level_index + 1 < len(ladder.levels):
            ladder.move_up()
            for _ in range(2):  # all games are cut off, then new ones begin
                _, _, _, _, infos = ladder.step(np.zeros(ladder.num_envs, np.int64))
    assert checked == {("haul",), ("refine", "haul"), ("chain", "refine", "haul")}


def test_only_some_levels_may_be_copied(tmp_path: Path) -> None:
    ladder = games(tmp_path)
    ladder.reset(seed=1)
    ladder.move_up()
    for _ in range(3):
        ladder.step(np.zeros(ladder.num_envs, np.int64))
    copies = LadderCopies(ladder)
    copies.follow()
    last = np.array([ladder.num_envs - 1])  # on the level before
    copies.begin(last, 0)
    assert copies.seen[0].shape == (1, ladder.layout.size)
    assert copies.step(np.array([0])).shape == (1,)
