"""What there is to make: the parts of the gallery, their pictures, and the command whose outcome each of them shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from experiments.gallery import screens
from experiments.gallery.studio import Studio
from groundwork.errors import WaybillError

GAME = "python -m experiments.games.waybill.side_by_side random runs/RUN --out game.gif"


class DrawnOnce(NamedTuple):
    """A picture that the diagnostics of any run draw: its tag in the event files, and which of those drawn."""

    tag: str
    which: int = -1


DRAWN_IN_TRAINING = {
    "diagnostics_calibration.png": DrawnOnce("values/calibration"),
    "diagnostics_episode.gif": DrawnOnce("games/episode"),
    "diagnostics_built.png": DrawnOnce("games/built"),
    "diagnostics_funnel.png": DrawnOnce("games/funnel", 1),  # early: at the end nearly all games come to all stages
    "diagnostics_attribution.png": DrawnOnce("attribution/groups"),
    "diagnostics_units.png": DrawnOnce("features/units"),
    "diagnostics_plane.png": DrawnOnce("information/plane"),
}


class GalleryPart(NamedTuple):
    """Pictures that are made together: each file's command, as docs/gallery.md has it, and what makes them."""

    commands: Mapping[str, str]
    make: Callable[[Studio], None]
    needs_run: bool


def animate_games(studio: Studio) -> None:
    """Random play beside the policy of the run, and a line for each: README tells their scores."""
    print(studio.do(GAME).strip(), flush=True)
    studio.save("game.gif", (studio.folder / "game.gif").read_bytes())


def take_drawings(studio: Studio) -> None:
    """Drawings of the run's diagnostics, as they are.

    Raises:
        WaybillError: if one is not there.
    """
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(studio.folder / "runs" / "RUN"), size_guidance={"images": 0}).Reload()
    for name, (tag, which) in DRAWN_IN_TRAINING.items():
        drawn = events.Images(tag) if tag in events.Tags()["images"] else []
        if len(drawn) < 2:
            raise WaybillError(f"--run: it has no two pictures {tag}, train it with diagnostics.pictures=true")
        studio.save(name, sorted(drawn, key=lambda image: image.step)[which].encoded_image_string)


GALLERY_PARTS = {
    "game": GalleryPart({"game.gif": GAME}, animate_games, needs_run=True),
    "replay": GalleryPart(
        {
            "replay_page.png": screens.REPLAY,
            "replay_moments.png": screens.REPLAY,
            "replay_phone.png": screens.REPLAY,
            "replay_dark.png": screens.REPLAY_FOG,
        },
        screens.photograph_replays,
        needs_run=False,
    ),
    "play": GalleryPart({"play.png": screens.PLAY}, screens.photograph_play, needs_run=False),
    "tensorboard": GalleryPart(
        {"tensorboard.png": screens.TENSORBOARD}, screens.photograph_tensorboard, needs_run=True
    ),
    "diagnosis": GalleryPart({"diagnosis.png": screens.DIAGNOSE}, screens.photograph_diagnosis, needs_run=True),
    "diagnostics": GalleryPart(dict.fromkeys(DRAWN_IN_TRAINING, screens.TENSORBOARD), take_drawings, needs_run=True),
}
