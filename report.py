"""What runs say together: python report.py DIR…  writes a page with figures and intervals, and the same as Markdown."""

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while modules are loaded: no traceback

import argparse

from experiments.common.door import Parser, door


def _arguments() -> argparse.Namespace:
    parser = Parser(prog="report.py", description=__doc__)
    parser.add_argument("folders", metavar="DIR", nargs="+", help="folders with runs, at any depth")
    parser.add_argument(
        "--out", help="folder to write, an earlier report is replaced (default: DIR/report, or DIR_report of one run)"
    )
    parser.add_argument("--reference", metavar="ARM", help="label of the arm that others are compared with")
    parser.add_argument(
        "--threshold", type=float, default=0.25, metavar="SHARE",
        help="for the time to threshold: of the way from random play to the planner or best arm (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default: %(default)s)")
    return parser.parse_args()


@door("report.py")
def main() -> None:
    """The command."""
    arguments = _arguments()
    from experiments.reports.report import write_report

    write_report(**vars(arguments))


if __name__ == "__main__":
    main()
