"""Acting on Q-values: NumPy observations in, actions out, in one batched call for all games of all seeds."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents import losses
from agents.fused.candidates import CandidateForward, can_fuse_candidates
from agents.fused.mlp import MLPForward, can_fuse_mlp
from agents.fused.products import SeedRows
from agents.fused.workers import Workers
from agents.gpu.captured import Captured
from agents.gpu.sending import send
from agents.networks.base import QNetwork
from agents.networks.candidates import CandidateNetwork
from agents.networks.heads import Head, ScalarHead
from agents.networks.layers import remove_noise
from agents.networks.mlp import MLP
from agents.networks.weights import FlatParameters, load_weights


class QPolicy:
    """A Q-network that acts greedily among legal actions.

    The rows of S seeds follow each other: of N rows the first N / S are seed 0's.
    """

    value_name = "Q-values"

    def __init__(self, *, network: QNetwork, head: Head, n_actions: int, device: torch.device) -> None:
        self.network, self.head, self.n_actions, self.device = network, head, n_actions, device
        self.flat: FlatParameters | None = None  # the network's weights, if a learner holds them as one array
        self.workers = Workers(1)  # or those of a learner
        self._forward: MLPForward | CandidateForward | None = None  # the fused forward pass
        self._graphs: dict[tuple[int, ...], Captured] = {}  # of acting on a GPU, for each number of rows
        self._put: tuple[np.ndarray, Tensor] | None = None

    @property
    def seeds(self) -> int:
        """Number S of seeds whose weights the network holds."""
        return len(next(self.network.parameters()))

    @property
    def is_fused(self) -> bool:
        """True if the forward pass goes without autograd's operations, on a CPU: see ``fused``."""
        return self.flat is not None and (can_fuse_mlp(self.network) or can_fuse_candidates(self.network))

    @property
    def chooses_rows(self) -> bool:
        """True if fewer rows cost less, whatever number they are: on a CPU, for one seed, without fixed buffers."""
        return self.seeds == 1 and self.device.type == "cpu" and not (self.is_fused and can_fuse_mlp(self.network))

    def single(self, seed: int) -> QPolicy:
        """One seed's policy as it is now, with weights of its own."""
        network = copy.deepcopy(self.network)
        for parameter in network.parameters():
            parameter.data = parameter.data[seed : seed + 1].clone()
        policy = QPolicy(network=network, head=self.head, n_actions=self.n_actions, device=self.device)
        policy.workers = self.workers
        policy.flat = None if self.flat is None else FlatParameters(network, gradients=False)
        return policy

    def q_values(self, obs: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        """float32 [N, A] from obs [N, D] and mask [N, A] bool or int8 (None: all legal); illegal actions are -inf."""
        remove_noise(self.network)
        q, legal = self.scores(obs, mask)
        return torch.where(legal, q, -torch.inf).flatten(0, 1).float().cpu().numpy()

    def greedy(self, obs: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        """The best legal action of each row, int64 [N]; 0 in rows without a legal action (games that have ended)."""
        remove_noise(self.network)
        return self.best(obs, mask)

    __call__ = greedy

    def values(self, obs: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        """The Q-value of the best legal action of each row, float32 [N]; -inf in rows without a legal action."""
        return self.q_values(obs, mask).max(axis=1)

    def best(self, obs: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        """The actions of ``greedy``, but with the noise, if any, that the network has at the moment."""
        if isinstance(self.head, ScalarHead) and self.is_fused and isinstance(self.network, CandidateNetwork):
            return self._candidate_forward(self.network).best(*self._rows_of(obs, mask)).reshape(-1)
        q, legal = self.scores(obs, mask)
        return losses.masked_argmax(q, legal).flatten().cpu().numpy()

    @torch.inference_mode()
    def best_and_values(self, obs: np.ndarray, mask: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """The actions of ``best`` and their Q-values [N] float32, 0 in rows without a legal action.

        On a GPU this is one copy there, one graph, which must not be used with another kind of noise, one copy back.
        """
        rows, legal = self._rows_of(obs, mask)
        if self.device.type != "cuda":
            found = self._chosen(rows, legal)
        else:
            graph = self._graphs.setdefault(rows.shape, Captured(self._chosen, self.device))
            found = graph(rows, legal)
        actions, values = found.flatten(1).cpu().numpy()
        return actions.astype(np.int64), values.view(np.float32)

    def _chosen(self, rows: Tensor, legal: Tensor) -> Tensor:
        """Actions, and the bits of their values: int32 [2, S, N]."""
        q = self._fused_scores(rows, legal) if self.is_fused else self.head.preference(self.network(rows, legal))
        values = torch.where(legal.any(-1), losses.masked_max(q, legal), 0.0).float()
        return torch.stack([losses.masked_argmax(q, legal).int(), values.view(torch.int32)])

    @torch.inference_mode()
    def scores(self, obs: np.ndarray, mask: np.ndarray | None) -> tuple[Tensor, Tensor]:
        """The numbers that actions are chosen by (Q-values or risks), and the mask: [S, N / S, A], on the device."""
        rows, legal = self._rows_of(obs, mask)
        if self.is_fused:
            return self._fused_scores(rows, legal), legal
        return self.head.preference(self.network(rows, legal)), legal

    def _fused_scores(self, rows: Tensor, legal: Tensor) -> Tensor:
        """The same by the fused forward pass; of an MLP in a buffer that the next call overwrites."""
        assert self.flat is not None
        if isinstance(self.network, CandidateNetwork):
            return self.head.preference(self._candidate_forward(self.network)(rows, legal))
        if not isinstance(self._forward, MLPForward) or self._forward.rows != rows.shape[1]:
            assert isinstance(self.network, MLP)
            self._forward = MLPForward(self.network, self.flat, rows.shape[1])
        return torch.from_numpy(self._forward.forward(SeedRows(rows), legal.numpy()))

    def _candidate_forward(self, network: CandidateNetwork) -> CandidateForward:
        if not isinstance(self._forward, CandidateForward):
            assert self.flat is not None
            self._forward = CandidateForward(network, self.flat, self.workers)
        return self._forward

    def policy_state_dict(self, seed: int = 0) -> dict[str, Any]:
        """Copies of what one seed needs to act: its weights, as a network of one seed."""
        return {"network": {name: value[seed : seed + 1].clone() for name, value in self.network.state_dict().items()}}

    def load_policy(self, state: dict[str, Any]) -> None:
        """Act with the weights of ``policy_state_dict``, or of a whole agent's ``state_dict``.

        Raises:
            WaybillError: in one line, if they belong to a network of another shape.
        """
        load_weights(self.network, state["network"])

    def sent(self, obs: np.ndarray) -> Tensor | None:
        """This very array [N, D] as it is on the device; None if it was not the last one sent, or since ``forget``."""
        return self._put[1] if self._put is not None and self._put[0] is obs else None

    def forget(self) -> None:
        """Drop the array that was sent last, and its tensor."""
        self._put = None

    def _rows_of(self, obs: np.ndarray, mask: np.ndarray | None) -> tuple[Tensor, Tensor]:
        """Observations [S, N / S, D] and mask [S, N / S, A] on the device."""
        given = [np.asarray(obs, np.float32)]
        if mask is not None:
            given.append(np.ascontiguousarray(mask).view(np.bool_))
        sent = [tensor.unflatten(0, (self.seeds, -1)) for tensor in send(self.device, *given)]
        self._put = (obs, sent[0].flatten(0, 1))
        if mask is not None:
            return sent[0], sent[1]
        one = torch.ones(1, 1, 1, dtype=torch.bool, device=self.device)
        return sent[0], one.expand(*sent[0].shape[:2], self.n_actions)
