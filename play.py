"""Play a game yourself, in the browser or in the terminal: python play.py --level haul."""

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while modules are loaded: no traceback

import argparse

from experiments.common.door import Parser, door


def _arguments() -> argparse.Namespace:
    parser = Parser(prog="play.py", description=__doc__)
    parser.add_argument("--level", help="which level (default: refine)")
    parser.add_argument(
        "--against", nargs="+", metavar="PLAYER|RUN", help="who plays the others: 1 to 3 of random, greedy, planner "
        "and run folders (default: the level's own rivals)"
    )  # fmt: skip
    parser.add_argument("--seat", type=int, default=0, help="your seat among the companies (default: %(default)s)")
    parser.add_argument("--map-seed", type=int, default=0, help="which held-out map (default: %(default)s)")
    parser.add_argument("--policy", metavar="RUN", help="who gives hints and can take over (default: policies/LEVEL)")
    parser.add_argument("--undo", action="store_true", help="turns may be taken back: the game counts as practice")
    parser.add_argument("--terminal", action="store_true", help="no browser: the board as text, orders typed in words")
    parser.add_argument("--port", type=int, default=8642, help="of the page, 0: any (default: %(default)s)")
    parser.add_argument("--open", action="store_true", help="open the browser")
    parser.add_argument("--out", help="where to save the game (default: played.jsonl, or the next free name)")
    parser.add_argument("--device", default="cpu", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    parser.add_argument("--config-dir", metavar="DIR", help="where choices of your own are that a run is made of")
    parser.add_argument("--trust", action="store_true", help="a run that isn't yours may name code, which then runs")
    return parser.parse_args()


@door("play.py")
def main() -> None:
    """The command."""
    options = vars(_arguments())
    from experiments.config.choices import add_config_folder, may_name_code
    from experiments.games.waybill.playing.start import play_game

    add_config_folder(options.pop("config_dir"))
    may_name_code(options.pop("trust"))
    play_game(**options)


if __name__ == "__main__":
    main()
