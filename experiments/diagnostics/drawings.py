"""Pictures of what a policy expects, rests on and knows: drawn by the painter, each function gives a PNG's bytes."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PALETTE = 256  # colours of a picture
_BLUE, _ORANGE, _GREY = "#2e68a0", "#c8641e", "#808080"


def _figure(draw: Callable[[Axes], None], *, width: float = 5.2, height: float = 3.9) -> bytes:
    """A PNG of one pair of axes, in inches; a palette of its own makes it a third as large, and nobody sees that."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    figure = Figure(figsize=(width, height), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    draw(axes)
    canvas, out = FigureCanvasAgg(figure), io.BytesIO()
    canvas.draw()
    drawn = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    drawn.quantize(PALETTE, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def calibration(q: np.ndarray, returned: np.ndarray, bins: tuple[np.ndarray, np.ndarray], unit: str) -> bytes:
    """Predicted Q [K] across, the return that came [K] upwards: on the diagonal both agree."""

    def draw(axes: Axes) -> None:
        low, high = min(q.min(), returned.min()), max(q.max(), returned.max())
        axes.plot([low, high], [low, high], color=_GREY, linewidth=1, linestyle="--", label="as predicted")
        axes.scatter(q, returned, s=5, color=_BLUE, alpha=0.25, linewidths=0)
        axes.plot(*bins, color=_ORANGE, marker="o", markersize=4, linewidth=1.5, label="mean of states with like Q")
        axes.set_xlabel(f"predicted: Q of the action taken ({unit})")
        axes.set_ylabel(f"came: discounted return ({unit})")
        axes.legend(frameon=False, fontsize=8, loc="upper left")

    return _figure(draw)


def shares(values: Mapping[str, float], title: str) -> bytes:
    """A bar for each share, largest first."""
    names = sorted(values, key=lambda name: values[name])

    def draw(axes: Axes) -> None:
        widths = [100 * values[name] for name in names]
        axes.barh(names, widths, color=_BLUE, height=0.65)
        for row, width in enumerate(widths):
            axes.text(width, row, f" {width:.0f} %", va="center", fontsize=8)
        axes.set_xlim(0, max(1.0, 1.15 * max(widths, default=1.0)))
        axes.set_xlabel(title)
        axes.tick_params(labelsize=8)

    return _figure(draw, height=1.2 + 0.27 * len(names))


def funnel(stages: Mapping[str, float], title: str) -> bytes:
    """How many games come to each stage, in the stages' own order, from the top."""
    names = list(stages)

    def draw(axes: Axes) -> None:
        widths = np.array([100 * stages[name] for name in names])
        rows = np.arange(len(names))[::-1]
        axes.barh(rows, widths, left=-widths / 2, color=_BLUE, height=0.8)
        for row, name, width in zip(rows, names, widths, strict=True):
            axes.text(-54, row, name, ha="right", va="center", fontsize=9)
            axes.text(54, row, f"{width:.0f} %", ha="left", va="center", fontsize=9)
        axes.set_xlim(-85, 65)
        axes.set_axis_off()
        axes.set_title(title, fontsize=10)

    return _figure(draw, height=0.9 + 0.36 * len(names))


def information_plane(paths: Mapping[str, Sequence[tuple[float, float]]], steps: Sequence[int], most: float) -> bytes:
    """Each layer's way through the information plane: (bits of the state, bits of the return) at each of the steps."""

    def draw(axes: Axes) -> None:
        from matplotlib import colormaps

        table = colormaps["viridis"]
        markers = "osD^v<>pP*X"
        for k, (name, points) in enumerate(paths.items()):
            x, y = np.array(points).T
            axes.plot(x, y, color=_GREY, linewidth=0.7, alpha=0.6)
            shade = table(np.linspace(0, 1, len(points)))
            axes.scatter(x, y, c=shade, s=26, marker=markers[k % len(markers)], label=name, zorder=2)
        axes.set_xlabel(f"bits of the state (at most {most:.1f})")
        axes.set_ylabel("bits of the return that comes")
        axes.set_title(f"steps {steps[0]:,} (dark) to {steps[-1]:,} (bright)", fontsize=9)
        axes.legend(frameon=False, fontsize=8, labelcolor=_GREY)

    return _figure(draw)
