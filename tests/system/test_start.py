"""How long the process takes until it may join, once code is compiled."""

import subprocess
import sys

from tests.delivery.world import events
from tests.system.harness import ENV, ROOT

READY_S_MAX = 3.0
#: What takes long to import and is of no use to a service that reads Kafka.
NOT_NEEDED = ("polars", "pyarrow", "pandas", "scipy.linalg", "sklearn", "fsspec")


def test_it_is_ready_soon(broker, plant):
    """Less than three seconds of processor time with compiled code at hand."""
    it = plant(broker)
    it.append(events(61, 50))
    service = it.start()
    assert service.wait_for("joining")["cpu_seconds"] < READY_S_MAX
    it.wait_for_offset(50)
    assert service.stop() == 0


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
