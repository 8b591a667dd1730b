"""A section of a report: its numbers as tables and figures, with what a reader needs to read them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.common.statistics import Interval, interval_text
from experiments.reports import figures
from experiments.reports.arms import Arm, Section
from experiments.reports.labels import describe_differences
from experiments.reports.measures import ArmNumbers, SectionNumbers
from experiments.reports.page import Block, Code, Heading, Picture, Table, Text
from experiments.runs import commands

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_PAIRS = 12  # arms of which all pairs are shown
NONE = "–"
WHOLE, TWO_DECIMALS, PERCENT = ",.0f", ",.2f", ".0%"  # how numbers are written, for ``format``


def section_blocks(numbers: SectionNumbers, name: str, share: float) -> list[Block]:
    """All blocks of a section; ``name`` begins its pictures' names, ``share`` is the one that made the threshold."""
    what = "Held-out scores: each seed a dot, the interquartile mean a diamond"
    return [
        Heading(numbers.section.title),
        _arms(numbers),
        Heading("Held-out scores", 3),
        _scores(numbers),
        _picture(f"{name}_scores", what, numbers.arms, figures.scores(numbers)),
        *_curves(numbers, name),
        *_reaching(numbers, share),
        *_profile(numbers, name),
        *_improvement(numbers, name),
        *_funnel(numbers, name),
        *_origin(numbers.section),
    ]


def how_to_read(seed: int) -> list[Block]:
    """The report's last blocks: how its numbers are made."""
    lines = (
        "IQM is the interquartile mean over seeds: a quarter of them, rounded down, is left out at either end. "
        "Intervals are 95 % expanded percentile intervals of 10,000 stratified bootstrap resamples of whole runs "
        f"(bootstrap seed {seed}; Agarwal et al. 2021, Hesterberg 2015). A run's score is its best policy's mean over "
        "the held-out games.",
        "How often such an interval holds the true value, measured on simulated scores: about 70–76 % with 3 seeds, "
        "88–94 % with 5, 94–97 % with 10, 95–96 % with 20. Of fewer than 5 seeds they are a hint; a study needs 10.",
        "Normalised scores are (score − random) / (planner − random): 0 is random play, 1 the planner's. The optimality"
        " gap is the mean over seeds and games of what is missing to 1. Where policies are rivals, and on other games "
        "than Waybill's, there is no planner and scores are raw.",
        "The probability of improvement is the chance that a run of one arm scores higher than a run of another, a tie "
        "counting half, with Newcombe's 95 % interval (2006, method 5).",
    )
    return [Heading("How to read this"), *(Text(line) for line in lines)]


def _picture(name: str, what: str, arms: Sequence[ArmNumbers], figure: Figure) -> Picture:
    """A figure of intervals, with a caption that names the arms of one seed, which have none."""
    alone = [one.arm.label for one in arms if len(one.scores) == 1 and one.arm.learns]
    rest = f" No interval for one seed: {', '.join(alone)}." if alone else ""
    return Picture(name, f"{what}, with its 95 % interval over seeds.{rest}", figure)


def _arms(numbers: SectionNumbers) -> Table:
    """The arms, what distinguishes each, its seeds and environment steps."""
    arms = numbers.section.arms
    rows = []
    for arm, differs in zip(arms, describe_differences([arm.settings for arm in arms]), strict=True):
        steps = [int((run.result or {})["env_steps"]) for run in arm.runs]
        shown = " … ".join(f"{step:,}" for step in dict.fromkeys((min(steps), max(steps))))
        name = f"{arm.label} (reference)" if arm is numbers.reference and len(arms) > 1 else arm.label
        rows.append([name, differs or NONE, ", ".join(str(run.seed) for run in arm.runs), shown])
    return Table(["arm", "what differs", "seeds", "environment steps"], rows, words=3)


def _scores(numbers: SectionNumbers) -> Table:
    """Held-out scores of the arms, then of the players on the same games."""
    spec = format_of(numbers)
    head = ["arm", "seeds", "mean", "IQM (95 % interval)", "normalised IQM", "optimality gap", "bankrupt", "won"]
    rows = [
        [
            one.arm.label, str(len(one.scores)), format(float(one.scores.mean()), spec), interval_text(one.score, spec),
            NONE if one.normalised is None else interval_text(one.normalised, TWO_DECIMALS),
            _or_none(one.gap, TWO_DECIMALS), _or_none(one.bankruptcies, PERCENT), _or_none(one.won, PERCENT),
        ]
        for one in numbers.arms
    ]  # fmt: skip
    rows += [[f"{name} (player)", "", format(mean, spec), *[""] * 5] for name, mean in numbers.players.items()]
    return _without_empty(Table(head, rows))


def _without_empty(table: Table) -> Table:
    """A table without its columns that are empty in all rows."""
    kept = [k for k in range(len(table.head)) if any(row[k] not in ("", NONE) for row in table.rows)]
    return Table([table.head[k] for k in kept], [[row[k] for k in kept] for row in table.rows], table.words)


def _curves(numbers: SectionNumbers, name: str) -> list[Block]:
    arms = [one for one in numbers.arms if one.curve is not None]
    if not arms:
        return []
    what = "Interquartile mean of the validation score over training"
    if numbers.players:
        what += " (dashed across: the players' means on the held-out games)"
    return [Heading("Learning curves", 3), _picture(f"{name}_curves", what, arms, figures.curves(numbers))]


def _reaching(numbers: SectionNumbers, share: float) -> list[Block]:
    """The steps that each arm needs to reach the threshold."""
    rows = []
    for one in numbers.arms:
        if one.reaching is not None:
            steps, reached, seeds = one.reaching
            mark = "" if reached == seeds else "≥ "
            rows.append([one.arm.label, f"{mark}{interval_text(steps, WHOLE)}", f"{reached} of {seeds}"])
    if not rows or numbers.threshold is None:
        return []
    best = "the planner's" if "planner" in numbers.players else "the best arm's"
    line = (
        f"Threshold: {format(numbers.threshold, format_of(numbers))}, {share:.0%} of the way from the random player's "
        f"held-out score to {best}. Mean over seeds of the environment steps until the validation curve is first "
        "there; a seed that never is counts with its whole length, and the mean is a lower bound (≥)."
    )
    table = Table(["arm", "environment steps (95 % interval)", "seeds that reach it"], rows)
    return [Heading("Time to threshold", 3), Text(line), table]


def _profile(numbers: SectionNumbers, name: str) -> list[Block]:
    what = f"Performance profile: share of the {numbers.games} held-out games of all seeds with a score above τ"
    if numbers.games_left_out:
        what += f" (without {numbers.games_left_out} games where the planner isn't above random play)"
    picture = _picture(f"{name}_profiles", what, numbers.arms, figures.profiles(numbers))
    return [Heading("Performance profiles", 3), picture]


def _improvement(numbers: SectionNumbers, name: str) -> list[Block]:
    """The probability of improvement over the reference, and of all pairs of arms where these are few."""
    found = [(one.arm.label, one.improvement) for one in numbers.arms if one.improvement is not None]
    rows = [[label, interval_text(chance, TWO_DECIMALS), _verdict(chance)] for label, chance in found]
    if not rows:
        return []
    reference = numbers.reference.label
    caption = f"Chance that a run of the arm scores above a run of “{reference}”, with Newcombe's 95 % interval."
    blocks: list[Block] = [
        Heading(f"Probability of improvement over “{reference}”", 3),
        Table(["arm", "probability (95 % interval)", "the arm is"], rows),
        Picture(f"{name}_improvement", caption, figures.improvement(numbers)),
    ]
    if 3 <= len(numbers.arms) <= MOST_PAIRS:
        labels = [one.arm.label for one in numbers.arms]
        cells = [
            [label, *(NONE if k == column else format(chance, TWO_DECIMALS) for column, chance in enumerate(line))]
            for k, (label, line) in enumerate(zip(labels, numbers.pairs.tolist(), strict=True))
        ]
        caption = "Chance that a run of the row's arm scores above a run of the column's."
        blocks += [Table(["over", *labels], cells), Picture(f"{name}_pairs", caption, figures.pairs(numbers))]
    return blocks


def _verdict(found: Interval) -> str:
    return "better" if found.low > 0.5 else "worse" if found.high < 0.5 else "not told apart"


def _funnel(numbers: SectionNumbers, name: str) -> list[Block]:
    """Which stages of the supply chain training games reach, over training and at its end."""
    arms = [one for one in numbers.arms if one.funnel]
    if not arms:
        return []
    stages = list(dict.fromkeys(stage for one in arms for stage in one.funnel))
    rows = []
    for one in arms:
        ends = [one.funnel[stage].y.estimate[-1] if stage in one.funnel else math.nan for stage in stages]
        rows.append([one.arm.label, *(NONE if math.isnan(end) else format(float(end), PERCENT) for end in ends)])
    what = "Share of the last 100 training games (exploration included) that reach each stage, mean"
    picture = _picture(f"{name}_funnel", what, arms, figures.funnels(numbers))
    table = Table(["arm", *stages], rows)
    return [Heading("The funnel over training", 3), picture, Text("At the end of training:"), table]


def _origin(section: Section) -> list[Block]:
    """What made the runs: commands, commits, versions, machines."""
    lines = [line for arm in section.arms for line in (f"# {arm.label}", *_commands(arm))]
    blocks: list[Block] = [Heading("Commands", 3), Code(lines), Heading("Commits, versions, machines", 3)]
    made: dict[str, list[str]] = {}
    for arm in section.arms:
        for run in arm.runs:
            made.setdefault(_made_with(run.result or {}), []).append(f"{arm.label} seed {run.seed}")
    rows = [[what, "all" if len(made) == 1 else "; ".join(runs)] for what, runs in made.items()]
    return [*blocks, Table(["commit, versions, machine", "runs"], rows, words=2)]


def _commands(arm: Arm) -> list[str]:
    """The commands that made an arm's runs: one line where runs differ only in their seed."""
    unknown = [str(run.folder) for run in arm.runs if not run.commands or "resume=" in run.commands[0]]
    known = [run.commands for run in arm.runs if str(run.folder) not in unknown]
    lines: list[str] = []
    if known and all(len(own) == 1 for own in known):
        one = commands.together([own[0] for own in known])
        lines = [one] if one is not None else list(dict.fromkeys(own[0] for own in known))
    else:
        lines = list(dict.fromkeys(line for own in known for line in own))
    if unknown:
        lines.append(f"# not kept, all settings are in config.yaml in: {', '.join(unknown)}")
    return lines


def _made_with(result: dict) -> str:
    commit, machine = result.get("commit"), result.get("machine", {})
    changed = " with uncommitted changes" if commit and commit["dirty"] else ""
    said = f"{commit['id'][:10]}{changed}" if commit else "commit unknown"
    versions = ", ".join(f"{name} {version}" for name, version in result.get("versions", {}).items() if version)
    parts = (machine.get("system"), machine.get("processor"), result.get("device"))
    where = " ".join(str(part) for part in parts if part)
    return "; ".join(part for part in (said, versions, where) if part)


def format_of(numbers: SectionNumbers) -> str:
    """How this section's scores are written: three figures at least."""
    largest = max(abs(float(one.scores.mean())) for one in numbers.arms)
    return WHOLE if largest >= 100 else ",.1f" if largest >= 10 else TWO_DECIMALS


def _or_none(value: float | None, spec: str) -> str:
    return NONE if value is None else format(value, spec)
