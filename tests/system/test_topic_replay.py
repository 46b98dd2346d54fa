"""`replay --topic`: what a topic holds is learned as a service would, and a service goes on where it ended."""

import json
import subprocess
import sys

import pytest

from tests.delivery.world import events
from tests.system.harness import ENV, ROOT, Reference, as_toml


def replay(it, *options, schema=True, **tables):
    """Run the command on the plant's topic."""
    file = it.folder / "replay.toml"
    file.write_text(as_toml(it.tables | tables))
    contract = ["--schema", it.schema_file] if schema else []
    command = [sys.executable, "-m", "streamimb_services", "replay", "--topic", it.topic, "-c", file, *contract]
    return subprocess.run([*command, *options, "--json"], capture_output=True, text=True, cwd=ROOT, env=ENV)


@pytest.mark.parametrize("client", ["kafka-python", "confluent"])
def test_a_service_goes_on_where_the_replay_ended(broker, plant, client):
    """State and offsets are those of a service that learned all of it, bit for bit."""
    records = events(91, 400)
    it = plant(broker, source={"client": client})
    it.append(records[:250])
    done = replay(it, "--save-state", it.tables["state"]["url"])
    assert done.returncode == 0, done.stderr
    assert f"at {it.topic}:0:250" in done.stderr
    assert it.learned() == Reference(it, records[:250]).learned
    assert json.loads(done.stdout)["events"] == it.position()
    it.append(records[250:])
    service = it.start()
    it.wait_for_offset(len(records))
    assert service.stop() == 0
    assert it.learned() == Reference(it, records).learned


def test_an_end_before_the_topics_end_is_where_a_service_goes_on(broker, plant):
    """A limit ends it in the middle of a poll: what lies behind is not passed over."""
    records = events(92, 200)
    it = plant(broker)
    it.append(records)
    assert replay(it, "--limit", "60", "--save-state", it.tables["state"]["url"]).returncode == 0
    service = it.start()
    it.wait_for_offset(len(records))
    assert service.stop() == 0
    assert it.learned() == Reference(it, records).learned


def test_it_begins_where_it_is_told_to(broker, plant):
    """By the records' own times; a time to come leaves nothing to read."""
    it = plant(broker)
    it.append(events(93, 100))
    assert json.loads(replay(it, "--from", "1h").stdout)["events"] == json.loads(replay(it).stdout)["events"] > 50
    assert json.loads(replay(it, "--from", "2100-01-01T00:00:00Z").stdout)["events"] == 0


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--from", "yesterday"], 78, "--from: 'yesterday' is no duration"),
        (["--from", "2024-01-01T00:00:00"], 78, "names no zone"),
        (["more.csv"], 2, "leave out more.csv"),
    ],
)
def test_what_cannot_be_is_refused(broker, plant, options, code, told):
    done = replay(plant(broker), *options)
    assert done.returncode == code and told in " ".join(done.stderr.replace("│", " ").split())


def test_a_topic_needs_a_contract(broker, plant):
    done = replay(plant(broker), schema=False)
    assert done.returncode == 78 and "a topic needs an event contract" in done.stderr
