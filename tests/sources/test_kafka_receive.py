"""What a connection to a broker reads at once."""

import socket
from types import SimpleNamespace

from streamimb.sources.kafka_receive import RECEIVE_BYTES, receive


def test_all_that_has_come_is_read_at_once():
    """Nothing yet is no error; the other side's end is one, and so is a socket that is gone."""
    ours, theirs = socket.socketpair()
    transport = SimpleNamespace(_sock=ours)
    ours.setblocking(False)
    assert receive(transport) == (b"", None)
    theirs.sendall(bytes(60_000))
    assert receive(transport) == (bytes(60_000), None) and RECEIVE_BYTES > 60_000
    theirs.close()
    data, error = receive(transport)
    assert data == b"" and "disconnected" in str(error)
    ours.close()
    data, error = receive(transport)
    assert data == b"" and error is not None
