"""Looks into a run: its curves, the policy that it kept, what is wrong with it; as one page that needs nothing else."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np

from experiments.common.files import write_whole
from experiments.common.machine import device_of
from experiments.common.progress import ProgressReport
from experiments.config import reading
from experiments.config.groups import DiagnosticsConfig
from experiments.config.keys import shell_command
from experiments.config.reading import Setup
from experiments.config.schema import UNUSED
from experiments.diagnosis.charts import has_points_alone, question_figures
from experiments.diagnosis.findings import Finding, Known, all_findings
from experiments.diagnosis.sections import sections_of
from experiments.diagnostics.diagnostics import Diagnostics, Shown
from experiments.reports.events import read_scalars
from experiments.reports.page import Block, Code, Heading, Image, Panels, Table, Text, Warnings, html, page
from experiments.runs.policies import load_actor
from experiments.runs.results import read_result
from experiments.runs.seeds import only_folder
from groundwork.errors import WaybillError

DIAGNOSIS = "diagnosis.html"


def diagnose_run(target: str, *, out: str | None = None, device: str = "cpu") -> list[Finding]:
    """Write a run's diagnosis as a page, ``diagnosis.html`` in its folder or ``out``, and print what was found.

    The policy that the run kept plays the validation games once more, for the pictures.

    Raises:
        WaybillError: in one line, if there is no such run, it doesn't learn, or its files are no good.
    """
    setup = reading.read_run(Path(target)).with_config(device=device)
    if setup.player is not None:
        raise WaybillError(f"{target}: agent={setup.player} does not learn, there is nothing to diagnose")
    folder = only_folder(Path(target), setup)
    path = folder / DIAGNOSIS if out is None else Path(out)
    if not path.parent.is_dir() or path.is_dir():
        raise WaybillError(f"--out={path}: a file in a folder that is there is needed")
    with ProgressReport(title="looking into the run", total=3) as report:
        report.update(0)
        known = Known(read_scalars(folder), read_result(folder) or {})
        report.update(1)
        shown, env_step = _looked_into(setup, folder)
        report.update(2)
        pictures = {one.tag: one.function(**one.given) for one in shown.drawings}
    fresh = {tag: np.array([[env_step, value]]) for tag, value in shown.scalars.items()}
    known = Known({**fresh, **known.curves}, known.result)  # a run of before, or one without diagnostics, lacks curves
    findings = all_findings(known)
    parts = [html(block) for block in _blocks(setup, folder, known, findings, pictures)]
    text = page(f"Diagnosis of {folder.name}", parts)
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    _print(findings, path)
    return findings


def _looked_into(setup: Setup, folder: Path) -> tuple[Shown, int]:
    """What the policy that is kept shows in the validation games, and its step."""
    validation = setup.domain.validation(setup)
    policy, saved = load_actor(setup, folder, env=validation.env, device=device_of(setup.config))
    diagnostics = Diagnostics(
        settings=DiagnosticsConfig(states=setup.config.diagnostics.states), gamma=setup.gamma, agent=None, seed=0,
        watch_games=partial(setup.domain.game_watch, setup, validation.env), layout=validation.env.layout,
    )  # fmt: skip
    games = validation(policy.greedy, diagnostics.watch())
    score, env_step = float(games.score.mean()), saved["env_step"]
    return diagnostics.evaluated(policy, score, env_step, is_last=True, draws=True), env_step


def _blocks(
    setup: Setup, folder: Path, known: Known, findings: list[Finding], pictures: dict[str, bytes]
) -> list[Block]:
    broken = [finding.text for finding in findings if finding.is_broken]
    others = [[finding.text, finding.look] for finding in findings if not finding.is_broken]
    blocks: list[Block] = [Heading(f"Diagnosis of {folder.name}", 1), Text(_headline(setup, known))]
    if broken:
        blocks.append(Warnings(broken))
    blocks.append(Heading("Findings"))
    if others:
        blocks.append(Table(["what was found", "look at"], others, words=2))
    elif not broken:
        blocks.append(Text("Nothing stands out: no curve is beyond its threshold."))
    parts = sections_of(known)
    if left_out := sum(has_points_alone(known, panel) for part in parts for panel in part.panels):
        count = f"{left_out} chart{'s' * (left_out != 1)}"
        blocks.append(Text(f"{count} left out: this run has a single point of their curves."))
    for part in parts:
        name = re.sub(r"\W+", "-", part.heading.lower())
        figures = question_figures(known, part.panels)
        shown: list[Block] = [
            Image(tag.replace("/", "-"), text, pictures[tag]) for tag, text in part.pictures.items() if tag in pictures
        ]
        if figures:
            shown.insert(0, Panels(name, f"{part.heading}: curves over environment steps", figures))
        if shown:
            blocks += [Heading(part.heading), Text(part.how), *shown]
    command = shell_command("python", "diagnose.py", folder)
    return [*blocks, Heading("Made by"), Code([command]), Text("How to read all this: docs/diagnostics.md.")]


def _headline(setup: Setup, known: Known) -> str:
    groups = [group for group in ("level", "agent", "network") if setup.names.get(group, UNUSED) != UNUSED]
    choices = ", ".join(f"{group}={setup.names[group]}" for group in groups)
    steps = max((int(points[-1, 0]) for points in known.curves.values()), default=0)
    own = known.result.get("scores", {}).get(setup.names["agent"])
    if own is None:
        score = "; no result.json beside it"
    elif own.get("mean") is None:
        score = "; a score on the held-out games that is not finite"
    else:
        score = f"; {own['mean']:,.1f} on the held-out games"
    return f"{choices}, seed={setup.config.seed}: {steps:,} environment steps{score}."


def _print(findings: list[Finding], path: Path) -> None:
    for finding in findings:
        print(f"{'broken' if finding.is_broken else 'found'}:  {finding.text}")
    if not findings:
        print("nothing stands out: no curve is beyond its threshold")
    print(f"page:   {path}")
