"""A store on a folder: generations, segments, what is rotten, what a crash leaves."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from streamimb import testing
from streamimb.checkpoint import CheckpointStore, Retention, RottenError
from streamimb.checkpoint.files import LocalFiles
from streamimb.errors import StateError, StorageError
from tests.checkpoint.trees import P0, Crash, CrashAt, setup, tree

STEPS = [
    "before write", "segment: mid-write", "segment: after fsync", "segment: after rename", "mid-write", "after fsync",
    "after rename", "after prune",
]  # fmt: skip


def claimed(folder: Path, **options: object):
    return CheckpointStore(folder, **options).claim("payments", owner="one", group="fraud")


def files(folder: Path, kind: str) -> list[Path]:
    return sorted((folder / "payments" / kind).iterdir())


def test_what_was_written_is_restored(tmp_path):
    """State, segments oldest first, offsets, meta; by any reader of the folder."""
    written = claimed(tmp_path).write(tree(1), [tree(10), tree(11)], 0, {P0: 7}, {"last": 5})
    found = CheckpointStore(tmp_path).restore("payments")
    assert found.name == written.name == CheckpointStore(tmp_path).newest("payments") == "00000001-000000000001"
    assert testing.digest(found.state) == testing.digest(tree(1))
    assert [s["number"] for s in found.segments] == [10, 11]
    assert (found.offsets, found.meta, found.epoch, found.rotten) == ({P0: 7}, {"last": 5}, 1, ())
    assert written.bytes == files(tmp_path, "checkpoints")[0].stat().st_size


def test_nothing_saved_is_nothing_to_restore(tmp_path):
    """A new place is no error; a named checkpoint that is not there is one."""
    assert CheckpointStore(tmp_path / "new").restore("payments") is None
    assert CheckpointStore(tmp_path / "new").newest("payments") is None
    with pytest.raises(StateError, match="there is no checkpoint 00000001-000000000001"):
        CheckpointStore(tmp_path).restore("payments", "00000001-000000000001")


def test_files_are_private(tmp_path):
    """0600 in folders of 0700: a checkpoint is read by a service that believes it."""
    claimed(tmp_path / "new").write(tree(1), [tree(2)], 0, {}, {})
    for path in (tmp_path / "new").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_units_are_kept_apart_whatever_their_names(tmp_path):
    """A partition's name may hold what a file's cannot."""
    store = CheckpointStore(tmp_path)
    for number, unit in enumerate(["a/b", "..", "a", "payments-3"]):
        store.claim(unit, owner="one", group="g").write(tree(number), [], 0, {}, {})
    assert sorted(store.units()) == ["..", "a", "a/b", "payments-3"]
    assert [store.restore(unit).state["number"] for unit in ("a/b", "..", "a")] == [0, 1, 2]
    assert len(list(tmp_path.iterdir())) == 4


def test_so_many_generations_are_kept(tmp_path):
    """The newest; names sort by age."""
    claim = claimed(tmp_path, keep=3)
    names = [claim.write(tree(i), [], 0, {P0: i}, {}).name for i in range(6)]
    assert [p.stem for p in files(tmp_path, "checkpoints")] == names[-3:] == sorted(names)[-3:]
    assert [e.name for e in CheckpointStore(tmp_path).entries("payments")] == names[-3:]


def test_older_generations_are_thinned(tmp_path):
    """The last of each hour and of each day, with their segments, within bounds; what is held stays besides."""
    claim = claimed(tmp_path, keep=Retention(2, hours=4, days=3))
    began = 20_000 * 86_400
    for quarter in range(4 * 24 * 5):
        if quarter == 200:
            claim.held_until = claim.write(tree(0), [tree(0)], quarter - 1, {}, {}).name
        name = claim.write(tree(quarter), [tree(quarter)], quarter, {}, {}).name
        os.utime(tmp_path / "payments" / "checkpoints" / f"{name}.ckpt", (began + 900 * quarter,) * 2)
        if quarter == 300:
            assert claim.held_until in [p.stem for p in files(tmp_path, "checkpoints")]
            claim.held_until = None
    store = CheckpointStore(tmp_path)
    hours = [(e.modified - began) / 3_600 for e in store.entries("payments")]
    assert hours == [95.75, 117.75, 118.75, 119.5, 119.75]  # the one being written is of an hour and a day of now
    assert all(store.read("payments", e.name).segments for e in store.entries("payments"))


def test_segments_stay_as_long_as_a_checkpoint_needs_them(tmp_path):
    """Each checkpoint restores with its own segments; what only removed ones needed is removed."""
    claim = claimed(tmp_path, keep=2)
    for i in range(6):
        claim.write(tree(i), [tree(100 + i)], max(i - 1, 0), {}, {})  # the last two of all so far are needed
    store = CheckpointStore(tmp_path)
    newest, before = (e.name for e in reversed(store.entries("payments")))
    assert [s["number"] for s in store.read("payments", newest).segments] == [104, 105]
    assert [s["number"] for s in store.read("payments", before).segments] == [103, 104]
    assert len(files(tmp_path, "segments")) == 3


def test_a_restored_owner_goes_on_from_the_segments(tmp_path):
    """Those of the checkpoint are the first that ``drop`` counts."""
    first = claimed(tmp_path)
    first.write(tree(1), [tree(10), tree(11)], 0, {}, {})
    second = claimed(tmp_path)
    second.restore()
    second.write(tree(2), [tree(12)], 1, {}, {})
    second.write(tree(3), [], 2, {}, {})
    third = CheckpointStore(tmp_path).restore("payments")
    assert third.epoch == 2 and [s["number"] for s in third.segments] == [12]


def rot(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    if how == "flipped":
        data[len(data) // 2] ^= 1
    elif how == "zeros":
        data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    path.write_bytes(b"" if how == "empty" else data[: len(data) // 2] if how == "torn" else data)


@pytest.mark.parametrize("how", ["torn", "flipped", "zeros", "empty"])
def test_the_one_before_a_rotten_newest_is_restored(tmp_path, how):
    """And it is said which were rotten, and why."""
    claim = claimed(tmp_path)
    names = [claim.write(tree(i), [], 0, {P0: i}, {}).name for i in range(3)]
    for path in files(tmp_path, "checkpoints")[1:]:
        rot(path, how)
    found = CheckpointStore(tmp_path).restore("payments")
    assert found.name == names[0] and found.state["number"] == 0 and found.offsets == {P0: 0}
    assert [name for name, _ in found.rotten] == [names[2], names[1]] and all(why for _, why in found.rotten)


@pytest.mark.parametrize("how", ["torn", "flipped", "gone"])
def test_a_rotten_segment_is_a_rotten_checkpoint(tmp_path, how):
    """The one before, which does not need it, is taken."""
    claim = claimed(tmp_path)
    claim.write(tree(1), [tree(10)], 0, {}, {})
    claim.write(tree(2), [tree(11)], 0, {}, {})
    last = files(tmp_path, "segments")[-1]
    last.unlink() if how == "gone" else rot(last, how)
    found = CheckpointStore(tmp_path).restore("payments")
    assert found.state["number"] == 1 and "its segment" in found.rotten[0][1]


def test_where_none_verifies_nothing_starts_from_empty(tmp_path):
    """It is an error that names each and why; so is a named one."""
    claim = claimed(tmp_path)
    names = [claim.write(tree(i), [], 0, {}, {}).name for i in range(2)]
    for path in files(tmp_path, "checkpoints"):
        rot(path, "torn")
    store = CheckpointStore(tmp_path)
    with pytest.raises(StateError, match=f"no checkpoint of payments can be used: {names[1]}: .*; {names[0]}: "):
        store.restore("payments")
    with pytest.raises(RottenError):
        store.read("payments", names[0])
    with pytest.raises(StateError, match="can be used"):
        store.restore("payments", names[0])


def test_a_copy_under_another_name_is_none(tmp_path):
    """Someone's copy of an old checkpoint is not taken for the newest."""
    name = claimed(tmp_path).write(tree(1), [], 0, {}, {}).name
    first = files(tmp_path, "checkpoints")[0]
    first.with_name("00000009-000000000001.ckpt").write_bytes(first.read_bytes())
    found = CheckpointStore(tmp_path).restore("payments")
    assert found.name == name and "under another name" in found.rotten[0][1]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("after", [1, 2])
def test_a_crash_at_any_step_leaves_a_whole_checkpoint(tmp_path, step, after):
    """The old or the new one, never less; the next owner goes on, and nothing of the crash is left."""
    claim = claimed(tmp_path, keep=2)
    claim.write(tree(1), [tree(10)], 0, {P0: 1}, {})
    probe = CrashAt(step, after)
    second = claimed(tmp_path, keep=2, probe=probe)
    second.restore()
    with pytest.raises(Crash):
        for number in (2, 3, 4):
            second.write(tree(number), [tree(10 * number)], 0, {P0: number}, {})
    third = claimed(tmp_path, keep=2)
    found = third.restore()
    done = after + 1 if STEPS.index(step) >= STEPS.index("after rename") else after
    assert found.state["number"] == found.offsets[P0] == done and found.rotten == ()
    assert [s["number"] for s in found.segments] == [10 * n for n in range(1, done + 1)]
    third.write(tree(9), [], 0, {}, {})
    kept = CheckpointStore(tmp_path).entries("payments")
    needed = {s.name for e in kept for s in CheckpointStore(tmp_path).read("payments", e.name).files}
    assert {p.stem for p in files(tmp_path, "segments")} == needed
    assert [p for p in tmp_path.rglob("*") if p.name.endswith(".part")] == []


def test_every_step_of_a_write_is_named(tmp_path):
    """What the test above goes through is all there is."""
    probe = CrashAt("never")
    claimed(tmp_path, probe=probe).write(tree(1), [tree(2)], 0, {}, {})
    assert probe.seen == STEPS


def test_a_failed_write_changes_nothing_and_can_be_tried_again(tmp_path, monkeypatch):
    """The disk is full in mid-write: the space is given back; then there is room, and the same segments are given."""
    claim = claimed(tmp_path)
    claim.write(tree(1), [tree(10)], 0, {}, {})
    fsync, full = os.fsync, [False, True]

    def fail(number):
        if full and full.pop(0):
            raise OSError(28, "No space left on device")
        fsync(number)

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match="No space left on device"):
        claim.write(tree(2), [], 1, {}, {})
        claim.write(tree(2), [], 1, {}, {})
    assert list(tmp_path.rglob("*.part")) == []
    assert CheckpointStore(tmp_path).restore("payments").state["number"] in (1, 2)
    claim.write(tree(3), [tree(11)], 1, {}, {})
    assert [s["number"] for s in CheckpointStore(tmp_path).restore("payments").segments] == [11]


def test_tries_that_fail_pile_up_no_segments(tmp_path, monkeypatch):
    """What was written for a checkpoint that could not be is there for the next try, once."""
    claim, write, full = claimed(tmp_path), LocalFiles.write, [True]

    def fail(self, path, pieces, probe):
        if full[0] and path.endswith(".ckpt"):
            raise StorageError("No space left on device")
        return write(self, path, pieces, probe)

    monkeypatch.setattr(LocalFiles, "write", fail)
    waiting = []
    for i in range(6):
        waiting.append(tree(10 + i))
        with pytest.raises(StorageError):
            claim.write(tree(i), list(waiting), 0, {}, {})
        assert len(files(tmp_path, "segments")) == i + 1
    full[0] = False
    claim.write(tree(7), [*waiting, tree(20)], 2, {}, {})
    assert [s["number"] for s in CheckpointStore(tmp_path).restore("payments").segments] == [12, 13, 14, 15, 20]
    assert len(files(tmp_path, "segments")) == 5


def test_a_checkpoint_of_another_configuration_is_refused(tmp_path):
    """A state-shaping key is named with its value then and now; a live one may differ."""
    saved = setup(window={"events": 900}, control={"objective": "f1"})
    claimed(tmp_path, setup=saved).write(tree(1), [], 0, {}, {})
    live = setup(window={"events": 900}, control={"objective": "kappa"})
    assert CheckpointStore(tmp_path, setup=live).restore("payments").state["number"] == 1
    with pytest.raises(StateError, match=r"another configuration: window\.events was 900, is 500\."):
        CheckpointStore(tmp_path, setup=setup()).restore("payments")
