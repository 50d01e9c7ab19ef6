"""Our frames against those that a real habitat-sim rendered of the same scenes at the same poses."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ORACLE = runpy.run_path(str(Path(__file__).parents[3] / "benchmarks" / "render_oracle.py"))


@pytest.mark.parametrize("name", ORACLE["SCENES"])
def test_rgb_and_depth_match_habitat_sim_on_every_pixel_of_every_pose(name: str, shared_data: Path) -> None:
    agreement = ORACLE["compare"](name, shared_data)
    assert agreement.median_depth_m < 0.01
    assert agreement.within_5cm > 0.999  # of ALL pixels; the goal was 97 % without those at edges
    assert agreement.rgb_error < 6
