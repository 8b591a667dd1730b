"""Curves: the last episodes summed up, and TensorBoard files with Stable-Baselines3's tags."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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


class Curves:
    """TensorBoard curves over environment steps. A resumed run drops points after ``from_step`` to make them again.

    TensorBoard is loaded with the first point.
    """

    def __init__(self, *, folder: Path, from_step: int) -> None:
        self._folder, self._from_step = folder, from_step
        self._writer: Any = None

    def add(self, tags: Mapping[str, float], env_step: int) -> None:
        """One point for each tag."""
        for tag, value in tags.items():
            self._open().add_scalar(tag, value, env_step)

    def add_histograms(self, tags: Mapping[str, np.ndarray], env_step: int) -> None:
        """One distribution for each tag, of any numbers."""
        for tag, values in tags.items():
            self._open().add_histogram(tag, values, env_step, bins="auto")

    def add_picture(self, tag: str, picture: bytes, env_step: int) -> None:
        """One picture, the bytes of a PNG or GIF."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        with Image.open(io.BytesIO(picture)) as opened:
            width, height = opened.size
        image = Summary.Image(width=width, height=height, colorspace=3, encoded_image_string=picture)
        self._open().file_writer.add_summary(Summary(value=[Summary.Value(tag=tag, image=image)]), env_step)

    def add_layout(self, charts: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        """What the tab CUSTOM SCALARS shows: chapters of charts of several tags each."""
        kind = "Multiline"
        lines = {name: {title: [kind, list(tags)] for title, tags in own.items()} for name, own in charts.items()}
        self._open().add_custom_scalars(lines)

    def _open(self) -> Any:
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self._folder), purge_step=self._from_step + 1 if self._from_step else None)
        return self._writer

    def close(self) -> None:
        """Write what is waiting and close the file."""
        if self._writer is not None:
            self._writer.close()
