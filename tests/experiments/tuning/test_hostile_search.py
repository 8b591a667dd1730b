"""A search's folder with files in it that are no good: one line, at once, and nothing is written there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from strangers import HOWS, damaged

from experiments.tuning import trials
from experiments.tuning.settings import SearchSettings
from groundwork.errors import WaybillError
from tiny import DQN, tiny_setup

SETTINGS = SearchSettings(name="x", space={"agent.double": {"choices": [True, False]}}, trials=3)


def listed(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The config that all trials share."""
    return tiny_setup(tmp_path_factory.mktemp("out"), *DQN).plain


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("name", [trials.SEARCH_FILE, trials.JOURNAL])
def test_a_search_that_is_no_good_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], plain: dict[str, Any], name: str, how: str
) -> None:
    folder = tmp_path / "search"
    trials.begin(SETTINGS, plain, folder)
    before = listed(folder)
    damaged(folder / name, how)
    if name == trials.JOURNAL and how in ("empty", "noise", "deep"):  # one line that was not written to its end, if any
        assert trials.begin(SETTINGS, plain, folder).study().trials == []
        assert ("was not written to its end" in capsys.readouterr().out) == (how != "empty")
        return
    with pytest.raises(WaybillError) as caught:
        trials.begin(SETTINGS, plain, folder)
    said = str(caught.value)
    assert said.startswith(str(folder / name))
    assert "\n" not in said
    assert listed(folder) == before
