"""The page as a file: whole, small, needing nothing else, and safe whatever a name or an order says."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from watched import SMALL, played, weighed

from envs.waybill.core import levels
from experiments.games.waybill.pages import write
from experiments.games.waybill.pages.game_data import discounted_returns, short

EVIL = '</script><script>alert(1)</script><img src=x onerror="alert(2)">\u2028&'


def made(path: Path, *games: Any, planner: str = "off") -> str:
    write.write_page(path, games, planner=planner, command=["python", "replay.py", "greedy; ls"])
    return path.read_text(encoding="utf-8")


def data_of(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, flags=re.DOTALL)
    assert found is not None
    return json.loads(found[1])


class Tags(HTMLParser):
    """Counts the tags of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)


def test_a_page_tells_the_whole_game(tmp_path: Path) -> None:
    watched = weighed()
    data = data_of(made(tmp_path / "game.html", watched))
    (game,) = data["games"]
    assert data["command"] == "python replay.py 'greedy; ls'"
    assert (game["player"], game["score"], len(game["turns"])) == ("a policy", watched.game.score, 25)
    assert [turn["turn"] for turn in game["turns"]] == list(range(25))
    assert [turn["decision"]["value"] for turn in game["turns"][:-1]] == [short(2 - turn / 10) for turn in range(24)]
    assert game["turns"][-1]["decision"] is None
    assert game["turns"][0]["decision"]["return"] == short(0.5 * (1 - 0.9**24) / 0.1)
    assert all(turn["decision"]["greedy"]["same"] for turn in game["turns"][:-1])
    assert all("planner" not in turn["decision"] for turn in game["turns"][:-1])
    assert game["values"] == {
        "name": "Q-values", "unit": "starting cashes", "note": "reward of training, discounted by 0.9 a turn",
    }  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["game.html"]


def test_returns_are_discounted_sums_of_what_comes() -> None:
    assert discounted_returns([1.0, 0.0, 4.0], 0.5) == [2.0, 2.0, 4.0]
    assert discounted_returns([], 0.5) == []


@pytest.mark.parametrize(
    ("value", "told"), [(12.345678, 12.35), (-0.00012345, -0.0001234), (float("inf"), 0.0), (3, 3.0)]
)
def test_values_have_few_digits(value: float, told: float) -> None:
    assert short(value) == told


def test_nothing_that_a_name_says_becomes_markup(tmp_path: Path) -> None:
    plain, evil = made(tmp_path / "a.html", played(name="someone")), made(tmp_path / "b.html", played(name=EVIL))
    assert data_of(evil)["games"][0]["player"] == EVIL
    counted = []
    for text in (plain, evil):
        tags = Tags()
        tags.feed(text)
        counted.append(tags.seen)
    assert counted[0] == counted[1]
    assert "<img src=x" not in evil
    assert "{{" not in plain.replace(write.safe_json(data_of(plain)), "")


def test_places_in_a_name_are_not_filled(tmp_path: Path) -> None:
    text = made(tmp_path / "a.html", played(name="{{script}}"))
    assert data_of(text)["games"][0]["player"] == "{{script}}"
    assert text.count('"use strict"') == 1


def test_a_page_fetches_nothing(tmp_path: Path) -> None:
    text = made(tmp_path / "game.html", played())
    assert "default-src 'none'" in text
    without = re.sub(r"data:image/webp;base64,[\w+/=]+", "", text)
    for sign in ("http:", "https:", "//cdn", "@import", "url(", "fetch(", "XMLHttpRequest", "import(", 'src="/'):
        assert sign not in without, sign


@pytest.mark.slow
def test_a_page_of_four_companies_in_fog_is_small(tmp_path: Path) -> None:
    fog = levels.load_level("fog")
    text = made(tmp_path / "game.html", weighed(fog))
    assert len(data_of(text)["games"][0]["turns"]) == fog.horizon + 1
    assert len(text.encode()) < 3_000_000


def test_two_games_share_a_map_and_have_moments_of_their_own(tmp_path: Path) -> None:
    other = played(SMALL, player="random", map_seed=0)
    data = data_of(made(tmp_path / "game.html", weighed(), other))
    assert [game["player"] for game in data["games"]] == ["a policy", "random"]
    assert data["moments"][0]["title"] == "the games part"


def test_the_sources_are_small_and_all_are_used() -> None:
    sources = {path.name for path in write.PAGE_SOURCES.iterdir() if path.suffix in (".css", ".html", ".js")}
    assert sources == {"page.html", *write.PAGE_STYLES, *write.PAGE_SCRIPTS}
    for name in sources:
        assert len((write.PAGE_SOURCES / name).read_text().splitlines()) < 300, name


def test_the_planner_is_asked_if_it_should_be(tmp_path: Path) -> None:
    level = replace(SMALL, horizon=8)
    (game,) = data_of(made(tmp_path / "game.html", played(level), planner="next"))["games"]
    assert game["advice"]["planner"] == "effort next: each order tried once and played on greedily"
    assert all(turn["decision"]["planner"]["text"] for turn in game["turns"][:-1])
