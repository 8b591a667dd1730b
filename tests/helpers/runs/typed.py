"""The commands as a user types them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def command(*words: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """What a door, or a module by ``-m``, does with words; ``variables`` are of the environment."""
    words = (sys.executable, *words) if words[0] == "-m" else (sys.executable, str(ROOT / words[0]), *words[1:])
    environment = {**os.environ, **variables}
    return subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)


def refused(done: subprocess.CompletedProcess[str], door: str) -> str:
    """The one line on stderr of a refused command."""
    assert done.returncode == 2, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith(f"{door}: error: ")
    return lines[0]
