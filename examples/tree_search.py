"""A tree search over a game that can be set back, beside the players it is measured with.

    python examples/tree_search.py --level haul --maps 10

Level by level of the tree: of each kept state all children are made, each is valued by playing on greedily to the end,
and the best ``width`` go on. It sees everything, as the player ``planner`` does.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # works in a checkout that is not installed, too


def search(env: Any, width: int) -> tuple[int, list[int]]:
    """The best score found from where the game stands, and the actions that lead to it."""
    best: tuple[int, list[int]] = (-(10**9), [])
    beam = {env.get_state(): []}
    while beam:
        children: dict[Any, tuple[int, list[int]]] = {}
        for state, path in beam.items():
            _, info = env.set_state(state)
            for action in np.flatnonzero(info["action_mask"]).tolist():
                env.set_state(state)
                _, _, over, _, info = env.step(action)
                child, line = env.get_state(), [*path, action]
                best = max(best, (info["score"], line)) if over else best
                if not over and child not in children:
                    tail = line.copy()
                    while not over:  # greedy play to the end says what the child is worth
                        tail.append(info["advice"])
                        _, _, over, _, info = env.step(tail[-1])
                    children[child] = info["score"], line
                    best = max(best, (info["score"], tail))
        ranked = sorted(children, key=lambda state: children[state][0], reverse=True)
        beam = {state: children[state][1] for state in ranked[:width]}
    return best


def main() -> None:
    """Scores on the first maps of a level."""
    from envs.waybill.players.play import play_games

    parser = argparse.ArgumentParser(description="A tree search on a level, beside random, greedy and planner.")
    parser.add_argument("--level", default="haul")
    parser.add_argument("--maps", type=int, default=5)
    parser.add_argument("--width", type=int, default=2)
    given = parser.parse_args()
    env: Any = gymnasium.make(f"envs:waybill/{given.level.capitalize()}-v0", maps=(0, given.maps)).unwrapped
    scores, start = [], time.perf_counter()
    for map_seed in range(given.maps):
        env.reset(seed=0, options={"map_seed": map_seed})
        begun = env.get_state()
        score, actions = search(env, given.width)
        env.set_state(begun)
        played = [env.step(action)[4]["score"] for action in actions]
        assert played[-1] == score, "the game is played as it was found"
        scores.append(score)
    seconds = (time.perf_counter() - start) / given.maps
    print(f"tree search of width {given.width}: {np.mean(scores):,.1f} coins ({seconds:.1f} s a game)")
    for name in ("random", "greedy", "planner"):
        others = play_games(name, env.level, np.arange(given.maps, dtype=np.uint64)).score
        print(f"{name}: {others.mean():,.1f} coins")


if __name__ == "__main__":
    main()
