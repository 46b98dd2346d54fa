"""The drift benchmark on a few short streams: that it runs and says all, never how well."""

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "drift.py"


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("benchmarks_drift", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_every_detector_has_a_row(bench, capsys, monkeypatch):
    """A table a kind of change, a row a detector, a cell a ratio."""
    monkeypatch.setattr(bench, "RATIOS", (1, 10))
    monkeypatch.setattr(bench, "BEFORE_MINORITY", 60)
    monkeypatch.setattr(bench, "AFTER_MINORITY", 60)
    monkeypatch.setattr(bench, "QUICK_STILL_EVENTS", 2_000)
    bench.main(["--quick"])
    lines = capsys.readouterr().out.splitlines()
    for watches in bench.WATCHES.values():
        for name in watches:
            assert any(line.startswith(f"| {name} |") and line.count("|") == 4 for line in lines)


def test_a_stream_changes_where_it_says(bench):
    """Share and recall are the first before the change and the last after it."""
    events, first = bench.changing(np.random.default_rng(1), 10, bench.Change(2.0, (0.9, 0.5)))
    y, hit = events.y, events.decision == 1
    assert first == 5_500
    assert y[:first].mean() == pytest.approx(1 / 11, rel=0.15)
    assert y[first:].mean() == pytest.approx(2 / 11, rel=0.15)
    assert hit[:first][y[:first] == 1].mean() == pytest.approx(0.9, abs=0.05)
    assert hit[first:][y[first:] == 1].mean() == pytest.approx(0.5, abs=0.05)
    assert ((events.score >= 0.5) == hit).all()


def test_the_loop_has_a_row_for_each_learner_and_setting(bench, capsys, monkeypatch):
    """A cell a ratio: delay, missed, events a drift."""
    monkeypatch.setattr(bench, "LOOP_RATIOS", (20,))
    monkeypatch.setattr(bench, "LOOP_LEARNERS", ("linear",))
    monkeypatch.setattr(bench, "LOOP_BEFORE_MINORITY", 100)
    monkeypatch.setattr(bench, "AFTER_MINORITY", 60)
    monkeypatch.setattr(bench, "QUICK_STILL_EVENTS", 2_000)
    bench.main(["--quick", "--loop"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| linear, sensitive", "| linear, calm"]
    assert all(line.endswith("> 2,000 |") and line.count("|") == 3 for line in lines[2:])


def test_held_out_changes_have_a_row_each(bench, capsys):
    """Mean and largest delay, and how many were missed, of each setting."""
    bench.main(["--quick", "--held-out"])
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert len(rows) == sum(map(len, bench.HELD_OUT.values()))
    assert all(re.fullmatch(r"[\d,-]+, [\d,-]+, [0-2] of 2", cell) for row in rows for cell in row[1:])
