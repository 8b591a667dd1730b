"""The fused DQN update of a candidate network on a CPU: gradients without autograd, but for the value head's loss.

The states' rows are packed once and go through both networks; of the network that learns only the taken candidates are
scored. Seeds are independent of each other and share nothing but threads.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from operator import itemgetter
from typing import TypeGuard

import numpy as np
import torch
from torch import Tensor

from agents import losses
from agents.kernels import candidates as kernels
from agents.kernels import mlp
from agents.memory.transitions import Transitions
from agents.networks.base import Layout, QNetwork
from agents.networks.candidates import CandidateNetwork
from agents.networks.heads import Head
from agents.networks.weights import FlatParameters


def can_fuse_candidates(network: QNetwork) -> TypeGuard[CandidateNetwork]:
    """True if ``FusedCandidates`` covers the network: on a CPU, neither dueling nor noisy."""
    if type(network) is not CandidateNetwork or network.value is not None or network.noisy:
        return False
    return network.head.weight.device.type == "cpu"


class States:
    """B observations of one seed, with their entities and the candidates to score packed side by side."""

    def __init__(self, layout: Layout, size: int) -> None:
        self.layout, self.size = layout, size
        self.entities = torch.empty(size * layout.entities, layout.entity_features)
        self.starts = np.zeros(size + 1, np.int64)
        self.candidates = torch.empty(size * layout.candidates, layout.candidate_features)
        self.row, self.slot = np.zeros((2, size * layout.candidates), np.int64)
        self.obs = np.zeros((0, 0), np.float32)
        self.count = 0  # candidates packed

    def see(self, obs: np.ndarray) -> None:
        """Pack the entities of obs [B, D]."""
        n_globals, count, features = self.layout[:3]
        self.obs = obs
        kernels.pack_entities(obs, n_globals, count, features, self.entities.numpy(), self.starts)

    def legal(self, mask: np.ndarray) -> None:
        """Pack all legal candidates, mask [B, K]."""
        first, features = self.layout.candidates_at, self.layout.candidate_features
        self.count = kernels.pack_legal(self.obs, first, features, mask, self.candidates.numpy(), self.row, self.slot)

    def taken(self, a: np.ndarray) -> None:
        """Pack one candidate for each state, a [B]."""
        kernels.pack_taken(
            self.obs, self.layout.candidates_at, self.layout.candidate_features, a, self.candidates.numpy()
        )
        self.row[: self.size] = np.arange(self.size)
        self.count = self.size


class CandidateForward:
    """The forward pass of one seed of one network into buffers, kept for the way back."""

    def __init__(self, network: CandidateNetwork, flat: FlatParameters, seed: int, size: int) -> None:
        layout, self.outputs = network.layout, network.outputs
        self.n_globals, width = layout.globals, network.head.weight.shape[1]
        self.at = {name: part.start for name, part in flat.slices.items()}
        self.values = flat.values.numpy()[seed : seed + 1]
        own = np.zeros((1, 0), np.float32) if flat.gradients is None else flat.gradients.numpy()[seed : seed + 1]
        self.flat_gradients = own  # [1, P]
        names = ("entity.0", "state.0", "state_to_scorer", "candidate", "scorer.0", "head")
        weights = dict(network.named_parameters())
        self.w = {name: weights[f"{name}.weight"].data[seed] for name in names}  # [in, out]
        self.gradients = {name: flat.gradient_views[f"{name}.weight"][seed] for name in names if flat.gradient_views}
        most = size * layout.candidates
        self.each = torch.empty(size * layout.entities, width)
        self.pooled = torch.empty(size, layout.globals + 2 * width)
        self.state, self.shift = torch.empty(size, width), torch.empty(size, width)
        self.meet, self.scorer = torch.empty(most, width), torch.empty(most, width)
        self.out = torch.empty(most, network.outputs)
        self.kept = {"state.1": _kept(size, width), "meet.0": _kept(most, width), "none": _kept(0, 0)}

    def _norm(self, name: str) -> tuple[int, int]:
        return self.at.get(f"{name}.gain", -1), self.at.get(f"{name}.bias", -1)

    def activate(self, y: Tensor, bias: str, norm: str) -> None:
        """Bias, normalisation and rectifier in place, see ``kernels.mlp.activate``."""
        mlp.activate(_joint(y), self.values, self.at[f"{bias}.bias"], *self._norm(norm), *self.kept[norm])

    def deactivate(self, d: Tensor, y: Tensor, bias: str, norm: str) -> None:
        """The way back through ``activate``, see ``kernels.mlp.deactivate``."""
        mlp.deactivate(
            _joint(d), _joint(y), self.values, self.flat_gradients, self.at[f"{bias}.bias"], *self._norm(norm),
            *self.kept[norm],
        )  # fmt: skip

    def embed(self, states: States) -> None:
        """Compute the state embeddings [B, H] and what they add to each candidate's features, [B, H]."""
        present = int(states.starts[-1])
        torch.mm(states.entities[:present], self.w["entity.0"], out=self.each[:present])
        kernels.pool(self.each.numpy(), states.starts, states.obs, self.n_globals, self.pooled.numpy())
        torch.mm(self.pooled, self.w["state.0"], out=self.state)
        self.activate(self.state, "state.0", "state.1")
        torch.mm(self.state, self.w["state_to_scorer"], out=self.shift)

    def score(self, states: States) -> Tensor:
        """Outputs [L, Z] of the packed candidates, in a buffer."""
        count = states.count
        meet, scorer, out = self.meet[:count], self.scorer[:count], self.out[:count]
        torch.mm(states.candidates[:count], self.w["candidate"], out=meet)
        kernels.add_rows_of(meet.numpy(), self.shift.numpy(), states.row)
        self.activate(meet, "candidate", "meet.0")
        torch.mm(meet, self.w["scorer.0"], out=scorer)
        self.activate(scorer, "scorer.0", "none")
        torch.mm(scorer, self.w["head"], out=out)
        kernels.add_bias(out.numpy(), self.values[0], self.at["head.bias"])
        return out


def _kept(rows: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    return np.empty((1, rows, width), np.float32), np.empty((1, rows), np.float32)


def _joint(rows: Tensor) -> np.ndarray:
    """A view [1, R, H] of rows [R, H], as kernels take the rows of one seed."""
    return rows.numpy()[None]


class CandidateSeed:
    """The fused update of one seed."""

    def __init__(
        self, *, online: CandidateForward, target: CandidateForward, layout: Layout, size: int, double: bool, head: Head
    ) -> None:
        self.online, self.target, self.double, self.head, self.size = online, target, double, head, size
        self.before, self.after = States(layout, size), States(layout, size)
        width = online.state.shape[1]
        self.d_rows = [torch.empty(size, width) for _ in range(3)]
        self.d_pooled = torch.empty(size, 2 * width)
        self.d_each = torch.empty_like(online.each)
        self.q_t, self.place = torch.zeros(size, layout.candidates), torch.zeros(size, layout.candidates).long()
        self.td, self.d_out = torch.empty(size), torch.empty(size, online.outputs)
        self.sums = np.zeros(3)

    def gradients(self, batch: Transitions) -> None:
        """Fill this seed's gradients and TD errors from its part [B, ...] of a batch."""
        q_t, outputs_of = self._look_ahead(batch.obs_t.numpy(), batch.mask_t.numpy())
        target = losses.q_learning_target(
            r_t=batch.r_t, discount_t=batch.discount_t, q_t=q_t, mask_t=batch.mask_t, outputs_of=outputs_of,
            bootstrap_outputs=self.head.bootstrap,
        )  # fmt: skip
        self.before.see(batch.obs_tm1.numpy())
        self.before.taken(batch.a_tm1.numpy())
        self.online.embed(self.before)
        self._differentiate(self.online.score(self.before), target, batch.weights)
        self._backward()

    def _look_ahead(self, obs: np.ndarray, mask: np.ndarray) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """The values [B, K] that choose the next action, and the target network's outputs [B, Z] for it."""
        after = self.after
        after.see(obs)
        after.legal(mask)
        chooser = self.online if self.double else self.target
        chooser.embed(after)
        outputs = chooser.score(after)  # [L, Z]
        q = self.head.preference(outputs).numpy()
        kernels.unpack_values(q, after.row, after.slot, self.q_t.numpy(), self.place.numpy())
        return self.q_t, self._outputs_by_target if self.double else partial(self._outputs_at, outputs)

    def _outputs_by_target(self, a: Tensor) -> Tensor:
        """The target network's outputs [B, Z] of the actions a [B]: these alone are scored."""
        self.after.taken(a.numpy())
        self.target.embed(self.after)
        return self.target.score(self.after)

    def _outputs_at(self, outputs: Tensor, a: Tensor) -> Tensor:
        """Outputs [B, Z] of the actions a [B], from those of the packed candidates [L, Z].

        Where no action is legal, as at an end, they are those of another row.
        """
        return outputs.index_select(0, self.place.gather(1, a.unsqueeze(1)).squeeze(1))

    def _differentiate(self, out_tm1: Tensor, target: Tensor, weights: Tensor) -> None:
        """Fill the TD errors [B] and the loss's slope in out_tm1 [B, Z], and add to the sums for the curves."""
        leaf = out_tm1.detach().clone().requires_grad_()
        loss, td_error = self.head.loss(out_tm1=leaf, target=target)
        total = (loss * weights).mean()
        self.d_out.copy_(torch.autograd.grad(total, leaf)[0])
        self.td.copy_(td_error)
        self.sums += [float(total.detach()), float(self.head.mean(out_tm1).mean()), float(td_error.abs().mean())]

    def _backward(self) -> None:
        side, (d_scorer, d_meet, d_state) = self.online, self.d_rows
        scorer, meet = side.scorer[: self.size], side.meet[: self.size]
        w, gradients = side.w, side.gradients
        torch.mm(scorer.t(), self.d_out, out=gradients["head"])
        kernels.sum_rows(self.d_out.numpy(), side.flat_gradients[0], side.at["head.bias"])
        torch.mm(self.d_out, w["head"].t(), out=d_scorer)
        side.deactivate(d_scorer, scorer, "scorer.0", "none")
        torch.mm(meet.t(), d_scorer, out=gradients["scorer.0"])
        torch.mm(d_scorer, w["scorer.0"].t(), out=d_meet)
        side.deactivate(d_meet, meet, "candidate", "meet.0")
        torch.mm(self.before.candidates[: self.size].t(), d_meet, out=gradients["candidate"])
        torch.mm(side.state.t(), d_meet, out=gradients["state_to_scorer"])
        torch.mm(d_meet, w["state_to_scorer"].t(), out=d_state)
        side.deactivate(d_state, side.state, "state.0", "state.1")
        torch.mm(side.pooled.t(), d_state, out=gradients["state.0"])
        torch.mm(d_state, w["state.0"][side.n_globals :].t(), out=self.d_pooled)
        present = int(self.before.starts[-1])
        kernels.unpool(
            self.d_pooled.numpy(), side.each.numpy(), self.before.starts, side.pooled.numpy(), side.n_globals,
            self.d_each.numpy(),
        )  # fmt: skip
        torch.mm(self.before.entities[:present].t(), self.d_each[:present], out=gradients["entity.0"])


class FusedCandidates:
    """The fused updates of S seeds, on ``threads`` threads."""

    def __init__(
        self, *, network: CandidateNetwork, online: FlatParameters, target_network: CandidateNetwork,
        target: FlatParameters, batch_size: int, double: bool, head: Head, threads: int,
    ) -> None:  # fmt: skip
        self.seeds = [
            CandidateSeed(
                online=CandidateForward(network, online, s, batch_size),
                target=CandidateForward(target_network, target, s, batch_size),
                layout=network.layout, size=batch_size, double=double, head=head,
            ) for s in range(len(online.values))
        ]  # fmt: skip
        self.sums = np.zeros((len(self.seeds), 3))
        self._workers = None
        if threads > 1 and len(self.seeds) > 1:  # each on one: products this small gain nothing from two
            self._workers = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))

    def gradients(self, batch: Transitions) -> Tensor:
        """Fill the online network's gradients from a batch [S, B, ...]; returns TD errors [S, B]."""
        parts = [batch.map(itemgetter(s)) for s in range(len(self.seeds))]
        if self._workers is None:
            for seed, part in zip(self.seeds, parts, strict=True):
                seed.gradients(part)
        else:
            list(self._workers.map(CandidateSeed.gradients, self.seeds, parts))
        for own, seed in zip(self.sums, self.seeds, strict=True):
            own += seed.sums
            seed.sums[:] = 0
        return torch.stack([seed.td for seed in self.seeds])
