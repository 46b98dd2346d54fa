"""``streamimb checkpoint`` and ``replay --save-state``: what is told, and the exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from streamimb.checkpoint import CheckpointStore, Setup, migrate
from streamimb.checkpoint.files import LocalFiles
from streamimb.checkpoint.migrate import upgraded
from streamimb.config import Config
from streamimb.errors import StateError
from streamimb.pipeline import STATE_VERSION, Pipeline
from streamimb.schema_toml import load_schema
from streamimb_services.cli import app

SCHEMA = """
[[features]]
name = "x"

[label]
classes = ["legit", "fraud"]

[time]
unit = "us"

[id]
"""


def run(*arguments: object, env: dict[str, str] | None = None):
    return CliRunner().invoke(app, [str(a) for a in arguments], env=env)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with a stream, its contract, and in ``state`` what a replay of it saved."""
    folder = tmp_path_factory.mktemp("checkpoints")
    (folder / "s.toml").write_text(SCHEMA)
    rng = np.random.default_rng(1)
    rows = (f"e{i},{i * 1_000_000},{rng.normal():.3f},{'fraud' if i % 9 == 0 else 'legit'}" for i in range(500))
    (folder / "f.csv").write_text("id,time,x,label\n" + "\n".join(rows) + "\n")
    done = run("replay", folder / "f.csv", "--schema", folder / "s.toml", "--save-state", folder / "state", "--json")
    assert done.exit_code == 0, done.output
    assert "a service begins after the last event time" in done.stderr
    return folder


@pytest.fixture
def state(place, tmp_path) -> Path:
    """A copy of that state."""
    import shutil

    return Path(shutil.copytree(place / "state", tmp_path / "state"))


def test_a_service_goes_on_from_a_replays_end(place, state):
    """The pipeline is the replay's, bit for bit, and it is said where to begin."""
    schema, config = load_schema(place / "s.toml"), Config()
    store = CheckpointStore(state, setup=Setup(schema, config))
    found = store.claim("topic", owner="one", group="any").restore()
    pipeline = Pipeline(schema, config)
    pipeline.restore(found.state, found.segments)
    assert pipeline.store.next_position == found.meta["position"] == 500
    assert found.meta["learned_until"] == 499 * 1_000_000 and found.offsets == {}


def test_a_replay_does_not_write_into_a_services_state(place, state):
    """It is refused before anything is read."""
    CheckpointStore(state).claim("topic", owner="one", group="fraud")
    done = run("replay", place / "f.csv", "--schema", place / "s.toml", "--save-state", state)
    assert done.exit_code == 78 and "belongs to group 'fraud'" in done.stderr


def test_list_tells_names_sizes_and_holders(state):
    """As a table and as JSON."""
    told = json.loads(run("checkpoint", "list", state, "--json").stdout)
    assert [u["unit"] for u in told] == ["topic"] and "a replay" in told[0]["holder"]
    assert [c["name"] for c in told[0]["checkpoints"]] == ["00000001-000000000001"]
    assert "00000001-000000000001" in run("checkpoint", "list", state).stdout


def test_show_tells_a_checkpoints_header(state):
    """The newest one's unless another is named."""
    told = json.loads(run("checkpoint", "show", state, "--json").stdout)
    assert told["state_version"] == STATE_VERSION and told["meta"]["position"] == 500
    assert told["setup"]["config"]["control"]["every"] == 250 and len(told["segments"]) == 1
    assert "learned_until" in run("checkpoint", "show", state, "00000001-000000000001").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "0001"), "no checkpoint of topic is called '0001' (there is 00000001-000000000001)"),
        (("show", "0000001-1"), "no checkpoint of topic is called '0000001-1' (did you mean '00000001-000000000001'?)"),
        (("show", "--unit", "topics"), "nothing is saved of a unit 'topics' (did you mean 'topic'?)"),
        (("migrate", "--unit", "zzz"), "nothing is saved of a unit 'zzz' (there is topic)"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(place, state, arguments, said):
    """Exit 66, and the nearest unit or checkpoint, else all of them."""
    command, *rest = arguments
    contract = ("--schema", place / "s.toml") if command == "migrate" else ()
    done = run("checkpoint", command, state, *rest, *contract)
    assert (done.exit_code, done.stderr) == (66, f"error: {state}: {said}\n")


@pytest.mark.parametrize("command", ["list", "show", "verify"])
def test_no_place_at_all_is_told(command):
    """An empty variable of a shell is not the working directory: exit 78."""
    done = run("checkpoint", command, "")
    assert done.exit_code == 78 and "the url is empty: name a folder or s3://bucket/prefix" in done.stderr


def test_show_reads_a_checkpoint_once(state, monkeypatch):
    """Its header is of the bytes that are verified: one download, and no other file between the two."""
    seen, read = [], LocalFiles.read
    monkeypatch.setattr(LocalFiles, "read", lambda self, path, *most: (seen.append(path), read(self, path, *most))[1])
    assert run("checkpoint", "show", state).exit_code == 0
    assert [Path(path).suffix for path in seen if "epochs" not in path] == [".ckpt", ".seg"]


@pytest.mark.parametrize("cut", ["header", "body", "segment", "empty"])
def test_show_of_a_file_that_cannot_be_used(state, cut):
    """Exit 70, naming it and what to do; what its header says is shown where that can be read."""
    file = next(state.rglob("*.seg" if cut == "segment" else "*.ckpt"))
    whole = file.read_bytes()
    file.write_bytes({"header": whole[:200], "empty": b""}.get(cut, whole[:-9]))
    for options in ((), ("--json",)):
        done = run("checkpoint", "show", state, *options)
        assert done.exit_code == 70, done.output
        assert "checkpoint 00000001-000000000001 of topic cannot be used" in done.stderr
        assert "streamimb checkpoint verify" in done.stderr
        assert ("position" in done.stdout) == (cut in ("body", "segment"))


def test_verify_finds_what_is_rotten(state):
    """Exit 70 and its name; 0 where all are whole."""
    assert run("checkpoint", "verify", state).exit_code == 0
    segment = next(state.rglob("*.seg"))
    segment.write_bytes(segment.read_bytes()[:-9])
    done = run("checkpoint", "verify", state, "--json")
    assert done.exit_code == 70 and "1 of 1 checkpoints cannot be used: topic 00000001" in done.stderr
    assert "its segment" in json.loads(done.stdout)[0]["error"]


def test_an_empty_place_has_no_checkpoints(tmp_path):
    """Exit 66, for each of them."""
    for command in ("list", "show", "verify"):
        done = run("checkpoint", command, tmp_path)
        assert done.exit_code == 66 and "no checkpoints here" in done.stderr


def test_a_store_that_is_away_is_exit_74(tmp_path):
    """Reading is refused."""
    (tmp_path / "file").write_text("")
    assert run("checkpoint", "list", tmp_path / "file").exit_code == 74


def test_migrate_takes_over_live_keys_only(place, state):
    """What changed is told; a state-shaping key is exit 70, with both values."""
    schema = ("--schema", place / "s.toml")
    done = run("checkpoint", "migrate", state, *schema, "--json", env={"STREAMIMB_CONTROL__OBJECTIVE": "kappa"})
    told = json.loads(done.stdout)
    assert told["changed"] == {"control.objective": [None, "kappa"]}
    assert (told["from"], told["to"]) == ("00000001-000000000001", "00000002-000000000002")
    found = CheckpointStore(state).restore("topic")
    assert found.setup["config"]["control"]["objective"] == "kappa" and len(found.segments) == 1
    done = run("checkpoint", "migrate", state, *schema, env={"STREAMIMB_WINDOW__EVENTS": "9"})
    assert done.exit_code == 70 and "window.events was 500, is 9" in done.stderr


def test_migrate_says_where_no_way_is_known(place, state):
    """An older version's state is not taken for this one's; a way that is known is gone step by step."""
    store, under = CheckpointStore(state), (load_schema(place / "s.toml"), Config())
    with pytest.raises(StateError, match=r"no way from there is known.*replay --save-state"):
        migrate(store, "topic", *under, version=STATE_VERSION + 1, owner="x", check=lambda state, segments: None)
    assert store.holder("topic").epoch == 1
    ways = {1: lambda s, *_: {**s, "version": 2}, 2: lambda s, *_: {**s, "version": 3}}
    assert upgraded({"version": 1, "a": 0}, 3, *under, ways) == {"version": 3, "a": 0}


def test_migrate_writes_nothing_that_cannot_be_restored(place, state, monkeypatch):
    """A state that this version does not take up is found out before the unit is claimed."""

    def refuse(self, state, segments=()):
        raise StateError("it does not fit")

    monkeypatch.setattr(Pipeline, "restore", refuse)
    done = run("checkpoint", "migrate", state, "--schema", place / "s.toml")
    store = CheckpointStore(state)
    assert (done.exit_code, len(store.entries("topic")), store.holder("topic").epoch) == (70, 1, 1), done.output


def test_a_replays_end_is_of_the_whole_topic(place, tmp_path):
    """Under a scope of partitions nothing is saved that no service would go on from."""
    done = run(
        "replay", place / "f.csv", "--schema", place / "s.toml", "--save-state", tmp_path / "state",
        env={"STREAMIMB_STATE__SCOPE": "partition"},
    )  # fmt: skip
    assert done.exit_code == 78 and "state.scope" in done.stderr
    assert not (tmp_path / "state").exists()


def test_a_storage_option_is_a_pair():
    """Else usage."""
    assert run("checkpoint", "list", "x", "--storage", "key").exit_code == 2
