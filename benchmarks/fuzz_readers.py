"""Damages small files in thousands of ways and reads them: every reader must take it or say it in a sentence.

    python benchmarks/fuzz_readers.py --mutations 12000

Each reader runs in a process of its own, which must stay alive. A mutation fails if the reader raises
anything but the project's own errors, needs more than the time or memory below, or opens a file outside of
the folder that it was given. The same arguments damage the same bytes; a failure is shown again with

    python benchmarks/fuzz_readers.py --only READER --first K --mutations 1
"""

from __future__ import annotations

import dataclasses
import json
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

import tyro

SECONDS, GIGABYTES = 10.0, 3.0  # CPU time of one reading; address space beyond that of the libraries
HARD_LIMIT_S = 600.0  # silence after which a process is taken for hung, on a crowded machine too

TOKENS = (
    b"-1", b"0", b"4294967295", b"-9999999999", b"1e999", b"NaN", b"null", b"[]", b"{}", b'""', b"true",
    b'"../../../../etc/passwd"', b'"/etc/passwd"', b'"../secret"', b'"link"', b'"a\\u0000b"', b"[" * 5000,
    b"\xff\xfe", b"\x00" * 8, b"\xff" * 8, b"../secret", b"/etc/passwd", b"link",
)  # fmt: skip
VALUES = (
    None, True, -1, 0, 1, 3, 255, 2**31, 2**63, 1e308, float("nan"), "", "x" * 3000, [], {}, [0], {"a": 1},
    "../secret", "/etc/passwd", "link", "..", [[[[]]]], [-1, -1], "../../../../etc/passwd", "data:,x",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Reader:
    """A reader under test.

    Attributes:
        write: Puts intact files into an empty folder.
        read: Reads what is in that folder.
    """

    write: Callable[[Path], None]
    read: Callable[[Path], object]


@dataclasses.dataclass(frozen=True)
class Options:
    """What to damage."""

    mutations: int = 12000
    """How many, spread evenly over the readers."""
    only: str = ""
    """One reader; all by default."""
    first: int = 0
    """Number of the first mutation of each reader."""
    worker: tyro.conf.FlagCreatePairsOff[bool] = False
    """Do it in this process, and print a line a mutation."""


def main(options: Options) -> int:
    names = [options.only] if options.only else list(READERS)
    started, report = time.monotonic(), {}
    for name in names:
        count = -(-options.mutations // len(names))
        failures = list(run_reader(name, options.first, count))
        report[name] = {"mutations": count, "failures": failures}
        print(f"{name}: {count} mutations, {len(failures)} failures", file=sys.stderr, flush=True)
    failed = sum(len(entry["failures"]) for entry in report.values())
    total = sum(entry["mutations"] for entry in report.values())
    summary = {"mutations": total, "failures": failed, "seconds": round(time.monotonic() - started)}
    print(json.dumps({**summary, "readers": report}, indent=2))
    return int(failed > 0)


def run_reader(name: str, first: int, count: int) -> Iterator[dict[str, Any]]:
    """Failures of a reader; its process is started again behind a mutation that kills it."""
    end = first + count
    while first < end:
        arguments = ["--worker", "--only", name, "--first", str(first), "--mutations", str(end - first)]
        command = [sys.executable, str(Path(__file__).resolve()), *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            watchdog = signal.signal(signal.SIGALRM, lambda *_, p=process: p.kill())
            assert process.stdout is not None
            for line in process.stdout:
                signal.alarm(int(HARD_LIMIT_S))
                result = json.loads(line)
                first = result["mutation"] + 1
                if result["finding"]:
                    yield result
            signal.alarm(0)
            signal.signal(signal.SIGALRM, watchdog)
        if process.returncode != 0:
            yield {"mutation": first, "finding": f"the process died with code {process.returncode}"}
            first += 1


def work(name: str, first: int, count: int) -> Iterator[dict[str, Any]]:
    """Damage and read in this process: a finding for each mutation, empty where all is well."""
    reader = READERS[name]
    with tempfile.TemporaryDirectory() as outer:
        folder = Path(outer).resolve() / "folder"
        folder.mkdir()
        (folder.parent / "secret").write_bytes(b"not yours")
        reader.write(folder)
        (folder / "link").symlink_to(folder.parent / "secret")
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            reader.read(folder)  # intact, it must be taken as it is; this also loads the libraries
        watch = Watch(folder)
        for mutation in range(first, first + count):
            yield {"mutation": mutation, "finding": watch.finding(reader, Random(f"{name}/{mutation}"))}


class Watch:
    """Reads damaged files with an eye on time, memory and the files that are opened."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._outside, self._late, self._reading = folder, "", False, False
        files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
        self._intact = {path: path.read_bytes() for path in files}
        libraries = [str(Path(entry).resolve()) for entry in sys.path if entry]
        self._allowed = (str(folder), sys.base_prefix, *libraries, "/proc", "/sys", "/dev", "/usr", "/lib")
        sys.addaudithook(self._audit)
        signal.signal(signal.SIGPROF, self._stop)

    def finding(self, reader: Reader, rng: Random) -> str:
        """What is wrong with how a reader takes one damage; empty if nothing is."""
        from robonav.envs.scenes.scene import SceneError
        from robonav.errors import UsageError

        path = rng.choice(list(self._intact))
        path.write_bytes(damaged(self._intact[path], rng))
        self._outside, self._late, self._reading = "", False, True
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        finding = ""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                reader.read(self._folder)
        except (SceneError, UsageError) as error:
            if "\n" in str(error).strip() or len(str(error)) > 1500:
                finding = f"{path.name}: an error of more than one sentence: {error}"
        except BaseException:
            finding = f"{path.name}: {traceback.format_exc(limit=-4)}"
        finally:
            self._reading = False
            signal.setitimer(signal.ITIMER_PROF, 0)
            path.write_bytes(self._intact[path])
        if self._late:
            finding = f"{path.name}: took more than {SECONDS} s. {finding}"
        return finding or (f"{path.name}: opened {self._outside}" if self._outside else "")

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._reading and event == "open" and isinstance(arguments[0], str | bytes):
            name = arguments[0] if isinstance(arguments[0], str) else arguments[0].decode(errors="replace")
            if "\0" not in name and not str(Path(name).resolve()).startswith(self._allowed):
                self._outside = name

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self._late = True
        raise TimeoutError("too slow")


def damaged(content: bytes, rng: Random) -> bytes:
    """The content with one to four kinds of damage."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        content = rng.choice(DAMAGES)(content, rng)
    return content


def _flip(content: bytes, rng: Random) -> bytes:
    data = bytearray(content or b"\0")
    for _ in range(rng.choice((1, 2, 8))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _extreme(content: bytes, rng: Random) -> bytes:
    """A number of 1, 2, 4 or 8 bytes at its limits."""
    width = rng.choice((1, 2, 4, 8))
    at = rng.randrange(max(1, len(content) - width))
    value = rng.choice((b"\0", b"\xff", b"\x7f", b"\x80")) + rng.choice((b"\0", b"\xff")) * (width - 1)
    return content[:at] + rng.choice((value, value[::-1])) + content[at + width :]


def _cut(content: bytes, rng: Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _move(content: bytes, rng: Random) -> bytes:
    """A stretch left out, doubled, or copied elsewhere."""
    first, last = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    at = rng.choice((first, last, rng.randrange(len(content) + 1)))
    stretch = content[first:last] if rng.random() < 0.7 else b""
    return content[:at] + stretch + content[rng.choice((at, last)) :]


def _insert(content: bytes, rng: Random) -> bytes:
    at, token = rng.randrange(len(content) + 1), rng.choice(TOKENS)
    return content[:at] + token + content[at + rng.choice((0, len(token))) :]


def _number(content: bytes, rng: Random) -> bytes:
    """A number or a name in a text becomes another."""
    is_word = [chr(byte).isalnum() for byte in content]
    starts = [k for k, word in enumerate(is_word) if word and not (k and is_word[k - 1])]
    if not starts:
        return content
    start = end = rng.choice(starts)
    while end < len(content) and is_word[end]:
        end += 1
    return content[:start] + rng.choice(TOKENS) + content[end:]


def _json(content: bytes, rng: Random) -> bytes:
    """A value in the JSON part of a file becomes another, and the file still fits together."""
    is_glb = content[:4] == b"glTF"
    length = int.from_bytes(content[12:16], "little")
    text, rest = (content[20 : 20 + length], content[20 + length :]) if is_glb else (content, b"")
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        return content
    places = list(_places(tree))
    if not places:
        return content
    for _ in range(rng.choice((1, 1, 2))):
        holder, key = rng.choice(places)
        holder[key] = rng.choice((*VALUES, rng.choice(places)[0] if rng.random() < 0.1 else 0))
    try:
        text = json.dumps(tree).encode()
    except ValueError:  # it contains itself
        return content
    if not is_glb:
        return text
    text += b" " * (-len(text) % 4)
    sizes = (20 + len(text) + len(rest)).to_bytes(4, "little") + len(text).to_bytes(4, "little")
    return content[:8] + sizes + content[16:20] + text + rest


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        yield tree, key
        yield from _places(tree[key])


DAMAGES = (_flip, _extreme, _cut, _move, _insert, _number, _json, _json, _json)


def _mesh(name: str) -> Reader:
    def read(folder: Path) -> object:
        from robonav.envs.scenes.mesh_file import load_mesh_file

        return load_mesh_file(folder / name)

    return Reader(lambda folder: _write_box(folder / name), read)


def _write_box(path: Path) -> None:
    """A textured box of 6 x 4 x 2.5 m; a .ply gets vertex colours."""
    import numpy as np
    import trimesh
    from PIL import Image

    box = trimesh.creation.box(extents=(6, 4, 2.5))
    image = Image.fromarray(np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3))
    if path.suffix == ".ply":
        box.visual = trimesh.visual.ColorVisuals(box, vertex_colors=np.tile([200, 9, 9, 255], (8, 1)))
    else:
        material = trimesh.visual.material.PBRMaterial(baseColorTexture=image)
        if path.suffix == ".obj":
            material = material.to_simple()
        box.visual = trimesh.visual.TextureVisuals(uv=box.vertices[:, :2], material=material)
    scene = trimesh.Scene(box)
    if path.suffix == ".gltf":
        for name, content in scene.export(file_type="gltf").items():
            (path.parent / name.replace("model.gltf", path.name)).write_bytes(content)
    elif path.stem == "ascii":
        path.write_bytes(box.export(file_type="ply", encoding="ascii"))
    else:
        (scene if path.suffix == ".glb" else box).export(path)


def _write_basis(folder: Path) -> None:
    """The same box with a KTX2 texture in the manner of HM3D."""
    import base64

    path = folder / "a.gltf"
    _write_box(path)
    header = json.loads(path.read_text())
    header["images"] = [{"uri": "flag.ktx2", "mimeType": "image/ktx2"}]
    header["textures"] = [{"extensions": {"KHR_texture_basisu": {"source": 0}}}]
    path.write_text(json.dumps(header))
    (folder / "flag.ktx2").write_bytes(base64.b64decode(FLAG_KTX2))


def _write_dataset(folder: Path) -> None:
    stages = {"default_attributes": {"up": [0, 0, 1], "front": [0, 1, 0]}}
    stages |= {"paths": {".glb": ["*/*.glb"], ".json": ["stages"]}}  # type: ignore[dict-item]
    (folder / "a.scene_dataset_config.json").write_text(json.dumps({"stages": stages}))
    (folder / "stages").mkdir()
    _write_box(folder / "stages" / "a.glb")
    stage = {"render_asset": "a.glb", "up": [0, 1, 0], "front": [0, 0, -1], "scale": [2, 2, 2]}
    (folder / "stages" / "b.stage_config.json").write_text(json.dumps(stage))


def _read_dataset(folder: Path) -> object:
    from robonav.envs.scenes import open_scenes

    return open_scenes(str(folder)).scene_ids


def _write_results(folder: Path) -> None:
    lines = [{"episode_id": f"house/{k}", "scene_id": "house", "seed": k, "steps": 3} for k in range(3)]
    (folder / "episodes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "settings.json").write_text(json.dumps({"episodes": 3, "seed": 0}))


def _read_results(folder: Path) -> object:
    from robonav.evaluation.records import RunFolder

    return RunFolder(folder, {"episodes": 3, "seed": 0}, resume=True).records()


def _write_checkpoint(folder: Path) -> None:
    from gymnasium import spaces

    from robonav.checkpoint import save_checkpoint
    from robonav.envs.sensors.camera import Camera
    from robonav.envs.vec_env import observation_space
    from robonav.policies.config import SequencePolicyConfig
    from robonav.policies.sequence import SequencePolicy
    from robonav.policies.vision import VisionConfig

    eye = VisionConfig(channels=(2, 2, 2, 2), column=2, squeezed=1)
    config = SequencePolicyConfig(width=8, blocks=1, heads=1, window=4, vision=eye)
    policy = SequencePolicy(observation_space(Camera(64, 64)), spaces.Discrete(3), config)
    save_checkpoint(folder / "step_1", policy, {}, {"scenes": "procedural"}, {"steps": 1})


def _read_checkpoint(folder: Path) -> object:
    from robonav.checkpoint import load_policy

    return load_policy(folder / "step_1")


# A 16 x 16 flag, red above blue with a green corner at the top left, as UASTC in KTX2.
FLAG_KTX2 = (
    "q0tUWCAyMLsNChoKAAAAAAEAAAAQAAAAEAAAAAAAAAAAAAAAAQAAAAEAAAAAAAAAaAAAACwAAACUAAAALAAAAAAAAAAAAAAAAAAA"
    "AAAAAADAAAAAAAAAAAABAAAAAAAAAAEAAAAAAAAsAAAAAAAAAAIAKACmAQIAAwMAABAAAAAAAAAAAAB/AAAAAAAAAAAA/////x8A"
    "AABLVFh3cml0ZXIAQmFzaXMgVW5pdmVyc2FsIDIuMTAAAAQAAAB/fwAAF+Af4B8CDwAAAAAAAAAAAPcfAOAfegAAAAAAAAAAAAD3"
    "HwDgH3oAAAAAAAAAAAAA9x8A4B96AAAAAAAAAAAAAPcfAOAfegAAAAAAAAAAAAD3HwDgH3oAAAAAAAAAAAAA9x8A4B96AAAAAAAA"
    "AAAAAPcfAOAfegAAAAAAAAAAAAAXAOD/HwLgAQAAAAAAAAAAFwDg/x8C4AEAAAAAAAAAABcA4P8fAuABAAAAAAAAAAAXAOD/HwLg"
    "AQAAAAAAAAAAFwDg/x8C4AEAAAAAAAAAABcA4P8fAuABAAAAAAAAAAAXAOD/HwLgAQAAAAAAAAAAFwDg/x8C4AEAAAAAAAAAAA=="
)

# One line a reader.
READERS = {
    "glb": _mesh("a.glb"),
    "gltf": _mesh("a.gltf"),
    "ply": _mesh("a.ply"),
    "ply-ascii": _mesh("ascii.ply"),
    "obj": _mesh("a.obj"),
    "basis": Reader(_write_basis, _mesh("a.gltf").read),
    "dataset": Reader(_write_dataset, _read_dataset),
    "results": Reader(_write_results, _read_results),
    "checkpoint": Reader(_write_checkpoint, _read_checkpoint),
}


def limit_memory() -> None:
    """No more address space than the libraries have taken, and GIGABYTES."""
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = taken + int(GIGABYTES * 1e9)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    given = tyro.cli(Options, description=__doc__)
    if not given.worker:
        sys.exit(main(given))
    for number, outcome in enumerate(work(given.only, given.first, given.mutations)):
        if number == 0:
            limit_memory()  # now that the libraries are loaded
        print(json.dumps(outcome), flush=True)
