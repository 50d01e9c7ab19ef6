"""Types of Habitat's episode files: y up, quaternions x, y, z, w.

The fields are those of habitat-lab's NavigationEpisode, ObjectGoal and InstanceImageParameters; others are
skipped. msgspec checks the types while it decodes, so a wrong one is found before anything is built from it.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Metres = Annotated[float, Meta(ge=-1e5, le=1e5)]  # 100 km: beyond it is a wrong unit or a damaged file
Point = tuple[Metres, Metres, Metres]
Part = Annotated[float, Meta(ge=-1.1, le=1.1)]
Quaternion = tuple[Part, Part, Part, Part]
# becomes a part of messages and file names: no control characters
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Pixels = Annotated[int, Meta(ge=1, le=16384)]


class AgentState(Struct):
    """Position and rotation of an agent."""

    position: Point
    rotation: Quaternion


class ViewPoint(Struct):
    """A pose from which the object is seen."""

    agent_state: AgentState


class ImageParameters(Struct):
    """The camera of a goal image; `image_dimensions` are height and width."""

    position: Point
    rotation: Quaternion
    hfov: Annotated[float, Meta(gt=0, lt=180)]
    image_dimensions: tuple[Pixels, Pixels]


class GoalJson(Struct):
    """One goal; `position` is the object's or the point to reach."""

    position: Point
    radius: float | None = None
    object_id: Name | int | None = None
    object_category: Name | None = None
    view_points: list[ViewPoint] | None = None
    image_goals: list[ImageParameters] | None = None


class Info(Struct):
    """Facts about an episode."""

    geodesic_distance: Annotated[float, Meta(ge=0)] | None = None
    difficulty: Name | None = None


class EpisodeJson(Struct):
    """One episode; where `goals` is empty, the file's table of goals has them."""

    episode_id: Name | int
    scene_id: Name
    start_position: Point
    start_rotation: Quaternion
    goals: list[GoalJson] | None = None
    info: Info | None = None
    object_category: Name | None = None
    goal_object_id: Name | int | None = None
    goal_image_id: Annotated[int, Meta(ge=0)] | None = None


class FileJson(Struct):
    """A file with its tables of goals: by category (ObjectNav) or by instance (InstanceImageNav)."""

    episodes: list[EpisodeJson]
    goals_by_category: dict[str, list[GoalJson]] | None = None
    goals: dict[str, GoalJson] | None = None
