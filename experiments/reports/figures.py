"""Draws a section's numbers: learning curves, scores, profiles, improvement, the funnel."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.common.statistics import Interval
from experiments.reports.measures import AggregateCurve, ArmNumbers, SectionNumbers
from experiments.reports.page import FIGURE_INK

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GREY = "#808080"
_LONG = 28  # letters of a label that stay on one line
_THOUSANDS = "{x:,g}"  # how numbers at axes are written


def _inked(draw: Callable[[SectionNumbers], Figure]) -> Callable[[SectionNumbers], Figure]:
    """Decorates a function that draws a figure: text and axes get the colour of ink."""

    @wraps(draw)
    def drawn(numbers: SectionNumbers) -> Figure:
        from matplotlib import rc_context

        inked = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "axes.titlecolor")
        settings: dict[Any, Any] = {**dict.fromkeys(inked, FIGURE_INK), "text.parse_math": False}  # names may hold $
        with rc_context(settings):
            return draw(numbers)

    return drawn


def colours(count: int) -> list[Any]:
    """A colour for each arm, always the same in all figures."""
    from matplotlib import colormaps

    table = colormaps["tab10" if count <= 10 else "tab20"]
    return [table(k % table.N) for k in range(count)]


@_inked
def curves(numbers: SectionNumbers) -> Figure:
    """Validation score over environment steps of each arm; players' scores and the threshold as lines across."""
    figure = _figure(9, 4.6 + _legend_height(numbers))
    axes = figure.subplots()
    shown = [(one, colour) for one, colour in _coloured(numbers) if one.curve is not None]
    for one, colour in shown:
        assert one.curve is not None
        _line(axes, one.curve, colour, one.arm.label, soft=_soft(len(shown)))
    for name, score in numbers.players.items():
        axes.axhline(score, color=GREY, linewidth=0.9, linestyle=(0, (6, 3)))
        _beside(axes, score, name)
    if numbers.threshold is not None:
        axes.axhline(numbers.threshold, color=GREY, linestyle=":", linewidth=1.2)
        _beside(axes, numbers.threshold, "threshold")
    axes.set_xlabel("environment steps")
    axes.set_ylabel("score on validation games")
    axes.xaxis.set_major_formatter(_THOUSANDS)
    axes.yaxis.set_major_formatter(_THOUSANDS)
    axes.set_xlim(left=0)
    _normalised_axis(axes, numbers)
    _legend(figure, axes)
    return figure


@_inked
def scores(numbers: SectionNumbers) -> Figure:
    """Held-out scores: each seed a dot, the interquartile mean and its interval; raw, and normalised if possible."""
    has_shares = all(one.normalised is not None for one in numbers.arms)
    figure = _figure(9, 1.3 + 0.42 * len(numbers.arms))
    panels = figure.subplots(1, 2 if has_shares else 1, sharey=True, squeeze=False)[0]
    for row, (one, colour) in enumerate(_coloured(numbers)):
        _dots(panels[0], row, one.scores, one.score, colour)
        if has_shares:
            assert one.normalised is not None
            assert one.normalised_scores is not None
            _dots(panels[1], row, one.normalised_scores, one.normalised, colour)
    for name, score in numbers.players.items():
        panels[0].axvline(score, color=GREY, linewidth=0.9, linestyle=(0, (6, 3)))
        panels[0].annotate(
            name, (score, 1.01), xycoords=("data", "axes fraction"), fontsize=8, color=GREY, ha="center", va="bottom"
        )
    panels[0].set_xlabel("score on held-out games")
    panels[0].xaxis.set_major_formatter(_THOUSANDS)
    if has_shares:
        panels[1].set_xlabel("normalised: random 0, planner 1")
    _rows(panels[0], [one.arm.label for one in numbers.arms])
    return figure


@_inked
def profiles(numbers: SectionNumbers) -> Figure:
    """Share of held-out games above each score, for each arm."""
    figure = _figure(9, 4.1 + _legend_height(numbers))
    axes = figure.subplots()
    for one, colour in _coloured(numbers):
        _line(axes, one.profile, colour, one.arm.label, soft=_soft(len(numbers.arms)))
    what = "normalised score τ (random 0, planner 1)" if numbers.profile_is_normalised else "score τ"
    axes.set_xlabel(what)
    axes.set_ylabel("share of held-out games above τ")
    axes.set_ylim(-0.02, 1.02)
    axes.margins(x=0)
    _legend(figure, axes)
    return figure


@_inked
def improvement(numbers: SectionNumbers) -> Figure:
    """Chance that a run of each arm scores above one of the reference."""
    shown = [(one, colour) for one, colour in _coloured(numbers) if one.improvement is not None]
    figure = _figure(9, 1.1 + 0.42 * len(shown))
    axes = figure.subplots()
    for row, (one, colour) in enumerate(shown):
        assert one.improvement is not None
        _dots(axes, row, np.array([]), one.improvement, colour)
    axes.axvline(0.5, color=GREY, linestyle=(0, (6, 3)), linewidth=0.9)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel(f"chance that a run of the arm scores above one of “{numbers.reference.label}”")
    _rows(axes, [one.arm.label for one, _ in shown])
    return figure


@_inked
def pairs(numbers: SectionNumbers) -> Figure:
    """Chance that a run of the row's arm scores above one of the column's, for all pairs of arms."""
    names = [_wrapped(one.arm.label) for one in numbers.arms]
    figure = _figure(2.8 + 0.85 * len(names), 1.8 + 0.55 * len(names))
    axes = figure.subplots()
    image = axes.imshow(numbers.pairs, cmap="RdBu", vmin=0, vmax=1, aspect="auto")
    for row, line in enumerate(numbers.pairs):
        for column, chance in enumerate(line):
            if row != column:
                ink = "white" if abs(chance - 0.5) > 0.3 else "black"
                axes.text(column, row, f"{chance:.2f}", ha="center", va="center", color=ink, fontsize=9)
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(length=0)
    for edge in axes.spines.values():
        edge.set_visible(False)
    bar = figure.colorbar(image, ax=axes, label="P(row above column)")
    bar.outline.set_edgecolor(FIGURE_INK)
    return figure


@_inked
def funnels(numbers: SectionNumbers) -> Figure:
    """For each arm the share of training games that reach each stage, over environment steps."""
    from matplotlib import colormaps
    from matplotlib.ticker import MaxNLocator

    shown = [one for one in numbers.arms if one.funnel]
    stages = list(dict.fromkeys(stage for one in shown for stage in one.funnel))
    columns = min(3, len(shown))
    rows = math.ceil(len(shown) / columns)
    figure = _figure(9, 0.8 + 2.3 * rows)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    tints = [colormaps["turbo"](place) for place in np.linspace(0.08, 0.92, len(stages))]
    for one, axes in zip(shown, panels.flat, strict=False):
        for stage, colour in zip(stages, tints, strict=True):
            if stage in one.funnel:
                _line(axes, one.funnel[stage], colour, stage, soft=_soft(len(stages)))
        axes.set_title(one.arm.label, fontsize=9)
        axes.xaxis.set_major_locator(MaxNLocator(3))
        axes.xaxis.set_major_formatter(_THOUSANDS)
    for k in range(len(shown), rows * columns):
        panels.flat[k].set_visible(False)
        panels.flat[k - columns].tick_params(labelbottom=True)  # the lowest one of its column then
    panels[0, 0].set_ylim(-0.02, 1.02)
    panels[0, 0].set_xlim(left=0)
    figure.supxlabel("environment steps", fontsize=10)
    figure.supylabel("share of training games", fontsize=10)
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside right center", frameon=False, fontsize=8)
    return figure


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _coloured(numbers: SectionNumbers) -> list[tuple[ArmNumbers, Any]]:
    return list(zip(numbers.arms, colours(len(numbers.arms)), strict=True))


def _soft(count: int) -> float:
    """Opacity of intervals: the more lie over each other, the less."""
    return 0.2 if count <= 3 else 0.1


def _line(axes: Any, shown: AggregateCurve, colour: Any, label: str, *, soft: float) -> None:
    axes.plot(shown.x, shown.y.estimate, color=colour, label=label, linewidth=1.7)
    axes.fill_between(shown.x, shown.y.low, shown.y.high, color=colour, alpha=soft, linewidth=0)
    _plain(axes)


def _dots(axes: Any, row: int, seeds: np.ndarray, found: Interval, colour: Any) -> None:
    """An estimate with its interval in a row of its own, and the seeds it is made of."""
    below = np.full(len(seeds), row + 0.24)
    axes.plot(seeds, below, "o", color=colour, alpha=0.6, markersize=3.5, markeredgewidth=0)
    axes.plot([found.low, found.high], [row, row], color=colour, linewidth=2.4, solid_capstyle="butt")
    axes.plot([found.mean], [row], "D", color=colour, markersize=6)
    _plain(axes)


def _plain(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=GREY, alpha=0.22, linewidth=0.6)
    axes.set_axisbelow(True)


def _rows(axes: Any, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [_wrapped(name) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)


def _wrapped(name: str) -> str:
    """A label, on several lines if it is long."""
    return name if len(name) <= _LONG else name.replace(", ", ",\n")


def _beside(axes: Any, height: float, name: str) -> None:
    axes.annotate(
        name, (1.0, height), xycoords=("axes fraction", "data"), xytext=(-3, 2), textcoords="offset points",
        fontsize=8, color=GREY, ha="right", va="bottom",
    )  # fmt: skip


def _normalised_axis(axes: Any, numbers: SectionNumbers) -> None:
    """A second scale on the right: the random player's held-out score is 0, the planner's 1."""
    low, high = numbers.players.get("random"), numbers.players.get("planner")
    if low is None or high is None or high <= low:
        return
    room = high - low
    right = axes.secondary_yaxis("right", functions=(lambda y: (y - low) / room, lambda y: low + y * room))
    right.set_ylabel("normalised: random 0, planner 1")


def _legend_columns(names: Sequence[str]) -> int:
    """As many columns as fit below a figure."""
    return max(1, min(len(names), 105 // (6 + max((len(name) for name in names), default=1))))


def _legend_height(numbers: SectionNumbers) -> float:
    """Height of the legend in inches."""
    names = [one.arm.label for one in numbers.arms]
    return 0.19 * math.ceil(len(names) / _legend_columns(names))


def _legend(figure: Figure, axes: Any) -> None:
    """Put the legend below the axes, where it covers nothing."""
    handles, names = axes.get_legend_handles_labels()
    columns = _legend_columns(names)
    figure.legend(handles, names, loc="outside lower center", ncols=columns, frameon=False, fontsize=8.5)
