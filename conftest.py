"""What must be settled before any test module is imported."""

import gc
import os
from pathlib import Path

#: Between two looks for garbage: thousands of tests and what they import stand to the end, and a compiler makes much.
GARBAGE_OBJECTS = 100_000

if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    os.environ["NUMBA_CACHE_DIR"] = str(Path(__file__).parent / ".numba_cache" / worker)
    from tests.kernel_cache import share

    share()


def pytest_collection_finish() -> None:
    """What is there now stays: it is passed over."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS)
