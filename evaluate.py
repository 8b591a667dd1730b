"""Measure a run or a player on held-out games: python evaluate.py RUN  or  python evaluate.py planner --level haul."""

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while modules are loaded: no traceback

import argparse

from experiments.common.door import Parser, door


def _arguments() -> argparse.Namespace:
    parser = Parser(prog="evaluate.py", description=__doc__)
    parser.add_argument("target", metavar="RUN|PLAYER", help="a run folder, or random, greedy or planner")
    parser.add_argument(
        "--level", help="another level than the run's (its network must fit; default for a player: refine)"
    )
    parser.add_argument(
        "--rivals", help="who plays the others: 1 to 3 of random, greedy, planner and run folders, separated by commas"
    )
    parser.add_argument(
        "--maps", type=int, help="number of maps (default: as many as the run's result, 100 for a player)"
    )
    parser.add_argument("--map-seed", type=int, help="the first map's seed (default: the run's, 0 for a player)")
    parser.add_argument(
        "--episodes", type=int, help="where games have no maps: number of episodes (default: the run's)"
    )
    parser.add_argument(
        "--seed", type=int, help="the first episode's seed (default: the run's); with maps: the random player's, 0"
    )
    parser.add_argument(
        "--candidates", type=int, help="slots for candidates, 2..256 (default: the run's actions.candidates)"
    )
    parser.add_argument(
        "--search", metavar="20ms|ROUNDS", help="also let the policy think before it acts: so long a decision, or so "
        "many rounds, which come out the same on every machine"
    )  # fmt: skip
    parser.add_argument("--search-candidates", type=int, help="actions tried (default: 8)")
    parser.add_argument(
        "--search-turns", type=int, help="until a tried game is valued by the network; where nothing is hidden it is "
        "played to its end (default: 40)"
    )  # fmt: skip
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    parser.add_argument("--out", default="runs", help="where a player's games are kept (default: %(default)s)")
    parser.add_argument("--config-dir", metavar="DIR", help="where choices of your own are that a run is made of")
    parser.add_argument("--trust", action="store_true", help="a run that isn't yours may name code, which then runs")
    return parser.parse_args()


@door("evaluate.py")
def main() -> None:
    """The command."""
    options = vars(_arguments())
    from experiments.config.choices import add_config_folder, may_name_code
    from experiments.games.evaluate import evaluate_target

    add_config_folder(options.pop("config_dir"))
    may_name_code(options.pop("trust"))
    evaluate_target(**options)


if __name__ == "__main__":
    main()
