"""Compiled kernels of pytest-xdist's workers: each has a cache of its own, and takes from the others' what it lacks.

numba names cached code 1, 2, ... for each function without a lock, so that processes that compile the same function for
different types at once may put one's code in the other's place. What processes write at once is therefore kept apart.
"""

import fcntl
import os
from contextlib import contextmanager
from pathlib import Path

COMMON = "common"


def share():
    """Let this process look for kernels in the cache of all workers before it compiles them, and put there what it did.

    Its own cache, which the processes that it starts use too, is the folder that NUMBA_CACHE_DIR names; the common one
    lies beside it, and is read and written under a lock.
    """
    from numba.core.caching import IndexDataCacheFile

    common = Path(os.environ["NUMBA_CACHE_DIR"]).parent / COMMON
    load, save = IndexDataCacheFile.load, IndexDataCacheFile.save

    def of_all(file):
        folder = common / Path(file._cache_path).name
        folder.mkdir(parents=True, exist_ok=True)
        return IndexDataCacheFile(str(folder), file._index_name.removesuffix(".nbi"), file._source_stamp)

    def load_or_take(file, key):
        found = load(file, key)
        if found is None:
            with _alone(common):
                found = load(of_all(file), key)
            if found is not None:
                Path(file._cache_path).mkdir(parents=True, exist_ok=True)
                save(file, key, found)
        return found

    def save_and_give(file, key, data):
        save(file, key, data)
        with _alone(common):
            save(of_all(file), key, data)

    IndexDataCacheFile.load, IndexDataCacheFile.save = load_or_take, save_and_give


@contextmanager
def _alone(folder):
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
