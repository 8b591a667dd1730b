"""What a finished run came to, and how two of them differ: nothing but wall-clock times may."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from trained_runs import differences

from experiments.common.checkpoint_files import load_checkpoint
from experiments.runs.checkpoints import LAST, POLICY, read_policy

# Wall-clock times, and what the sources' checkout was like meanwhile
_NOT_COMPARED = {"seconds", "steps_per_s", "seconds_since_start", "finished", "commit"}


def outcome(folder: Path) -> dict[str, Any]:
    """All that a run left: checkpoint, and of each seed policy, result and points, without wall-clock times."""
    seeds = sorted(path.parent for path in folder.rglob(POLICY))
    assert seeds, f"{folder} has no policy"
    return {"last.pt": load_checkpoint(folder / LAST)} | {
        str(own.relative_to(folder)): {
            "policy": read_policy(own),
            "result": _without_times(json.loads((own / "result.json").read_text())),
            "points": points(own),
        }
        for own in seeds
    }


def points(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Every point of every curve as TensorBoard shows them: one that is there twice is listed twice."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logging.getLogger("tensorboard").setLevel(logging.ERROR)
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    tags = [tag for tag in events.Tags()["scalars"] if not tag.startswith("time/fps")]
    return {tag: [(point.step, repr(point.value)) for point in events.Scalars(tag)] for tag in tags}


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(entry) for key, entry in value.items() if key not in _NOT_COMPARED}
    return [_without_times(entry) for entry in value] if isinstance(value, list) else value


def unlike(whole: dict[str, Any], killed: dict[str, Any]) -> list[str]:
    """Where two outcomes differ; empty if they are the same to the bit."""
    if whole.keys() != killed.keys():
        return [f"parts: {whole.keys() ^ killed.keys()}"]
    found: list[str] = []
    for name in whole:
        for part in whole[name] if name != "last.pt" else ("",):
            mine, theirs = (one[name][part] if part else one[name] for one in (whole, killed))
            if part == "points" and mine.keys() != theirs.keys():
                found.append(f"{name} points: {sorted(mine.keys() ^ theirs.keys())}")
            elif part == "points":
                found += [
                    f"{name} {tag}: {len(mine[tag])} and {len(theirs[tag])} points"
                    for tag in mine if mine[tag] != theirs[tag]
                ]  # fmt: skip
            else:
                found += [f"{name} {part}{line}" for line in differences(mine, theirs)]
    return found
