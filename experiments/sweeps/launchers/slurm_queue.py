"""Which jobs of a sweep SLURM has: what was submitted, as noted in the sweep's folder, and what ``squeue`` still lists.

``squeue`` is asked, not ``sacct``, which only works where SLURM keeps accounts. How a job that it lists no more has
ended stands in the job's own folder.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from experiments.common.files import read_json, write_whole
from experiments.sweeps.launchers import slurm_work
from experiments.sweeps.manifest import Sweep
from experiments.sweeps.process import DONE, RUNNING, WAITING
from experiments.sweeps.states import state_of
from groundwork.errors import WaybillError

SUBMITTED = "slurm.json"
PENDING = ("PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD")
_ENDED = (
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED",
    "REVOKED", "TIMEOUT",
)  # fmt: skip


def submitted(folder: Path) -> dict[int, str]:
    """Number of each submitted job → its id at SLURM the last time; ``folder`` is the sweep's."""
    path = folder / SUBMITTED
    return {int(number): id for number, id in read_json(path).items()} if path.is_file() else {}


def note(folder: Path, ids: Mapping[int, str]) -> None:
    """Note which jobs were submitted, and as what: number → id at SLURM; ``folder`` is the sweep's."""
    text = json.dumps(submitted(folder) | dict(ids), indent=1) + "\n"
    write_whole(folder / SUBMITTED, lambda temporary: temporary.write_text(text))


def queued(sweep: Sweep) -> dict[int, str]:
    """Jobs that SLURM has, by number: waiting or running.

    Raises:
        WaybillError: in one line, if jobs that are not done were submitted and SLURM cannot be asked for them.
    """
    ids = submitted(sweep.folder)
    open_jobs = [job.number for job in sweep.jobs if job.number in ids and state_of(sweep, job).status != DONE]
    if not open_jobs:
        return {}
    try:
        listed = slurm_work.listed()
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[0]
        line = f"lists jobs given to SLURM, which cannot be asked for them ({said}); if they are gone, remove the file"
        raise WaybillError(f"{sweep.folder / SUBMITTED} {line}") from None
    found = {number: listed[ids[number]] for number in open_jobs if ids[number] in listed}
    return {number: WAITING if state in PENDING else RUNNING for number, state in found.items() if state not in _ENDED}
