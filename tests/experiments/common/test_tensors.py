"""Tensors as safetensors files: what is written comes back, and nothing else is taken for it."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from experiments.common.tensors import load_tensors, save_tensors
from groundwork.errors import WaybillError

CONTENT = {
    "env_step": 300,
    "score": -1.5,
    "policy": {
        "network": {"body.0.weight": torch.arange(6.0).reshape(1, 2, 3), "count": torch.tensor(4)},
        "network.count": torch.tensor([True]),  # the name of another, once keys are joined
        "halves": [torch.ones(2, dtype=torch.bfloat16), None, ("a", 1, False)],
        "none": torch.zeros(0, 3),
        "turned": torch.arange(6.0).reshape(2, 3).t(),
    },
}


def same(a: Any, b: Any) -> bool:
    """Whether nested data are equal, tensors in type and shape, too."""
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def problem(path: Path) -> str:
    with pytest.raises(WaybillError) as caught:
        load_tensors(path)
    return str(caught.value)


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_tensors(path, CONTENT)
    assert same(load_tensors(path), CONTENT)
    assert [file.name for file in tmp_path.iterdir()] == ["x.safetensors"]
    with safe_open(path, "pt") as file:  # by the library alone, by names that tell what they are
        assert torch.equal(file.get_tensor("policy.network.body.0.weight"), torch.arange(6.0).reshape(1, 2, 3))
        assert set(file.keys()) == {
            "policy.network.body.0.weight", "policy.network.count", "policy.network.count_2", "policy.halves.0",
            "policy.none", "policy.turned",
        }  # fmt: skip


def test_every_flipped_bit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_tensors(path, {"a": torch.arange(4.0), "b": {"c": torch.tensor([1, 2])}, "n": 3})
    whole = path.read_bytes()
    assert len(whole) < 1000
    for place in range(len(whole)):
        for bit in range(8):
            data = bytearray(whole)
            data[place] ^= 1 << bit
            path.write_bytes(bytes(data))
            with pytest.raises(WaybillError):
                load_tensors(path)
    path.write_bytes(whole)
    assert load_tensors(path)["n"] == 3


def test_what_is_no_file_of_ours_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    assert problem(path) == f"there is no file {str(path)!r}"
    save_file({"a": torch.ones(2)}, path)  # somebody else's
    assert problem(path) == f"{str(path)!r} has format None, this version reads 1"
    save_file({"a": torch.ones(2)}, path, {"waybill": '{"format": 7}'})
    assert problem(path) == f"{str(path)!r} has format 7, this version reads 1"
    for about in ("", "[1]", '{"format": 1}', '{"format": 1, "content": {}, "sha256": 2}', "[" * 100_000):
        save_file({"a": torch.ones(2)}, path, {"waybill": about})
        assert " is damaged or not one of ours (" in problem(path)
    for data in (b"", b"short", np.random.default_rng(0).bytes(300), b"\xff" * 8 + b"{}", b"\x02" + b"\0" * 7 + b"{}"):
        path.write_bytes(data)
        assert problem(path).startswith(f"{str(path)!r} ")
    save_tensors(path, CONTENT)
    path.write_bytes(path.read_bytes()[:-1])
    assert problem(path) == f"{str(path)!r} is damaged or not one of ours ({path.stat().st_size:,} bytes)"


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (self.marker,)


def test_a_pickle_is_never_run(tmp_path: Path) -> None:
    path, marker = tmp_path / "x.safetensors", tmp_path / "ran"
    for data in (pickle.dumps(Payload(marker)), pickle.dumps({"a": Payload(marker)}, protocol=0)):
        path.write_bytes(data)
        assert "damaged" in problem(path)
    torch.save({"a": Payload(marker)}, path)
    assert "damaged" in problem(path)
    assert not marker.exists()
    torch.load(path.rename(tmp_path / "x.pt"), weights_only=False)  # the payload works where it is unpickled
    assert marker.exists()


@pytest.mark.parametrize("value", [object(), {1: 2}, {"__tensor__": "a"}, np.ones(2), 1j, {"a": {3, 4}}])
def test_only_tensors_and_plain_data_are_written(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "x.safetensors"
    save_tensors(path, {"a": 1})
    with pytest.raises(TypeError, match="policy"):
        save_tensors(path, {"policy": value})
    assert load_tensors(path) == {"a": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["x.safetensors"]
