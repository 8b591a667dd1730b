"""What a run finds on its machine: threads, the device, and how long the process has lived."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.config.schema import Config
from groundwork.errors import WaybillError

if TYPE_CHECKING:
    import torch


def threads_of(config: Config) -> int:
    """Threads for games and for several seeds' updates: all cores that this process may run on, unless the config says
    otherwise.
    """
    return cores() if config.threads is None else config.threads


def cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def device_of(config: Config) -> torch.device:
    """The device to train on.

    Raises:
        WaybillError: if it isn't there.
    """
    import torch

    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if config.device == "auto":
        return torch.device("cuda" if found else "cpu")
    device = torch.device(config.device)
    if device.type == "cuda" and (device.index or 0) >= found:
        there = "this machine has none" if not found else f"this machine has cuda:0..{found - 1}"
        raise WaybillError(f"device={config.device} is not there: {there}; use device=cpu or device=auto")
    return device


def use_tensor_cores() -> None:
    """Let a GPU multiply float32 numbers as TensorFloat-32: ten bits of a fraction, sums as before."""
    import torch

    torch.backends.cuda.matmul.fp32_precision = torch.backends.cudnn.fp32_precision = "tf32"


def process_seconds() -> float | None:
    """Seconds since this process began, the interpreter's start included; None where the system doesn't tell (Linux
    does: field 22 of /proc/self/stat, in clock ticks since the machine was switched on, proc_pid_stat(5)).
    """
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()  # the 2nd field may hold spaces
        begun = int(fields[22 - 3]) / os.sysconf("SC_CLK_TCK")
        return time.clock_gettime(time.CLOCK_BOOTTIME) - begun
    except (OSError, AttributeError, ValueError, IndexError):
        return None
