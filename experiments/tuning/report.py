"""Reports what a search has found: a table, a picture, and what to type next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console
from rich.table import Table

from experiments.common.files import write_whole
from experiments.config.choices import content_of
from experiments.config.keys import door_words, flat, group_of, key_of, shell_command
from experiments.config.schema import GROUPS
from experiments.tuning.trials import TuningSearch, errors

_SHOWN = 3  # best trials in the table
ENOUGH = 8  # completed trials for importances
OF_THE_SEARCH = (  # keys that say how it is done, not what the runs are
    "search", "hydra", "out", "progress", "seed", "seeds", "steps", "threads", "device", "log_every",
    "checkpoint_every", "evaluation",
)  # fmt: skip


def completed(study: optuna.Study) -> list[FrozenTrial]:
    """The trials with a value, the best first."""
    found = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return sorted(found, key=lambda trial: -float(trial.value or 0.0))


def importances(study: optuna.Study) -> dict[str, float]:
    """Each parameter's share in what makes trials good (PED-ANOVA, Watanabe et al. 2023); {} of too few trials."""
    if len(completed(study)) < ENOUGH:
        return {}
    return dict(get_param_importances(study, evaluator=PedAnovaImportanceEvaluator()))


def show_search(
    search: TuningSearch, study: optuna.Study, console: Console | None = None, *, typed: Sequence[str] = ()
) -> None:
    """Print the best trials beside the config as it is, and write ``trials.png`` into the search's folder; ``typed``
    are the overrides of the command.
    """
    console = Console() if console is None else console
    best, trials = completed(study), study.get_trials(deepcopy=False)
    count = {state: sum(trial.state == state for trial in trials) for state in TrialState}
    console.print(
        f"{len(best)} trials done, {count[TrialState.PRUNED]} given up on the way, {count[TrialState.FAIL]} failed",
        highlight=False,
    )
    for why in sorted(errors(study)):
        console.print(f"failed: {why}", highlight=False, markup=False)
    if not best:
        return
    console.print(_table(search, study, best))
    picture = search.folder / "trials.png"
    write_whole(picture, lambda path: _figure(search, study, best).savefig(path, format="png", dpi=150))
    changes = {key: _override(key, value) for key, value in best[0].params.items()}
    given = [*_of_the_file(typed), *typed]
    last = {key_of(one): one for one in given if group_of(one) not in OF_THE_SEARCH and key_of(one) not in GROUPS}
    others = [one for key, one in last.items() if key not in changes]
    console.print(
        f"picture:  {picture}\n"
        f"curves:   {shell_command('tensorboard', '--logdir', search.folder)}\n"
        "The best of many trials was also lucky; measure it with seeds of its own:\n"
        f"confirm:  {shell_command(*door_words('train'))} {_choices(search)} steps={search.plain['steps']} seeds=10 "
        f"{shlex.join([*others, *changes.values()])}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _choices(search: TuningSearch) -> str:
    return " ".join(f"{group}={search.plain[group]['name']}" for group in GROUPS if group in search.plain)


def _of_the_file(typed: Sequence[str]) -> list[str]:
    """The overrides that stand in the file of the search that was typed, as ``+search=NAME``."""
    names = [one.partition("=")[2] for one in typed if key_of(one) == "search"]
    content = (content_of("search", names[-1]) if names else None) or {}
    own = {key: value for key, value in content.items() if key not in ("defaults", "search")}
    return [_override(key, value) for key, value in flat(own).items()]


def _override(key: str, value: Any) -> str:
    """``key=value`` with all digits."""
    text = str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)
    return f"{key}={text}"


def _is_default(search: TuningSearch, trial: FrozenTrial) -> bool:
    return all(trial.params.get(key) == value for key, value in search.defaults().items())


def _table(search: TuningSearch, study: optuna.Study, best: list[FrozenTrial]) -> Table:
    """A table of the best trials: parameters down, trials across."""
    table = Table(title="mean validation score over seeds, at the end")
    table.add_column("")
    weight = importances(study)
    if weight:
        table.caption = "share: of each parameter in what makes trials good (PED-ANOVA)"
        table.add_column("share", justify="right")
    shown = best[:_SHOWN] + [trial for trial in best[_SHOWN:] if _is_default(search, trial)]
    for trial in shown:
        default = _is_default(search, trial)
        name = f"trial {trial.number}\nas it is" if default else f"trial {trial.number}"
        table.add_column(name, justify="right", style="bold" if default else None)
    table.add_row("score", *[""] * bool(weight), *(f"{trial.value:,.0f}" for trial in shown), end_section=True)
    for key in search.settings.space:
        share = [f"{weight[key]:.0%}"] if key in weight else [""] * bool(weight)
        table.add_row(key.rpartition(".")[2], *share, *(_text(trial.params[key]) for trial in shown))
    return table


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def _figure(search: TuningSearch, study: optuna.Study, best: list[FrozenTrial]) -> Figure:
    """A figure of scores by trial and the best so far, then a panel for each parameter: value against score."""
    keys, weight = list(search.settings.space), importances(study)
    columns = min(5, len(keys) + 1)
    rows = -(-(len(keys) + 1) // columns)
    figure = Figure(figsize=(3.0 * columns, 2.6 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    by_number = sorted(best, key=lambda trial: trial.number)
    number = np.array([trial.number for trial in by_number])
    score = np.array([trial.value for trial in by_number], float)
    panels[0].scatter(number, score, s=14, color="tab:blue")
    panels[0].step(number, np.maximum.accumulate(score), where="post", color="tab:orange", label="best so far")
    panels[0].set(xlabel="trial", ylabel="validation score")
    panels[0].legend(fontsize="small", loc="lower right")
    for panel, key in zip(panels[1:], keys, strict=False):
        values = [trial.params[key] for trial in by_number]
        plain = not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
        panel.scatter([str(value) for value in values] if plain else values, score, s=14, c=number, cmap="viridis")
        if search.settings.space[key].get("log"):
            panel.set_xscale("log")
            panel.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
            panel.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            panel.xaxis.set_minor_formatter(NullFormatter())
        panel.set_xlabel(key + (f" ({weight[key]:.0%})" if key in weight else ""))
    for panel in panels[len(keys) + 1 :]:
        panel.set_visible(False)
    return figure


def summary_line(folder: Path, study: optuna.Study) -> str:
    """How far a search in ``folder`` is, in one line."""
    best = completed(study)
    lead = f"best {best[0].value:,.0f} (trial {best[0].number})" if best else "no trial done yet"
    return f"{folder.name}: {lead}"
