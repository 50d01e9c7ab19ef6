"""Watching a training run: an SB3 callback."""

from __future__ import annotations

from stable_baselines3.common.callbacks import BaseCallback

from robonav.envs.vec_env import WorldVecEnv
from robonav.watching import Curve, NullViewer, Viewer


def watching(viewer: Viewer | None, worlds: WorldVecEnv) -> list[BaseCallback]:
    """The callback that shows the first agent; none where nobody watches."""
    return [] if viewer is None or isinstance(viewer, NullViewer) else [ViewerCallback(viewer, worlds)]


class ViewerCallback(BaseCallback):
    """Shows the first agent; what it learns from is not touched.

    Args:
        viewer: The viewer that is shown the run.
        worlds: Where the agents are.

    Raises:
        UsageError: When training begins, and the viewer cannot show such worlds.
    """

    def __init__(self, viewer: Viewer, worlds: WorldVecEnv) -> None:
        super().__init__()
        self._viewer, self._worlds = viewer, worlds

    def _on_training_start(self) -> None:
        self._begin()  # not with each rollout: episodes go on over its end, and a rollout of SAC is one step

    def _on_step(self) -> bool:
        if self.locals["dones"][0]:
            self._begin()
        else:
            self._viewer.show(self._worlds.frames, Curve)
        return True

    def _begin(self) -> None:
        title = f"training, after {self.num_timesteps:,} steps"
        self._viewer.begin(title, self._worlds.camera, self._worlds.frames)
