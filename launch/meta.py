"""`robonav meta`: teach the meta-controller of the topological explorer."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from robonav.launch.mesh_options import MeshOptions


@dataclass(frozen=True)
class MetaCommand(MeshOptions):
    """Teach which node of its topological map a robot should go to next on its way to a far goal.

    A network of 7,000 weights learns by PPO over sub-goals, paid for arrival and for floor that becomes
    known; a planner drives. Minutes on one CPU core. The run folder gets config.json, metrics.jsonl and
    checkpoints; a run that was stopped at any moment goes on with --resume.

    Examples:
        robonav meta --out runs/meta
        robonav meta --scenes my_house.glb --steps 20000 --out runs/my_house
        robonav meta --drift 0.01 --obstacles 3 --out runs/meta-drift
        robonav evaluate runs/meta --task sparse-goal --episodes 20 --steps 512
    """

    scenes: str = "procedural"
    """Worlds to train in: `procedural`, a mesh, a floor plan (map.yaml), a scan, or a folder of them."""
    worlds: int = 32
    """How many of them are used."""
    steps: int = 32_000
    """Environment steps in all, those before --resume included."""
    num_envs: int = 16
    """Robots that walk at the same time."""
    decisions: int = 192
    """Finished choices of all robots before each update."""
    obstacles: int = 0
    """Balls that appear on the shortest way from step 50 on."""
    drift: float = 0.0
    """Error of the odometry as a share of the way, such as 0.01."""
    coverage: float = 0.003
    """Paid for each m² of floor that becomes known; arrival is worth 1. 0 = no intrinsic reward."""
    seed: int = 0
    """Decides weights, starts, goals and choices."""
    threads: int = 1
    """CPU threads."""
    out: Path = Path("runs/meta")
    """Run folder."""
    resume: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Continue the run in --out from its last checkpoint."""

    def run(self) -> None:
        """Train and say where the last checkpoint is."""
        from tqdm import tqdm

        from robonav.planners.topological.options import PPOConfig
        from robonav.planners.topological.training import MetaConfig, MetaTraining

        names = ("worlds", "steps", "num_envs", "obstacles", "drift", "coverage", "seed", "threads")
        given = {name: getattr(self, name) for name in names}
        config = MetaConfig(scenes=self.spec(self.scenes), ppo=PPOConfig(decisions=self.decisions), **given)
        training = MetaTraining(config, self.out, self.resume)
        with tqdm(total=self.steps, initial=training.steps, unit="step") as bar:
            last = training.learn(bar.update)
        scenes = "" if self.scenes == "procedural" else f" --scenes {shlex.quote(self.scenes)}"
        evaluate = f"robonav evaluate {shlex.quote(str(self.out))} --task sparse-goal{scenes}"
        print(f"last checkpoint: {last}\nevaluate it: {evaluate}")
