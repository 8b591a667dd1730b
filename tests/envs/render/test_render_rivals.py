"""Pictures of games with rivals and of what a company doesn't know: whose is what, and what is hidden."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from handmade import NORTH, SOUTH, TOWN, YARD, Play, company, hand_level, hand_pool, make_order

from envs.waybill.core import levels
from envs.waybill.core.state import DISMANTLE, EXTRACT, HAUL, NEW_CART, ORDER, PASS, WORKSHOP, records
from envs.waybill.maps.pool import make_pool
from envs.waybill.render import describe_order, to_image, to_text
from envs.waybill.render.icons import RIVAL_COLOURS
from envs.waybill.render.seated import as_known


def together(*orders: np.ndarray) -> np.ndarray:
    """The orders of all companies for a turn, ORDER [1, seats]."""
    return np.concatenate(orders).reshape(1, -1)


def two_companies(**numbers: Any) -> Play:
    """By hand: the player digs in the south, its rival in the north and has a workshop beside the town."""
    level = hand_level(rivals=["greedy"], **numbers)
    game, wait = Play(level, hand_pool(level)), make_order(PASS)
    company(game.s, 1)["known"] = 0b111
    game.step(together(make_order(EXTRACT, SOUTH), make_order(EXTRACT, NORTH)))
    game.step(together(wait, make_order(WORKSHOP, YARD)))
    game.step(together(wait, make_order(HAUL, NORTH, target=TOWN, cart=NEW_CART)))
    for _ in range(3):
        game.step(together(wait, wait))
    return game


EXPECTED = """\
 0  .  .  .  .  .  .
 1  . 1w] .  ~  .  .
 2  .  .  .  ~  .  .
 3  .  .  .  ~  .  .
 4  . [w]1p} ^ <A> .
 5  .  .  .  .  .  .
. plain  " forest  ^ hill  ~ water  (w) deposit  [w] extractor  {p} workshop  <A> town  : in construction
1w] 1p} of rival 1""".splitlines()


def test_the_text_says_whose_is_what() -> None:
    game = two_companies()
    lines = to_text(game.s, game.pool, game.level).splitlines()
    assert lines[3:11] == EXPECTED
    assert lines[-1] == "rival 1 (greedy): sales 0, last turn 0, cash 60, buildings 2, carts 1"
    assert lines[0] == "hand  turn 6/40  cash 154  score -46  illegal orders 0  playing"
    assert sum("extractor: wood" in line for line in lines) == 1  # the rival's is not listed among the own


def test_the_text_says_which_rival_is_bankrupt() -> None:
    game = two_companies()
    company(game.s, 1)["bankrupt"] = 1
    assert to_text(game.s, game.pool, game.level).splitlines()[-1].endswith("carts 1, bankrupt")


def test_what_the_player_does_not_know_is_marked_in_text() -> None:
    game = two_companies(sight=1)
    company(game.s)["known"] = 0b010
    lines = to_text(game.s, game.pool, game.level).splitlines()
    assert lines[4] == " 1  . 1w] .  ~  .  ."
    assert lines[7] == " 4  . [w]1p} ^ ?A? ."
    assert lines[10] == "1w] 1p} of rival 1  ?w? ?A? not known to the player"


def count_of(picture: np.ndarray, colour: tuple[int, ...]) -> int:
    return int((picture == np.array(colour)).all(-1).sum())


def test_a_picture_shows_every_rival_in_its_colour() -> None:
    level = hand_level(rivals=["greedy", "random", "planner"], deposits=2)
    game = Play(level, hand_pool(level))
    orders = records(4, ORDER).reshape(1, 4)
    plain = to_image(game.s, game.pool, level)[:, :670]
    assert [count_of(plain, colour) for colour in RIVAL_COLOURS] == [0, 0, 0]
    for seat, tile in ((1, 0), (2, 5), (3, 30)):
        orders[0, seat] = make_order(WORKSHOP, tile)[0]
    game.step(orders)
    picture = to_image(game.s, game.pool, level)
    assert picture.shape == (740, 1140, 3)
    assert all(count_of(picture[:, :670], colour) > 100 for colour in RIVAL_COLOURS)


def test_a_picture_dims_what_the_player_does_not_know() -> None:
    game = two_companies(sight=1)
    pictures = []
    for known in (0b111, 0b011):
        company(game.s)["known"] = known
        pictures.append(to_image(game.s, game.pool, game.level).astype(int))
    changed = (pictures[0] != pictures[1]).any(2)
    assert changed[440:560, 440:560].mean() > 0.3  # the town on (4,4) of 6 × 6
    assert changed[:400].sum() == 0


def test_a_level_without_rivals_looks_as_it_always_did() -> None:
    level = hand_level()
    game = Play(level, hand_pool(level))
    with_rival = dataclasses.replace(level, rivals=["greedy"])
    alone, crowded = (to_image(game.s, game.pool, shown) for shown in (level, with_rival))
    assert (alone[:, :670] == crowded[:, :670]).all()
    assert (alone[:, 684:] != crowded[:, 684:]).any()


def test_an_order_that_points_at_an_unseen_site_is_told_as_one_at_bare_land() -> None:
    level = hand_level(rivals=["greedy"], sight=1)
    game = Play(level, hand_pool(level))
    told = [
        (make_order(EXTRACT, NORTH), "build an extractor for wood at (1,1)", "build an extractor at (1,1)"),
        (make_order(EXTRACT, TOWN), "build an extractor at town A (4,4)", "build an extractor at (4,4)"),
        (make_order(DISMANTLE, NORTH), "dismantle (1,1) deposit", "dismantle (1,1)"),
        (
            make_order(HAUL, NORTH, target=TOWN, cart=NEW_CART),
            "haul from (1,1) deposit to town A (4,4) with a new cart",
            "haul from (1,1) to (4,4) with a new cart",
        ),
    ]
    for order, seen, unseen in told:
        for known, words in ((0b111, seen), (0, unseen)):
            company(game.s, 0)["known"] = known
            assert describe_order(order[0], game.s, game.pool, level) == words


def test_the_text_of_what_a_company_knows_shows_no_bare_land_at_unseen_sites() -> None:
    level = levels.load_level("fog")
    lines, sites = [], []
    for seed in range(8):
        game = Play(level, make_pool(level.record(), np.array([seed], np.uint64)))
        company(game.s, 0)["known"] = 0
        lines += to_text(as_known(game.states), game.pool, level, seen_only=True).splitlines()[3 : 3 + level.side]
        sites += [
            (seed * level.side + tile // level.side, tile % level.side) for tile in game.pool.site_tile[0].tolist()
        ]
    marks = [lines[row][3 + 3 * column + 1] for row, column in sites]
    assert set(marks) == {".", '"', "^"}
    own = [int(company(game.s, 0)["n_slots"]), int(company(game.s, 0)["n_carts"])]
    assert own == [0, 0]
