import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from streamimb.reporting.axes import counts
from streamimb.reporting.charts import Across, Line, Mark, lanes, over_stream
from streamimb.reporting.folder import read_folder
from streamimb.reporting.page import run_page

HOSTILE = '<script>alert("x")</script>&\x07'
MANY = """
[schema]
features = [{ name = "x" }, { name = "z" }]
[schema.label]
classes = %s
"""


def parsed(path):
    """The page's elements; it is XML, too, but for its first line."""
    text = path.read_text()
    assert text.startswith("<!DOCTYPE html>\n")
    return ET.fromstring(text.split("\n", 1)[1])


def words(node):
    return " ".join("".join(node.itertext()).split())


def section(page, key):
    return next(s for s in page.iter("section") if s.get("id") == key)


@pytest.fixture
def report(streamimb, tmp_path):
    """Replays a file into a folder, writes its report, and returns the folder and the page."""

    def write(file, *args):
        run, page = tmp_path / "run", tmp_path / "page.html"
        result = streamimb("replay", file, "--run", run, *args)
        assert result.exit_code == 0, result.stderr
        result = streamimb("report", run, "-o", page)
        assert (result.exit_code, result.stderr) == (0, f"the report is in {page}\n")
        return run, page

    return write


def test_figures_are_those_of_the_summary(report, stream, schema):
    """The tiles tell recall, precision, F1 and areas as the summary does, the matrix the events behind them."""
    run, page = report(stream(n=2_000, broken=(7,)), "--schema", schema)
    told, found = json.loads((run / "summary.json").read_text()), parsed(page)
    tiles = {words(d.find("dt")): words(d.findall("dd")[0]) for d in found.iter("div") if d.find("dt") is not None}
    bad = told["classes"]["bad"]
    assert tiles["Recall of bad"] == f"{bad['recall'][0]:.3f}"
    assert tiles["Precision of bad"] == f"{bad['precision'][0]:.3f}"
    assert tiles["PR-AUC"] == f"{told['metrics']['pr_auc'][0]:.3f}"
    confusion = read_folder(run).measured.confusion
    assert confusion.sum(1).tolist() == [told["classes"][c]["support"] for c in ("good", "bad")]
    assert confusion[1, 1] / confusion[1].sum() == pytest.approx(bad["recall"][0])
    assert f"{confusion[1, 1]:,} of {confusion[1].sum():,}" in words(found.find("body/header"))
    assert "x: " in words(section(found, "labels"))


def test_curves_come_to_the_areas_of_the_summary(report, stream, schema):
    """The area under the drawn ROC curve is the summary's ROC-AUC, as far as bins and thinning allow."""
    run, _ = report(stream(n=3_000), "--schema", schema)
    told = json.loads((run / "summary.json").read_text())["metrics"]
    measured = read_folder(run).measured
    x, y = np.array(measured.roc()).T
    assert np.trapezoid(y, x) == pytest.approx(told["roc_auc"][0], abs=0.005)
    recall, precision = np.array(measured.precision_recall()).T
    assert np.sum(np.diff(recall) * precision[1:]) == pytest.approx(told["pr_auc"][0], abs=0.02)
    assert (measured.margins[:, 0].sum(0) == measured.confusion.sum(1)).all()


def test_page_refers_to_nothing_outside(report, stream, schema):
    """No script, no link, no picture, no address: only anchors within the page."""
    _, page = report(stream(), "--schema", schema)
    found = parsed(page)
    assert {node.tag for node in found.iter()} & {"script", "link", "img", "iframe", "object", "use"} == set()
    refs = [v for node in found.iter() for k, v in node.attrib.items() if k in ("href", "src", "action", "style")]
    assert all(ref.startswith("#") for ref in refs)
    assert not re.search(r"https?:|url\(|@import|\bon\w+=", page.read_text())
    ids = [node.get("id") for node in found.iter() if node.get("id")]
    assert len(set(ids)) == len(ids)
    assert {ref[1:] for ref in refs} <= set(ids)


def test_charts_can_be_read_without_seeing_them(report, stream, schema):
    """Every picture is told in words or hidden from readers that are aloud, and every chart has a table."""
    _, page = report(stream(n=3_000), "--schema", schema)
    found = parsed(page)
    for svg in found.iter("svg"):
        assert svg.get("aria-hidden") == "true" or len(svg.get("aria-label")) > 20
    drawn = [f for f in found.iter("figure") if f.find("svg") is not None]
    assert len(drawn) >= 9
    for figure in drawn:
        assert figure.find("details//table") is not None
    assert [h.tag for h in found.iter() if h.tag in ("h1", "h2")][:2] == ["h1", "h2"]


def test_hostile_names_are_text(report, tmp_path):
    """Names of features and classes that look like markup are shown as they are, and nothing else."""
    rng = np.random.default_rng(1)
    evil = HOSTILE[:-1]
    rows = [f"{x:.3f},{rng.normal():.3f},{'A' if x < 1.2 else 'B'}" for x in rng.normal(size=900)]
    file = tmp_path / "<img onerror=1>.csv"
    file.write_text("\n".join(["x,z,label", *rows]).replace("B", '"<script>alert(""x"")</script>&"') + "\n")
    schema = tmp_path / "s.toml"
    schema.write_text(MANY.replace('"x"', f"'{evil}', path = \"x\"") % f"['A', '{evil}']")
    _, page = report(file, "--schema", schema)
    found = parsed(page)
    assert f"Recall of {evil}" in words(found)
    assert not list(found.iter("script")) and not list(found.iter("img"))
    assert "<img" not in page.read_text()


def test_no_times_many_classes_no_drift(report, tmp_path):
    """Of a stream without times positions are told; of many classes the matrix puts the smaller ones together."""
    rng = np.random.default_rng(2)
    names = [f"k{i:02}" for i in range(20)]
    file, schema = tmp_path / "m.csv", tmp_path / "s.toml"
    rows = [f"{k + rng.normal():.3f},{rng.normal():.3f},k{k:02}" for k in rng.integers(0, 20, 1_500)]
    file.write_text("\n".join(["x,z,label", *rows]) + "\n")
    schema.write_text(MANY % names)
    run, page = report(file, "--schema", schema)
    found = parsed(page)
    (matrix,) = [d for d in found.iter("div") if d.get("class") == "matrix"]
    assert len(matrix.findall(".//tbody/tr")) == 12 and "all others" in words(matrix)
    shown = sum(int(words(t).split()[0].replace(",", "")) for t in matrix.iter("td"))
    assert shown == json.loads((run / "summary.json").read_text())["learned"]
    assert "UTC" not in words(found.find("body/header"))
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps(summary | {"signals": []}))
    assert "No drift was detected" in run_page(read_folder(run))


def test_interrupted_and_empty_runs(report, stream, schema, tmp_path):
    """A run that was cut short is told as one; a run of no events has a page all the same."""
    run, page = report(stream(n=400), "--schema", schema)
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps(summary | {"interrupted": True}))
    told = read_folder(run)
    assert "Interrupted: this is the run as far as it came." in run_page(told)
    (tmp_path / "none.csv").write_text("id,time,x,z,label\n")
    _, page = report(str(tmp_path / "none.csv"), "--schema", schema)
    assert "nothing to judge by" in words(parsed(page).find("body/header"))


def test_folder_that_is_no_run(streamimb, tmp_path):
    """What is missing, or unreadable, is said in one line, and no page is written."""
    page = tmp_path / "p.html"
    result = streamimb("report", tmp_path, "-o", page)
    assert result.exit_code != 0 and "no summary.json: not a folder of a whole run" in result.stderr
    assert not page.exists()


def test_page_is_bounded(report, stream, schema):
    """However many signals a run tells of, the page grows no further than its limits."""
    run, _ = report(stream(n=600), "--schema", schema)
    summary = json.loads((run / "summary.json").read_text())
    sizes = []
    for n in (10_000, 20_000):
        signal = {"position": 5, "signal": "share", "detector": "scan", "class": "bad", "kind": "drift", "value": 0.1,
                  "reference": 0.2, "action": "tell", "time": "2020-09-14T00:00:00Z"}  # fmt: skip
        (run / "summary.json").write_text(json.dumps(summary | {"signals": [signal] * n}))
        sizes.append(len(run_page(read_folder(run))))
    assert sizes[0] == pytest.approx(sizes[1], rel=0.01)
    assert sizes[1] < 400_000


def test_lines_break_where_undefined():
    """A value that is not defined is no point of a line, and its table says a dash."""
    across = Across(np.arange(5.0), str, counts(0, 4), "events", [Mark(2.0, True), Mark(3.0, False)])
    figure = over_stream("T", "", across, [Line("a", np.array([0.1, 0.2, np.nan, 0.3, 0.4]))])
    root = ET.fromstring(figure)
    (line,) = [g for g in root.iter("g") if g.get("class") == "line c0"]
    assert len(line.findall("path")) == 2
    assert [words(td) for td in root.iter("td")] == ["0.100", "0.200", "\N{EN DASH}", "0.300", "0.400"]
    assert "from 0.100 to 0.400" in root.find("svg").get("aria-label")
    few = over_stream("T", "", across, [Line("a", np.array([np.nan, np.nan, np.nan, 0.3, np.nan]))])
    assert "too few points" in few
    assert "<b>" not in lanes("T", "", across, [("<b>", across.marks)])


def test_importance_is_in_the_run_and_on_the_page(report, stream, schema):
    """The feature that tells of the class stands first, with its fall and interval as importance.json has them."""
    run, page = report(stream(n=2_000), "--schema", schema)
    told = json.loads((run / "importance.json").read_text())
    last = told["rounds"][-1]
    assert (told["positive"], last["cause"], last["position"]) == ("bad", "end", 2_000)
    x = next(f for f in last["features"] if f["feature"] == "x")
    assert x["low"] > 0 and x["leaning"] > 0
    shown = section(parsed(page), "features").find(".//tbody/tr")
    cells = [words(cell) for cell in shown]
    assert cells[0] == "x"
    assert cells[2:4] == [f"{x['drop']:.3f}", f"{x['low']:.3f} to {x['high']:.3f}"]


def test_what_changed_across_a_drift_is_told(report, stream, schema):
    """A feature whose interval moved away is in bold, one whose values moved is told with the distance."""
    run, _ = report(stream(n=600), "--schema", schema)

    def round_(position, drop, moved_p):
        features = [
            {"feature": name, "drop": d, "low": d - 0.01, "high": d + 0.01, "leaning": 10 * d, "moved": 0.4,
             "moved_p": p, "positives_moved": None, "positives_moved_p": None}
            for name, d, p in (("x", drop, None), ("z", 0.0, moved_p))
        ]  # fmt: skip
        return {"position": position, "time": "2020-09-20T00:00:00Z", "cause": "share", "class": "bad", "events": 90,
                "positives": 30, "area": 0.5, "unit": "log_odds", "features": features}  # fmt: skip

    rounds = [round_(100, 0.3, None), round_(500, 0.1, 0.005)]
    (run / "importance.json").write_text(json.dumps({"rounds": rounds}))
    found = ET.fromstring(run_page(read_folder(run)).split("\n", 1)[1])
    changes = section(found, "features").findall(".//table")[-1]
    rows = [[words(cell) for cell in row] for row in changes.findall("tbody/tr")]
    assert rows == [
        ["x", "0.300 (0.290 to 0.310)", "0.100 (0.090 to 0.110)", "+3.00", "+1.00", "", ""],
        ["z", "0.000 (-0.010 to 0.010)", "0.000 (-0.010 to 0.010)", "0.00", "0.00", "0.400", ""],
    ]
    heads = [words(cell) for cell in changes.findall("thead/tr/th")]
    assert heads[1:5] == ["fall of PR-AUC then", "later", "adds to bad then", "later"]
    assert [words(b) for b in changes.iter("b")] == ["0.300 (0.290 to 0.310)", "0.100 (0.090 to 0.110)"]


def test_comparison_as_a_page(streamimb, stream, schema, tmp_path):
    """The page tells what the JSON does: verdicts, differences with intervals, McNemar's counts, what was unlike."""
    poor, page = tmp_path / "poor<b>.toml", tmp_path / "c.html"
    poor.write_text('[control]\nthreshold = 0.97\n[learner]\nmodel = "linear"\nparameters = { rate = 0.00001 }\n')
    args = ["compare", stream(n=1_500), "--schema", schema, "--with", poor, "--html", page, "--json"]
    result = streamimb(*args)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.endswith(f"the comparison is in {page}\n")
    told, found = json.loads(result.stdout), parsed(page)
    assert told["verdicts"]["decisions"]["text"] in words(found.find("body/header"))
    rows = {tuple(words(cell) for cell in row)[:3]: row for row in found.iter("tr")}
    (f1,) = [d for d in told["differences"] if d["metric"] == "f1"]
    cells = [words(cell) for cell in rows[("F1 of bad", "default", "poor<b>")]]
    assert cells[3] == f"+{abs(f1['difference'][0]):.3f}" and cells[6] == "yes: default"
    test = next(m for m in told["mcnemar"] if m["class"] == "bad")
    cells = [words(cell) for cell in rows[("bad", "default", "poor<b>")]]
    assert cells[3:5] == [f"{test['a_only']:,}", f"{test['b_only']:,}"]
    assert "control.threshold" in words(section(found, "made"))
    assert len([f for f in section(found, "course").iter("figure") if f.find("svg") is not None]) == 4
    assert not re.search(r"https?:|url\(|<script", page.read_text())


def test_a_report_replaces_nothing_but_a_report(streamimb, report, stream):
    """A file of the run, and any file that is no page of ours, stays; an older report is replaced."""
    file = stream()
    run, page = report(file)
    html = run.parent / "other.html"
    html.write_text("<!DOCTYPE html>\n<html><title>mine</title></html>")
    for output in (run / "summary.json", run / "importance.json", html, file):
        before = Path(output).read_bytes()
        result = streamimb("report", run, "-o", output)
        assert (result.exit_code, Path(output).read_bytes()) == (2, before), output
    assert streamimb("report", run, "-o", page).exit_code == 0
    (run / "versions.json").unlink()
    result = streamimb("report", run, "-o", run / "versions.json")
    assert (result.exit_code, (run / "versions.json").exists()) == (2, False)


def test_the_report_says_of_which_events_its_figures_are(report, stream, schema, streamimb):
    """As the summary does: the last week's events wait for their labels, and what came before them is labelled."""
    run, page = report(stream(n=600), "--schema", schema, "--label-delay", "7d")
    told = json.loads((run / "summary.json").read_text())
    assert 160 <= told["labels"]["waiting"] <= 170
    first_waiting = 1_600_000_000 + 3600 * (600 - told["labels"]["waiting"])
    until = np.datetime64(first_waiting, "s").astype(str)
    assert told["labelled_until"] == f"{until}Z"
    labelled = sum(c["support"] for c in told["classes"].values())
    says = f"of {labelled:,} labelled events up to {until[:16].replace('T', ' ')}; {told['labels']['waiting']} wait"
    assert says in words(section(parsed(page), "quality"))
    again = streamimb("replay", stream(n=600), "--schema", schema, "--label-delay", "7d")
    assert says in " ".join(again.stdout.split())
