"""Text and pictures of a state: what they say by literals, that they change nothing, and that frames fit together."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from handmade import NORTH, SOUTH, TOWN, YARD, Play, company, hand_level, hand_pool, make_order, random_orders

from envs.waybill.core import levels
from envs.waybill.core import state as st
from envs.waybill.core.levels import LevelConfig, RecipeConfig
from envs.waybill.core.state import DISMANTLE, EXTRACT, HAUL, NEW_CART, PASS, WORKSHOP
from envs.waybill.maps.pool import make_pool
from envs.waybill.render import describe_order, to_image, to_text
from envs.waybill.render.scene import look
from envs.waybill.render.words import best_candidates, good_letters


def chain() -> Play:
    """By hand: an extractor and a workshop at work, a cart of wood between them and one of planks off to the town."""
    level = hand_level(start_cash=300)
    game = Play(level, hand_pool(level))
    game.order(EXTRACT, SOUTH)
    game.order(WORKSHOP, YARD)
    game.order(HAUL, SOUTH, target=YARD, cart=NEW_CART)
    game.order(HAUL, YARD, target=TOWN, cart=NEW_CART)
    game.wait(4)
    return game


def big_level() -> LevelConfig:
    """Everything at its largest."""
    goods = ["wood", "ore", "coal", "clay"], ["planks", "iron", "steel", "bricks"]
    return LevelConfig(
        name="big", side=32, deposits=16, towns=8, raw_goods=goods[0], refined_goods=goods[1],
        prices=dict.fromkeys(goods[1], 30), horizon=200, start_cash=9000, train_steps=1, max_buildings=16, max_carts=16,
        recipes=[RecipeConfig({raw: 2}, refined) for raw, refined in zip(*goods, strict=True)],
    )  # fmt: skip


def busy(level: LevelConfig, turns: int = 60) -> Play:
    play = Play(level, make_pool(level.record(), np.array([3, 4])), 2)
    rng = np.random.default_rng(1)
    for _ in range(turns):
        play.step(random_orders(rng, play))
    return play


# --- orders in words --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("order", "words"),
    [
        (make_order(PASS), "pass"),
        (make_order(EXTRACT, NORTH), "build an extractor for wood at (1,1)"),
        (make_order(EXTRACT, 0), "build an extractor at (0,0)"),
        (make_order(WORKSHOP, 0), "build a workshop for planks at (0,0)"),
        (make_order(WORKSHOP, 0, recipe=5), "build a workshop for recipe 5 at (0,0)"),
        (
            make_order(HAUL, SOUTH, target=YARD, cart=1),
            "haul wood from (4,1) extractor to (4,2) workshop with cart 1",
        ),
        (
            make_order(HAUL, YARD, target=TOWN, cart=NEW_CART),
            "haul planks from (4,2) workshop to town A (4,4) with a new cart",
        ),
        (make_order(HAUL, NORTH, target=3, cart=0), "haul from (1,1) deposit to (0,3) with cart 0"),
        (make_order(DISMANTLE, YARD), "dismantle (4,2) workshop"),
        (make_order(-1), "no order (an empty candidate)"),
    ],
)
def test_an_order_in_words(order: np.ndarray, words: str) -> None:
    game = chain()
    assert describe_order(order[0], game.s, game.pool, game.level) == words


def test_letters_of_goods_are_different() -> None:
    assert good_letters(hand_level()) == ["w", "p"]
    assert good_letters(hand_level(raw_goods=["ore", "oil"], refined_goods=["oar"], prices={"oar": 1}, recipes=[])) == [
        "o",
        "i",
        "a",
    ]


# --- text -------------------------------------------------------------------------------------------------------------
def test_text_by_literals() -> None:
    game = chain()
    order = make_order(HAUL, SOUTH, target=TOWN, cart=0)
    text = to_text(
        game.s, game.pool, game.level, order=order[0], candidates=[("pass", -1.0, False), ("haul it", 2.5, True)]
    )
    assert text.splitlines() == EXPECTED


EXPECTED = """\
hand  turn 8/40  cash 127  score -173  illegal orders 0  playing

    0  1  2  3  4  5
 0  .  .  .  .  .  .
 1  . (w) .  ~  .  .
 2  .  .  .  ~  .  .
 3  .  .  .  ~  .  .
 4  . [w]{p0 ^ <A> .
 5  .  .  .  .1 .  .
. plain  " forest  ^ hill  ~ water  (w) deposit  [w] extractor  {p} workshop  <A> town  : in construction

money: capital +300  extractors -40  workshops -60  carts -40  upkeep -33
goods       in store  on carts       dug  consumed  produced      sold      lost
wood               5         0        11         6         0         0         0
planks             1         2         0         0         3         0         0
town A pays: wood 5/5, planks 20/20
(4,1) extractor: wood 1, 1 left in the ground
(4,2) workshop: wood 4, → planks 1
cart 0: to source 1, 0 wood, from (4,1) extractor to (4,2) workshop
cart 1: to target 1, 2 planks, from (4,2) workshop to town A (4,4)

order: haul wood from (4,1) extractor to town A (4,4) with cart 0

>     2.500 ████████████████████████ haul it
     -1.000 █                        pass""".splitlines()


def test_text_tells_how_a_game_ended() -> None:
    level = hand_level(start_cash=41)
    game = Play(level, hand_pool(level))
    game.order(EXTRACT, SOUTH)
    game.order(DISMANTLE, 0)
    assert to_text(game.s, game.pool, level).splitlines()[0].endswith("cash -1  score -42  illegal orders 1  bankrupt")


# --- where carts are --------------------------------------------------------------------------------------------------
def test_a_path_is_a_shortest_one_on_land() -> None:
    level = hand_level()
    scene = look(Play(level, hand_pool(level)).s, hand_pool(level), level)
    path = scene.path(NORTH, TOWN)
    assert (path[0], path[-1]) == (NORTH, TOWN)
    assert all(abs(a // 6 - b // 6) + abs(a % 6 - b % 6) == 1 for a, b in pairwise(path))
    costs = {st.PLAIN: 1, st.HILL: 3}  # a KeyError would be a step into the water
    kinds = [int(scene.terrain().ravel()[tile]) for tile in path]
    assert sum(costs[a] + costs[b] for a, b in pairwise(kinds)) == 16
    assert scene.path(TOWN, TOWN) == [TOWN]


def test_a_cart_is_drawn_along_its_way() -> None:
    game = chain()
    scene = look(game.s, game.pool, game.level)
    assert scene.cart_at(company(game.s)["carts"][1]) == (5.0, 3.0)  # half of 8 travel units, round the hill
    game.order(PASS)
    assert look(game.s, game.pool, game.level).cart_at(company(game.s)["carts"][1]) == (4.0, 4.0)


# --- pictures ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["hand", "haul", "refine", "big"])
def test_frames_of_every_level_have_one_shape(name: str) -> None:
    if name == "hand":
        play = chain()
    else:
        play = busy(big_level() if name == "big" else levels.load_level(name))
    rows = [(f"candidate {i}", float(i), i == 2) for i in range(20)]
    pictures = [
        to_image(play.states[-1], play.pool, play.level),
        to_image(play.states[-1], play.pool, play.level, order=make_order(PASS)[0], candidates=rows),
    ]
    for picture in pictures:
        assert (picture.shape, picture.dtype) == ((740, 1140, 3), np.uint8)
        assert len(np.unique(picture[::5, ::5].reshape(-1, 3), axis=0)) > 50
    assert (pictures[0] != pictures[1]).any()


def test_a_picture_can_be_larger_and_smaller() -> None:
    game = chain()
    assert to_image(game.s, game.pool, game.level, scale=0.5).shape == (370, 570, 3)
    assert to_image(game.s, game.pool, game.level, scale=1.5).shape == (1110, 1710, 3)
    for scale in (0.0, 9.0):
        with pytest.raises(ValueError, match=r"of a picture is not in 0.25..4"):
            to_image(game.s, game.pool, game.level, scale=scale)


def test_looking_changes_nothing_and_is_repeatable() -> None:
    play = busy(levels.load_level("refine"), 30)
    before, pool = play.states.tobytes(), [array.copy() for array in play.pool]
    pictures = [to_image(play.s, play.pool, play.level) for _ in range(2)]
    texts = {to_text(play.states, play.pool, play.level) for _ in range(2)}
    assert (pictures[0] == pictures[1]).all()
    assert len(texts) == 1
    assert play.states.tobytes() == before
    assert all((a == b).all() for a, b in zip(pool, play.pool, strict=True))


def test_only_the_map_of_the_game_itself_is_shown() -> None:
    play = busy(levels.load_level("refine"), 30)
    alone = make_pool(play.record, play.pool.seed[1:])
    moved = play.states[1].copy()
    moved["map"] = 0
    assert to_text(moved, alone, play.level) == to_text(play.states[1], play.pool, play.level)
    assert (to_image(moved, alone, play.level) == to_image(play.states[1], play.pool, play.level)).all()


def test_the_picture_shows_what_changes() -> None:
    level = hand_level()
    game = Play(level, hand_pool(level))
    frames = [to_image(game.s, game.pool, level)]
    for verb, tile in ((EXTRACT, SOUTH), (PASS, -1), (PASS, -1), (DISMANTLE, SOUTH)):
        game.order(verb, tile)
        frames.append(to_image(game.s, game.pool, level))
    spot = [frame[24 + 427 : 24 + 533, 26 + 107 : 26 + 213].tobytes() for frame in frames]  # the tile (4,1) of 6 × 6
    assert len(set(spot)) == 5


# --- candidates -------------------------------------------------------------------------------------------------------
def test_the_best_candidates_and_the_chosen_one_are_shown() -> None:
    rows = [("a", 1.0, False), ("b", 3.0, False), ("c", 2.0, False), ("d", -5.0, True)]
    assert best_candidates(rows, 2) == [rows[1], rows[3]]
    assert best_candidates(rows, 9) == [rows[1], rows[2], rows[0], rows[3]]
    assert best_candidates(rows[:3], 1) == [rows[1]]
