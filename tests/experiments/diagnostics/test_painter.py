"""The process that draws beside training: pictures come in order, faults are told, it ends with its starter."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments.diagnostics import drawings
from experiments.diagnostics.painter import Painter, ToDraw


def test_pictures_come_in_the_order_in_which_they_were_asked_for() -> None:
    painter, came = Painter(), []
    for k in range(3):
        given = {"values": {"a": 0.1 * k, "b": 1 - 0.1 * k}, "title": "shares"}
        painter.draw(ToDraw(f"t{k}", drawings.shares, given), lambda picture, k=k: came.append((k, picture)))
    painter.finish()
    assert [k for k, _ in came] == [0, 1, 2]
    assert all(Image.open(io.BytesIO(picture)).size == (520, 174) for _, picture in came)
    assert came[0][1] != came[2][1]


def test_a_picture_that_cannot_be_drawn_is_told_once_and_the_others_come(capfd: pytest.CaptureFixture[str]) -> None:
    painter, came = Painter(), []
    bad, good = ({"values": values, "title": "t"} for values in (3, {"a": 1.0}))
    for given in (bad, bad, good):
        painter.draw(ToDraw("t", drawings.shares, given), came.append)
    painter.finish()
    said = capfd.readouterr().err
    assert len(came) == 1
    assert said.count("note: a picture of the diagnostics could not be drawn, training goes on:") == 1
    assert "TypeError" in said


def test_a_painter_that_was_killed_loses_one_picture_and_another_goes_on(capfd: pytest.CaptureFixture[str]) -> None:
    painter, came = Painter(), []
    for k in range(4):
        given = {"values": {"a": 1.0}, "title": "t" if k else "x" * 10**6}  # the first takes long
        painter.draw(ToDraw("t", drawings.shares, given), lambda picture, k=k: came.append(k))
    assert painter._process is not None
    painter._process.kill()
    while len(painter._waiting) == 4:
        painter.deliver()
    painter.finish()
    assert came == [1, 2, 3]
    said = capfd.readouterr().err
    assert said == (
        "note: a picture of the diagnostics could not be drawn, training goes on: "
        "the process that draws was ended by signal 9\n"
    )


GIVEN_UP = "note: pictures of the diagnostics are left out from here on, training goes on: "


def test_without_a_process_nothing_is_drawn_and_one_line_says_why(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    painter, came = Painter(), []
    for _ in range(3):
        painter.draw(ToDraw("t", drawings.shares, {"values": {"a": 1.0}, "title": "t"}), came.append)
        painter.deliver()
    assert painter.gave_up
    painter.finish()
    why = "the process that draws them can't be started: [Errno 2] No such file or directory: '/nowhere/python'\n"
    assert (came, capfd.readouterr().err) == ([], GIVEN_UP + why)


def test_a_process_that_ends_whenever_it_is_started_is_given_up(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    painter, came = Painter(), []
    for _ in range(8):
        painter.draw(ToDraw("t", drawings.shares, {"values": {"a": 1.0}, "title": "t"}), came.append)
    painter.finish()
    first, last = capfd.readouterr().err.splitlines()
    assert first.endswith("could not be drawn, training goes on: the process that draws has ended with exit code 1")
    assert last == f"{GIVEN_UP}the process that draws has ended with exit code 1, 3 times one after the other"
    assert (came, painter.gave_up) == ([], True)


def test_a_process_that_cannot_be_started_again_is_given_up(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    painter, came = Painter(), []
    painter.draw(ToDraw("t", drawings.shares, {"values": {"a": 1.0}, "title": "x" * 10**6}), came.append)
    assert painter._process is not None
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    painter._process.kill()
    painter.finish()
    assert came == []
    assert capfd.readouterr().err.startswith(f"{GIVEN_UP}the process that draws them can't be started: ")


def test_what_draws_has_no_use_for_torch() -> None:
    """Its memory counts beside training's, and importing takes seconds at the lowest priority."""
    program = (
        "import sys\n"
        "from experiments.diagnostics import drawings, painter, projector\n"
        "from experiments.games.waybill.diagnosis import boards\n"
        "print([name for name in ('torch', 'agents') if name in sys.modules])\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said == "[]\n"


def test_it_draws_at_the_lowest_priority_and_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    program = (
        "import time, sys\n"
        "from experiments.diagnostics import drawings\n"
        "from experiments.diagnostics.painter import ToDraw, Painter\n"
        "painter = Painter()\n"
        "painter.draw(ToDraw('t', drawings.shares, {'values': {'a': 1.0}, 'title': 't'}), len)\n"
        "while painter._waiting: time.sleep(0.01); painter.deliver()\n"
        "print(painter._process.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    assert os.getpriority(os.PRIO_PROCESS, pid) == 19
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    for _ in range(200):
        if not Path(f"/proc/{pid}").exists() or "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
            return
        time.sleep(0.05)
    pytest.fail("the painter goes on without its starter")


def test_each_drawing_is_a_picture() -> None:
    q = np.linspace(-1, 3, 50)
    pictures = [
        drawings.calibration(q, q**2, (q[:5], q[:5]), "reward"),
        drawings.funnel({"dig": 1.0, "sell": 0.25}, "games"),
        drawings.information_plane(
            {"state": [(1.0, 0.5), (2.0, 1.0)], "meet": [(3.0, 2.0), (1.0, 1.0)]}, [0, 100], 9.0
        ),
    ]
    for picture in pictures:
        image = Image.open(io.BytesIO(picture))
        assert image.mode == "P"  # a palette: a third of the bytes
        whole = io.BytesIO()
        image.convert("RGB").save(whole, "PNG")
        assert len(picture) < 0.6 * len(whole.getvalue())
        assert np.asarray(image.convert("L")).std() > 5
