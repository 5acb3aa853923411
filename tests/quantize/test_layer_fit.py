"""One layer: what its weights become, and when they stay."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from cxredge.quantize.layer_fit import FilmSums, Moments, fitted, ridge, rounded, samples

ROWS, SIZE = 6, 8


def sums(x: Tensor, y: Tensor) -> Moments:
    """x: float32[D, n]; y: float32[R, n], as of two films."""
    found = FilmSums(nn.Linear(SIZE, ROWS))
    half = x.shape[1] // 2
    for part in (slice(half), slice(half, None)):
        found.add(x[None, :, part], y[None, :, part])
    return found.moments()


def halves(x: Tensor, y: Tensor) -> tuple[Moments, Moments]:
    """Of every other column."""
    return sums(x[:, ::2], y[:, ::2]), sums(x[:, 1::2], y[:, 1::2])


def data(count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Weights float64[1, R, D], inputs with means float32[D, n], and the weights' outputs."""
    torch.manual_seed(0)
    weight = torch.randn(1, ROWS, SIZE, dtype=torch.float64)
    x = torch.randn(SIZE, count) + torch.arange(SIZE)[:, None]
    return weight, x, weight[0].float() @ x + 3


def squares(weight: Tensor, moments: Moments) -> float:
    return moments.error(weight, moments.offset(weight, True)) / moments.patches


def test_weights_that_are_right_stay() -> None:
    weight, x, y = data(4000)
    found = fitted(weight, halves(x, y), True)
    assert found is None or float((found - weight).abs().max()) < 1e-4


def test_noise_of_the_inputs_is_fitted_to() -> None:
    """As of a rounded activation: a noisy input is trusted less."""
    weight, x, y = data(4000)
    noisy = x.clone()
    noisy[0] += torch.randn(4000)
    one, other = halves(noisy, y)
    found = fitted(weight, (one, other), True)
    assert found is not None
    _, x, y = data(9000)
    noisy = x.clone()
    noisy[0] += torch.randn(9000)
    fresh = sums(noisy, y)
    # half of the variance of the first input is noise: its weight is halved, and so is what it spoils
    assert squares(found, fresh) < 0.6 * squares(weight, fresh)


def test_few_samples_change_little() -> None:
    weight, x, y = data(6)
    found = ridge(weight, halves(x + torch.randn_like(x), y)[0], True)
    assert float((found - weight).abs().max()) < 0.5 * float(weight.abs().max())


def test_a_fit_that_is_worse_elsewhere_is_kept_back() -> None:
    """Outputs that have nothing to do with the inputs, from fewer samples than unknowns a half."""
    weight, x, y = data(12)
    assert fitted(weight, halves(x, y + 1e-3 * torch.randn_like(y)), True) is None


def test_moments_are_exact_far_from_zero() -> None:
    """Films are bright: what matters are small differences about a large mean."""
    torch.manual_seed(0)
    x, y = torch.randn(SIZE, 5000) * 1e-3 + 100, torch.randn(ROWS, 5000) * 1e-3 - 50
    one, other = halves(x, y)
    second, cross = (one + other).centred(True)
    dx, dy = (v.double() - v.double().mean(1, keepdim=True) for v in (x, y))
    torch.testing.assert_close(second[0], dx @ dx.T / 5000, rtol=1e-4, atol=1e-10)
    torch.testing.assert_close(cross[0], dy @ dx.T / 5000, rtol=1e-4, atol=1e-10)


@pytest.mark.parametrize("bias", [True, False])
def test_constant_and_dead_inputs_leave_the_weights(bias: bool) -> None:
    weight, _, _ = data(4)
    x = torch.zeros(SIZE, 40)
    x[3] = 2.0
    y = weight[0].float() @ x
    found = ridge(weight, halves(x, y)[0], bias)
    torch.testing.assert_close(found, weight, rtol=0, atol=1e-5)
    assert bool(rounded(found, halves(x, y)[0], bias).isfinite().all())


def test_the_bias_takes_what_is_left_of_the_mean() -> None:
    weight, x, y = data(2000)
    one, other = halves(x, y)
    both = one + other
    steps = rounded(weight, both, True)
    left = steps[0].float() @ x + both.offset(steps, True)[0].float()[:, None] - y
    assert float(left.mean(1).abs().max()) < 1e-3
    assert float((steps[0].float() @ x + 3 - y).mean(1).abs().max()) > 1e-2


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(4, 6, 3, padding=1),
        nn.Conv2d(4, 8, (3, 5), stride=(2, 1), padding=(0, 2), groups=2),
        nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4),
        nn.Conv2d(4, 8, 1, stride=2, groups=2),
    ],
)
def test_samples_are_what_the_layer_computes_with(conv: nn.Conv2d) -> None:
    x = torch.randn(1, 4, 70, 90)
    with torch.no_grad():
        y = conv(x)
        for film in range(4):
            inputs, outputs = samples(conv, x, y, film)
            assert 200 < inputs.shape[2] < 700
            weight = conv.weight.reshape(conv.groups, -1, inputs.shape[1])
            assert conv.bias is not None
            found = torch.bmm(weight, inputs) + conv.bias.reshape(conv.groups, -1, 1)
            torch.testing.assert_close(found, outputs, rtol=1e-4, atol=1e-5)
