"""What is wrong with a run: python diagnose.py RUN  prints what was found and writes a page of curves and pictures."""

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while modules are loaded: no traceback

import argparse

from experiments.common.door import Parser, door


def _arguments() -> argparse.Namespace:
    parser = Parser(prog="diagnose.py", description=__doc__)
    parser.add_argument("target", metavar="RUN", help="a run folder")
    parser.add_argument("--out", metavar="FILE", help="the page to write (default: diagnosis.html in the run folder)")
    parser.add_argument("--device", default="cpu", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    parser.add_argument("--config-dir", metavar="DIR", help="where choices of your own are that a run is made of")
    parser.add_argument("--trust", action="store_true", help="a run that isn't yours may name code, which then runs")
    return parser.parse_args()


@door("diagnose.py")
def main() -> None:
    """The command."""
    options = vars(_arguments())
    from experiments.config.choices import add_config_folder, may_name_code
    from experiments.diagnosis.diagnose import diagnose_run

    add_config_folder(options.pop("config_dir"))
    may_name_code(options.pop("trust"))
    diagnose_run(**options)


if __name__ == "__main__":
    main()
