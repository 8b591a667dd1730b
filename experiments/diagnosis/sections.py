"""What a diagnosis shows, part by part: questions with their curves, and how to read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from agents.acting.tally import SOURCES
from experiments.diagnosis.charts import Question
from experiments.diagnosis.findings import Known


class Part(NamedTuple):
    """One part: its heading, how to read it, panels of curves, and tags of pictures with their captions."""

    heading: str
    how: str
    panels: Sequence[Question]
    pictures: dict[str, str]


def sections_of(known: Known) -> list[Part]:
    """All parts, in the order in which one asks."""

    def each(start: str, end: str = "") -> dict[str, str]:
        return known.tags(start, end)

    return [
        Part(
            "At a glance", "Does it learn, does it over-estimate, does it explore, does it still move?",
            [
                Question("Does it learn? Score on validation games", {"score": "eval/score"}),
                Question("Does it over-estimate? Q above the return, as a share", _one("2_overestimation"), (0.0,)),
                Question("Does it explore? Actions that aren't the policy's", _one("3_explored")),
                Question("Does it still move? Choices that an update changes", _one("4_churn")),
            ],
            {},
        ),
        Part(
            "Values",
            "Dots below the dashed line were over-estimated; states with like Q, the orange line, should lie on it.",
            [
                Question("Predicted and came, means over visited states", {"Q": "values/q", "return": "values/return"}),
                Question(
                    "Error of one step, and how far the best action leads",
                    {"TD error": "values/td_error_abs", "action gap": "values/action_gap"},
                ),
            ],
            {"values/calibration": "Each dot is a state: across what was expected, upwards the return that came."},
        ),
        Part(
            "Checks", "Each of these has one right value, the dashed line; the target network must always have moved.",
            [
                Question("States whose mask isn't their own", {"share": "checks/mask_wrong"}, (0.0,)),
                Question("How far the target network moved", {"share of its norm": "checks/target_moved"}),
                Question(
                    "Shaping against γΦ(s′) − Φ(s)",
                    {"slope": "checks/shaping_slope", "explained": "checks/shaping_explained"}, (1.0,),
                ),
            ],
            {},
        ),
        Part(
            "Layers", "Dormant units no longer act; a falling rank says that states are no longer told apart.",
            [
                Question("Dormant share of each layer", each("layers/", "/dormant")),
                Question("Effective rank of each layer", each("layers/", "/rank")),
                Question("Moved by one update, as a share", each("layers/", "/moved")),
                Question("Norm of the last gradient", each("layers/gradient/")),
            ],
            {"features/units": "The four units that differ most between states, each with what excites it most."},
        ),
        Part(
            "Exploration", "Who chose the actions of training, and what the policy itself chose.",
            [
                Question("Who chose", {source: f"exploration/{source}" for source in SOURCES}),
                Question("What the policy chose", each("exploration/policy/")),
                Question(
                    "Beside greedy and the planner, share of turns",
                    {
                        "like greedy": "behaviour/like_greedy", "like the planner": "behaviour/like_planner",
                        "the planner's order is offered": "behaviour/planner_offered",
                    },
                ),
            ],
            {},
        ),
        Part(
            "Games", "The first narrow place of the funnel is where to look; the boards show where is built.",
            [
                Question("Share of training games that come to each stage", each("game/funnel/")),
                Question("Reward of a game, and what shaping adds", {"raw": "reward/raw", "shaping": "reward/shaping"}),
            ],
            {
                "games/episode": "The policy on the first validation map.",
                "games/built": "Six validation maps at the end of the game, with their scores.",
                "games/funnel": "How many validation games come to each stage.",
            },
        ),
        Part(
            "Attribution",
            "What the chosen order's value rests on: integrated gradients, by groups of the observation.",
            [Question("Share of each group", each("attribution/"))],
            {"attribution/groups": "Shares for the policy that is kept."},
        ),
        Part(
            "Information",
            "Bits of the state and of the return that layers hold; only changes and orders mean something.",
            [
                Question("Bits of the state", each("information/", "/state")),
                Question("Bits of the return that comes", each("information/", "/return")),
            ],
            {},
        ),
    ]  # fmt: skip


def _one(name: str) -> dict[str, str]:
    return {name: f"at_a_glance/{name}"}
