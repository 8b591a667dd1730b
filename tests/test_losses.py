"""Value learning by the numbers."""

from __future__ import annotations

import pytest
import torch

from agents import losses

WORST = torch.finfo(torch.float32).min


def test_masked_max_and_argmax_ignore_illegal_actions() -> None:
    q = torch.tensor([[1.0, 5.0, 3.0], [-4.0, -2.0, -3.0], [7.0, 8.0, 9.0]])
    mask = torch.tensor([[True, False, True], [True, False, True], [False, False, False]])
    assert losses.masked_max(q, mask).tolist() == [3.0, -3.0, WORST]
    assert losses.masked_argmax(q, mask).tolist() == [2, 2, 0]


def test_n_step_return_of_an_open_window() -> None:
    """1 + 0.5 * 2 + 0.25 * 4 = 3, then 0.125 of what follows."""
    r = torch.tensor([[1.0, 2.0, 4.0]])
    no = torch.zeros(1, 3, dtype=torch.bool)
    total, discount, steps = losses.n_step_return(r, no, no, gamma=0.5)
    assert (total.tolist(), discount.tolist(), steps.tolist()) == ([3.0], [0.125], [3])


@pytest.mark.parametrize(
    ("end", "total", "discount_if_truncated", "steps"), [(0, 1.0, 0.5, 1), (1, 2.0, 0.25, 2), (2, 3.0, 0.125, 3)]
)
def test_n_step_return_stops_at_the_end(end: int, total: float, discount_if_truncated: float, steps: int) -> None:
    """A truncation bootstraps, a termination does not; later rewards and ends are not this episode's."""
    r = torch.tensor([[1.0, 2.0, 4.0]])
    no, ended = torch.zeros(1, 3, dtype=torch.bool), torch.zeros(1, 3, dtype=torch.bool)
    ended[0, end] = True
    later = torch.ones(1, 3, dtype=torch.bool)
    later[0, : end + 1] = False
    cases = ((ended, no, 0.0), (ended, ended, 0.0), (later, ended, discount_if_truncated))
    for terminated, truncated, discount in cases:
        result = losses.n_step_return(r, terminated, truncated, gamma=0.5)
        assert [value.item() for value in result] == [total, discount, steps]


def test_double_q_target_by_hand() -> None:
    """The online network picks among legal actions, the target network says what that is worth."""
    q_online = torch.tensor([[1.0, 2.0, 9.0], [3.0, 2.0, 1.0]])
    q_target = torch.tensor([[10.0, 20.0, 90.0], [30.0, 20.0, 10.0]])
    mask = torch.tensor([[True, True, False], [True, True, True]])
    target = losses.double_q_target(
        r_t=torch.tensor([1.0, -1.0]),
        discount_t=torch.tensor([0.5, 0.9]),
        q_online_t=q_online,
        mask_t=mask,
        q_target_of=lambda a: q_target.gather(1, a.unsqueeze(1)).squeeze(1),
    )
    torch.testing.assert_close(target, torch.tensor([1 + 0.5 * 20, -1 + 0.9 * 30]))


def test_double_q_uses_the_online_choice_not_the_targets_maximum() -> None:
    q_online, q_target = torch.tensor([[5.0, 4.0]]), torch.tensor([[1.0, 100.0]])
    mask = torch.ones(1, 2, dtype=torch.bool)
    common = {"r_t": torch.zeros(1), "discount_t": torch.ones(1), "mask_t": mask}
    double = losses.double_q_target(**common, q_online_t=q_online, q_target_of=lambda a: q_target[0, a])
    assert double.item() == 1
    assert losses.q_target(**common, q_target_t=q_target).item() == 100


def test_terminal_rows_give_exactly_the_reward() -> None:
    """Even with no legal action at the end, or with values that are not numbers."""
    r_t, zero = torch.tensor([0.1, -3.3]), torch.zeros(2)
    nothing_legal = torch.zeros(2, 4, dtype=torch.bool)
    q = torch.full((2, 4), WORST)
    assert torch.equal(losses.q_target(r_t=r_t, discount_t=zero, q_target_t=q, mask_t=nothing_legal), r_t)
    assert torch.equal(losses.bootstrap(r_t, zero, torch.tensor([torch.nan, torch.inf])), r_t)


def test_huber_by_hand() -> None:
    """0.5 * 0.5^2 = 0.125 inside, 3 - 0.5 = 2.5 outside; delta 2: 2 * (3 - 1) = 4."""
    assert losses.huber(torch.tensor([0.5])).item() == 0.125
    assert losses.huber(torch.tensor([0.5, -3.0])).item() == (0.125 + 2.5) / 2
    assert losses.huber(torch.tensor([3.0]), delta=2.0).item() == 4
