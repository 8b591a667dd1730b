"""A candidate network's passes for one seed, each one compiled call: forward, and the DQN update of single values.

B states, their rows packed (see ``kernels.candidates``). ``values`` and ``gradients`` [1, P] are the flat arrays of
``FlatParameters``; ``sgemm`` is ``kernels.blas.sgemm()``. Arrays are named tuples, filled by ``fused.candidates``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from agents.kernels.blas import multiply, multiply_by_turned, multiply_turned
from agents.kernels.candidates import (
    add_bias,
    add_rows_of,
    best_packed,
    pack_entities,
    pack_legal,
    pack_taken,
    pool,
    sum_rows,
    unpool,
)  # fmt: skip
from agents.kernels.compiled import fast_kernel
from agents.kernels.mlp import activate, deactivate, td_errors
from agents.kernels.products import matrix


class Sizes(NamedTuple):
    """How many numbers there are: of the layout, in a hidden layer, of outputs."""

    globals: int
    entities: int
    entity_features: int
    candidates_at: int
    candidate_features: int
    width: int
    outputs: int


class Places(NamedTuple):
    """Where each layer's weight, bias, gain and shift begin in the flat arrays; -1: there is none."""

    entity: int
    state: int
    state_bias: int
    state_gain: int
    state_shift: int
    to_scorer: int
    candidate: int
    candidate_bias: int
    meet_gain: int
    meet_shift: int
    scorer: int
    scorer_bias: int
    head: int
    head_bias: int


class PackedRows(NamedTuple):
    """The rows of B states side by side: P entities, and L candidates."""

    entities: Any  # [>= P, Fe]
    starts: Any  # [B + 1] int64
    candidates: Any  # [>= L, Fc]
    row: Any  # [>= L] int64, whose state a candidate is
    slot: Any  # [>= L] int64, which of its candidates


class ForwardRoom(NamedTuple):
    """What a forward pass fills, kept for the way back."""

    each: Any  # [>= P, H], embedded entities before the rectifier
    pooled: Any  # [>= B, G + 2H]
    state: Any  # [>= B, H]
    shift: Any  # [>= B, H], what the state adds to each candidate's features
    meet: Any  # [>= L, H]
    scorer: Any  # [>= L, H]
    out: Any  # [>= L, Z]
    state_kept: Any  # of the normalisation, see ``kernels.mlp.activate``: [1, >= B, H], [1, >= B]
    state_scale: Any
    meet_kept: Any  # [1, >= L, H], [1, >= L]
    meet_scale: Any


class BackwardRoom(NamedTuple):
    """What the way back fills."""

    d_out: Any  # [B, Z], the loss's slope
    d_scorer: Any  # [B, H]
    d_meet: Any  # [B, H]
    d_state: Any  # [B, H]
    d_pooled: Any  # [B, 2H]
    d_each: Any  # [>= P, H]
    a_t: Any  # [B] int64
    place: Any  # [B] int64, where a_t lies among the packed candidates
    first: Any  # [1, B] int64, zeros
    slope: Any  # [1, B]
    out_t: Any  # [B, Z]


@fast_kernel
def see(sizes: Any, obs: Any, rows: Any) -> None:
    """Pack the entities of obs [B, D]."""
    pack_entities(obs, sizes.globals, sizes.entities, sizes.entity_features, rows.entities, rows.starts)


@fast_kernel
def see_legal(sizes: Any, obs: Any, mask: Any, rows: Any) -> int:
    """Pack the legal candidates, mask [B, K]; returns how many there are."""
    first, features = sizes.candidates_at, sizes.candidate_features
    return int(pack_legal(obs, first, features, mask, rows.candidates, rows.row, rows.slot))


@fast_kernel
def see_taken(sizes: Any, obs: Any, a: Any, rows: Any) -> None:
    """Pack one candidate of each state, a [B]."""
    pack_taken(obs, sizes.candidates_at, sizes.candidate_features, a, rows.candidates)
    for b in range(a.size):
        rows.row[b] = b


@fast_kernel
def embed(sgemm: Any, sizes: Any, at: Any, values: Any, obs: Any, rows: Any, room: Any) -> None:
    """Embed the states, and compute what they add to each candidate's features."""
    count, width, pooled_size = obs.shape[0], sizes.width, sizes.globals + 2 * sizes.width
    present = rows.starts[count]
    pooled, state = room.pooled[:count], room.state[:count]
    multiply(sgemm, rows.entities[:present], matrix(values, 0, at.entity, sizes.entity_features, width), room.each)
    pool(room.each, rows.starts, obs, sizes.globals, pooled)
    multiply(sgemm, pooled, matrix(values, 0, at.state, pooled_size, width), state)
    activate(
        state.reshape(1, count, width), values, at.state_bias, at.state_gain, at.state_shift, room.state_kept,
        room.state_scale,
    )  # fmt: skip
    multiply(sgemm, state, matrix(values, 0, at.to_scorer, width, width), room.shift)


@fast_kernel
def score(sgemm: Any, sizes: Any, at: Any, values: Any, rows: Any, count: int, room: Any) -> None:
    """Outputs of the first ``count`` packed candidates."""
    width, features = sizes.width, sizes.candidate_features
    meet, scorer, out = room.meet[:count], room.scorer[:count], room.out[:count]
    multiply(sgemm, rows.candidates[:count], matrix(values, 0, at.candidate, features, width), meet)
    add_rows_of(meet, room.shift, rows.row)
    activate(
        meet.reshape(1, count, width), values, at.candidate_bias, at.meet_gain, at.meet_shift, room.meet_kept,
        room.meet_scale,
    )  # fmt: skip
    multiply(sgemm, meet, matrix(values, 0, at.scorer, width, width), scorer)
    activate(
        scorer.reshape(1, count, width), values, at.scorer_bias, -1, -1, room.meet_kept, room.meet_scale
    )  # fmt: skip
    multiply(sgemm, scorer, matrix(values, 0, at.head, width, sizes.outputs), out)
    add_bias(out, values[0], at.head_bias)


@fast_kernel
def backward(sgemm: Any, sizes: Any, at: Any, values: Any, gradients: Any, rows: Any, room: Any, back: Any) -> None:
    """Fill the gradients from the slope ``d_out`` of the taken candidates' outputs, which were scored last."""
    count, width, pooled_size = back.d_out.shape[0], sizes.width, sizes.globals + 2 * sizes.width
    features, present = sizes.entity_features, rows.starts[count]
    scorer, meet, state = room.scorer[:count], room.meet[:count], room.state[:count]
    multiply_turned(sgemm, scorer, back.d_out, matrix(gradients, 0, at.head, width, sizes.outputs))
    sum_rows(back.d_out, gradients[0], at.head_bias)
    multiply_by_turned(sgemm, back.d_out, matrix(values, 0, at.head, width, sizes.outputs), back.d_scorer)
    deactivate(
        back.d_scorer.reshape(1, count, width), scorer.reshape(1, count, width), values, gradients, at.scorer_bias,
        -1, -1, room.meet_kept, room.meet_scale,
    )  # fmt: skip
    multiply_turned(sgemm, meet, back.d_scorer, matrix(gradients, 0, at.scorer, width, width))
    multiply_by_turned(sgemm, back.d_scorer, matrix(values, 0, at.scorer, width, width), back.d_meet)
    deactivate(
        back.d_meet.reshape(1, count, width), meet.reshape(1, count, width), values, gradients, at.candidate_bias,
        at.meet_gain, at.meet_shift, room.meet_kept, room.meet_scale,
    )  # fmt: skip
    taken = rows.candidates[:count]
    multiply_turned(sgemm, taken, back.d_meet, matrix(gradients, 0, at.candidate, sizes.candidate_features, width))
    multiply_turned(sgemm, state, back.d_meet, matrix(gradients, 0, at.to_scorer, width, width))
    multiply_by_turned(sgemm, back.d_meet, matrix(values, 0, at.to_scorer, width, width), back.d_state)
    deactivate(
        back.d_state.reshape(1, count, width), state.reshape(1, count, width), values, gradients, at.state_bias,
        at.state_gain, at.state_shift, room.state_kept, room.state_scale,
    )  # fmt: skip
    weight = matrix(values, 0, at.state, pooled_size, width)
    multiply_turned(sgemm, room.pooled[:count], back.d_state, matrix(gradients, 0, at.state, pooled_size, width))
    multiply_by_turned(sgemm, back.d_state, weight[sizes.globals :], back.d_pooled)
    unpool(back.d_pooled, room.each, rows.starts, room.pooled, sizes.globals, back.d_each)
    entities = rows.entities[:present]
    multiply_turned(sgemm, entities, back.d_each[:present], matrix(gradients, 0, at.entity, features, width))


@fast_kernel
def look_ahead(sgemm: Any, sizes: Any, at: Any, values: Any, obs: Any, mask: Any, rows: Any, room: Any) -> int:
    """Outputs of all legal candidates of obs [B, D], mask [B, K]; returns how many there are."""
    see(sizes, obs, rows)
    count = see_legal(sizes, obs, mask, rows)
    embed(sgemm, sizes, at, values, obs, rows, room)
    score(sgemm, sizes, at, values, rows, count, room)
    return count


@fast_kernel
def choose(
    sgemm: Any, sizes: Any, at: Any, values: Any, obs: Any, mask: Any, rows: Any, room: Any, a: Any, place: Any
) -> None:  # fmt: skip
    """The legal candidate a [B] with the largest first output, see ``best_packed``."""
    count = look_ahead(sgemm, sizes, at, values, obs, mask, rows, room)
    best_packed(room.out[:count, 0], rows.row, rows.slot, a, place)


@fast_kernel
def score_taken(sgemm: Any, sizes: Any, at: Any, values: Any, obs: Any, a: Any, rows: Any, room: Any) -> None:
    """Outputs of one candidate a [B] of each state, whose entities are packed."""
    see_taken(sizes, obs, a, rows)
    embed(sgemm, sizes, at, values, obs, rows, room)
    score(sgemm, sizes, at, values, rows, a.size, room)


@fast_kernel
def update_values(
    sgemm: Any, sizes: Any, at: Any, values: Any, target_values: Any, gradients: Any, batch: Any, before: Any,
    after: Any, online: Any, target: Any, back: Any, double: bool, delta: float, td: Any, sums: Any,
) -> None:  # fmt: skip
    """Gradients of the Huber loss of (double) DQN's TD errors, td [1, B]; sums [1, 3] for the curves are added to.

    The target is that of ``losses.q_learning_target``; see ``kernels.mlp.td_errors``. ``batch`` is ``Transitions`` of
    arrays.
    """
    count = batch.a_tm1.size
    chooser, room = (values, online) if double else (target_values, target)
    legal = look_ahead(sgemm, sizes, at, chooser, batch.obs_t, batch.mask_t, after, room)
    best_packed(room.out[:legal, 0], after.row, after.slot, back.a_t, back.place)
    if double:  # those alone are scored
        score_taken(sgemm, sizes, at, target_values, batch.obs_t, back.a_t, after, target)
    for b in range(count):
        back.out_t[b, 0] = target.out[b if double else back.place[b], 0]
    see(sizes, batch.obs_tm1, before)
    score_taken(sgemm, sizes, at, values, batch.obs_tm1, batch.a_tm1, before, online)
    td_errors(
        online.out[:count].reshape(1, count, 1), back.first, back.out_t.reshape(1, count, 1), back.first,
        batch.r_t.reshape(1, count), batch.discount_t.reshape(1, count), batch.weights.reshape(1, count), delta, td,
        back.slope, sums,
    )  # fmt: skip
    for b in range(count):
        back.d_out[b, 0] = back.slope[0, b]
    backward(sgemm, sizes, at, values, gradients, before, online, back)
