"""Curves: the last episodes summed up, and TensorBoard files with Stable-Baselines3's tags."""

from __future__ import annotations

import contextlib
import io
import os
import re
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

WINDOW = 100


class EpisodeWindow:
    """The last 100 finished episodes: what the rollout and game curves show.

    Args:
        columns: keys of the infos ([N] or [N, C] each), with a tag for each of their columns.
        above_zero: further tags: the share of episodes in which the column of that other tag is above zero.
        since: of the keys those that count from 0 and are -1 where it never came to that: the mean is over the others,
            and there is none without any.
        size: number of episodes.
    """

    def __init__(
        self,
        *,
        columns: Mapping[str, Sequence[str]] | None = None,
        above_zero: Mapping[str, str] | None = None,
        since: Sequence[str] = (),
        size: int = WINDOW,
    ) -> None:
        self._keys = tuple(columns or ())
        self._above_zero = dict(above_zero or {})
        own = [tag for tags in (columns or {}).values() for tag in tags]
        self.names = ("rollout/ep_rew_mean", "rollout/ep_len_mean", *own)
        never = {tag for key in since for tag in (columns or {})[key]}
        self._may_lack = np.array([name in never for name in self.names])
        self._rows = np.zeros((size, len(self.names)))
        self.episodes = 0  # finished since training began

    def add(self, infos: Mapping[str, Any], ended: np.ndarray) -> None:
        """Take in the games of a batch step that ``ended`` [N] bool."""
        if not ended.any():
            return
        episode = infos["finished"]
        columns = [np.asarray(episode["r"]), np.asarray(episode["l"]), *(np.asarray(infos[key]) for key in self._keys)]
        table = np.column_stack(columns)  # [N, columns]
        for row in table[ended]:
            self._rows[self.episodes % len(self._rows)] = row
            self.episodes += 1

    def add_one(self, info: Mapping[str, Any]) -> None:
        """Take in one finished game of a single environment."""
        row = {key: np.asarray(info[key])[None] for key in self._keys}
        episode = {name: np.asarray(info["finished"][name]).reshape(1) for name in ("r", "l")}
        self.add({**row, "finished": episode}, np.ones(1, np.bool_))

    def tags(self) -> dict[str, float]:
        """Means over the window by TensorBoard tag; empty before the first episode has ended."""
        rows = self._rows[: min(self.episodes, len(self._rows))]
        if not len(rows):
            return {}
        counted = ~self._may_lack | (rows >= 0)
        sums, counts = np.where(counted, rows, 0.0).sum(axis=0), counted.sum(axis=0)
        tags = {name: float(x / n) for name, x, n in zip(self.names, sums, counts, strict=True) if n}
        shares = {tag: (rows[:, self.names.index(of)] > 0).mean() for tag, of in self._above_zero.items()}
        return tags | {tag: float(share) for tag, share in shares.items()}

    def state_dict(self) -> dict[str, Any]:
        """The window as plain data."""
        return {"rows": self._rows.copy(), "episodes": self.episodes}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from that window."""
        self._rows[:] = state["rows"]
        self.episodes = int(state["episodes"])


def remove_curves(folder: Path) -> None:
    """Remove the event files of a run that begins anew."""
    for path in folder.glob("events.out.tfevents.*"):
        path.unlink()


class Curves:
    """TensorBoard curves over environment steps, in an event file of this process.

    A resumed run drops points after ``from_step`` to make them again; None: a new run. What is added is seen by readers
    after ``flush`` (points of one call come together), and on the disk after ``sync``. The file begins with the first.
    """

    def __init__(self, *, folder: Path, from_step: int | None) -> None:
        self._folder, self._from_step = folder, from_step
        self._stream: BinaryIO | None = None
        self._records: Any = None

    def add(self, tags: Mapping[str, float], env_step: int) -> None:
        """One point for each tag."""
        if tags:
            self._write([{"tag": tag, "simple_value": float(value)} for tag, value in tags.items()], env_step)
            self.flush()

    def add_histograms(self, tags: Mapping[str, np.ndarray], env_step: int) -> None:
        """One distribution for each tag, of those numbers that are finite."""
        from torch.utils.tensorboard.summary import histogram

        for tag, values in tags.items():
            finite = values[np.isfinite(values)]
            if finite.size:
                self._write(list(histogram(tag, finite, bins="auto").value), env_step)

    def add_picture(self, tag: str, picture: bytes, env_step: int) -> None:
        """One picture, the bytes of a PNG or GIF."""
        with Image.open(io.BytesIO(picture)) as opened:
            width, height = opened.size
        image = {"width": width, "height": height, "colorspace": 3, "encoded_image_string": picture}
        self._write([{"tag": tag, "image": image}], env_step)

    def add_layout(self, charts: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        """What the tab CUSTOM SCALARS shows: chapters of charts of several tags each."""
        from torch.utils.tensorboard.summary import custom_scalars

        kind = "Multiline"
        lines = {name: {title: [kind, list(tags)] for title, tags in own.items()} for name, own in charts.items()}
        self._write(list(custom_scalars(lines).value), 0)

    def _write(self, values: Sequence[Any], env_step: int) -> None:
        """Write values (of protobuf's Summary, or their fields) of one step."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        self._open()
        self._record(step=env_step, summary=Summary(value=values))

    def _open(self) -> None:
        """Begin the file, if that isn't done; TensorBoard is loaded with it."""
        if self._stream is not None:
            return
        from tensorboard.compat.proto.event_pb2 import SessionLog
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._folder.mkdir(parents=True, exist_ok=True)
        self._stream = self._next_file().open("xb")
        self._records = RecordWriter(self._stream)
        self._record(file_version="brain.Event:2")
        if self._from_step is not None:
            self._record(step=self._from_step + 1, session_log=SessionLog(status=SessionLog.START))

    def _next_file(self) -> Path:
        """TensorBoard reads a folder's files in the order of their names, which begin with the second they are of.

        Where the clock was set back, or is in the same second still, it is the one after the last.
        """
        before = [re.match(r"events\.out\.tfevents\.(\d{1,12})\.", path.name) for path in self._folder.iterdir()]
        second = max([int(time.time()), *(int(found[1]) + 1 for found in before if found)])
        return self._folder / f"events.out.tfevents.{second:010d}.{socket.gethostname()}.{os.getpid()}"

    def _record(self, **fields: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        with self._told():
            self._records.write(Event(wall_time=time.time(), **fields).SerializeToString())

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Name the file in what the system says of it."""
        try:
            yield
        except OSError as error:
            assert self._stream is not None
            raise OSError(error.errno, error.strerror or str(error), self._stream.name) from error

    def flush(self) -> None:
        """Let readers see what was added."""
        if self._stream is not None:
            with self._told():
                self._stream.flush()

    def sync(self) -> None:
        """Wait until all is on the disk."""
        self.flush()
        if self._stream is not None:
            with self._told():
                os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Write what is waiting and close the file.

        Raises:
            OSError: if it could not be written; it is closed then, too.
        """
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
