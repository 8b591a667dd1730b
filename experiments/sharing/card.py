"""The model card of a shared policy: what it is, how good it is, how to use it and how it was made.

The head of the card is the metadata that Hugging Face's hub reads of a repository, with the scores as a ``model-index``
(https://huggingface.co/docs/hub/model-cards).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from experiments.config.reading import Setup
from experiments.config.schema import UNUSED
from experiments.reports.page import plain_md
from experiments.runs.domain import HeldOut

MODEL_CARD = "README.md"
_NAMES = {  # figures of a row of scores that the model-index has, and what each is
    "normalised": "share of the planner's score, random play is 0",
    "normalised_seen": "share of the score of the planner that knows what a seat knows, random play is 0",
    "won": "share of games won",
}


def card_text(
    setup: Setup,
    result: Mapping[str, Any],
    *,
    place: str,
    commands: Sequence[str],
    needs: Sequence[str],
    kept: Mapping[str, str],
) -> str:
    """The card as Markdown with its metadata.

    ``place`` is where the folder lies, ``kept`` the files of the game that is kept, by name, with what each shows;
    ``commands`` made the run, which ``needs`` packages of a user's own.
    """
    held_out = setup.domain.held_out(setup)
    agent, game = setup.names["agent"], _game(setup)
    head = yaml.safe_dump(_metadata(setup, result, held_out), sort_keys=False, allow_unicode=True, width=120)
    pictures = [f"![{what}]({file})" for file, what in kept.items() if file.endswith((".png", ".gif"))]
    scores: Mapping[str, Any] = result["scores"]
    policy: Mapping[str, Any] = result["policy"]
    parts = [
        f"---\n{head}---",
        f"# {plain_md(agent)} on {plain_md(game)}",
        f"A policy trained by Waybill with `{_choices(setup)}`, kept after {policy['env_step']:,} environment steps as "
        f"the one that scored best on the validation games ({policy['validation_score']:,.1f}).",
        *pictures,
        "## How good it is",
        "Held-out games, which neither training nor the choice of the policy has seen: "
        f"{plain_md(held_out.title)}. Ranges are 95 % intervals over games.",
        _table(["player", *held_out.columns], [[who, *_cells(held_out, row)] for who, row in scores.items()]),
        "It is one run: other seeds come out otherwise.",
        "## Use it",
        "In a checkout of Waybill, with the path of the folder:",
        _code(_uses(setup, place, game)),
        "## How it was made",
        _code(commands) if commands else "It was started from Python, no command is known.",
        _provenance(setup, result),
        *([plain_md(f"It {line}.") for line in needs]),
        "## What is in here",
        _lined(["file", "what it is"], [[f"`{file}`", what] for file, what in _files(kept).items()]),
        "Reading it runs no code: weights are safetensors, with a checksum in the header, and all else is text.",
    ]
    return "\n\n".join(parts) + "\n"


def _metadata(setup: Setup, result: Mapping[str, Any], held_out: HeldOut) -> dict[str, Any]:
    """What the hub reads."""
    agent, game = setup.names["agent"], _game(setup)
    row: Mapping[str, Any] = result["scores"][agent]
    metrics = [{"type": "score", "name": "mean score", "value": round(row["mean"], 4)}]
    metrics += [
        {"type": key, "name": what, "value": round(row[key]["mean"], 4)}
        for key, what in _NAMES.items() if row.get(key) is not None
    ]  # fmt: skip
    dataset = {"type": f"waybill/{game}", "name": held_out.title}
    task = {"type": "reinforcement-learning", "name": "reinforcement learning"}
    results = [{"task": task, "dataset": dataset, "metrics": metrics}]
    return {
        "library_name": "waybill",
        "pipeline_tag": "reinforcement-learning",
        "tags": ["reinforcement-learning", "deep-reinforcement-learning", "gymnasium", "waybill", agent, game],
        "model-index": [{"name": f"{agent} on {game}", "results": results}],
    }


def _game(setup: Setup) -> str:
    """The level, or the id of another game."""
    level = setup.names["level"]
    return level if level != UNUSED else str(setup.plain["env"].get("id", setup.names["env"]))


def _choices(setup: Setup) -> str:
    return " ".join(f"{group}={name}" for group, name in setup.names.items() if name != UNUSED)


def _cells(held_out: HeldOut, row: Mapping[str, Any]) -> list[str]:
    return [text(row) for text in held_out.columns.values()]


def _uses(setup: Setup, place: str, game: str) -> list[str]:
    """Commands for whoever has the folder."""
    if setup.names["level"] == UNUSED:
        return [f"python evaluate.py {place}", f"python replay.py {place} --format gif --out game.gif"]
    return [
        f"python replay.py {place} --format html --out game.html",
        f"python evaluate.py {place}",
        f"python play.py --level {game} --policy {place}",
        f"python train.py level={game} transfer.from={place}",
    ]


def _provenance(setup: Setup, result: Mapping[str, Any]) -> str:
    """Which code, what machine, how long."""
    commit, versions = result.get("commit"), result.get("versions", {})
    code = "an installation without its history" if commit is None else f"commit {str(commit['id'])[:12]}"
    changed = ", with changes that aren't committed" if commit is not None and commit["dirty"] else ""
    known = ", ".join(f"{package} {version}" for package, version in versions.items() if version is not None)
    took = f" Training took {result['seconds']:,.0f} s on {result['device']}." if "seconds" in result else ""
    updates = f" with {result['updates']:,} updates" if "updates" in result else ""
    how = f"{result['env_steps']:,} environment steps{updates}, seed {setup.config.seed}.{took}"
    return plain_md(f"{how} Measured with {code}{changed}; {known}.")


def _files(kept: Mapping[str, str]) -> dict[str, str]:
    return {
        "config.json": "what the run was made of, by names and numbers, and the commands that made it",
        "policy.safetensors": "the weights, with the step and the validation score they were kept at",
        "result.json": "scores game by game, of the players, too; the learning curve; code and machine",
        **kept,
    }


def _code(lines: Iterable[str]) -> str:
    return "\n".join(f"    {' '.join(line.splitlines())}" for line in lines)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return _lined(head, [[plain_md(cell) for cell in row] for row in rows])


def _lined(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose cells are Markdown of our own."""
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *rows])
