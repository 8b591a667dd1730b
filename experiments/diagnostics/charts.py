"""The charts of TensorBoard's tab CUSTOM SCALARS: each answers one question, with all curves that belong to it."""

from __future__ import annotations

# Chapters of charts; a tag may be a regular expression
CHARTS = {
    "at a glance": {
        "does it learn? score on validation games": ["at_a_glance/1_score"],
        "does it over-estimate? Q above the return, as a share": ["at_a_glance/2_overestimation"],
        "does it explore? actions that aren't the policy's": ["at_a_glance/3_explored"],
        "does it still move? greedy choices changed by an update": ["at_a_glance/4_churn"],
    },
    "values": {
        "predicted and came": ["values/q", "values/return"],
        "error of one step, and how far the best action leads": ["values/td_error_abs", "values/action_gap"],
    },
    "layers": {
        "dormant units": [r"layers/.*/dormant"],
        "effective rank": [r"layers/.*/rank"],
        "moved by an update": [r"layers/.*/moved"],
        "gradients": [r"layers/gradient/.*"],
        "weights": [r"layers/weights/.*"],
    },
    "behaviour": {
        "who chose the actions": [r"exploration/(policy|random|advice|teacher)$"],
        "what the policy chose": [r"exploration/policy/.*"],
        "reward and shaping": ["reward/raw", "reward/shaping"],
        "what orders rest on": [r"attribution/.*"],
    },
}
