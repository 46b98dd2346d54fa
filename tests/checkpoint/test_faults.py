"""Real faults: a disk that is full, a folder that may not be written, a process killed in mid-write."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamimb.checkpoint import CheckpointStore
from tests.checkpoint.trees import P0, tree

ROOT = Path(__file__).parent.parent.parent


def run(code: str, folder: Path, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own; ``claim`` is a claim on the folder and ``tree`` makes states."""
    head = f"""
        import sys
        from streamimb.checkpoint import CheckpointStore
        from streamimb.errors import StorageError
        from tests.checkpoint.trees import P0, tree
        store = CheckpointStore({str(folder)!r})
    """
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(head) + textwrap.dedent(code), *arguments], cwd=ROOT,
        capture_output=True, text=True, timeout=120, check=False, **options,
    )  # fmt: skip


def limited() -> None:
    """No file may grow past a megabyte, as on a disk that is full."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))


def test_a_full_disk_is_a_storage_error_and_the_old_checkpoint_stays(tmp_path):
    """The kernel takes half a file and no more: nothing is left of it, and a smaller one can still be written."""
    code = """
        import numpy as np
        claim = store.claim("payments", owner="one", group="g")
        claim.write(tree(1), [], 0, {P0: 1}, {})
        try:
            claim.write({"big": np.zeros(1 << 18)}, [tree(9)], 0, {P0: 2}, {})
        except StorageError as error:
            print("refused:", error)
        print(store.restore("payments").state["number"])
        print(claim.write(tree(3), [], 0, {P0: 3}, {}).name)
    """
    done = run(code, tmp_path, preexec_fn=limited)
    said = done.stdout.splitlines()
    assert said[0].startswith("refused: ") and "File too large" in said[0], done.stderr
    assert said[1:] == ["1", "00000001-000000000003"]
    assert list(tmp_path.rglob("*.part")) == []
    assert CheckpointStore(tmp_path).restore("payments").offsets == {P0: 3}


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that any user may look into."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_folder_that_may_not_be_written_is_a_storage_error(reachable):
    """Claiming is refused, as one is who may write nowhere; what is there can still be read."""
    CheckpointStore(reachable).claim("payments", owner="one", group="g").write(tree(1), [], 0, {}, {})
    for path in reachable.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    code = """
        import os
        if os.geteuid() == 0:
            os.seteuid(65534)
        print(store.restore("payments").state["number"])
        try:
            store.claim("payments", owner="two", group="g")
        except StorageError as error:
            print(error)
    """
    done = run(code, reachable)
    for path in reachable.rglob("*"):
        path.chmod(0o700)
    assert done.stdout.splitlines()[0] == "1", done.stderr
    assert "Permission denied" in done.stdout


@pytest.mark.parametrize("step", ["mid-write", "after fsync", "after rename"])
def test_a_process_killed_in_mid_write_leaves_a_whole_checkpoint(tmp_path, step):
    """Kill -9 at the step: the next owner restores the newest whole one and sweeps the rest."""
    code = """
        import os, signal
        def probe(reached):
            if reached == sys.argv[1] and number == 3:
                os.kill(os.getpid(), signal.SIGKILL)
        store.probe = probe
        claim = store.claim("payments", owner="one", group="g")
        for number in (1, 2, 3):
            claim.write(tree(number), [tree(10 * number)], 0, {P0: number}, {})
    """
    done = run(code, tmp_path, step)
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = list(tmp_path.rglob("*.part"))
    assert len(left) == (step != "after rename")
    after = CheckpointStore(tmp_path).claim("payments", owner="two", group="g")
    found = after.restore()
    assert found.offsets == {P0: 3 if step == "after rename" else 2} and found.rotten == ()
    assert list(tmp_path.rglob("*.part")) == []
    assert len(list((tmp_path / "payments" / "segments").iterdir())) == found.offsets[P0]


def test_a_state_url_that_is_a_file_is_a_storage_error(tmp_path):
    """No folder can be made in its place."""
    (tmp_path / "file").write_text("")
    done = run(
        'try: store.claim("payments", owner="one", group="g")\nexcept StorageError as error: print(error)',
        tmp_path / "file",
    )
    assert "Not a directory" in done.stdout, done.stderr
