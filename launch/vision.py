"""`robonav vision`: teach the frozen eye that explorers look through."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from robonav.launch.mesh_options import MeshOptions


@dataclass(frozen=True)
class VisionCommand(MeshOptions):
    """Teach an eye what is free, occupied and in sight; `robonav train` then looks through it.

    An eye ships with robonav, so this is for other worlds, other sizes, or to make it again. The folder gets
    model.safetensors and config.json with the errors on views that were not learnt from.

    Examples:
        robonav vision --out eyes/houses
        robonav vision --init nano --scenes my_scans/ --rounds 40 --out eyes/mine
        robonav train nano --vision eyes/mine
    """

    out: Path = Path("eyes/nano")
    """Folder of the eye."""
    scenes: str | None = None
    """Worlds to look at: `procedural`, a mesh, a floor plan (map.yaml), a scan, or a folder of them."""
    init: str | None = None
    """An eye to teach further: `nano`, which ships with robonav, or a folder of this command."""
    rounds: int | None = None
    """Rounds of rendering and learning."""
    altered: float | None = None
    """Share of the worlds that are shown in other paint, wider, higher, cluttered or with holes."""
    seed: int | None = None
    """Decides weights, worlds, views and their order."""
    threads: int | None = None
    """CPU threads; 0 = all cores."""
    resume: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Go on from the folder's last checkpoint."""

    def run(self) -> None:
        """Teach, showing the errors as they fall."""
        from tqdm import tqdm

        from robonav.vision_training import VisionTrainConfig, VisionTraining

        names = ("scenes", "init", "rounds", "altered", "seed", "threads")
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        config = replace(VisionTrainConfig(), **given)
        training = VisionTraining(replace(config, scenes=self.spec(config.scenes)), self.out, self.resume)
        with tqdm(total=training.config.rounds, initial=training.round, unit="round") as bar:
            for shown in training.learn():
                bar.set_postfix({key: f"{value:.4f}" for key, value in shown.items() if key != "round"})
                bar.update()
        print(f"the eye is in {self.out}\ntrain with it: robonav train nano --vision {self.out}")
