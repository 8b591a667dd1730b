"""What a run needs beside Waybill: the packages of a user's own that its choices name, in which version.

It is said in ``result.json`` and, as comments below the command, in ``config.yaml``, where whoever lacks it reads it.
"""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path
from typing import Any

from experiments.config.choices import own_targets
from experiments.config.reading import NEEDS, Setup, notes_of
from groundwork.sources import hash_of_module


def own_parts(setup: Setup) -> dict[str, dict[str, Any]]:
    """For each group (or ``callbacks.NAME``) whose choice is a user's own: ``target``, ``package``, ``version`` (None:
    not installed) and ``sources``, a hash of the module and all that it imports.
    """
    return {group: _described(target) for group, target in own_targets(setup.names, setup.config.callbacks).items()}


def _described(target: str) -> dict[str, Any]:
    module = target.rpartition(".")[0]
    package = module.partition(".")[0]
    names = importlib.metadata.packages_distributions().get(package, [])
    version = importlib.metadata.version(names[0]) if names else None
    return {"target": target, "package": package, "version": version, "sources": hash_of_module(module)}


def needs(setup: Setup) -> list[str]:
    """A line for each part of a user's own, as it stands in ``config.yaml``."""
    lines = []
    for group, part in own_parts(setup).items():
        version = part["version"] or "(not installed)"
        name = f"{group}={setup.names[group]}" if group in setup.names else group
        name += f" is {part['target']}"
        lines.append(f"{NEEDS}{part['package']} {version}: {name}, sources {part['sources']}")
    return lines


def note_changes(folder: Path, setup: Setup) -> None:
    """Say on stderr if a part of a user's own is another now than when the run in ``folder`` was made."""
    then = [line for line in notes_of(folder) if line.startswith(NEEDS)]
    for line in needs(setup) if then else ():
        if line not in then:
            print(f"note: {folder} was made with another version; now it {line}", file=sys.stderr, flush=True)
