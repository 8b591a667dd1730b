"""Tensors with plain data around them, as a safetensors file: written whole, checked as it is read, never run as code.

The file's header says what each tensor is, and what the plain data are, as JSON. Safetensors has no checksum, so the
header holds one of all that the file says: a file in which a bit has changed is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.common.files import write_whole
from groundwork.errors import WaybillError
from groundwork.limits import DEEPEST, MOST_VALUES, need_memory

if TYPE_CHECKING:
    import torch

TENSORS_FORMAT = 1
_KEY = "waybill"  # of the header's metadata: one, as their order in the file is not ours to say
_TENSOR, _TUPLE = "__tensor__", "__tuple__"
_TOO_LARGE = "it is larger inside than outside"


def save_tensors(path: Path, content: Mapping[str, Any]) -> None:
    """Write nested sections, lists and tuples of tensors, numbers, texts and None; keys of sections are texts.

    A tensor's name in the file is its keys joined by dots: ``network.body.0.weight``.

    Raises:
        TypeError: if something else is in there.
        OSError: if the folder cannot be written; the old file is still there then.
    """
    from safetensors.torch import save

    found: dict[str, torch.Tensor] = {}
    plain = json.dumps(_taken_out(content, "", found))
    about = {"format": TENSORS_FORMAT, "content": plain, "sha256": _checksum(plain, found)}
    whole = save(found, {_KEY: json.dumps(about)})
    write_whole(path, lambda temporary: temporary.write_bytes(whole))


def load_tensors(path: Path, *, most_bytes: int | None = None) -> dict[str, Any]:
    """What ``save_tensors`` wrote, all tensors on the CPU. It takes no more memory than the file has bytes, twice.

    Raises:
        WaybillError: in one line, if the file is missing, damaged, of another version or not one of ours, larger than
            ``most_bytes``, or too large for this machine.
    """
    if not path.is_file():
        raise WaybillError(f"there is no file {str(path)!r}")
    from safetensors import SafetensorError, safe_open

    size = path.stat().st_size
    if most_bytes is not None and size > most_bytes:
        raise WaybillError(f"{str(path)!r} has {size:,} bytes, what it is for has room for {most_bytes:,}")
    need_memory(2 * size, f"the tensors in {str(path)!r}")
    damaged = f"{str(path)!r} is damaged or not one of ours ({path.stat().st_size:,} bytes)"
    try:
        with safe_open(path, "pt") as file:
            about = json.loads((file.metadata() or {}).get(_KEY, "{}"))
            names = file.keys()
            found = {name: file.get_tensor(name) for name in names}
        version = about.get("format")
        is_whole = version != TENSORS_FORMAT or _checksum(about["content"], found) == about["sha256"]
        content = _put_back(json.loads(about["content"]), found) if version == TENSORS_FORMAT and is_whole else None
    except (SafetensorError, OSError, AttributeError, LookupError, TypeError, ValueError, RecursionError, MemoryError):
        raise WaybillError(damaged) from None
    if version != TENSORS_FORMAT:
        raise WaybillError(f"{str(path)!r} has format {version!r}, this version reads {TENSORS_FORMAT}")
    if not isinstance(content, dict):
        raise WaybillError(damaged)
    return content


def _taken_out(value: Any, name: str, found: dict[str, torch.Tensor]) -> Any:
    """Nested data with the names of tensors in their place; the tensors go into ``found``."""
    import torch

    if isinstance(value, torch.Tensor):
        free = name if name not in found else next(f"{name}_{k}" for k in range(2, 10**9) if f"{name}_{k}" not in found)
        found[free] = value.detach().to("cpu", copy=True).contiguous()
        return {_TENSOR: free}
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) and key not in (_TENSOR, _TUPLE) for key in value):
            raise TypeError(f"keys of {name or 'the content'} must be texts, got {list(value)[:5]}")
        return {key: _taken_out(entry, f"{name}.{key}" if name else key, found) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        entries = [_taken_out(entry, f"{name}.{k}", found) for k, entry in enumerate(value)]
        return {_TUPLE: entries} if isinstance(value, tuple) else entries
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{name or 'the content'} is a {type(value).__name__}, only tensors and plain data can be written")


def _put_back(value: Any, found: Mapping[str, torch.Tensor]) -> Any:
    """The inverse of ``_taken_out``."""
    if isinstance(value, list):
        return [_put_back(entry, found) for entry in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {_TENSOR}:
        return found[value[_TENSOR]]
    if value.keys() == {_TUPLE}:
        return tuple(_put_back(entry, found) for entry in value[_TUPLE])
    return {key: _put_back(entry, found) for key, entry in value.items()}


def _checksum(plain: str, tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 of the plain data and of each tensor's name, type, shape and bytes."""
    import torch

    digest = hashlib.sha256(plain.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"\0{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def need_bounded(value: Any, most_bytes: int) -> None:
    """Refuse nested data with tensors that is larger in memory than what it was read from.

    The same list or tensor may stand in many places of a pickled file, and a tensor of a few bytes may say that it has
    many rows (strides of zero): ten lines for a billion entries.

    Raises:
        ValueError: if so.
    """
    values, held, height = _expanded(value, 0, {})
    if values > MOST_VALUES or held > most_bytes or height > DEEPEST:
        raise ValueError(_TOO_LARGE)


def _expanded(one: Any, depth: int, known: dict[int, tuple[int, int, int]]) -> tuple[int, int, int]:
    """How many values stand within ``one``, their tensors' bytes and how deep it is, if each were there for itself.

    What stands in many places is looked into once: ``known`` has what was found, by identity.
    """
    import torch

    if depth > DEEPEST:  # a list that holds itself comes here, too
        raise ValueError(_TOO_LARGE)
    if isinstance(one, torch.Tensor):
        if one.layout != torch.strided or one.is_quantized or one.device.type != "cpu":
            raise ValueError("it holds a tensor of a kind that none of ours is")
        return 1, one.numel() * one.element_size(), 0
    if not isinstance(one, Mapping | list | tuple | set):
        return 1, 0, 0
    if id(one) not in known:
        values, held, height = 1, 0, 0
        for entry in one.values() if isinstance(one, Mapping) else one:
            more = _expanded(entry, depth + 1, known)
            values, held, height = values + more[0], held + more[1], max(height, more[2] + 1)
            if values > MOST_VALUES:
                raise ValueError(_TOO_LARGE)
        known[id(one)] = values, held, height
    return known[id(one)]
