"""Fixtures of all tests: one thread a worker, a fixed hypothesis profile, and the place of real data."""

from __future__ import annotations

import atexit
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED_DATA = REPOSITORY.parent / "shared" / "data"

settings.register_profile(
    "robonav",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("explore", settings.get_profile("robonav"), derandomize=False, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "robonav"))


def pytest_configure() -> None:
    """Give each worker one thread, before numpy and torch load: pytest-xdist uses the cores already."""
    for pool in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(pool, "1")
    os.environ.setdefault("MPLBACKEND", "Agg")
    # no test reads what an earlier run left, nor fills the user's disk; workers inherit the controller's
    if "PYTEST_XDIST_WORKER" not in os.environ:
        folder = tempfile.TemporaryDirectory(prefix="robonav-tests-")
        atexit.register(folder.cleanup)
        os.environ["ROBONAV_CACHE"] = folder.name


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout that the tests lie in."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real scenes, floor plans and references beside the checkout, never a part of it; skips if absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("../shared/data is not beside this checkout")
    return SHARED_DATA


@pytest.fixture(params=["mujoco", "pybullet"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The only physics engine that is installed, as far as the test can tell."""
    from robonav.envs import physics

    name: str = request.param
    if name not in physics.installed():
        pytest.skip(f"{name} is not installed")
    monkeypatch.setattr(physics, "installed", lambda: [name])
    return name
