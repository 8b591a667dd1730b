"""Actions of training are counted by who chose them and of which kind they were."""

from __future__ import annotations

import numpy as np

from agents.acting.tally import MOST_GROUPS, SOURCES, ActionTally


def test_actions_are_counted_by_seed_source_and_group() -> None:
    tally = ActionTally(2)
    tally.add(np.array([0, 1, 1, 0, 0, 3]), np.array([2, 4, 4, 0, 2, 99]))  # three games of each seed
    tally.add(np.array([2, 0, 0, 0, 0, 0]), None)
    found = tally.take()
    assert found.shape == (2, len(SOURCES), MOST_GROUPS)
    counted = {(int(s), SOURCES[k], int(g)): int(found[s, k, g]) for s, k, g in np.argwhere(found)}
    assert counted == {
        (0, "policy", 2): 1, (0, "random", 4): 2, (0, "advice", 0): 1, (0, "policy", 0): 2,
        (1, "policy", 0): 4, (1, "policy", 2): 1, (1, "teacher", MOST_GROUPS - 1): 1,
    }  # fmt: skip
    assert tally.take().sum() == 0


def test_counts_go_on_from_a_saved_state() -> None:
    tally, other = ActionTally(1), ActionTally(1)
    tally.add(np.array([0, 1]), np.array([3, 1]))
    other.load_state_dict(tally.state_dict())
    assert np.array_equal(other.take(), tally.take())
