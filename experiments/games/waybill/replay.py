"""Watching a game: of a trained policy, of a player, or from a record; as text, animation, page or record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from envs.waybill import record
from envs.waybill.maps.pool import VALIDATION_SEEDS
from envs.waybill.render import KEY_COLOURS, to_image, to_text
from experiments.common.files import write_whole
from experiments.common.output import MOVING, output_path, write_moving
from experiments.common.progress import ProgressReport
from experiments.config import errors
from experiments.games.waybill.pages import advisers
from experiments.games.waybill.pages.write import write_page
from experiments.games.waybill.watching import WeighedGame, watch, watch_both
from groundwork.errors import WaybillError

GIF_COLOURS = 192  # of an animation: fewer than 256, so that Pillow can leave unchanged pixels transparent


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
    against: str | None = None,
    planner: str | None = None,
) -> record.Game:
    """Show one game of ``target``: a run folder, a player's name, or the file of a saved game.

    ``level`` and ``map_seed`` of None are the run's own level (a player's: refine) and map 0. A run's policy thinks
    before it acts if ``search`` says how long. A page shows a game of ``against`` on the same map beside it, and what
    the planner would order, asked with the effort ``planner`` (None: the level's). Prints what it wrote.

    Raises:
        WaybillError: in one line, if anything given is no good.
    """
    path = output_path(format, out, fps)
    if map_seed is not None and not 0 <= map_seed < VALIDATION_SEEDS:
        raise WaybillError(f"--map-seed={map_seed} is not allowed, held-out maps are 0..{VALIDATION_SEEDS - 1}")
    errors.check_device(device)
    _check_page_options(format, against, planner)
    where: dict[str, Any] = {"level": level, "map_seed": map_seed, "device": device, "search": search}
    if format == "html":
        targets = (target,) if against is None else (target, against)
        games = [watch(target, **where)] if against is None else watch_both(targets, **where)
        assert path is not None
        write_page(path, games, planner=planner, command=_command(targets, path, planner=planner, **where))
        print(f"html:   {path}")
        for watched in games:
            _print_summary(watched.game, {})
        return games[0].game
    watched = watch(target, **where)
    files = _write_game(watched, path, format, fps)
    if path is not None and format != "record" and not Path(target).is_file():
        files["record"] = path.with_suffix(".jsonl") if path.suffix != ".jsonl" else path.with_suffix(".game.jsonl")
        watched.game.save(files["record"])
    _print_summary(watched.game, files)
    return watched.game


def _check_page_options(format: str, against: str | None, planner: str | None) -> None:
    """Refuse what only a page can show."""
    for name, value in (("against", against), ("planner", planner)):
        if value is not None and format != "html":
            raise WaybillError(f"--{name}={value}: only a page shows it, use --format html")
    if planner is not None and planner not in advisers.EFFORTS:
        raise WaybillError(f"--planner={planner} is not allowed, it must be one of {', '.join(advisers.EFFORTS)}")


def _command(targets: Sequence[str], path: Path, **options: Any) -> list[str]:
    """The words that make a page again."""
    words = ["python", "replay.py", targets[0], *(("--against", targets[1]) if len(targets) > 1 else ())]
    for name, value in options.items():
        if value is not None and (name, value) != ("device", "cpu"):
            words += [f"--{name.replace('_', '-')}", str(value)]
    return [*words, "--format", "html", "--out", str(path)]


# --- writing ----------------------------------------------------------------------------------------------------------
def text_lines(watched: WeighedGame) -> Iterator[str]:
    """The game as text, turn by turn."""
    game, pool = watched.game, watched.game.map_pool()
    yield f"{game.player} on {game.level.name}, map {game.map_seed}"
    for state, order, candidates in watched.frames():
        yield from ("", "-" * 96, to_text(state, pool, game.level, order=order, candidates=candidates))


def frames_of(watched: WeighedGame, *, palette: bool = True) -> Iterator[Image.Image]:
    """The game as pictures, one a turn and one of its end, all with the same palette or in all colours."""
    game, pool = watched.game, watched.game.map_pool()
    shown, values = list(watched.frames()), watched.values
    count = len(shown)

    def draw(turn: int) -> Image.Image:
        state, order, candidates = shown[turn]
        return Image.fromarray(to_image(state, pool, game.level, order=order, candidates=candidates, values=values))

    yield from drawn(draw, count, palette=palette)


def drawn(draw: Callable[[int], Image.Image], count: int, *, palette: bool = True) -> Iterator[Image.Image]:
    """The pictures ``draw(0)`` to ``draw(count - 1)``, all with the same palette or in all colours."""
    common = _palette([draw(turn) for turn in sorted({0, count // 2, count - 1})]) if palette else None
    with ProgressReport(title="drawing", total=count) as report:
        for turn in range(count):
            report.update(turn)
            picture = draw(turn)
            yield picture if common is None else picture.quantize(palette=common, dither=Image.Dither.NONE)


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
        **{moving: partial(_write_pictures, watched, path, moving, fps) for moving in MOVING},
        "record": lambda: watched.game.save(path),
    }
    writers[format]()
    return {format: path}


def _write_pictures(watched: WeighedGame, path: Path, format: str, fps: int) -> None:
    write_moving(path, format, frames_of(watched, palette=format == "gif"), fps)


def _print_summary(game: record.Game, files: dict[str, Path]) -> None:
    for kind, path in files.items():
        print(f"{kind + ':':<8}{path}")
    print(f"{game.player} on {game.level.name}, map {game.map_seed}: score {game.score} after {len(game.orders)} turns")


def keep_game(folder: Path, to: Path, *, map_seed: int) -> dict[str, str]:
    """Write a policy's game on a map into ``to``: the record, and its last board; names and what they show."""
    watched = watch(str(folder), level=None, map_seed=map_seed, device="cpu")
    game, pool = watched.game, watched.game.map_pool()
    game.save(to / "replay.jsonl")
    *_, (state, order, candidates) = watched.frames()
    board = Image.fromarray(to_image(state, pool, game.level, order=order, candidates=candidates))
    write_whole(to / "replay.png", lambda file: board.quantize(GIF_COLOURS).save(file, "PNG", optimize=True))
    title = f"its game on map {map_seed} of {game.level.name}, score {game.score:,}"
    return {"replay.jsonl": f"{title}: `python replay.py` plays it", "replay.png": f"the end of {title}"}


def refuse_seed(seed: int | None) -> None:
    """Refuse an episode's seed: Waybill's games have maps instead."""
    if seed is not None:
        raise WaybillError(f"--seed={seed}: a game on a level is one of a map, use --map-seed")
