"""What is wrong with a run, in plain words: its curves against thresholds, which docs/diagnostics.md lists.

A finding is a function of all that is known of a run, with its thresholds as constants beside it. Each is a sentence
with the figures that it rests on; where a curve is missing nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from envs.waybill.core.state import STAGES

Points = np.ndarray  # float64 [P, 2], steps and values, rising


class Finding(NamedTuple):
    """One sentence on a run: ``is_broken`` if something cannot be as it should, and where to look further."""

    text: str
    look: str  # a heading of docs/diagnostics.md
    is_broken: bool = False


@dataclass(frozen=True)
class Known:
    """What is known of a run: its curves by tag, and ``result.json`` (empty if it isn't finished)."""

    curves: Mapping[str, Points]
    result: Mapping[str, Any] = field(default_factory=dict)

    def last(self, tag: str) -> float | None:
        """Mean of a curve's last fifth of points; None if there is no such curve."""
        points = self.curves.get(tag)
        return None if points is None or not len(points) else float(points[-max(1, len(points) // 5) :, 1].mean())

    def since(self, tag: str, wrong: Callable[[np.ndarray], np.ndarray]) -> int | None:
        """The step from which on all points of a curve are ``wrong``; None if the last one isn't."""
        points = self.curves.get(tag)
        if points is None or not len(points):
            return None
        right = np.flatnonzero(~wrong(points[:, 1]))
        first = 0 if not len(right) else int(right[-1]) + 1
        return None if first == len(points) else int(points[first, 0])

    def tags(self, start: str, end: str) -> dict[str, str]:
        """Names between ``start`` and ``end`` of the tags that have both, and those tags."""
        found = [tag for tag in self.curves if tag.startswith(start) and tag.endswith(end)]
        return {tag[len(start) : len(tag) - len(end)]: tag for tag in found}


def all_findings(known: Known) -> list[Finding]:
    """All findings, broken things first."""
    found = [finding for look in LOOKS for finding in look(known)]
    return sorted(found, key=lambda finding: not finding.is_broken)


WRONG_MASKS, SHAPING_OFF, SHAPING_EXPLAINED = 0.0, 0.02, 0.98


def masks(known: Known) -> Iterator[Finding]:
    """Masks that are not their state's."""
    share = known.last("checks/mask_wrong")
    if share is not None and share > WRONG_MASKS:
        text = f"In {share:.0%} of the states learnt from the mask is not that of their own candidates"
        yield Finding(
            f"{text}: it belongs to another step, and targets hope for orders that are not there.", "checks", True
        )


def target(known: Known) -> Iterator[Finding]:
    """A target network that stands still."""
    points = known.curves.get("checks/target_moved")
    if points is not None and len(points) and (points[:, 1] == 0).any():
        step = int(points[points[:, 1] == 0][0, 0])
        count = int((points[:, 1] == 0).sum())
        text = f"The target network did not move before {count} of {len(points)} evaluations, first at step {step:,}"
        yield Finding(f"{text}: targets stay those of long ago (agent.tau, agent.target_every).", "checks", True)


def shaping(known: Known) -> Iterator[Finding]:
    """Shaping with a wrong sign or size, or that is no potential-based one."""
    slope, explained = known.last("checks/shaping_slope"), known.last("checks/shaping_explained")
    if slope is None or explained is None:
        return
    if explained < SHAPING_EXPLAINED:
        text = f"What the reward adds to the raw one is γΦ(s′) − Φ(s) only to {max(0.0, explained):.0%}"
        yield Finding(
            f"{text}: it is no potential-based shaping, and another policy may become the best one.", "checks"
        )
    elif slope < 0:
        text = f"Shaping has the wrong sign: what is added is {slope:.2f} times γΦ(s′) − Φ(s)"
        yield Finding(f"{text}, so progress along the chain is punished.", "checks", True)
    elif abs(slope - 1) > SHAPING_OFF:
        text = f"Shaping is {slope:.2f} times γΦ(s′) − Φ(s): is the reward's discount the agent's?"
        yield Finding(text, "checks", True)


OVERESTIMATED, UNDERESTIMATED, UNCORRELATED = 0.25, -0.4, 0.3


def value_findings(known: Known) -> Iterator[Finding]:
    """Values that are not what comes."""
    share, tag = known.last("values/overestimation"), "values/overestimation"
    if share is not None and share > OVERESTIMATED:
        step = known.since(tag, lambda value: value > OVERESTIMATED)
        since = "" if step is None else f" from step {step:,} on"
        yield Finding(f"Q exceeds the return that comes by {share:.0%}{since}.", "values")
    if share is not None and share < UNDERESTIMATED:
        yield Finding(f"Q lies {-share:.0%} below the return that comes.", "values")
    correlation = known.last("values/correlation")
    if correlation is not None and correlation < UNCORRELATED:
        text = f"Q hardly tells good states from bad ones: its correlation with the return is {correlation:.2f}."
        yield Finding(text, "values")
    at_ends = known.last("train/at_ends")
    if at_ends is not None and at_ends > AT_ENDS:
        text = f"{at_ends:.0%} of the targets lie at or beyond the values that the head can express"
        yield Finding(f"{text}: widen agent.v_min and agent.v_max.", "values")


AT_ENDS = 0.05
SLEEPING, COLLAPSED, RESTLESS = 0.3, 0.3, 0.05


def layer_findings(known: Known) -> Iterator[Finding]:
    """Units that sleep, ranks that fall, choices that change all the time."""
    for name, tag in known.tags("layers/", "/dormant").items():
        share = known.last(tag)
        if share is not None and share > SLEEPING:
            yield Finding(f"{share:.0%} of the units of layer {name} are dormant (agent.redo_every).", "layers")
    for name, tag in known.tags("layers/", "/rank").items():
        now, most = known.last(tag), float(known.curves[tag][:, 1].max())
        if now is not None and now < COLLAPSED * most:
            yield Finding(f"The effective rank of layer {name} fell from {most:.0f} to {now:.0f}.", "layers")
    churn = known.last("layers/churn")
    if churn is not None and churn > RESTLESS:
        text = f"At the end one update still changes {churn:.0%} of the greedy choices"
        yield Finding(f"{text}: a lower agent.learning_rate?", "layers")


FORGOT, NOT_LEARNT = 0.25, 0.1


def learning(known: Known) -> Iterator[Finding]:
    """Scores that don't rise, or fall again."""
    tag = "eval/score" if "eval/score" in known.curves else "at_a_glance/1_score"  # runs of before have but the former
    points, end = known.curves.get(tag), known.last(tag)
    if points is None or end is None or len(points) < 3:
        return
    steps, scores = points.T
    first, best = scores[0], scores.max()
    at, spread = int(steps[scores.argmax()]), scores.max() - scores.min()
    if best - first <= NOT_LEARNT * max(1e-9, abs(first)) and at == steps[0]:
        yield Finding(f"It has not learnt: no evaluation is above the first ({first:,.1f}).", "at a glance")
    elif best - end > FORGOT * spread:
        yield Finding(f"It forgot: {best:,.1f} at step {at:,}, {end:,.1f} over the last evaluations.", "at a glance")
    greedy = known.result.get("scores", {}).get("greedy", {}).get("mean")
    name = known.result.get("choices", {}).get("agent")
    own = known.result.get("scores", {}).get(name, {}).get("mean")
    if greedy is not None and own is not None and own < greedy and name != "greedy":
        yield Finding(f"It scores {own:,.1f} on the held-out games, the greedy rule {greedy:,.1f}.", "at a glance")


PASSES, EXPLORES, OFFERED, BROKE, FUNNEL_NARROW = 0.97, 0.3, 0.8, 0.25, 0.5


def behaviour(known: Known) -> Iterator[Finding]:
    """A policy that does nothing, goes bankrupt, or gets stuck on the way to the first sale."""
    idle = known.last("exploration/policy/pass")
    if idle is not None and idle > PASSES:
        text = f"The policy passes in {idle:.0%} of its turns"
        yield Finding(f"{text}: it has found that doing nothing loses nothing.", "exploration")
    explored = known.last("at_a_glance/3_explored")
    if explored is not None and explored > EXPLORES:
        yield Finding(f"At the end {explored:.0%} of the training actions are not the policy's own.", "exploration")
    offered = known.last("behaviour/planner_offered")
    if offered is not None and offered < OFFERED:
        text = f"Only {offered:.0%} of the planner's orders are among the candidates"
        yield Finding(f"{text}: more of them (actions.candidates), or another reducer?", "exploration")
    bankrupt = known.last("eval/bankruptcies")
    if bankrupt is not None and bankrupt > BROKE:
        yield Finding(f"{bankrupt:.0%} of the validation games end bankrupt.", "games")
    yield from _funnel(known)


def _funnel(known: Known) -> Iterator[Finding]:
    before, of = 1.0, "its beginning"
    for stage in (*STAGES, "profit"):
        share = known.last(f"game/funnel/{stage}")
        if share is None:
            continue
        if share < FUNNEL_NARROW * before:
            text = (
                f"The funnel narrows at {stage}: {share:.0%} of the training games come so far, {before:.0%} to {of}."
            )
            yield Finding(text, "games")
            return
        before, of = share, stage


ALONE = 0.6


def attribution(known: Known) -> Iterator[Finding]:
    """Values that rest on one thing."""
    for name, tag in known.tags("attribution/", "").items():
        share = known.last(tag)
        if share is not None and share > ALONE:
            yield Finding(f"What orders are worth rests to {share:.0%} on one thing: {name}.", "attribution")


LOOKS = (masks, target, shaping, learning, value_findings, layer_findings, behaviour, attribution)
