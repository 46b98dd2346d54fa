"""What a process does on its way to joining: how long that takes, `benchmarks/service.py` says."""

import subprocess
import sys

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
