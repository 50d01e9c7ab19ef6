"""Habitat's episode files in robonav's world frame: starts, goals, view points and goal images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from robonav.envs.episode_files.bounded import decode, read_bounded
from robonav.envs.episode_files.habitat_json import (
    EpisodeJson,
    FileJson,
    GoalJson,
    ImageParameters,
    Quaternion,
)
from robonav.envs.scenes.datasets.habitat_frame import (
    camera_pose_from_habitat,
    world_from_habitat,
    yaw_from_habitat,
)
from robonav.envs.scenes.scene import SceneError

Position = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class GoalCamera:
    """The camera of a goal image.

    Attributes:
        T_world_camera: (4, 4) float32.
        hfov_deg: Horizontal field of view in degrees.
        height: Rows of the image.
        width: Columns of the image.
    """

    T_world_camera: NDArray[np.float32]
    hfov_deg: float
    height: int
    width: int


@dataclass(frozen=True, eq=False)
class Goal:
    """The goal of an episode.

    Attributes:
        position: Point to reach, or centre of the object (x, y, z), metres.
        radius_m: Radius of success, where the file states it.
        object_id: The object's name in its scene.
        category: Category of the object.
        view_points: (K, 4) x, y, z, yaw of poses with the object in view.
        image_goals: Cameras of its goal images.
    """

    position: Position
    radius_m: float | None
    object_id: str | None
    category: str | None
    view_points: NDArray[np.float64]
    image_goals: tuple[GoalCamera, ...]


@dataclass(frozen=True, eq=False)
class HabitatEpisode:
    """One episode of a Habitat file; episodes with the same goals share them.

    Attributes:
        episode_id: As in the file; unique there at best.
        scene_path: Path of the scene in the file, such as data/scene_datasets/gibson/Adrian.glb.
        position: Start (x, y, z), metres.
        yaw: Heading at the start, radians.
        goals: One for a point or an instance; all objects of the category in ObjectNav.
        category: Category of the object to find.
        image_goal: Camera of the goal image, in InstanceImageNav.
        geodesic_distance_m: Length of the shortest path to the nearest goal, from the file.
        difficulty: Difficulty, from the file.
    """

    episode_id: str
    scene_path: str
    position: Position
    yaw: float
    goals: tuple[Goal, ...]
    category: str | None
    image_goal: GoalCamera | None
    geodesic_distance_m: float | None
    difficulty: str | None


def read_habitat_episodes(path: Path) -> Iterator[HabitatEpisode]:
    """All episodes of a file, of an index file with its content/ folder, or of a folder of files.

    Files are read one by one, so memory follows the largest of them.

    Args:
        path: A .json.gz or .json file, or a folder of them.

    Raises:
        SceneError: There is no episode, or a file is damaged; the message names the file and the entry.
    """
    none = True
    for file in _files(path):
        for episode in _read_file(file):
            none = False
            yield episode
    if none:
        raise SceneError(
            f"{path} holds no episode: expected Habitat's .json.gz files, or an index with content/*.json.gz "
            "beside it, so check the path"
        )


def _files(path: Path) -> list[Path]:
    """The file itself and the files of its content/ folder; in a folder, all files."""
    if path.is_dir():
        return _json_files(path) + _json_files(path / "content")
    beside = _json_files(path.parent / "content")
    return [path, *beside] if beside and not _parse(path).episodes else [path]


def _json_files(folder: Path) -> list[Path]:
    return sorted(file for end in ("*.json", "*.json.gz") for file in folder.glob(end) if file.is_file())


def _parse(path: Path) -> FileJson:
    content = decode(read_bounded(path), FileJson | list[EpisodeJson], str(path))  # type: ignore[arg-type]
    return content if isinstance(content, FileJson) else FileJson(content)


def _read_file(path: Path) -> Iterator[HabitatEpisode]:
    file = _parse(path)
    tables = _GoalTables(file, path)
    for number, episode in enumerate(file.episodes):
        source = f"{path} episode {episode.episode_id} (entry {number})"
        goals = _goals(episode.goals, source) if episode.goals else tables.goals_of(episode, source)
        yield _episode(episode, goals, source)


class _GoalTables:
    """The goal tables of a file, beside its episodes; each goal is converted once."""

    def __init__(self, file: FileJson, path: Path) -> None:
        instances = {key: [goal] for key, goal in (file.goals or {}).items()}
        self._tables, self._path = {**(file.goals_by_category or {}), **instances}, path
        self._converted: dict[str, tuple[Goal, ...]] = {}

    def goals_of(self, episode: EpisodeJson, source: str) -> tuple[Goal, ...]:
        """Goals from the tables for an episode without its own; none where it has no category either."""
        key = _goals_key(episode)
        if key is None:
            return ()
        if key not in self._tables:
            raise SceneError(f"{source} is for the goals {key!r}, which the file lacks: get the file again")
        if key not in self._converted:
            self._converted[key] = _goals(self._tables[key], f"{self._path} goals {key}")
        return self._converted[key]


def _goals_key(episode: EpisodeJson) -> str | None:
    """Key of the goals in the file's table, as habitat-lab's `goals_key` and `goal_key`."""
    name = PurePosixPath(episode.scene_id).name
    if episode.goal_object_id is not None:
        return f"{name.removesuffix('.glb').removesuffix('.basis')}_{episode.goal_object_id}"
    return f"{name}_{episode.object_category}" if episode.object_category is not None else None


def _episode(episode: EpisodeJson, goals: tuple[Goal, ...], source: str) -> HabitatEpisode:
    _check_rotation(episode.start_rotation, source)
    image = None
    if episode.goal_image_id is not None:
        images = goals[0].image_goals if goals else ()
        if episode.goal_image_id >= len(images):
            raise SceneError(
                f"{source} wants goal image {episode.goal_image_id} of {len(images)}: get the file again"
            )
        image = images[episode.goal_image_id]
    return HabitatEpisode(
        episode_id=str(episode.episode_id),
        scene_path=episode.scene_id,
        position=_position(episode.start_position),
        yaw=float(yaw_from_habitat(episode.start_rotation)),
        goals=goals,
        category=episode.object_category,
        image_goal=image,
        geodesic_distance_m=episode.info.geodesic_distance if episode.info else None,
        difficulty=episode.info.difficulty if episode.info else None,
    )


def _goals(goals: list[GoalJson], source: str) -> tuple[Goal, ...]:
    return tuple(
        Goal(
            position=_position(goal.position),
            radius_m=goal.radius,
            object_id=None if goal.object_id is None else str(goal.object_id),
            category=goal.object_category,
            view_points=_view_points(goal, source),
            image_goals=tuple(_image_goal(image, source) for image in goal.image_goals or ()),
        )
        for goal in goals
    )


def _view_points(goal: GoalJson, source: str) -> NDArray[np.float64]:
    states = [view.agent_state for view in goal.view_points or ()]
    if not states:
        return np.zeros((0, 4))
    for state in states:
        _check_rotation(state.rotation, source)
    yaws = yaw_from_habitat([state.rotation for state in states])
    return np.column_stack([world_from_habitat([state.position for state in states]), yaws])


def _image_goal(image: ImageParameters, source: str) -> GoalCamera:
    _check_rotation(image.rotation, source)
    pose = camera_pose_from_habitat(image.position, image.rotation)
    return GoalCamera(pose, image.hfov, *image.image_dimensions)


def _position(point: tuple[float, float, float]) -> Position:
    x, y, z = world_from_habitat(point).tolist()
    return x, y, z


def _check_rotation(quaternion: Quaternion, source: str) -> None:
    squared = sum(part * part for part in quaternion)
    if not 0.9 < squared < 1.1:
        raise SceneError(
            f"{source} has the rotation {quaternion} of squared length {squared:.3g}: expected a unit "
            "quaternion x, y, z, w, so get the file again"
        )
