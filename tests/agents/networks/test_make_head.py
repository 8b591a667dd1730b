"""A head is found by its name, made of the settings it needs, and refused in one line where these make no sense."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from agents.dqn_settings import DQNSettings
from agents.networks import heads

NAMES = ("scalar", "quantile", "categorical", "hl_gauss")


def make(name: str, **changes: Any) -> heads.Head:
    return heads.make_head(name, **{"atoms": 5, "v_min": -2.0, "v_max": 2.0, "huber_delta": 1.0, **changes})


def test_make_head_says_what_is_wrong() -> None:
    assert [make(name, atoms=7).outputs for name in NAMES] == [1, 7, 7, 7]
    assert make("scalar", huber_delta=3.0) == heads.ScalarHead(huber_delta=3.0)
    assert make("quantile", huber_delta=3.0) == heads.QuantileHead(atoms=5, huber_delta=3.0)
    with pytest.raises(ValueError, match="^agent.head=c51 is not one of scalar, quantile, categorical, hl_gauss$"):
        make("c51")
    for name in NAMES[1:]:
        with pytest.raises(ValueError, match="^agent.atoms=1 is below 2$"):
            make(name, atoms=1)
    for name in NAMES[2:]:
        for v_min, v_max in ((1.0, 1.0), (2.0, 1.0), (math.nan, 1.0), (0.0, math.inf)):
            with pytest.raises(ValueError, match=f"^agent.v_min={v_min} is not below agent.v_max={v_max}, or"):
                make(name, v_min=v_min, v_max=v_max)


@dataclass(frozen=True)
class TwiceHead(heads.ScalarHead):
    """Means twice its output; its other field isn't among the settings."""

    factor: float = 2.0

    name: ClassVar[str] = "twice"

    def mean(self, outputs: Tensor) -> Tensor:
        return self.factor * outputs.squeeze(-1)


def test_a_head_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A class in the module is all it takes."""
    with pytest.raises(ValueError, match="^agent.head=twice is not one of scalar"):
        DQNSettings(head="twice")
    monkeypatch.setattr(heads, "TwiceHead", TwiceHead, raising=False)
    head = DQNSettings(head="twice", munchausen=True, n_step=1, huber_delta=3.0).make_head()
    assert head == TwiceHead(huber_delta=3.0)
    assert head.mean(torch.ones(4, 1)).tolist() == [2.0] * 4
    with pytest.raises(ValueError, match="needs agent.head=scalar or hl_gauss or twice, not head=quantile$"):
        DQNSettings(head="quantile", munchausen=True)
