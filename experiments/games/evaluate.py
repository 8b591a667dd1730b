"""Measures a finished run on held-out games, or a player on any of Waybill's maps and levels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from agents.acting.search import LookaheadSettings
from experiments.common.machine import device_of
from experiments.config import errors, reading
from experiments.config.groups import check_candidates
from experiments.config.reading import Setup
from experiments.games.waybill.lookahead.flags import lookahead_of
from experiments.runs import results
from experiments.runs.domain import EvaluationRequest
from experiments.runs.policies import load_policy
from groundwork.errors import WaybillError
from groundwork.nearest import meant_path


def evaluate_target(
    target: str,
    *,
    level: str | None = None,
    rivals: str | None = None,
    maps: int | None = None,
    map_seed: int | None = None,
    episodes: int | None = None,
    seed: int | None = None,
    candidates: int | None = None,
    device: str = "auto",
    out: str = "runs",
    search: str | None = None,
    search_candidates: int | None = None,
    search_turns: int | None = None,
) -> dict[str, Any]:
    """Scores by player of a run folder or a player's name, on held-out games; prints the table.

    What is None is the run's own; ``candidates`` are slots. ``seed`` is the random player's where games have maps,
    else the first episode's. ``rivals`` are separated by commas, as ``rivals=`` in a config. With ``search`` the
    policy is measured once more, thinking before it acts: see ``LookaheadSettings``.

    Raises:
        WaybillError: in one line, if the target, the games or the checkpoint are no good or don't fit.
    """
    errors.check_device(device)
    others = None if rivals is None else rivals.split(",")
    folder, request = Path(target), EvaluationRequest(level, others, maps, map_seed, episodes, seed)
    settings = lookahead_of(search, candidates=search_candidates, turns=search_turns)
    if not folder.is_dir():
        if settings is not None:
            raise WaybillError(f"--search={search}: {target!r} is no run folder, only a trained policy can search")
        if candidates is not None:
            raise WaybillError(
                f"--candidates={candidates}: {target!r} is no run folder, only a trained policy has them"
            )
        return _measure_players(target, request, Path(out))
    setup = reading.read_run(folder)
    if candidates is not None:
        setup = _with_candidates(setup, candidates)
    out = setup.config.out if Path(setup.config.out).is_dir() else str(folder.parent)
    return _measure_run(setup.with_config(out=out, device=device), folder, request, settings)


def _with_candidates(setup: Setup, candidates: int) -> Setup:
    """The same run with other slots for candidates: weights of ``network=candidates`` don't depend on their number."""
    actions = setup.plain.get("actions", {})
    if actions.get("candidates") is None:
        name = setup.names["actions"]
        raise WaybillError(f"--candidates={candidates}: the run's actions={name} have no candidates")
    check_candidates(candidates, "--candidates")
    wanted = {**actions, "candidates": candidates, "candidates_start": None}
    return reading.read_setup({**setup.plain, "actions": wanted})


def _measure_run(
    setup: Setup, folder: Path, request: EvaluationRequest, search: LookaheadSettings | None
) -> dict[str, Any]:
    held_out, name = setup.domain.held_out(setup, request), setup.names["agent"]
    games, title, spent = {}, f"{name} on {held_out.title}", None
    if setup.player is not None and search is not None:
        raise WaybillError(f"--search={search.budget}: {name} is a player, only a trained policy can search")
    if setup.player is None:
        torch.set_num_threads(setup.config.network_threads)
        evaluator = held_out.evaluator()
        policy = load_policy(setup, folder, env=evaluator.env, device=device_of(setup.config))
        thinking = None if search is None else held_out.thinking(policy, search)  # refused before anything is played
        games = {name: evaluator(policy.greedy)}
        if thinking is not None:
            games[f"{name} with search"], spent = evaluator(thinking), thinking.milliseconds
        title = f"{folder}, weights kept after {policy.env_step:,} steps, on {held_out.title}"
    scores: dict[str, Any] = held_out.compare({**games, **held_out.baselines()})
    results.print_scores(scores, title=title, columns=held_out.columns, players=setup.domain.players)
    if search is not None:
        print(f"search: {search.budget} a decision, {spent:.1f} ms taken on average, many games side by side")
    return scores


def _measure_players(name: str, request: EvaluationRequest, out: Path) -> dict[str, Any]:
    from experiments.games.waybill.domain import WaybillDomain
    from experiments.games.waybill.held_out import players_alone

    players = WaybillDomain.players
    if name not in players:
        near = meant_path(name, players)
        raise WaybillError(f"{name!r} is neither a run folder nor a player{near}, players are {', '.join(players)}")
    held_out = players_alone(request, out=out)
    scores = held_out.compare(held_out.baselines())
    results.print_scores(scores, title=f"{name} on {held_out.title}", columns=held_out.columns, players=players)
    return scores
