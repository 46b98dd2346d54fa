"""What a replay's summary says of streams and settings that it could be misread on."""

import json

import numpy as np
import pytest

from streamimb_services.span import HELD, SLIP_US, Span


@pytest.fixture
def told(streamimb, schema, tmp_path):
    """Replays rows of (time, label) with the linear learner; the text and the JSON of the summary."""

    def replayed(rows, config="", contract=schema):
        file, path = tmp_path / "s.csv", tmp_path / "c.toml"
        lines = [f"e{i},{time},{i % 7},{i % 5},{label}" for i, (time, label) in enumerate(rows)]
        file.write_text("\n".join(["id,time,x,z,label", *lines]) + "\n")
        path.write_text(f'{config}\n[learner]\nmodel = "linear"\n')
        asked = ["replay", file, "--schema", contract, "-c", path]
        return " ".join(streamimb(*asked).stdout.split()), json.loads(streamimb(*asked, "--json").stdout)

    return replayed


def hourly(n, labels=("good", "good", "bad")):
    return [(1_600_000_000 + 3_600 * i, labels[i % len(labels)]) for i in range(n)]


def test_times_that_slipped_rule_no_span(told):
    """One event of 1900 and one of 2099 among hours of 2020: the span is of the rest, and both are told."""
    rows = hourly(60)
    rows[20], rows[30] = (-2_208_988_800, "good"), (4_070_908_800, "good")
    text, summary = told(rows)
    assert "60 events, 2020-09-13 to 2020-09-15 (2d 11h)" in text
    assert "1 time far before all others left out" in text
    assert "1 event absurdly ahead taken for the stream's own time (time.ahead)" in text
    assert summary["clamped"] == 1
    text, summary = told(rows, '[time]\nahead = "refuse"')
    assert (summary["clamped"], sum(summary["rejected"].values()), "absurdly ahead" in text) == (0, 1, False)
    text, summary = told(hourly(60))
    assert (summary["clamped"], "left out" in text) == (0, False)


def test_a_span_is_of_any_cut():
    """However the times come, the same span; two that are alone, or a long pause alone, are no slip."""
    time = np.concatenate([np.arange(40), [-20 * SLIP_US, -20 * SLIP_US + 5, 10]])
    for cuts in ([], [1, 2, 41], range(1, 43)):
        span = Span()
        for part in np.split(time, cuts):
            span.take(part)
        assert (span.of(30), span.slipped) == ((0, 30), 2)
    for time in ([0, 5 * SLIP_US], [0, SLIP_US // 2, SLIP_US // 2 + 1], np.arange(3 * HELD) * 2 * SLIP_US):
        span = Span()
        span.take(np.array(time))
        assert (span.of(1 << 60), span.slipped) == ((0, int(time[-1])), 0)
    assert Span().of(0) == (None, None)


def test_labels_of_one_class_alone_are_told(told):
    """Where only the rare class is ever told, the summary says so and what to do, and it helps."""
    rows = hourly(90, ("", "", "bad"))
    text, summary = told(rows)
    (note,) = [n for n in summary["notes"] if n.startswith("only labels of class bad ever came (30)")]
    assert "label.wait" in note and "label.expires_as = 'good'" in note
    assert "only labels of class bad ever came (30)" in text
    for config, some in (('[label]\nwait = "2h"\nexpires_as = "good"', rows), ("", hourly(90)), ("", rows[:30])):
        text, summary = told(some, config)
        assert not [n for n in summary["notes"] if "only labels" in n]
        assert "only labels" not in text


def test_labels_that_were_lost_are_told(streamimb, tmp_path):
    """Labels before their events, of the rare class alone: what holds them is said, and that class is not given up."""
    contract, events = tmp_path / "c.toml", tmp_path / "e.ndjson"
    contract.write_text(
        'id = {}\nlabel = {classes = ["good", "bad"]}\ntime = {unit = "s"}\nfeatures = [{name = "x"}]\n'
    )
    rows = [{"id": i, "time": i, "x": i % 7, **({} if i % 9 == 8 else {"label": "good"})} for i in range(9, 999)]
    rows += [{"id": i, "time": i - 6, "label": "bad"} for i in range(9, 999) if i % 9 == 8]
    events.write_text("\n".join(json.dumps(row) for row in sorted(rows, key=lambda row: row["time"])))

    def told(**label):
        config = tmp_path / "s.toml"
        lines = [f"{k} = {json.dumps(v)}" for k, v in label.items()]
        config.write_text("\n".join(["[label]", *lines, "[learner]", 'model = "linear"']))
        asked = ["replay", events, "--schema", contract, "-c", config]
        notes = json.loads(streamimb(*asked, "--json").stdout)["notes"]
        return " ".join(streamimb(*asked).stdout.split()), [n for n in notes if n.startswith(("labels ", "only "))]

    text, (lost, one) = told()
    assert lost.startswith("labels lost: 110 named no event") and lost.endswith("label.early (how long, as 10m)")
    assert one.startswith("only labels of class good found events (880)") and "Where the lost ones are of it" in one
    assert lost in text and one in text
    _, (lost, _) = told(early="2s", early_max=200)
    assert "110 were held" in lost and lost.endswith("raise label.early") and "early = 2s" in lost
    _, (lost, _) = told(early="2s", early_max=50)
    assert lost.endswith("raise label.early (how long) and label.early_max (how many)") and "early_max = 50" in lost
    text, notes = told(early="6s")
    assert not notes and "labels lost" not in text


def test_a_fixed_threshold_is_the_one_in_force(told):
    """The row that decided is the fixed one's, and no objective's is called chosen."""
    text, summary = told(hourly(300), "[control]\nthreshold = 0.3\nobjective = 'f1'")
    assert summary["plan"]["fixed_threshold"] == 0.3
    assert "fixed (in force) 0.300" in text and "(chosen)" not in text
    text, summary = told(hourly(300))
    assert summary["plan"]["fixed_threshold"] is None
    assert "f1 (chosen)" in text and "in force" not in text


def test_a_report_marks_the_threshold_in_force(streamimb, stream, schema, tmp_path):
    """As the summary does."""
    run, page = tmp_path / "run", tmp_path / "r.html"
    env = {"STREAMIMB_CONTROL__THRESHOLD": "0.3", "STREAMIMB_LEARNER__MODEL": "linear"}
    assert streamimb("replay", stream(), "--schema", schema, "--run", run, env=env).exit_code == 0
    assert streamimb("report", run, "-o", page).exit_code == 0
    assert "fixed (in force)" in page.read_text() and "(chosen)" not in page.read_text()


def test_costs_of_no_class_are_refused_whatever_the_weights(streamimb, schema, tmp_path):
    config = tmp_path / "c.toml"
    for weights in ("", 'weights = "cost"'):
        config.write_text(f"[control]\n{weights}\ncosts = {{ baad = 3.0 }}\n")
        result = streamimb("check-config", config, "--schema", schema)
        assert (result.exit_code, "control.costs: 'baad' is none of the classes" in result.stderr) == (78, True)
