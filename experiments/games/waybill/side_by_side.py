"""Two games of one map as one animation: ``python -m experiments.games.waybill.side_by_side random runs/RUN``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from PIL import Image

from envs.waybill.render import describe_order
from envs.waybill.render.board import Board
from envs.waybill.render.canvas import BLUE, CARD, FAINT, GREEN, INK, PAPER, RED, RULE, Canvas
from envs.waybill.render.scene import Scene, look
from experiments.common.door import Parser, door
from experiments.common.output import output_path, write_gif
from experiments.games.waybill.replay import drawn
from experiments.games.waybill.watching import watch_both

_MAP, _HEAD, _FOOT, _EDGE, _GAP = 400, 80, 44, 22, 30  # frame units
_WIDTH, _HEIGHT = 2 * (_MAP + _EDGE) + _GAP, _HEAD + _MAP + _FOOT


def side_by_side(
    left: str,
    right: str,
    *,
    level: str | None,
    map_seed: int | None,
    titles: Sequence[str] | None,
    out: str,
    fps: int,
    device: str,
) -> None:
    """Write one GIF of two games on the same map, a frame a turn; a game that ends early stands still.

    ``left`` and ``right`` are run folders, names of players, or files of saved games; ``titles`` stand above the two
    maps (None: who plays). Prints what it wrote.

    Raises:
        WaybillError: in one line, if anything given is no good, or the games are of different maps or levels.
    """
    path = output_path("gif", out, fps)
    assert path is not None
    pair = watch_both((left, right), level=level, map_seed=map_seed, device=device)
    games = [watched.game for watched in pair]
    names = [game.player for game in games] if titles is None else titles
    shown, pool = [list(watched.frames()) for watched in pair], games[0].map_pool()

    def draw(turn: int) -> Image.Image:
        canvas = Canvas(width=_WIDTH, height=_HEIGHT, scale=1.0, colour=PAPER)
        for k, (name, frames) in enumerate(zip(names, shown, strict=True)):
            state, order, _ = frames[min(turn, len(frames) - 1)]
            scene = look(state, pool, games[0].level)
            told = "" if order is None else describe_order(order, scene.state, pool, games[0].level)
            _draw_game(canvas, scene, name, told, x=_EDGE + k * (_MAP + _GAP))
        return canvas.finish()

    write_gif(path, drawn(draw, max(len(frames) for frames in shown)), fps)
    print(f"gif:    {path}")
    for game in games:
        print(f"{game.player}: score {game.score} after {len(game.orders)} turns")


def _draw_game(canvas: Canvas, scene: Scene, title: str, told: str, *, x: float) -> None:
    """Draw one of the two games: who plays and how it stands, the map, the order given now."""
    horizon, turn, score = scene.level.horizon, int(scene.state["turn"]), scene.score
    canvas.text(x, 20, title, 17, INK, bold=True, most=_MAP)
    canvas.text(x, 43, f"turn {turn} of {horizon}", 13, FAINT)
    canvas.text(x + _MAP, 43, f"profit {score:+,d}", 17, GREEN if score >= 0 else RED, at="rm", bold=True)
    canvas.box(x, 56, _MAP, 3, RULE)
    canvas.box(x, 56, _MAP * turn / horizon, 3, BLUE)
    Board(canvas=canvas, scene=scene, x=x, y=_HEAD, size=_MAP).draw()
    top = _HEAD + _MAP + 10
    canvas.box(x, top, _MAP, 26, CARD, round_by=5, edge=RULE)
    gone = bool(scene.me["bankrupt"])
    text = f"bankrupt in turn {turn}" if gone else told or "the end"
    canvas.text(x + 10, top + 13, text[:1].upper() + text[1:], 13, RED if gone else INK, bold=gone, most=_MAP - 20)


def _arguments() -> argparse.Namespace:
    parser = Parser(prog="python -m experiments.games.waybill.side_by_side", description=__doc__)
    for side in ("left", "right"):
        parser.add_argument(side, metavar="RUN|PLAYER|RECORD", help="run folder, random, greedy, planner or saved game")
    parser.add_argument("--level", help="another level than the run's (default for players alone: refine)")
    parser.add_argument("--map-seed", type=int, help="which held-out map (default: 0)")
    parser.add_argument("--titles", nargs=2, metavar=("LEFT", "RIGHT"), help="above the maps (default: who plays)")
    parser.add_argument("--out", default="game.gif", help="file to write (default: %(default)s)")
    parser.add_argument("--fps", type=int, default=6, help="turns a second (default: %(default)s)")
    parser.add_argument("--device", default="cpu", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    return parser.parse_args()


@door("side_by_side")
def main() -> None:
    """The command."""
    side_by_side(**vars(_arguments()))


if __name__ == "__main__":
    main()
