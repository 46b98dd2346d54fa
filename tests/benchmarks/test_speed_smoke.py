"""The speed benchmark on a handful of events: that it runs and says all, never how fast."""

import json
import math

import pytest

from streamimb.config import Config
from streamimb.learners.base import LEARN, PREDICT
from streamimb.pipeline import Pipeline


def test_every_group_prints_its_rows(script, capsys, tmp_path):
    """Each row of each group is printed with a finite time, and written as JSON under the same name."""
    out = tmp_path / "rows.json"
    script.main(["--events", "600", "--repeats", "1", "--json", str(out)])
    rows = json.loads(out.read_text())
    printed = capsys.readouterr().out
    assert {r["group"] for r in rows} == {
        *("decoding", "linear", "river", "trees", "bagging", "pipeline", "late labels", "other learners", "parts")
    }
    assert all(r["what"] in printed and math.isfinite(r["microseconds"]) for r in rows)
    assert {r["what"] for r in rows if r["aim"]} >= {
        "NDJSON records",
        "256 events a call",
        "  overhead at 256",
        "plain: tree",
    }
    assert "aims met" in printed


def test_parts_leave_the_pipeline_as_it_was(script):
    """Watching a pipeline's parts ends with the block: the scoring kernel is the library's own again."""
    before = script.pipeline_module.score_rows
    with script.watched(Pipeline(script.contract(), Config())):
        assert script.pipeline_module.score_rows is not before
    assert script.pipeline_module.score_rows is before


@pytest.mark.parametrize("blocks", [False, True])
@pytest.mark.parametrize("delay", [0, 7, 5_000])
def test_tapes_predict_and_teach_every_event_once(script, delay, blocks):
    """Whatever the delay, an event is predicted once, then learned once, as late as the delay says."""
    tapes = script.tapes(100, 16, delay, blocks=blocks)
    ops = [(int(r), int(k)) for t in tapes for r, k in zip(t.rows, t.kinds, strict=True)]
    tests = [r for r, k in ops if k == PREDICT]
    lessons = [r for r, k in ops if k == LEARN]
    assert tests == lessons == list(range(100))
    place = {op: i for i, op in enumerate(ops)}
    assert all(place[r, PREDICT] < place[r, LEARN] for r in range(100))
    if delay == 7 and not blocks:
        assert place[7, PREDICT] < place[0, LEARN] < place[8, PREDICT]
