"""AdamW with a clipped gradient norm and a moving target network, compiled (Loshchilov & Hutter 2019)."""

from __future__ import annotations

import numpy as np

from agents.kernels.compiled import fast_kernel

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8  # Kingma & Ba 2015, algorithm 1
SMALLEST_MOMENT = np.float32(1e-30)  # below it 0: they move nothing, and processors are slow with subnormal numbers
NEGLIGIBLE = 16_384  # steps after which moments need no correction any more: BETA_2 to that power is below 1e-7


@fast_kernel
def clipped_adamw(  # type: ignore[no-untyped-def]
    values,
    gradients,
    mean,
    square,
    grad_norm,
    norm_sum,
    rate,
    size_scale,
    since,
    age,
    corrected,
    size_scales,
    decay,
    decayed,
    max_norm,
    target,
    share,
):
    """One step of AdamW for each seed, its gradient clipped; ``target`` moves a ``share`` of the way to the new values.

    ``rate`` and ``size_scale`` carry the bias corrections, after ``age`` steps before this one. Where parameters were
    restarted, ``since`` [S, P] int32 says after how many steps (0: never; empty: none was), and those corrections of
    ``corrected`` and ``size_scales`` [K] count that belong to the steps since then. The parts ``decayed`` [R, 2] (from,
    to) shrink to ``decay`` of what they were.

    Numbers are float32, arrays [S, P]; an empty target stays as it is. ``grad_norm`` [S] is written, ``norm_sum`` [S]
    added to. A seed whose gradient's norm is not finite stays as it is.
    """
    last = np.int64(corrected.size - 1)
    keep_1, keep_2, one = np.float32(BETA_1), np.float32(BETA_2), np.float32(1)
    for s in range(values.shape[0]):
        value, gradient, m, v = values[s], gradients[s], mean[s], square[s]
        total = np.float32(0)
        for i in range(gradient.size):
            total += gradient[i] * gradient[i]
        grad_norm[s] = np.sqrt(total)
        norm_sum[s] += grad_norm[s]
        if not np.isfinite(grad_norm[s]):
            continue
        scale = min(one, max_norm / (grad_norm[s] + np.float32(1e-6)))
        for r in range(decayed.shape[0]):
            for i in range(decayed[r, 0], decayed[r, 1]):
                value[i] *= decay
        if since.size == 0:
            for i in range(value.size):
                g = gradient[i] * scale
                mean_t = keep_1 * m[i] + (one - keep_1) * g
                square_t = keep_2 * v[i] + (one - keep_2) * g * g
                m[i] = mean_t if abs(mean_t) > SMALLEST_MOMENT else np.float32(0)
                v[i] = square_t if square_t > SMALLEST_MOMENT else np.float32(0)
                value[i] -= rate * m[i] / (np.sqrt(v[i]) * size_scale + np.float32(EPSILON))
        else:
            begun = since[s]
            for i in range(value.size):
                g = gradient[i] * scale
                mean_t = keep_1 * m[i] + (one - keep_1) * g
                square_t = keep_2 * v[i] + (one - keep_2) * g * g
                m[i] = mean_t if abs(mean_t) > SMALLEST_MOMENT else np.float32(0)
                v[i] = square_t if square_t > SMALLEST_MOMENT else np.float32(0)
                own = min(age - begun[i], last)
                value[i] -= corrected[own] * m[i] / (np.sqrt(v[i]) * size_scales[own] + np.float32(EPSILON))
        if target.size > 0 and share > 0:
            moved = target[s]
            for i in range(value.size):
                moved[i] += share * (value[i] - moved[i])
