"""Make a folder to give away of a policy: python share.py RUN --out FOLDER."""

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while modules are loaded: no traceback

import argparse

from experiments.common.door import Parser, door


def _arguments() -> argparse.Namespace:
    parser = Parser(prog="share.py", description=__doc__)
    parser.add_argument("target", metavar="RUN", help="a run folder")
    parser.add_argument("--out", metavar="FOLDER", required=True, help="the folder to make")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    parser.add_argument("--config-dir", metavar="DIR", help="where choices of your own are that a run is made of")
    parser.add_argument("--trust", action="store_true", help="a run that isn't yours may name code, which then runs")
    return parser.parse_args()


@door("share.py")
def main() -> None:
    """The command."""
    options = vars(_arguments())
    from experiments.config.choices import add_config_folder, may_name_code
    from experiments.sharing.share import share_run

    add_config_folder(options.pop("config_dir"))
    may_name_code(options.pop("trust"))
    share_run(**options)


if __name__ == "__main__":
    main()
