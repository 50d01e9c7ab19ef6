"""Log lines, checkpoints and the progress bar of a training run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback, ProgressBarCallback
from stable_baselines3.common.logger import KVWriter

from robonav.algorithms.ranks import Ranks
from robonav.disk import named


class Run(Protocol):
    """A training run that can be saved while its algorithm learns."""

    @property
    def algorithm(self) -> BaseAlgorithm:
        """The learning algorithm."""

    def save(self) -> None:
        """Write a checkpoint."""


class JsonLines(KVWriter):
    """Appends every log record as one JSON line, so that a resumed run continues the file."""

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, path.open("a", encoding="utf-8")

    def write(self, key_values: dict[str, Any], key_excluded: Any, step: int = 0) -> None:
        """Write one record with the step it belongs to."""
        numbers = {key: value for key, value in key_values.items() if isinstance(value, int | float)}
        with named(self._path):
            self._file.write(json.dumps({"step": step, **numbers}) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class CheckpointCallback(BaseCallback):
    """Saves the run when a rollout begins, after the update on the one before, and at the end."""

    def __init__(self, run: Run, every: int) -> None:
        super().__init__()
        self._run, self._every = run, every
        self._saved = run.algorithm.num_timesteps

    def _on_rollout_start(self) -> None:
        if self.num_timesteps // self._every > self._saved // self._every:
            self._save()

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        if self.model.num_timesteps > self._saved:
            self._save()

    def _save(self) -> None:
        self._run.save()
        self._saved = self.model.num_timesteps


class Progress(ProgressBarCallback):
    """SB3's progress bar, which counts the steps of all ranks."""

    def __init__(self, ranks: Ranks) -> None:
        super().__init__()
        self._ranks = ranks

    def _on_step(self) -> bool:
        self.pbar.update(self.training_env.num_envs * self._ranks.size)
        return True

    def stop(self) -> None:
        """Leave the terminal as it was, also where training has failed; tqdm would do so too late."""
        if hasattr(self, "pbar"):
            self.pbar.close()
