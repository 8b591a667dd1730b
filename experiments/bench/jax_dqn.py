"""A DQN on CartPole-v1 that JAX compiles whole: games, memory and updates in one program, to be measured against.

It is written as such programs are (the agent's whole loop under ``lax.scan``: Lu et al. 2022, "Discovered Policy
Optimisation", sec. 4), and does the same work as ``cases.Training``: games side by side, batch, updates a step,
network, Huber loss, clipped Adam, copies to the target network. It needs the extra ``jax``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

DISCOUNT, LEARNING_RATE, MAX_NORM, TARGET_EVERY = 0.99, 5e-4, 10.0, 500
EXPLORED, CAPACITY, LEARNING_STARTS = 0.1, 50_000, 1_024
EPISODE = 500  # turns at most


class TrainState(NamedTuple):
    """All that changes in training."""

    key: Any
    games: Any  # [N, 4]: place and speed of the cart, angle and speed of the pole
    turns: Any  # [N], of the present episodes
    params: Any
    target: Any
    optimiser: Any
    memory: Any  # (s, a, r, s', discount), [T, N, ...] each
    batch_steps: Any
    lengths: Any  # [2]: turns of ended episodes, and how many ended


def physics(games: Any, right: Any) -> Any:
    """One turn of the cart and its pole (Barto, Sutton & Anderson 1983, appendix; Gymnasium's CartPole-v1)."""
    place, speed, angle, turning = games.T
    force = jnp.where(right == 1, 10.0, -10.0)
    pole, mass, half = 0.1 * 0.5, 1.1, 0.5  # mass times half-length, total mass, half-length
    along = (force + pole * turning**2 * jnp.sin(angle)) / mass
    swing = (9.8 * jnp.sin(angle) - jnp.cos(angle) * along) / (half * (4 / 3 - 0.1 * jnp.cos(angle) ** 2 / mass))
    push = along - pole * swing * jnp.cos(angle) / mass
    return jnp.stack([place + 0.02 * speed, speed + 0.02 * push, angle + 0.02 * turning, turning + 0.02 * swing], 1)


def has_fallen(games: Any) -> Any:
    """Whether a game is lost, [N]."""
    return (jnp.abs(games[:, 0]) > 2.4) | (jnp.abs(games[:, 2]) > 12 * jnp.pi / 180)


def make_params(key: Any, widths: Sequence[int]) -> Any:
    """Weights and biases of an MLP, drawn as PyTorch draws them."""
    sizes, params = [4, *widths, 2], []
    for a, b in pairwise(sizes):
        key, own, other = jax.random.split(key, 3)
        bound = a**-0.5
        weight = jax.random.uniform(own, (a, b), minval=-bound, maxval=bound)
        params.append((weight, jax.random.uniform(other, (b,), minval=-bound, maxval=bound)))
    return params


def q_values(params: Any, obs: Any) -> Any:
    """Q-values [B, 2] of obs [B, 4]."""
    for weight, bias in params[:-1]:
        obs = jax.nn.relu(obs @ weight + bias)
    weight, bias = params[-1]
    return obs @ weight + bias


def loss(params: Any, target: Any, batch: Any) -> Any:
    """Mean Huber loss of DQN's TD errors."""
    obs, a, r, obs_t, discount = batch
    q = jnp.take_along_axis(q_values(params, obs), a[:, None], 1)[:, 0]
    return optax.huber_loss(q, r + discount * q_values(target, obs_t).max(1)).mean()


class JAXTraining:
    """DQN on ``games`` games of CartPole-v1, compiled whole."""

    def __init__(
        self, widths: Sequence[int], *, games: int, batch_size: int, steps_per_update: int, steps: int
    ) -> None:
        self.games, self.batch_size, self.steps = games, batch_size, steps
        self.updates = games // steps_per_update
        self.optimiser = optax.chain(optax.clip_by_global_norm(MAX_NORM), optax.adam(LEARNING_RATE))
        rows, key = CAPACITY // games, jax.random.PRNGKey(0)
        params = make_params(key, widths)
        numbers = partial(jnp.zeros, (rows, games))
        memory = jnp.zeros((rows, games, 4)), numbers(jnp.int32), numbers(), jnp.zeros((rows, games, 4)), numbers()
        self.run = TrainState(
            key=key, games=self._begin(key), turns=jnp.zeros(games, jnp.int32), params=params, target=params,
            optimiser=self.optimiser.init(params), memory=memory, batch_steps=jnp.zeros((), jnp.int32),
            lengths=jnp.zeros(2),
        )  # fmt: skip
        self._train: Callable[[TrainState], TrainState] = jax.jit(self._scan)
        self()

    def __call__(self) -> float:
        """Environment steps a second over a round."""
        begin = time.perf_counter()
        self.run = jax.block_until_ready(self._train(self.run))
        return self.steps // self.games * self.games / (time.perf_counter() - begin)

    def mean_length(self) -> float:
        """Turns of an episode, of those that ended since the last call."""
        turns, count = self.run.lengths.tolist()
        self.run = self.run._replace(lengths=jnp.zeros(2))
        return turns / max(count, 1.0)

    def _begin(self, key: Any) -> Any:
        return jax.random.uniform(key, (self.games, 4), minval=-0.05, maxval=0.05)

    def _scan(self, run: TrainState) -> TrainState:
        return jax.lax.scan(lambda run, _: (self._batch_step(run), None), run, None, self.steps // self.games)[0]

    def _batch_step(self, run: TrainState) -> TrainState:
        """Act, step all games, remember, and make the updates that are due."""
        key, *own = jax.random.split(run.key, 5)
        best = q_values(run.params, run.games).argmax(1)
        drawn = jax.random.randint(own[0], best.shape, 0, 2)
        a = jnp.where(jax.random.uniform(own[1], best.shape) < EXPLORED, drawn, best)
        after, turns = physics(run.games, a), run.turns + 1
        fallen = has_fallen(after)
        over = fallen | (turns >= EPISODE)
        row = run.batch_steps % run.memory[0].shape[0]
        new = run.games, a, jnp.ones(self.games), after, jnp.where(fallen, 0.0, DISCOUNT)
        memory = jax.tree.map(lambda kept, x: kept.at[row].set(x.astype(kept.dtype)), run.memory, new)
        ended = jnp.stack([jnp.where(over, turns, 0).sum(), over.sum()]).astype(jnp.float32)
        run = run._replace(
            key=key, games=jnp.where(over[:, None], self._begin(own[2]), after), turns=jnp.where(over, 0, turns),
            memory=memory, batch_steps=run.batch_steps + 1, lengths=run.lengths + ended,
        )  # fmt: skip
        ready = run.batch_steps * self.games >= LEARNING_STARTS
        return jax.lax.cond(ready, partial(self._learn, own[3]), lambda run: run, run)

    def _learn(self, key: Any, run: TrainState) -> TrainState:
        filled = jnp.minimum(run.batch_steps, run.memory[0].shape[0])

        def update(state: Any, drawn: Any) -> Any:
            params, target, optimiser, number = state
            key_row, key_game = jax.random.split(drawn)
            row = jax.random.randint(key_row, (self.batch_size,), 0, filled)
            game = jax.random.randint(key_game, (self.batch_size,), 0, self.games)
            batch = jax.tree.map(lambda x: x[row, game], run.memory)
            change, optimiser = self.optimiser.update(jax.grad(loss)(params, target, batch), optimiser)
            params = optax.apply_updates(params, change)
            copied = (number + 1) % TARGET_EVERY == 0
            target = jax.tree.map(lambda new, old: jnp.where(copied, new, old), params, target)
            return (params, target, optimiser, number + 1), None

        first = run.batch_steps * self.updates
        state = run.params, run.target, run.optimiser, first
        (params, target, optimiser, _), _ = jax.lax.scan(update, state, jax.random.split(key, self.updates))
        return run._replace(params=params, target=target, optimiser=optimiser)
