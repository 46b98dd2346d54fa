"""The drift benchmark on a few short streams: that it runs and says all, never how well."""

import re

import numpy as np
import pytest


def test_every_detector_has_a_row(script, capsys, monkeypatch):
    """A table a kind of change, a row a detector, a cell a ratio."""
    monkeypatch.setattr(script, "RATIOS", (1, 10))
    monkeypatch.setattr(script, "BEFORE_MINORITY", 60)
    monkeypatch.setattr(script, "AFTER_MINORITY", 60)
    monkeypatch.setattr(script, "QUICK_STILL_EVENTS", 2_000)
    script.main(["--quick"])
    lines = capsys.readouterr().out.splitlines()
    for watches in script.WATCHES.values():
        for name in watches:
            assert any(line.startswith(f"| {name} |") and line.count("|") == 4 for line in lines)


def test_a_stream_changes_where_it_says(script):
    """Share and recall are the first before the change and the last after it."""
    events, first = script.changing(np.random.default_rng(1), 10, script.Change(2.0, (0.9, 0.5)))
    y, hit = events.y, events.decision == 1
    assert first == 5_500
    assert y[:first].mean() == pytest.approx(1 / 11, rel=0.15)
    assert y[first:].mean() == pytest.approx(2 / 11, rel=0.15)
    assert hit[:first][y[:first] == 1].mean() == pytest.approx(0.9, abs=0.05)
    assert hit[first:][y[first:] == 1].mean() == pytest.approx(0.5, abs=0.05)
    assert ((events.score >= 0.5) == hit).all()


def test_the_loop_has_a_row_for_each_learner_and_setting(script, capsys, monkeypatch):
    """A cell a ratio: delay, missed, events a drift."""
    monkeypatch.setattr(script, "LOOP_RATIOS", (20,))
    monkeypatch.setattr(script, "LOOP_LEARNERS", ("linear",))
    monkeypatch.setattr(script, "LOOP_BEFORE_MINORITY", 100)
    monkeypatch.setattr(script, "AFTER_MINORITY", 60)
    monkeypatch.setattr(script, "QUICK_STILL_EVENTS", 2_000)
    script.main(["--quick", "--loop"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| linear, sensitive", "| linear, calm"]
    assert all(line.endswith("> 2,000 |") and line.count("|") == 3 for line in lines[2:])


def test_held_out_changes_have_a_row_each(script, capsys):
    """Mean and largest delay, and how many were missed, of each setting."""
    script.main(["--quick", "--held-out"])
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert len(rows) == sum(map(len, script.HELD_OUT.values()))
    assert all(re.fullmatch(r"[\d,-]+, [\d,-]+, [0-2] of 2", cell) for row in rows for cell in row[1:])


def test_signals_without_labels_have_a_row_for_each_setting(script, capsys):
    """A cell a change, and the events between false alarms."""
    script.main(["--quick", "--unlabelled"])
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[0] for row in rows] == ["sensitive", "calm"]
    assert all(re.fullmatch(r"[\d,-]+, \d+%", cell) for row in rows for cell in row[1:-1])
    assert all(re.fullmatch(r"(> )?[\d,]+", row[-1]) and len(row) == 7 for row in rows)


def test_one_kind_of_change_may_be_asked_for(script, capsys, monkeypatch):
    """Its table alone, with the rows that are named."""
    monkeypatch.setattr(script, "RATIOS", (1,))
    monkeypatch.setattr(script, "QUICK_STILL_EVENTS", 2_000)
    script.main(["--quick", "--kind", "both", "--only", "DDM-OCI"])
    assert [line.split(" | ")[0] for line in capsys.readouterr().out.split("\n") if "|" in line] == [
        "| both",
        "|---|---|",
        "| DDM-OCI",
    ]


def test_pages_have_a_row_for_each_detector_that_can_be_tuned(script, capsys):
    """A cell for each rate that is asked for."""
    script.main(["--quick", "--pages"])
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[0] for row in rows] == [f"{s}, {d}" for s, names in script.PAGES_DETECTORS.items() for d in names]
    assert all(len(row) == len(script.PAGES_BETWEEN) + 1 for row in rows)
