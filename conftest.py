"""What must be settled before any test module is imported."""

import os
from pathlib import Path

# numba names cached code 1, 2, ... for each function without a lock, so that processes that compile the same function
# for different types at once may put one's code in the other's place: each of pytest-xdist's workers keeps its own.
if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    os.environ["NUMBA_CACHE_DIR"] = str(Path(__file__).parent / ".numba_cache" / worker)
