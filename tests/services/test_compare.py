import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from streamimb.control.objectives import parse_objective
from streamimb.evaluation.compare import Judged, compare
from streamimb_services import session
from streamimb_services.compare import CompareOptions, compare_runs
from streamimb_services.comparison import print_comparison
from streamimb_services.goals import goals_of, metric_of, missed, primary
from streamimb_services.session import ReplayOptions


@pytest.fixture
def configs(tmp_path):
    """Two configurations: one much like the default, one that learns next to nothing."""
    good, poor = tmp_path / "good.toml", tmp_path / "poor.toml"
    good.write_text('[control]\nweights = "none"\n')
    poor.write_text('[control]\nthreshold = 0.97\n[learner]\nmodel = "linear"\nparameters = { rate = 0.00001 }\n')
    return good, poor


@pytest.fixture
def runs(streamimb, stream, schema, tmp_path):
    """Writes run folders of one stream; arguments are those of a replay."""

    def write(name, *args, file=None, env=None):
        folder = tmp_path / "runs" / name
        result = streamimb("replay", file or stream(), "--schema", schema, "--run", folder, *args, env=env)
        assert result.exit_code == 0, result.stderr
        return folder

    return write


def told_of(result):
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_configurations_over_one_stream(streamimb, stream, schema, configs, tmp_path):
    """Each configuration is run and kept, the better one named, with one JSON object of the documented keys."""
    good, poor = configs
    kept = tmp_path / "kept"
    args = ["compare", stream(n=1500), "--schema", schema, "--with", poor, "--with", good, "--run", kept]
    result = streamimb(*args, "--json")
    told = told_of(result)
    assert set(told) == {
        "events", "left_out", "positive", "classes", "bootstrap", "runs", "differences", "mcnemar", "delong",
        "verdicts", "notes", "interrupted",
    }  # fmt: skip
    assert [run["name"] for run in told["runs"]] == ["poor", "good"]
    assert (told["events"], told["positive"], sum(told["classes"].values())) == (1500, "bad", 1500)
    assert told["bootstrap"]["block_events"] >= 12
    assert told["bootstrap"] | {"block_events": 12} == {
        "block_events": 12, "replicates": 1000, "confidence": 0.95, "seed": 1,
    }  # fmt: skip
    verdict = told["verdicts"]["decisions"]
    assert (verdict["metric"], verdict["better"], verdict["order"]) == ("f1", "good", ["good", "poor"])
    assert verdict["text"].startswith("good is better than poor in F1 of bad by 0.")
    assert told["verdicts"]["ranking"]["metric"] == "pr_auc"
    (f1,) = [d for d in told["differences"] if d["metric"] == "f1"]
    value, low, high = f1["difference"]
    assert (f1["a"], f1["b"], f1["better"]) == ("poor", "good", "good")
    assert low < value < high < 0
    assert {m["class"] for m in told["mcnemar"]} == {None, "good", "bad"}
    for name in ("poor", "good"):
        assert (kept / name / "summary.json").exists()
        assert f"run {1 + (name == 'good')} of 2: {name}" in result.stderr
    again = told_of(streamimb("compare", kept / "poor", kept / "good", "--json"))
    assert again == told


def test_one_configuration_is_compared_with_the_default(streamimb, stream, schema, configs):
    """One --with alone stands against the default, and nothing is left behind."""
    told = told_of(streamimb("compare", stream(), "--schema", schema, "--with", configs[1], "--json"))
    assert [run["name"] for run in told["runs"]] == ["default", "poor"]
    assert told["verdicts"]["decisions"]["order"][0] == "default"


def test_a_contract_is_inferred_once(streamimb, stream, configs):
    """Without a contract the first run infers one, which holds for the others."""
    result = streamimb("compare", stream(), "--with", configs[0], "--positive", "bad", "--json")
    assert told_of(result)["positive"] == "bad"
    assert result.stderr.count("inferred one from") == 1


def test_values_are_those_of_the_runs_themselves(streamimb, runs):
    """What is compared are the metrics that each run's own summary tells, which counts scores in bins."""
    env = {"STREAMIMB_CONTROL__WEIGHT_MAX": "10"}
    folders = [runs("a", env=env), runs("b", "--objective", "g_mean", env=env)]
    told = told_of(streamimb("compare", *folders, "--json"))
    for run, folder in zip(told["runs"], folders, strict=True):
        summary = json.loads((folder / "summary.json").read_text())
        for metric in ("g_mean", "kappa", "mcc", "roc_auc", "pr_auc", "brier", "log_loss"):
            near = 5e-3 if metric == "pr_auc" else 2e-4  # scores of one bin are ties there
            assert run["metrics"][metric][0] == pytest.approx(summary["metrics"][metric][0], abs=near), metric
        assert run["metrics"]["recall"][0] == pytest.approx(summary["classes"]["bad"]["recall"][0])
    assert told["verdicts"]["decisions"]["metric"] == "f1"
    assert told["notes"] == ["The runs were tuned for different objectives: a for f1, b for g_mean."]


def test_the_same_run_twice_is_no_difference(streamimb, runs):
    """Two runs that are alike are said to be, with names kept apart."""
    folder = runs("a")
    told = told_of(streamimb("compare", folder, folder, "--json"))
    assert [run["name"] for run in told["runs"]] == ["a", "a-2"]
    assert {d["better"] for d in told["differences"]} == {None}
    assert told["verdicts"]["decisions"]["text"].endswith("they are alike on every event.")


def test_only_events_of_all_runs_are_compared(streamimb, runs, stream):
    """A shorter run is compared on what it has; events that wait for their label in one run are left out."""
    folders = [runs("whole"), runs("short", "--limit", 400), runs("late", "--label-delay", "10d")]
    told = told_of(streamimb("compare", *folders, "--json"))
    assert told["left_out"]["not_in_all"] == 200
    assert told["left_out"]["unlabelled"] == 400 - told["events"]
    assert told["left_out"]["labels_differ"] == 0
    assert 0 < told["left_out"]["unlabelled"] <= 241
    assert len(told["delong"]) == 3


def test_events_are_joined_by_id(streamimb, runs, stream, tmp_path):
    """A run that lacks some events in the middle is set beside the others by id, also where an id comes twice."""
    file = Path(stream())
    lines = file.read_text().splitlines()
    holes = tmp_path / "holes.csv"
    holes.write_text("\n".join(line for i, line in enumerate(lines) if i % 10 != 5))
    told = told_of(streamimb("compare", runs("whole", file=file), runs("holes", file=holes), "--json"))
    assert (told["events"], told["left_out"]["not_in_all"]) == (540, 60)


def test_other_labels_are_counted_and_left_out(streamimb, runs, stream):
    """Where runs disagree about the truth, the event is left out, and that is told."""
    a, b = runs("a"), runs("b")
    path = b / "predictions.parquet"
    rows = pl.read_parquet(path).with_columns(pl.col("label").cast(pl.String))
    turned = pl.when(pl.int_range(pl.len()) < 5).then(pl.lit("bad")).otherwise(pl.col("label")).alias("label")
    before = rows.head(5)["label"].eq("good").sum()
    rows.with_columns(turned).write_parquet(path)
    told = told_of(streamimb("compare", a, b, "--json"))
    assert told["left_out"] == {"not_in_all": 0, "unlabelled": 0, "labels_differ": before}
    assert told["events"] == 600 - before
    assert f"{before} labelled differently in them" in streamimb("compare", a, b).stdout


def test_runs_of_different_streams_are_refused(streamimb, runs, stream, schema, tmp_path):
    """Other ids, other times, other classes: 66 and what differs."""
    a = runs("a")
    others = runs("ids", file=stream("o.csv", start=10_000))
    moved = tmp_path / "moved.csv"
    lines = Path(stream()).read_text().splitlines()
    moved.write_text("\n".join([lines[0], *(line.replace(",16", ",15", 1) for line in lines[1:])]))
    times = runs("times", file=moved)
    other = tmp_path / "other.toml"
    other.write_text(Path(schema).read_text().replace('positive = "bad"', 'positive = "good"'))
    positive = runs("positive")
    shutil.copy(other, positive / "schema.toml")
    for folder, found in (
        (others, "of 600 events, 0 have an id that is in all"),
        (times, "600 events have another time in one than in the other, the first of id e0"),
        (positive, "their positive class are not the same: bad; good"),
    ):
        result = streamimb("compare", a, folder)
        assert (result.exit_code, result.stdout) == (66, "")
        assert "are not runs of the same stream" in result.stderr
        assert found in result.stderr


def test_streams_without_ids_and_times_are_told_apart_by_their_labels(streamimb, stream, tmp_path):
    """Positions alone say nothing: labels that differ at many of them do."""
    schema, folders = tmp_path / "bare.toml", []
    schema.write_text(
        '[schema]\nfeatures = [{ name = "x" }, { name = "z" }]\n[schema.label]\n'
        'classes = ["good", "bad"]\npositive = "bad"\n'
    )
    for name, start in (("a", 0), ("b", 7_000)):
        folders.append(tmp_path / name)
        file = stream(f"{name}.csv", start=start)
        assert streamimb("replay", file, "--schema", schema, "--run", folders[-1]).exit_code == 0
    result = streamimb("compare", *folders)
    assert (result.exit_code, "have another label at the same position" in result.stderr) == (66, True)
    assert streamimb("compare", folders[0], folders[0]).exit_code == 0


def test_ids_and_times_alone_make_no_same_stream(streamimb, stream, runs):
    """Labels that contradict each other for no reason are another stream's, whatever the ids; that expired may."""
    file = Path(stream())
    lines = file.read_text().splitlines()
    turned = [line.replace(",good", ",bad") if i % 4 == 2 else line for i, line in enumerate(lines)]
    (other := file.with_name("turned.csv")).write_text("\n".join(turned))
    (none := file.with_name("none.csv")).write_text(
        "\n".join([lines[0], *(line.removesuffix("bad").removesuffix("good") for line in lines[1:])])
    )
    expires = {"STREAMIMB_LABEL__WAIT": "1h", "STREAMIMB_LABEL__EXPIRES_AS": "good"}
    a, turned_run, expired = runs("a"), runs("turned", file=other), runs("expired", file=none, env=expires)
    result = streamimb("compare", a, turned_run)
    assert (result.exit_code, result.stdout) == (66, "")
    assert "of 600 events have another label in one than in another" in result.stderr
    told = told_of(streamimb("compare", a, expired, "--json"))
    differ = told["left_out"]["labels_differ"]
    assert differ > 30
    assert told["notes"][0] == "The runs did not read files of the same names: a s.csv; expired none.csv."
    assert told["notes"][1].startswith(f"{differ} events have another label in one run than in another")


def test_runs_of_other_lengths_are_told(streamimb, runs):
    """What is left out of a comparison is among its notes, too."""
    told = told_of(streamimb("compare", runs("whole"), runs("short", "--limit", 400), "--json"))
    assert told["notes"] == ["The runs are not of equally many events: whole 600, short 400."]


def test_folders_that_hold_no_run_are_refused(streamimb, runs, tmp_path):
    """What is missing or broken in a folder is named; the exit code is that of unreadable input."""
    a, empty = runs("a"), tmp_path / "empty"
    empty.mkdir()
    for break_, message in (
        (lambda folder: (folder / "summary.json").unlink(), "no summary.json: not a folder of a whole run"),
        (lambda folder: (folder / "summary.json").write_text("{"), "cannot read summary.json"),
        (lambda folder: (folder / "predictions.parquet").write_bytes(b"PAR1"), "predictions.parquet: cannot read"),
        (lambda folder: (folder / "predictions.parquet").unlink(), "predictions.parquet: no such file"),
    ):
        folder = shutil.copytree(a, tmp_path / "broken", dirs_exist_ok=True)
        break_(folder)
        result = streamimb("compare", a, folder)
        assert result.exit_code == 66
        assert message in result.stderr
    assert streamimb("compare", a, empty).exit_code == 66


def test_nothing_to_compare_is_said(streamimb, runs):
    """Runs without a single label in common end with a message, not with an empty table."""
    folders = [runs(name, "--label-delay", "90d") for name in ("a", "b")]
    result = streamimb("compare", *folders)
    assert (result.exit_code, "no event has its label in all" in result.stderr) == (66, True)


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["compare"], 2, "Missing argument"),
        (["compare", "{file}"], 2, "give one or more configurations, or two run folders"),
        (["compare", "-", "--with", "{config}"], 2, "can be read only once"),
        (["compare", "{folder}"], 2, "takes two run folders or more"),
        (["compare", "{folder}", "{file}"], 2, "compare either"),
        (["compare", "{folder}", "{folder}", "--with", "{config}"], 2, "compared as they are"),
        (["compare", "{file}", "--with", "{config}", "--confidence", "1"], 2, "1 is not between 0 and 1"),
        (["compare", "{file}", "--with", "/nowhere/c.toml"], 66, "error: /nowhere/c.toml"),
        (["compare", "/nowhere/a.csv", "--with", "{config}"], 66, "/nowhere/a.csv: no such file"),
    ],
)
def test_unclear_questions_are_refused(streamimb, stream, configs, tmp_path, args, code, message):
    """Usage is 2, what cannot be read 66; nothing is printed on standard output."""
    folder = tmp_path / "folder"
    folder.mkdir()
    names = {"file": stream(n=20), "config": configs[0], "folder": folder}
    result = streamimb(*(arg.format(**names) for arg in args), env={"COLUMNS": "200"})
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr


def test_a_block_is_a_duration_or_a_count(streamimb, runs):
    """Two days of hourly events are 48; a number is a number; what leaves no ten blocks is cut, and that is said."""
    folders = [runs("a"), runs("b", "--objective", "kappa")]
    for block, events in (("2d", 48), ("25", 25), ("60", 60), ("61", 60), ("90000", 60), ("90d", 60)):
        told = told_of(streamimb("compare", *folders, "--block", block, "--replicates", 20, "--json"))
        assert (told["bootstrap"]["block_events"], told["bootstrap"]["replicates"]) == (events, 20)
        cut = [n for n in told["notes"] if n.startswith(f"--block {block} leaves fewer than 10 blocks of 600 events")]
        assert len(cut) == (block in ("61", "90000", "90d"))
    assert "blocks of 60 were drawn" in streamimb("compare", *folders, "--block", "90000").stdout.replace("\n", "")
    assert streamimb("compare", *folders, "--block", "soon").exit_code == 78


@pytest.mark.parametrize("width", [80, 120])
def test_the_tables_fit_their_width(streamimb, runs, width):
    """No line is longer than the terminal, and every run and verdict is there."""
    folders = [runs(f"a-run-with-a-long-name-{i}", "--objective", o) for i, o in enumerate(("f1", "g_mean", "kappa"))]
    told = streamimb("compare", *folders, env={"COLUMNS": str(width)}).stdout
    assert max(map(len, told.splitlines())) <= width
    for text in ("Decisions", "Ranking", "Every measure", "McNemar's p", "DeLong's p", "F1 of bad", "PR-AUC"):
        assert text in told
    assert told.count("a-run-with-a-long…") >= 3


def test_objectives_are_judged_by_their_own_metric():
    """Each objective has its metric; costs, F-beta and sums get a formula that equals its definition."""
    for text, metric in (("f1", "f1"), ("g_mean", "g_mean"), ("recall>=0.9", "precision"), ("alerts<=9/day", "recall"),
                         ("precision@9/day", "precision"), ("cost:FN=a,FP=1", "f1")):  # fmt: skip
        assert metric_of(parse_objective(text), 2) == metric
        assert goals_of([text], 1, 2) == {}
    assert primary(["f1", "f1"], 5) == "macro_f1"
    assert primary(["cost:FN=50,FP=1", "kappa"], 2) == "f1"
    assert primary(["cost:FN=50, FP=1"], 2) == "cost:FN=50,FP=1"
    rows, cols, hits = np.array([90.0, 10.0]), np.array([85.0, 15.0]), np.array([82.0, 7.0])
    goals = goals_of(["cost:FN=50,FP=1", "f_beta:2", "g_mean+kappa"], 1, 2)
    assert goals["cost:FN=50,FP=1"].formula(rows, cols, hits) == pytest.approx((3 * 50 + 8) / 100)
    assert not goals["cost:FN=50,FP=1"].more_is_better
    assert goals["f_beta:2"].formula(rows, cols, hits) == pytest.approx(5 * 7 / (5 * 7 + 4 * 3 + 8))
    both = (82 / 90 * 7 / 10) ** 0.5 + (0.89 - (90 * 85 + 10 * 15) / 1e4) / (1 - (90 * 85 + 10 * 15) / 1e4)
    assert goals["g_mean+kappa"].formula(rows, cols, hits) == pytest.approx(both)


def test_a_bound_that_is_missed_is_said():
    """A run that does not keep its bound is named: the metric that it is judged by says nothing of it."""
    y = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    scores = np.stack([1 - y, y], 1).astype(np.float32)
    misses = Judged(np.array([0, 0, 0, 1, 1, 1, 0, 0]), scores)
    told = compare(y, {"keeps": Judged(y, scores), "misses": misses}, replicates=20)
    assert missed(told, dict.fromkeys(told.names, "recall>=0.9")) == ["misses misses recall>=0.9: its recall is 0.600."]
    assert missed(told, dict.fromkeys(told.names, "f1")) == []


def test_costs_are_told_as_costs(streamimb, stream, schema, configs):
    """Runs tuned for a cost are judged by it: less is better, and the table says above the best."""
    args = ["compare", stream(n=1500), "--schema", schema, "--with", configs[1], "--objective", "cost:FN=20,FP=1"]
    told = told_of(streamimb(*args, "--json"))
    verdict = told["verdicts"]["decisions"]
    assert (verdict["metric"], verdict["better"]) == ("cost:FN=20,FP=1", "default")
    assert verdict["text"].startswith("default is better than poor in cost:FN=20,FP=1 by ")
    assert "above the best" in streamimb(*args).stdout


def test_an_interrupted_comparison_is_of_what_was_seen(stream, schema, configs, tmp_path):
    """Ctrl-C in the first run leaves nothing to compare: exit 130, no traceback, no half a table, no folder."""
    (temporary := tmp_path / "temporary").mkdir()
    fifo = tmp_path / "events.ndjson"
    os.mkfifo(fifo)
    command = [sys.executable, "-m", "streamimb_services", "compare", fifo, "--schema", schema, "--with", configs[0]]
    environ = os.environ | {"TMPDIR": str(temporary)}
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environ}
    with subprocess.Popen(command, **piped) as process:
        with fifo.open("w") as events:
            events.write('{"id": "a", "time": 1600000000, "x": 1.0, "z": 2.0, "label": "bad"}\n' * 3)
            events.flush()
            time.sleep(2)
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert not list(temporary.iterdir())


def test_an_interruption_in_a_later_run_compares_what_both_have(streamimb, stream, schema, configs, monkeypatch):
    """Ctrl-C in the second of three runs: those two are compared, the third is not begun, exit 130."""
    replayed, limits = session.replay_files, iter([None, 300])

    def until_interrupted(options, environ, interrupt):
        limit = next(limits)
        story = replayed(replace(options, limit=limit), environ, interrupt)
        story.interrupted = limit is not None
        return story

    monkeypatch.setattr("streamimb_services.compare.replay_files", until_interrupted)
    args = ["compare", stream(), "--schema", schema, "--with", configs[0], "--with", configs[1], "--with", configs[0]]
    result = streamimb(*args)
    assert result.exit_code == 130
    assert " good and poor on s.csv\n 300 events" in result.stdout
    assert "interrupted: only the events that all runs have seen are compared" in result.stdout


def test_colours_are_for_terminals(streamimb, runs):
    """Piped output is plain; a console gets the same words."""
    folders = [str(runs("a")), str(runs("b", "--objective", "kappa"))]
    plain = streamimb("compare", *folders).stdout
    assert "\x1b[" not in plain
    console = Console(width=80, force_terminal=True, record=True, file=io.StringIO(), highlight=False)
    print_comparison(compare_runs(CompareOptions(ReplayOptions(files=folders)), {}), console)
    text = console.export_text()
    assert [line.rstrip() for line in text.splitlines()] == plain.splitlines()


def test_a_comparison_is_checked_before_its_first_run(streamimb, stream, schema, configs, tmp_path):
    """A later configuration, the block and the page are looked at while nothing has been run."""
    good, poor = configs
    kept, data = tmp_path / "kept", tmp_path / "data.html"
    data.write_text("x,y")
    asked = ["compare", stream(), "--schema", schema, "--run", kept, "--with", good, "--with"]
    poor.write_text("[control]\nevry = 3\n")
    result = streamimb(*asked, poor)
    assert (result.exit_code, "control.evry" in result.stderr) == (78, True)
    poor.write_text('[label]\nwait = "7d"\nexpires_as = "goood"\n')
    assert streamimb(*asked, poor).exit_code == 78
    poor.write_text("")
    result = streamimb(*asked, poor, "--block", "5x")
    assert (result.exit_code, "'5x' is no duration" in result.stderr) == (78, True)
    assert streamimb(*asked, poor, "--block", "0").exit_code == 2
    assert (streamimb(*asked, poor, "--html", data).exit_code, data.read_text()) == (2, "x,y")
    assert not kept.exists()
