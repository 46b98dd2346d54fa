import json
import subprocess
import sys

import pytest

from streamimb.checkpoint.setup import keys
from streamimb.config import Config
from tests.delivery.world import SCHEMA

COMMAND = [sys.executable, "-m", "streamimb_services"]


def test_help_starts_with_a_verb_and_names_the_environment(streamimb):
    """Every command says what it does; every option of a replay names its variable."""
    told = streamimb("--help").stdout
    for command in ("replay", "compare", "check-config", "models", "schema", "config"):
        assert command in told
    assert "completion" not in told
    told = streamimb("replay", "--help", env={"COLUMNS": "200"}).stdout
    assert "Replay files as a stream" in told
    options = [line.split()[1] for line in told.splitlines() if line.startswith("│ --") and "--help" not in line]
    assert len(options) >= 18
    for option in options:
        assert f"STREAMIMB_REPLAY_{option[2:].replace('-', '_').upper()}]" in told


def test_version(streamimb):
    """--version prints the version and nothing else, whatever variable is set."""
    result = streamimb("--version")
    assert (result.exit_code, result.stdout) == (0, "streamimb 0.1.0\n")
    assert streamimb("models", "--help", env={"STREAMIMB_VERSION": "1"}).stdout != result.stdout


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["replay"], 2, "name a file of events"),
        (["replay", "a.csv", "--nonsense"], 2, "No such option"),
        (["replay", "a.csv", "--limit", "0"], 2, "greater than or equal to 1"),
        (["replay", "a.csv", "--speed", "0"], 2, "0 is not above 0"),
        (["replay", "/nowhere/a.csv"], 66, "error: /nowhere/a.csv: no such file"),
        (["replay", "-"], 78, "error: standard input needs an event contract"),
        (["replay", "a.csv", "--schema", "/nowhere/s.toml"], 66, "error: /nowhere/s.toml"),
        (["replay", "a.csv", "-c", "/nowhere/c.toml"], 66, "error: /nowhere/c.toml"),
        (
            ["replay", "a.csv", "--label-delay", "99999999999d"],
            78,
            "error: --label-delay: label.delay: '99999999999d' is",
        ),
        (["check-config", "--label-delay", "99999999999d"], 78, "error: --label-delay: label.delay: '99999999999d' is"),
        (["schema", "infer", "/nowhere/a.csv"], 66, "error: /nowhere/a.csv"),
        (["config", "show", "-c", "/nowhere/c.toml"], 66, "error: /nowhere/c.toml"),
        (["check-config", "/nowhere/c.toml"], 66, "error: /nowhere/c.toml"),
    ],
)
def test_exit_codes_and_messages(streamimb, args, code, message):
    """Usage is 2, input 66, configuration 78; the message goes to standard error, without a traceback."""
    result = streamimb(*args)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_configuration_error_is_one_message(streamimb, stream, tmp_path):
    """A wrong key ends a replay before it reads, with the nearest key."""
    config = tmp_path / "c.toml"
    config.write_text("[control]\nevry = 3\n")
    result = streamimb("replay", stream(), "-c", config)
    assert result.exit_code == 78
    assert result.stderr == f"error: {config}: control.evry is no known key (did you mean 'control.every'?)\n"


def test_an_unexpected_error_is_told_in_a_line(streamimb, stream, monkeypatch):
    """What nobody foresaw exits 1 with one line; STREAMIMB_DEBUG=1 shows the traceback."""

    def broken(*_):
        raise RuntimeError("no\nluck")

    monkeypatch.setattr("streamimb_services.session.Pipeline", broken)
    result = streamimb("replay", stream())
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "error: unexpected RuntimeError: no luck (STREAMIMB_DEBUG=1 shows where)"
    assert "Traceback" not in result.stderr
    result = streamimb("replay", stream(), env={"STREAMIMB_DEBUG": "1"})
    assert result.exit_code == 1
    assert "Traceback" in result.stderr


def test_schema_infer_writes_what_a_replay_reads(streamimb, stream, tmp_path):
    """The contract goes to standard output, the guesses to standard error; a replay takes the file."""
    file = stream()
    result = streamimb("schema", "infer", file, "--positive", "good")
    assert result.exit_code == 0
    assert "[schema]" in result.stdout
    assert "time: column 'time'" in result.stderr
    written = tmp_path / "written.toml"
    written.write_text(result.stdout)
    told = json.loads(streamimb("replay", file, "--schema", written, "--json").stdout)
    assert (told["events"], told["positive"]) == (600, "good")


def test_config_show_can_be_read_back(streamimb, tmp_path):
    """What is shown names each value's origin, and as a file gives the same configuration."""
    config = tmp_path / "c.toml"
    config.write_text(
        '[control]\nevery = 7\ncosts = {"a b" = 2.0}\n[learner.parameters]\nl2 = 0.5\n[label]\nwait = "3d"\n'
    )
    env = {"STREAMIMB_CONTROL__SMOOTHING": "0.25"}
    shown = streamimb("config", "show", "-c", config, "--objective", "g_mean", env=env).stdout
    line = {text.split(" =")[0]: text for text in shown.partition("[control]")[2].partition("[")[0].splitlines()}
    assert line["every"].startswith("every = 7 ")
    assert line["every"].endswith(f"# file {config}; shapes the state")
    assert line["smoothing"].endswith("# environment STREAMIMB_CONTROL__SMOOTHING; live")
    assert line["objective"].endswith("# option --objective; live")
    assert line["hybrid_target"].endswith("# default; live")
    again = tmp_path / "again.toml"
    again.write_text(shown)
    first = json.loads(streamimb("config", "show", "-c", config, "--objective", "g_mean", "--json", env=env).stdout)
    second = json.loads(streamimb("config", "show", "-c", again, "--json").stdout)
    assert {k: v["value"] for k, v in first.items()} == {k: v["value"] for k, v in second.items()}
    assert first["control.every"] == {"value": 7, "origin": "file", "live": False, "name": str(config)}
    assert first["label.remember"] == {"value": None, "origin": "default", "live": False}


def test_config_show_says_which_keys_may_change(streamimb):
    """As the checkpoint takes it: what is marked as live makes no other state, and what shapes it does."""
    shown = [line for line in streamimb("config", "show").stdout.splitlines() if " # " in line]
    marked = {line.split(" = ")[0].removeprefix("# ").removesuffix(" is not set"): line for line in shown}
    told = json.loads(streamimb("config", "show", "--json").stdout)
    known = dict(keys(Config(), SCHEMA))
    for key, row in told.items():
        assert row["live"] == (known[key][1] if key in known else None), key
    assert marked["hybrid_target"].endswith("# default; live")
    assert marked["model"].endswith("# default; shapes the state")
    assert marked["storage_seconds"].endswith("# default")


def test_config_show_includes_the_contract(streamimb, schema):
    """A contract that stands in the configuration is shown with it."""
    shown = streamimb("config", "show", "-c", schema).stdout
    assert "[schema.label]" in shown
    assert '"bad"' in shown


def test_check_config_checks_the_contract_with_it(streamimb, schema, tmp_path):
    """A key that only the contract can refuse is refused without reading any event."""
    config = tmp_path / "c.toml"
    config.write_text('[label]\nwait = "7d"\nexpires_as = "goood"\n')
    assert streamimb("check-config", config).exit_code == 0
    result = streamimb("check-config", config, "--schema", schema)
    assert (result.exit_code, result.stdout) == (78, "")
    assert "goood" in result.stderr
    config.write_text('[label]\nwait = "7d"\nexpires_as = "good"\n')
    result = streamimb("check-config", "-c", config, "--schema", schema)
    assert (result.exit_code, "classes good, bad" in result.stdout) == (0, True)


@pytest.mark.parametrize(
    "text",
    [
        '[drift.recall]\ndetector = "share_test"',
        '[learner]\nmodel = "linera"',
        '[kafka]\n"bootstrap.servers" = "127.0.0.1:1"',
        '[kafka]\n"bootstrap.server" = "127.0.0.1:1"',
    ],
)
def test_what_check_config_refuses_it_does_not_praise_first(streamimb, schema, tmp_path, text):
    """Nothing on standard output says that every key can be used where one cannot, or is missing."""
    config = tmp_path / "c.toml"
    config.write_text(text + "\n")
    result = streamimb("check-config", config, "--schema", schema, "--offline")
    assert (result.exit_code, result.stdout) == (78, "")


def test_models_names_the_compiled_learner_first(streamimb):
    """What learner.model can name, a line each."""
    names = streamimb("models").stdout.split()
    assert names[0] == "linear"
    assert "river.linear_model.LogisticRegression" in names
    assert json.loads(streamimb("models", "--json").stdout) == names


def test_a_reader_that_leaves_is_no_error(stream, schema):
    """`streamimb ... | head -1` prints a line and nothing on standard error."""
    head = [sys.executable, "-c", "import sys; sys.stdin.close()"]
    with subprocess.Popen([*COMMAND, "config", "show"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as told:
        subprocess.run(head, stdin=told.stdout, check=True)
        told.stdout.close()
        assert told.stderr.read() == b""
        assert told.wait() == 0
