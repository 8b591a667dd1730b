"""What is shown of a run beside its scores, at each evaluation and with the curves: docs/diagnostics.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from torch import Tensor

from agents.acting.policy import QPolicy
from agents.acting.tally import SOURCES, ActionTally
from agents.memory.transitions import Transitions
from experiments.config.groups import DiagnosticsConfig
from experiments.diagnostics import drawings, embedding, projector
from experiments.diagnostics.checks import moved, wrong_masks
from experiments.diagnostics.layers import (
    ATTRIBUTED_STATES,
    CHURN_STATES,
    LAYER_STATES,
    Churn,
    Seen,
    attributions,
    information_of,
    layer_scalars,
    look_into,
)
from experiments.diagnostics.painter import ToDraw
from experiments.diagnostics.values import compare_values
from experiments.diagnostics.visited import EvaluationWatch, Visited, VisitedStates


@runtime_checkable
class Dissected(Protocol):
    """An agent whose learning can be looked at."""

    def gradient_norms(self, seed: int) -> dict[str, float]:
        """Norms of one seed's last gradient, by the network's parts."""

    def after_next_update(self, call: Callable[[], None]) -> None:
        """Call back once, right after the next gradient update."""

    def target_weights(self, seed: int) -> Tensor | None:
        """One seed's weights of the target network, None without."""

    def last_batch(self, seed: int) -> Transitions | None:
        """What one seed learnt from in the last update, None if it isn't there."""

    def greedy_policy(self, seed: int) -> QPolicy:
        """Acts greedily with one seed's weights of now."""


@runtime_checkable
class CountsActions(Protocol):
    """An agent that counts who chose its actions."""

    tally: ActionTally


class GameWatch(EvaluationWatch, Protocol):
    """What a kind of games shows of an evaluation's games."""

    def scalars(self) -> dict[str, float]:
        """Curves of these games, by tag."""

    def recall(self, states: int) -> dict[str, float]:
        """How often the best player known would do what the policy could, and what it did, in so many of the states."""

    def drawings(self) -> list[ToDraw]:
        """Pictures of these games."""

    def states_drawn(self, tag: str, visited: Visited, rows: Mapping[str, np.ndarray]) -> ToDraw:
        """A picture of some of the visited states, below a title each row of them."""

    def shares(self, obs: np.ndarray, attributed: np.ndarray) -> dict[str, float]:
        """How much each group of an observation's numbers counts, of the attributions [K, D] to obs [K, D]."""


@dataclass
class Shown:
    """What an evaluation adds to the curves, all by tag."""

    scalars: dict[str, float] = field(default_factory=dict)
    histograms: dict[str, np.ndarray] = field(default_factory=dict)
    drawings: list[ToDraw] = field(default_factory=list)
    files: list[ToDraw] = field(default_factory=list)  # to be written, each under its tag, in the run folder


class Diagnostics:
    """Looks into one seed's run. It changes nothing of it: a run without comes to the same numbers, bit for bit."""

    def __init__(
        self, *, settings: DiagnosticsConfig, gamma: float, agent: Any, seed: int,
        watch_games: Callable[[], GameWatch | None], layout: Any,
    ) -> None:  # fmt: skip
        """``watch_games`` makes what looks on at one evaluation, ``layout`` cuts observations."""
        self.settings, self._gamma, self._agent, self._seed = settings, gamma, agent, seed
        self._watch_games, self._layout = watch_games, layout
        self._games: GameWatch | None = None  # of an evaluation that is going on, as the states that it visits
        self._visited: VisitedStates | None = None
        self._plane: dict[str, list[tuple[float, float]]] = {}  # each layer's way, with a point for each of the steps
        self._plane_steps: list[int] = []
        self._target: Tensor | None = None  # weights of the target network at the last evaluation
        self._churn: Visited | None = None  # the states that are asked about again after the next update
        self._found: dict[str, float] = {}  # what came since, for the curves

    def _has(self, part: str) -> bool:
        return part in self.settings.parts

    def watch(self) -> list[EvaluationWatch]:
        """Who looks on at the next evaluation."""
        if not self.settings.parts:
            return []
        self._visited, self._games = VisitedStates(states=self.settings.states, gamma=self._gamma), self._watch_games()
        return [self._visited, *([] if self._games is None else [self._games])]

    def evaluated(self, policy: Any, score: float, env_step: int, *, is_last: bool, draws: bool) -> Shown:
        """What the games just watched show; some of it takes long, and is shown of the last evaluation alone.

        Without ``draws`` nothing is prepared that would only be drawn.
        """
        if self._visited is None:
            return Shown()
        shown, visited = Shown({"at_a_glance/1_score": score}), self._visited.all()
        if len(visited.a):
            self._show(shown, policy, visited, env_step, is_last=is_last, draws=draws)
        self._visited = self._games = None  # they take some room
        return shown

    def _show(
        self, shown: Shown, policy: Any, visited: Visited, env_step: int, *, is_last: bool, draws: bool
    ) -> None:  # fmt: skip
        if self._has("values") and getattr(policy, "value_name", "") == "Q-values":
            self._show_values(shown, policy, visited)
        if isinstance(policy, QPolicy):
            self._show_network(shown, policy, visited, env_step, draws=draws)
        if is_last and self._has("recall") and self._games is not None:
            shown.scalars |= self._games.recall(RECALL_STATES)
        if self._has("games") and self._games is not None:
            shown.scalars |= self._games.scalars()
            shown.drawings += self._games.drawings()

    def _show_values(self, shown: Shown, policy: Any, visited: Visited) -> None:
        values = compare_values(visited, policy.q_values(visited.obs, visited.mask), self._gamma)
        shown.scalars |= values.scalars() | {"at_a_glance/2_overestimation": values.overestimation}
        shown.histograms |= values.histograms()
        given = {"q": values.q, "returned": values.returned, "bins": values.calibration, "unit": "training reward"}
        shown.drawings.append(ToDraw("values/calibration", drawings.calibration, given))

    def _show_network(
        self, shown: Shown, policy: QPolicy, visited: Visited, env_step: int, *, draws: bool
    ) -> None:  # fmt: skip
        agent = self._agent if isinstance(self._agent, Dissected) else None
        if self._has("layers") and agent is not None:
            self._ask_again(policy, visited.thinned(CHURN_STATES))
        seen = look_into(policy, visited.thinned(LAYER_STATES))
        if self._has("checks") and agent is not None:
            self._show_checks(shown)
        if self._has("layers"):
            shown.scalars |= layer_scalars(policy, seen, {} if agent is None else agent.gradient_norms(self._seed))
        if self._has("information"):
            self._show_information(shown, seen, env_step)
        if self._has("attribution") and self._games is not None:
            few = visited.thinned(ATTRIBUTED_STATES)
            shares = self._games.shares(few.obs, attributions(policy, few, self._layout))
            shown.scalars |= {f"attribution/{name}": share for name, share in shares.items()}
            title = "share of what the chosen order's value rests on, in %"
            shown.drawings.append(ToDraw("attribution/groups", drawings.shares, {"values": shares, "title": title}))
        if draws and self._has("projector"):
            shown.files += _embedded(policy, seen, visited, candidates=self._layout.candidates > 0)
        if draws and self._has("features") and self._games is not None and (rows := most_exciting(seen, visited)):
            shown.drawings.append(self._games.states_drawn("features/units", visited, rows))

    def _show_checks(self, shown: Shown) -> None:
        target, batch = self._agent.target_weights(self._seed), self._agent.last_batch(self._seed)
        found = {
            "checks/target_moved": None if target is None or batch is None else moved(self._target, target),
            "checks/mask_wrong": None if batch is None else wrong_masks(batch, self._layout),
        }
        self._target = None if target is None else target.clone()
        shown.scalars |= {tag: value for tag, value in found.items() if value is not None}

    def _show_information(self, shown: Shown, seen: Seen, env_step: int) -> None:
        found = information_of(seen)
        self._plane_steps.append(env_step)
        for name, point in found.items():
            self._plane.setdefault(name, []).append(point)
            shown.scalars[f"information/{name}/state"], shown.scalars[f"information/{name}/return"] = point
        given = {"paths": dict(self._plane), "steps": list(self._plane_steps), "most": np.log2(len(seen.visited.a))}
        shown.drawings.append(ToDraw("information/plane", drawings.information_plane, given))

    def _ask_again(self, policy: QPolicy, visited: Visited) -> None:
        """Compare with the policy as it is after the next update."""
        self._churn, before = visited, Churn(policy, visited)

        def after() -> None:
            self._churn = None
            self._found |= before.after(self._agent.greedy_policy(self._seed))

        self._agent.after_next_update(after)

    def since(self) -> dict[str, float]:
        """What came up between evaluations, by tag; each is told once."""
        found, self._found = self._found, {}
        return found

    def state_dict(self) -> dict[str, Any]:
        """What goes on after a resumption."""
        return {
            "plane": {name: [list(point) for point in points] for name, points in self._plane.items()},
            "plane_steps": list(self._plane_steps),
            "churn": None if self._churn is None else {k: v.copy() for k, v in self._churn._asdict().items()},
            "found": dict(self._found),
            "target": None if self._target is None else self._target.clone(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there, with the agent as it was."""
        self._plane = {name: [(x, y) for x, y in points] for name, points in state["plane"].items()}
        self._plane_steps, self._found = list(state["plane_steps"]), dict(state["found"])
        if state["target"] is not None:
            self._target = state["target"].to(self._agent.target_weights(self._seed).device)
        if state["churn"] is not None and self._has("layers"):
            self._ask_again(self._agent.greedy_policy(self._seed), Visited(**state["churn"]))


def exploration_scalars(counts: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """Shares of the actions by who chose them, and of each source's by their group, from counts [sources, groups]."""
    total = counts.sum()
    if not total:
        return {}
    found = {f"exploration/{source}": float(own.sum() / total) for source, own in zip(SOURCES, counts, strict=True)}
    found["at_a_glance/3_explored"] = 1.0 - found["exploration/policy"]
    for source, own in zip(SOURCES, counts, strict=True):
        if own.sum():
            shares = zip(names, own[: len(names)] / own.sum(), strict=True)
            found |= {f"exploration/{source}/{name}": float(share) for name, share in shares}
    return found


def _embedded(policy: QPolicy, seen: Seen, visited: Visited, *, candidates: bool) -> list[ToDraw]:
    """The files of the projector; of ``candidates`` where actions are such."""
    some = seen.visited
    q = policy.q_values(some.obs, some.mask)[np.arange(len(some.a)), some.a]
    found = {
        "states": embedding.state_embedding(seen, q),
        "candidates": embedding.candidate_embedding(policy, visited) if candidates else None,
    }
    there = {name: own for name, own in found.items() if own is not None}
    files = [
        ToDraw(f"projector/{name}{ending}", function, given)
        for name, own in there.items()
        for ending, function, given in (
            (".tsv", projector.points_file, {"points": own.points}),
            ("_labels.tsv", projector.labels_file, {"labels": own.labels}),
        )
    ]
    return [*files, ToDraw(projector.PROJECTOR, projector.config_file, {"names": list(there)})] if there else []


RECALL_STATES = 64
UNITS, STATES = 4, 4  # that are shown of a layer, and of each unit


def most_exciting(seen: Seen, visited: Visited) -> dict[str, np.ndarray]:
    """Rows of ``visited`` that excite a unit most, of different games, for the units that differ most between states.

    Of the first layer that sees whole states; names are "LAYER unit N".
    """
    layers = seen.of_states()
    if not layers:
        return {}
    name, rows = next(iter(layers.items()))
    activity = rows.cpu().numpy()  # [K, H]
    at = np.flatnonzero(np.isin(_keys(visited), _keys(seen.visited)))
    found = {}
    for unit in np.argsort(-activity.std(0), kind="stable")[:UNITS]:
        order = np.argsort(-activity[:, unit], kind="stable")
        _, first = np.unique(seen.visited.game[order], return_index=True)  # each game once, its strongest state
        found[f"{name} unit {unit}"] = at[order[np.sort(first)[:STATES]]]
    return found


def _keys(visited: Visited) -> np.ndarray:
    """A number for each state, by game and turn."""
    keys: np.ndarray = visited.game * 2**32 + visited.turn
    return keys
