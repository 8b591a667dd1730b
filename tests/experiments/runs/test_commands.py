"""The commands at the top of a run's config: written, read, and put together for several seeds."""

from __future__ import annotations

from pathlib import Path

from omegaconf import OmegaConf

from experiments.config.reading import notes_of
from experiments.runs import commands

LINE = "python train.py level=haul 'rivals=[greedy,runs/A B]' seed=1"


def test_a_command_is_what_a_shell_takes() -> None:
    assert commands.command_line(["level=haul", "rivals=[greedy,runs/A B]", "seed=1"]) == LINE
    assert commands.command_line([]) == "python train.py"


def test_what_is_written_above_a_config_is_read_again_and_is_no_part_of_it(tmp_path: Path) -> None:
    lines = [LINE, "python train.py resume=runs/X steps=9"]
    text = commands.as_comments([*lines, "needs mine 1.0"]) + "seed: 1\n# python train.py of a comment further down\n"
    (tmp_path / "config.yaml").write_text(text)
    assert notes_of(tmp_path) == [*lines, "needs mine 1.0"]
    assert commands.commands_in(notes_of(tmp_path)) == lines
    assert OmegaConf.create(text) == {"seed": 1}
    (tmp_path / "config.yaml").write_text("seed: 1\n# python train.py of a comment further down\n")
    assert notes_of(tmp_path) == []


def test_runs_that_differ_in_their_seed_are_one_sweep() -> None:
    lines = [f"python train.py level=haul seed={seed} 'rivals=[greedy]'" for seed in (3, 0)]
    assert commands.together(lines) == "python train.py -m level=haul 'rivals=[greedy]' seed=3,0"
    assert commands.together(lines[:1]) == lines[0]
    assert commands.together([lines[0], lines[0]]) == lines[0]  # a group of seeds


def test_other_runs_are_not() -> None:
    assert commands.together(["python train.py a=1 seed=0", "python train.py a=2 seed=1"]) is None
    assert commands.together(["python train.py a=1", "python train.py a=1 seed=1"]) is None
    same_seed = ["python train.py a=1 seed=1", "python train.py seed=1 a=1"]
    assert commands.together(same_seed) is None
