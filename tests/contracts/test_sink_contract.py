"""What every sink promises, run on every sink."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamimb.batch import Reason, Rejected
from streamimb.errors import OutputError
from streamimb.outcome import Action, Matured, Metric, Outcome, Predictions, Signal
from streamimb.schema import Feature, Identity, Label, Schema, Time
from streamimb.sinks.actions import ActionsSink
from streamimb.sinks.memory import MemorySink
from streamimb.sinks.predictions import PredictionsSink
from streamimb.sinks.rejects import RejectsSink
from streamimb.sinks.tables import MetricsSink, SignalsSink
from streamimb.text import Text

SCHEMA = Schema(
    features=[Feature(name="a")], label=Label(classes=["legit", "fraud"]), time=Time(unit="us"), id=Identity()
)
FILE_SINKS = {
    "predictions": lambda path: PredictionsSink(path, SCHEMA),
    "metrics": lambda path: MetricsSink(path, has_time=True),
    "signals": lambda path: SignalsSink(path, has_time=True),
    "actions": lambda path: ActionsSink(path, has_time=True),
    "rejects": RejectsSink,
}
LINES = ("actions", "rejects")
N = 60


def outcome(start, stop):
    """What was told of events start to stop: each matures ten events later, every seventh drops out."""
    position = np.arange(start, stop)
    score = (position % 10 / 10).astype(np.float32)
    ripe = np.arange(max(0, start - 10), max(0, stop - 10))[::-1]
    return Outcome(
        Predictions(
            position=position,
            time=position * 1_000_000,
            ids=Text.of([f"e{i}" for i in position]),
            scores=np.stack([1 - score, score], axis=1),
            decision=(score > 0.5).astype(np.int16),
            threshold=np.full(len(position), 0.5, np.float32),
            partition=np.zeros(len(position), np.int32),
            offset=position,
        ),
        Matured(ripe, np.where(ripe % 7 == 0, -1, ripe % 2).astype(np.int16), ripe * 1_000_000 + 5, ripe),
        metrics=[
            Metric(i, i * 1_000_000, "f1", "fraud" if i % 2 else None, "rarest", np.nan if i % 3 else 0.5, 0.4, 0.6, i)
            for i in position.tolist()
        ],
        signals=[
            Signal(i, i * 1_000_000, "minority_share", "adwin", "fraud", "drift", 0.2, 0.1, "adjust")
            for i in position.tolist()
            if i % 5 == 0
        ],
        actions=[
            Action(i, i, i * 1_000_000, "adjust", "recall", "fraud", 0.5, np.nan, "", -1) for i in position.tolist()
        ],
        rejected=[
            Rejected("s.csv", Reason.WRONG_TYPE, "a", '"x" is no number', line=i)
            for i in position.tolist()
            if i % 4 == 0
        ],
    )  # fmt: skip


def content(path: Path):
    if path.suffix == ".ndjson":
        return path.read_text()
    return repr(pq.read_table(path).to_pylist()), pq.read_schema(path)


@pytest.fixture(params=FILE_SINKS)
def kind(request):
    return request.param


@pytest.fixture
def path(kind, tmp_path):
    return tmp_path / f"out.{'ndjson' if kind in LINES else 'parquet'}"


def written(kind, path, cuts=()):
    sink = FILE_SINKS[kind](path)
    for start, stop in zip([0, *cuts], [*cuts, N], strict=True):
        sink.write(outcome(start, stop))
    sink.close()
    return content(path)


def test_a_file_appears_when_the_sink_is_closed(kind, path):
    """Until then the file that stood there stands, and nothing is left beside it after."""
    path.write_bytes(b"older")
    sink = FILE_SINKS[kind](path)
    sink.write(outcome(0, N))
    assert path.read_bytes() == b"older"
    sink.close()
    sink.close()
    assert path.read_bytes() != b"older"
    assert list(path.parent.iterdir()) == [path]


def test_a_finished_sink_has_written_all_but_stands_nowhere(kind, path):
    """Finished, the file is whole under its temporary name; it can be put in place or given up still."""
    path.write_bytes(b"older")
    for settle in ("abort", "close"):
        sink = FILE_SINKS[kind](path)
        sink.write(outcome(0, N))
        sink.finish()
        sink.finish()
        (part,) = [p for p in path.parent.iterdir() if p != path]
        assert part.suffix == ".part"
        size = part.stat().st_size
        assert path.read_bytes() == b"older"
        getattr(sink, settle)()
        assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_size == size


def test_what_a_dead_process_left_is_removed_but_not_what_a_live_one_writes(kind, path):
    """Temporary files without a lock belong to nobody; those of another sink, or of another file, are left alone."""
    dead, other = path.with_name(f".{path.name}.0123abcd.part"), path.with_name(f".x{path.name}.0123abcd.part")
    dead.touch()
    other.touch()
    live = FILE_SINKS[kind](path)
    live.write(outcome(0, N))
    written(kind, path)
    live.finish()
    written(kind, path)
    assert not dead.exists()
    assert other.exists()
    live.close()
    assert {p.name for p in path.parent.iterdir()} == {path.name, other.name}


def test_an_aborted_sink_leaves_what_stood_there(kind, path):
    """Nothing half-written is left, and what was there before is untouched."""
    path.write_bytes(b"older")
    sink = FILE_SINKS[kind](path)
    sink.write(outcome(0, N))
    sink.abort()
    sink.abort()
    assert path.read_bytes() == b"older"
    assert list(path.parent.iterdir()) == [path]


def test_abort_after_close_does_nothing(kind, path):
    """What is in place stays in place."""
    whole = written(kind, path)
    sink = FILE_SINKS[kind](path)
    sink.write(outcome(0, N))
    sink.close()
    sink.abort()
    assert content(path) == whole


def test_cuts_are_invisible(kind, tmp_path_factory):
    """However the rows are cut into outcomes, the file says the same."""
    folder = tmp_path_factory.mktemp("cuts")
    whole = written(kind, folder / f"whole.{'ndjson' if kind in LINES else 'parquet'}")

    @settings(max_examples=15, deadline=None)
    @given(st.lists(st.integers(0, N), max_size=6).map(sorted))
    def any_cuts(cuts):
        assert written(kind, folder / f"cut.{'ndjson' if kind in LINES else 'parquet'}", cuts) == whole

    any_cuts()


def test_nothing_told_is_a_file_with_no_rows(kind, path):
    """A run without rows leaves a file that can be read, with the same columns."""
    FILE_SINKS[kind](path).close()
    if kind in LINES:
        assert path.read_bytes() == b""
    else:
        assert pq.read_table(path).num_rows == 0
        empty = pq.read_schema(path)
        written(kind, path)
        assert pq.read_schema(path) == empty


def test_a_missing_folder_is_an_output_error(kind, path):
    """What cannot be written is told at once, with the path and the cause."""
    with pytest.raises(OutputError, match=r"nowhere.*No such file or directory") as caught:
        FILE_SINKS[kind](path.parent / "nowhere" / path.name)
    assert caught.value.exit_code == 74


def test_a_folder_in_the_way_is_an_output_error(kind, path):
    """A folder is not replaced by a file."""
    path.mkdir()
    with pytest.raises(OutputError, match="a folder"):
        FILE_SINKS[kind](path)
    assert path.is_dir()


def test_a_full_disk_is_an_output_error(kind):
    """An error of the storage is told as one, and aborting after it still works."""
    with pytest.raises(OutputError, match="No space left"):
        sink = FILE_SINKS[kind](Path("/dev/full"))
        try:
            sink.write(outcome(0, N))
            sink.close()
        finally:
            sink.abort()


def test_a_link_is_followed(kind, path):
    """Writing through a link replaces what it points to, not the link."""
    target = path.with_name("target")
    path.symlink_to(target)
    written(kind, path)
    assert path.is_symlink()
    assert target.stat().st_size > 0


def test_a_device_is_written_not_replaced(kind):
    """What is no regular file stays what it is."""
    sink = FILE_SINKS[kind](Path("/dev/null"))
    sink.write(outcome(0, N))
    sink.close()
    assert Path("/dev/null").is_char_device()


def test_rejects_are_one_object_a_line(tmp_path):
    """A line has the file's line, or a record's partition and offset; never both."""
    path = tmp_path / "r.ndjson"
    sink = RejectsSink(path)
    told = outcome(0, 1)
    record = Rejected("topic", Reason.NOT_JSON, None, "line\né", partition=3, offset=77)
    told.rejected.append(record)
    sink.write(told)
    sink.close()
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert rows == [
        {"source": "s.csv", "line": 0, "reason": "wrong_type", "field": "a", "detail": '"x" is no number'},
        {"source": "topic", "partition": 3, "offset": 77, "reason": "not_json", "field": None, "detail": "line\né"},
    ]  # fmt: skip


@pytest.mark.parametrize("held_max", [1, 2, 100])
def test_actions_are_told_as_measured_in_the_end(tmp_path, monkeypatch, held_max):
    """A line an action, in order; what became known before it was written stands in it, undefined is null."""
    monkeypatch.setattr("streamimb.sinks.actions.ACTIONS_HELD_MAX", held_max)
    path = tmp_path / "a.ndjson"
    sink = ActionsSink(path, has_time=True)
    first = Action(1, 500, 1_000_000, "reset", "share", None, 0.5, np.nan, "", -1)
    second = replace(first, number=2, position=750, class_="fraud")
    measured = [replace(a, after=0.7, helped="yes", measured_at=900) for a in (first, second)]
    for actions in ([first], [second], measured):
        sink.write(replace(outcome(0, 1), actions=actions))
    sink.close()
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert rows[1] == {
        "number": 2, "position": 750, "time": "1970-01-01T00:00:01Z", "action": "reset", "signal": "share",
        "class": "fraud", "before": 0.5, "after": 0.7, "helped": "yes", "measured_at": 900,
    }  # fmt: skip
    assert [(row["number"], row["after"], row["helped"]) for row in rows] == [
        (1, None if held_max == 1 else 0.7, None if held_max == 1 else "yes"),
        (2, 0.7, "yes"),
    ]


def test_memory_keeps_outcomes_until_aborted():
    """The memory sink holds what it was given; aborted, it holds nothing."""
    sink = MemorySink()
    told = outcome(0, 3)
    sink.write(told)
    assert sink.outcomes == [told]
    sink.abort()
    assert sink.outcomes == []
    sink.write(told)
    sink.close()
    sink.abort()
    assert sink.outcomes == [told]
