"""Acting with a cache and learning from whole sequences are the same function."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from robonav.policies.transformer import CausalTransformer


def run_cached(model: CausalTransformer, x: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
    cache = model.new_cache(x.shape[0])
    return torch.stack([model.step(x[:, t], starts[:, t], cache) for t in range(x.shape[1])], dim=1)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    length=st.integers(1, 40),
    window=st.sampled_from([1, 3, 8, 16, 64]),
    start_rate=st.sampled_from([0.0, 0.1, 0.5]),
)
def test_cached_and_full_forward_agree_across_random_episode_boundaries(seed, length, window, start_rate):
    torch.manual_seed(seed)
    model = CausalTransformer(width=16, blocks=3, heads=2, window=window)
    x, starts = torch.randn(4, length, 16), torch.rand(4, length) < start_rate
    starts[:, 0] = True
    with torch.no_grad():
        torch.testing.assert_close(run_cached(model, x, starts), model(x, starts), atol=1e-4, rtol=1e-4)


def test_nothing_before_an_episode_start_reaches_what_comes_after():
    model = CausalTransformer(width=16, blocks=2, heads=2, window=32)
    x, starts = torch.randn(1, 12, 16), torch.zeros(1, 12, dtype=torch.bool)
    starts[0, [0, 7]] = True
    other = torch.cat([torch.randn(1, 7, 16), x[:, 7:]], dim=1)
    with torch.no_grad():
        torch.testing.assert_close(model(x, starts)[:, 7:], model(other, starts)[:, 7:])
        assert not torch.allclose(model(x, starts)[:, :7], model(other, starts)[:, :7])


def test_a_window_of_one_frame_has_no_memory():
    model = CausalTransformer(width=16, blocks=2, heads=2, window=1)
    x, starts = torch.randn(1, 6, 16), torch.zeros(1, 6, dtype=torch.bool)
    with torch.no_grad():
        alone = torch.cat([model(x[:, t : t + 1], starts[:, :1]) for t in range(6)], dim=1)
        torch.testing.assert_close(model(x, starts), alone, atol=1e-5, rtol=1e-5)


def test_the_future_does_not_reach_the_past():
    model = CausalTransformer(width=16, blocks=2, heads=2, window=32)
    x, starts = torch.randn(1, 10, 16, requires_grad=True), torch.zeros(1, 10, dtype=torch.bool)
    gradient = torch.autograd.grad(model(x, starts)[0, 4, 0], x)[0]
    assert gradient[0, :5].abs().sum() > 0
    assert gradient[0, 5:].abs().sum() == 0
