"""The files of TensorBoard's projector. They are written by the process that draws, which has no use for torch."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np

PROJECTOR = "projector_config.pbtxt"


def points_file(points: np.ndarray) -> bytes:
    """Points [R, H] as the projector reads them: a line each, numbers between tabs."""
    out = io.StringIO()
    np.savetxt(out, points, fmt="%.4g", delimiter="\t")
    return out.getvalue().encode()


def labels_file(labels: Mapping[str, Sequence[str]]) -> bytes:
    """Labels as the projector reads them: the headings, then a line for each point."""
    lines = ["\t".join(labels), *("\t".join(row) for row in zip(*labels.values(), strict=True))]
    return ("\n".join(lines) + "\n").encode()


def config_file(names: Sequence[str]) -> bytes:
    """What tells the projector which embeddings there are: ``projector/NAME.tsv`` and ``NAME_labels.tsv`` beside it."""
    parts = [
        f'embeddings {{\n  tensor_name: "{name}"\n  tensor_path: "projector/{name}.tsv"\n'
        f'  metadata_path: "projector/{name}_labels.tsv"\n}}\n'
        for name in names
    ]
    return "".join(parts).encode()
