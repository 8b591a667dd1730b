"""Watch a game: python replay.py RUN --format html --out game.html  or  python replay.py greedy --level haul."""

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while modules are loaded: no traceback

import argparse

from experiments.common.door import Parser, door


def _arguments() -> argparse.Namespace:
    parser = Parser(prog="replay.py", description=__doc__)
    parser.add_argument(
        "target", metavar="RUN|PLAYER|RECORD", help="a run folder, random, greedy or planner, or a saved game"
    )
    parser.add_argument("--level", help="another level than the run's (default for a player: refine)")
    parser.add_argument("--map-seed", type=int, help="which held-out map (default: 0)")
    parser.add_argument(
        "--seed", type=int, help="where games have no maps: which episode (default: the first held-out)"
    )
    parser.add_argument(
        "--format", choices=("text", "gif", "mp4", "html", "record"), default="text", help="default: %(default)s"
    )
    parser.add_argument("--out", help="file to write (default: text to the screen, else game.gif, …)")
    parser.add_argument("--fps", type=int, default=4, help="turns a second of an animation (default: %(default)s)")
    parser.add_argument("--search", metavar="BUDGET", help="the policy thinks so long before it acts: 20ms, or rounds")
    parser.add_argument("--against", metavar="RUN|PLAYER|RECORD", help="a page: another game of the same map beside it")
    parser.add_argument("--planner", metavar="EFFORT", help="a page: how hard the planner is asked: off, next or 1..6")
    parser.add_argument("--device", default="cpu", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    parser.add_argument("--config-dir", metavar="DIR", help="where choices of your own are that a run is made of")
    parser.add_argument("--trust", action="store_true", help="a run that isn't yours may name code, which then runs")
    return parser.parse_args()


@door("replay.py")
def main() -> None:
    """The command."""
    options = vars(_arguments())
    from experiments.config.choices import add_config_folder, may_name_code
    from experiments.games.replay import watch_game

    add_config_folder(options.pop("config_dir"))
    may_name_code(options.pop("trust"))
    watch_game(**options)


if __name__ == "__main__":
    main()
