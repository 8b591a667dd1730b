"""What ``transfer_study`` found: a table of measures and a figure of learning curves for each rung."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments import transfer_measures as measures
from experiments.files import write_whole
from experiments.results import RESULT
from experiments.statistics import Interval, better, mean_interval
from experiments.transfer_measures import TimeInterval
from experiments.transfer_study import ARMS, Study

USES_SOURCE = {"full": False, "encoder": False, "head": False, "teacher": False, "wrong source": True}  # the wrong one?
_COLUMNS = ("arm", "jumpstart", "steps to threshold", "with the source's", "asymptote", "transfer ratio", "held-out")
Results = list[dict[str, Any]]  # of the seeds


def table(study: Study) -> str:
    """All rungs that have a scratch arm, as Markdown."""
    parts = [
        f"Means over {study.seeds} seeds with 95 % bootstrap intervals over seeds (in pairs where they are compared). "
        "Curves are scores on the validation maps, in coins; steps are environment steps of a seed. Jumpstart: score "
        f"at step 0 less scratch's. Threshold: {measures.THRESHOLD:.0%} of the way from the random player's held-out "
        "score to the planner's; ≥ where some seeds never reach it, their whole length counted. Asymptote: mean of the "
        f"last {measures.LAST} evaluations. Transfer ratio: area under the curve over scratch's, less 1."
    ]
    for name in study.rungs:
        found = {arm: _read(study.arm(name, arm)) for arm in ARMS}
        if found["scratch"]:
            parts.append(_rung(study, name, {arm: results for arm, results in found.items() if results}))
    return "\n\n".join(parts) + "\n"


def _rung(study: Study, name: str, found: Mapping[str, Results]) -> str:
    """A rung's table and what it says of the hypothesis."""
    threshold = threshold_of(found["scratch"])
    lines = [f"## {name.replace('-', ' → ')}", "", f"Threshold: {threshold:,.0f} coins.", ""]
    lines += [f"| {' | '.join(_COLUMNS)} |", "|" + "---|" * len(_COLUMNS)]
    for arm, results in found.items():
        wrong = USES_SOURCE.get(arm)
        source = [] if wrong is None else _read(study.source(study.rungs[name].source, wrong=wrong))
        before = float(np.mean([result["env_steps"] for result in source])) if source else 0.0
        lines.append(_row(arm, results, found["scratch"], threshold, before))
    if {"full", "random_init"} <= found.keys():
        gain = better(_means(found["full"]), _means(found["random_init"]))
        says = "above 0" if gain.low > 0 else "below 0" if gain.high < 0 else "not clearly other than 0"
        lines += ["", f"Mean score over training, full less random_init: {_signed(gain)}, {says}."]
    return "\n".join(lines)


def _row(arm: str, results: Results, scratch: Results, threshold: float, before: float) -> str:
    curves = [result["curve"] for result in results]
    times = [measures.time_to_threshold(curve, threshold) for curve in curves]
    jump = ratio = ""
    if arm != "scratch":
        first = [measures.jumpstart(a, b["curve"]) for a, b in zip(curves, scratch, strict=True)]
        jump = _signed(mean_interval(np.array(first)))
        share = measures.ratio_interval(_means(results), _means(scratch))
        ratio = "scratch's area is not above 0" if share is None else "{:+.2f} ({:+.2f} … {:+.2f})".format(*share)
    cells = [
        arm, jump, _time(measures.time_interval(times)), _time(measures.time_interval(times, more=before)),
        _text(measures.over_seeds(measures.asymptote, curves)), ratio, _text(mean_interval(_held_out(results))),
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def threshold_of(scratch: Results) -> float:
    """The score that counts as having learnt the level: the players have played the same games for every arm."""
    scores = scratch[0]["scores"]
    return measures.threshold_between(scores["random"]["mean"], scores["planner"]["mean"])


def _means(results: Results) -> np.ndarray:
    """Mean score over training of each seed [S]: the area under its curve by steps."""
    ends = [result["curve"][-1][0] for result in results]
    return np.array([measures.area(r["curve"], end) / end for r, end in zip(results, ends, strict=True)])


def _held_out(results: Results) -> np.ndarray:
    """The best policies' scores on held-out maps [S]."""
    return np.array([result["scores"][result["choices"]["agent"]]["mean"] for result in results])


def _text(found: Interval) -> str:
    return "{:,.0f} ({:,.0f} … {:,.0f})".format(*found)


def _signed(found: Interval) -> str:
    return "{:+,.0f} ({:+,.0f} … {:+,.0f})".format(*found)


def _time(found: TimeInterval) -> str:
    if found.reached == found.seeds:
        return _text(found.interval)
    return f"≥ {_text(found.interval)}, {found.reached} of {found.seeds} reach it"


def _read(folder: Path) -> Results:
    """A group's results, by seed."""
    found = [json.loads(path.read_text()) for path in folder.glob(f"seed*/{RESULT}")]
    return sorted(found, key=lambda result: result["seed"])


def figure(study: Study, name: str) -> None:
    """Write ``curves.png`` of a rung: mean score over seeds and its interval at each evaluation."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    rung, colours = study.rungs[name], colormaps["tab10"]
    drawing = Figure(figsize=(9, 5.5), layout="constrained")
    axes = drawing.subplots()
    for number, arm in enumerate(ARMS):
        curves: Sequence[Any] = [result["curve"] for result in _read(study.arm(name, arm))]
        if curves:
            steps = np.array(curves[0])[:, 0]
            rows = [mean_interval(np.array([curve[k][1] for curve in curves])) for k in range(len(steps))]
            mean, low, high = np.array(rows).T
            dashed = "--" if arm in ("scratch", "random_init", "wrong source") else "-"
            axes.plot(steps, mean, dashed, color=colours(number), label=arm)
            axes.fill_between(steps, low, high, color=colours(number), alpha=0.12, linewidth=0)
    scratch = _read(study.arm(name, "scratch"))
    if scratch:
        axes.axhline(threshold_of(scratch), color="grey", linestyle=":", linewidth=1, label="threshold")
    axes.set_title(f"{rung.source} → {rung.target}: mean of {study.seeds} seeds, 95 % bootstrap interval")
    axes.set_xlabel("environment steps on the target")
    axes.set_ylabel("score on validation maps, coins")
    axes.legend(loc="lower right", fontsize=8)
    path = study.out / name / "curves.png"
    write_whole(path, lambda temporary: drawing.savefig(temporary, dpi=130, format="png"))
