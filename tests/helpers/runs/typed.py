"""The commands as a user types them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import forking

ROOT = Path(__file__).resolve().parents[3]


def command(*words: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """What a door, or a module by ``-m``, does with words; ``variables`` are of the environment."""
    words = words if words[0] == "-m" else (str(ROOT / words[0]), *words[1:])
    return forking.run(words, cwd=cwd, environment={**os.environ, **variables}, timeout=300)


def refused(done: subprocess.CompletedProcess[str], door: str) -> str:
    """The one line on stderr of a refused command."""
    assert done.returncode == 2, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith(f"{door}: error: ")
    return lines[0]
