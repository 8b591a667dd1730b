"""Draws of the reference: splitmix64 (Steele, Lea & Flood 2014) in plain Python."""

from __future__ import annotations

_BITS = 2**64 - 1


def mix(x: int) -> int:
    """The output function of splitmix64."""
    z = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _BITS
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _BITS
    return z ^ (z >> 31)


def start_keys(map_seed: int, seed: int, companies: int, towns: int) -> tuple[list[int], int]:
    """The key of each company, and the first company's town."""
    return [mix((mix(seed) + seat + 1) & _BITS) for seat in range(companies)], (mix(map_seed) >> 33) % towns


def rank(keys: list[int], turn: int) -> list[int]:
    """Seats in the order in which they come first this turn."""
    draws = [mix(key ^ mix(turn + 1)) for key in keys]
    return sorted(range(len(keys)), key=lambda seat: (draws[seat], seat))
