"""The benchmark of the gap between driven and stepped goes on where it was stopped; its table is right."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from robonav.errors import UsageError


@pytest.fixture(scope="module")
def gap(repository: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("drive_gap", repository / "benchmarks" / "drive_gap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_measured_is_not_measured_again(
    gap: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "gap.jsonl"

    def measure() -> None:
        gap.main("straight", drives=1, camera=64, steps=3, out=out)

    measure()
    whole = out.read_text()
    lines = [json.loads(line) for line in whole.splitlines()]
    assert [line["condition"] for line in lines] == ["ideal", "physics", "physics and noise"]
    assert {line["seed"] for line in lines} == {0}
    assert len({line["scene_id"] for line in lines}) == 1
    out.write_text("".join(whole.splitlines(keepends=True)[:2]))
    measure()
    again = [json.loads(line) for line in out.read_text().splitlines()]
    assert again[:2] == lines[:2]
    assert again[2]["visible_completeness_pct"] == lines[2]["visible_completeness_pct"]
    monkeypatch.setattr(gap, "driven", None)
    monkeypatch.setattr(gap, "stepped", None)
    measure()  # nothing is left to do
    assert "| ideal (1) |" in capsys.readouterr().out


def test_the_table_has_means_and_paired_differences(gap: ModuleType) -> None:
    shares = {"ideal": [10.0, 20.0, 30.0], "physics": [9.0, 18.0, 27.0], "physics and noise": [9.0, 17.0]}
    lines = [
        {
            "condition": condition,
            "scenes": scenes,
            "seed": seed,
            "visible_completeness_pct": share,
            "path_length_m": 5.0,
            "blocked": 2,
            **({} if condition == "ideal" else {"bumps": 1, "contact_s": 0.5}),
        }
        for condition, values in shares.items()
        for (scenes, seed), share in zip([("a", 0), ("a", 1), ("b", 0)], values, strict=False)
    ]
    rows = {row.split("|")[1].strip(): row.split("|")[2:-1] for row in gap.table(lines).splitlines()[2:]}
    assert rows["ideal (3)"][0].startswith(" 20.0 [")
    assert rows["ideal (3)"][3].strip() == ""  # nobody bumps there
    assert rows["physics - ideal"][0].startswith(f" {np.mean([-1.0, -2.0, -3.0]):+.1f} [")
    assert rows["physics and noise - ideal"][0].startswith(f" {np.mean([-1.0, -3.0]):+.1f} [")
    assert rows["physics and noise - ideal"][4].strip() == ""


def test_other_settings_are_not_mixed_in_and_damage_is_told(gap: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "gap.jsonl"
    line = {"scene_id": "a", "condition": "ideal", "visible_completeness_pct": 1.0}
    for steps in (3, 4, 3):
        gap.append(path, {**line, "steps": steps})
    assert len(gap.read(path, {"steps": 3})) == 2
    path.write_text(path.read_text() + "{half")
    with pytest.raises(UsageError, match="damaged line"):
        gap.read(path, {"steps": 3})
