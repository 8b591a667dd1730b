"""A config's mistakes in one line: which key, which value, what is allowed."""

from __future__ import annotations

import re
from collections.abc import Mapping

from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from groundwork.errors import WaybillError
from groundwork.nearest import meant


def explain(error: OmegaConfBaseException, prefix: str = "", names: Mapping[str, str] | None = None) -> str:
    """One line for an OmegaConf error: the key, what is wrong, and the keys that exist if it is unknown.

    ``prefix`` comes before the key; ``names`` are keys that users write in another way.
    """
    own = str(error.full_key or error.key or "")
    key = prefix + (names or {}).get(own, own)
    text = first_line(error)
    missing = re.search(r"Missing mandatory value: ([\w.]+)", text)
    if missing is not None:
        return f"{missing[1]} is missing, give {missing[1]}=..."
    if (line := mistyped(key, text)) is not None:
        return line
    if re.search(r"\bnot in\b", text) is None or not isinstance(error.parent_node, DictConfig):
        return f"{key}: {text}" if key else text
    known = sorted(str(name) for name in error.parent_node if str(name) not in ("_target_", "name"))
    if len(parts := key.split(".")) > 1 and parts[0] == "callbacks" and parts[1] not in known and not parts[2:]:
        return f"{key}: it is not chosen, add callbacks=[{parts[1]}]"
    if not known:
        return f"{key}: there is no such key, to add it write +{key}=..."
    hint = "; env=gym has others" if key.startswith("env.") and "id" not in known else ""
    near = meant(key.rpartition(".")[2], known)
    if near and len(known) > MANY:
        help_words = f"--help {key.split('.')[0]}" if "." in key else "--help"
        return f"{key}: there is no such key{near}, {help_words} shows all{hint}"
    return f"{key}: there is no such key{near}, known are {', '.join(known)}{hint}"


MANY = 12  # more keys are not listed where one comes near

_KINDS = {
    "Integer": "a whole number", "int": "a whole number", "Float": "a number", "float": "a number",
    "Boolean": "true or false", "bool": "true or false", "string": "text", "str": "text",
}  # fmt: skip
_MISTYPED = (  # OmegaConf's lines
    r"Value '(?P<value>.*)' of type '\w+' could not be converted to (?P<kind>\w+)",
    r"Value '(?P<value>.*)' is not a valid (?P<kind>\w+)",
    r"Cannot convert '\w+' to (?P<kind>\w+): '(?P<value>.*)'",
    r"Incompatible value '(?P<value>None)' for field of type '(?P<kind>\w+)'",
    r"field '.*' is not Optional",
    r"is not a (ListConfig|subclass)",
    r"Cannot assign \w+ to [Dd]ict",
)


def mistyped(key: str, text: str, value: str | None = None) -> str | None:
    """The line for a ``value`` of another type than the key's, from OmegaConf's; None if its error is another."""
    found = next((match for line in _MISTYPED if (match := re.search(line, text)) is not None), None)
    if found is None or not key:
        return None
    said = found.groupdict()
    value = value or said.get("value", "null" if "Optional" in text else None)
    value = "''" if value == "" else value
    value = None if value is None else {"None": "null", "True": "true", "False": "false"}.get(value, value)
    default = "a list" if "ListConfig, list" in text else "a section of keys"
    kind = "given" if "Optional" in text else _KINDS.get(said.get("kind") or "", default)
    return f"{key}{'' if value is None else f'={value}'} is not allowed, it must be {kind}"


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its type if it has none."""
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__


def check_device(device: str) -> None:
    """Refuse what names no device; whether it is there is another question.

    Raises:
        WaybillError: in one line.
    """
    need(re.fullmatch(r"auto|cpu|cuda(:\d+)?", device) is not None, "device", device, "auto, cpu, cuda or cuda:N")


def need(good: bool, key: str, value: object, allowed: str) -> None:
    """Refuse a value in one line.

    Raises:
        WaybillError: unless ``good``.
    """
    if not good:
        raise WaybillError(f"{key}={value} is not allowed, it must be {allowed}")


def need_within(settings: object, group: str, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Refuse fields of a settings object that are outside their ranges (lowest and highest allowed); None is allowed.

    Raises:
        WaybillError: in one line, for the first such field.
    """
    for name, (low, high) in ranges.items():
        value = getattr(settings, name)
        need(value is None or low <= value <= high, f"{group}.{name}", value, f"{low}..{high}")
