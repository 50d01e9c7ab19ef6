"""Seconds from a scene's file to the first frame, without and with the cache, each in a fresh process.

    python benchmarks/scene_loading.py [SCENES]

SCENES is what `--scenes` takes; ../shared/data/scene_datasets/hm3d by default. Prints JSON. Importing the
libraries is measured by itself: it is done once a process, however many scenes follow. "cold" has an empty
cache and writes to it; "cached" reads from it; both have the file in the operating system's memory. The
CPU seconds tell what other programs on the same cores took away.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

REPEATS = 3


def main() -> None:
    here = Path(__file__).resolve()
    given = sys.argv[1:2] or [str(here.parents[2] / "shared" / "data" / "scene_datasets" / "hm3d")]
    from robonav.envs.scenes import open_scenes

    report: dict[str, object] = {"cores": os.cpu_count(), "python": platform.python_version()}
    for scene_id in open_scenes(given[0]).scene_ids:
        runs = []
        for _ in range(REPEATS):
            with tempfile.TemporaryDirectory() as folder:
                environment = {**os.environ, "ROBONAV_CACHE": folder}
                command = [sys.executable, str(here), "--measure", given[0], scene_id]
                runs.append([json.loads(subprocess.check_output(command, env=environment)) for _ in range(2)])
        colds, warms = zip(*runs, strict=True)
        if len({run["content_hash"] for run in (*colds, *warms)}) != 1:
            raise SystemExit(f"{scene_id}: the scene from the cache is another one")
        report[scene_id] = {
            "cold_s": median(colds, "first_frame_s"),
            "cold_cpu_s": median(colds, "cpu_s"),
            "cached_s": median(warms, "first_frame_s"),
            "cached_cpu_s": median(warms, "cpu_s"),
            "imports_s": median(warms, "imports_s"),
            "triangles": warms[0]["triangles"],
            "megapixels": warms[0]["megapixels"],
        }
    print(json.dumps(report, indent=2))


def median(runs: Sequence[dict[str, float]], key: str) -> float:
    """The middle one of the repeats."""
    return sorted(run[key] for run in runs)[len(runs) // 2]


def measure(scenes: str, scene_id: str) -> dict[str, object]:
    """Load one scene as an evaluation does, and look once."""
    started = time.perf_counter()
    import numpy as np

    from robonav.envs.navigation.simulator import NavigationSimulator
    from robonav.envs.scenes import open_scenes
    from robonav.envs.world import Episode
    from robonav.launch.warp_start import start_warp

    start_warp()
    imported, cpu = time.perf_counter(), time.process_time()
    simulator = NavigationSimulator(open_scenes(scenes), 1)
    world = simulator.load(scene_id)
    x, y = world.free_space.sample(np.random.default_rng(0))[0]
    simulator.start([Episode("first", scene_id, 0, (float(x), float(y), 0.0))])
    done, cpu_done = time.perf_counter(), time.process_time()
    return {
        "imports_s": round(imported - started, 3),
        "first_frame_s": round(done - imported, 3),
        "cpu_s": round(cpu_done - cpu, 3),
        "content_hash": world.scene.content_hash,
        "triangles": len(world.scene.triangles),
        "megapixels": round(sum(t.shape[0] * t.shape[1] for t in world.scene.textures) / 1e6, 1),
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(*sys.argv[2:])))
    else:
        main()
