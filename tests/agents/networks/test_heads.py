"""Value heads: the distributions' equations by the numbers, then what all heads have in common."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from agents import losses
from agents.networks import heads

WORST = torch.finfo(torch.float32).min
NAMES = ("scalar", "quantile", "categorical", "hl_gauss")


def make(name: str, **changed: Any) -> heads.Head:
    return heads.make_head(name, **{"atoms": 5, "v_min": -2.0, "v_max": 2.0, "huber_delta": 1.0, **changed})


def loss_of(
    head: heads.Head, *, out_tm1: Tensor, r_t: Tensor, discount_t: Tensor, out_t: Tensor
) -> tuple[Tensor, Tensor]:
    """Loss and TD error against ``r_t + discount_t Z_t``."""
    return head.loss(out_tm1=out_tm1, target=head.bootstrap(r_t, discount_t, out_t))


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_quantile_huber_by_hand() -> None:
    """Quantiles at 1/4 and 3/4, one below and one above their targets: 0.25 * 0.5 each; far off: 0.5 * 2 * (4 - 1)."""
    two = losses.quantile_huber(torch.tensor([[0.0, 2.0], [2.0, 0.0]]), torch.tensor([[1.0, 1.0], [1.0, 1.0]]), 1.0)
    assert two.tolist() == [0.25, 0.75]
    assert losses.quantile_huber(torch.tensor([0.0]), torch.tensor([4.0]), 2.0).item() == 3


@pytest.mark.parametrize("delta", [0.3, 1.0, 100.0])
def test_quantile_huber_against_loops(delta: float) -> None:
    """The loss and its gradient, with another number of target quantiles than of own ones."""
    theta, target = random(2, 3, 4).requires_grad_(), random(2, 3, 6, seed=1)
    loss = losses.quantile_huber(theta, target, delta)
    weights = random(2, 3, seed=2)
    (gradient,) = torch.autograd.grad((loss * weights).sum(), theta)
    for s in range(2):
        for b in range(3):
            total = 0.0
            for i in range(4):
                tau_hat, slope = (2 * i + 1) / 8, 0.0
                for j in range(6):
                    error = target[s, b, j].item() - theta[s, b, i].item()
                    size = abs(error)
                    cost = 0.5 * size**2 if size <= delta else delta * (size - 0.5 * delta)
                    factor = abs(tau_hat - (1 if error < 0 else 0))
                    total += factor * cost / 6
                    slope -= factor * max(-delta, min(delta, error)) / 6
                assert gradient[s, b, i].item() == pytest.approx(weights[s, b].item() * slope, rel=1e-4, abs=1e-6)
            assert loss[s, b].item() == pytest.approx(total, rel=1e-5)


def test_quantile_huber_is_least_at_the_quantiles() -> None:
    """Of 0..8 the quartile is 2 and the upper one 6 (a small delta: nearly the pinball loss)."""
    grid = torch.arange(-1, 10, 0.25)
    first, second = torch.meshgrid(grid, grid, indexing="ij")
    loss = losses.quantile_huber(torch.stack([first, second], dim=-1), torch.arange(9.0).expand(44, 44, 9), 1e-3)
    row, column = divmod(int(loss.argmin()), 44)
    assert (grid[row].item(), grid[column].item()) == (2, 6)


def test_lower_tail_mean_by_hand() -> None:
    quantiles = torch.tensor([[4.0, 1.0, 3.0, 2.0], [0.0, 0.0, 0.0, -8.0]])
    cases = {1.0: [2.5, -2.0], 0.5: [1.5, -4.0], 0.375: [4 / 3, -16 / 3], 0.25: [1.0, -8.0], 0.01: [1.0, -8.0]}
    for alpha, expected in cases.items():
        torch.testing.assert_close(losses.lower_tail_mean(quantiles, alpha), torch.tensor(expected))


def test_lower_tail_mean_of_whole_copies() -> None:
    """Each quantile as 10 equal ones: any tenth of a share is then a whole number of them."""
    quantiles = random(3, 7)
    for tenths in range(1, 71):
        lowest = quantiles.repeat_interleave(10, dim=1).sort(1).values[:, :tenths].mean(1)
        torch.testing.assert_close(losses.lower_tail_mean(quantiles, tenths / 70), lowest)


def test_projection_by_hand() -> None:
    """On atoms 0..4: 1.25 goes to 1 and 2 as 3 : 1, 9 and -1 to the ends, 3 to itself."""
    probabilities, values = torch.tensor([0.4, 0.3, 0.2, 0.1]), torch.tensor([1.25, 9.0, -1.0, 3.0])
    projected = losses.categorical_projection(probabilities, values, torch.arange(5.0))
    torch.testing.assert_close(projected, torch.tensor([0.2, 0.3, 0.1, 0.1, 0.3]))


def test_projection_keeps_mass_and_mean() -> None:
    probabilities, values = random(2, 30, 6).softmax(2), 3 * random(2, 30, 6, seed=1)
    atoms = torch.linspace(-4, 5, 10)
    projected = losses.categorical_projection(probabilities, values, atoms)
    assert projected.shape == (2, 30, 10)
    assert projected.min() >= 0
    torch.testing.assert_close(projected.sum(2), torch.ones(2, 30))
    torch.testing.assert_close((projected * atoms).sum(2), (probabilities * values.clamp(-4, 5)).sum(2))


def test_projection_against_the_triangular_kernel() -> None:
    """Equation 7 of the paper, term by term, instead of its algorithm 1."""
    probabilities, values = random(20, 6).softmax(1), 3 * random(20, 6, seed=1)
    projected = losses.categorical_projection(probabilities, values, torch.linspace(-2, 2, 9))
    for row in range(20):
        for i in range(9):
            distances = [abs(min(max(x, -2), 2) - (-2 + i / 2)) / 0.5 for x in values[row].tolist()]
            shares = [max(1 - distance, 0) for distance in distances]
            total = sum(share * p for share, p in zip(shares, probabilities[row].tolist(), strict=True))
            assert projected[row, i].item() == pytest.approx(total, abs=1e-6)


def test_gauss_histogram_against_the_error_function() -> None:
    edges = torch.linspace(-1, 2, 7)
    target = torch.tensor([[0.0, 0.3], [1.99, -0.7]])
    histogram = losses.gauss_histogram(target, edges, 0.4)
    for row in range(2):
        for column in range(2):
            centre = target[row, column].item()
            below = [0.5 * (1 + math.erf((edge - centre) / (0.4 * math.sqrt(2)))) for edge in edges.tolist()]
            expected = [(high - low) / (below[-1] - below[0]) for low, high in pairwise(below)]
            torch.testing.assert_close(histogram[row, column], torch.tensor(expected))
    ends = losses.gauss_histogram(torch.tensor([-1.0, 2.0, -1e30, 1e30]), edges, 0.4)
    assert torch.equal(ends[:2], ends[2:])


def test_hl_gauss_targets_mean_what_they_should() -> None:
    """Two bins' room from the ends the mean is right to 1 % of a bin (of 0.2); at an end it can't be."""
    head = heads.HLGaussHead(atoms=50, v_min=-4.0, v_max=6.0)
    targets = torch.linspace(-3.6, 5.6, 101)
    out_tm1 = torch.zeros(101, 50)
    td_error = head.loss(out_tm1=out_tm1, target=targets)[1]
    assert head.mean(out_tm1)[0].item() == pytest.approx(1, abs=1e-6)
    assert (td_error + 1 - targets).abs().max() < 2e-3
    end = head.loss(out_tm1=out_tm1[:1], target=torch.tensor([6.0]))[1]
    assert 5.8 < end.item() + 1 < 5.9


def test_what_lies_at_the_ends_by_hand() -> None:
    """Atoms -2, -1, 0, 1, 2: 1.5 is half an atom of 2; bins of 1 from -2.5 to 2.5, the outermost from 1.5 on."""
    categorical, hl_gauss = make("categorical"), make("hl_gauss", v_min=-2.5, v_max=2.5)
    returns = torch.tensor([[-9.0, -1.75, -1.0, 0.0, 1.5, 7.0]])
    target = categorical.bootstrap(returns, torch.zeros(1, 6), torch.zeros(1, 6, 5))
    torch.testing.assert_close(categorical.at_ends(target), torch.tensor([[1.0, 0.75, 0.0, 0.0, 0.5, 1.0]]))
    returns = torch.tensor([[-9.0, -1.6, -1.4, 0.0, 1.4, 1.6, 9.0]])
    assert hl_gauss.at_ends(returns).tolist() == [[1, 1, 0, 0, 0, 1, 1]]
    assert [make(name).has_ends for name in ("scalar", "quantile", "categorical", "hl_gauss")] == [
        False,
        False,
        True,
        True,
    ]


def outputs_for(head: heads.Head, mean: Tensor) -> Tensor:
    """Outputs [..., Z] that are certain of a return, one of -1, 0 and 1."""
    if isinstance(head, heads.CategoricalHead | heads.HLGaussHead):
        values = head.values(mean)
        return -100 * (values - mean.unsqueeze(-1)).abs()
    return mean.unsqueeze(-1).expand(*mean.shape, head.outputs).clone()


@pytest.mark.parametrize("name", NAMES)
def test_means_and_td_errors_by_hand(name: str) -> None:
    """Support -2.5..2.5 in 5 bins or -2..2 in 5 atoms: -1, 0 and 1 are exact. 1 + 0.5 * 0 - (-1) = 2, 0 + 1 - 1 = 0."""
    head = make(name, v_min=-2.5, v_max=2.5) if name == "hl_gauss" else make(name)
    out_tm1 = outputs_for(head, torch.tensor([[-1.0, 1.0]])).requires_grad_()
    out_t = outputs_for(head, torch.tensor([[0.0, 1.0]]))
    torch.testing.assert_close(head.mean(out_tm1), torch.tensor([[-1.0, 1.0]]))
    given = {"r_t": torch.tensor([[1.0, 0.0]]), "discount_t": torch.tensor([[0.5, 1.0]])}
    loss, td_error = loss_of(head, out_tm1=out_tm1, out_t=out_t, **given)
    # The blurred target of 1 loses a little beyond 2.5.
    torch.testing.assert_close(td_error, torch.tensor([[2.0, 0.0]]), atol=0.06 if name == "hl_gauss" else 1e-5, rtol=0)
    assert loss.shape == (1, 2)
    assert loss[0, 0] > loss[0, 1]
    assert not td_error.requires_grad


@pytest.mark.parametrize("name", NAMES)
def test_fitting_finds_the_target(name: str) -> None:
    """Gradient descent on a batch [S, B] of three targets, each of a return of its own."""
    head = make(name, atoms=11, v_min=-3.0, v_max=3.0)
    r_t = torch.tensor([[0.4, -1.3, 1.0]])
    out_t = outputs_for(make(name, atoms=11, v_min=-3.0, v_max=3.0), torch.zeros(1, 3))
    out_tm1 = random(1, 3, head.outputs).requires_grad_()
    optimiser = torch.optim.Adam([out_tm1], lr=0.1)
    for _ in range(300):
        loss, td_error = loss_of(head, out_tm1=out_tm1, r_t=r_t, discount_t=torch.full((1, 3), 0.9), out_t=out_t)
        optimiser.zero_grad()
        loss.sum().backward()
        optimiser.step()
    torch.testing.assert_close(head.mean(out_tm1.detach()), r_t, atol=0.02, rtol=0)
    assert td_error.abs().max() < 0.02


@pytest.mark.parametrize("garbage", [WORST, -WORST, math.nan])
@pytest.mark.parametrize("name", NAMES)
def test_at_the_end_of_an_episode_only_the_reward_counts(name: str, garbage: float) -> None:
    """Loss, TD error and gradient are those of a target certain of r_t, whatever the next outputs hold."""
    head = make(name)
    out_tm1 = random(2, 3, head.outputs).requires_grad_()
    r_t, zero = torch.tensor([[0.1, -3.3, 1.5], [0.0, 0.7, -1.0]]), torch.zeros(2, 3)
    out_t = torch.full_like(out_tm1, garbage)
    out_t[..., 0] = -garbage
    loss, td_error = loss_of(head, out_tm1=out_tm1, r_t=r_t, discount_t=zero, out_t=out_t)
    (gradient,) = torch.autograd.grad(loss.sum(), out_tm1)
    assert gradient.isfinite().all()
    plain = loss_of(head, out_tm1=out_tm1, r_t=r_t, discount_t=zero, out_t=torch.zeros_like(out_tm1))
    assert torch.equal(loss, plain[0])
    if name in ("scalar", "quantile"):
        torch.testing.assert_close(td_error, r_t - head.mean(out_tm1).detach())
    if head.takes_returns:
        assert torch.equal(loss, head.loss(out_tm1=out_tm1, target=r_t)[0])
    if name == "categorical":
        torch.testing.assert_close(td_error, r_t.clamp(-2, 2) - head.mean(out_tm1).detach())


@pytest.mark.parametrize("name", NAMES)
def test_the_target_gets_no_gradient(name: str) -> None:
    head = make(name)
    out_tm1, out_t = (random(4, head.outputs, seed=seed).requires_grad_() for seed in (0, 1))
    loss, td_error = loss_of(head, out_tm1=out_tm1, r_t=random(4), discount_t=torch.full((4,), 0.9), out_t=out_t)
    loss.sum().backward()
    assert out_t.grad is None
    assert out_tm1.grad is not None
    assert out_tm1.grad.abs().sum() > 0
    assert not td_error.requires_grad


@pytest.mark.parametrize("name", NAMES)
def test_shapes_that_would_broadcast_are_refused(name: str) -> None:
    head = make(name)
    out, r_t = torch.zeros(2, 3, head.outputs), torch.zeros(2, 3)
    for wrong in ({"r_t": r_t[0], "discount_t": r_t[0]}, {"out_t": out[0]}, {"out_tm1": out.repeat(1, 1, 2)}):
        with pytest.raises(AssertionError, match=name):
            loss_of(head, **{"out_tm1": out, "r_t": r_t, "discount_t": r_t, "out_t": out} | wrong)


def test_returns_are_for_those_who_take_them_and_risk_for_quantiles() -> None:
    for name in NAMES:
        head = make(name)
        assert head.takes_returns == (name in ("scalar", "hl_gauss"))
        assert head.has_risk == (name == "quantile")
        if not head.takes_returns:
            with pytest.raises(AssertionError, match=name):
                head.loss(out_tm1=torch.zeros(1, 5), target=torch.zeros(1))
        outputs = random(3, head.outputs)
        assert torch.equal(head.preference(outputs), head.mean(outputs))
    quantiles = torch.tensor([[3.0, 1.0, 2.0, 9.0]])
    assert make("quantile", atoms=4, lowest=0.5).preference(quantiles).tolist() == [1.5]
    assert make("quantile", atoms=4, lowest=0.5).mean(quantiles).tolist() == [3.75]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_waits_for_the_data(name: str) -> None:
    """Tensors without data: whatever needs a number or makes its shape depend on one fails here."""
    head = make(name)
    out, r_t = torch.empty(2, 3, head.outputs, device="meta"), torch.empty(2, 3, device="meta")
    parts = [*loss_of(head, out_tm1=out, r_t=r_t, discount_t=r_t, out_t=out), head.mean(out)]
    if head.takes_returns:
        parts += head.loss(out_tm1=out, target=r_t)
    if head.has_risk:
        parts.append(make(name, lowest=0.25).preference(out))
    assert all(part.shape == (2, 3) for part in parts)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", NAMES)
def test_a_captured_graph_gives_the_same(name: str) -> None:
    """Loss, TD errors and gradient of a CUDA graph that is replayed on new numbers, and those of the CPU."""
    head = make(name)
    arguments = {"out_tm1": random(2, 3, head.outputs), "r_t": random(2, 3), "discount_t": torch.full((2, 3), 0.9)}
    arguments["out_t"] = random(2, 3, head.outputs, seed=1)

    def compute(held: dict[str, Tensor]) -> list[Tensor]:
        held = held | {"out_tm1": held["out_tm1"].requires_grad_()}
        loss, td_error = loss_of(head, **held)
        return [loss, td_error, *torch.autograd.grad(loss.sum(), held["out_tm1"])]

    held = {key: torch.zeros_like(value, device="cuda") for key, value in arguments.items()}
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        compute(held)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = compute(held)
    with torch.no_grad():
        for key, value in arguments.items():
            held[key].copy_(value)
    graph.replay()
    for got, expected in zip(captured, compute(arguments), strict=True):
        torch.testing.assert_close(got.detach().cpu(), expected.detach(), atol=1e-5, rtol=1e-4)
