"""`check-config` on a service's configuration: what it would connect to is tried."""

import subprocess
import sys

import pytest

from tests.system.harness import ENV, ROOT, as_toml, merged


def check(it, *options, **tables):
    """Run the command on the plant's configuration, changed by ``tables``."""
    file = it.folder / "checked.toml"
    file.write_text(as_toml(merged(it.tables, tables)))
    command = [sys.executable, "-m", "streamimb_services", "check-config", file, "--schema", it.schema_file, *options]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=ENV)


@pytest.mark.parametrize("client", ["kafka-python", "confluent"])
def test_what_is_there_is_told_and_left_as_it_was(broker, plant, client):
    it = plant(broker, partitions=3)
    done = check(it, source={"client": client}, output={"signals": "not-there-yet"})
    assert done.returncode == 0, done.stderr
    assert f"topic {it.topic}: 3 partitions to read" in done.stdout
    assert "topic not-there-yet: not there yet, it is made" in done.stdout
    assert "state: can be written" in done.stdout
    assert list((it.folder / "state").iterdir()) == []
    assert it.tables["source"]["group"] not in it.groups()


@pytest.mark.parametrize(
    ("tables", "code", "told"),
    [
        ({"kafka": {"bootstrap.servers": "127.0.0.1:1"}}, 75, "127.0.0.1:1"),
        ({"source": {"topic": "no-such-topic"}}, 78, "there is no topic 'no-such-topic'"),
        ({"state": {"url": "/proc/streamimb"}}, 74, "/proc/streamimb"),
        ({"control": {"objective": None}}, 78, "control.objective is missing"),
        ({"http": {"enabled": True, "host": "0.0.0.0"}}, 78, "token"),
    ],
)
def test_what_is_not_as_it_should_be_is_said(broker, plant, tables, code, told):
    it = plant(broker)
    it.tables["kafka"] = {"bootstrap.servers": broker.bootstrap}
    done = check(it, **tables)
    assert done.returncode == code and told in done.stderr, done.stdout + done.stderr


def test_offline_connects_to_nothing(broker, plant):
    it = plant(broker)
    it.tables["kafka"] = {"bootstrap.servers": "127.0.0.1:1"}
    assert check(it, "--offline").returncode == 0


def test_a_password_that_is_not_used_is_told(broker, plant):
    it = plant(broker)
    done = check(it, kafka={"sasl.password": "a-password"})
    assert done.returncode == 0 and "kafka.sasl.password is not used" in done.stdout, done.stderr
