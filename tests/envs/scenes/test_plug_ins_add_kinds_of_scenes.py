"""Other packages add kinds of scenes by an entry point; a broken one does no harm."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from robonav.envs import plugins
from robonav.envs.scenes import SceneError, open_scenes
from robonav.envs.scenes.free_space import AgentShape
from tests.worlds import Rooms


def open_rooms(spec: str, split: str, agent: AgentShape) -> Rooms | None:
    return Rooms(3 if split == "train" else 1) if spec == "rooms" else None


def open_nonsense(spec: str, split: str, agent: AgentShape) -> str | None:
    return spec if spec == "rooms" else None


def refuse(spec: str, split: str, agent: AgentShape) -> None:
    raise SceneError("this disk is empty: fill it")


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch):
    def with_plug_ins(**values: str) -> None:
        found = [EntryPoint(name, value, "robonav.scenes") for name, value in values.items()]
        monkeypatch.setattr(plugins, "entry_points", lambda group: found if group == "robonav.scenes" else [])

    return with_plug_ins


HERE = "tests.envs.scenes.test_plug_ins_add_kinds_of_scenes"


def test_a_plug_in_opens_what_it_knows(install) -> None:
    install(rooms=f"{HERE}:open_rooms")
    assert list(open_scenes("rooms").scene_ids) == ["room-0"]
    assert len(open_scenes("rooms", split="train").scene_ids) == 3
    with pytest.raises(SceneError, match="does not exist"):
        open_scenes("elsewhere")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("no.such.module:f", "ModuleNotFoundError"),
        (f"{HERE}:absent", "AttributeError"),
        (f"{HERE}:open_nonsense", "no SceneSet"),
    ],
)
def test_a_broken_plug_in_is_named_once_and_the_rest_works(install, value: str, said: str) -> None:
    install(broken=value, rooms=f"{HERE}:open_rooms")
    with pytest.warns(
        UserWarning, match=f"plug-in 'broken' .*{said}.*: update or uninstall its package"
    ) as warned:
        assert list(open_scenes("rooms").scene_ids) == ["room-0"]
    assert len(warned) == 1
    assert open_scenes("procedural").scene_ids  # does not even ask it


def test_what_a_plug_in_says_of_the_users_scenes_reaches_the_user(install) -> None:
    install(disk=f"{HERE}:refuse")
    with pytest.raises(SceneError, match="this disk is empty: fill it"):
        open_scenes("rooms")
