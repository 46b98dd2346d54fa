"""What a service logs: one object of JSON a line, whoever has something to say."""

import json
import subprocess
import sys
import time

import structlog

from streamimb.metrics import Exporter
from streamimb.serving import Hub
from streamimb_services.attending import Attendant
from streamimb_services.logs import Everyone, LogObserver
from tests.delivery.world import SCHEMA, World, events
from tests.system.harness import ENV, ROOT

SAID = """
import logging, warnings
from streamimb.service_config import LogConfig
from streamimb_services.logs import configure
log = configure(LogConfig(format="{format}"))
log.info("ours", x=float("nan"))
logging.getLogger("kafka.conn").error("two\\nlines: %s", "<x>")
logging.getLogger("kafka.client").warning("not told")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("uvicorn.error").exception("it broke")
warnings.warn("an old way")
logging.raiseExceptions and logging.getLogger("odd").error("%d", "no number")
log.info("last")
"""


def said(kind):
    done = subprocess.run(
        [sys.executable, "-c", SAID.replace("{format}", kind)], capture_output=True, text=True, check=True, cwd=ROOT,
        env=ENV,
    )  # fmt: skip
    return done.stderr


def test_every_line_is_an_object_of_json():
    """Libraries' lines and warnings, too, with who said it; a traceback is within its line."""
    lines = [json.loads(line) for line in said("json").splitlines()]
    assert [line["event"] for line in lines[:3]] == ["ours", "two\nlines: <x>", "it broke"]
    assert [line.get("logger") for line in lines[:3]] == [None, "kafka.conn", "uvicorn.error"]
    assert "ZeroDivisionError" in lines[2]["exception"]
    assert "an old way" in lines[3]["event"] and lines[3]["level"] == "warning"
    assert lines[-1]["event"] == "last"
    assert all({"event", "level", "timestamp"} <= line.keys() for line in lines)


def test_on_a_terminal_they_are_for_people():
    told = said("pretty")
    assert "two" in told and "kafka.conn" in told and not told.startswith("{")


def test_a_field_that_is_ignored_is_told_once_and_counted(tmp_path):
    """In the log by name, in the metrics as a sum, and for /model by name."""
    records = [record.replace(b'"z":', b'"zone": 1, "z":') for record in events(1, 60)]
    world, hub = World(tmp_path, records), Hub(clock=time.monotonic)
    exporter = Exporter(SCHEMA, world.config, version="0", wall=time.time)
    with structlog.testing.capture_logs() as lines:
        log = structlog.get_logger()
        attendant = Attendant(hub, world.store(), [exporter], log, lambda _: None)
        assert world.serve(observer=Everyone(LogObserver(log), exporter, attendant))
    assert [line["field"] for line in lines if line["event"] == "field ignored"] == ["zone"]
    assert hub.ignored["zone"] >= 50
    assert exporter.values.numbers["fields_ignored_total"] == {(): hub.ignored["zone"]}
