"""The warehouse table: trained, evaluated in the same episodes, resumed, compared."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import warehouse
from benchmarks.warehouse import PLANNER, Options, as_markdown, main, summarise
from robonav.launch.presets import load_preset


def test_the_table_of_two_presets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    def small(name: str):
        preset = load_preset(name)
        world = replace(preset.world_options, layouts=1, episode_steps=30)
        ppo = replace(preset.plain_ppo, n_steps=16, batch_size=32)
        return replace(preset, num_envs=2, world_options=world, plain_ppo=ppo)

    monkeypatch.setattr(warehouse, "load_preset", small)
    presets = ("warehouse-ppo", "warehouse-cells")
    options = Options(tmp_path / "runs", tmp_path / "table.json", presets, 1, 64, 4, "simple")
    main(options)
    assert capsys.readouterr().out.count("trained") == 2
    rows = json.loads(options.results.read_text())
    assert rows.keys() == {*presets, PLANNER}
    assert rows[PLANNER]["seeds"] == 1
    assert rows["warehouse-cells"]["success_ahead_by"]["count"] == 4
    assert "| warehouse-cells | 1 | " in as_markdown(rows)
    before = {p: p.read_bytes() for p in (tmp_path / "runs").rglob("episodes.jsonl")}
    main(options)
    assert before == {p: p.read_bytes() for p in (tmp_path / "runs").rglob("episodes.jsonl")}
    assert summarise(options) == rows
