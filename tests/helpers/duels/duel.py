"""Engine against reference on chosen levels: ``python tests/helpers/duels/duel.py chain --style spiteful``."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "reference"), str(HERE.parents[2])]

from compared import Disagreement  # noqa: E402
from odd_levels import odd_level  # noqa: E402
from styles import STYLES  # noqa: E402
from versus import Match, matches  # noqa: E402

from envs.waybill.core.levels import load_level, names  # noqa: E402

ODD = "odd"  # a level drawn anew for each game
MAPS_A_POOL = 4


def games(level: str, first: int) -> Iterator[Match]:
    """Games on map after map, from a map seed on."""
    for seed in count(first, MAPS_A_POOL):
        if level == ODD:
            for number in range(seed, seed + MAPS_A_POOL):
                yield from matches(odd_level(number), range(number, number + 1))
        else:
            yield from matches(load_level(level), range(seed, seed + MAPS_A_POOL))


def duel(level: str, style: str, turns: int, first: int = 0) -> int:
    """Compare for so many turns, game after game, to the end of each but the last; returns the games begun.

    Raises:
        Disagreement: in words, at the first difference.
    """
    left = turns
    for number, match in enumerate(games(level, first)):
        if faults := match.world.land.country.faults():
            raise Disagreement(f"level {level}, map {match.world.land.country.seed}: {', '.join(faults)}")
        choose, rng = STYLES[style](), random.Random(first + number)
        while not match.over and left > 0:
            match.play(choose(match, rng))
            left -= 1
        if left == 0:
            break
    return number + 1


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="The engine's games and those of a slow reference, turn by turn.")
    parser.add_argument("level", nargs="*", default=[*names(), ODD], help="levels, or odd for drawn ones (all)")
    parser.add_argument("--style", choices=STYLES, nargs="*", default=["random", "raw", "greedy", "spiteful"])
    parser.add_argument("--turns", type=int, default=200, help="of each level in each style (200)")
    parser.add_argument("--first", type=int, default=0, help="the first map seed (0)")
    chosen = parser.parse_args()
    for level in chosen.level:
        for style in chosen.style:
            start = time.process_time()
            try:
                begun = duel(level, style, chosen.turns, chosen.first)
            except Disagreement as error:
                print(error)
                return 1
            seconds = time.process_time() - start
            print(f"{level}, {style}: {chosen.turns} turns of {begun} games agree ({seconds:.1f} s)", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
