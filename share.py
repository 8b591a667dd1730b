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
    return parser.parse_args()


@door("share.py")
def main() -> None:
    """The command."""
    options = vars(_arguments())
    from experiments.config.choices import add_config_folder
    from experiments.sharing.share import share_run

    add_config_folder(options.pop("config_dir"))
    share_run(**options)


if __name__ == "__main__":
    main()
