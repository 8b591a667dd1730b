"""A candidate network without autograd, on a CPU: its forward pass, and the DQN update in halves of a batch.

The states' rows are packed once and go through both networks; of the network that learns only the taken candidates are
scored. Halves and seeds are independent of each other and share nothing but threads; gradients of halves are averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, TypeGuard

import numpy as np
import torch
from torch import Tensor

from agents import losses
from agents.fused.workers import Portion, Workers
from agents.kernels import candidate_passes as passes
from agents.kernels import candidates as kernels
from agents.kernels.blas import sgemm
from agents.kernels.candidate_passes import BackwardRoom, ForwardRoom, PackedRows, Places, Sizes
from agents.memory.transitions import Transitions, halves
from agents.networks.base import Layout, QNetwork
from agents.networks.candidates import CandidateNetwork
from agents.networks.heads import Head, ScalarHead
from agents.networks.weights import FlatParameters


def can_fuse_candidates(network: QNetwork) -> TypeGuard[CandidateNetwork]:
    """True if ``FusedCandidates`` covers the network: on a CPU, neither dueling nor noisy."""
    if type(network) is not CandidateNetwork or network.value is not None or network.noisy:
        return False
    return network.head.weight.device.type == "cpu"


def _sizes(network: CandidateNetwork) -> Sizes:
    layout = network.layout
    return Sizes(
        globals=layout.globals, entities=layout.entities, entity_features=layout.entity_features,
        candidates_at=layout.candidates_at, candidate_features=layout.candidate_features,
        width=network.head.weight.shape[1], outputs=network.outputs,
    )  # fmt: skip


def _places(flat: FlatParameters) -> Places:
    first = {name: part.start for name, part in flat.slices.items()}
    return Places(
        entity=first["entity.0.weight"], state=first["state.0.weight"], state_bias=first["state.0.bias"],
        state_gain=first.get("state.1.gain", -1), state_shift=first.get("state.1.bias", -1),
        to_scorer=first["state_to_scorer.weight"], candidate=first["candidate.weight"],
        candidate_bias=first["candidate.bias"], meet_gain=first.get("meet.0.gain", -1),
        meet_shift=first.get("meet.0.bias", -1), scorer=first["scorer.0.weight"], scorer_bias=first["scorer.0.bias"],
        head=first["head.weight"], head_bias=first["head.bias"],
    )  # fmt: skip


def _packed_rows(layout: Layout, size: int) -> PackedRows:
    row, slot = np.zeros((2, size * layout.candidates), np.int64)
    return PackedRows(
        _empty(size * layout.entities, layout.entity_features), np.zeros(size + 1, np.int64),
        _empty(size * layout.candidates, layout.candidate_features), row, slot,
    )  # fmt: skip


def _forward_room(network: CandidateNetwork, size: int) -> ForwardRoom:
    layout, width = network.layout, network.head.weight.shape[1]
    most, entities = size * layout.candidates, size * layout.entities
    return ForwardRoom(
        each=_empty(entities, width), pooled=_empty(size, layout.globals + 2 * width), state=_empty(size, width),
        shift=_empty(size, width), meet=_empty(most, width), scorer=_empty(most, width),
        out=_empty(most, network.outputs), state_kept=_empty(1, size, width), state_scale=_empty(1, size),
        meet_kept=_empty(1, most, width), meet_scale=_empty(1, most),
    )  # fmt: skip


def _empty(*shape: int) -> np.ndarray:
    return np.empty(shape, np.float32)


class CandidateForward:
    """What a network of S seeds says of states that come in batches of any size, on the threads of ``workers``.

    Each seed's states are seen in two halves, whatever the number of threads; a few are seen at once.
    """

    few = 16

    def __init__(self, network: CandidateNetwork, flat: FlatParameters, workers: Workers) -> None:
        self.network, self.values, self._workers = network, flat.values.numpy(), workers
        self._numbers = sgemm(), _sizes(network), _places(flat)
        self._size = 0  # states that each room is for
        self._rooms: list[tuple[PackedRows, ForwardRoom, np.ndarray]]

    def __call__(self, obs: Tensor, mask: Tensor) -> Tensor:
        """[S, B, K, Z] from obs [S, B, D] and mask [S, B, K] bool; 0 for illegal candidates."""
        outputs = np.zeros((*mask.shape, self.network.outputs), np.float32)
        self._run(self._score, obs, mask, outputs)
        return torch.from_numpy(outputs)

    def best(self, obs: Tensor, mask: Tensor) -> np.ndarray:
        """The candidate [S, B] int64 of the largest first output, the first of equals; 0 where none is legal."""
        actions = np.zeros(mask.shape[:2], np.int64)
        self._run(self._choose, obs, mask, actions)
        return actions

    def _run(self, see: Callable[..., None], obs: Tensor, mask: Tensor, out: np.ndarray) -> None:
        count = obs.shape[1]
        parts = halves(count) if count >= self.few else [slice(0, count)]
        self._make_room(len(self.values) * len(parts), parts[0].stop)
        seen, legal, tasks = obs.numpy(), mask.numpy(), list[Portion]()
        for s in range(len(seen)):
            for part in parts:
                given = self.values[s : s + 1], seen[s, part], legal[s, part]
                tasks.append(partial(see, *given, self._rooms[len(tasks)], out[s, part]))
        self._workers.run(tasks)

    def _make_room(self, count: int, size: int) -> None:
        if size > self._size:
            self._rooms, self._size = [], size
        for _ in range(len(self._rooms), count):
            rows, place = _packed_rows(self.network.layout, self._size), np.zeros(self._size, np.int64)
            self._rooms.append((rows, _forward_room(self.network, self._size), place))

    def _score(self, values: np.ndarray, obs: np.ndarray, mask: np.ndarray, given: Any, out: np.ndarray) -> None:
        rows, room, _ = given
        found = passes.look_ahead(*self._numbers, values, obs, mask, rows, room)
        out[rows.row[:found], rows.slot[:found]] = room.out[:found]

    def _choose(self, values: np.ndarray, obs: np.ndarray, mask: np.ndarray, given: Any, out: np.ndarray) -> None:
        rows, room, place = given
        passes.choose(*self._numbers, values, obs, mask, rows, room, out, place[: len(out)])


class CandidatePart:
    """The fused update of ``size`` transitions of one seed: half of its batch.

    Weights and gradients are flat arrays [1, P]. ``td`` [B] is where TD errors are written; ``sums`` [1, 4] are of
    loss, q, absolute TD error and what lies at the head's ends.
    """

    def __init__(
        self, *, network: CandidateNetwork, places: Places, values: np.ndarray, target_values: np.ndarray,
        gradients: np.ndarray, size: int, double: bool, head: Head, td: Tensor,
    ) -> None:  # fmt: skip
        self.values, self.target_values, self.own, self.size = values, target_values, gradients, size
        self.double, self.head, self.td = double, head, td
        layout, width = network.layout, network.head.weight.shape[1]
        self._numbers = sgemm(), _sizes(network), places
        self.before, self.after = _packed_rows(layout, size), _packed_rows(layout, size)
        self.online, self.target = _forward_room(network, size), _forward_room(network, size)
        self.back = BackwardRoom(
            d_out=_empty(size, network.outputs), d_scorer=_empty(size, width), d_meet=_empty(size, width),
            d_state=_empty(size, width), d_pooled=_empty(size, 2 * width), d_each=_empty(*self.online.each.shape),
            a_t=np.zeros(size, np.int64), place=np.zeros(size, np.int64), first=np.zeros((1, size), np.int64),
            slope=_empty(1, size), out_t=_empty(size, 1),
        )  # fmt: skip
        self.q_t = torch.zeros(size, layout.candidates)
        self.place = torch.zeros(size, layout.candidates).long()
        self.sums = np.zeros((1, 4))

    def gradients(self, batch: Transitions, arrays: Any) -> None:
        """Fill this part's gradients and TD errors from its rows [B, ...], as tensors and as arrays."""
        if not isinstance(self.head, ScalarHead):
            self._fit(batch, arrays)
            return
        passes.update_values(
            *self._numbers, self.values, self.target_values, self.own, arrays, self.before, self.after, self.online,
            self.target, self.back, self.double, self.head.huber_delta, self.td.numpy()[None], self.sums,
        )  # fmt: skip

    def _fit(self, batch: Transitions, arrays: Any) -> None:
        """The same for any value head."""
        room, values = (self.online, self.values) if self.double else (self.target, self.target_values)
        count = passes.look_ahead(*self._numbers, values, arrays.obs_t, arrays.mask_t, self.after, room)
        outputs = torch.from_numpy(room.out[:count])
        q = self.head.preference(outputs).numpy()
        kernels.unpack_values(q, self.after.row, self.after.slot, self.q_t.numpy(), self.place.numpy())
        target = losses.q_learning_target(
            r_t=batch.r_t, discount_t=batch.discount_t, q_t=self.q_t, mask_t=batch.mask_t,
            outputs_of=partial(self._outputs_of, arrays.obs_t, outputs), bootstrap_outputs=self.head.bootstrap,
        )  # fmt: skip
        passes.see(self._numbers[1], arrays.obs_tm1, self.before)
        passes.score_taken(*self._numbers, self.values, arrays.obs_tm1, arrays.a_tm1, self.before, self.online)
        out_tm1 = torch.from_numpy(self.online.out[: self.size])
        leaf = out_tm1.clone().requires_grad_()
        loss, td_error = self.head.loss(out_tm1=leaf, target=target)
        total = (loss * batch.weights).mean()
        self.back.d_out[:] = torch.autograd.grad(total, leaf)[0].numpy()
        self.td.copy_(td_error)
        means = (total.detach(), self.head.mean(out_tm1).mean(), td_error.abs().mean())
        at_ends = float(self.head.at_ends(target).mean()) if self.head.has_ends else 0.0
        self.sums += [*(float(mean) for mean in means), at_ends]
        passes.backward(*self._numbers, self.values, self.own, self.before, self.online, self.back)

    def _outputs_of(self, obs: np.ndarray, outputs: Tensor, a: Tensor) -> Tensor:
        """The target network's outputs [B, Z] of the next actions a [B]; with double these alone are scored.

        Otherwise they are among those of the packed candidates; where no action is legal, those of another row.
        """
        if not self.double:
            return outputs.index_select(0, self.place.gather(1, a.unsqueeze(1)).squeeze(1))
        passes.score_taken(*self._numbers, self.target_values, obs, a.numpy(), self.after, self.target)
        return torch.from_numpy(self.target.out[: self.size])


class FusedCandidates:
    """The fused updates of S seeds, each in two halves, on the threads of ``workers``."""

    def __init__(
        self, *, network: CandidateNetwork, online: FlatParameters, target_network: CandidateNetwork,
        target: FlatParameters, batch_size: int, double: bool, head: Head, workers: Workers,
    ) -> None:  # fmt: skip
        assert online.gradients is not None
        seeds, self._halves, self._workers = len(online.values), halves(batch_size), workers
        gradients = online.gradients.numpy()
        self._gradients = gradients, np.zeros_like(gradients)  # of each half, [S, P]
        self._shares = [(part.stop - part.start) / batch_size for part in self._halves]
        self.sums, self.td = np.zeros((seeds, 4)), torch.empty(seeds, batch_size)
        given: dict[str, Any] = {"network": network, "places": _places(online), "double": double, "head": head}
        self._parts = [
            CandidatePart(
                **given, values=online.values.numpy()[s : s + 1], target_values=target.values.numpy()[s : s + 1],
                gradients=own[s : s + 1], size=part.stop - part.start, td=self.td[s, part],
            )
            for s in range(seeds) for own, part in zip(self._gradients, self._halves, strict=False)
        ]  # fmt: skip
        self._batch: Transitions | None = None  # the buffers last seen, and each part's rows of them
        self._given: Sequence[tuple[Transitions, Any]] = ()

    def gradients(self, batch: Transitions, reading: Sequence[Portion] = ()) -> Tensor:
        """Fill the online network's gradients from a batch [S, B, ...]; returns TD errors [S, B], in a buffer.

        ``reading`` fills the rows of each part, in their order: whoever reads a part goes on with it, so that threads
        meet once in an update, not twice (a thread that waits takes a tenth of a millisecond to wake).
        """
        if batch is not self._batch:
            self._batch, rows = batch, batch._replace(obs=None, mask=None)
            cut = [rows.map(itemgetter((s, half))) for s in range(len(self.sums)) for half in self._halves]
            self._given = [(part, part.map(Tensor.numpy)) for part in cut]
        tasks: list[Portion] = [
            partial(part.gradients, *own) for part, own in zip(self._parts, self._given, strict=True)
        ]
        if reading:
            tasks = [partial(_in_turn, read, task) for read, task in zip(reading, tasks, strict=True)]
        self._workers.run(tasks)
        count = len(self._halves)
        for k, part in enumerate(self._parts):
            self.sums[k // count] += self._shares[k % count] * part.sums[0]
            part.sums[:] = 0
        if count > 1:
            kernels.blend(*self._gradients, np.float32(self._shares[1]))
        return self.td


def _in_turn(first: Portion, second: Portion) -> None:
    first()
    second()
