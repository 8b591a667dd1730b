"""Overrides and commands are quoted so that Hydra and the shell read back what was meant."""

from __future__ import annotations

import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from experiments.config.keys import as_override, shell_command
from experiments.runs.commands import resume_command


@pytest.mark.parametrize(
    "value",
    ["runs/a-b_1.2", "runs/lr=1e-3", "My Drive (copy)/w=1, é", "it's", "ends\\", "a\\'b", "1,2", "[x]", "{y}", "a b"],
)
def test_a_path_is_read_back_as_it_is(value: str) -> None:
    (word,) = shlex.split(resume_command(value).removeprefix("python train.py "))
    parsed = OverridesParser.create().parse_override(word)
    assert (parsed.key_or_group, str(parsed.value())) == ("resume", value)
    assert shlex.split(shell_command("tensorboard", "--logdir", value))[2] == value


def test_what_needs_no_quotes_has_none() -> None:
    assert as_override("out", "runs/a-b_1.2") == "out=runs/a-b_1.2"
    assert resume_command("runs/x") == "python train.py resume=runs/x"
