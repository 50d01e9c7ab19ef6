"""`robonav scenes episodes`: fixes the starts of a benchmark in a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from robonav.errors import UsageError
from robonav.launch.mesh_options import MeshOptions

if TYPE_CHECKING:
    from robonav.envs.episode_files import EpisodeList, LeftOut
    from robonav.envs.scenes import SceneSet


@dataclass(frozen=True)
class EpisodesCommand(MeshOptions):
    """Write a list of episodes that `robonav evaluate --episodes LIST` replays exactly.

    The list has the starts, and the content of the scenes as a hash: a changed scene is noticed. Without
    --habitat they are the episodes that `robonav evaluate` draws for the same --episodes and --seed.

    Examples:
        robonav scenes episodes procedural --episodes 100 --seed 0 --out benchmark.jsonl
        robonav scenes episodes gibson --habitat pointnav/val --out pointnav.jsonl
    """

    scenes: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="SCENES")]
    """`procedural`, a mesh, a floor plan (map.yaml), a room scan, or a folder of them."""
    out: Path
    """The list to write, NAME.jsonl."""
    episodes: int | None = None
    """Number of episodes, spread evenly over the scenes; default 100, with --habitat all that can start."""
    seed: int = 0
    """Decides which starts are drawn, or which of Habitat's episodes are kept."""
    habitat: Path | None = None
    """Take the episodes of this .json.gz file, or of a folder of them, that can start in these scenes."""

    def run(self) -> None:
        """Write the list and say what is in it."""
        from robonav.envs.scenes import open_scenes
        from robonav.launch.loading import loading_shown

        if self.episodes is not None and self.episodes < 1:
            raise UsageError(f"episodes is {self.episodes}: give at least 1")
        if self.seed < 0:
            raise UsageError(f"seed is {self.seed}: give 0 or more")
        with loading_shown(open_scenes(self.spec(self.scenes), split="val")) as scenes:
            episodes = self._drawn(scenes) if self.habitat is None else self._given(self.habitat, scenes)
        episodes.write(self.out)
        print(f"{len(episodes.episodes)} episodes in {len(episodes.scene_hashes)} scenes: {self.out}")

    def _drawn(self, scenes: SceneSet) -> EpisodeList:
        from robonav.evaluation.drawing import draw_episodes

        return draw_episodes(scenes, self.episodes or 100, self.seed)

    def _given(self, path: Path, scenes: SceneSet) -> EpisodeList:
        from robonav.envs.episode_files import open_episodes

        episodes, left_out = open_episodes(path, scenes)
        print_left_out(episodes, left_out)
        return episodes if self.episodes is None else episodes.some(self.episodes, self.seed)


def print_left_out(episodes: EpisodeList, left_out: LeftOut) -> None:
    """Say how many episodes of a file cannot start and why; nothing where all can."""
    total = len(episodes.episodes) + sum(left_out.values())
    for reason, count in left_out.items():
        print(f"left out {count} of {total} episodes: {reason}")
