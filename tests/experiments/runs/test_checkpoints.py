"""Checkpoints: what is saved comes back the same, whole or not at all, and nothing in them is run."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from experiments.common import checkpoint_files
from groundwork.errors import WaybillError


def test_arrays_numbers_tensors_and_nested_data_come_back_the_same(tmp_path: Path) -> None:
    content: dict[str, Any] = {
        "count": 7,
        "none": None,
        "pair": (0.9, 0.999),
        "names": ["a", "b"],
        "big": 2**127 + 1,
        "weights": {"layer.weight": torch.arange(6.0).reshape(2, 3)},
        "slots": {0: torch.tensor(3.0)},
        "scalar": np.float64(0.1),
        "states": {
            dtype: np.arange(5).astype(dtype) for dtype in ("uint8", "int16", "int64", "uint64", "float64", "bool")
        },
        "empty": np.zeros((0, 4), np.float32),
    }
    checkpoint_files.save_checkpoint(tmp_path / "last.pt", content)
    loaded = checkpoint_files.load_checkpoint(tmp_path / "last.pt")
    assert {loaded[name] for name in ("count", "none", "big")} == {7, None, 2**127 + 1}
    assert loaded["pair"] == (0.9, 0.999)
    assert loaded["names"] == ["a", "b"]
    assert torch.equal(loaded["weights"]["layer.weight"], content["weights"]["layer.weight"])
    assert loaded["slots"][0] == 3.0
    assert loaded["scalar"] == 0.1
    assert type(loaded["scalar"]) is float
    for dtype, array in content["states"].items():
        assert loaded["states"][dtype].dtype == np.dtype(dtype)
        assert np.array_equal(loaded["states"][dtype], array)
    assert loaded["empty"].shape == (0, 4)
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    checkpoint_files.save_checkpoint(tmp_path / "last.pt", {"count": 1})
    with pytest.raises(Exception, match="pickle"):
        checkpoint_files.save_checkpoint(tmp_path / "last.pt", {"count": 2, "bad": lambda: None})
    assert checkpoint_files.load_checkpoint(tmp_path / "last.pt")["count"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]


def test_a_folder_that_cannot_be_written_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        checkpoint_files.save_checkpoint(tmp_path / "nowhere" / "last.pt", {"count": 1})


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_a_truncated_file_is_named_in_one_line(tmp_path: Path, keep: float) -> None:
    path = tmp_path / "last.pt"
    checkpoint_files.save_checkpoint(path, {"weights": torch.zeros(10_000)})
    content = path.read_bytes()
    path.write_bytes(content[: int(keep if keep >= 1 else keep * len(content))])
    with pytest.raises(ValueError, match=r"last.pt' is damaged or not one of ours") as caught:
        checkpoint_files.load_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_other_files_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    with pytest.raises(ValueError, match="there is no checkpoint"):
        checkpoint_files.load_checkpoint(path)
    path.write_text("weights")
    with pytest.raises(ValueError, match="is damaged or not one of ours"):
        checkpoint_files.load_checkpoint(path)
    torch.save({"format": 99}, path)
    with pytest.raises(ValueError, match="has format 99, this version reads 1"):
        checkpoint_files.load_checkpoint(path)
    torch.save([1], path)
    with pytest.raises(ValueError, match="has format 'list'"):
        checkpoint_files.load_checkpoint(path)


class _Touches:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("by_torch", [True, False])
def test_code_in_a_checkpoint_is_not_run(tmp_path: Path, by_torch: bool) -> None:
    content = {"format": checkpoint_files.CHECKPOINT_FORMAT, "bad": _Touches(tmp_path / "ran")}
    if by_torch:
        torch.save(content, tmp_path / "last.pt")
    else:
        (tmp_path / "last.pt").write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(ValueError, match="is damaged or not one of ours"):
        checkpoint_files.load_checkpoint(tmp_path / "last.pt")
    assert not (tmp_path / "ran").exists()


def test_a_flipped_bit_is_refused_wherever_it_lies(tmp_path: Path) -> None:
    path, content = tmp_path / "last.pt", {"weights": torch.arange(4096.0), "score": 3.5}
    checkpoint_files.save_checkpoint(path, content)
    whole, rng, refused = path.read_bytes(), np.random.default_rng(0), 0
    for _ in range(200):
        data = bytearray(whole)
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        path.write_bytes(bytes(data))
        try:
            loaded = checkpoint_files.load_checkpoint(path)
        except WaybillError:
            refused += 1
            continue
        assert torch.equal(loaded["weights"], content["weights"])  # the bit lay between the parts
        assert loaded["score"] == 3.5
    assert refused > 150


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_refused_in_one_line(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "last.pt"
    path.write_bytes(np.random.default_rng(seed).bytes(200))
    with pytest.raises(WaybillError, match=r"^checkpoint .* is damaged or not one of ours \(200 bytes\)$"):
        checkpoint_files.load_checkpoint(path)
