import json
import math

import numpy as np
import pytest

from streamimb.batch import Batch
from streamimb.config import Config
from streamimb.metrics import Exporter
from streamimb.pipeline import Pipeline
from streamimb.schema import Feature, Label, Schema
from streamimb.serving import Recorder
from streamimb.serving.recorder import NEW_ROWS_MAX

SCHEMA = Schema(features=[Feature(name="x")], label=Label(classes=["legit", "fraud"]))


class Stream:
    """A pipeline, an exporter and a recorder; a clock that is told what time it is."""

    def __init__(self, *, by_events, every=100):
        self.now = 1_000.0
        config = Config(
            control={"every": 50, "objective": "f1"}, evaluation={"every": every},
            learner={"model": "linear", "parameters": {"slots": 64}},
        )  # fmt: skip
        self.pipeline = Pipeline(SCHEMA, config)
        self.exporter = Exporter(SCHEMA, config, version="0", wall=self.clock)
        self.recorder = Recorder(
            SCHEMA, self.exporter.values, title="t", by_events=by_events, wall=self.clock, clock=self.clock
        )
        for each in (self.exporter, self.recorder):
            each.begins("u", self.pipeline)

    def clock(self):
        return self.now

    def learn(self, n, seed=0):
        rng = np.random.default_rng(seed)
        y = (rng.random(n) < 0.2).astype(np.int16)
        outcome = self.pipeline.process(Batch.of((y * 3 + rng.normal(size=n)).astype(np.float32)[:, None], y))
        self.now += 1.0
        self.exporter.values.add("events_consumed_total", n)
        self.exporter.phase("process", n * 1e-5)
        for each in (self.exporter, self.recorder):
            each.processed("u", self.pipeline, outcome)

    def tick(self):
        return told(self.recorder.tick())


def told(message):
    event, data, *rest = message.split(b"\n")
    assert event in (b"event: tick", b"event: history")
    assert rest == [b"", b""]
    return json.loads(data.removeprefix(b"data: "))


def test_the_page_says_what_a_scrape_says():
    """Every number of the page is the metric's."""
    stream = Stream(by_events=False)
    stream.learn(200)
    stream.tick()
    stream.learn(600)
    now, numbers = stream.tick()["now"], stream.exporter.values.numbers
    assert now["position"] == 800
    assert now["g_mean"] == numbers["g_mean"][()]
    for shown in now["classes"]:
        key = (shown["name"],)
        assert shown["share"] == numbers["class_ratio"][*key, "rarest"]
        assert shown["threshold"] == numbers["decision_threshold"][key]
        assert shown["recall"] == [numbers[f"recall{end}"][key] for end in ("", "_low", "_high")]
    assert now["minority"] == "fraud"
    assert (now["rate"], now["event_us"]) == (600.0, pytest.approx(10.0))


def test_a_replay_is_drawn_where_it_was_measured():
    """However coarse its batches, a replay has a row a measurement, at its position."""
    stream = Stream(by_events=True)
    stream.learn(600)
    history = told(stream.recorder.history())
    at = history["columns"].index
    assert [row[at("position")] for row in history["rows"]] == [100, 200, 300, 400, 500]
    assert history["rows"][-1][at("share/fraud")] == pytest.approx(0.2, abs=0.05)
    *before, last = stream.tick()["rows"]
    assert before == history["rows"]
    assert last[at("position")] == 600
    assert stream.tick()["rows"] == []
    stream.learn(50)
    assert [row[at("position")] for row in stream.tick()["rows"]] == [650]


def test_a_service_is_drawn_as_the_clock_goes():
    """A row a tick, learned or not; who comes late gets all of them."""
    stream = Stream(by_events=False)
    rows = []
    for seed in range(3):
        stream.learn(200, seed)
        rows += stream.tick()["rows"]
    stream.now += 1.0
    rows += stream.tick()["rows"]
    history = told(stream.recorder.history())
    assert history["rows"] == rows
    assert [row[history["columns"].index("rate")] for row in rows] == [None, 200.0, 200.0, 0.0]


def test_before_any_event_nothing_is_known():
    """No share, no time, no row: the axis begins at the first event; undefined is null, never 0."""
    for by_events in (True, False):
        stream = Stream(by_events=by_events)
        tick = stream.tick()
        assert tick["rows"] == []
        assert tick["now"]["time"] is None
        assert tick["now"]["classes"][1]["recall"] == [None, None, None]
        assert math.isnan(stream.recorder.shown()["now"]["g_mean"])


def test_what_nobody_asks_for_is_bounded():
    """Without a page the recorder still holds only so much."""
    stream = Stream(by_events=True, every=1)
    stream.learn(4 * NEW_ROWS_MAX)
    assert len(stream.tick()["rows"]) <= NEW_ROWS_MAX


def test_units_are_added_up_and_given_up():
    """The position is of all units that are here."""
    stream = Stream(by_events=False)
    stream.learn(100)
    stream.recorder.begins("v", stream.pipeline)
    assert stream.tick()["now"].items() >= {"position": 200, "units": 2}.items()
    stream.recorder.ends("v")
    assert stream.tick()["now"].items() >= {"position": 100, "units": 1}.items()


def test_the_first_events_tell_no_pace():
    """They come together with compiling, which would stretch the axis for long; an idle start takes no room on it."""
    stream = Stream(by_events=False)
    for _ in range(60):
        stream.now += 1.0
        assert stream.tick()["rows"] == []
    stream.exporter.phase("process", 55.0)
    stream.learn(100)
    pace = [stream.tick()["now"]["event_us"]]
    stream.learn(100)
    pace.append(stream.tick()["now"]["event_us"])
    assert pace == [None, pytest.approx(10.0)]


def test_which_events_quality_tells_of():
    """How many labelled ones, up to where, how many waited, and when that was measured; of several units together."""
    stream = Stream(by_events=False)
    assert stream.tick()["now"]["measured"] == {"position": 0, "events": 0, "waiting": 0, "until": None}
    stream.learn(250)
    support = next(m.support for m in stream.pipeline.measure() if (m.metric, m.window) == ("g_mean", "rarest"))
    assert support == 250
    assert stream.tick()["now"]["measured"] == {"position": 200, "events": 200, "waiting": 0, "until": 199}
    stream.recorder.begins("v", stream.pipeline)
    assert stream.tick()["now"]["measured"] == {"position": 450, "events": 450, "waiting": 0, "until": 199}
