"""Figures of a diagnosis: curves of a run, each figure answering a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments.diagnosis.findings import Known
from experiments.reports.page import FIGURE_INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDE, _HIGH = 3.9, 2.5  # inches of a figure: its letters can be read on a phone, too
_INSIDE, _ACROSS = 4, 3  # names of curves inside the axes, at most; beside each other below them
_MOST = 10  # curves in a panel: those that end highest


class Question(NamedTuple):
    """Curves in one pair of axes: what is asked, and the tag of each by its name. ``lines`` are right values."""

    question: str
    tags: Mapping[str, str]
    lines: Sequence[float] = ()


def question_figures(known: Known, panels: Sequence[Question]) -> dict[str, Figure]:
    """Question → its figure, of those that have curves."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    inked = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "axes.titlecolor")
    settings: dict[Any, Any] = {**dict.fromkeys(inked, FIGURE_INK), "text.parse_math": False}  # names may hold $
    found = {}
    with rc_context(settings):
        for panel in panels:
            if has_curves(known, panel):
                tags = _present(known, panel)
                below = 0.17 * -(-len(tags) // _ACROSS) if len(tags) > _INSIDE else 0.0  # for names below the axes
                figure = found[panel.question] = Figure(figsize=(_WIDE, _HIGH + below), layout="constrained")
                _draw(figure.subplots(), known, panel, tags)
    return found


def has_curves(known: Known, panel: Question) -> bool:
    """False if there is nothing to draw but single points, as of a policy that came without its curves."""
    return any(len(known.curves[tag]) > 1 for tag in _present(known, panel).values())


def has_points_alone(known: Known, panel: Question) -> bool:
    """True if there are points, but no curve among them."""
    return bool(_present(known, panel)) and not has_curves(known, panel)


def _present(known: Known, panel: Question) -> dict[str, str]:
    """The panel's curves that are there, at most ten."""
    found = {name: tag for name, tag in panel.tags.items() if len(known.curves.get(tag, ()))}
    highest = sorted(found, key=lambda name: -float(known.curves[found[name]][-1, 1]))[:_MOST]
    return {name: tag for name, tag in found.items() if name in highest}


def _draw(axes: Axes, known: Known, panel: Question, tags: Mapping[str, str]) -> None:
    from matplotlib import colormaps
    from matplotlib.ticker import MaxNLocator

    table = colormaps["tab10"]
    for line in panel.lines:
        axes.axhline(line, color="#808080", linewidth=0.9, linestyle=(0, (6, 3)))
    for k, (name, tag) in enumerate(tags.items()):
        steps, values = known.curves[tag].T
        mark = "o" if len(steps) < 30 else None
        axes.plot(steps, values, color=table(k), linewidth=1.4, marker=mark, markersize=2.5, label=name)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    if len(tags) > _INSIDE:
        axes.figure.legend(frameon=False, fontsize=7.5, ncols=_ACROSS, loc="outside lower center")
    elif len(tags) > 1:
        axes.legend(frameon=False, fontsize=7.5)
