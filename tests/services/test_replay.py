import contextlib
import gzip
import json
import os
import resource
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from streamimb.schema_toml import load_schema
from streamimb_services.outputs import OutputPaths, Outputs

KEYS = {
    "events", "predicted", "learned", "rejected", "labels", "classes", "metrics", "objectives", "signals", "seconds",
    "events_per_second",
}  # fmt: skip


def test_json_is_one_object_with_the_keys_that_programs_read(streamimb, stream):
    """One line of standard JSON on standard output, undefined as null; all else goes to standard error."""

    def no_constant(name):
        raise AssertionError(f"{name} is not JSON")

    result = streamimb("replay", stream(broken=[5, 6]), "--limit", 3, "--label-delay", "30d", "--json")
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 1
    told = json.loads(result.stdout, parse_constant=no_constant)
    assert set(told) >= KEYS
    assert told["classes"]["bad"]["recall"] == [None, None, None]
    assert set(told["labels"]) >= {"expired", "late", "unknown", "twice", "corrected", "waiting"}
    assert (told["events"], told["predicted"], told["learned"], told["labels"]["waiting"]) == (3, 3, 0, 3)
    assert told["signals"] == []
    assert "inferred" in result.stderr


def test_options_and_a_given_contract(streamimb, stream, schema, tmp_path):
    """--positive wins over the contract, wherever that stands; what would contradict it is refused."""
    file, run = stream(), tmp_path / "run"
    for given in ("--schema", "-c"):
        told = json.loads(streamimb("replay", file, given, schema, "--positive", "good", "--json").stdout)
        assert told["positive"] == "good"
    streamimb("replay", file, "--schema", schema, "--positive", "good", "--limit", 9, "--run", run)
    assert tomllib.loads((run / "schema.toml").read_text())["schema"]["label"]["positive"] == "good"
    result = streamimb("replay", file, "--schema", schema, "--positive", "goood")
    assert (result.exit_code, "no such class (did you mean 'good'?)" in result.stderr) == (78, True)
    for name in ("label", "id", "time"):
        result = streamimb("replay", file, "--schema", schema, f"--{name}", "x")
        assert result.exit_code == 2
        assert f"--{name}" in result.stderr


@pytest.mark.parametrize("timed", [True, False])
def test_signals_and_actions_are_told_as_programs_read_them(streamimb, tmp_path, timed):
    """In JSON, times are ISO 8601, positions where there are none; signals and actions are those of the files."""
    rng = np.random.default_rng(3)
    bad = rng.random(6_000) < np.repeat([0.3, 0.05], 3_000)
    lines = ["time,x,label" if timed else "x,label"]
    for i, (is_bad, x) in enumerate(zip(bad, rng.normal(size=6_000) + bad, strict=True)):
        lines.append(f"{f'{1_600_000_000 + 60 * i},' if timed else ''}{x:.3f},{'bad' if is_bad else 'good'}")
    file, run = tmp_path / "s.csv", tmp_path / "run"
    file.write_text("\n".join(lines))
    told = json.loads(streamimb("replay", file, "--run", run, "--json").stdout)
    rows = pq.read_table(run / "signals.parquet").to_pylist()
    assert told["signals_total"] == len(told["signals"]) == len(rows) > 0
    actions = [json.loads(line) for line in (run / "actions.ndjson").read_text().splitlines()]
    assert told["actions"] == actions
    assert told["actions_total"] == len(actions) > 0
    assert {a["helped"] for a in actions} <= {"yes", "no", "unclear", None}
    for row, signal in zip(rows, told["signals"], strict=True):
        if timed:
            assert signal["time"] == row["time"].isoformat().replace("+00:00", "Z")
        else:
            assert signal["time"] == row["time"] == row["position"]
    assert all(isinstance(a["time"], str if timed else int) for a in actions)


def test_fields_that_the_contract_does_not_name_are_told(streamimb, stream, schema, tmp_path):
    """As JSON, and in the summary: a feature that was renamed is seen."""
    file = Path(stream(n=50))
    lines = file.read_text().splitlines()
    file.write_text("\n".join([f"{lines[0]},zone", *(f"{line},n" for line in lines[1:])]) + "\n")
    told = json.loads(streamimb("replay", file, "--schema", schema, "--json").stdout)
    assert told["ignored_fields"] == {"zone": 50}
    text = streamimb("replay", file, "--schema", schema).stdout
    assert "left out, as the schema does not name it: zone (50 rows)" in " ".join(text.split())


@pytest.mark.parametrize(("n", "drawn"), [(100, False), (600, True)])
def test_short_streams_move_too(streamimb, stream, n, drawn):
    """How share, recall and threshold moved is told from the second Plan on, whenever quality is measured."""
    text = streamimb("replay", stream(n=n)).stdout
    assert ("How it moved" in text) == drawn
    assert ("threshold of bad" in text) == drawn


def test_limit_counts_accepted_events_over_all_files(streamimb, stream, schema, tmp_path):
    """Refused rows do not count, and what stands behind the last event is not read as refused."""
    files = [stream("a.csv", 100, broken=[3]), stream("b.csv", 100, 100, broken=[10, 50])]
    rejects = tmp_path / "r.ndjson"
    result = streamimb("replay", *files, "--schema", schema, "--limit", 120, "--rejects", rejects, "--json")
    told = json.loads(result.stdout)
    assert told["events"] == 120
    assert told["rejected"] == {"wrong_type": 2}
    rows = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [(row["source"], row["line"]) for row in rows] == [(files[0], 5), (files[1], 12)]


def test_batches_are_invisible(streamimb, stream, schema, tmp_path):
    """However many events are read at once, the predictions are the same."""
    file = stream(n=500)
    tables = []
    for n in (1, 37, 4096):
        path = tmp_path / f"p{n}.parquet"
        assert streamimb("replay", file, "--schema", schema, "--batch-events", n, "--predictions", path).exit_code == 0
        tables.append(pq.read_table(path))
    assert tables[0].num_rows == 500
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])


def test_labels_of_a_file_come_when_they_are_known(streamimb, stream, schema, tmp_path):
    """A file of labels is merged by time; what is due after the last event stays waiting."""
    text = [line.rsplit(",", 1) for line in Path(stream()).read_text().splitlines()]
    events, labels, path = tmp_path / "events.csv", tmp_path / "labels.csv", tmp_path / "p.parquet"
    events.write_text("\n".join(head for head, _ in text))
    known = [(head.split(",")[0], label, int(head.split(",")[1]) + 48 * 3600) for head, label in text[1:]]
    labels.write_text("id,label,time\n" + "".join(f"{i},{label},{t}\n" for i, label, t in known))
    args = ["replay", events, "--schema", schema, "--labels", labels, "--predictions", path, "--limit", 500, "--json"]
    told = json.loads(streamimb(*args, env={"STREAMIMB_LABEL__WAIT": "7d"}).stdout)
    rows = pq.read_table(path).to_pylist()
    assert [row["label"] for row in rows[:400]] == [label for _, label in text[1:401]]
    assert (rows[0]["label_time"] - rows[0]["time"]).total_seconds() == 48 * 3600
    assert rows[-1]["label"] is None
    assert 40 < told["labels"]["waiting"] < 60
    refused = streamimb(*args)
    assert (refused.exit_code, "STREAMIMB_LABEL__WAIT=7d" in refused.stderr) == (78, True)


def test_labels_known_by_position_count_accepted_events(streamimb, tmp_path):
    """Without times an event that comes twice takes no position, so that no label comes too early."""
    events, labels, contract = tmp_path / "events.csv", tmp_path / "labels.csv", tmp_path / "schema.toml"
    contract.write_text(
        '[schema]\nfeatures = [{ name = "x" }]\n[schema.label]\nclasses = ["good", "bad"]\n[schema.id]\n'
    )
    names = [f"e{i}" for i in range(60)]
    events.write_text("id,x\n" + "".join(f"{n},1\n" for i, n in enumerate(names) for _ in range(2 - i % 2)))
    labels.write_text("id,label,time\n" + "".join(f"{n},good,{i}\n" for i, n in enumerate(names)))
    args = ["replay", events, "--schema", contract, "--labels", labels, "--json"]
    told = json.loads(streamimb(*args, env={"STREAMIMB_LABEL__WAIT": "100"}).stdout)
    assert told["rejected"] == {"duplicate_id": 30}
    assert (told["labels"]["unknown"], told["learned"]) == (0, 59)


def test_classes_are_inferred_from_all_files(streamimb, tmp_path):
    """A class that is first seen in the second file is no unknown one."""
    files = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for last, file in enumerate(files, 2):
        file.write_text("x,label\n" + "".join(f"{i},{i % last}\n" for i in range(60)))
    told = json.loads(streamimb("replay", *files, "--json").stdout)
    assert (told["rejected"], list(told["classes"])) == ({}, ["0", "1", "2"])


def test_a_run_holds_all_that_a_report_needs(streamimb, stream, tmp_path):
    """--run writes outputs, configuration, contract, summary and versions; the run can be done again from it."""
    run, file = tmp_path / "runs" / "first", stream(broken=[7])
    run.mkdir(parents=True)
    (run / "notes.md").write_text("mine")
    (run / "summary.json").write_text("older")
    result = streamimb("replay", file, "--run", run, "--objective", "g_mean", "--json")
    assert {p.name for p in run.iterdir()} == {
        "predictions.parquet", "metrics.parquet", "signals.parquet", "rejects.ndjson", "actions.ndjson",
        "config.toml", "schema.toml", "importance.json", "summary.json", "versions.json", "notes.md",
    }  # fmt: skip
    assert json.loads((run / "summary.json").read_text()) == json.loads(result.stdout)
    assert tomllib.loads((run / "config.toml").read_text())["control"]["objective"] == "g_mean"
    versions = json.loads((run / "versions.json").read_text())
    assert versions["packages"]["streamimb"] == "0.1.0"
    assert versions["inputs"] == [file]
    again = tmp_path / "p.parquet"
    result = streamimb(
        "replay", file, "--schema", run / "schema.toml", "-c", run / "config.toml", "--predictions", again
    )
    assert result.exit_code == 0
    assert pq.read_table(again).equals(pq.read_table(run / "predictions.parquet"))


def test_an_input_that_breaks_leaves_no_output(streamimb, stream, schema, tmp_path):
    """A truncated file exits 66 and puts nothing in place: half a run is no run."""
    whole = gzip.compress(Path(stream(n=5000)).read_bytes())
    torn = tmp_path / "torn.csv.gz"
    torn.write_bytes(whole[: len(whole) // 2])
    run, path = tmp_path / "run", tmp_path / "p.parquet"
    result = streamimb("replay", torn, "--schema", schema, "--run", run, "--predictions", path)
    assert result.exit_code == 66
    assert "torn.csv.gz" in result.stderr
    assert list(run.iterdir()) == []
    assert not path.exists()


def test_an_output_that_is_an_input_is_refused(streamimb, stream, tmp_path):
    """A stream is not overwritten by what is said of it, nor one output by another."""
    file = stream()
    before = Path(file).read_text()
    result = streamimb("replay", file, "--predictions", file)
    assert (result.exit_code, Path(file).read_text()) == (2, before)
    out = tmp_path / "o.parquet"
    assert streamimb("replay", file, "--predictions", out, "--metrics", out).exit_code == 2


@pytest.mark.parametrize(
    ("name", "option"),
    [("predictions.parquet", None), ("config.toml", "-c"), ("schema.toml", "--schema"), ("actions.ndjson", "--levers"),
     ("rejects.ndjson", "--labels")],
)  # fmt: skip
def test_a_run_replaces_nothing_that_is_read(streamimb, stream, tmp_path, name, option):
    """A folder whose files are read by this replay, as events or otherwise, is refused before any is read."""
    (tmp_path / name).write_text("precious")
    files = [stream(), option, tmp_path / name] if option else [tmp_path / name]
    result = streamimb("replay", *files, "--run", tmp_path)
    assert (result.exit_code, (tmp_path / name).read_text()) == (2, "precious")
    assert "--run" in result.stderr
    assert "read or written by this command already" in " ".join(result.stderr.replace("│", " ").split())
    assert not (tmp_path / "summary.json").exists()


def test_an_output_in_no_folder_is_told_before_reading(streamimb, stream, tmp_path):
    """An output that cannot be written exits 74 at once."""
    result = streamimb("replay", stream(), "--predictions", tmp_path / "no" / "p.parquet")
    assert (result.exit_code, "cannot write: No such file" in result.stderr) == (74, True)


def test_options_come_from_the_environment_too(streamimb, stream, schema):
    """Every option has a variable; the option itself wins."""
    env = {"STREAMIMB_REPLAY_LIMIT": "7", "STREAMIMB_REPLAY_SCHEMA": schema, "STREAMIMB_REPLAY_JSON": "1"}
    assert json.loads(streamimb("replay", stream(), env=env).stdout)["events"] == 7
    assert json.loads(streamimb("replay", stream(), "--limit", 9, env=env).stdout)["events"] == 9


def test_standard_input_is_ndjson_with_a_contract(streamimb, schema):
    """Events come from standard input; the contract may stand in the configuration."""
    lines = [{"id": f"e{i}", "time": 1_600_000_000 + i, "x": i % 7, "z": 0.5, "label": "good"} for i in range(20)]
    text = "\n".join(map(json.dumps, lines))
    command = [sys.executable, "-m", "streamimb_services", "replay", "-", "-c", schema, "--json"]
    done = subprocess.run(command, input=text.encode(), stdout=subprocess.PIPE, check=True)
    assert json.loads(done.stdout)["events"] == 20


@pytest.mark.parametrize("args", [["--version"], ["--help"], ["models"], ["config", "show"], ["replay", "{file}"]])
def test_a_full_standard_output_is_an_output_error(stream, args):
    """A result that could not be written exits 74, with one line on standard error."""
    command = [sys.executable, "-m", "streamimb_services", *(stream() if a == "{file}" else a for a in args)]
    with open("/dev/full", "wb") as full:  # noqa: PTH123  a device
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 74
    assert done.stderr.splitlines()[-1] == "error: standard output: cannot write: No space left on device"
    assert "Traceback" not in done.stderr


@contextlib.contextmanager
def no_space(n_bytes):
    """No file grows beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("n_bytes", [100, 2_000, 6_000, 12_000])
def test_a_full_disk_leaves_the_older_run_and_tells_the_summary(streamimb, stream, tmp_path, n_bytes):
    """Wherever writing fails, no file of the folder is of the new run; the summary is told, and 74 is returned."""
    run, file, other = tmp_path / "run", stream(n=900), stream("other.csv", n=1_000, start=7)
    assert streamimb("replay", file, "--run", run).exit_code == 0
    older = {path.name: path.read_bytes() for path in run.iterdir()}
    assert max(map(len, older.values())) > n_bytes
    with no_space(n_bytes):
        result = streamimb("replay", other, "--run", run, "--json")
    assert result.exit_code == 74
    assert "cannot write: File too large" in result.stderr
    assert json.loads(result.stdout)["events"] == 1_000
    assert {path.name: path.read_bytes() for path in run.iterdir()} == older


def test_two_replays_do_not_write_into_one_folder(streamimb, stream, schema, tmp_path):
    """The second is refused with the folder's name while the first writes, and harms nothing of it."""
    run = tmp_path / "run"
    first = Outputs(OutputPaths(run=run), load_schema(schema))
    held = sorted(path.name for path in run.iterdir())
    result = streamimb("replay", stream(), "--schema", schema, "--run", run)
    assert result.exit_code == 74
    assert f"{run}: another replay is writing into this folder" in result.stderr
    assert sorted(path.name for path in run.iterdir()) == held
    first.abort()
    assert streamimb("replay", stream(), "--schema", schema, "--run", run).exit_code == 0
    assert streamimb("replay", stream(), "--schema", schema, "--run", run).exit_code == 0


@pytest.mark.parametrize(
    ("option", "name", "message"),
    [
        ("--predictions", "-", "name a file"),
        ("--predictions", "p.csv", "let its name end in .parquet"),
        ("--metrics", "m.ndjson", "let its name end in .parquet"),
        ("--signals", "s.JSON", "let its name end in .parquet"),
        ("--rejects", "r.parquet", "let its name end in .ndjson"),
        ("--rejects", "-", "name a file"),
    ],
)
def test_an_output_is_what_its_name_says(streamimb, stream, tmp_path, monkeypatch, option, name, message):
    """An ending that promises another format is refused, and so is a file called -; nothing is written."""
    file = stream()
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    result = streamimb("replay", file, option, name)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", " ").split())
    assert set(tmp_path.iterdir()) == before


def test_a_stream_of_refused_rows_is_an_error(streamimb, stream, schema, tmp_path):
    """Where no row could be used the summary says why and 65 is returned; one good row is enough for 0."""
    file, rejects = stream(n=20, broken=range(20)), tmp_path / "r.ndjson"
    result = streamimb("replay", file, "--schema", schema, "--rejects", rejects)
    assert result.exit_code == 65
    assert result.stderr.splitlines()[-1].startswith("error: every row was refused (20, mostly wrong_type)")
    assert "wrong_type" in result.stdout
    assert len(rejects.read_text().splitlines()) == 20
    assert streamimb("replay", stream(n=20, broken=range(19)), "--schema", schema).exit_code == 0


def test_only_output_goes_to_the_terminal_of_a_pipe(streamimb, stream, schema):
    """Without a terminal no bar is drawn and no colour is sent."""
    result = streamimb("replay", stream(), "--schema", schema, "--objective", "f1")
    assert "\x1b" not in result.stdout + result.stderr
    assert "replaying" not in result.stderr
    assert os.linesep.join(result.stdout.splitlines()) == result.stdout.rstrip("\n")
