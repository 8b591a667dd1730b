"""A whole DQN in one file, plain PyTorch: python examples/dqn_in_one_file.py --level refine --steps 200000

Nothing of Waybill's agents is used, only its environment: to read, to copy, to change. What it has: a batch of games,
masks of legal actions, exploration spread over verbs, n-step returns, a double-DQN target with the next state's mask, a
slowly following target network, and Q(s, a) from the state's embedding and the action's own features.
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
from pathlib import Path

import gymnasium
import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # works in a checkout that is not installed, too

GAMMA, N_STEP = 0.99, 5
NUM_ENVS, BATCH, MEMORY_ROWS = 64, 256, 1024  # the memory holds MEMORY_ROWS batch steps
LEARNING_RATE, TARGET_RATE = 5e-4, 0.005
LEARNING_STARTS, EPSILON_END, EPSILON_SHARE = 5_000, 0.02, 0.3  # exploration falls over that share of the steps


class QNetwork(nn.Module):
    """Q(s, a) of every candidate: entities are embedded and averaged, candidates scored one by one with the result."""

    def __init__(self, layout, width: int = 128) -> None:
        super().__init__()
        self.layout = layout
        self.entity = nn.Sequential(nn.Linear(layout.entity_features, width), nn.ReLU())
        self.state = nn.Sequential(nn.Linear(layout.globals + width, width), nn.LayerNorm(width), nn.ReLU())
        self.of_state, self.of_candidate = nn.Linear(width, width), nn.Linear(layout.candidate_features, width)
        self.score = nn.Sequential(nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, obs: Tensor) -> Tensor:
        """Q-values [B, A] of observations [B, D]."""
        cut = self.layout
        sizes = (cut.globals, cut.entities * cut.entity_features, cut.candidates * cut.candidate_features)
        whole, entities, candidates = obs.float().split(sizes, dim=1)
        entities = entities.unflatten(1, (cut.entities, cut.entity_features))
        present = entities[:, :, :1]  # feature 0 of a row says whether it is there
        pooled = (self.entity(entities) * present).sum(1) / present.sum(1).clamp(min=1)
        state = self.state(torch.cat([whole, pooled], dim=1))
        candidates = candidates.unflatten(1, (cut.candidates, cut.candidate_features))
        return self.score(self.of_state(state)[:, None] + self.of_candidate(candidates)).squeeze(-1)


def q_of_legal(q: Tensor, mask: Tensor) -> Tensor:
    """Q-values [B, A] with the lowest number there is in place of illegal ones: -inf would turn to NaN in products."""
    return q.masked_fill(mask == 0, torch.finfo(q.dtype).min)


class Memory:
    """The last batch steps: row t holds what was seen in step t, what was done there, and what came of it."""

    def __init__(self, rows: int, games: int, obs_size: int, n_actions: int) -> None:
        self.obs = np.zeros((rows, games, obs_size), np.float16)
        self.mask = np.zeros((rows, games, n_actions), np.int8)
        self.action = np.zeros((rows, games), np.int64)
        self.reward = np.zeros((rows, games), np.float32)
        self.terminated = np.zeros((rows, games), np.bool_)
        self.is_step = np.zeros((rows, games), np.bool_)  # False where the game was over and only began anew
        self.rows, self.count = rows, 0

    def add(self, obs, mask, action, reward, terminated, is_step) -> None:
        """Remember a batch step; columns [N, ...]."""
        row = self.count % self.rows
        self.obs[row], self.mask[row], self.action[row] = obs, mask, action
        self.reward[row], self.terminated[row], self.is_step[row] = reward, terminated, is_step
        self.count += 1

    def sample(self, rng: np.random.Generator, size: int) -> tuple[Tensor, ...]:
        """(obs, action, n-step return, discount, obs n steps later, its mask), [B, ...] each."""
        first = max(0, self.count - self.rows + 1)  # the row that is overwritten next is left out
        t = rng.integers(first, self.count - N_STEP, size=size)
        game = rng.integers(self.obs.shape[1], size=size)
        good = self.is_step[t % self.rows, game]
        t, game = t[good], game[good]
        total, discount = np.zeros(len(t), np.float32), np.ones(len(t), np.float32)
        for k in range(N_STEP):  # after an end the discount is 0, so nothing of the next game counts
            at = (t + k) % self.rows, game
            total += discount * self.reward[at]
            discount *= GAMMA * ~self.terminated[at]
        now, later = (t % self.rows, game), ((t + N_STEP) % self.rows, game)
        columns = self.obs[now], self.action[now], total, discount, self.obs[later], self.mask[later]
        return tuple(torch.from_numpy(column) for column in columns)


def explore(rng: np.random.Generator, greedy, mask, groups, epsilon: float) -> np.ndarray:
    """Greedy actions [N], with chance epsilon replaced by a legal one: first a verb is drawn, then one of its actions.

    Drawn from all actions alike, the many ways to build would use up the money.
    """
    actions = greedy.copy()
    for i in np.flatnonzero(rng.random(len(actions)) < epsilon):
        legal = np.flatnonzero(mask[i])
        verb = rng.choice(np.unique(groups[i][legal]))
        actions[i] = rng.choice(legal[groups[i][legal] == verb])
    return actions


def train(level: str = "refine", steps: int = 200_000, seed: int = 0) -> tuple[QNetwork, float]:
    """Train, and return the network with its mean score on 100 maps that it never trained on."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    env = gymnasium.make_vec(f"envs:waybill/{level.capitalize()}-v0", num_envs=NUM_ENVS, gamma=GAMMA)
    online = QNetwork(env.unwrapped.layout)
    target, optimiser = copy.deepcopy(online), torch.optim.Adam(online.parameters(), LEARNING_RATE)
    memory = Memory(MEMORY_ROWS, NUM_ENVS, env.single_observation_space.shape[0], env.single_action_space.n)
    obs, infos = env.reset(seed=seed)
    scores, began, shown = [], time.monotonic(), time.monotonic()
    for step in range(0, steps, NUM_ENVS):
        mask, groups = infos["action_mask"], infos["action_group"]
        with torch.no_grad():
            greedy = q_of_legal(online(torch.from_numpy(obs)), torch.from_numpy(mask)).argmax(1).numpy()
        epsilon = max(EPSILON_END, 1 - (1 - EPSILON_END) * step / (EPSILON_SHARE * steps))
        action = explore(rng, greedy, mask, groups, epsilon)
        next_obs, reward, terminated, _, infos = env.step(action)
        memory.add(obs, mask, action, reward, terminated, ~infos["reset"])
        obs = next_obs
        scores += infos["score"][terminated].tolist()
        if step >= LEARNING_STARTS:
            learn(online, target, optimiser, memory.sample(rng, BATCH))
        if time.monotonic() - shown > 5:
            shown = time.monotonic()
            speed = step / (shown - began)
            print(f"step {step:,} of {steps:,}  score {np.mean(scores[-100:]):.0f}  {speed:,.0f} steps/s", flush=True)
    return online, evaluate(online, level)


def learn(online: QNetwork, target: QNetwork, optimiser: torch.optim.Optimizer, batch: tuple[Tensor, ...]) -> None:
    """One update: the online network chooses the next action, the target network values it (double DQN)."""
    obs_tm1, a_tm1, r_t, discount_t, obs_t, mask_t = batch
    with torch.no_grad():
        best_t = q_of_legal(online(obs_t), mask_t).argmax(1, keepdim=True)
        goal = r_t + discount_t * target(obs_t).gather(1, best_t).squeeze(1)
    q_tm1 = online(obs_tm1).gather(1, a_tm1[:, None]).squeeze(1)
    loss = nn.functional.smooth_l1_loss(q_tm1, goal)
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(online.parameters(), 10.0)
    optimiser.step()
    with torch.no_grad():
        for slow, fast in zip(target.parameters(), online.parameters(), strict=True):
            slow.lerp_(fast, TARGET_RATE)


def evaluate(network: QNetwork, level: str, maps: int = 100) -> float:
    """Mean score (profit in coins) of greedy games on the maps of seeds 0 .. maps - 1, one game each."""
    id = f"envs:waybill/{level.capitalize()}-v0"
    env = gymnasium.make_vec(id, num_envs=maps, maps=(0, maps), in_order=True)
    obs, infos = env.reset(seed=0)
    score, running = np.zeros(maps), np.ones(maps, np.bool_)
    while running.any():
        with torch.no_grad():
            q = q_of_legal(network(torch.from_numpy(obs)), torch.from_numpy(infos["action_mask"]))
        obs, _, terminated, _, infos = env.step(q.argmax(1).numpy())
        score[running & terminated] = infos["score"][running & terminated]
        running &= ~terminated
    return float(score.mean())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--level", default="refine", help="haul, refine, chain, rivals or fog")
    parser.add_argument("--steps", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    options = vars(parser.parse_args())
    print(f"mean score on 100 held-out maps: {train(**options)[1]:,.0f}")
