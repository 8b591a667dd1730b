"""Harm done to files at random: bytes that are lost or changed, and values that no honest file holds."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import yaml

DEEP: Any = []
for _ in range(300):
    DEEP = [DEEP]
HOSTILE: tuple[Any, ...] = (
    None, True, -1, 0, 1, 1.5, 7, 10**6, 2**31, 2**63, 10**30, -(2**63), 1e308, float("nan"), float("inf"), "", "x",
    "x" * 20_000, "null", "1e9", "${oc.env:HOME}", "../../../etc/passwd", "/dev/zero", "a\nb", "\0", "\ud800", [], {},
    [[]], {"": ""}, [0] * 5000, {"_target_": "os.system"}, {"__tensor__": "x"}, DEEP,
)  # fmt: skip
TRICKS = (  # of YAML
    b"a: &x [1]\nb: *x", b"!!python/object/apply:os.system ['true']", b"? [a]\n: b", b"<<: {a: 1}", b"- x", b"\t",
    b"x: 'open", b"steps: 1\nsteps: 2", b"---\n---", b"%YAML 9.9", b"x: 2026-01-01", b"{", b"\xff",
)  # fmt: skip


def harm_bytes(data: bytes, rng: random.Random, other: bytes = b"") -> bytes:
    """The bytes cut short, with bits turned, a part lost, doubled or exchanged for noise or a part of another file."""
    if not data:
        return rng.randbytes(rng.choice([0, 1, 100]))
    start = rng.randrange(len(data))
    end = min(len(data), start + rng.choice([1, 2, 8, 100, 5000]))
    how = rng.randrange(8)
    if how == 0:
        return data[:start]
    if how == 1:
        turned = bytearray(data)
        for _ in range(rng.choice([1, 1, 3, 50])):
            turned[rng.randrange(len(turned))] ^= 1 << rng.randrange(8)
        return bytes(turned)
    if how == 2:
        return data[:start] + data[end:]
    if how == 3:
        return data[:end] + data[start:]
    if how == 4:
        return data[:start] + rng.randbytes(end - start) + data[end:]
    if how == 5:
        return data[:start] + other[start:end] + data[end:]
    if how == 6:
        return rng.choice([b"", b"\0" * len(data), other, rng.randbytes(300), b"[" * 100_000, b"\xff\xfe" + data])
    return data[start:] + data[:start]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in nested data, its own first."""
    yield path
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from places(entry, (*path, key))
    elif isinstance(value, list):
        for number, entry in enumerate(value[:50]):
            yield from places(entry, (*path, number))


def harm_values(content: Any, rng: random.Random) -> Any:
    """The nested data with one to three values replaced, taken out, doubled under another key or exchanged."""
    found = copy.deepcopy(content)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        paths = [path for path in places(found) if path]
        if not paths:
            return copy.deepcopy(rng.choice(HOSTILE))
        *way, last = rng.choice(paths)
        inside = found
        for step in way:
            inside = inside[step]
        how = rng.randrange(5)
        if how == 0:
            del inside[last]
        elif how == 1 and isinstance(inside, dict):
            inside[rng.choice(["", "_target_", "format", f"{last}x", "x" * 300, "a.b"])] = inside[last]
        elif how == 2 and isinstance(inside[last], int | float) and not isinstance(inside[last], bool):
            inside[last] = rng.choice(
                [inside[last] + 1, -inside[last], inside[last] * 10**6, str(inside[last]), 0, 0.5]
            )
        elif how == 3:
            other = rng.choice(paths)
            value = found
            for step in other:
                value = value[step] if isinstance(value, dict | list) and _has(value, step) else None
            inside[last] = copy.deepcopy(value)
        else:
            inside[last] = copy.deepcopy(rng.choice(HOSTILE))
    return found


def _has(value: Any, step: Any) -> bool:
    return step in value if isinstance(value, dict) else isinstance(step, int) and step < len(value)


def harm_json(data: bytes, rng: random.Random, other: bytes = b"") -> bytes:
    """A JSON file with hostile values in it, or harmed as bytes."""
    if rng.random() < 0.35:
        return harm_bytes(data, rng, other)
    return text_of(lambda: json.dumps(harm_values(json.loads(data), rng)))


def harm_lines(data: bytes, rng: random.Random, other: bytes = b"") -> bytes:
    """A file of JSON lines: lines harmed, lost, doubled, exchanged; or all of it harmed as bytes."""
    how, lines = rng.randrange(5), data.splitlines(keepends=True)
    if how == 0 or len(lines) < 2:
        return harm_bytes(data, rng, other)
    a, b = rng.choice([0, 0, rng.randrange(len(lines)), len(lines) - 1]), rng.randrange(len(lines))
    if how == 1:
        del lines[a]
    elif how == 2:
        lines[a], lines[b] = lines[b], lines[a]
    elif how == 3:
        lines.insert(a, lines[b])
    else:
        lines[a] = harm_json(lines[a], rng) + b"\n"
    return b"".join(lines)


def harm_yaml(data: bytes, rng: random.Random, other: bytes = b"") -> bytes:
    """A YAML file with hostile values or what YAML can do beside plain data; or harmed as bytes."""
    how = rng.randrange(4)
    if how == 0:
        return harm_bytes(data, rng, other)
    if how == 1:
        lines = data.split(b"\n")
        k = rng.randrange(len(lines))
        lines[k] = rng.choice(TRICKS)
        return b"\n".join(lines)
    return text_of(lambda: yaml.safe_dump(harm_values(yaml.safe_load(data), rng), allow_unicode=True))


def text_of(make: Callable[[], str]) -> bytes:
    """Text as bytes, even one that no encoding has."""
    return make().encode("utf-8", "surrogatepass")
