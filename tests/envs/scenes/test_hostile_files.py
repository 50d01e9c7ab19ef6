"""Files made to hang, to fill the memory or to read elsewhere get one sentence; so do damaged ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from benchmarks.fuzz.__main__ import run_reader
from benchmarks.fuzz.readers import READERS, Reader
from benchmarks.fuzz.watch import work
from robonav.envs.scenes.meshes.mesh_file import load_mesh_file
from robonav.envs.scenes.scene import SceneError
from tests.envs.scenes.gltf_files import png, square_header, write_glb, write_gltf

Header = dict[str, Any]


def its_own_grandparent(header: Header) -> None:
    header["nodes"] += [{"children": [2]}, {"children": [1]}]


def two_parents(header: Header) -> None:
    header["nodes"] += [{"children": [0]}, {"children": [0]}]


def child_that_does_not_exist(header: Header) -> None:
    header["nodes"][0]["children"] = [7]


def memory_for_nothing(header: Header) -> None:
    header["accessors"].append({"componentType": 5126, "count": 10**12, "type": "MAT4"})


def the_same_bytes_many_times(header: Header) -> None:
    header["bufferViews"] += [{"buffer": 0, "byteLength": 2**31 - 1}] * 10


def negative_offset(header: Header) -> None:
    header["bufferViews"][0]["byteOffset"] = -8


def compressed(header: Header) -> None:
    header["extensionsRequired"] = ["KHR_draco_mesh_compression"]


def numbers_as_text(header: Header) -> None:
    header["accessors"][0]["count"] = "4"


def lists_as_numbers(header: Header) -> None:
    header["nodes"] = 3


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (its_own_grandparent, "a node is its own ancestor"),
        (two_parents, "has two parents"),
        (child_that_does_not_exist, "does not exist"),
        (memory_for_nothing, "asks for 64,000.0 GB"),
        (the_same_bytes_many_times, "asks for 21.5 GB"),
        (negative_offset, "negative"),
        (compressed, "decompress it"),
        (numbers_as_text, "damaged glTF header"),
        (lists_as_numbers, "damaged glTF header"),
    ],
)
def test_a_hostile_header_is_refused_before_it_costs_anything(
    change: Callable[[Header], None], finding: str, tmp_path: Path
) -> None:
    header = square_header()
    change(header)
    for write, name in ((write_glb, "a.glb"), (write_gltf, "a.gltf")):
        with pytest.raises(SceneError, match=finding):
            load_mesh_file(write(tmp_path / name, header))


def test_json_nested_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.gltf").write_text('{"nodes":' + "[" * 100_000)
    with pytest.raises(SceneError, match="damaged glTF header"):
        load_mesh_file(tmp_path / "a.gltf")


def test_one_mesh_in_too_many_places_is_refused_before_it_is_copied(tmp_path: Path) -> None:
    trimesh.creation.icosphere(subdivisions=6).export(tmp_path / "a.glb")  # 81,920 triangles
    data = (tmp_path / "a.glb").read_bytes()
    length = int.from_bytes(data[12:16], "little")
    header = json.loads(data[20 : 20 + length])
    (mesh,) = [k for k, node in enumerate(header["nodes"]) if "mesh" in node]
    header["nodes"] += [{"mesh": header["nodes"][mesh]["mesh"]} for _ in range(1000)]
    header["scenes"][0]["nodes"] += list(range(len(header["nodes"]) - 1000, len(header["nodes"])))
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    sizes = (20 + len(text) + len(data) - 20 - length).to_bytes(4, "little") + len(text).to_bytes(4, "little")
    (tmp_path / "b.glb").write_bytes(data[:8] + sizes + data[16:20] + text + data[20 + length :])
    with pytest.raises(SceneError, match="82,001,920 triangles: expected at most"):
        load_mesh_file(tmp_path / "b.glb")


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(png(np.zeros((4, 4, 3), np.uint8)))
    folder = tmp_path / "scene"
    folder.mkdir()
    (folder / "wall.png").symlink_to(tmp_path / "secret.png")
    with pytest.warns(UserWarning, match=r"cannot read wall\.png"):
        assert load_mesh_file(write_gltf(folder / "a.gltf", square_header("wall.png"))).textures == ()


def test_textures_that_are_too_large_together_are_refused_before_they_are_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robonav.envs.scenes.meshes.check._MAX_PIXELS", 15)
    (tmp_path / "a.png").write_bytes(png(np.zeros((4, 4, 3), np.uint8)))
    with pytest.raises(SceneError, match="has textures of 0 megapixels: expected at most 0, so shrink them"):
        load_mesh_file(write_gltf(tmp_path / "a.gltf", square_header("a.png")))


@pytest.mark.parametrize("name", READERS)
def test_damaged_files_are_taken_or_explained(name: str) -> None:
    results = list(work(name, 1_000_000, 20))  # others than those of the benchmark
    assert [result for result in results if result["finding"]] == []
    assert [result["mutation"] for result in results] == [None, *range(1_000_000, 1_000_020)]


def test_the_fuzzer_notices_what_it_looks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(folder: Path) -> None:
        if (folder / "a").read_bytes() != b"intact file":
            (folder.parent / "secret").read_bytes()
            raise KeyError("x")

    def curious(folder: Path) -> None:
        if (folder / "a").read_bytes() != b"intact file":
            (folder / "link").read_bytes()

    for name, read, finding in (("careless", careless, "KeyError"), ("curious", curious, "opened ")):
        reader = Reader(lambda folder: (folder / "a").write_bytes(b"intact file"), read)
        monkeypatch.setitem(READERS, name, reader)
        findings = [result["finding"] for result in work(name, 0, 30)]
        assert sum(finding in text for text in findings) > 20


def test_intact_files_that_are_not_taken_are_one_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path) -> None:
        raise SceneError("it is not to my taste")

    monkeypatch.setitem(
        READERS, "picky", Reader(lambda folder: (folder / "a").write_bytes(b"intact"), refuse)
    )
    (result,) = work("picky", 0, 30)
    assert result["mutation"] is None
    assert "it is not to my taste" in result["finding"]


@pytest.mark.parametrize("lines", ["", '{"mutation": null, "finding": "not taken"}'])
def test_a_reader_that_dies_on_intact_files_is_not_started_again(
    lines: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    worker = tmp_path / "worker"
    worker.write_text(f"#!/bin/sh\necho start >> {tmp_path}/starts\nprintf '%s' '{lines}'\nexit 3\n")
    worker.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(worker))
    assert {failure["mutation"] for failure in run_reader("glb", 0, 30)} == {None}
    assert (tmp_path / "starts").read_text() == "start\n"
