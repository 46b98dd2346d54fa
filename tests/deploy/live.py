"""A service, its topic, and a Prometheus that scrapes it every second: all of them real, all on loopback."""

import json
import math
import os
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from contextlib import ExitStack, contextmanager

import yaml

from streamimb_services.serve import settings_of
from streamimb_services.warming import warm_up
from tests.broker.local_kafka import free_port
from tests.deploy.files import DEPLOY, ROOT

STREAM = "fraud-like"
BACKLOG, RATE = 20_000, 500
#: A service that finds no compiled code compiles what it needs before it joins.
STARTS_WITHIN_S = 300


def streamimb(*words, **options):
    """The command line as a process of its own."""
    command = [sys.executable, "-m", "streamimb_services", *map(str, words)]
    path = os.pathsep.join([str(ROOT), str(ROOT / "services")])
    env = {name: value for name, value in os.environ.items() if not name.startswith("STREAMIMB_")}
    return subprocess.Popen(command, env=env | {"PYTHONPATH": path}, **options)


@contextmanager
def ended(process, how=signal.SIGTERM):
    """End the process when this is left."""
    try:
        yield process
    finally:
        process.send_signal(how)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answer(url):
    """What a server on loopback says, as JSON; None while nobody answers or it refuses."""
    try:
        with urllib.request.urlopen(url, timeout=10) as told:
            return json.load(told)
    except OSError:
        return None


def until(what, found, seconds=STARTS_WITHIN_S):
    """Wait until ``found()`` is true, and give it back."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if told := found():
            return told
        time.sleep(0.2)
    raise AssertionError(f"{what}: not within {seconds} s")


class Live:
    """What Prometheus knows: ``ask(expr)`` gives the values of an expression's series."""

    def __init__(self, url):
        self.url = url

    def ask(self, expr):
        told = answer(f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': expr})}")
        assert told is not None, f"Prometheus refuses {expr}"
        return [float(series["value"][1]) for series in told["data"]["result"]]

    def finite(self, expr):
        return [value for value in self.ask(expr) if math.isfinite(value)]


@contextmanager
def running(broker, prometheus, folder):
    """A service that learns a stream with late labels, under the rules of deploy/."""
    topic, port = broker.topic(), free_port()
    events, contract, config = folder / "events.ndjson", folder / "schema.toml", folder / "service.toml"
    delay = ["--delay", "uniform:1h..6h"]
    assert not streamimb("generate", STREAM, "-o", events, "--events", 200_000, "--schema", contract, *delay).wait(120)
    config.write_text(f"""
[kafka]
bootstrap.servers = "{broker.bootstrap}"
[source]
topic = "{topic}"
group = "{broker.group()}"
[state]
url = "{folder / "state"}"
every_seconds = 2
[control]
objective = "f1"
[learner]
model = "linear"
[http]
port = {port}
""")
    settings, schema = settings_of(config, contract, {}, {})
    warm_up(schema, settings.config)  # here, where what other tests compiled is at hand
    with ExitStack() as stack:
        feed = ["produce", events, "-t", topic, "-b", broker.bootstrap, "--schema", contract]
        assert not streamimb(*feed, "--limit", BACKLOG).wait(120)
        log = stack.enter_context((folder / "log").open("w"))
        # The next records are those behind the backlog: the file goes on where it was left.
        rest = folder / "rest.ndjson"
        rest.write_text("".join(events.read_text().splitlines(keepends=True)[BACKLOG:]))
        feed[1] = rest
        stack.enter_context(ended(streamimb(*feed, "--rate", RATE, stdout=log, stderr=log)))
        serve = streamimb("serve", "--config", config, "--schema", contract, stdout=log, stderr=log)
        stack.enter_context(ended(serve))
        until("the service is ready", lambda: answer(f"http://127.0.0.1:{port}/readyz"))
        yield stack.enter_context(scraping(prometheus, folder, port))


@contextmanager
def scraping(prometheus, folder, port):
    """Prometheus as deploy/ configures it, but for the pace and the target."""
    told = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    told["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    told["rule_files"] = [str(DEPLOY / "prometheus" / each) for each in told["rule_files"]]
    jobs = [job for job in told["scrape_configs"] if job["job_name"] == "streamimb"]
    jobs[0]["static_configs"] = [{"targets": [f"127.0.0.1:{port}"]}]
    config, own = folder / "prometheus.yml", free_port()
    config.write_text(yaml.safe_dump(told | {"scrape_configs": jobs}))
    server = [prometheus.server, f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen([*server, f"--web.listen-address=127.0.0.1:{own}"], stdout=log, stderr=log)
        with ended(process):
            url = f"http://127.0.0.1:{own}"
            until("Prometheus is ready", lambda: process.poll() is not None or answer(f"{url}/api/v1/query?query=up"))
            assert process.poll() is None, (folder / "prometheus.log").read_text()
            yield Live(url)
