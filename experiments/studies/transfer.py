"""Reports on a sweep of ``experiment=transfer``: ``python -m experiments.studies.transfer SWEEP``.

A table of measures (Taylor & Stone 2009) and a figure of learning curves for each rung, source → target, and what they
say together, into ``SWEEP/transfer``. An arm that is named like its level is that level from scratch; of the others
with ``transfer.from`` each is compared with it, seed by seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.common.door import Parser, door
from experiments.common.files import write_whole
from experiments.common.statistics import better, interval_text, mean_interval
from experiments.reports import learning_curves as measures
from experiments.reports.learning_curves import TimeInterval
from experiments.runs import results
from experiments.sweeps import manifest
from groundwork.errors import WaybillError

REPORT_FOLDER, TABLE_FILE = "transfer", "table.md"
CONTROLS = ("random_init", "wrong_source")
_COLUMNS = ("arm", "jumpstart", "steps to threshold", "with the source's", "asymptote", "transfer ratio", "held-out")


@dataclass
class TransferArm:
    """An arm of the study, and its results by seed.

    ``source`` is the job of the sweep that it takes from, ``before`` the environment steps that this has cost.
    """

    name: str
    level: str
    source: str | None
    before: float
    results: dict[int, dict[str, Any]] = field(default_factory=dict)


class Rung(NamedTuple):
    """One rung of the ladder: a level learnt from scratch and with transfer, all of the same ``seeds``.

    ``notes`` say what is missing.
    """

    level: str
    scratch: TransferArm
    arms: list[TransferArm]
    seeds: list[int]
    notes: list[str]


def read_rungs(folder: Path) -> list[Rung]:
    """All rungs of a sweep of which scratch and another arm have at least two seeds in common.

    Raises:
        WaybillError: in one line, if there is none.
    """
    found = _arms(manifest.read_sweep(folder))
    rungs = []
    for level in dict.fromkeys(arm.level for arm in found.values()):
        scratch = found.get(level)
        if scratch is not None and len(scratch.results) > 1:
            own = [arm for arm in found.values() if arm.level == level and arm.source is not None]
            rungs.append(_rung(scratch, own))
    rungs = [rung for rung in rungs if rung.arms]
    if not rungs:
        raise WaybillError(f"{folder}: no arm with transfer.from and no scratch beside it have two finished seeds yet")
    return rungs


def _arms(sweep: manifest.Sweep) -> dict[str, TransferArm]:
    steps = {job.name: job.steps for job in sweep.jobs}
    found: dict[str, TransferArm] = {}
    for job in sweep.jobs:
        config = manifest.read_frozen(sweep.folder_of(job)) if job.error is None else {}
        name, transfer = config.get("arm"), config.get("transfer") or {}
        if name is None or "level" not in config:  # no study's arm, or not of our games
            continue
        source = None if transfer.get("from") is None else Path(transfer["from"]).name
        takes = source is not None and transfer["mode"] != "random_init"
        before = float(steps.get(source or "", 0)) if takes else 0.0
        arm = found.setdefault(name, TransferArm(name, config["level"]["name"], source, before))
        for own in sweep.runs_of(job):
            result = results.read_result(own)
            if result is not None:
                arm.results[result["seed"]] = result
    return found


def _rung(scratch: TransferArm, arms: Sequence[TransferArm]) -> Rung:
    """A rung with the seeds that all its arms share; an arm with fewer than two of scratch's is left out."""
    kept = [arm for arm in arms if len(arm.results.keys() & scratch.results.keys()) > 1]
    notes = [
        f"{arm.name} has no two finished seeds that scratch has, and is left out." for arm in arms if arm not in kept
    ]
    seeds = sorted(scratch.results.keys() & set.intersection(*(set(arm.results) for arm in kept), set(scratch.results)))
    if any(len(arm.results) > len(seeds) for arm in (scratch, *kept)):
        notes.append(f"Not all arms have all seeds finished: only seeds {', '.join(map(str, seeds))} are shown.")
    return Rung(scratch.level, scratch, kept if len(seeds) > 1 else [], seeds, notes)


def table(rungs: Sequence[Rung]) -> str:
    """The report's text as Markdown: a table for each rung, and one of all rungs together."""
    parts = [
        "Means over seeds with 95 % bootstrap intervals (in pairs where they are compared). Curves are scores on the "
        "validation maps, in coins; steps are environment steps of a seed. Jumpstart: score at step 0 less scratch's. "
        f"Threshold: {measures.THRESHOLD:.0%} of the way from the random player's held-out score to the planner's; ≥ "
        f"where some seeds never reach it, their whole length counted. Asymptote: mean of the last "
        f"{measures.ASYMPTOTE_EVALUATIONS} evaluations. Transfer ratio: area under the curve over scratch's, less 1."
    ]
    return "\n\n".join([*parts, *map(_table_of, rungs), _together(rungs)]) + "\n"


def _table_of(rung: Rung) -> str:
    """A rung's table and what it says of the hypothesis."""
    threshold, count = threshold_of(rung), len(rung.seeds)
    lines = [f"## {_title(rung)}", "", f"Threshold: {threshold:,.0f} coins; {count} seeds.", "", *rung.notes]
    lines += [""] * bool(rung.notes)
    lines += [f"| {' | '.join(_COLUMNS)} |", "|" + "---|" * len(_COLUMNS)]
    lines += [_row(rung, arm, threshold) for arm in (rung.scratch, *rung.arms)]
    by_kind = {kind_of(arm): arm for arm in rung.arms}
    if {"full", "random_init"} <= by_kind.keys():
        gain = better(_means(rung, by_kind["full"]), _means(rung, by_kind["random_init"]))
        says = "above 0" if gain.low > 0 else "below 0" if gain.high < 0 else "not clearly other than 0"
        lines += ["", f"Mean score over training, full less random_init: {interval_text(gain, '+,.0f')}, {says}."]
    return "\n".join(lines)


def _title(rung: Rung) -> str:
    sources = [arm.source.partition("_")[0] for arm in rung.arms if arm.source is not None]
    return f"{sources[0]} → {rung.level}"


def kind_of(arm: TransferArm) -> str:
    """What an arm takes over: its name without its level."""
    return "scratch" if arm.name == arm.level else arm.name.removeprefix(f"{arm.level}_")


def _row(rung: Rung, arm: TransferArm, threshold: float) -> str:
    curves, scratch = _curves(rung, arm), _curves(rung, rung.scratch)
    times = [measures.time_to_threshold(curve, threshold) for curve in curves]
    jump = ratio = ""
    if arm is not rung.scratch:
        first = [measures.jumpstart(a, b) for a, b in zip(curves, scratch, strict=True)]
        jump = interval_text(mean_interval(np.array(first)), "+,.0f")
        share = measures.ratio_interval(_means(rung, arm), _means(rung, rung.scratch))
        ratio = "scratch's area is not above 0" if share is None else interval_text(share, "+.2f")
    held_out = [result["scores"][result["choices"]["agent"]]["mean"] for result in _results(rung, arm)]
    asymptote = measures.over_seeds(measures.asymptote, curves)
    cells = [
        kind_of(arm), jump, _time(measures.time_interval(times)),
        _time(measures.time_interval(times, more=arm.before)), interval_text(asymptote, ",.0f"),
        ratio, interval_text(mean_interval(np.array(held_out)), ",.0f"),
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _together(rungs: Sequence[Rung]) -> str:
    """A table with a row for each rung: what ``full`` is worth beside scratch and the controls."""
    head = (
        "rung", "steps to the threshold, full ÷ scratch", "the same with the source's steps", "transfer ratio of full",
        "of the best control",
    )  # fmt: skip
    lines = ["## All rungs", "", f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for rung in rungs:
        by_kind = {kind_of(arm): arm for arm in rung.arms}
        full = by_kind.get("full")
        if full is None:
            continue
        ours, scratch = (_mean_time(rung, arm) for arm in (full, rung.scratch))
        ratios = [_ratio(rung, by_kind[name]) for name in CONTROLS if name in by_kind]
        known = [ratio for ratio in ratios if ratio is not None]
        cells = [
            _title(rung), f"{ours / scratch:.2f}" if scratch else "–",
            f"{(ours + full.before) / scratch:.1f}" if scratch else "–", _share(_ratio(rung, full)),
            _share(max(known) if known else None),
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _mean_time(rung: Rung, arm: TransferArm) -> float:
    threshold = threshold_of(rung)
    return float(np.mean([measures.time_to_threshold(curve, threshold).steps for curve in _curves(rung, arm)]))


def _ratio(rung: Rung, arm: TransferArm) -> float | None:
    return measures.transfer_ratio(_means(rung, arm), _means(rung, rung.scratch))


def threshold_of(rung: Rung) -> float:
    """The score that counts as having learnt the level; all arms have the same, as players played the same games."""
    scores = _results(rung, rung.scratch)[0]["scores"]
    if "planner" not in scores:
        raise WaybillError(
            f"{rung.level}: there is no planner's score to take the threshold from, where policies are rivals"
        )
    return measures.threshold_between(scores["random"]["mean"], scores["planner"]["mean"])


def _results(rung: Rung, arm: TransferArm) -> list[dict[str, Any]]:
    return [arm.results[seed] for seed in rung.seeds]


def _curves(rung: Rung, arm: TransferArm) -> list[Any]:
    return [result["curve"] for result in _results(rung, arm)]


def _means(rung: Rung, arm: TransferArm) -> np.ndarray:
    """Mean score over training of each seed [S]: the area under its curve by steps."""
    return np.array([measures.area(curve, curve[-1][0]) / curve[-1][0] for curve in _curves(rung, arm)])


def _share(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:+.2f}"


def _time(found: TimeInterval) -> str:
    if found.reached == found.seeds:
        return interval_text(found.interval, ",.0f")
    return f"≥ {interval_text(found.interval, ',.0f')}, {found.reached} of {found.seeds} reach it"


def figure(rung: Rung, path: Path) -> None:
    """Write a rung's learning curves: mean over seeds and its interval at each evaluation."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    drawing, colours = Figure(figsize=(9, 5.5), layout="constrained"), colormaps["tab10"]
    axes = drawing.subplots()
    for number, arm in enumerate((rung.scratch, *rung.arms)):
        curves = np.array(_curves(rung, arm))  # [S, P, 2]
        low_mean_high = np.array([mean_interval(scores) for scores in curves[:, :, 1].T])  # [P, 3]
        mean, low, high = low_mean_high.T
        dashed = "--" if arm is rung.scratch or kind_of(arm) in CONTROLS else "-"
        axes.plot(curves[0, :, 0], mean, dashed, color=colours(number), label=kind_of(arm))
        axes.fill_between(curves[0, :, 0], low, high, color=colours(number), alpha=0.12, linewidth=0)
    axes.axhline(threshold_of(rung), color="grey", linestyle=":", linewidth=1, label="threshold")
    axes.set_title(f"{_title(rung)}: mean of {len(rung.seeds)} seeds, 95 % bootstrap interval")
    axes.set_xlabel("environment steps on the target")
    axes.set_ylabel("score on validation maps, coins")
    axes.legend(loc="lower right", fontsize=8)
    write_whole(path, lambda temporary: drawing.savefig(temporary, dpi=130, format="png"))


def write_transfer_report(folder: Path) -> str:
    """Write table and figures below a sweep's folder; returns the table."""
    rungs = read_rungs(folder)
    text, out = table(rungs), folder / REPORT_FOLDER
    out.mkdir(exist_ok=True)
    write_whole(out / TABLE_FILE, lambda path: path.write_text(text))
    for rung in rungs:
        figure(rung, out / f"curves_{rung.level}.png")
    return text


@door("transfer")
def main() -> None:
    """The command."""
    parser = Parser(prog="python -m experiments.studies.transfer", description=__doc__.partition("\n\n")[0])
    parser.add_argument("folder", type=Path, metavar="SWEEP", help="folder of a sweep of experiment=transfer")
    folder = parser.parse_args().folder
    print(write_transfer_report(folder))
    print(f"table and curves: {folder / REPORT_FOLDER}")


if __name__ == "__main__":
    main()
