"""A sweep's folder is a function of its command: the same for the same, another for any other."""

from __future__ import annotations

import pytest

from experiments.config.keys import file_name, group_of, key_of, of_the_runs, sweep_name

COMMAND = ("seed=0,1", "+agent.tau=0.1", "steps=100")


def test_how_and_where_a_sweep_runs_does_not_name_it() -> None:
    name = sweep_name(COMMAND, None)
    assert name == "sweep_146984eb"  # for good: folders of before are found by it
    assert sweep_name(("launcher=slurm", *COMMAND, "launcher.cpus=3", "out=x", "progress=false"), {}) == name


@pytest.mark.parametrize(
    ("command", "params"),
    [
        (("seed=0,2", *COMMAND[1:]), None),
        (COMMAND[::-1], None),
        (COMMAND[:2], None),
        ((*COMMAND, "device=cpu"), None),
        (COMMAND, {"seed": "0,1"}),
    ],
)
def test_any_other_command_has_another_name(command: tuple[str, ...], params: dict[str, str] | None) -> None:
    assert sweep_name(command, params) != sweep_name(COMMAND, None)


def test_an_experiment_gives_its_name() -> None:
    assert sweep_name(("experiment=ladder", "seed=0,1"), None).startswith("ladder_")
    assert sweep_name(("experiment=quick,debug",), None).startswith("quick_debug_")


def test_keys_groups_and_files() -> None:
    assert [key_of(text) for text in ("+a.b=1=2", "~a", "a@b=c")] == ["a.b", "a", "a@b"]
    assert [group_of(text) for text in ("+a.b=1=2", "~a", "a@b=c")] == ["a", "a", "a"]
    assert of_the_runs(["launcher.n_jobs=2", "seed=1", "+launcher.options.x=1", "out=a", "output=b"]) == [
        "seed=1",
        "output=b",
    ]
    assert file_name("transfer.from-/runs/a b_seed-0") == "transfer.from-_runs_a_b_seed-0"
    assert file_name("///") == "default"
    assert len(file_name("x" * 300)) == 100
