"""Makes of a run a folder to give away: its policy, what it is, how good it is, and one of its games.

Nothing in there runs as code when it is read: weights are safetensors, all else is JSON and text. The folder can be
used wherever a run folder can be that holds a policy.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import torch

from experiments.common.files import refuse_misfit, write_whole
from experiments.common.machine import device_of
from experiments.common.progress import ProgressReport
from experiments.config import reading
from experiments.config.groups import TransferSettings
from experiments.config.keys import door_words, group_of, shell_command
from experiments.config.reading import NEEDS, SHARED_CONFIG, Setup
from experiments.runs import checkpoints, results
from experiments.runs.checkpoints import POLICY
from experiments.runs.commands import commands_in
from experiments.runs.finish import describe_run, print_held_out
from experiments.runs.policies import load_policy
from experiments.runs.seeds import only_folder
from experiments.sharing.card import MODEL_CARD, card_text
from groundwork.errors import WaybillError

MEGABYTES = 3  # what a folder may have before it is said to be large
# Keys of a command that are not told
_PRIVATE = ("callbacks", "hydra", "launcher", "out", "progress", "threads")


def share_run(target: str, *, out: str, device: str = "auto") -> Path:
    """Write a shared policy's folder ``out`` of a run folder, whole or not at all; prints what is in it.

    A run that has no result yet is measured first, on its held-out games.

    Raises:
        WaybillError: in one line, if there is no such run, it holds no policy, its result is damaged, or ``out`` is
            there already.
    """
    to, setup = Path(out), reading.read_run(Path(target)).with_config(device=device)
    if setup.player is not None:
        raise WaybillError(f"{target}: agent={setup.player} does not learn, there is no policy to share")
    folder = only_folder(Path(target), setup)
    if to.exists():
        raise WaybillError(f"--out={out} is there already, a new folder is needed")
    if not to.absolute().parent.is_dir():
        raise WaybillError(f"--out={out}: there is no folder {str(to.parent)!r}")
    checkpoints.keep_policy_of_before(folder)
    saved = checkpoints.read_policy(folder)
    place = Path(tempfile.mkdtemp(prefix=f".{to.name}.", dir=to.absolute().parent))
    try:
        _fill(place, folder, setup, saved, to=to)
        place.chmod(0o755)
        place.rename(to)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    _show(to, setup)
    return to


def _fill(place: Path, folder: Path, setup: Setup, saved: Mapping[str, Any], *, to: Path) -> None:
    """Write all files of a shared policy that will lie in ``to``."""
    notes = reading.notes_of(folder)
    commands, needs = public_commands(commands_in(notes)), [line for line in notes if line.startswith(NEEDS)]
    shared = {"commands": commands, "needs": needs, "config": public_config(setup)}
    write_whole(place / SHARED_CONFIG, lambda file: file.write_text(json.dumps(shared, indent=2) + "\n"))
    if reading.is_own(folder) and reading.named_code(setup):
        reading.mark_own(place)
    checkpoints.save_policy(place, dict(saved))
    given = reading.read_run(place).with_config(device=setup.config.device, out=setup.config.out)
    of_run = _result(folder, given)
    fits = contextlib.nullcontext if of_run is None else partial(refuse_misfit, folder / results.RESULT)
    result = {**(of_run or _measured(given, place, saved)), "commands": commands}
    results.write_result(place, result)
    with fits():
        number = middle_game(result["scores"][setup.names["agent"]])
    with ProgressReport(title="playing a game to keep", total=1) as report:
        report.update(0)
        kept = setup.domain.keep_replay(given, place, place, number=number)
    where = str(to) if not to.is_absolute() else to.name
    with fits():
        text = card_text(given, result, place=where, commands=commands, needs=needs, kept=kept)
    write_whole(place / MODEL_CARD, lambda file: file.write_text(text))


def public_config(setup: Setup) -> dict[str, Any]:
    """A run's config as others need it: without trackers, and without folders that only its training needed."""
    plain = {**setup.plain, "callbacks": {}, "out": "runs", "resume": None, "arm": None}
    start = {("from" if f.name == "source" else f.name): f.default for f in fields(TransferSettings)}
    plain["transfer"] = start
    if "selfplay" in plain:
        plain["selfplay"] = {**plain["selfplay"], "league": []}
    return reading.read_setup(plain).plain


def public_commands(lines: Sequence[str]) -> list[str]:
    """A run's commands without what names trackers and folders of the machine, which no result depends on.

    A resumption is left out unless it made the run longer.
    """
    here, found = f"{Path.cwd()}/", []
    for line in lines:
        door, script, *words = shlex.split(line)
        kept = [word for word in words if group_of(word) not in _PRIVATE]
        if any(word.startswith("resume=") for word in kept):
            kept = ["resume=runs/RUN", *(word for word in kept if not word.startswith("resume="))]
        if kept != ["resume=runs/RUN"]:
            shown = (word.replace(here, "").replace(f"{Path.home()}/", "~/") for word in kept)
            found.append(shell_command(door, script, *shown))
    return found


def _result(folder: Path, setup: Setup) -> dict[str, Any] | None:
    """A run's result; None if there is none yet, or a version before has written it otherwise."""
    result, why = results.read_result(folder), "the run isn't finished"
    try:
        rows, columns = [] if result is None else result["scores"].values(), setup.domain.held_out(setup).columns
        _ = [text(row) for row in rows for text in columns.values()]
    except (LookupError, TypeError, ValueError, AttributeError):
        result, why = None, f"its {results.RESULT} is of a version before"
    if result is None:
        print(f"{why}: the policy is measured on the held-out games", flush=True)
    return result


def middle_game(row: Mapping[str, Any]) -> int:
    """Which of a player's games, counted from 0, has the median score (of two the lower): neither luck nor mishap."""
    scores = row.get("by_map", row.get("by_seed"))
    order = sorted(range(len(scores)), key=lambda number: scores[number])
    return order[(len(order) - 1) // 2]


def _measured(setup: Setup, folder: Path, saved: Mapping[str, Any]) -> dict[str, Any]:
    """A result by what the policy of a shared folder does now."""
    torch.set_num_threads(setup.config.network_threads)
    held_out, name = setup.domain.held_out(setup), setup.names["agent"]
    evaluator = held_out.evaluator()
    policy = load_policy(setup, folder, env=evaluator.env, device=device_of(setup.config))
    scores = held_out.compare({name: evaluator(policy.greedy), **held_out.baselines()})
    print_held_out(setup, held_out, scores)
    kept = {"checkpoint": POLICY, "env_step": saved["env_step"], "validation_score": saved["score"]}
    own = {"env_steps": saved["env_step"], "policy": kept, "scores": scores}
    return {**describe_run(setup), **own, **results.provenance()}


def _show(to: Path, setup: Setup) -> None:
    """Say what was written, and what to type next."""
    files = sorted(path for path in to.iterdir())
    total = sum(path.stat().st_size for path in files)
    width = max(len(path.name) for path in files)
    for path in files:
        print(f"{path.name:<{width}} {path.stat().st_size / 1000:>8,.0f} kB")
    print(f"{'together':<{width}} {total / 1000:>8,.0f} kB in {to}")
    if total > MEGABYTES * 1_000_000:
        print(f"note: these are more than {MEGABYTES} MB; a smaller network.width makes a smaller policy")
    for rival in _rivals_elsewhere(setup):
        print(f"note: it plays against {rival}, which is not in there: others measure it with --rivals")
    for what, words in {
        "measure:": (*door_words("evaluate"), to),
        "watch:": (*door_words("replay"), to),
        "publish:": ("hf", "upload", "NAME/POLICY", to),
    }.items():
        print(f"{what:<9} {shell_command(*words)}")


def _rivals_elsewhere(setup: Setup) -> Sequence[str]:
    """Run folders among the rivals that the held-out games are played against."""
    return [name for name in setup.domain.describe(setup).get("maps", {}).get("rivals", ()) if Path(name).is_dir()]
