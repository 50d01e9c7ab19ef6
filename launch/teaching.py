"""Options of the commands that teach what is frozen afterwards, and how they show progress."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from robonav.launch.mesh_options import MeshOptions

if TYPE_CHECKING:
    from robonav.perception.teaching.base import Teaching


@dataclass(frozen=True, kw_only=True)
class TeachingOptions(MeshOptions):
    """Options that all of them have."""

    scenes: str = "procedural"
    """Worlds to look at: `procedural`, a mesh, a floor plan (map.yaml), a scan, or a folder of them."""
    init: str | None = None
    """Network to teach further: `nano`, which ships with robonav, or a folder of this command."""
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

    def given(self, *more: str) -> dict[str, Any]:
        """Options that were given, by name."""
        names = ("init", "rounds", "altered", "seed", "threads", *more)
        options = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return options | {"scenes": self.spec(self.scenes)}


def teach(training: Teaching[Any, Any, Any]) -> None:
    """Teach, showing the errors as they fall."""
    from tqdm import tqdm

    with tqdm(total=training.config.rounds, initial=training.round, unit="round") as bar:
        for shown in training.learn():
            bar.set_postfix({key: f"{value:.4f}" for key, value in shown.items() if key != "round"})
            bar.update()
