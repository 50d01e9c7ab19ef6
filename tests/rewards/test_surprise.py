"""Surprise is high for the new, low for the known, and each formula is what its source says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from robonav.rewards import surprise


def test_the_saturating_reward_is_one_half_at_its_half_point_and_keeps_order():
    shares = np.array([0.0, 0.04, 0.5, 1.0])
    rewards = surprise.saturating(shares, half=0.04)
    assert rewards[0] == 0
    assert rewards[1] == pytest.approx(0.5)
    assert np.all(np.diff(rewards) > 0)
    assert rewards[-1] < 1


@given(st.integers(0, 1000))
def test_the_low_pass_equals_scipys_blur_then_area_average(seed):
    rng = np.random.default_rng(seed)
    expected, rgb = rng.integers(0, 256, (2, 2, 32, 32, 3)).astype(np.uint8)
    difference = (expected.astype(float) - rgb) / 255
    blurred = gaussian_filter(difference, (0, 4, 4, 0), mode="constant", truncate=3.0)
    cells = blurred.reshape(2, 8, 4, 8, 4, 3).mean(axis=(2, 4))
    oracle = np.square(cells).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(surprise.low_passed_rgb_error(expected, rgb), oracle, rtol=1e-4, atol=1e-7)


def test_texture_noise_passes_under_the_threshold_and_a_new_wall_does_not():
    rng = np.random.default_rng(0)
    view = rng.integers(90, 130, (1, 64, 64, 3)).astype(np.uint8)
    noisy = np.clip(view + rng.normal(0, 20, view.shape), 0, 255).astype(np.uint8)
    elsewhere = view.copy()
    elsewhere[:, :, 20:] = 230
    error = surprise.low_passed_rgb_error(np.concatenate([view, view]), np.concatenate([noisy, elsewhere]))
    np.testing.assert_allclose(surprise.thresholded(error), [-0.0002, 0.5])


def test_the_share_counts_pixels_frame_by_frame():
    surprising = np.array([[[True, False], [False, False]], [[True, True], [True, False]]])
    assert surprise.surprising_share(surprising).tolist() == [0.25, 0.75]


def test_an_image_that_cannot_be_low_passed_is_refused():
    with pytest.raises(ValueError, match="multiple of the 8"):
        surprise.low_pass_matrix(30)
