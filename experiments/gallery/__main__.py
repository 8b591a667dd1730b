"""Makes the pictures of the docs again: ``make pictures``, or ``python -m experiments.gallery``.

Those of a run are of one that it trains itself, as ``make train`` does; ``--run`` takes one that is there. The figures
of studies and of tuning are not among them: they need hours of training, and docs/gallery.md has their commands.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.common.door import Parser, door
from experiments.config import reading
from experiments.gallery.browser import open_browser
from experiments.gallery.parts import GALLERY_PARTS
from experiments.gallery.studio import Studio, furnish, words_of
from experiments.runs.seeds import only_folder
from groundwork.blame import ROOT
from groundwork.errors import WaybillError

TRAINING = "python train.py agent=dqn reward=shaped"


def make_pictures(
    out: Path, *, browser: Any, run: Path | None = None, only: Sequence[str] = tuple(GALLERY_PARTS)
) -> None:
    """Make the pictures of some parts, of a run if one is given, else of one that is trained now; into ``out``.

    ``browser`` is Playwright's.

    Raises:
        WaybillError: in one line, if the run is no good or a command fails.
    """
    parts = {name: part for name, part in GALLERY_PARTS.items() if name in only}
    if run is None and any(part.needs_run for part in parts.values()):
        run = _trained()
    with tempfile.TemporaryDirectory(prefix="pictures_") as folder:
        furnish(Path(folder), run)
        studio = Studio(Path(folder), out, browser)
        for k, (name, part) in enumerate(parts.items(), 1):
            print(f"{k} of {len(parts)}, {name}: {', '.join(part.commands)}", flush=True)
            part.make(studio)


def _trained() -> Path:
    """A new run, as ``make train`` makes it, in a folder that says what for."""
    folder = Path("runs", f"pictures_{time.strftime('%Y-%m-%d_%H-%M-%S')}").absolute()
    done = subprocess.run([*words_of(TRAINING), f"hydra.run.dir={folder}"], check=False)
    if done.returncode:
        raise WaybillError(f"{TRAINING}: it ended with exit code {done.returncode}")
    print(f"the run stays; to take the pictures of it again: --run {folder}", flush=True)
    return folder


def _arguments() -> argparse.Namespace:
    parser = Parser(prog="python -m experiments.gallery", description=__doc__)
    parser.add_argument("--run", help="a finished run to take the pictures of (default: one is trained)")
    parser.add_argument("--out", default=str(ROOT / "docs" / "figures"), help="a folder (default: docs/figures)")
    parser.add_argument(
        "--only", nargs="+", choices=GALLERY_PARTS, default=list(GALLERY_PARTS), help="some parts (default: all)"
    )
    return parser.parse_args()


@door("gallery")
def main() -> None:
    """The command."""
    given = _arguments()
    out = Path(given.out)
    if not out.is_dir():
        raise WaybillError(f"--out={out}: there is no such folder")
    run = None if given.run is None else only_folder(Path(given.run), reading.read_run(Path(given.run)))
    began = time.monotonic()
    with open_browser() as browser:
        make_pictures(out, browser=browser, run=run, only=given.only)
    print(f"all in {time.monotonic() - began:.0f} s, in {out}")


if __name__ == "__main__":
    main()
