"""Value learning by the numbers."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

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


def q_target(
    r_t: Tensor, discount_t: Tensor, mask_t: Tensor, *, q_choose: Tensor, q_value: Tensor | None = None
) -> Tensor:
    """The target [B] where q_choose [B, A] choose and q_value [B, A] (None: the same) say what that is worth."""
    values = q_choose if q_value is None else q_value
    return losses.q_learning_target(
        r_t=r_t, discount_t=discount_t, q_t=q_choose, mask_t=mask_t,
        outputs_of=lambda a: values.gather(1, a.unsqueeze(1)).squeeze(1),
    )  # fmt: skip


def test_double_q_learning_target_by_hand() -> None:
    """The online network picks among legal actions, the target network says what that is worth."""
    q_online = torch.tensor([[1.0, 2.0, 9.0], [3.0, 2.0, 1.0]])
    q_value = torch.tensor([[10.0, 20.0, 90.0], [30.0, 20.0, 10.0]])
    mask = torch.tensor([[True, True, False], [True, True, True]])
    target = q_target(
        torch.tensor([1.0, -1.0]), torch.tensor([0.5, 0.9]), mask, q_choose=q_online, q_value=q_value
    )  # fmt: skip
    torch.testing.assert_close(target, torch.tensor([1 + 0.5 * 20, -1 + 0.9 * 30]))


def test_double_q_uses_the_online_choice_not_the_targets_maximum() -> None:
    q_online, q_value = torch.tensor([[5.0, 4.0]]), torch.tensor([[1.0, 100.0]])
    given = torch.zeros(1), torch.ones(1), torch.ones(1, 2, dtype=torch.bool)
    assert q_target(*given, q_choose=q_online, q_value=q_value).item() == 1
    assert q_target(*given, q_choose=q_value).item() == 100


def test_the_target_is_the_maximum_where_the_values_choose() -> None:
    q, mask = legal_rows(1, 2, 5, 7)
    r_t, discount_t = torch.arange(4.0), torch.full((4,), 0.9)
    expected = losses.bootstrap(r_t, discount_t, losses.masked_max(q, mask))
    assert torch.equal(q_target(r_t, discount_t, mask, q_choose=q), expected)


def test_terminal_rows_give_exactly_the_reward() -> None:
    """Even with no legal action at the end, or with values that are not numbers."""
    r_t, zero = torch.tensor([0.1, -3.3]), torch.zeros(2)
    nothing_legal = torch.zeros(2, 4, dtype=torch.bool)
    q = torch.full((2, 4), WORST)
    assert torch.equal(q_target(r_t, zero, nothing_legal, q_choose=q), r_t)
    assert torch.equal(losses.bootstrap(r_t, zero, torch.tensor([torch.nan, torch.inf])), r_t)


def test_masked_functions_take_any_leading_shape() -> None:
    q = torch.arange(24.0).reshape(2, 3, 4)
    mask = torch.arange(4) < torch.tensor([[1, 2, 3], [4, 3, 0]]).unsqueeze(2)  # [2, 3, 4]
    assert losses.masked_argmax(q, mask).tolist() == [[0, 1, 2], [3, 2, 0]]
    assert losses.masked_max(q, mask).tolist() == [[0, 5, 10], [15, 18, WORST]]
    assert losses.masked_max(q[0, 1], mask[0, 1]).item() == 5


def test_huber_by_hand() -> None:
    """0.5 * 0.5^2 = 0.125 inside, 3 - 0.5 = 2.5 outside; delta 2: 2 * (3 - 1) = 4."""
    assert losses.huber(torch.tensor([[0.5], [-3.0]])).tolist() == [[0.125], [2.5]]
    assert losses.huber(torch.tensor([3.0]), delta=2.0).tolist() == [4]


def legal_rows(*lengths: int) -> tuple[Tensor, Tensor]:
    """Random q [B, A] and mask [B, A] with so many legal actions in each row; illegal ones hold what they may hold."""
    generator = torch.Generator().manual_seed(len(lengths))
    mask = torch.arange(max(lengths) + 1) < torch.tensor(lengths).unsqueeze(1)
    q = 3 * torch.randn(mask.shape, generator=generator)
    garbage = torch.where(torch.arange(mask.shape[1]) % 2 == 0, WORST, -WORST)
    return torch.where(mask, q, garbage), mask


@pytest.mark.parametrize("temperature", [0.03, 1.0, 20.0])
@pytest.mark.parametrize("correct", [False, True])
def test_soft_value_and_policy_against_sums(temperature: float, correct: bool) -> None:
    q, mask = legal_rows(1, 2, 5, 7)
    value = losses.soft_value(q, mask, temperature, correct)
    log_pi = losses.log_policy(q, mask, temperature)
    for row in range(len(q)):
        legal = q[row][mask[row]].tolist()
        weights = [math.exp((x - max(legal)) / temperature) for x in legal]
        total = sum(weights) / (len(legal) if correct else 1)
        assert value[row].item() == pytest.approx(max(legal) + temperature * math.log(total), rel=1e-5)
        shares = [weight / sum(weights) for weight in weights]
        torch.testing.assert_close(log_pi[row][mask[row]].exp(), torch.tensor(shares))
        assert log_pi[row][~mask[row]].eq(WORST).all()


def test_equal_values_are_worth_just_that() -> None:
    """However many they are; uncorrected, ten of them gain temperature * log 10."""
    q, mask = torch.full((2, 11), 1.7), torch.arange(11) < torch.tensor([[1], [10]])
    assert losses.soft_value(q, mask, 0.03, correct=True).tolist() == [q[0, 0].item()] * 2
    plain = losses.soft_value(q, mask, 0.5, correct=False)
    torch.testing.assert_close(plain, torch.tensor([1.7, 1.7 + 0.5 * math.log(10)]))


def test_a_soft_value_tends_to_the_maximum_or_the_mean() -> None:
    q, mask = torch.tensor([[1000.0, 998.0, 5.0]]), torch.tensor([[True, True, False]])
    assert losses.soft_value(q, mask, 1e-3, correct=False).item() == 1000
    assert losses.soft_value(q, mask, 1e4, correct=True).item() == pytest.approx(999, abs=1e-2)


@pytest.mark.parametrize("correct", [False, True])
def test_soft_gradients_are_finite_whatever_illegal_actions_hold(correct: bool) -> None:
    q, mask = legal_rows(0, 1, 4)
    q.requires_grad_()
    value, log_pi = losses.soft_value(q, mask, 0.03, correct), losses.log_policy(q, mask, 0.03)
    assert value[0].item() == 0
    assert value.isfinite().all()
    assert log_pi.isfinite().all()
    (value.sum() + torch.where(mask, log_pi, 0.0)[:, 0].sum()).backward()
    assert q.grad is not None
    assert q.grad.isfinite().all()
    assert q.grad[~mask].eq(0).all()
    assert q.grad[1, 0].item() == 1


def munchausen(q_tm1: list[float], a_tm1: int, q_t: list[float], **changes: float) -> float:
    """Target of one row with all actions legal, r_t = 1 and discount 0.5, at temperature 1 and with alpha = 0.5."""
    rows = [torch.tensor([q]) for q in (q_tm1, q_t)]
    settings = {"alpha": 0.5, "temperature": 1.0, "lowest": -10.0, "correct": False} | changes
    return losses.munchausen_target(
        r_t=torch.ones(1), discount_t=torch.tensor([0.5]), a_tm1=torch.tensor([a_tm1]),
        q_tm1=rows[0], mask_tm1=torch.ones_like(rows[0], dtype=torch.bool),
        q_t=rows[1], mask_t=torch.ones_like(rows[1], dtype=torch.bool), **settings,
    ).item()  # fmt: skip


def test_munchausen_target_by_hand() -> None:
    """Policy (1/4, 3/4) before the action, soft value log 2 (corrected: 0) after it."""
    q, zeros = [0.0, math.log(3)], [0.0, 0.0]
    later = 0.5 * math.log(2)
    assert munchausen(q, 0, zeros) == pytest.approx(1 + 0.5 * math.log(1 / 4) + later)
    assert munchausen(q, 1, zeros) == pytest.approx(1 + 0.5 * math.log(3 / 4) + later)
    assert munchausen(q, 0, zeros, lowest=-1.0) == pytest.approx(1 - 0.5 + later)
    assert munchausen(q, 0, zeros, correct=True) == pytest.approx(1 + 0.5 * math.log(1 / 2))
    assert munchausen(q, 1, zeros, correct=True) == pytest.approx(1 + 0.5 * math.log(3 / 2))
    assert munchausen([2.0] * 3, 1, [4.0] * 7, correct=True) == pytest.approx(1 + 0.5 * 4)


def test_corrected_munchausen_is_blind_to_copies_of_actions() -> None:
    q, copies = [0.3, -1.0], [0.3, -1.0, 0.3, -1.0, -1.0, 0.3]
    for a_tm1 in (0, 1):
        once, often = (munchausen(x, a_tm1, x, alpha=0.9, correct=True) for x in (q, copies))
        assert once == pytest.approx(often, rel=1e-6)
        assert munchausen(q, a_tm1, q, alpha=0.9) > munchausen(copies, a_tm1, copies, alpha=0.9) + 0.4


def test_corrected_munchausen_finds_the_value_of_one_good_action_among_many() -> None:
    """A state that leads to itself: q = (r + (alpha - gamma) tau log n) / (1 - gamma), so 10 with alpha = gamma = 0.9.

    Cut off at 0, the bonus would not give back what each soft value lacks, and 1.06 would be missing.
    """
    n, mask = 50, torch.ones(50, 50, dtype=torch.bool)
    actions, q = torch.arange(n), torch.zeros(n)
    for _ in range(300):
        every = q.expand(n, n)
        q = losses.munchausen_target(
            r_t=(actions == 0).float(), discount_t=torch.full((n,), 0.9), q_tm1=every, mask_tm1=mask, a_tm1=actions,
            q_t=every, mask_t=mask, alpha=0.9, temperature=0.03, lowest=-1.0, correct=True,
        )  # fmt: skip
    assert q[0].item() == pytest.approx(10, abs=1e-3)


@pytest.mark.parametrize("correct", [False, True])
def test_munchausen_target_at_the_end_of_an_episode(correct: bool) -> None:
    """Nothing is legal afterwards, and the row may even begin there: the bonus is then the lowest."""
    q, mask = legal_rows(0, 1)
    target = losses.munchausen_target(
        r_t=torch.tensor([0.1, -3.3]), discount_t=torch.zeros(2), q_tm1=q, mask_tm1=mask, a_tm1=torch.tensor([1, 0]),
        q_t=torch.full_like(q, WORST), mask_t=torch.zeros_like(mask), alpha=0.9, temperature=5.0, lowest=-1.0,
        correct=correct,
    )  # fmt: skip
    torch.testing.assert_close(target, torch.tensor([0.1 - 0.9, -3.3]))


def test_lambda_returns_by_hand() -> None:
    """Back from the last step: 4 + 0.5 * 8 = 8; 2 + 0.5 (6 + 8) / 2 = 5.5; 1 + 0.5 (4 + 5.5) / 2 = 3.375."""
    r, v = torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([[4.0], [6.0], [8.0]])
    discount, never = torch.full((3, 1), 0.5), torch.zeros(3, 1, dtype=torch.bool)
    assert losses.q_lambda_returns(r, discount, v, 0.5, never).flatten().tolist() == [3.375, 5.5, 8]
    assert losses.q_lambda_returns(r, discount, v, 0.0, never).flatten().tolist() == [3, 5, 8]
    assert losses.q_lambda_returns(r, discount, v, 1.0, never).flatten().tolist() == [4, 6, 8]
    truncated = torch.tensor([[False], [True], [False]])
    assert losses.q_lambda_returns(r, discount, v, 1.0, truncated).flatten().tolist() == [3.5, 5, 8]
    discount[1], v[1] = 0, WORST
    assert losses.q_lambda_returns(r, discount, v, 0.5, truncated).flatten().tolist() == [1 + 0.5 * (4 + 2) / 2, 2, 8]


def test_distillation_is_the_cross_entropy_of_legal_actions() -> None:
    """Teacher 1/4, 3/4; student 1/2, 1/2, then the teacher itself; the third action is illegal, then all are."""
    temperature = 0.5
    teacher = temperature * torch.tensor([0.0, math.log(3), 99.0])
    mask = torch.tensor([True, True, False])
    student = torch.tensor([7.0, 7.0, -50.0])
    assert losses.distillation(student, teacher, mask, temperature).item() == pytest.approx(math.log(2))
    entropy = 0.25 * math.log(4) + 0.75 * math.log(4 / 3)
    assert losses.distillation(teacher + 3, teacher, mask, temperature).item() == pytest.approx(entropy)
    assert losses.distillation(student, teacher, torch.zeros(3, dtype=torch.bool), temperature).item() == 0
    one = torch.tensor([False, True, False])
    assert losses.distillation(student, teacher, one, temperature).item() == 0


def test_distillation_pulls_the_student_towards_the_teacher() -> None:
    """Its slope is (student - teacher) / temperature in probabilities, and 0 for illegal actions."""
    q = torch.zeros(2, 3, requires_grad=True)
    teacher = 0.5 * torch.tensor([0.0, math.log(3), 99.0]).expand(2, 3)
    mask = torch.tensor([[True, True, False], [False, False, False]])
    losses.distillation(q, teacher, mask, 0.5).sum().backward()
    assert q.grad is not None
    assert q.grad.flatten().tolist() == pytest.approx([0.5, -0.5, 0, 0, 0, 0])


def test_lambda_returns_mix_n_step_returns() -> None:
    """The forward view: the share (1 - lambda) lambda^(n - 1) of each n-step return, all the rest of the last one."""
    generator, steps, games, gamma, lambda_ = torch.Generator().manual_seed(0), 12, 40, 0.9, 0.7
    r, v = (torch.randn(steps, games, generator=generator) for _ in range(2))
    terminated, truncated = (torch.rand(steps, games, generator=generator) < 0.1 for _ in range(2))
    got = losses.q_lambda_returns(r, gamma * (~terminated).float(), v, lambda_, terminated | truncated)
    for game in range(games):
        for start in range(steps):
            total, share, so_far = 0.0, 1.0, 0.0
            for t in range(start, steps):
                so_far += gamma ** (t - start) * r[t, game].item()
                n_step = so_far + (0 if terminated[t, game] else gamma ** (t - start + 1) * v[t, game].item())
                if terminated[t, game] or truncated[t, game] or t == steps - 1:
                    total += share * n_step
                    break
                total += share * (1 - lambda_) * n_step
                share *= lambda_
            assert got[start, game].item() == pytest.approx(total, abs=1e-5)


def test_nothing_waits_for_the_data() -> None:
    """Tensors without data: whatever needs a number or makes its shape depend on one fails here."""
    q, mask = torch.empty(2, 3, 5, device="meta"), torch.empty(2, 3, 5, device="meta", dtype=torch.bool)
    r_t, a_tm1 = torch.empty(2, 3, device="meta"), torch.empty(2, 3, device="meta", dtype=torch.long)
    for correct in (False, True):
        target = losses.munchausen_target(
            r_t=r_t, discount_t=r_t, q_tm1=q, mask_tm1=mask, a_tm1=a_tm1, q_t=q, mask_t=mask, alpha=0.9,
            temperature=0.03, lowest=-1.0, correct=correct,
        )  # fmt: skip
        assert target.shape == (2, 3)
    target = losses.q_learning_target(
        r_t=r_t, discount_t=r_t, q_t=q, mask_t=mask, outputs_of=lambda a: q.gather(2, a.unsqueeze(2)).squeeze(2)
    )
    assert target.shape == (2, 3)
    assert losses.q_lambda_returns(r_t, r_t, r_t, 0.5, mask[..., 0]).shape == (2, 3)
    assert losses.distillation(q, q, mask, 0.1).shape == (2, 3)
