"""`robonav scenes list`, `check`, `preview` and `expected` say what is there and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from robonav.envs.preview import draw_preview
from robonav.envs.scenes import open_scenes
from robonav.envs.scenes.health import findings_of
from robonav.launch import cli
from robonav.launch.scenes_expected import EXPECTED
from tests.envs.scenes.gltf_files import write_room
from tests.worlds import SIZE, box_room


def run(capsys: pytest.CaptureFixture[str], *args: object, code: int = 0) -> str:
    capsys.readouterr()
    assert cli.main(["scenes", *map(str, args)]) == code
    caught = capsys.readouterr()
    return caught.out + caught.err


def lay_out(folder: Path, tree: str) -> None:
    """Make the files of a printed tree; meshes become rooms."""
    branch: list[str] = []
    for line in tree.splitlines():
        name = line.split()[0] if line.strip() else ""
        depth = (len(line) - len(line.lstrip())) // 2
        if name.endswith("/") or (branch and depth and "." in name):
            branch = [*branch[:depth], name.rstrip("/")]
            path = folder.joinpath(*branch)
            if name.endswith("/"):
                path.mkdir(parents=True)
            elif path.suffix in (".glb", ".ply"):
                write_room(path, up="y" if "gibson" in branch else "z")
            elif path.suffix == ".navmesh":
                path.touch()


@pytest.mark.parametrize(("name", "count"), [("hm3d", 1), ("gibson", 2), ("replica", 1)])
def test_the_tree_that_is_expected_is_the_one_that_opens(
    name: str, count: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = run(capsys, "expected", name)
    assert "https://" in printed
    lay_out(tmp_path, EXPECTED[name])
    (root,) = tmp_path.iterdir()
    (root / "hm3d_basis.scene_dataset_config.json").unlink(missing_ok=True)  # it may be absent
    scenes = open_scenes(str(root), split="minival")
    assert len(scenes.scene_ids) == count
    assert all(scene_id.startswith(f"{name}/") for scene_id in scenes.scene_ids)
    scene = scenes.load(scenes.scene_ids[0])
    assert np.ptp(scene.vertices, axis=0)[2] == pytest.approx(2.5)
    assert scene.navmesh_path is not None


def test_the_list_is_a_table_of_what_there_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_room(tmp_path / "a.glb")
    (tmp_path / "b.glb").write_bytes(b"glTF")
    heading, room, broken = run(capsys, "list", tmp_path).splitlines()
    assert heading.split() == [
        "kind", "scene", "triangles", "textured", "size", "floors", "free_area", "navmesh", "file"
    ]  # fmt: skip
    assert room.split()[:5] == ["mesh", "a.glb", "12", "0%", "6.0x4.0x2.5"]
    assert float(room.split()[6]) == pytest.approx(5.64 * 3.64, rel=0.05)
    assert room.split()[5::2] == ["1", "no"]
    assert broken.split()[:3] == ["mesh", "b.glb", "unusable"]
    first, second = json.loads(run(capsys, "list", tmp_path, "--json"))
    assert first["triangles"] == 12
    assert "b.glb" in second["error"]


def two_islands(path: Path) -> None:
    halves = trimesh.creation.box(extents=(8, 4, 2.5)), trimesh.creation.box(extents=(0.5, 4, 2.5))
    halves[1].apply_translation((1, 0, 0))
    trimesh.util.concatenate(halves).export(path)


def small_room(path: Path) -> None:
    write_room(path, up="z", size=(2.3, 2.0, 2.5))


def shed(path: Path) -> None:
    write_room(path, up="z", size=(6.0, 4.0, 1.6))


def in_centimetres(path: Path) -> None:
    write_room(path, up="z", size=(600, 400, 250))


@pytest.mark.parametrize(
    ("write", "found", "remedy"),
    [
        (two_islands, "2 islands", "open the doors"),
        (small_room, "m² are free around the start", "scan more"),
        (shed, "1.6 m high", "--scale"),
        (in_centimetres, "in centimetres", "--scale"),
        (write_room, "almost no colours", "with vertex colours"),
    ],
)
def test_the_check_says_what_is_wrong_and_how_to_mend_it(
    write: Callable[[Path], object],
    found: str,
    remedy: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(tmp_path / "a.ply")
    lines = run(capsys, "check", tmp_path / "a.ply").splitlines()
    assert lines[0] == "a.ply: usable, but"
    assert lines[-1] == "1 of 1 scenes can be explored"
    (at,) = [k for k, line in enumerate(lines) if line.startswith("  found ") and found in line]
    assert lines[at + 1].startswith("  remedy ")
    assert remedy in lines[at + 1]


def test_a_good_scene_is_called_good(capsys: pytest.CaptureFixture[str]) -> None:
    scenes = open_scenes("procedural", "val")
    assert findings_of(scenes.load(scenes.scene_ids[0])) == []


def hostile(folder: Path) -> list[Path]:
    """Files that no scene can be read from, under awkward names."""
    folder.mkdir()
    whole = write_room(folder.parent / "whole.glb").read_bytes()
    truncated, empty, not_a_number, link, directory = (
        folder / name for name in ("abge schnitten ü.glb", "empty.obj", "nan.obj", "link.glb", "folder.glb")
    )
    truncated.write_bytes(whole[:-100])
    empty.touch()
    not_a_number.write_text("v 0 0 0\nv 1 0 0\nv nan 1 0\nf 1 2 3\n")
    (folder.parent / "secret").write_text("not yours")
    link.symlink_to(folder.parent / "secret")
    directory.mkdir()
    return [truncated, empty, not_a_number, link, directory]


def test_hostile_files_are_one_line_with_every_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in hostile(tmp_path / "my scans"):
        code = 2 if path.is_dir() else 1
        for command in ("check", "info", "preview"):
            options = ("--out", tmp_path / "out") if command == "preview" else ()
            said = run(capsys, command, path, *options, code=code)
            assert path.name in said
            assert "Traceback" not in said
        assert cli.main(["evaluate", "straight", "--scenes", str(path), "--out", str(tmp_path / "out")]) == 2
        error = capsys.readouterr().err
        assert path.name in error
        assert len(error.splitlines()) == 1
        assert not (tmp_path / "out").exists()


def test_a_folder_above_the_scenes_gets_a_hint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_room(tmp_path / "scans" / "kitchen" / "mesh.glb")
    said = run(capsys, "check", tmp_path / "scans", code=2)
    assert f"there is mesh.glb in {tmp_path / 'scans' / 'kitchen'}" in said


def test_the_preview_shows_where_one_can_walk_to_scale() -> None:
    picture = np.asarray(draw_preview(box_room(), threads=1)).astype(int)
    assert picture.shape[0] == 480
    plan = picture[:, : picture.shape[1] - 640]
    green = (plan[..., 1] > plan[..., 0] + 30) & (plan[..., 1] > plan[..., 2] + 20)
    free = box_room().free_space
    assert free is not None
    cells = np.ptp(np.argwhere(free.islands > 0), axis=0) + 17
    m2_per_pixel = (cells.max() * free.cell_size / 480) ** 2
    numbers_m2 = 4 * 500 * m2_per_pixel  # the starts cover some of it
    assert 0 <= free.area_m2() - green.sum() * m2_per_pixel < numbers_m2 + 0.05 * SIZE[0] * SIZE[1]


def test_previews_are_written_by_scene_and_overridden_axes_show(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_room(tmp_path / "a b.ply", up="y")
    out = tmp_path / "out"
    said = run(capsys, "preview", tmp_path / "a b.ply", "--up", "y", "--out", out)
    assert str(out / "a_b.ply.png") in said
    with Image.open(out / "a_b.ply.png") as upright:
        upright_size = upright.size
    run(capsys, "preview", tmp_path / "a b.ply", "--up", "z", "--out", out)
    with Image.open(out / "a_b.ply.png") as lying:
        assert lying.size != upright_size


@pytest.mark.parametrize("scale", ["0", "-1", "nan", "inf"])
def test_a_scale_that_is_none_is_a_users_mistake(scale: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "give metres in a unit" in run(capsys, "check", "my_scan.ply", f"--scale={scale}", code=2)


def test_evaluate_takes_and_keeps_axes_and_scale(tmp_path: Path) -> None:
    path = write_room(tmp_path / "a.ply", up="y", size=(1200, 800, 500))
    options = ["--steps", "2", "--episodes", "1", "--threads", "1", "--out", str(tmp_path / "run")]
    command = ["evaluate", "straight", "--scenes", str(path), *options]
    assert cli.main([*command, "--up", "y", "--scale", "0.005"]) == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["settings"]["scenes"] == f"{path},up=y,scale=0.005"
    assert "--up y --scale 0.005" in summary["command"]
    assert cli.main([*command, "--scale", "0.01", "--resume"]) == 2  # another world
