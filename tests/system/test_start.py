"""What a process does on its way to joining: how long that takes, `benchmarks/service.py` says."""

import gc
import subprocess
import sys
import time

import pytest

from streamimb.config import Config
from streamimb.delivery import Observer
from streamimb.delivery.trouble import Trouble
from streamimb.errors import BrokersAwayError, ConfigError
from streamimb_services import warming
from streamimb_services.serve import make_outputs, sink_of, source_of
from tests.broker.local_kafka import free_port
from tests.delivery.world import SCHEMA
from tests.delivery.world import config as small_config
from tests.system.harness import ENV, ROOT

#: What takes long to import and is of no use to a service that reads Kafka.
NOT_NEEDED = ("polars", "pyarrow", "pandas", "scipy.linalg", "sklearn", "fsspec")


def test_what_takes_long_is_not_imported():
    """Each of these costs a tenth of a second and more."""
    code = (
        "import sys, streamimb_services.serve as serve, streamimb.sources.kafka, streamimb.sinks.kafka\n"
        "from tests.delivery.world import SCHEMA, config\n"
        "serve.warm_up(SCHEMA, config())\n"
        f"print([name for name in {NOT_NEEDED} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, env=ENV)
    assert done.stdout.strip() == "[]"


def test_what_stands_is_passed_over_by_the_collector():
    code = (
        "import gc, streamimb_services.serve as serve\n"
        "serve.settle()\n"
        "garbage = []; garbage.append(garbage); del garbage\n"
        "print(gc.get_freeze_count() > 50_000, len(gc.get_objects()) < 1_000, gc.collect() >= 1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, env=ENV)
    assert done.stdout.split() == ["True"] * 3


def test_a_first_start_says_that_it_compiles(broker, plant, monkeypatch, tmp_path):
    """For a minute or two it would be silent else."""
    monkeypatch.setitem(ENV, "NUMBA_CACHE_DIR", str(tmp_path / "empty"))
    service = plant(broker).start()
    service.wait_for("compiling")
    service.kill()


@pytest.mark.parametrize("model", ["linear", "forest", "blend"])
def test_nothing_is_compiled_in_the_middle_of_a_stream(model):
    """Every kernel that late labels, levers, a drift, batches of one and a restart need is there before joining."""
    command = [sys.executable, "-m", "tests.system.compiled", model]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=ENV)
    assert done.stdout.split() == []


class Empty:
    """A source that knows of no topic."""

    def partitions(self, topic):
        raise ConfigError(topic)


def config(bootstrap, group="g", **tables):
    tables = {"source": {"topic": "t", "group": group}, **tables}
    return Config.model_validate({"kafka": {"bootstrap.servers": bootstrap}} | tables)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("connect", [source_of, sink_of, lambda found: make_outputs(found, Empty())])
def test_connecting_does_not_outlast_the_budget(connect):
    """No broker is there: what is asked ends soon after the budget, not when one attempt would."""
    found = config(f"127.0.0.1:{free_port()}", output={"predictions": "p"}, budget={"brokers_seconds": 2})
    trouble = Trouble(found.budget, clock=time.monotonic, sleep=time.sleep, observer=Observer())
    begun = time.monotonic()
    with pytest.raises(BrokersAwayError, match="the budget is 2 s"):
        trouble.ask(lambda: connect(found))
    assert time.monotonic() - begun < 6


def test_topics_that_exist_are_not_made(broker, monkeypatch):
    """An admin's connection is opened only where an output's topic is missing, and that one alone is made."""
    there, missing = broker.topic(), broker.topic() + "-not"
    source = source_of(config(broker.bootstrap, broker.group()))
    try:
        found = config(broker.bootstrap, output={"predictions": there, "signals": missing})
        assert make_outputs(found, source) == [missing]
        monkeypatch.delattr("streamimb.sinks.kafka_topics.KafkaAdminClient")  # whoever asks for one now fails
        assert make_outputs(found, source) == []
    finally:
        source.close(leave=True)


def test_garbage_is_seldom_looked_for_while_kernels_compile(monkeypatch):
    """And as often as before when they are."""
    before, meanwhile = gc.get_threshold(), []
    monkeypatch.setattr(warming, "_live_through", lambda *_: meanwhile.append(gc.get_threshold()))
    gc.set_threshold(700, 10, 10)  # the tests' own is that of the compiler already
    try:
        warming.warm_up(SCHEMA, small_config())
        after = gc.get_threshold()
    finally:
        gc.set_threshold(*before)
    assert meanwhile == [(warming.COMPILING_OBJECTS, *after[1:])]
    assert after[0] == 700
