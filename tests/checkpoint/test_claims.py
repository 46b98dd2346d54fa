"""One writer: the highest epoch owns, whoever comes after; another group is refused."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from streamimb.checkpoint import NO_GROUP, CheckpointStore, epochs
from streamimb.errors import ConfigError, FencedError, StorageError
from tests.checkpoint.trees import P0, tree


def claim(folder, *, owner="one", group="fraud", **options):
    return CheckpointStore(folder, **options).claim("payments", owner=owner, group=group)


def test_each_claim_is_one_epoch_higher_and_names_its_holder(tmp_path):
    """Owner, group, host, process."""
    assert [claim(tmp_path, owner=f"member-{i}").epoch for i in range(3)] == [1, 2, 3]
    holder = CheckpointStore(tmp_path).holder("payments")
    assert (holder.owner, holder.group, holder.epoch) == ("member-2", "fraud", 3)
    assert (holder.host, holder.pid) == (socket.gethostname(), os.getpid())
    assert CheckpointStore(tmp_path).holder("other") is None


def test_the_older_owner_can_write_no_more(tmp_path):
    """Before it writes anything: nothing of its state is seen, and the message names who came after."""
    first = claim(tmp_path)
    first.write(tree(1), [], 0, {P0: 1}, {})
    second = claim(tmp_path, owner="two")
    with pytest.raises(FencedError, match=r"payments belongs to group 'fraud', owner 'two'.*epoch 2 now; this was"):
        first.write(tree(2), [], 0, {P0: 2}, {})
    with pytest.raises(FencedError):
        first.check()
    second.check()
    assert second.restore().state["number"] == 1
    second.write(tree(3), [], 0, {P0: 3}, {})
    assert CheckpointStore(tmp_path).restore("payments").state["number"] == 3


@pytest.mark.parametrize("step", ["before write", "mid-write", "after fsync", "after rename"])
def test_an_owner_that_loses_its_place_in_mid_write_is_told(tmp_path, step):
    """It may have put its file in place, but the next owner's is newer, whatever the order in time."""
    later = []

    def takeover(reached):
        if reached == step and not later:
            later.append(claim(tmp_path, owner="two"))
            later[0].restore()
            later[0].write(tree(5), [tree(50)], 0, {P0: 5}, {})

    first = claim(tmp_path, probe=takeover)
    with pytest.raises(FencedError):
        first.write(tree(2), [tree(20)], 0, {P0: 2}, {})
    found = CheckpointStore(tmp_path).restore("payments")
    assert (found.state["number"], found.epoch) == (5, 2) and found.rotten == ()
    later[0].write(tree(6), [], 0, {P0: 6}, {})


def test_racing_claimers_get_different_epochs(tmp_path):
    """Thirty-two at once, each from a store of its own."""
    with ThreadPoolExecutor(32) as pool:
        got = list(pool.map(lambda i: claim(tmp_path, owner=f"member-{i}").epoch, range(32)))
    assert sorted(got) == list(range(1, 33))


def test_another_group_is_refused_and_told_who_holds_it(tmp_path):
    """Its claim leaves nothing behind; the holder goes on."""
    first = claim(tmp_path, group="fraud")
    with pytest.raises(ConfigError, match=r"belongs to group 'fraud', owner 'one', process \d+ on .*not to group 'b'"):
        claim(tmp_path, group="b")
    first.write(tree(1), [], 0, {}, {})
    assert CheckpointStore(tmp_path).holder("payments").epoch == 1


def test_any_group_goes_on_from_a_replay_but_no_replay_from_a_group(tmp_path):
    """What a replay saved belongs to nobody."""
    claim(tmp_path, group=NO_GROUP).write(tree(1), [], 0, {}, {})
    claim(tmp_path, group=NO_GROUP)
    assert claim(tmp_path, group="fraud").restore().state["number"] == 1
    with pytest.raises(ConfigError, match="belongs to group 'fraud'"):
        claim(tmp_path, group=NO_GROUP)


def test_a_claim_that_cannot_be_read_still_counts(tmp_path):
    """Its epoch is taken; who may follow is read off the one before."""
    claim(tmp_path, group="fraud")
    claim(tmp_path, group="fraud")
    (tmp_path / "payments" / "epochs" / "00000002.json").write_text('{"own')
    assert "unknown" in str(CheckpointStore(tmp_path).holder("payments"))
    with pytest.raises(ConfigError, match="epoch 1"):
        claim(tmp_path, group="b")
    assert claim(tmp_path, group="fraud").epoch == 3


def test_a_process_that_is_gone_and_saved_nothing_holds_nothing(tmp_path):
    """A start that a crash ended before its first checkpoint; of one that saved, or is elsewhere, the claim stands."""
    code = f"from tests.checkpoint.test_claims import claim; claim({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
    assert claim(tmp_path, owner="streamimb replay", group=NO_GROUP).epoch == 2
    gone, file = tmp_path / "elsewhere", tmp_path / "elsewhere" / "payments" / "epochs" / "00000001.json"
    subprocess.run(
        [sys.executable, "-c", code.replace(str(tmp_path), str(gone))], check=True, cwd=Path(__file__).parents[2]
    )
    file.write_text(file.read_text().replace(epochs.machine_of(), "another boot"))
    with pytest.raises(ConfigError):
        claim(gone, group=NO_GROUP)
    saved = tmp_path / "saved"
    code = f"{code.replace(str(tmp_path), str(saved))}.write({{}}, [], 0, {{}}, {{}})"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
    with pytest.raises(ConfigError):
        claim(saved, group=NO_GROUP)


@pytest.mark.parametrize("machine", ["a-boot pid:[7]", "", None])
def test_a_process_of_another_container_is_never_judged(tmp_path, machine):
    """It may have this one's host name, and its pid is nobody's here; the claim of an earlier version says nothing."""
    claim(tmp_path)
    file = tmp_path / "payments" / "epochs" / "00000001.json"
    told = json.loads(file.read_text())
    assert told["machine"] == epochs.machine_of() != ""
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    told |= {"machine": machine, "pid": int(ended.stdout)}
    file.write_text(json.dumps({key: value for key, value in told.items() if value is not None}))
    refused = f"process {told['pid']} on {socket.gethostname()}, .*or remove payments/epochs/00000001.json there if"
    with pytest.raises(ConfigError, match=refused):
        claim(tmp_path, owner="streamimb replay", group=NO_GROUP)
    told["machine"] = epochs.machine_of()
    file.write_text(json.dumps(told))
    assert claim(tmp_path, owner="streamimb replay", group=NO_GROUP).epoch == 2


def test_a_process_in_a_pid_namespace_of_its_own_is_another_machines(tmp_path):
    """As a container's: the same host name, the same boot."""
    command = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", sys.executable, "-c"]
    code = "from streamimb.checkpoint.epochs import machine_of; print(machine_of())"
    try:
        done = subprocess.run([*command, code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    except FileNotFoundError:
        pytest.skip("unshare is not there")
    if "unshare" in done.stderr:
        pytest.skip(f"no namespaces here: {done.stderr.strip()}")
    mine, other = epochs.machine_of().split(), done.stdout.split()
    assert mine[0] == other[0] and mine[1] != other[1]


def test_a_claim_is_taken_back(tmp_path):
    """Only where nothing was saved."""
    claim(tmp_path).release()
    assert CheckpointStore(tmp_path).holder("payments") is None
    mine = claim(tmp_path)
    mine.write(tree(1), [], 0, {}, {})
    mine.release()
    assert CheckpointStore(tmp_path).holder("payments").group == "fraud"


def test_only_the_latest_claims_are_kept(tmp_path):
    """A service that restarts for years does not fill the folder."""
    for _ in range(3 * epochs.EPOCHS_KEPT):
        claim(tmp_path)
    assert len(list((tmp_path / "payments" / "epochs").iterdir())) <= epochs.EPOCHS_KEPT + 1
    assert CheckpointStore(tmp_path).holder("payments").epoch == 3 * epochs.EPOCHS_KEPT


def test_a_higher_epoch_restores_before_a_higher_number(tmp_path):
    """What a zombie saved last does not come back once its successor has saved."""
    first = claim(tmp_path)
    for number in range(4):
        first.write(tree(number), [], 0, {}, {})
    second = claim(tmp_path)
    second.restore()
    second.write(tree(10), [], 0, {}, {})
    late = CheckpointStore(tmp_path)
    folder = tmp_path / "payments" / "checkpoints"
    next(folder.glob("00000001-*")).rename(folder / "00000001-000000000099.ckpt")
    assert late.restore("payments").state["number"] == 10


def test_a_storage_that_refuses_no_second_creation_cannot_be_used(tmp_path):
    """Two owners could not be told apart there."""
    store = CheckpointStore(tmp_path)
    store.files.create = lambda path, data: store.files.write(path, [memoryview(data)], lambda step: None) > 0
    with pytest.raises(ConfigError, match="conditional writes"):
        store.claim("payments", owner="one", group="g")


def test_a_race_that_never_ends_is_given_up(tmp_path):
    """After so many lost creations."""
    store = CheckpointStore(tmp_path)
    store.files.create = lambda path, data: False
    with pytest.raises(StorageError, match="100 claims"):
        store.claim("payments", owner="one", group="g")
