"""Findings: each curve beyond its threshold is a sentence with its figures, and a sound run gets none."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.diagnosis.findings import Finding, Known, all_findings


def curve(*values: float) -> np.ndarray:
    """Points at steps 0, 100, 200, …"""
    return np.array([[100.0 * k, value] for k, value in enumerate(values)])


SOUND = {
    "at_a_glance/1_score": curve(0, 50, 90, 100, 98), "values/overestimation": curve(3.0, 0.1, -0.1, 0.05, 0.02),
    "values/correlation": curve(0.0, 0.5, 0.8, 0.8, 0.9), "checks/mask_wrong": curve(0, 0, 0, 0),
    "checks/target_moved": curve(0.5, 0.1, 0.01), "checks/shaping_slope": curve(1, 1, 1.001),
    "checks/shaping_explained": curve(1, 1, 1), "layers/state/dormant": curve(0.5, 0.1, 0.1),
    "layers/state/rank": curve(30, 100, 90), "layers/churn": curve(0.5, 0.02, 0.004),
    "exploration/policy/pass": curve(0.9, 0.8), "at_a_glance/3_explored": curve(1.0, 0.1),
    "eval/bankruptcies": curve(1.0, 0.05), "game/funnel/extractor": curve(1.0, 1.0),
    "game/funnel/sell": curve(0.1, 0.9), "game/funnel/profit": curve(0.0, 0.8), "attribution/cash": curve(0.3, 0.4),
    "train/at_ends": curve(0.0, 0.01),
}  # fmt: skip


def found(**changed: np.ndarray) -> list[Finding]:
    """The findings of the sound run with some curves changed; ``__`` in names stands for ``/``."""
    return all_findings(Known({**SOUND, **{name.replace("__", "/"): own for name, own in changed.items()}}))


def test_of_a_sound_run_and_of_one_without_curves_nothing_is_said() -> None:
    assert all_findings(Known(SOUND)) == []
    assert all_findings(Known({})) == []


@pytest.mark.parametrize(
    ("changed", "text", "look"),
    [
        (
            {"values__overestimation": curve(0.1, 0.5, 0.1, 0.4, 0.4)},
            "Q exceeds the return that comes by 40% from step 300 on.", "values",
        ),
        ({"values__overestimation": curve(0, -0.5)}, "Q lies 50% below the return that comes.", "values"),
        ({"values__correlation": curve(0.9, 0.1)}, "its correlation with the return is 0.10.", "values"),
        ({"train__at_ends": curve(0.0, 0.12)}, "12% of the targets lie at or beyond the values", "values"),
        ({"layers__state__dormant": curve(0.1, 0.31)}, "31% of the units of layer state are dormant", "layers"),
        ({"layers__state__rank": curve(100, 20)}, "The effective rank of layer state fell from 100 to 20.", "layers"),
        ({"layers__churn": curve(0.1, 0.08)}, "At the end one update still changes 8% of the greedy choices", "layers"),
        ({"at_a_glance__1_score": curve(0, 100, 40, 30, 20)}, "It forgot: 100.0 at step 100, 20.0 over", "at a glance"),
        ({"at_a_glance__1_score": curve(50, 20, 10)}, "no evaluation is above the first (50.0).", "at a glance"),
        ({"exploration__policy__pass": curve(0.5, 0.99)}, "The policy passes in 99% of its turns", "exploration"),
        ({"at_a_glance__3_explored": curve(1.0, 0.4)}, "At the end 40% of the training actions", "exploration"),
        ({"behaviour__planner_offered": curve(0.7)}, "Only 70% of the planner's orders are among", "exploration"),
        ({"eval__bankruptcies": curve(0.0, 0.6)}, "60% of the validation games end bankrupt.", "games"),
        (
            {"game__funnel__sell": curve(0.1, 0.2)},
            "The funnel narrows at sell: 20% of the training games come so far, 100% to extractor.", "games",
        ),
        ({"attribution__cash": curve(0.1, 0.7)}, "rests to 70% on one thing: cash.", "attribution"),
    ],
)  # fmt: skip
def test_what_is_beyond_a_threshold_is_told(changed: dict[str, np.ndarray], text: str, look: str) -> None:
    findings = found(**changed)
    assert len(findings) == 1
    assert text in findings[0].text
    assert (findings[0].look, findings[0].is_broken) == (look, False)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"checks__mask_wrong": curve(0, 0.5)}, "In 50% of the states learnt from the mask is not that of their own"),
        ({"checks__target_moved": curve(0.2, 0.0, 0.1)}, "did not move before 1 of 3 evaluations, first at step 100"),
        ({"checks__shaping_slope": curve(-1, -1)}, "Shaping has the wrong sign: what is added is -1.00 times"),
        ({"checks__shaping_slope": curve(1, 0.5)}, "Shaping is 0.50 times γΦ(s′) − Φ(s)"),
    ],
)
def test_what_cannot_be_right_is_broken_and_comes_first(changed: dict[str, np.ndarray], text: str) -> None:
    findings = found(**changed, eval__bankruptcies=curve(0.6))
    assert [finding.is_broken for finding in findings] == [True, False]
    assert text in findings[0].text


def test_rewards_that_are_no_potentials_are_told_as_such() -> None:
    (finding,) = found(checks__shaping_explained=curve(0.4), checks__shaping_slope=curve(-0.3))
    assert finding.text.startswith("What the reward adds to the raw one is γΦ(s′) − Φ(s) only to 40%")
    assert not finding.is_broken


def test_a_score_below_the_greedy_rules_is_told() -> None:
    result = {"choices": {"agent": "dqn"}, "scores": {"dqn": {"mean": 90.0}, "greedy": {"mean": 100.0}}}
    (finding,) = all_findings(Known(SOUND, result))
    assert finding.text == "It scores 90.0 on the held-out games, the greedy rule 100.0."


def test_of_a_run_of_before_the_scores_are_those_of_its_curve() -> None:
    known = Known({"eval/score": curve(0, 100, 0.0, 0.0, 0.0), "at_a_glance/1_score": curve(90)})
    assert [finding.text for finding in all_findings(known)] == [
        "It forgot: 100.0 at step 100, 0.0 over the last evaluations."
    ]
