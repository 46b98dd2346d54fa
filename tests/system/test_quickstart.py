"""The Kafka quickstarts, followed as a new user would: each command as the document shows it, and what it answers."""

import os
import re
import shlex
import subprocess
import sys
import time
import urllib.request

import pytest

from tests.broker.local_kafka import free_port
from tests.system.console import File, answers, steps
from tests.system.harness import ENV, PATIENCE_S, ROOT, Service, wait_until

EVENTS = 30_000
LEVERS = ("freeze", "pin", "unpin", "resume", "rollback", "export")
#: Commands that ask, and so may be asked again until the service has come so far.
ASKS = ("curl ", "kafka-console-consumer.sh", "streamimb dlq", "streamimb checkpoint")
#: What these answer depends on the machine's speed, or on how far the service has come: numbers are not compared.
VARIES = ("streamimb produce", "/predict")
#: Kafka's own console consumer is not among the broker's jars: this reads the same of the same broker.
CONSUMER = """
import argparse, confluent_kafka
told = argparse.ArgumentParser()
told.add_argument("--bootstrap-server"), told.add_argument("--topic"), told.add_argument("--max-messages", type=int)
told.add_argument("--from-beginning", action="store_true")
asked = told.parse_args()
begin = "earliest" if asked.from_beginning else "latest"
reader = confluent_kafka.Consumer({
    "bootstrap.servers": asked.bootstrap_server, "group.id": "console", "auto.offset.reset": begin,
    "enable.auto.commit": False,
})
reader.subscribe([asked.topic])
for message in reader.consume(asked.max_messages, 30):
    print(message.value().decode())
reader.close()
"""


class User:
    """A person with a shell in an empty folder, and the commands of a document."""

    def __init__(self, folder, broker):
        self.folder, self.services = folder / "work", []
        self.folder.mkdir()
        ports = {"127.0.0.1:9092": broker.bootstrap} | {f"{port}": str(free_port()) for port in (8080, 8081)}
        self.port, self._instead = int(ports["8080"]), ports
        tools = folder / "bin"
        tools.mkdir()
        (tools / "consumer.py").write_text(CONSUMER)
        python = shlex.quote(sys.executable)
        for name, what in {
            "streamimb": "-m streamimb_services",
            "kafka-console-consumer.sh": shlex.quote(str(tools / "consumer.py")),
        }.items():
            (tools / name).write_text(f'#!/bin/sh\nexec {python} {what} "$@"\n')
            (tools / name).chmod(0o755)
        url = f"http://127.0.0.1:{self.port}"
        urls = {f"STREAMIMB_CONTROL_{lever.upper()}_URL": url for lever in LEVERS}
        self.env = {k: v for k, v in ENV.items() if not k.startswith("STREAMIMB_")} | urls | {
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "STREAMIMB_HTTP__PORT": str(self.port),
            "STREAMIMB_LOG__FORMAT": "json",
        }  # fmt: skip

    def follow(self, markdown):
        for step in steps(self._here(markdown)):
            if isinstance(step, File):
                (self.folder / step.name).write_text(step.text)
            elif step.command.startswith("kill -9 %1"):
                self._past_a_checkpoint()
                self.services[0].kill()
            elif re.match(r"(\w+=\S+ )?streamimb serve", step.command):
                self._serve(step.command)
            else:
                self._run(step)

    def close(self):
        for service in self.services:
            if service.process.poll() is None:
                service.kill()

    def _here(self, text):
        return re.sub("|".join(map(re.escape, self._instead)), lambda found: self._instead[found[0]], text)

    def _run(self, step):
        exactly = not any(word in step.command for word in VARIES)
        deadline = time.monotonic() + (PATIENCE_S if step.command.startswith(ASKS) else 0)
        while True:
            done = subprocess.run(
                ["bash", "-ec", f"set -o pipefail\n{step.command}"], capture_output=True, text=True, cwd=self.folder,
                env=self.env,
            )  # fmt: skip
            told = done.stdout + done.stderr
            fits = done.returncode == 0 and '{"error"' not in told
            if fits and (not step.answer or answers(step.answer, told, exactly=exactly)):
                return
            assert time.monotonic() < deadline, f"$ {step.command}\n{told}\nwas to be\n{step.answer}"
            time.sleep(0.5)

    def _serve(self, command):
        """Start it in the background, as from a terminal of its own; the first that is alone learns the whole topic."""
        service = Started(self.folder, ["bash", "-c", f"exec env {command}"], len(self.services), self.env)
        self.services.append(service)
        if len(self.services) == 1:
            service.wait_for("unit begins")
            wait_until(lambda: self.metric("events_consumed_total") >= EVENTS, service.tail)

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as told:
            return float(re.search(rf"^streamimb_{re.escape(name)} (\S+)$", told.read().decode(), re.MULTILINE)[1])

    def _past_a_checkpoint(self):
        """Whoever reads on before they kill it has let a checkpoint be made."""
        self.services[0].wait_for("checkpoint", position=EVENTS)


class Started(Service):
    """A service as a document starts it."""

    def __init__(self, folder, command, number, env):
        self.stderr = folder / f"service-{number}.log"
        with self.stderr.open("wb") as told:
            self.process = subprocess.Popen(command, stderr=told, stdin=subprocess.DEVNULL, cwd=folder, env=env)
        self.begun = time.monotonic()


@pytest.fixture
def user(new_broker, tmp_path):
    made = User(tmp_path, new_broker)
    yield made
    made.close()


def section(markdown, title):
    return re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## )", markdown, re.MULTILINE | re.DOTALL)[1]


def test_the_readme(user):
    """From a file that is produced to the prediction that is read back."""
    told = section((ROOT / "README.md").read_text(), "Quickstart: Kafka")
    assert [s.command.split()[1] for s in steps(told) if s.command.startswith("streamimb")] == [
        "generate", "produce", "check-config", "serve",
    ]  # fmt: skip
    user.follow(told)
    assert min(user.metric(f'events_learned_total{{class="{name}"}}') for name in ("legit", "fraud")) > 0


def test_the_page(user):
    """The same at length: killed, started again, a dead letter, a standby, levers."""
    user.follow((ROOT / "docs" / "quickstart-kafka.md").read_text())
