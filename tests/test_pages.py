"""The pages tell the truth: their commands run, their walks exist, their tables are those of real runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest
import yaml
from composing import composed
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from pages import ROOT, Command, blocks, commands, commands_of, pages
from shrunk import CONFIGS, filled, made, perform, shrunk, small_sweep

from envs.waybill.core.levels import ladder
from experiments.config.reading import settings_of
from experiments.sweeps import manifest

ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
RUN_FOLDER = (ROOT / "docs" / "run_folder.md").read_text()
SWEEP = "python train.py -m reward=sparse,shaped seed=0,1,2"  # the one that is run; README has it
RUNS = ("runs/RUN", "runs/OTHER", "runs/A", "runs/B", "runs/HAUL", "runs/CHAIN")
# What cannot be run here, and why; the first words of a command. What can be checked of it nevertheless is.
NOT_RUN = {
    "make": "they make an environment, or run all tests for minutes: the target is looked up",
    "pip": "installs: the extra is looked up in pyproject.toml; tests/test_installed.py installs without one",
    "tensorboard": "a server that doesn't end",
    "python play.py": "waits for a person; tests/experiments/games/waybill/playing plays it",
    "python tests/golden/regenerate.py": "rewrites files of the project; tests/envs/test_golden.py has its games",
    "python -m experiments.studies.transfer": "needs a whole study; tests/experiments/studies has its report",
    "python train.py reward=sales": "tests/test_examples.py plays it",
    "python train.py encoding=corners": "tests/test_examples.py plays it",
    "python train.py actions=first_k": "tests/test_examples.py plays it",
    "python train.py level=islands": "tests/test_examples.py plays it",
    "python train.py agent.head=squared": "tests/test_examples.py runs it",
    "python train.py network=single": "tests/test_examples.py runs it",
    "python train.py agent=online": "tests/test_examples.py runs it",
    "python train.py -m launcher=plain": "tests/test_examples.py runs it",
    "python train.py -m +experiment=shaping": "tests/test_examples.py plans it",
}


def not_run(command: Command) -> str | None:
    """The entry of the table that a command falls under."""
    return next((words for words in NOT_RUN if f"{' '.join(command.words)} ".startswith(f"{words} ")), None)


COMMANDS = commands()
SWEPT = [c for c in COMMANDS if c.words[:3] == ("python", "train.py", "-m") and str(c) != SWEEP and not not_run(c)]
PLANNED = {tuple(word for word in c.words[3:] if not word.startswith("hydra.sweep.dir=")): c for c in SWEPT}
TUNED = [c for c in COMMANDS if c.words[:2] == ("python", "tune.py")]
DONE = [c for c in COMMANDS if not not_run(c) and c not in SWEPT and c not in TUNED and str(c) != SWEEP]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all commands are typed."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "runs").mkdir()
    return folder


@pytest.fixture(scope="module")
def done() -> list[list[str]]:
    """The commands that were run so far."""
    return []


@pytest.fixture(scope="module")
def run(out: Path) -> Path:
    """A run on a level, for ``runs/RUN``; a copy of it is there as ``runs/B``."""
    folder = made(out, "run", "python", "train.py", "level=haul")
    shutil.copytree(folder, out / "runs" / "B")
    return folder


@pytest.fixture(scope="module")
def gym_run(out: Path) -> Path:
    """One on a Gymnasium game."""
    return made(out, "gym", "python", "train.py", "experiment=cartpole")


@pytest.fixture(scope="module")
def sweep(out: Path) -> Path:
    """The sweep of README with two seeds, for ``runs/SWEEP``."""
    typed = next(command for command in COMMANDS if str(command) == SWEEP).words
    return small_sweep([re.sub(r"^seed=.*", "seed=0,1", word) for word in typed], out)


# --- commands ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("command", DONE, ids=str)
def test_a_command_runs(command: Command, out: Path, done: list[list[str]], request: pytest.FixtureRequest) -> None:
    words = list(command.words)
    places = {}
    if any(name in word for name in RUNS for word in words):
        own = request.getfixturevalue("gym_run" if command.page == "docs/other_games.md" else "run")
        places = {name: out / name if name == "runs/B" else own for name in RUNS}
        if "resume=" in str(command):
            places = dict.fromkeys(RUNS, unfinished(own, out))
    elif studied := next((word for word in words if word.startswith("runs/")), None):
        places = {studied: request.getfixturevalue("sweep")}
        words = with_known_arms(words, studied)
    places["examples/own_parts"] = ROOT / "examples" / "own_parts"
    places |= {f"policies/{level}": ROOT / "policies" / level for level in ladder()}
    words = filled(tuple(words), places)
    if words[1] == "train.py" or words not in done:  # of studies' reports many come to the same
        done.append(words)
        perform(shrunk(words, out), out)


def unfinished(run: Path, out: Path) -> Path:
    """A copy of a run as it is before its last evaluation."""
    copy = out / f"unfinished{len(list(out.iterdir()))}"
    shutil.copytree(run, copy)
    (copy / "result.json").unlink()
    return copy


def with_known_arms(words: list[str], folder: str) -> list[str]:
    """The arms that a command names are the study's; put those of the sweep that is there in their place."""
    if folder == "runs/SWEEP":
        return words
    study = re.sub(r"_(\d|chain|random_k|[0-9a-f]{8})$", "", folder.removeprefix("runs/"))
    config = yaml.safe_load((ROOT / "conf" / "experiment" / f"{study}.yaml").read_text())
    known = list(config.get("arms", {}))
    for key, values in config.get("hydra", {}).get("sweeper", {}).get("params", {}).items():
        known += [f"{key}={value}" for value in str(values).split(",")]
    found, k = list(words), words.index(folder) + 1
    named = [(i, mine) for i, mine in zip(range(k, k + 2), ("reward=shaped*", "reward=sparse*"), strict=True)]
    if "--reference" in words:
        named = [(words.index("--reference") + 1, "reward=sparse")]
    for i, mine in named if len(words) > k else ():
        assert any(fnmatch(arm, words[i]) for arm in known), f"{study} has no arm {words[i]}, known are {known}"
        found[i] = mine
    return found


@pytest.mark.parametrize("words", PLANNED, ids=" ".join)
def test_a_sweep_is_planned(words: tuple[str, ...], out: Path) -> None:
    """Each job's config is composed, checked and frozen; a launcher that starts nothing takes the place of its own."""
    own = [word for word in words if word.lstrip("~").startswith("launcher")]
    groups = [word.lstrip("+") for word in words if word.lstrip("+").startswith(("experiment=", "scale="))]
    settings_of("launcher", OmegaConf.to_container(composed(*groups, *own).launcher, resolve=True))
    others = [word for word in words if word not in own and not word.startswith("seed=")]
    others.append("seed=0,1" if any(word.startswith("seed=") for word in words) else "seed=0")
    folder = out / f"planned{len(list(out.iterdir()))}"
    typed = ["--config-dir", str(CONFIGS), *others, "launcher=nobody", "progress=false", f"hydra.sweep.dir={folder}"]
    perform(["python", "train.py", "-m", *typed], out)
    jobs = manifest.read_sweep(folder).jobs
    assert len(jobs) >= 2
    assert [job.error for job in jobs if job.error is not None] == []


@pytest.mark.parametrize("command", TUNED, ids=str)
def test_a_search_runs(command: Command, out: Path) -> None:
    """Its workers are processes of their own, so the command is one too."""
    small = [
        word for word in shrunk(["python", "train.py"], out) if not word.startswith(("hydra.", "network.", "agent."))
    ]
    words = [*command.words[1:], *small[2:], "seeds=1", "search.trials=1", "search.workers=1", "search.random_trials=1"]
    door, *typed = words
    done = subprocess.run([sys.executable, str(ROOT / door), *typed], capture_output=True, text=True, cwd=out)
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(out.glob("**/trials.png"))


@pytest.mark.parametrize("command", [c for c in COMMANDS if not_run(c)], ids=str)
def test_what_is_not_run_is_there(command: Command) -> None:
    first, *rest = command.words
    if first == "make":
        assert re.search(rf"^{rest[0]}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    elif first == "pip":
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        named = re.fullmatch(r"\.(?:\[(\w+)\])?", rest[-1])
        assert named is not None
        assert named[1] is None or named[1] in extras
    elif first == "python":
        path = rest[1].replace(".", "/") + ".py" if rest[0] == "-m" else rest[0]
        assert (ROOT / path).is_file()
        if rest[0] == "train.py":
            assert OverridesParser.create().parse_overrides(rest[2 if rest[1] == "-m" else 1 :])


def test_every_entry_of_the_table_is_needed() -> None:
    assert {not_run(command) for command in COMMANDS} - {None} == set(NOT_RUN)


def test_every_page_is_in_the_index_and_says_what_it_is_for() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    for path in (ROOT / "docs").glob("*.md"):
        if path.name != "README.md":
            assert f"]({path.name})" in index
            assert re.match(r"# .+\n\n\*\S", path.read_text()), f"{path.name}: a title, then in italics what it is for"


@pytest.mark.parametrize("page", pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        name, _, anchor = target.partition("#")
        if not name.startswith(("http:", "https:")):
            other = (page.parent / name) if name else page
            assert other.exists(), target
            assert not anchor or anchor in anchors(other), target


@cache
def anchors(page: Path) -> set[str]:
    """What GitHub makes of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_paths_exist(page: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    rooms = "agents|conf|docs|envs|experiments|groundwork|hydra_plugins|tests"
    for path in re.findall(rf"`((?:{rooms})/[\w./-]+)`", prose):
        assert (ROOT / path).exists(), path


def test_a_block_without_a_language_holds_commands_only() -> None:
    text = "    python train.py a=1  # said\n\n```\nmake check\n```\n\n```text\nno\n```\n`python x.py b`, `python x.py`"
    assert [str(c) for c in commands_of(text, "page")] == ["make check", "python train.py a=1", "python x.py b"]
    with pytest.raises(ValueError, match="page: no command"):
        list(commands_of("    ls\n", "page"))


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda path: path.name
)
def test_python_on_a_page_runs(page: Path) -> None:
    for code in blocks(page.read_text(), "python"):
        exec(compile(code, str(page), "exec", dont_inherit=True), {"__name__": page.stem})


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120
