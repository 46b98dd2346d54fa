"""What saves time where all tests are run: kernels that workers share, and files that are begun first."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import LONGEST

ROOT = Path(__file__).parents[1]
KERNELS = """
import numba

@numba.njit(cache=True)
def twice(x):
    return x + x
"""
ASK = """
import sys
from tests.kernel_cache import share
if "share" in sys.argv:
    share()
from kernels import twice
print(*(twice(int(x) if x.isdigit() else float(x)) for x in sys.argv[2:]))
print(sum(twice.stats.cache_misses.values()), sum(twice.stats.cache_hits.values()))
"""


def asked(folder, worker, how, *values):
    """What a worker's process answers, how many kernels it compiled, and how many it found."""
    env = os.environ | {"NUMBA_CACHE_DIR": str(folder / "cache" / worker)}
    env["PYTHONPATH"] = os.pathsep.join(map(str, (folder, ROOT)))
    command = [sys.executable, "-c", ASK, how, *values]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    answer, counts = done.stdout.splitlines()
    return answer, *map(int, counts.split())


def test_what_one_worker_compiled_another_finds(tmp_path):
    """Also for more types than one, and in the end without sharing, as the processes that it starts."""
    (tmp_path / "kernels.py").write_text(KERNELS)
    assert asked(tmp_path, "gw0", "share", "2") == ("4", 1, 0)
    assert asked(tmp_path, "gw1", "share", "0.5") == ("1.0", 1, 0)
    assert asked(tmp_path, "gw1", "alone", "2") == ("4", 1, 0)
    assert asked(tmp_path, "gw2", "share", "2", "0.5") == ("4 1.0", 0, 2)
    assert asked(tmp_path, "gw2", "alone", "2", "0.5") == ("4 1.0", 0, 2)
    assert asked(tmp_path, "gw3", "alone", "2") == ("4", 1, 0)


def test_the_longest_files_are_there():
    assert [path for path in LONGEST if not (ROOT / path).is_file()] == []
