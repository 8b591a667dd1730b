"""Where pictures are made: a folder in which commands are typed as the pages have them, and the folder they go into."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from PIL import Image

from experiments.common.files import write_whole
from experiments.sweeps.process import places
from groundwork.blame import ROOT
from groundwork.errors import WaybillError

PNG_COLOURS = 256  # of a picture of a page: a quarter of the bytes, and hardly seen


@dataclass(frozen=True)
class Studio:
    """``folder`` has ``runs/RUN`` and ``policies`` as the pages name them; pictures go into ``out``."""

    folder: Path
    out: Path
    browser: Any  # of Playwright

    def do(self, command: str) -> str:
        """What a command prints that is typed in the folder.

        Raises:
            WaybillError: with the last line that it said, if it fails.
        """
        given: Any = {"cwd": self.folder, "env": _environment(), "text": True}
        done = subprocess.run(words_of(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **given)
        if done.returncode:
            raise WaybillError(_failed(command, done.stdout))
        return str(done.stdout)

    @contextmanager
    def serve(self, command: str) -> Iterator[str]:
        """The address that a server says, which is ended afterwards.

        Raises:
            WaybillError: with the last line that it said, if it ends before it says one.
        """
        given: Any = {"cwd": self.folder, "env": _environment(), "text": True}
        server = subprocess.Popen(words_of(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **given)
        try:
            assert server.stdout is not None
            yield _address(server.stdout, command)
        finally:
            server.terminate()
            server.communicate()

    def save(self, name: str, picture: Image.Image | bytes) -> None:
        """Put a picture into ``out``: bytes as they are, a picture of a page as a PNG of few colours."""

        def write(temporary: Path) -> None:
            if isinstance(picture, bytes):
                temporary.write_bytes(picture)
            else:
                few = picture.convert("RGB").quantize(PNG_COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
                few.save(temporary, "PNG", optimize=True)

        write_whole(self.out / name, write)


def words_of(command: str) -> list[str]:
    """The words of a command of the pages, as it is started from another folder: by this Python, with our doors."""
    first, *rest = shlex.split(command)
    if first == "tensorboard":
        return [sys.executable, "-m", "tensorboard.main", *rest]
    assert first == "python", command
    return [sys.executable, *rest] if rest[0] == "-m" else [sys.executable, str(ROOT / rest[0]), *rest[1:]]


def furnish(folder: Path, run: Path | None) -> None:
    """Make a folder look as the pages suppose: the policies are there, and a copy of the run is ``runs/RUN``."""
    (folder / "policies").symlink_to(ROOT / "policies", target_is_directory=True)
    if run is not None:
        shutil.copytree(run, folder / "runs" / "RUN")


def _environment() -> dict[str, str]:
    return {**os.environ, **places(os.environ), "PYTHONUNBUFFERED": "1", "COLUMNS": "100"}


def _address(said: IO[str], command: str) -> str:
    lines = []
    for line in said:
        lines.append(line)
        if found := re.search(r"http://(?:127\.0\.0\.1|localhost):\S+", line):
            return found[0]
    raise WaybillError(_failed(command, "".join(lines)))


def _failed(command: str, said: str) -> str:
    last = next((line for line in reversed(said.splitlines()) if line.strip()), "it said nothing")
    return f"{command}: {last.strip()}"
