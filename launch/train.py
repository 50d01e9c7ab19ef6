"""`robonav train`: teach an agent to explore, or a task."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from robonav.launch.mesh_options import MeshOptions


@dataclass(frozen=True)
class TrainCommand(MeshOptions):
    """Train an explorer by curiosity about what its map does not know yet, or fine-tune one for a task.

    The run folder gets config.json, metrics.jsonl, TensorBoard files and checkpoints; a run that was stopped
    at any moment goes on with --resume.

    Examples:
        robonav train nano
        robonav train nano --scenes my_house.glb --steps 200000 --out runs/my_house
        robonav train nano --out runs/nano-0 --resume
        robonav train nano-apples --init explorer --apples 3
        robonav train nano-image-goal --init runs/nano-0
    """

    preset: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="PRESET")]
    """Which configuration: nano, a task (nano-apples, nano-image-goal), or an ablation of nano (a file in
    launch/presets)."""
    init: str | None = None
    """Whose weights to start from, its eye included: `explorer`, which ships with robonav, or a checkpoint or
    run folder."""
    apples: int | None = None
    """Apples in an episode of nano-apples."""
    scenes: str | None = None
    """Worlds to train in: `procedural`, a mesh, a floor plan (map.yaml), a scan, or a folder of them."""
    steps: int | None = None
    """Environment steps in all, those before --resume included."""
    num_envs: int | None = None
    """Agents that walk at the same time; each gradient step takes whole episodes of some of them."""
    vision: str | None = None
    """The frozen eye: one that ships with robonav (nano), or a folder of `robonav vision`."""
    sensor: Literal["raycast", "habitat"] | None = None
    """What agents see through: raycast, habitat (needs habitat-sim); default the faster of ours."""
    seed: int | None = None
    """Decides weights, worlds, starts and actions."""
    device: str | None = None
    """Where the policy lives: auto, cpu, cuda (cuda was not run by us yet)."""
    threads: int | None = None
    """CPU threads; 0 = all cores. Two runs side by side go fastest with 1 each."""
    out: Path | None = None
    """Run folder; default runs/PRESET-SEED."""
    resume: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Continue the run in --out from its last checkpoint."""

    def run(self) -> None:
        """Train and say where the last checkpoint is."""
        from robonav.launch.presets import load_preset

        names = ["init", "apples", "scenes", "steps", "num_envs"]
        names += ["vision", "sensor", "seed", "device", "threads"]
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        config = replace(load_preset(self.preset), **given)
        config = replace(config, scenes=self.spec(config.scenes))
        # Only now, because it takes seconds and the name of the preset may be wrong.
        from robonav.training import TrainingRun

        out = self.out or Path("runs") / f"{self.preset}-{config.seed}"
        last = TrainingRun(config, out, self.resume).learn()
        options = "" if config.scenes == "procedural" else f" --scenes {shlex.quote(config.scenes)}"
        options += f" --task {config.task}" if config.task else ""
        options += f" --apples {config.apples}" if config.task == "apples" else ""
        print(f"last checkpoint: {last}\nevaluate it: robonav evaluate {shlex.quote(str(out))}{options}")
