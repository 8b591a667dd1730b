"""A run from its config to its result: the folder, training or resuming, the final evaluation, what to type next."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from experiments.callbacks.callback import NoLearner, RunView
from experiments.callbacks.calls import Calls, read_callbacks
from experiments.common import locks
from experiments.common.checkpoint_files import SEGMENTS
from experiments.common.curves import remove_curves
from experiments.common.files import remove_leftovers, write_whole
from experiments.common.machine import device_of, use_tensor_cores
from experiments.common.stopping import Interrupted, StopRequest
from experiments.config import reading
from experiments.config.keys import as_override
from experiments.config.reading import CONFIG, Setup
from experiments.config.schema import RESUMABLE
from experiments.runs import commands, results, seeds, transfer
from experiments.runs.checkpoints import POLICY, is_begun, load_last, read_policy
from experiments.runs.finish import describe_run, finish_run, print_held_out
from experiments.runs.loop import make_loop, train
from experiments.runs.own_parts import needs, note_changes
from experiments.runs.seed_run import is_reached
from experiments.runs.session import Session
from groundwork import trust
from groundwork.errors import WaybillError

RUN_LOCK = ".run.lock"  # held by the process that trains in a run's folder


def start_run(node: DictConfig, *, folder: Path, overrides: Sequence[str] | None = None) -> float:
    """Do what a composed config asks for: a new run in ``folder``, or going on with ``resume``.

    ``overrides`` are the command line's, None if there was none. Returns the mean score on the held-out games.

    Raises:
        WaybillError: in one line, before anything is written.
        Interrupted: after saving, if asked to stop.
    """
    resumed = OmegaConf.select(node, "resume")
    try:
        if resumed is not None:
            _discard(folder)
            return resume_run(Path(str(resumed)), overrides=overrides or ())
        setup = reading.read_setup(node)
        reading.refuse_unused(setup, overrides or ())
        prepare(setup)
        command = "" if overrides is None else commands.as_comments([commands.command_line(overrides)])
        if setup.player is not None:
            return _run_player(setup, folder, command)
        return _train_and_report(setup, folder, None, command, new=True)
    except Exception:
        _discard(folder)
        raise


def resume_run(folder: Path, *, overrides: Sequence[str]) -> float:
    """Go on with a run in its own folder; ``steps=N`` among the overrides extends it."""
    try:
        setup = reading.read_run(folder, to_train=True)
    except WaybillError as error:
        raise WaybillError(f"resume={folder}: {error}") from None
    if setup.player is not None:
        raise WaybillError(f"resume={folder}: agent={setup.player} does not learn, there is nothing to go on with")
    with _alone(folder):
        return _resume(folder, setup, overrides)


def _resume(folder: Path, setup: Setup, overrides: Sequence[str]) -> float:
    """Go on with a run that no other process is at work with."""
    evaluated = all(results.read_result(own) is not None for own in seeds.folders(folder, setup))
    setup, before = _with_overrides(setup, overrides), setup.config
    state = None if _is_untrained(folder, setup) else load_last(folder)
    if state is not None:
        _refuse_finished(folder, setup, state, evaluated=evaluated)
    prepare(setup)
    note_changes(folder, setup)
    if setup.config.steps != before.steps and setup.config.scheduled == before.scheduled:
        line = f"go on over the first {before.scheduled:,} steps, as the run began, and stay at their last values"
        wider = f"schedule_steps={setup.config.steps} stretches them"
        print(f"note: learning rate, exploration and the like {line}; {wider}", flush=True)
    lines = commands.commands_in(reading.notes_of(folder))
    lines += [commands.command_line(overrides)] if overrides else []
    return _train_and_report(setup, folder, state, commands.as_comments(lines), new=False)


def _is_untrained(folder: Path, setup: Setup) -> bool:
    """True if a run's process ended before it had saved anything, so that nothing is lost by beginning anew."""
    if is_begun(folder) or any(list(own.glob("result*.json")) for own in seeds.folders(folder, setup)):
        return False
    policies = [own for own in seeds.folders(folder, setup) if (own / POLICY).is_file()]
    return all(read_policy(own)["env_step"] == 0 for own in policies)


def _refuse_finished(folder: Path, setup: Setup, state: Mapping[str, Any], *, evaluated: bool) -> None:
    """Refuse to go on where nothing is left to do."""
    done, wanted = state["env_step"], setup.config.steps
    if done >= wanted and evaluated:
        hint = f"to extend it, add steps=N with N above {done}"
        raise WaybillError(f"resume={folder}: the run is finished ({done} of {wanted} steps); {hint}")
    reached = [is_reached(own["reached"], setup.config.stop_at_score) for own in state["seeds"]]
    if evaluated and None not in reached:
        scores = ", ".join(f"{own['score']:g}" for own in reached if own is not None)
        hint = "to go on, add stop_at_score=null"
        raise WaybillError(f"resume={folder}: the run is finished (it reached {scores}); {hint}")


def _with_overrides(setup: Setup, overrides: Sequence[str]) -> Setup:
    """The saved config with the few keys that may change when a run goes on."""
    changed = OmegaConf.create(setup.plain)
    for override in overrides:
        key, _, value = override.partition("=")
        if key not in RESUMABLE:
            allowed = ", ".join(name for name in RESUMABLE if name != "resume")
            raise WaybillError(f"{override}: a resumed run keeps its own config, only {allowed} may be given")
        if key != "resume":
            OmegaConf.update(changed, key, OmegaConf.create(f"value: {value}").value)
    if changed.get("schedule_steps") is None and changed.steps != setup.config.steps:
        OmegaConf.update(changed, "schedule_steps", setup.config.scheduled)  # what has begun goes on as it began
    return reading.read_setup(changed)


def _train_and_report(
    setup: Setup, folder: Path, state: Mapping[str, Any] | None, command: str, *, new: bool
) -> float:  # fmt: skip
    with contextlib.ExitStack() as alone:
        session = _trained(setup, folder, state, command, alone if new else None)
        try:
            return finish_run(setup, folder, session)
        except Exception:
            session.end(None)
            raise
        except KeyboardInterrupt:
            session.end(None)
            how = commands.resume_command(folder)
            line = f"stopped in the final evaluation; training is complete, go on with: {how}"
            raise Interrupted(line) from None


def _trained(
    setup: Setup, folder: Path, state: Mapping[str, Any] | None, command: str, alone: contextlib.ExitStack | None
) -> Session:
    """Train, in a new folder that is the run's ``alone`` as soon as it is there, or in one that is already (None)."""
    sources = transfer.sources(setup) if state is None else []  # a resumed run has them in its weights
    with StopRequest() as stop:
        validation = setup.domain.validation(setup)
        validation.warm_up()
        loop = make_loop(setup, validation=validation)
        if sources:
            transfer.take_over(setup, loop, sources)
        own = dict(zip(seeds.folders(folder, setup), seeds.split(setup), strict=True))
        for place, one in ({folder: setup} | own).items():
            _claim(place, one, command, new=alone is not None)
        if alone is not None:
            alone.enter_context(_alone(folder))
        for place in own:  # once all configs are there: where the disk is full nothing has moved
            _put_result_aside(place)
            if state is None:
                remove_curves(place)
        starts = getattr(setup.agent, "learning_starts", 0)
        if setup.config.steps <= starts:
            line = f"steps={setup.config.steps} end before learning begins (agent.learning_starts={starts})"
            print(f"note: {line}: the policy stays untrained", flush=True)
        if alone is not None:
            print(f"training in {folder}", flush=True)
        elif state is None:
            print(f"beginning anew in {folder}: nothing was saved there yet", flush=True)
        else:
            print(f"going on in {folder} after {state['env_step']:,} steps", flush=True)
        return train(setup=setup, folder=folder, loop=loop, validation=validation, state=state, stop=stop)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let no other process train in ``folder`` as long as the block lasts; what killed ones left half written goes.

    Raises:
        WaybillError: in one line, if another one is at work there.
    """
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(locks.hold(folder / RUN_LOCK))
        except locks.Held as other:
            raise WaybillError(f"{folder}: {other} is training in there, and two would spoil it") from None
        for place in (folder, folder / SEGMENTS, *folder.glob("seed*")):
            if place.is_dir():
                remove_leftovers(place)
        yield


def _put_result_aside(folder: Path) -> None:
    """Keep the result of fewer steps under another name."""
    old = results.read_result(folder)
    if old is not None:
        os.replace(folder / results.RESULT, folder / f"result_at_{old['env_steps']}.json")


def _claim(folder: Path, setup: Setup, command: str, *, new: bool) -> None:
    """Save the config below the ``command`` that made it, a comment: two new runs never share a folder."""
    text = command + commands.as_comments(needs(setup)) + OmegaConf.to_yaml(OmegaConf.create(setup.plain))
    if not new:
        is_own = reading.is_own(folder)
        write_whole(folder / CONFIG, lambda temporary: temporary.write_text(text))
        if is_own:  # a stranger's run that goes on stays a stranger's
            reading.mark_own(folder)
        return
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with (folder / CONFIG).open("x") as stream:
            stream.write(text)
        if not reading.mark_own(folder):
            line = f"whoever goes on with it has to say {trust.TRUST_WORD}"
            print(f"note: there is no folder of yours to keep a key in, so {folder} gets no mark: {line}", flush=True)
    except FileExistsError:
        how = as_override("resume", folder)
        raise WaybillError(f"{folder} holds a run already; go on with it by {how}") from None
    except OSError:  # a full disk: an empty config is none
        (folder / CONFIG).unlink(missing_ok=True)
        raise


def _run_player(setup: Setup, folder: Path, command: str) -> float:
    """A run whose agent doesn't learn: its games on the held-out maps or seeds are the result."""
    name, start_time = setup.names["agent"], time.perf_counter()
    held_out = setup.domain.held_out(setup)
    games = held_out.baselines()
    scores = held_out.compare({name: games[str(setup.player)], **games})
    _claim(folder, setup, command, new=True)
    view = RunView(NoLearner(), folder=folder, config=setup.plain, choices=setup.names)
    calls = Calls(read_callbacks(setup.plain), view)
    try:
        calls.begin()
        result = {**describe_run(setup), "env_steps": 0, "updates": 0, "seconds": time.perf_counter() - start_time}
        result |= {"policy": {"player": setup.player}, "scores": scores, **results.provenance()}
        results.write_result(folder, result)
    except BaseException:
        calls.end(None)
        raise
    print_held_out(setup, held_out, scores)
    print(f"result: {folder / results.RESULT}")
    calls.end(result)
    return float(scores[name]["mean"])


def prepare(setup: Setup) -> None:
    """What comes before anything is made for a run.

    Raises:
        WaybillError: if its device isn't there, or a callback is not what it must be.
    """
    read_callbacks(setup.plain)
    if device_of(setup.config).type == "cuda":  # a missing device is said before the engine is compiled
        use_tensor_cores()
    torch.set_num_threads(setup.config.network_threads)


def _discard(folder: Path) -> None:
    """Remove a run folder in which nothing was written, and what was made to hold it."""
    for empty in (folder, folder.parent):
        with contextlib.suppress(OSError):
            empty.rmdir()
