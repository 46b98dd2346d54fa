import io
from dataclasses import replace

import pytest
from rich.console import Console

from streamimb.batch import Reason, Rejected
from streamimb.config import Config
from streamimb.outcome import Course, Signal, nothing
from streamimb.reporting.figures import DASH
from streamimb.schema import Feature, Label, Schema, Time
from streamimb_services.nulls import undefined_as_null
from streamimb_services.sparkline import sparkline
from streamimb_services.story import Story
from streamimb_services.summary import WIDTH_MAX, print_summary
from streamimb_services.trajectory import Trajectories, Trajectory

NAN = float("nan")
NONE = [None, None, None]
RATE = [0.6, 0.55, 0.65]


def story(**changes):
    schema = Schema(
        features=[Feature(name="a")], label=Label(classes=["legit", "fraud"], positive="fraud"), time=Time()
    )
    told = Story(inputs=["data/x.csv"], schema=schema, config=Config(), trajectories=Trajectories())
    told.first_time, told.last_time = 0, 2 * 86_400_000_000
    told.summary = {
        "events": 123_456, "predicted": 123_456, "learned": 100_000, "rejected": {},
        "labels": {"waiting": 5, "expired": 0, "late": 7},
        "classes": {
            "legit": {"support": 99_000, "recall": RATE, "precision": RATE, "f1": RATE},
            "fraud": {"support": 1_000, "recall": RATE, "precision": NONE, "f1": NONE},
        },
        "metrics": {"g_mean": RATE, "pr_auc": NONE, "windowed_g_mean": RATE},
        "objectives": {"f1": {"threshold": 0.3, "value": 0.5, "recall": 0.6, "precision": None, "alerts_per_day": 9.5}},
        "queue": {
            "cost": "FN=a,FP=3", "k": 50, "days": 40, "window_days": 30, "windows": {
                "all": {"alerts_per_day": [120.4, 110.1, 130.2], "precision_at_k": RATE, "cost_per_day": NONE,
                        "cost_per_event": [0.5, None, None]},
                "days": {"alerts_per_day": [98.4, 92.4, 104.7], "precision_at_k": RATE, "cost_per_day": NONE,
                         "cost_per_event": [0.25, 0.125, 0.375]},
            },
        },
        "samples": {"memorised": {"fraud": [0.41, 0.1, 4.1], "legit": [0.2, 0.1, None]}, "suspects": {}},
        "false_positives": [
            {"feature": "a", "range": f"a{'b' * i} >= 1.5", "false_positive_share": 0.612, "event_share": 0.02,
             "lift": 30.6, "precision": 0.3, "support": 99}
            for i in (0, 90, 1, 2)
        ],
        "signals": [], "signals_total": 0, "actions": [], "seconds": 2.0, "events_per_second": 61_728.0,
    } | changes  # fmt: skip
    return told


def shown(told, width=80):
    console = Console(file=io.StringIO(), width=width)
    print_summary(told, console)
    return console.file.getvalue()


SIGNAL = {
    "position": 1, "time": "1970-01-02T00:00:00Z", "signal": "recall", "detector": "adwin", "class": "fraud",
    "kind": "drift", "value": 0.4, "reference": 0.6, "action": "adjust",
}  # fmt: skip
ACTION = {
    "number": 1, "position": 2, "time": "1970-01-02T01:00:00Z", "action": "adjust", "signal": "recall",
    "class": "fraud", "before": 0.712, "after": 0.834, "helped": "yes", "measured_at": 90,
}  # fmt: skip


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_a_summary_fits_the_terminal(width):
    """No line is longer than the terminal, nor than what reads well."""
    told = story(rejected={"wrong_type": 3})
    told.examples["wrong_type"] = Rejected("x.csv", Reason.WRONG_TYPE, "amount", "x" * 500, line=4)
    told.trajectories.add(Course(i, i % 100 / 100, i % 100 / 100, i % 100 / 100) for i in range(3000))
    text = shown(told, width)
    assert max(map(len, text.splitlines())) <= min(width, WIDTH_MAX)
    for word in ("share of fraud", "recall of fraud", "threshold of fraud", "▁", "█", "…"):
        assert word in text


def test_fields_that_are_left_out_are_told_as_far_as_a_person_reads():
    """Five with their rows, and how many more."""
    text = " ".join(shown(story(ignored_fields={f"f{i}": 9 - i for i in range(9)}), 120).split())
    assert "left out, as the schema does not name it: f0 (9 rows), f1 (8 rows)" in text and "f4 (5 rows) and 4" in text
    assert "f8" not in text and "left out" not in shown(story(ignored_fields={}), 120)


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("name", ["fraud", "a class whose name is as long as names can be in a file"])
def test_numbers_are_whole_or_not_there(width, name):
    """Whatever the width and the names, only words are cut: what has no room is left out, recall last."""
    classes = {n: {"support": 99_000, "recall": RATE, "precision": RATE, "f1": RATE} for n in ("legit", name)}
    told = story(classes=classes, signals=[SIGNAL | {"class": name}], actions=[ACTION | {"class": name}])
    told.trajectories.add(Course(i, 0.1234, 0.5, 0.25) for i in range(90))
    lines = shown(told, width).splitlines()
    assert max(map(len, lines)) <= width
    for line in lines:
        before, cut, after = line.partition("…")
        assert not cut or (before[-1] not in "0123456789." and after[:1] in ("", " ")), line
    assert all("0.600" in line for line in lines if line.startswith(("  legit ", f"  {name[:5]}")))
    if width >= 60:
        assert any(line.lstrip().startswith("1970-01-02 00:00 recall of") and "0.600→0.400" in line for line in lines)
        assert any("1970-01-02 01:00" in line and "0.712→0.834" in line for line in lines)


def test_a_summary_tells_the_figures():
    """Events, span, classes with intervals, objectives, labels and speed are in it; undefined is a dash, not 0."""
    text = shown(story())
    for word in (
        "123,456 events, 1970-01-01 to 1970-01-03 (2d)", "fraud is the positive class of 2", "threshold tuned for f1",
        f"0.600 .550{DASH}.650", "1.0 %", "f1 (chosen)", "9.5", "100,000 learned, 5 still waiting, 7 too late",
        "nothing moved enough", "61,700 a second",
    ):  # fmt: skip
        assert word in text
    fraud = next(line for line in text.splitlines() if line.lstrip().startswith("fraud  "))
    assert fraud.count(DASH) == 3, "an interval, and two that are undefined"
    assert "Refused" not in text


def test_a_summary_tells_what_the_queue_gets():
    """Over the last days and the whole run; what is undefined throughout is left out; the first few ranges."""
    text = " ".join(shown(story()).split())
    for word in (
        "40 days; wrong decisions cost FN=a,FP=3", "last 30 days whole run", f"alerts a day 98.4 92.4{DASH}105 120",
        f"precision in the top 50 a day 0.600 .550{DASH}.650", f"cost an event 0.25 0.125{DASH}0.375 0.5",
        "a >= 1.5 61.2 % 2.0 % 0.300", "…",
    ):  # fmt: skip
        assert word in text
    assert "cost a day" not in text and "abb >=" not in text


def test_a_summary_of_no_alerts_has_no_queue():
    """Where nothing of the queue is defined and no range found, neither is told."""
    nothing = dict.fromkeys(("alerts_per_day", "precision_at_k", "cost_per_day", "cost_per_event"), NONE)
    queue = {"cost": None, "k": 100, "days": 0, "window_days": 30, "windows": {"all": nothing, "days": nothing}}
    text = shown(story(queue=queue, false_positives=[]))
    assert "queue" not in text and "false alarms" not in text


def test_a_summary_tells_refusals_with_an_example():
    """Each reason has its count and where it was first seen."""
    told = story(rejected={"bad_time": 12})
    told.examples["bad_time"] = Rejected("data/x.csv", Reason.BAD_TIME, "ts", "'x' is no time", line=4)
    assert "bad_time 12 ts: 'x' is no time (x.csv, line 4)" in shown(told)


def test_a_summary_tells_signals():
    """All are counted by kind, the last few are told."""
    text = shown(story(signals=[SIGNAL] * 7, signals_total=9))
    assert "7 drifts of the recall of fraud, 2 that are not kept" in text
    assert text.count("1970-01-02 00:00 recall of fraud 0.600→0.400 drift weights renewed at once") == 5


def test_a_summary_tells_what_was_done():
    """Actions are counted, those measured are judged, the last few are told; where no class has weights, none move."""
    open_ = ACTION | {"after": None, "helped": None, "measured_at": None}
    told = story(actions=[ACTION] * 3 + [ACTION | {"helped": "no"}, ACTION | {"action": "reset"}, open_])
    text = shown(told, 100)
    assert "weights renewed at once (5), learner forgot all (1)" in text
    assert "measured afterwards: it helped (4), it did not help (1)" in text
    assert "1970-01-02 01:00 learner forgot all      for recall of fraud 0.712→0.834 it helped" in text
    assert f"0.712→{DASH} not yet measured" in text
    told.config = Config(control={"weights": "none"})
    assert "window shortened (5)" in shown(told)
    assert "weights renewed" not in shown(told)
    assert "What was done" not in shown(story())


def test_a_story_holds_the_first_and_the_last_signals(monkeypatch):
    """Of more signals than a summary holds, those in the middle are left out."""
    monkeypatch.setattr("streamimb_services.story.SIGNALS_TOLD_MAX", 6)
    told = story()
    for i in range(10):
        told.take(replace(nothing(2), signals=[Signal(i, i, "share", "adwin", "fraud", "drift", 0.1, 0.2, "tell")]))
    assert [s.position for s in told.signals] == [0, 1, 2, 7, 8, 9]


def test_many_classes_are_cut_short():
    """A thousand classes do not fill the screen."""
    classes = {f"c{i}": {"support": i, "recall": RATE, "precision": RATE, "f1": RATE} for i in range(1000)}
    text = shown(story(classes=classes))
    assert "and 988 more classes" in text
    assert len(text.splitlines()) < 60


def test_undefined_is_null_in_json():
    """NaN and infinities become null, at any depth."""
    assert undefined_as_null({"a": [NAN, 1.0, (float("inf"), "x", None)], 3: True}) == {
        "a": [None, 1.0, [None, "x", None]],
        "3": True,
    }


@pytest.mark.parametrize("n", [1, 7, 8, 9, 1000, 12_345])
def test_a_trajectory_is_bounded_and_keeps_the_shape(n):
    """However long the series, at most so many points, each the mean of an equally long stretch."""
    trajectory = Trajectory(points_max=8)
    for i in range(n):
        trajectory.add(float(i))
    points = trajectory.points()
    assert len(points) == min(n, len(points)) <= 8
    assert points == sorted(points)
    assert (trajectory.low, trajectory.high, trajectory.last) == (0, n - 1, n - 1)
    stretch = next(2**k for k in range(20) if 8 * 2**k >= n)
    assert points[0] == pytest.approx((min(n, stretch) - 1) / 2)


def test_undefined_values_are_left_out_of_a_trajectory():
    """A stretch without any defined value is undefined; one with some is their mean."""
    trajectory = Trajectory(points_max=2)
    for value in (NAN, NAN, NAN, 3.0):
        trajectory.add(value)
    first, second = trajectory.points()
    assert first != first
    assert second == 3.0
    assert trajectory.last == 3.0


def test_a_sparkline_has_the_width_asked_for():
    """More points than cells are averaged; the lowest cell is the lowest block, the highest the highest."""
    line = sparkline([float(i) for i in range(1000)], 16)
    assert (len(line), line[0], line[-1]) == (16, "▁", "█")
    assert sparkline([NAN, NAN], 5) == "··"


def test_whether_it_learns_by_heart_is_told_where_rows_are_made():
    told = shown(story())
    assert "Whether it learns by heart" in told and "0.410" in told and "4.10" in told
    none = story()
    none.summary["samples"]["memorised"] = {}
    assert "Whether it learns by heart" not in shown(none)


def test_the_figures_say_of_which_events_they_are():
    """Labels come later than shares: up to when they are there, and how many wait; an older run does not say when."""
    assert "of 100,000 labelled events up to 2013-05-01 12:31; 5 wait for a label" in shown(
        story_until("2013-05-01T12:31:07Z")
    )
    assert "of 100,000 labelled events up to event 4,812; 5 wait for a label" in shown(story_until(4812))
    assert "of 100,000 labelled events; 5 wait for a label" in shown(story())


def test_labels_held_up_by_a_late_one_are_told():
    """Where most labelled events are in no figure, since one before them waits."""
    told = story()
    told.summary["learned"] = 200_001
    assert "100,001 labelled ones behind the first of them (label.wait bounds that)" in " ".join(shown(told).split())
    told.summary["learned"] -= 1
    assert "behind the first" not in shown(told)


def story_until(until):
    told = story()
    told.summary["labelled_until"] = until
    return told
