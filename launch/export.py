"""`robonav export`: a recorded episode as files for other tools."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro


@dataclass(frozen=True)
class ExportCommand:
    """Replay a recorded episode and write it for other tools.

    ply, glb: mesh of the reconstruction, coloured; glb is y-up, as glTF demands. tum: the camera's way, a
    line a step. nav2: occupancy map, .yaml and .pgm. graphml: places, ways, frontiers. mcap: images and poses
    as ROS 2 messages. gif, mp4: the map from above beside what the camera saw. rrd: all of it, for rerun.

    Examples:
        robonav export results/first --format ply
        robonav export results/first --episode procedural/val/000002/0-0 --format gif tum --out first
    """

    folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """A folder of `robonav evaluate` or `robonav drive`."""
    format: tuple[Literal["ply", "glb", "tum", "nav2", "graphml", "mcap", "gif", "mp4", "rrd"], ...]
    """Formats to write, one or more. mcap, mp4 and rrd need extras: pip install
    'robonav[drive,video,rerun]'."""
    episode: str | None = None
    """Episode to export, by its id; default the first one."""
    out: Path | None = None
    """Name of the files without their ending; default RUN/export/EPISODE."""
    every: int = 1
    """Write only every k-th step, and the last one: shorter videos. The map has all steps."""
    scenes: str | None = None
    """Folder or file of the run's scenes, if they were moved."""
    width: int = 128
    """Columns of the images that it is rendered with; more make a denser map."""
    voxel: float = 0.05
    """Edge of a voxel of the map, metres."""
    threads: int = 0
    """Threads for rendering; 0 = all cores."""

    def run(self) -> None:
        """Write the files, and say where each is."""
        from rich.progress import Progress

        from robonav.errors import UsageError
        from robonav.evaluation.records import safe_name
        from robonav.viewer.episode_map import check_voxel_size
        from robonav.viewer.exports import FORMATS, export_episode
        from robonav.viewer.replay import RecordedRun

        if not self.format:
            raise UsageError(f"--format names nothing: give one or more of {', '.join(FORMATS)}")
        if self.every < 1:
            raise UsageError(f"every is {self.every}: give at least 1")
        check_voxel_size(self.voxel)
        run = RecordedRun(self.folder, self.scenes, self.width, self.threads)
        recording = run.open(self.episode or run.episode_ids[0])
        target = self.out or self.folder / "export" / safe_name(recording.episode_id)
        with Progress() as bar:
            task = bar.add_task("replaying", total=len(recording))
            written = export_episode(
                recording, self.format, target, self.voxel, lambda: bar.advance(task), self.every
            )
        for path in written:
            print(path)
