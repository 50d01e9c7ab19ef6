"""`robonav train`: teach an agent to explore, or a task."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from robonav.errors import UsageError
from robonav.launch.mesh_options import MeshOptions

if TYPE_CHECKING:
    from robonav.training.config import TrainConfig


@dataclass(frozen=True)
class TrainCommand(MeshOptions):
    """Train an explorer by curiosity about what its map does not know yet, or fine-tune one for a task.

    The run folder gets config.json, metrics.jsonl, TensorBoard files and checkpoints; a run that was stopped
    at any moment goes on with --resume.

    Examples:
        robonav train nano
        robonav train nano --scenes my_house.glb --steps 200000 --out runs/my_house
        robonav train nano --out runs/nano-0 --resume
        robonav train nano --ranks 2
        robonav train nano-apples --init explorer --apples 3
        robonav train nano-image-goal --init runs/nano-0
    """

    preset: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="PRESET")]
    """Which configuration: nano, nano-mapless, a task (nano-apples, nano-image-goal,
    nano-sparse-goal), or another file in launch/presets."""
    init: str | None = None
    """Whose weights to start from, its eye and finder included: `explorer`, which ships with robonav, or a
    checkpoint or run folder. It then learns at 0.15 of the preset's rate, so that it keeps what it knows."""
    apples: int | None = None
    """Apples in an episode of nano-apples."""
    obstacles: int | None = None
    """Balls that appear on the way in an episode of nano-sparse-goal."""
    drift: float | None = None
    """Error of the odometry in nano-sparse-goal, as a share of the way, such as 0.01."""
    scenes: str | None = None
    """Worlds to train in: `procedural`, a mesh, a floor plan (map.yaml), a scan, or a folder of them."""
    steps: int | None = None
    """Environment steps in all, those before --resume included."""
    num_envs: int | None = None
    """Agents that walk at the same time; each gradient step takes whole episodes of some of them."""
    vision: str | None = None
    """The frozen eye: one that ships with robonav (nano), or a folder of `robonav vision`."""
    finder: str | None = None
    """What finds goal images in nano-image-goal: one that ships with robonav (nano), or a folder of `robonav
    finder`; it goes with the eye that it was taught with."""
    sensor: Literal["raycast", "habitat"] | None = None
    """What agents see through: raycast, habitat (needs habitat-sim); default the faster of ours."""
    motion_noise: float | None = None
    """How inexact the agents' steps are: 1 = as those of the simulated TurtleBot; default 0, exact."""
    seed: int | None = None
    """Decides weights, worlds, starts and actions."""
    device: str | None = None
    """Where the policy lives: auto, cpu, cuda (cuda was not run by us yet)."""
    threads: int | None = None
    """CPU threads of each rank; 0 = all cores, shared equally. Two runs side by side: give each 1."""
    ranks: int = 1
    """Processes that share the agents and learn as one would; no more than cores."""
    micro_batch: int | None = None
    """Whole episodes in memory at once when learning: fewer need less memory, and learn the same."""
    precision: Literal["auto", "float32", "bfloat16"] | None = None
    """Of the policy's matrix products; auto = bfloat16 on CUDA (not run by us yet), else float32."""
    out: Path | None = None
    """Run folder; default runs/PRESET-SEED."""
    resume: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Continue the run in --out from its last checkpoint."""
    view: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Show the first agent in the browser, as its map grows."""

    def run(self) -> None:
        """Train and say where the last checkpoint is."""
        from robonav.launch.presets import load_preset
        from robonav.training.fine_tuning import gently

        preset = load_preset(self.preset)
        names = ["init", "apples", "obstacles", "drift", "scenes", "steps", "num_envs"]
        names += ["vision", "finder", "sensor", "motion_noise", "seed", "device", "threads"]
        ppo = replace(
            gently(preset.ppo) if self.init else preset.ppo,
            **self._given("micro_batch", "precision"),
        )
        config = replace(preset, ppo=ppo, **self._given(*names))
        config = replace(config, scenes=self.spec(config.scenes))
        out = self.out or Path("runs") / f"{self.preset}-{config.seed}"
        if self._train(config, out):
            self._tell(config, out)

    def _given(self, *names: str) -> dict[str, Any]:
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def _train(self, config: TrainConfig, out: Path) -> bool:
        """Train in one process or several; whether this one is to tell about it."""
        # Only now, because it takes seconds and the name of the preset may be wrong.
        from robonav.algorithms.ranks import ranks_of_torchrun
        from robonav.launch.ranks import train, train_on_ranks

        if self.ranks < 1:
            raise UsageError(f"ranks is {self.ranks}: give at least 1")
        if self.ranks > 1:
            train_on_ranks(self.ranks, config, out, self.resume, self.view)
            return True
        ranks = ranks_of_torchrun()
        train(config, out, self.resume, self.view, ranks)
        ranks.leave()
        return ranks.is_first

    def _tell(self, config: TrainConfig, out: Path) -> None:
        from robonav.files import find_checkpoint

        last = find_checkpoint(out)
        options = "" if config.scenes == "procedural" else f" --scenes {shlex.quote(config.scenes)}"
        options += f" --task {config.task}" if config.task else ""
        options += f" --apples {config.apples}" if config.task == "apples" else ""
        print(f"last checkpoint: {last}\nevaluate it: robonav evaluate {shlex.quote(str(out))}{options}")
