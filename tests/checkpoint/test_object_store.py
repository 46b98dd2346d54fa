"""The same store on an S3 server (moto's), and on any file system that fsspec knows."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import fsspec
import numpy as np
import pytest
from moto.server import ThreadedMotoServer

from streamimb import testing
from streamimb.checkpoint import CheckpointStore
from streamimb.errors import ConfigError, FencedError, StateError, StorageError
from tests.checkpoint.trees import P0, Crash, CrashAt, tree

BUCKET = "states"


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, object]]:
    """Options of a server that runs; the bucket is there."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    options = {
        "key": "any", "secret": "any", "client_kwargs": {"endpoint_url": f"http://{host}:{port}"},
        "config_kwargs": {"retries": {"max_attempts": 0}},
    }  # fmt: skip
    fsspec.filesystem("s3", **options).mkdir(BUCKET)
    yield options
    server.stop()


@pytest.fixture
def url() -> str:
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"


def test_what_was_written_is_restored(server, url):
    """State, segments, offsets, meta; the older owner is fenced, another group refused."""
    first = CheckpointStore(url, storage_options=server).claim("payments", owner="one", group="fraud")
    written = first.write(tree(1), [tree(10)], 0, {P0: 7}, {"last": 5})
    found = CheckpointStore(url, storage_options=server).restore("payments")
    assert testing.digest(found.state) == testing.digest(tree(1))
    assert (found.name, found.offsets, found.meta) == (written.name, {P0: 7}, {"last": 5})
    with pytest.raises(ConfigError, match="group 'fraud', owner 'one'"):
        CheckpointStore(url, storage_options=server).claim("payments", owner="x", group="other")
    second = CheckpointStore(url, storage_options=server).claim("payments", owner="two", group="fraud")
    assert [s["number"] for s in second.restore().segments] == [10]
    with pytest.raises(FencedError, match="owner 'two'"):
        first.write(tree(2), [], 0, {P0: 8}, {})


def test_racing_claimers_get_different_epochs(server, url):
    """The conditional put decides."""
    with ThreadPoolExecutor(8) as pool:
        stores = [CheckpointStore(url, storage_options=server) for _ in range(8)]
        got = list(pool.map(lambda s: s.claim("payments", owner="one", group="g").epoch, stores))
    assert sorted(got) == list(range(1, 9))


def test_generations_and_segments_are_removed(server, url):
    """As in a folder."""
    store = CheckpointStore(url, keep=2, storage_options=server)
    claim = store.claim("payments", owner="one", group="g")
    for i in range(5):
        claim.write(tree(i), [tree(10 + i)], i, {}, {})
    assert [e.name for e in store.entries("payments")] == ["00000001-000000000004", "00000001-000000000005"]
    assert all(e.bytes > 8_000 and e.modified > 1e9 for e in store.entries("payments"))
    assert len(store.files.entries("payments/segments")) == 2
    assert store.units() == ["payments"]


def test_a_rotten_object_is_seen(server, url):
    """The one before it is taken; where none verifies it is an error."""
    store = CheckpointStore(url, storage_options=server)
    claim = store.claim("payments", owner="one", group="g")
    names = [claim.write(tree(i), [], 0, {}, {}).name for i in range(2)]
    fs = fsspec.filesystem("s3", **server)
    for done, name in enumerate(reversed(names)):
        path = f"{url}/payments/checkpoints/{name}.ckpt"
        fs.pipe_file(path, fs.cat_file(path)[:-100])
        if done == 0:
            found = store.restore("payments")
            assert found.state["number"] == 0 and found.rotten[0][0] == names[1]
    with pytest.raises(StateError, match="can be used"):
        store.restore("payments")


@pytest.mark.parametrize("megabytes", [1, 60])
def test_a_crash_in_mid_upload_leaves_nothing(server, url, megabytes):
    """Neither where the object is sent at once nor where it goes in parts."""
    store = CheckpointStore(url, storage_options=server, probe=CrashAt("mid-write", 2))
    claim = store.claim("payments", owner="one", group="g")
    claim.write(tree(1), [], 0, {}, {})
    with pytest.raises(Crash):
        claim.write({"big": np.zeros(megabytes << 17)}, [], 0, {}, {})
    assert store.restore("payments").state["number"] == 1


def test_a_large_state_goes_in_parts(server, url):
    """And comes back whole."""
    state = {"big": np.arange(8 << 20, dtype=np.float64)}
    store = CheckpointStore(url, storage_options=server)
    store.claim("payments", owner="one", group="g").write(state, [], 0, {}, {})
    assert (store.restore("payments").state["big"] == state["big"]).all()


def test_a_store_that_is_away_is_a_storage_error():
    """Claiming, reading and writing say which object, and what was wrong."""
    options = {
        "key": "a", "secret": "b", "client_kwargs": {"endpoint_url": "http://127.0.0.1:9"},
        "config_kwargs": {"retries": {"max_attempts": 0}, "connect_timeout": 1},
    }  # fmt: skip
    store = CheckpointStore(f"s3://{BUCKET}/x", storage_options=options)
    with pytest.raises(StorageError, match=f"s3://{BUCKET}/x/payments.*EndpointConnectionError"):
        store.claim("payments", owner="one", group="g")
    with pytest.raises(StorageError):
        store.restore("payments")


def test_any_file_system_that_can_create_exclusively_will_do():
    """fsspec's own in memory is one."""
    store = CheckpointStore(f"memory://{uuid.uuid4().hex}")
    assert store.restore("payments") is None and store.units() == []
    claim = store.claim("payments", owner="one", group="g")
    claim.write(tree(1), [tree(2)], 0, {}, {})
    assert claim.restore().state["number"] == 1


def test_an_unknown_kind_of_store_is_a_wrong_configuration():
    """The url is named."""
    with pytest.raises(ConfigError, match=r"state\.url 'nosuch://x'"):
        CheckpointStore("nosuch://x")
