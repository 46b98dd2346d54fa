"""`streamimb control` against a running server, and `replay --levers` with what it exports."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from typer.testing import CliRunner

from streamimb.levers import read_levers
from streamimb_services.cli import app
from tests.services.test_http import TOKEN, driven, running


@dataclass
class Asked:
    code: int
    said: str


@pytest.fixture
def service(tmp_path):
    (tmp_path / "token").write_bytes(TOKEN)
    with running() as run, driven(run, learn=False):
        run.saved[None] = run.pipeline.state()
        options = ["--url", run.url, "--token-file", str(tmp_path / "token")]
        yield run, lambda *words: asked("control", *words, *options)


def asked(*words):
    result = CliRunner().invoke(app, list(words))
    return Asked(result.exit_code, result.output)


def test_every_lever_is_pulled_and_exported(service, tmp_path):
    """Each word does what it says and is in the export, in order, as a file that can be read back."""
    run, control = service
    for words in (["freeze"], ["resume"], ["pin", "0.25"], ["unpin"], ["reset"], ["rollback"]):
        told = control(*words)
        assert (told.code, told.said.split(":")[0]) == (0, words[0]), told.said
    told = control("export")
    levers = read_levers(told.said.encode(), "export")
    assert [lever.kind for lever in levers] == ["freeze", "resume", "pin", "unpin", "reset", "rollback"]
    assert levers == list(run.pipeline.book.levers)


def test_refusals_have_their_exit_codes(service, tmp_path):
    """A threshold that is none, a token that is another, a unit that is not here, nobody who answers."""
    run, control = service
    (tmp_path / "other").write_text("another-token-entirely")
    assert control("pin", "7").code == 78
    assert asked("control", "freeze", "--url", run.url).code == 78
    assert asked("control", "freeze", "--url", run.url, "--token-file", str(tmp_path / "other")).code == 78
    assert control("freeze", "--unit", "partition-9").code == 70
    assert control("rollback", "unheard-of").code == 70
    assert asked("control", "freeze", "--url", "http://127.0.0.1:9").code == 66
    assert asked("control", "freeze", "--url", "127.0.0.1").code == 78
    assert not run.pipeline.book.levers


def test_a_replay_repeats_levers(tmp_path):
    """What is frozen is not learned, what is pinned is the threshold; what lies beyond the end is told."""
    events = tmp_path / "events.ndjson"
    rows = [{"x": float(i % 7), "label": "b" if i % 7 > 4 else "a"} for i in range(600)]
    events.write_text("".join(json.dumps(row) + "\n" for row in rows))
    levers = tmp_path / "levers.ndjson"
    levers.write_text(
        '{"number":1,"kind":"pin","row":300,"position":300,"threshold":0.125}\n'
        '{"number":2,"kind":"freeze","row":9000,"position":9000}\n'
    )
    told = CliRunner().invoke(
        app, ["replay", str(events), "--levers", str(levers), "--run", str(tmp_path / "run"), "--json"]
    )  # fmt: skip
    assert told.exit_code == 0, told.output
    assert "1 levers were not pulled" in told.stderr
    summary = json.loads(told.stdout)
    assert summary["plan"]["thresholds"]["b"] == 0.125
    assert [(a["action"], a["signal"], a["position"]) for a in summary["actions"]] == [("pin", "operator", 300)]
    assert '"operator"' in (tmp_path / "run" / "actions.ndjson").read_text()


def test_a_file_of_no_levers_ends_the_replay(tmp_path):
    """With the line, and the exit code of an input that cannot be read."""
    events = tmp_path / "events.ndjson"
    events.write_text('{"x": 1, "label": "a"}\n{"x": 2, "label": "b"}\n')
    (tmp_path / "levers").write_text("what?\n")
    for name, said in (("levers", "line 1"), ("none", "no such file")):
        told = asked("replay", str(events), "--levers", str(tmp_path / name))
        assert (told.code, said in told.said) == (66, True), told.said
