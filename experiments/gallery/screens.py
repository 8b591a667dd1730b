"""Pictures of pages: replays, a game that is played, a diagnosis and TensorBoard, each opened and photographed."""

from __future__ import annotations

from typing import Any

from experiments.gallery.browser import picture_of, shown, wait_until_still
from experiments.gallery.studio import Studio

DESK_WIDE, DESK_WIDEST, DESK_HIGH = 1280, 1360, 900  # of a window; a page grows no wider
PHONE_WIDE, PHONE_HIGH = 390, 844
FOUR_CHARTS_HIGH = 1132  # of TensorBoard, two by two
SHOWN_TURN, TURN_IN_FOG = 30, 60  # of the games that are replayed: much stands, and more is being built
PLAYED_TURNS = 12  # that greedy plays before the person asks for advice

REPLAY = "python replay.py policies/refine --format html --out game.html"
REPLAY_FOG = "python replay.py policies/fog --format html --out fog.html"
PLAY = "python play.py --level haul"
DIAGNOSE = "python diagnose.py runs/RUN"
TENSORBOARD = "tensorboard --logdir runs"


def photograph_replays(studio: Studio) -> None:
    """A game of ``refine``: the board and beside it, what lies below, on a phone; a game in fog, in the dark."""
    studio.do(REPLAY)
    address = f"{(studio.folder / 'game.html').as_uri()}#turn={SHOWN_TURN}"
    with shown(studio.browser, address, width=DESK_WIDE, height=DESK_HIGH) as page:
        studio.save("replay_page.png", picture_of(page, last="#transport"))
        studio.save("replay_moments.png", picture_of(page, "#moments-title", "#charts"))
    with shown(studio.browser, address, width=PHONE_WIDE, height=PHONE_HIGH, has_touch=True) as page:
        studio.save("replay_phone.png", picture_of(page))
    studio.do(REPLAY_FOG)
    address = f"{(studio.folder / 'fog.html').as_uri()}#turn={TURN_IN_FOG}"
    with shown(studio.browser, address, width=DESK_WIDE, height=DESK_HIGH, color_scheme="dark") as page:
        studio.save("replay_dark.png", picture_of(page, last="#transport"))


def photograph_play(studio: Studio) -> None:
    """A game under way: greedy has played some turns for the person, who asks for hints and looks at an order."""
    with (
        studio.serve(f"{PLAY} --port 0") as address,
        shown(studio.browser, address, width=DESK_WIDEST, height=DESK_HIGH) as page,
    ):
        page.select_option("#play-by", "greedy")
        page.fill("#play-turns", str(PLAYED_TURNS))
        page.click("#let-play")
        page.locator("#your-turn", has_text=f"in turn {PLAYED_TURNS}").wait_for()
        page.locator("#let-play:enabled").wait_for()
        for by in ("policy", "greedy"):
            page.click(f"#hint-{by}")
            page.locator(f".decision .mark.{by}").first.wait_for()
        _choose(page, page.locator(".choice").nth(1))
        wait_until_still(page)  # the board that is drawn anew would wipe the order that is pointed out
        page.locator(".give").first.hover()
        page.locator(".order-ring").first.wait_for()
        wait_until_still(page)
        studio.save("play.png", picture_of(page, last="#transport"))


def _choose(page: Any, ring: Any) -> None:
    """A click on the board where a ring says that something can be ordered there."""
    ring.scroll_into_view_if_needed()
    box = ring.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.locator(".give").first.wait_for()
    page.keyboard.press("Escape")  # lets go of the tile: what is told of it would hide a part of the board
    page.evaluate("document.activeElement.blur()")


def photograph_diagnosis(studio: Studio) -> None:
    """How a run's diagnosis begins: the findings and the first curves."""
    studio.do(DIAGNOSE)
    with shown(
        studio.browser, (studio.folder / "runs/RUN/diagnosis.html").as_uri(), width=1000, height=DESK_HIGH
    ) as page:
        studio.save("diagnosis.png", picture_of(page, last="figure"))


def photograph_tensorboard(studio: Studio) -> None:
    """TensorBoard's first screen, its settings put aside, once the four charts of ``at_a_glance`` are drawn."""
    with (
        studio.serve(f"{TENSORBOARD} --host 127.0.0.1 --port 0") as address,
        shown(studio.browser, address, width=DESK_WIDE, height=FOUR_CHARTS_HIGH) as page,
    ):
        page.locator("line-chart-axis text").first.wait_for()
        page.get_by_label("Close side pane").click()
        wait_until_still(page)
        studio.save("tensorboard.png", picture_of(page))
