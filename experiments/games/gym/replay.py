"""Shows a greedy episode of a Gymnasium game: step by step as text, or drawn by the game itself as an animation."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from experiments.common.files import write_whole
from experiments.common.machine import device_of
from experiments.common.output import MOVING, output_path, write_moving
from experiments.common.progress import ProgressReport
from experiments.config import errors
from experiments.config.errors import first_line
from experiments.config.reading import Setup
from experiments.games.gym.checks import MASK, GameChecks, Where
from experiments.games.gym.make import make
from experiments.runs.policies import Policy, load_policy
from groundwork.blame import passed_users_code
from groundwork.errors import WaybillError

MAX_FRAMES = 2000  # of an animation
KEPT_FPS = 25  # of the one that a shared policy keeps
SMALLEST_SIDE = 320  # pixels: smaller pictures are enlarged


def replay_episode(
    setup: Setup,
    folder: Path,
    *,
    seed: int | None,
    level: str | None,
    map_seed: int | None,
    format: str,
    out: str | None,
    fps: int,
    device: str,
) -> float:
    """Show the episode of ``seed`` (None: the first held-out one) and return its score; prints what it wrote.

    Raises:
        WaybillError: in one line, if anything given is no good or the game cannot be drawn.
    """
    id, path = setup.domain.id, output_path(format, out, fps)
    for name, value in (("level", level), ("map-seed", map_seed)):
        if value is not None:
            raise WaybillError(f"--{name}={value}: {id} has neither levels nor maps, use --seed")
    if format in ("record", "html"):
        what = "be saved" if format == "record" else "be shown as a page"
        raise WaybillError(f"--format={format}: only Waybill's own games can {what}, {id} is shown as text, gif or mp4")
    if setup.player is not None:
        raise WaybillError(f"{str(folder)!r}: agent={setup.player} has learnt no policy to watch")
    errors.check_device(device)
    setup = setup.with_config(device=device)
    seed = setup.config.evaluation.episode_seed if seed is None else seed
    env = setup.domain.validation(setup).env
    policy = load_policy(setup, folder, env=env, device=device_of(setup.config))
    shown = _Episode(setup, policy, shapes=env.shapes, seed=seed, render_mode="rgb_array" if format in MOVING else None)
    if path is None:
        for line in shown.lines():
            print(line)
    elif format == "text":
        write_whole(path, lambda file: file.write_text("\n".join(shown.lines()) + "\n"))
    else:
        write_moving(path, format, shown.frames(), fps)
    print(f"{format + ':':<8}{path}" if path is not None else "")
    name = f"{setup.names['agent']} after {policy.env_step:,} steps"
    print(f"{name} on {id}, seed {seed}: score {shown.score:,.6g}")
    return shown.score


def keep_episode(setup: Setup, folder: Path, to: Path, *, seed: int) -> dict[str, str]:
    """Write a policy's held-out episode of a seed into ``to`` as an animation: its name, and what it shows."""
    try:
        score = replay_episode(
            setup, folder, seed=seed, level=None, map_seed=None, format="gif", out=str(to / "replay.gif"), fps=KEPT_FPS,
            device="cpu",
        )  # fmt: skip
    except WaybillError as error:
        print(f"note: no game is kept: {error}", flush=True)
        return {}
    return {"replay.gif": f"its held-out episode {seed} of {setup.domain.id}, score {score:,.6g}"}


class _Episode:
    """A greedy episode, played while it is looked at."""

    def __init__(self, setup: Setup, policy: Policy, *, shapes: Any, seed: int, render_mode: str | None) -> None:
        self.env = make(setup.domain.game, render_mode=render_mode)
        self._checks = GameChecks(setup.domain.id, self.env.observation_space, shapes)
        self.policy, self.shapes, self.seed, self.score = policy, shapes, seed, 0.0
        self.max_steps = setup.config.evaluation.max_steps

    def steps(self) -> Iterator[tuple[int | None, np.ndarray]]:
        """Yields (action, values [A]) of each step before it is taken; at the end (None, no values)."""
        obs, info = self.env.reset(seed=self.seed)
        for step in range(self.max_steps):
            here = _at(step)
            row, given = self._checks.rows([obs], here), self._checks.masks([info.get(MASK)], np.zeros(1, bool), here)
            mask = np.ones((1, self.shapes.n_actions), np.int8) if given is None else given
            action = int(self.policy.greedy(row, mask)[0])
            yield action, self.policy.q_values(row, mask)[0]
            obs, r, terminated, truncated, info = self.env.step(action + self.shapes.first_action)
            self.score += float(r)
            if terminated or truncated:
                break
        yield None, np.empty(0)
        self.env.close()

    def lines(self) -> Iterator[str]:
        """The episode as text, a line a step."""
        before = 0.0
        for step, (action, values) in enumerate(self.steps()):
            if step:
                yield f"      reward {self.score - before:g}  score {self.score:g}"
                before = self.score
            if action is not None:
                weighed = " ".join(f"{value:.3g}" for value in values)
                yield f"{step:>5} action {action + self.shapes.first_action}  values {weighed}"

    def frames(self) -> Iterator[Image.Image]:
        """The episode as pictures, one a step, as the game draws them."""
        with ProgressReport(title="drawing", total=min(self.max_steps, MAX_FRAMES)) as report:
            for number, _ in enumerate(islice(self.steps(), MAX_FRAMES)):
                try:
                    drawn = np.asarray(self.env.render())
                except Exception as error:
                    if passed_users_code(error):
                        raise
                    raise WaybillError(f"the game cannot be drawn: {first_line(error)}") from None
                yield _picture(drawn).quantize(128, method=Image.Quantize.FASTOCTREE)
                report.update(number)


def _at(step: int) -> Where:
    return lambda game: f"step {step}"


def _picture(drawn: np.ndarray) -> Image.Image:
    """What a game drew [H, W, 3] as an image, enlarged if it is small."""
    if drawn.dtype != np.uint8:  # MinAtar's colours are 0..1
        drawn = (np.clip(drawn, 0.0, 1.0) * 255).astype(np.uint8)
    larger = -(-SMALLEST_SIDE // min(drawn.shape[:2]))
    return Image.fromarray(drawn.repeat(larger, 0).repeat(larger, 1))
