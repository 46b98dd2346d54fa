import gzip
import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from streamimb.config import LimitsConfig
from streamimb.infer import infer_schema
from streamimb.schema_toml import load_schema
from streamimb.sources.files import FileSource
from streamimb.streams import NAMED, generate

COMMAND = [sys.executable, "-m", "streamimb_services"]


def batch_of(path, schema):
    """All rows of a file as arrays, and how many were refused."""
    pairs = list(FileSource(schema, LimitsConfig(), [path]).batches())
    columns = {f: np.concatenate([getattr(b, f) for b, _ in pairs]) for f in ("X", "y", "time", "label_time")}
    return columns, sum(len(rejected) for _, rejected in pairs), [i for b, _ in pairs for i in b.ids.tolist()]


@pytest.mark.parametrize("end", ["csv", "ndjson", "parquet", "csv.gz", "jsonl.xz"])
@pytest.mark.parametrize(("name", "n"), [("fraud-like", 21_000), ("only-rare-told", 9_000), ("rules", 11_000)])
def test_a_file_reads_back_as_the_stream(streamimb, tmp_path, name, n, end):
    """With the schema written beside it, every form gives back the same numbers, categories, labels and times."""
    path, contract = tmp_path / f"s.{end}", tmp_path / "s.toml"
    result = streamimb("generate", name, "-o", path, "--events", n, "--seed", 4, "--schema", contract)
    assert (result.exit_code, result.stdout) == (0, "")
    stream = generate(name, n, seed=4)
    schema = load_schema(contract)
    assert schema == stream.schema
    found, refused, ids = batch_of(path, schema)
    assert (refused, ids) == (0, list(map(str, range(n))))
    assert np.array_equal(found["X"], stream.X, equal_nan=True)
    assert np.array_equal(found["y"], stream.y)
    assert np.array_equal(found["time"], stream.time)
    labelled = stream.y >= 0
    if schema.label.time is not None:
        assert np.array_equal(found["label_time"][labelled], stream.label_time[labelled])


def test_a_generated_file_replays(streamimb, tmp_path):
    """A replay with the written contract accepts every event and finds the rare class."""
    path, contract = tmp_path / "s.parquet", tmp_path / "s.toml"
    streamimb("generate", "concept", "-o", path, "--events", 11_000, "--schema", contract)
    told = json.loads(streamimb("replay", path, "--schema", contract, "--json").stdout)
    assert (told["events"], told["rejected"], told["positive"]) == (11_000, {}, "rare")
    assert told["metrics"]["roc_auc"][0] > 0.8


def test_a_contract_can_be_inferred_too(streamimb, tmp_path):
    """`schema infer` finds the roles of the columns by their names."""
    path = tmp_path / "s.csv"
    streamimb("generate", "static", "-o", path, "--events", 3_000)
    schema, _ = infer_schema(path)
    assert (schema.id.name, schema.time.unit, schema.label.positive) == ("id", "ms", "rare")
    assert [f.name for f in schema.features] == [f"x{i}" for i in range(1, 9)]


@pytest.mark.parametrize(("form", "read"), [("csv", pl.read_csv), ("ndjson", pl.read_ndjson)])
def test_standard_output_takes_text(streamimb, form, read):
    """`-` writes NDJSON, or CSV where that is asked for; what is told goes to standard error."""
    asked = ["generate", "recurring", "--events", 100, "--concept", "none"]
    result = streamimb(*asked, "--format", form)
    table = read(result.stdout.encode())
    assert table.shape == (100, 6)
    assert table.columns == ["id", "time", "x1", "x2", "x3", "label"]
    assert "standard output: 100 events" in result.stderr
    if form == "ndjson":
        assert streamimb(*asked).stdout == result.stdout


def test_the_truth_is_written(streamimb, tmp_path):
    """Where the drifts are, what was asked for and what was drawn stand in one JSON object."""
    path, truth = tmp_path / "s.parquet", tmp_path / "t.json"
    result = streamimb(
        "generate", "static", "-o", path, "--events", 20_000, "--ratio", "step:0.2@9000->0.05", "--concept",
        "gradual:5000/100", "--noise", "rare=0.5", "--delay", "rest=never", "--truth", truth,
    )  # fmt: skip
    assert result.exit_code == 0
    told = json.loads(truth.read_text())
    assert told["drifts"] == [
        {"position": 5_000, "kind": "concept", "detail": "concept 0 -> 1", "width": 100},
        {"position": 9_000, "kind": "share", "detail": "positive share 0.2 -> 0.05", "width": 0},
    ]
    assert (told["name"], told["seed"], told["positive"], told["ratio"]) == ("static", 1, "rare", "step:0.2@9000->0.05")
    labels = pl.read_parquet(path)["label"]
    assert told["labels_never"] == labels.null_count()
    assert told["class_counts"]["rare"]["labels"] == int((labels == "rare").sum())
    assert told["class_counts"]["rare"]["true"] == pytest.approx(9_000 * 0.2 + 11_000 * 0.05, rel=0.1)
    assert told["class_counts"]["rest"]["labels"] == 0


def test_every_option_changes_the_stream(streamimb):
    """No option is read and forgotten."""
    plain = streamimb("generate", "rotate", "--events", 300, "--ratio", "0.6/0.25/0.1/0.04/0.01").stdout
    for option, value in {
        "--seed": 2, "--ratio": 0.5, "--concept": "sudden:100", "--classes": "vanish:c2@100", "--borderline": 1,
        "--rare": 1, "--missing": 0.5, "--delay": "1d", "--noise": 0.5, "--events": 299,
    }.items():  # fmt: skip
        told = streamimb("generate", "rotate", "--events", 300, "--ratio", "0.2/0.2/0.2/0.2/0.2", option, value).stdout
        assert told.count("\n") == (299 if option == "--events" else 300)
        assert told != plain
        assert told != streamimb("generate", "rotate", "--events", 300, "--ratio", "0.2/0.2/0.2/0.2/0.2").stdout


def test_the_list_names_every_stream(streamimb):
    """--list has a line for each ready-made stream, with what it shows."""
    lines = streamimb("generate", "--list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(NAMED)
    assert all(entry.shows in line for line, entry in zip(lines, NAMED.values(), strict=True))


def test_options_have_environment_twins(streamimb):
    """Help starts with a verb; every option of the command names its variable, which works."""
    told = streamimb("generate", "--help", env={"COLUMNS": "200"}).stdout
    assert "Generate a stream" in told
    options = [line.split()[1] for line in told.splitlines() if line.startswith("│ --") and "--help" not in line]
    assert len(options) >= 15
    for option in options:
        assert f"STREAMIMB_GENERATE_{option[2:].replace('-', '_').upper()}]" in told
    assert streamimb("generate", "static", env={"STREAMIMB_GENERATE_EVENTS": "7"}).stdout.count("\n") == 7


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["flop"], 78, "no stream is named 'flop' (did you mean 'flip'?)"),
        ([], 2, "--list shows all"),
        (
            ["flip", "--ratio", "rmp:1->0"],
            78,
            "error: ratio: 'rmp:1->0' begins with 'rmp', which is no form (did you mean 'ramp'?)",
        ),
        (["flip", "--delay", "frod=1d"], 78, "no class is named 'frod'"),
        (
            ["flip", "--delay", "fraud=-1d"],
            78,
            "(there is none, never, exp, uniform, lots); or a duration alone, as 7d",
        ),
        (["flip", "--events", "0"], 2, "greater than or equal to 1"),
        (["flip", "-o", "s.txt"], 2, "cannot tell its format"),
        (["flip", "-o", "s.ndjson", "--format", "csv"], 2, "s.ndjson is named for ndjson, and --format says csv"),
        (["flip", "-o", "s.csv.gz", "--format", "ndjson"], 2, "named for csv"),
        (["sums"], 2, "'sums' is a family of streams, which only Python takes"),
        (["q7"], 78, "no stream is named 'q7' (there is static, balanced"),
        (["flip", "--format", "xml"], 2, "is none of csv, ndjson, parquet"),
        (["flip", "--format", "parquet"], 2, "plain file"),
        (["flip", "-o", "/nowhere/s.csv"], 74, "error: /nowhere/s.csv: cannot write"),
        (["flip", "-o", "/nowhere/s.parquet"], 74, "error: /nowhere/s.parquet: cannot write"),
    ],
)
def test_errors_name_what_is_wrong(streamimb, args, code, message):
    """Usage is 2, a part that does not fit 78, an output 74; nothing goes to standard output."""
    result = streamimb("generate", *args)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in " ".join(result.stderr.replace("│", " ").split())


def test_one_file_is_not_two_outputs(streamimb, tmp_path):
    """The events, the contract and the truth each need a file of their own."""
    path = tmp_path / "s.csv"
    assert streamimb("generate", "flip", "-o", path, "--schema", path).exit_code == 2
    truth = tmp_path / "t.toml"
    assert streamimb("generate", "flip", "-o", path, "--schema", truth, "--truth", truth).exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_finished_leaves_no_events(streamimb, tmp_path):
    """Where the contract cannot be written, no file of events appears, whole or half."""
    result = streamimb("generate", "flip", "-o", tmp_path / "s.csv", "--schema", tmp_path / "no" / "s.toml")
    assert result.exit_code == 74
    assert list(tmp_path.iterdir()) == []


def test_the_same_seed_gives_the_same_bytes(streamimb, tmp_path):
    """A packed file too is the same each time: no clock stands in it."""
    for name in ("a.csv.gz", "b.csv.gz"):
        streamimb("generate", "static", "-o", tmp_path / name, "--events", 500)
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.csv.gz").read_bytes()).count(b"\n") == 501


def test_a_reader_that_leaves_is_no_error():
    """`streamimb generate ... | head -1` ends without a message."""
    command = [*COMMAND, "generate", "static", "--events", "10000000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as told:
        assert told.stdout.readline().startswith(b'{"id":0,')
        told.stdout.close()
        assert told.stderr.read() == b""
        assert told.wait() == 0


@pytest.mark.parametrize(
    ("option", "text"),
    [("--ratio", "step:0.1@5000->0.01"), ("--concept", "sudden:500,5000"), ("--classes", "vanish:fraud@5000")],
)
def test_a_drift_behind_the_last_event_is_refused(streamimb, option, text):
    """Where a person asks for that one, whatever else is there."""
    result = streamimb("generate", "fraud-like", "--events", 1_000, option, text)
    assert result.exit_code == 2 and "5,000 lies behind" in result.stderr and option in result.stderr


def test_a_ready_made_stream_keeps_a_drift(streamimb, tmp_path):
    """One that would lose all that it shows is refused, with the least length; one that loses some says so."""
    out = tmp_path / "s.csv"
    for name, n, least, off in (
        ("flip", 25_000, 25_001, "--ratio 0.01"), ("fraud-like", 1_000, 20_001, "--ratio 0.01 --concept none"),
        ("recurring", 100, 10_001, "--concept none"), ("classes", 100, 10_001, "--classes none"),
    ):  # fmt: skip
        result = streamimb("generate", name, "--events", n, "-o", out, env={"COLUMNS": "200"})
        assert (result.exit_code, out.exists()) == (2, False)
        assert f"{name} has no drift in its first {n:,} events: take {least} or more" in result.stderr
        assert f"turn it off with {off}" in result.stderr
        assert streamimb("generate", name, "--events", 100, "-o", out, *off.split()).exit_code == 0
        out.unlink()
    result = streamimb("generate", "fraud-like", "--events", 20_001, "-o", out)
    assert (result.exit_code, "fraud-like has all of them from --events 30001 on" in result.stderr) == (0, True)
    result = streamimb("generate", "fraud-like", "--events", 30_001, "-o", out)
    assert (result.exit_code, "2 drifts" in result.stderr, "behind the last" in result.stderr) == (0, True, False)


def test_one_class_alone_is_told(streamimb):
    result = streamimb("generate", "fraud-like", "--events", 1_000, "--ratio", "1", "--concept", "none")
    assert result.exit_code == 0 and "every event is of class fraud" in result.stderr
