"""The mark of a user's own configs: who can write it, and what it is good for."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from groundwork import trust
from groundwork.errors import WaybillError

CONFIG = {"env": {"id": "mine:Game-v0"}, "steps": 100}
NAMED = ["env.id=mine:Game-v0 imports the module 'mine'"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder that is there for this test alone."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv(trust.TRUST, raising=False)
    monkeypatch.setattr(trust, "ROOT", tmp_path / "elsewhere")
    return tmp_path / "state" / "waybill"


def test_an_own_config_is_known_again_and_a_changed_one_is_not(tmp_path: Path, home: Path) -> None:
    path = tmp_path / "config.yaml"
    assert not trust.is_marked(path, CONFIG)
    assert trust.mark_config(path, CONFIG)
    assert trust.is_marked(path, CONFIG)
    assert not trust.is_marked(path, {**CONFIG, "steps": 101})
    assert not trust.is_marked(tmp_path / "frozen.yaml", CONFIG)
    assert stat.S_IMODE((home / "key").stat().st_mode) == 0o600
    assert len((home / "key").read_bytes()) == 32
    trust.mark_config(tmp_path / "frozen.yaml", {"a": 1})
    assert trust.is_marked(path, CONFIG), "two configs may lie in one folder"


def test_another_users_key_is_another(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.yaml"
    trust.mark_config(path, CONFIG)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other"))
    assert not trust.is_marked(path, CONFIG)


@pytest.mark.parametrize("how", ["readable", "short", "link"])
def test_a_key_that_others_could_know_counts_nothing(tmp_path: Path, home: Path, how: str) -> None:
    path = tmp_path / "config.yaml"
    trust.mark_config(path, CONFIG)
    key = home / "key"
    if how == "readable":
        key.chmod(0o644)
    elif how == "short":
        key.write_bytes(b"x")
    else:
        key.rename(home / "real")
        key.symlink_to(home / "real")
    assert not trust.is_marked(path, CONFIG)


def test_what_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.yaml"
    trust.need_trust(path, CONFIG, [])
    with pytest.raises(WaybillError) as caught:
        trust.need_trust(path, CONFIG, NAMED)
    assert str(caught.value) == (
        f"{path}: env.id=mine:Game-v0 imports the module 'mine': code of a stranger's could do all that you may do on "
        "this machine, and nothing shows that this config was written by you on this machine; if you trust whoever "
        "made it, add --trust (train.py and tune.py: env.trust=true)"
    )
    trust.mark_config(path, CONFIG)
    trust.need_trust(path, CONFIG, NAMED)
    path.with_name(trust.MARK).write_text(json.dumps({"config.yaml": "0" * 64}))
    with pytest.raises(WaybillError):
        trust.need_trust(path, CONFIG, NAMED)
    monkeypatch.setenv(trust.TRUST, "1")
    trust.need_trust(path, CONFIG, NAMED)


def test_without_a_place_for_a_key_nothing_is_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert not trust.mark_config(tmp_path / "config.yaml", CONFIG)
    assert not (tmp_path / trust.MARK).exists()
    with pytest.raises(WaybillError, match="as no folder can be written for a key of yours"):
        trust.need_trust(tmp_path / "config.yaml", CONFIG, NAMED)


@pytest.mark.parametrize("content", [b"", b"\xff", b"[1]", b"[" * 5000, b'{"config.yaml": 1}'])
def test_a_damaged_mark_is_none(tmp_path: Path, content: bytes) -> None:
    trust.mark_config(tmp_path / "config.yaml", CONFIG)
    (tmp_path / trust.MARK).write_bytes(content)
    assert not trust.is_marked(tmp_path / "config.yaml", CONFIG)


def test_the_word_on_a_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(trust.TRUST, "")
    assert trust.taken_from(["steps=1", "env.trust=false"]) == ["steps=1"]
    assert not os.environ[trust.TRUST]
    with pytest.raises(WaybillError, match=r"^env.trust=yes is not allowed, it must be true or false$"):
        trust.taken_from(["env.trust=yes"])
    assert trust.taken_from(["+env.trust=true", "a=b"]) == ["a=b"]
    assert os.environ[trust.TRUST] == "1"
