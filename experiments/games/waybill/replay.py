"""Watching a game: of a trained policy, of a player, or from a record; as text, as an animation, as a record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from agents.acting.search import LookaheadSettings
from envs.waybill import record
from envs.waybill.core import levels
from envs.waybill.core import state as st
from envs.waybill.core.levels import LevelConfig
from envs.waybill.maps.pool import VALIDATION_SEEDS
from envs.waybill.players import play
from envs.waybill.render import KEY_COLOURS, describe_order, to_image, to_text
from envs.waybill.render.scene import Candidate
from experiments.common.files import write_whole
from experiments.common.machine import device_of, threads_of
from experiments.common.output import output_path, write_gif
from experiments.common.progress import ProgressReport
from experiments.config import errors, reading
from experiments.games.waybill import environments
from experiments.games.waybill.baselines import DEFAULT_LEVEL
from experiments.games.waybill.config import waybill_config
from experiments.games.waybill.lookahead.flags import lookahead_of
from experiments.games.waybill.lookahead.search import SearchingPolicy
from experiments.runs.domain import ActGreedily
from experiments.runs.policies import load_policy
from groundwork.errors import WaybillError

FORMATS = ("text", "gif", "record")
SHOWN_CANDIDATES = 12  # of a raw action space: the best ones
GIF_COLOURS = 192  # of an animation: fewer than 256, so that Pillow can leave unchanged pixels transparent


@dataclass(frozen=True)
class WeighedGame:
    """A game with the candidates that the policy weighed in each turn; none for players and saved games."""

    game: record.Game
    candidates: list[list[Candidate]]
    values: str = "Q-values"  # what the candidates' values are, in words

    def frames(self) -> Iterator[tuple[Any, Any, list[Candidate] | None]]:
        """Yields (STATE record, ORDER of the player, candidates) of each turn; last the end, without an order."""
        for turn, state in enumerate(record.replay_states(self.game)):
            order = self.game.own_orders[turn] if turn < len(self.game.orders) else None
            yield state[0], order, self.candidates[turn] if turn < len(self.candidates) else None


def replay_game(
    target: str,
    *,
    level: str | None,
    map_seed: int | None,
    format: str,
    out: str | None,
    fps: int,
    device: str,
    search: str | None = None,
) -> record.Game:
    """Show one game of ``target``: a run folder, a player's name, or the file of a saved game.

    ``level`` and ``map_seed`` of None are the run's own level (a player's: refine) and map 0. A run's policy thinks
    before it acts if ``search`` says how long. Prints what it wrote.

    Raises:
        WaybillError: in one line, if anything given is no good.
    """
    path = output_path(format, out, fps)
    if map_seed is not None and not 0 <= map_seed < VALIDATION_SEEDS:
        raise WaybillError(f"--map-seed={map_seed} is not allowed, held-out maps are 0..{VALIDATION_SEEDS - 1}")
    errors.check_device(device)
    watched = watch(target, level=level, map_seed=map_seed, device=device, search=search)
    files = _write_game(watched, path, format, fps)
    if path is not None and format != "record" and not Path(target).is_file():
        files["record"] = path.with_suffix(".jsonl") if path.suffix != ".jsonl" else path.with_suffix(".game.jsonl")
        watched.game.save(files["record"])
    _print_summary(watched.game, files)
    return watched.game


def watch(
    target: str, *, level: str | None, map_seed: int | None, device: str = "auto", search: str | None = None
) -> WeighedGame:
    """The game to show: played, or read from its file and checked by replaying it."""
    path = Path(target)
    thinking = lookahead_of(search)
    if search is not None and not path.is_dir():
        raise WaybillError(f"--search={search}: {target!r} is no run folder, only a trained policy can search")
    if path.is_file():
        for name, value in (("level", level), ("map-seed", map_seed)):
            if value is not None:
                raise WaybillError(f"--{name}={value}: {target} is a saved game and has its own")
        game = record.load_game(path)
        for _ in record.replay_states(game):  # nothing is shown of a game that does not replay
            pass
        return WeighedGame(game, [])
    chosen = None if level is None else levels.load_level(level)
    seed = 0 if map_seed is None else map_seed
    if path.is_dir():
        return _watch_run(path, chosen, seed, device, thinking)
    if target in play.RULE_PLAYERS:
        return watch_player(target, chosen or levels.load_level(DEFAULT_LEVEL), seed)
    known = ", ".join(play.RULE_PLAYERS)
    raise WaybillError(f"{target!r} is neither a run folder nor a saved game nor a player, players are {known}")


def watch_player(name: str, level: LevelConfig, map_seed: int) -> WeighedGame:
    """A game of one of the players."""
    games = play.play_games(name, level, np.array([map_seed], np.uint64))
    orders = games.orders[0, : int(games.length[0])]
    return WeighedGame(record.record_game(level=level, map_seed=map_seed, game_seed=0, player=name, orders=orders), [])


def _watch_run(
    folder: Path, level: LevelConfig | None, map_seed: int, device: str, search: LookaheadSettings | None
) -> WeighedGame:
    """A greedy game of a run's best policy, with a search before each action if asked for, or of its player."""
    setup = reading.read_run(folder)
    if setup.player is not None:
        if search is not None:
            raise WaybillError(
                f"--search={search.budget}: {setup.player} is a player, only a trained policy can search"
            )
        return watch_player(setup.player, level or waybill_config(setup).level, map_seed)
    setup = setup.with_config(device=device)
    env = environments.batch_env(setup, num_envs=1, maps=(map_seed, 1), level=level, in_order=True)
    policy = load_policy(setup, folder, env=env, device=device_of(setup.config))
    act: ActGreedily = policy.greedy
    if search is not None:
        try:
            act = SearchingPolicy(policy, search, gamma=setup.gamma, threads=threads_of(setup.config)).at(env)
        except WaybillError as error:
            raise WaybillError(f"--{error}") from None
    batch = env.batch  # below the environment: the orders that actions stand for, and the game's seed
    obs, infos = env.reset(seed=0)
    game_seed, orders, weighed, over = int(batch.seeds[0]), [], [], False
    with ProgressReport(title="the policy plays", total=env.level.horizon) as report:
        while not over:
            mask = infos["action_mask"]
            action = act(obs, mask)
            weighed.append(_weigh(batch, policy.q_values(obs, mask)[0], int(action[0])))
            obs, _, terminated, _, infos = env.step(action)
            orders.append(batch.given[0].copy())
            over = bool(terminated[0])
            report.update(len(orders))
    thinks = "" if search is None else f", search {search.budget}"
    name = f"{setup.names['agent']} after {policy.env_step:,} steps{thinks}"
    game = record.record_game(
        level=env.level, map_seed=map_seed, game_seed=game_seed, player=name, orders=np.array(orders, st.ORDER)
    )
    assert game.hashes[-1] == record.hash_state(env.states[0])
    return WeighedGame(game, weighed, policy.value_name)


def _weigh(batch: Any, q: np.ndarray, action: int) -> list[Candidate]:
    """The candidates in the present state: (order in words, value of ``q`` [A], chosen); q is -inf where illegal."""
    legal = np.flatnonzero(np.isfinite(q))
    if batch.space.groups is None:
        legal = legal[np.argsort(-q[legal])[:SHOWN_CANDIDATES]]
    actions = list(dict.fromkeys([*legal.tolist(), action]))
    lowest = float(q[legal].min()) if len(legal) else 0.0
    rows: dict[tuple[str, bool], Candidate] = {}  # empty slots, which some agents value too, count once
    for number in actions:
        order = batch.orders_of(np.array([number]))[0]
        text, chosen = describe_order(order, batch.states[0], batch.pool, batch.level), number == action
        row = (text, float(q[number]) if np.isfinite(q[number]) else lowest, chosen)
        rows[text, chosen] = max(row, rows.get((text, chosen), row), key=lambda row: row[1])
    return list(rows.values())


# --- writing ----------------------------------------------------------------------------------------------------------
def text_lines(watched: WeighedGame) -> Iterator[str]:
    """The game as text, turn by turn."""
    game, pool = watched.game, watched.game.map_pool()
    yield f"{game.player} on {game.level.name}, map {game.map_seed}"
    for state, order, candidates in watched.frames():
        yield from ("", "-" * 96, to_text(state, pool, game.level, order=order, candidates=candidates))


def frames_of(watched: WeighedGame) -> Iterator[Image.Image]:
    """The game as pictures, one a turn and one of its end, all with the same palette."""
    game, pool = watched.game, watched.game.map_pool()
    shown, values = list(watched.frames()), watched.values
    count = len(shown)

    def draw(turn: int) -> Image.Image:
        state, order, candidates = shown[turn]
        return Image.fromarray(to_image(state, pool, game.level, order=order, candidates=candidates, values=values))

    yield from drawn(draw, count)


def drawn(draw: Callable[[int], Image.Image], count: int) -> Iterator[Image.Image]:
    """The pictures ``draw(0)`` to ``draw(count - 1)``, all with the same palette."""
    palette = _palette([draw(turn) for turn in sorted({0, count // 2, count - 1})])
    with ProgressReport(title="drawing", total=count) as report:
        for turn in range(count):
            report.update(turn)
            yield draw(turn).quantize(palette=palette, dither=Image.Dither.NONE)


def _palette(pictures: list[Image.Image]) -> Image.Image:
    """One palette for all frames, so that pixels that stay the same cost nothing: key colours, then the commonest."""
    width, height = pictures[0].size
    sheet = Image.new("RGB", (width, height * len(pictures)))
    for i, picture in enumerate(pictures):
        sheet.paste(picture, (0, i * height))
    common = sheet.quantize(GIF_COLOURS - len(KEY_COLOURS), method=Image.Quantize.MEDIANCUT).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([*(level for colour in KEY_COLOURS for level in colour), *common])
    return palette


def _write_game(watched: WeighedGame, path: Path | None, format: str, fps: int) -> dict[str, Path]:
    if path is None:
        for line in text_lines(watched):
            print(line)
        print()
        return {}
    writers: dict[str, Callable[[], None]] = {
        "text": lambda: write_whole(path, lambda file: file.write_text("\n".join(text_lines(watched)) + "\n")),
        "gif": lambda: write_gif(path, frames_of(watched), fps),
        "record": lambda: watched.game.save(path),
    }
    writers[format]()
    return {format: path}


def _print_summary(game: record.Game, files: dict[str, Path]) -> None:
    for kind, path in files.items():
        print(f"{kind + ':':<8}{path}")
    print(f"{game.player} on {game.level.name}, map {game.map_seed}: score {game.score} after {len(game.orders)} turns")


def refuse_seed(seed: int | None) -> None:
    """Refuse an episode's seed: Waybill's games have maps instead."""
    if seed is not None:
        raise WaybillError(f"--seed={seed}: a game on a level is one of a map, use --map-seed")
