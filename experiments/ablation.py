"""What each part of the DQN is worth on ``refine``: ``python -m experiments.ablation [out=runs/ablation] [steps=N]``.

Every arm changes one thing in ``conf/agent/dqn.yaml``: parts that are on are left out, parts that are off are added.
All arms share seeds, training maps and the maps that they are measured on, so differences are paired by seed. Finished
arms are not run again. The table goes to ``table.md`` in the folder.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from experiments.door import door
from experiments.files import write_whole
from experiments.session import LAST
from experiments.statistics import mean_interval

ROOT = Path(__file__).resolve().parents[1]
BASE = "as it is"
ARMS: dict[str, tuple[str, ...]] = {
    BASE: (),
    "without double": ("agent.double=false",),
    "without average target (copy every 500 updates)": ("agent.tau=null",),
    "without layer norm": ("network.layer_norm=false",),
    "without n-step (n = 1)": ("agent.n_step=1",),
    "n-step 5": ("agent.n_step=5",),
    "without epsilon ladder": ("agent.epsilon_ladder=0",),
    "n-step falling from 20 to 5": ("agent.n_step_end=5",),
    "dueling": ("agent.dueling=true",),
    "prioritised memory": ("agent.prioritised=true",),
    "quantile head": ("agent.head=quantile",),
    "quantile head, acting on CVaR 0.25": ("agent.head=quantile", "agent.risk=cvar"),
    "categorical head": ("agent.head=categorical",),
    "HL-Gauss head": ("agent.head=hl_gauss",),
    "noisy layers beside epsilon": ("agent.noisy=true",),
    "Munchausen, corrected": ("agent.munchausen=true",),
    "Munchausen, not corrected": ("agent.munchausen=true", "agent.munchausen_corrected=false"),
    "ReDo every 200 updates": ("agent.redo_every=200",),
    "reset every 500 updates": ("agent.reset_every=500",),
}


def run(arm: str, folder: Path, more: list[str]) -> None:
    """Train an arm, unless it is there."""
    if list(folder.glob("seed*/result.json")):
        return
    print(f"{arm}…", flush=True)
    command = [sys.executable, str(ROOT / "train.py"), "experiment=ablation", *ARMS[arm], *more]
    command += [f"out={folder.parent}", f"hydra.run.dir={folder}", "progress=false"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        said = done.stderr.strip() or f"train.py ended with exit code {done.returncode}"  # a killed one says nothing
        raise ValueError(f"arm {arm!r}: {said.splitlines()[-1]}")
    (folder / LAST).unlink()  # five memories take two gigabytes; nothing goes on from here


def table(out: Path) -> str:
    """Mean normalised score of each arm and its difference from the base, over seeds, as Markdown."""
    lines = ["| arm | change | score | normalised | difference | bankrupt | seconds |", "|---|---|---|---|---|---|---|"]
    base = _read(out / _name(BASE))
    for arm, changes in ARMS.items():
        results = _read(out / _name(arm))
        if not results or not base:
            continue
        rows = [result["scores"]["dqn"] for result in results]
        share = np.array([row["normalised"]["mean"] for row in rows])
        score, low, high = mean_interval(np.array([row["mean"] for row in rows]))
        gain = share - np.array([result["scores"]["dqn"]["normalised"]["mean"] for result in base])
        difference = "" if arm == BASE else "{:+.3f} ({:+.3f} … {:+.3f})".format(*mean_interval(gain))
        bankrupt = np.mean([row["bankruptcies"] for row in rows])
        lines.append(
            f"| {arm} | {' '.join(f'`{change}`' for change in changes)} | {score:,.0f} ({low:,.0f} … {high:,.0f}) | "
            f"{share.mean():.3f} | {difference} | {bankrupt:.0%} | {results[0]['seconds']:.0f} |"
        )
    return "\n".join(lines) + "\n"


def _name(arm: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in arm)


def _read(folder: Path) -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("seed*/result.json"))]


@door("ablation")
def main() -> None:
    """Run what is missing, then print the table."""
    given = dict(argument.partition("=")[::2] for argument in sys.argv[1:])
    out = Path(given.pop("out", "runs/ablation"))
    for arm in ARMS:
        run(arm, out / _name(arm), [f"{key}={value}" for key, value in given.items()])
    text = table(out)
    write_whole(out / "table.md", lambda path: path.write_text(text))
    print(text)


if __name__ == "__main__":
    main()
