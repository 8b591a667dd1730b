"""The numbers of a report's section, all of them: tables and figures show these and compute nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from experiments.common.statistics import Interval
from experiments.reports import aggregates, learning_curves
from experiments.reports.aggregates import Band, iqm
from experiments.reports.arms import Arm, Section
from experiments.reports.learning_curves import TimeInterval
from experiments.reports.run_folders import Run, game_scores

BASELINES = ("random", "greedy", "planner_seen", "planner")
_THRESHOLDS = 81  # of a profile
Scalars = Mapping[str, np.ndarray]  # curves [P, 2] of (step, value) by TensorBoard tag


class AggregateCurve(NamedTuple):
    """An arm's seeds as one curve over K steps or thresholds: ``x`` [K], with intervals ``y`` [K]."""

    x: np.ndarray
    y: Band


@dataclass(frozen=True, eq=False)
class ArmNumbers:
    """All numbers of an arm. Scores are [S], a single seed's bounds nan; None is what the section doesn't have."""

    arm: Arm
    scores: np.ndarray
    normalised_scores: np.ndarray | None
    score: Interval
    normalised: Interval | None
    gap: float | None  # mean over games of what the normalised score lacks of 1
    bankruptcies: float | None
    won: float | None
    curve: AggregateCurve | None
    profile: AggregateCurve
    reaching: TimeInterval | None  # mean steps until the threshold
    improvement: Interval | None  # over the reference; None for itself
    funnel: dict[str, AggregateCurve]


@dataclass(frozen=True, eq=False)
class SectionNumbers:
    """All numbers of a section. ``players`` are their mean scores on the held-out games."""

    section: Section
    arms: list[ArmNumbers]
    reference: Arm
    players: dict[str, float]
    threshold: float | None
    profile_is_normalised: bool
    games: int
    games_left_out: int  # of the profile: those where the planner isn't above the random player
    pairs: np.ndarray  # [A, A], chance that the arm of the row improves on that of the column


def measure_section(
    section: Section, *, reference: Arm, share: float, seed: int, scalars: Mapping[Run, Scalars]
) -> SectionNumbers:
    """Compute all numbers of a section.

    The threshold is ``share`` of the way from random play to the planner's (or the best arm's) score; ``seed`` is the
    bootstrap's.
    """
    first = section.runs[0]
    players = {name: float(first.scores[name]["mean"]) for name in BASELINES if name in first.scores}
    scores = {arm: np.array([run.score for run in arm.runs]) for arm in section.arms}
    threshold = _threshold(players, [float(iqm(own)) for own in scores.values()], share)
    games = [_profile_games(run) for run in section.runs]
    is_normalised = all(own.size and normal for own, normal in games)
    thresholds = _thresholds([own for own, _ in games], is_normalised)
    numbers = [
        _arm_numbers(arm, scores, reference, threshold, thresholds, is_normalised, seed, scalars)
        for arm in section.arms
    ]
    pairs = [[aggregates.probability_of_improvement(a, b) for b in scores.values()] for a in scores.values()]
    count = len(game_scores(first.own))
    left_out = count - len(games[0][0]) if is_normalised else 0
    return SectionNumbers(
        section, numbers, reference, players, threshold, is_normalised, count, left_out, np.array(pairs)
    )


def _threshold(players: Mapping[str, float], means: Sequence[float], share: float) -> float | None:
    """The score that counts as having learnt the games; None where nothing is above random play."""
    best = players.get("planner", max(means))
    if "random" not in players or best <= players["random"]:
        return None
    return learning_curves.threshold_between(players["random"], best, share)


def _arm_numbers(
    arm: Arm,
    scores: Mapping[Arm, np.ndarray],
    reference: Arm,
    threshold: float | None,
    thresholds: np.ndarray,
    is_normalised: bool,
    seed: int,
    scalars: Mapping[Run, Scalars],
) -> ArmNumbers:
    own, shares = scores[arm], [run.normalised for run in arm.runs]
    normalised = None if None in shares else np.array(shares, np.float64)
    games = np.array([_profile_games(run)[0] if is_normalised else game_scores(run.own) for run in arm.runs])  # [S, G]
    shown = AggregateCurve(thresholds, band(aggregates.profile(games, thresholds), np.mean, seed))
    curves = [run.curve for run in arm.runs if run.curve is not None]
    whole = len(curves) == len(arm.runs)
    return ArmNumbers(
        arm=arm,
        scores=own,
        normalised_scores=normalised,
        score=band(own, iqm, seed).at(),
        normalised=None if normalised is None else band(normalised, iqm, seed).at(),
        gap=float(aggregates.optimality_gap(games.ravel())) if is_normalised else None,
        bankruptcies=_mean([run.own.get("bankruptcies") for run in arm.runs]),
        won=_mean([(run.own.get("won") or {}).get("mean") for run in arm.runs]),
        curve=aggregate_curves(curves, iqm, seed) if whole else None,
        profile=shown,
        reaching=_time_to_threshold(curves, threshold, seed) if whole and threshold is not None else None,
        improvement=None if arm is reference else aggregates.improvement_interval(own, scores[reference]),
        funnel=_funnel(arm, scalars, seed),
    )


def band(values: np.ndarray, statistic: aggregates.Statistic, seed: int, **options: Any) -> Band:
    """A statistic over seeds of values [S, ...] with its interval: [...]. The bounds of a single seed are nan."""
    if len(values) > 1:
        return aggregates.interval(values[:, None], statistic, seed=seed, **options)
    nothing = np.full(values.shape[1:], np.nan)
    return Band(np.asarray(statistic(values, axis=0)), nothing, nothing)


def aggregate_curves(
    curves: Sequence[np.ndarray], statistic: aggregates.Statistic, seed: int, most: int = 200, **options: Any
) -> AggregateCurve | None:
    """Several seeds' curves as one with intervals, at no more than ``most`` steps; None if they have none in common."""
    steps, values = aggregates.on_common_steps(curves, most)
    return AggregateCurve(steps, band(values, statistic, seed, **options)) if len(steps) else None


def _profile_games(run: Run) -> tuple[np.ndarray, bool]:
    """Scores of a run's held-out games [G], and whether they are normalised: random play is 0, the planner 1.

    Games in which the planner isn't above random play are left out; without a planner scores are as they are.
    """
    own, found = game_scores(run.own), run.scores
    if "planner" not in found or "random" not in found:
        return own, False
    random, planner = game_scores(found["random"]), game_scores(found["planner"])
    room = planner - random
    return (own - random)[room > 0] / room[room > 0], True


def _thresholds(games: Sequence[np.ndarray], is_normalised: bool) -> np.ndarray:
    if is_normalised:
        return np.linspace(0.0, max(1.0, min(2.0, max(own.max() for own in games))), _THRESHOLDS)
    return np.linspace(min(own.min() for own in games), max(own.max() for own in games), _THRESHOLDS)


def _time_to_threshold(curves: Sequence[np.ndarray], threshold: float, seed: int) -> TimeInterval:
    times = [learning_curves.time_to_threshold(curve.tolist(), threshold) for curve in curves]
    steps = band(np.array([time.steps for time in times]), np.mean, seed).at()
    return TimeInterval(steps, sum(time.reached for time in times), len(times))


def _funnel(arm: Arm, scalars: Mapping[Run, Scalars], seed: int) -> dict[str, AggregateCurve]:
    """Share of the training games that reach each stage, mean over seeds; only what all seeds have."""
    own, prefix = [scalars.get(run, {}) for run in arm.runs], "game/funnel/"
    stages = [tag for tag in own[0] if tag.startswith(prefix) and all(len(other.get(tag, ())) for other in own)]
    found = {tag.removeprefix(prefix): aggregate_curves([other[tag] for other in own], np.mean, seed) for tag in stages}
    return {stage: shown for stage, shown in found.items() if shown is not None}


def _mean(values: Sequence[float | None]) -> float | None:
    return None if None in values else float(np.mean(np.array(values, np.float64)))
