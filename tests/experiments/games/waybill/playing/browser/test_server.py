"""The server: this machine alone, the person alone, and whatever else comes is one line and the game goes on."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tables import TOKEN, Browser, served, session_on

from experiments.games.waybill.playing.browser.requests import MOST_BODY_BYTES, TOKEN_HEADER
from experiments.games.waybill.playing.browser.server import ADDRESS
from groundwork.errors import WaybillError

PASS = {"order": "pass"}


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with served(session_on("haul"), tmp_path) as found:
        yield found


def turn_of(browser: Browser) -> int:
    return int(browser.server.desk.reads["/news"]({"version": ["9999"], "since": ["1"], "undone": ["0"]})["turn"])


def test_it_listens_on_this_machine_alone(browser: Browser) -> None:
    assert browser.server.server_address[0] == ADDRESS == "127.0.0.1"
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    for address in others:
        if not str(address).startswith("127."):
            with pytest.raises(OSError, match="refused|timed out|unreachable"):
                socket.create_connection((address, browser.port), timeout=2)


def test_the_page_and_its_headers(browser: Browser) -> None:
    status, text = browser.ask("GET", "/")
    assert status == 200
    policy = browser.headers["Content-Security-Policy"]
    for part in ("default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'", "form-action 'none'"):
        assert part in policy
    assert browser.headers["X-Content-Type-Options"] == "nosniff"
    assert browser.headers["Cache-Control"] == "no-store"
    assert TOKEN not in text
    assert "connect-src 'self'" in text.partition("<title>")[0]


def test_an_order_is_played_once(browser: Browser) -> None:
    assert browser.post("/order", order=PASS, turn=0) == (200, {"turn": 1, "version": 1})
    status, told = browser.post("/order", order=PASS, turn=0)
    assert (status, told["error"]) == (409, "turn=0: the game is at turn 1, look again")
    status, told = browser.post("/order", order={"order": "extract", "tile": [0, 0]}, turn=1)
    assert (status, told["error"]) == (409, "not legal now: extract (0,0)")
    assert turn_of(browser) == 1


@pytest.mark.parametrize("path", ["/", "/news?version=9&since=1&undone=0", "/orders?tile=3", "/ending"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1"}, 403),
        ({"Host": "127.0.0.1:1"}, 403),
        ({"Host": None}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_reading_from_elsewhere_is_refused(
    browser: Browser, path: str, headers: dict[str, str | None], status: int
) -> None:
    found, told = browser.ask("GET", path, **headers)
    assert found == status
    assert set(told) == {"error"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": None}, 403),
        ({TOKEN_HEADER: None}, 403),
        ({TOKEN_HEADER: "guess"}, 403),
        ({TOKEN_HEADER: ""}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": None}, 415),
        ({"Content-Length": None}, 411),
        ({"Content-Length": "-1"}, 411),
        ({"Content-Length": "1e3"}, 411),
        ({"Content-Length": str(MOST_BODY_BYTES + 1)}, 413),
        ({"Content-Length": "9" * 40}, 413),
        ({"Content-Length": None, "Transfer-Encoding": "chunked"}, 411),
    ],
)
def test_writing_from_elsewhere_is_refused(browser: Browser, headers: dict[str, str | None], status: int) -> None:
    body = json.dumps({"order": PASS, "turn": 0})
    found, told = browser.ask("POST", "/order", body, **headers)
    assert (found, list(told)) == (status, ["error"])
    assert "\n" not in told["error"]
    assert turn_of(browser) == 0


DEEP = '{"order": ' + "[" * 3000 + "]" * 3000 + ', "turn": 0}'


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/order", ""),
        ("/order", "{"),
        ("/order", b"\xff\xfe"),
        ("/order", "[]"),
        ("/order", "null"),
        ("/order", "{}"),
        ("/order", DEEP),
        ("/order", '{"order": "pass", "turn": 0}'),
        ("/order", '{"order": {"order": "pass"}, "turn": "0"}'),
        ("/order", '{"order": {"order": "pass"}, "turn": true}'),
        ("/order", '{"order": {"order": "pass"}, "turn": 0.0}'),
        ("/order", '{"order": {"order": "pass"}, "turn": 0, "more": 1}'),
        ("/order", '{"order": {}, "turn": 0}'),
        ("/order", '{"order": {"order": ["pass"]}, "turn": 0}'),
        ("/order", '{"order": {"order": "none"}, "turn": 0}'),
        ("/order", '{"order": {"order": "extract"}, "turn": 0}'),
        ("/order", '{"order": {"order": "extract", "tile": [1]}, "turn": 0}'),
        ("/order", '{"order": {"order": "extract", "tile": [1e9, 1]}, "turn": 0}'),
        ("/order", '{"order": {"order": "extract", "tile": [999999999999, 1]}, "turn": 0}'),
        ("/order", '{"order": {"order": "extract", "tile": [-1, 1]}, "turn": 0}'),
        ("/order", '{"order": {"order": "haul", "cart": 99, "tile": [1, 1], "target": [2, 2]}, "turn": 0}'),
        ("/order", '{"order": {"order": "workshop", "recipe": 9, "tile": [1, 1]}, "turn": 0}'),
        ("/order", '{"order": {"order": "pass"}, "turn": NaN}'),
        ("/play", '{"by": "nobody", "turns": 1, "turn": 0}'),
        ("/play", '{"by": "greedy", "turns": 0, "turn": 0}'),
        ("/play", '{"by": "greedy", "turns": -5, "turn": 0}'),
        ("/play", '{"by": "policy", "turns": 1, "turn": 0}'),
        ("/hint", '{"by": "nobody", "turn": 0}'),
        ("/hint", '{"by": "policy", "turn": 0}'),
        ("/hint", '{"by": "greedy", "turn": 7}'),
        ("/try", '{"order": {"order": "pass"}, "by": "nobody", "turn": 0}'),
        ("/try", '{"order": {"order": "dismantle", "tile": [1, 1]}, "by": "greedy", "turn": 0}'),
        ("/undo", '{"turn": 0}'),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_malformed_is_one_line_and_the_game_goes_on(browser: Browser, path: str, body: str | bytes) -> None:
    status, told = browser.ask("POST", path, body)
    assert 400 <= status < 500, told
    assert list(told) == ["error"]
    assert "\n" not in told["error"]
    assert "Traceback" not in told["error"]
    assert turn_of(browser) == 0
    assert browser.post("/order", order=PASS, turn=0)[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/../../etc/passwd", 404),
        ("GET", "/%2e%2e/pyproject.toml", 404),
        ("GET", "//etc/passwd", 404),
        ("GET", "/play.css", 404),
        ("GET", "/order", 405),
        ("PUT", "/order", 405),
        ("DELETE", "/", 405),
        ("HEAD", "/", 405),
        ("OPTIONS", "/order", 405),
        ("PATCH", "/order", 405),
        ("GET", "/orders", 400),
        ("GET", "/orders?tile=x", 400),
        ("GET", "/orders?tile=-1", 400),
        ("GET", "/orders?tile=1&cart=1", 400),
        ("GET", "/news", 400),
        ("GET", "/news?version=99999999999999&since=0&undone=0", 400),
    ],
)
def test_unknown_addresses_and_methods(browser: Browser, method: str, path: str, status: int) -> None:
    assert browser.ask(method, path)[0] == status


def test_no_address_answers_a_post_without_the_token(browser: Browser) -> None:
    for path in browser.server.desk.writes:
        assert browser.ask("POST", path, "{}", **{TOKEN_HEADER: None})[0] == 403
    for path in ("/", "/news", "/elsewhere"):
        assert browser.ask("POST", path, "{}")[0] in (404, 405)


def test_bytes_that_are_no_request_hurt_nobody(browser: Browser) -> None:
    for junk in (b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"X" * 70_000 + b"\r\n\r\n", b"GET / HTTP/1.1\r\nHost"):
        with socket.create_connection((ADDRESS, browser.port), timeout=10) as connection:
            connection.sendall(junk)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
    assert browser.ask("GET", "/ending")[0] == 200


def test_a_second_one_watches_and_is_told_at_once(browser: Browser) -> None:
    told: list[Any] = []

    def watch() -> None:
        told.append(browser.ask("GET", "/news?version=0&since=1&undone=0"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    time.sleep(0.2)
    assert not told
    assert browser.post("/order", order=PASS, turn=0)[0] == 200
    watcher.join(timeout=10)
    status, news = told[0]
    assert (status, news["turn"], len(news["turns"])) == (200, 1, 2)
    assert news["turns"][0]["decision"]["order"]["text"] == "pass"
    assert news["turns"][1]["decision"] is None


def test_many_at_once_play_one_game(browser: Browser) -> None:
    """The same turn is wished by many: one is played each time."""
    found: list[int] = []

    def wish() -> None:
        for turn in range(5):
            found.append(browser.post("/order", order=PASS, turn=turn)[0])
            assert browser.ask("GET", "/orders?tile=5")[0] == 200

    threads = [threading.Thread(target=wish) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert set(found) <= {200, 409}
    assert found.count(200) == turn_of(browser) <= 5


def test_greedy_plays_for_the_person_and_gives_back(tmp_path: Path) -> None:
    with served(session_on("haul"), tmp_path, pace=0.05) as browser:
        assert browser.post("/play", by="greedy", turns=None, turn=0)[0] == 200
        assert browser.post("/order", order=PASS, turn=turn_of(browser))[0] == 409
        assert browser.post("/stop")[0] == 200
        stopped = turn_of(browser)
        time.sleep(0.3)
        assert turn_of(browser) <= stopped + 1
        now = turn_of(browser)
        assert browser.post("/order", order=PASS, turn=now)[0] == 200
        assert browser.post("/play", by="greedy", turns=2, turn=now + 1)[0] == 200
        deadline = time.monotonic() + 20
        while turn_of(browser) < now + 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.2)
        assert turn_of(browser) == now + 3
        assert browser.post("/play", by="greedy", turns=None, turn=now + 3)[0] == 200
        while not browser.server.desk.reads["/ending"]({})["rows"][0][0].startswith("person") or turn_of(browser) < 24:
            assert time.monotonic() < deadline + 20
            time.sleep(0.05)
        assert browser.post("/order", order=PASS, turn=24) == (
            409, {"error": "the game is over, no order can be given"},
        )  # fmt: skip
        assert '"over":true' in browser.ask("GET", "/")[1].replace(" ", "")


def test_undo_is_for_practice_and_others_are_told_all_anew(tmp_path: Path) -> None:
    with served(session_on("haul", undo=True), tmp_path) as browser:
        for turn in range(3):
            assert browser.post("/order", order=PASS, turn=turn)[0] == 200
        assert browser.post("/undo", turn=3) == (200, {"turn": 2, "version": 4})
        news = browser.ask("GET", "/news?version=0&since=4&undone=0")[1]
        assert (news["first"], len(news["turns"]), news["practice"], news["undone"]) == (0, 3, True, 1)


def test_hints_and_trials_are_answered(browser: Browser) -> None:
    told = browser.post("/hint", by="greedy", turn=0)[1]
    assert "a profit of about" in told["decision"]["greedy"]["reason"]
    told = browser.post("/try", order=PASS, by="greedy", turn=0)[1]
    assert told["tried"]["profits"][0] == 0
    assert turn_of(browser) == 0


def test_a_port_in_use_is_one_clear_line(browser: Browser, tmp_path: Path) -> None:
    from experiments.games.waybill.playing.browser.server import GameServer

    with pytest.raises(WaybillError, match=rf"^--port={browser.port} cannot be used: Address already in use; choose"):
        GameServer(browser.server.desk, port=browser.port, token="x")
