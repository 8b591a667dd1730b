"""Whole numbers may be written in any way, and a value of the wrong type is told in one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiments.config.errors import explain
from experiments.config.reading import read_section
from experiments.config.whole_numbers import with_open_numbers, with_whole_numbers
from groundwork.errors import WaybillError


@dataclass
class Inner:
    """A section in a section."""

    count: int = 1


@dataclass
class Section:
    """One field of each kind that configs have."""

    count: int = 0
    share: float = 0.0
    on: bool = True
    text: str = ""
    maybe: int | None = None
    sizes: list[int] = field(default_factory=list)
    prices: dict[str, int] = field(default_factory=dict)
    inner: Inner = field(default_factory=Inner)


def test_a_float_that_is_whole_stands_for_an_int() -> None:
    given = {
        "count": 1e3, "share": 5.0, "maybe": 2.0, "sizes": [64.0, 3], "prices": {"wood": 8.0}, "inner": {"count": 7.0},
    }  # fmt: skip
    found = read_section(Section, "s", given)
    assert found == Section(count=1000, share=5.0, maybe=2, sizes=[64, 3], prices={"wood": 8}, inner=Inner(7))
    assert [type(x) for x in (found.count, found.maybe, *found.sizes, found.inner.count)] == [int] * 5
    assert type(found.share) is float


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"count": 1.5}, "s.count=1.5 is not allowed, it must be a whole number"),
        ({"count": "abc"}, "s.count=abc is not allowed, it must be a whole number"),
        ({"count": None}, "s.count=null is not allowed, it must be a whole number"),
        ({"count": True}, "s.count=true is not allowed, it must be a whole number"),
        ({"share": "x"}, "s.share=x is not allowed, it must be a number"),
        ({"on": 2}, "s.on=2 is not allowed, it must be true or false"),
        ({"on": 1.0}, "s.on=1.0 is not allowed, it must be true or false"),
        ({"on": "perhaps"}, "s.on=perhaps is not allowed, it must be true or false"),
        ({"text": [1]}, "s.text=[1] is not allowed, it must be text"),
        ({"sizes": 3}, "s.sizes is not allowed, it must be a list"),
        ({"sizes": ["a"]}, "s.sizes[0]=a is not allowed, it must be a whole number"),
        ({"prices": {"wood": 1.5}}, "s.prices.wood=1.5 is not allowed, it must be a whole number"),
        ({"prices": None}, "s.prices=null is not allowed, it must be given"),
        ({"inner": {"count": 0.5}}, "s.inner.count=0.5 is not allowed, it must be a whole number"),
        (
            {"cuont": 1},
            "s.cuont: there is no such key (is count meant?), "
            "known are count, inner, maybe, on, prices, share, sizes, text",
        ),
    ],
)
def test_what_is_of_another_type_is_told(given: dict[str, Any], line: str) -> None:
    with pytest.raises(WaybillError) as caught:
        read_section(Section, "s", given)
    assert str(caught.value) == line


def test_the_open_schema_takes_any_number_and_knows_the_same_keys() -> None:
    open_schema = OmegaConf.structured(with_open_numbers(Section))
    merged = OmegaConf.merge(open_schema, {"count": 1e3, "on": 3, "inner": {"count": 2.0}, "sizes": [1.0]})
    assert OmegaConf.to_container(merged) == {
        **OmegaConf.to_container(OmegaConf.structured(Section)),  # type: ignore[dict-item]
        "count": 1000.0, "on": 3, "inner": {"count": 2.0}, "sizes": [1.0],
    }  # fmt: skip
    refused: list[Callable[[], Any]] = [
        lambda: OmegaConf.merge(open_schema, {"cuont": 1}),
        lambda: OmegaConf.merge(open_schema, {"inner": {"cuont": 1}}),
    ]
    for merge in refused:
        with pytest.raises(OmegaConfBaseException) as caught:
            merge()
        assert "cuont: there is no such key" in explain(caught.value)


def test_values_that_are_no_numbers_stay_as_they_are() -> None:
    given = {"count": "5.0", "text": "1e3", "other": 1.0}
    assert with_whole_numbers(Section, given) == given
