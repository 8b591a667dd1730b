"""Makes a report from folders of runs: reads and sorts them, measures, writes all into a folder, prints the scores."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from experiments.common.progress import ProgressReport
from experiments.common.statistics import interval_text
from experiments.config.keys import file_name, shell_command
from experiments.config.reading import CONFIG
from experiments.reports import checks, events, tables
from experiments.reports.arms import Arm, Section, sections
from experiments.reports.labels import BASE
from experiments.reports.learning_curves import THRESHOLD
from experiments.reports.measures import Scalars, SectionNumbers, measure_section
from experiments.reports.page import Block, Heading, Picture, Text, Warnings, html, markdown, page, save_png
from experiments.reports.run_folders import FoundRuns, Run, find_runs
from experiments.reports.tables import NONE, TWO_DECIMALS
from groundwork.errors import WaybillError

PAGE, TEXT, PICTURES, EVENTS = "report.html", "report.md", "figures", "tensorboard"


def write_report(
    folders: Sequence[str],
    *,
    out: str | None = None,
    reference: str | None = None,
    threshold: float = THRESHOLD,
    seed: int = 0,
) -> Path:
    """Report on all runs below the folders; returns the report's own folder.

    That is ``report`` in the first folder, or beside it if that is a run's own: nothing is ever written into those.

    ``reference`` is the label of the arm that others are compared with, ``threshold`` a share of the way from random
    play to the planner, ``seed`` the bootstrap's.

    Raises:
        WaybillError: in one line, if there is nothing to report or an argument is no good. Nothing is written then.
    """
    if not 0.0 < threshold <= 1.0:
        raise WaybillError(f"--threshold={threshold:g} is not allowed, it must be a share above 0, up to 1")
    if seed < 0:
        raise WaybillError(f"--seed={seed} is not allowed, it must be 0 or more")
    found = find_runs([Path(folder) for folder in folders])
    all_sections = sections(found)
    shown = [section for section in all_sections if section.arms]
    if not shown:
        raise WaybillError(_nothing_finished(folders, found))
    target = _default_target(Path(folders[0])) if out is None else Path(out)
    _refuse_others(target)
    references = _references(shown, reference)
    scalars, unreadable = _scalars([run for section in shown for run in section.runs])
    lines = [*unreadable, *checks.find_warnings(found, all_sections)]
    numbers: list[SectionNumbers] = []
    with ProgressReport(title="measuring", total=len(shown)) as progress:
        for section in shown:
            progress.update(len(numbers))
            to = references[section]
            numbers.append(measure_section(section, reference=to, share=threshold, seed=seed, scalars=scalars))
    blocks = _blocks(folders, numbers, lines, threshold, seed)
    _write_folder(target, blocks, numbers, scalars, seed)
    _print_summary(target, numbers, lines)
    return target


def _nothing_finished(folders: Sequence[str], found: FoundRuns) -> str:
    where = ", ".join(repr(folder) for folder in folders)
    first = found.broken[0] if found.broken else f"{found.unfinished[0].folder} has no result.json yet"
    counts = f"{len(found.unfinished)} unfinished, {len(found.broken)} that cannot be read"
    return f"{where}: no finished run to report on ({counts}; {first})"


def _default_target(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}_report") if (folder / CONFIG).is_file() else folder / "report"


def _refuse_others(target: Path) -> None:
    """Refuse a folder that holds anything but an earlier report, which may be replaced."""
    if target.is_dir() and any(target.iterdir()) and not (target / PAGE).is_file():
        raise WaybillError(f"--out={target}: the folder holds something else than a report, give another one")
    if target.exists() and not target.is_dir():
        raise WaybillError(f"--out={target} is a file, a folder is needed")


def _references(shown: Sequence[Section], wanted: str | None) -> dict[Section, Arm]:
    """The arm that a section's others are compared with: the one asked for, else ``base``, else the first."""
    chosen = {}
    for section in shown:
        by_label = {arm.label: arm for arm in section.arms}
        chosen[section] = by_label.get(BASE, section.arms[0]) if wanted is None else by_label.get(wanted)
    if wanted is not None and not any(chosen.values()):
        known = ", ".join(repr(label) for label in dict.fromkeys(arm.label for s in shown for arm in s.arms))
        raise WaybillError(f"--reference={wanted}: there is no such arm, known are {known}")
    return {section: arm or section.arms[0] for section, arm in chosen.items()}


def _scalars(runs: Sequence[Run]) -> tuple[dict[Run, Scalars], list[str]]:
    """The runs' TensorBoard curves, and a line for each that cannot be read."""
    found: dict[Run, Scalars] = {}
    unreadable = []
    with ProgressReport(title="reading curves", total=len(runs)) as progress:
        for k, run in enumerate(runs):
            progress.update(k)
            try:
                found[run] = events.read_scalars(run.folder)
            except WaybillError as error:
                unreadable.append(f"Funnel and TensorBoard curves are without a run: {error}")
    return found, unreadable


def _blocks(
    folders: Sequence[str], numbers: Sequence[SectionNumbers], lines: Sequence[str], threshold: float, seed: int
) -> list[Block]:
    count = sum(len(part.section.runs) for part in numbers)
    parts = "" if len(numbers) == 1 else f", measured on {len(numbers)} different sets of games"
    blocks: list[Block] = [Heading(f"Report on {', '.join(folders)}", 1), Text(f"{count} finished runs{parts}.")]
    if lines:
        blocks.append(Warnings(lines))
    for k, part in enumerate(numbers):
        blocks += tables.section_blocks(part, f"section{k + 1}", threshold)
    return [*blocks, *tables.how_to_read(seed)]


def _write_folder(
    target: Path, blocks: Sequence[Block], numbers: Sequence[SectionNumbers], scalars: Mapping[Run, Scalars], seed: int
) -> None:
    """Write everything into a folder beside the target, which then takes its place: never half a report."""
    making = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    shown = [part.section for part in numbers]
    names = _arm_folders(shown)
    try:
        _write_pages(making, blocks)
        with ProgressReport(title="writing curves", total=len(names)) as progress:
            for k, _ in enumerate(events.write_event_files(making / EVENTS, shown, scalars, names, seed=seed)):
                progress.update(k)
        if target.is_dir():
            shutil.rmtree(target)
        os.replace(making, target)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _write_pages(folder: Path, blocks: Sequence[Block]) -> None:
    (folder / PICTURES).mkdir(parents=True)
    on_page, in_text = [], []
    with ProgressReport(title="drawing", total=len(blocks)) as progress:
        for k, block in enumerate(blocks):
            progress.update(k)
            on_page.append(html(block))
            in_text.append(markdown(block, PICTURES))
            if isinstance(block, Picture):
                save_png(block, folder / PICTURES)
    title = next(block.text for block in blocks if isinstance(block, Heading))
    (folder / PAGE).write_text(page(title, on_page))
    (folder / TEXT).write_text("\n\n".join(in_text) + "\n")


def _arm_folders(shown: Sequence[Section]) -> dict[Arm, str]:
    """The name of each arm's folder, below its section's where there are several."""
    names: dict[Arm, str] = {}
    for section in shown:
        for arm in section.arms:
            name = file_name(arm.label) if len(shown) == 1 else f"{file_name(section.title)}/{file_name(arm.label)}"
            names[arm] = f"{name}_{len(names)}" if name in names.values() else name
    return names


def _print_summary(target: Path, numbers: Sequence[SectionNumbers], lines: Sequence[str]) -> None:
    """Print the scores, the warnings, and where the report is."""
    console = Console()
    for part in numbers:
        spec = tables.format_of(part)
        console.print(f"[bold]{escape(part.section.title)}[/bold]", highlight=False, soft_wrap=True)
        table = Table()
        for heading in ("arm", "seeds", "score, IQM", "normalised, IQM"):
            table.add_column(heading, justify="left" if heading == "arm" else "right")
        for one in part.arms:
            share = NONE if one.normalised is None else interval_text(one.normalised, TWO_DECIMALS)
            table.add_row(escape(one.arm.label), str(len(one.scores)), interval_text(one.score, spec), share)
        console.print(table)
    for line in lines:
        console.print(f"[yellow]warning:[/yellow] {escape(line)}", highlight=False, soft_wrap=True)
    curves = shell_command("tensorboard", "--logdir", target / EVENTS)
    print(f"page:     {target / PAGE}\nMarkdown: {target / TEXT}\ncurves:   {curves}", flush=True)
