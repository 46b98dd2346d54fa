"""The benchmark of real streams on made-up ones of the same shape: that it runs, joins labels, and says all."""

import json
import lzma

import numpy as np
import pytest


@pytest.fixture
def data(script, tmp_path):
    """A folder with a labelled stream, the fraud stream's shape with its delay, and one project of commits."""
    rng = np.random.default_rng(3)
    folder = tmp_path / "data"
    (folder / "jit_defects").mkdir(parents=True)

    def write(name, lines):
        (folder / f"{name}.csv.xz").write_bytes(lzma.compress("\n".join(lines).encode() + b"\n"))

    x = rng.normal(size=400)
    y = np.where(x + rng.normal(size=400) > 1.5, "yes", "no")
    write(
        "calls", ["age,job,label", *(f"{a:.3f},{'abc'[i % 3]},{b}" for i, (a, b) in enumerate(zip(x, y, strict=True)))]
    )
    hour = 3_600
    fraud = [
        f"{1_000_000 + i * hour},{a:.3f},{'fraud' if b == 'yes' else 'legit'}"
        for i, (a, b) in enumerate(zip(x, y, strict=True))
    ]
    write("fraud_transactions", ["ts,amount,label", *fraud])
    write("jit_defects/tiny", commits(script, rng))
    return folder


def commits(script, rng):
    """Forty commits a day apart, every fifth found defective 3 days later, two 200 days later; two are twins."""
    day, head = 86_400, [*script.JIT_FEATURES, "contains_bug", script.JIT_TIME, "commit_type"]
    rows = []
    for i in range(40):
        features = ["True", *(str(v) for v in rng.integers(0, 50, size=13))] if i != 1 else list(rows[0][1])
        late = {6: 200, 7: 200}.get(i, 3)
        buggy = i % 5 == 0 or i in (6, 7)
        rows.append((i * day, features, buggy, "1" if buggy else "0"))
        if buggy:
            rows.append((i * day + late * day, features, True, "3"))
    rows.append((300 * day, ["False"] * 14, True, "3"))  # a revelation of nothing known
    rows.sort(key=lambda row: row[0])
    return [",".join(head), *(",".join([*f, str(b), str(t + 10**9), kind]) for t, f, b, kind in rows)]


def test_every_stream_and_model_has_its_row(script, data, capsys, tmp_path):
    """Each stream is replayed with each model, and each row is printed and written as JSON."""
    out = tmp_path / "rows.json"
    script.main([str(data), "--quick", "--json", str(out)])
    rows = json.loads(out.read_text())
    printed = capsys.readouterr().out
    names = {m.name for m in script.models(river=True)} - {script.AS_MANY}
    assert len(names) == 6
    for stream in ("calls", "fraud_transactions", "jit tiny", "jit tiny, final truth"):
        assert {r["model"] for r in rows if r["stream"] == stream} == names
    assert all(f"| {r['stream']}" in printed and r["model"] in printed for r in rows)
    assert "3 streams in" in printed


def test_fraud_labels_come_seven_days_late(script, data, tmp_path):
    """The last week's labels still wait when the stream ends."""
    (stream,) = script.streams(data, tmp_path, ["fraud_transactions"])
    (row,) = script.replay(stream, script.Model("x"), "f1", None)
    assert row.labels["waiting"] == 7 * 24 + 1  # at one time, features come before another event's label
    assert row.labels["labelled"] == 400 - 7 * 24 - 1


def test_revelations_are_joined_to_the_latest_commit_like_them(script, data, tmp_path):
    """A revelation goes to the latest unrevealed commit with its features; those after 90 days are corrections."""
    (stream,) = script.streams(data, tmp_path, ["jit"])
    labels = [line.split(",") for line in stream.labels.read_text().splitlines()[1:]]
    assert [int(label[0]) for label in labels][:2] == [1, 5]  # commit 1 is commit 0's twin, and later
    assert len(labels) == 10
    assert stream.truth.sum() == 10 and len(stream.truth) == 40
    told, final = script.replay(stream, script.Model("x"), "f1", None)
    assert told.labels["unknown"] == 0
    assert told.events == final.events == 40
    assert final.positive_share == 0.25


def test_contains_bug_is_no_feature(script):
    """What turned out to be true in the end is nothing that the model may read."""
    assert "contains_bug" not in {f.name for f in script.jit_schema().features}
    assert {f.path for f in script.jit_schema().features} == {None}


def test_the_limit_counts_events_not_labels(script, data, tmp_path):
    """A replay of the first ten commits makes ten predictions, whatever labels come between."""
    (stream,) = script.streams(data, tmp_path, ["jit"])
    told, _ = script.replay(stream, script.Model("x"), "f1", 10)
    assert told.events == 10


def test_a_missing_folder_is_said(script, tmp_path, capsys):
    """Where the data is not there, the benchmark says so and ends with the code of a wrong option."""
    with pytest.raises(SystemExit) as stopped:
        script.main([str(tmp_path / "none")])
    assert stopped.value.code == 2
    assert "no such folder" in capsys.readouterr().err
