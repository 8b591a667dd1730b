"""Small games with another interface than Gymnasium's, or with a bug of the user's own."""

from __future__ import annotations

from typing import Any

import numpy as np

from odd import Path, register


class OldApi(Path):
    def reset(self) -> Any:  # type: ignore[override]
        self.at, self.turn = 0, 0
        return self.seen()

    def step(self, action: Any) -> Any:
        over = self.walk(int(action))
        return self.seen(), float(over), over, {}


class OldStep(Path):
    def step(self, action: Any) -> Any:
        over = self.walk(int(action))
        return self.seen(), float(over), over, {}


class NoOptions(Path):
    def reset(self, seed: int | None = None) -> Any:  # type: ignore[override]
        return super().reset(seed=seed)


class NoInfo(Path):
    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        return super().reset(seed=seed)[0]


class EndIsNone(Path):
    def step(self, action: Any) -> Any:
        over = self.walk(int(action))
        return self.seen(), float(over), over, None, {}


class OwnBug(Path):
    """A ValueError of the user's own, deep inside, after a thousand steps of all games."""

    steps = 0

    def walk(self, action: int) -> bool:
        OwnBug.steps += 1
        if OwnBug.steps > 1000:
            np.zeros(3).reshape(2, 2)
        return super().walk(action)


class LostFile(OwnBug):
    """A file of the user's own that is missing."""

    def walk(self, action: int) -> bool:
        LostFile.steps += 1
        if LostFile.steps > 1000:
            open("a_table_of_my_own.csv")  # noqa: SIM115
        return Path.walk(self, action)


class BadStart(Path):
    """Cannot even be made, by a bug of the user's own."""

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(render_mode)
        {}["length"]


register(globals())
