"""Numbers of the arms in made-up run folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from experiments.reports.arms import sections
from experiments.reports.events import read_scalars
from experiments.reports.measures import ArmNumbers, SectionNumbers, measure_section
from experiments.reports.run_folders import find_runs

LOW, HIGH = [100, 120, 140, 160, 900], [600, 620, 640, 660, 680]


def numbers_of(folder: Path, reference: int = 0, share: float = 0.25, **options: Any) -> SectionNumbers:
    (section,) = sections(find_runs([folder]))
    scalars = {run: read_scalars(run.folder) for run in section.runs}
    return measure_section(section, reference=section.arms[reference], share=share, seed=0, scalars=scalars, **options)


def arm(numbers: SectionNumbers, label: str) -> ArmNumbers:
    return next(one for one in numbers.arms if one.arm.label == label)
