"""Dead letters that are larger than their topic takes: cut, and their headers say so."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from streamimb.sinks.log import Message

#: What a producer sends at most where ``max.request.size`` is not set, bytes: librdkafka's bound, the lower of the two.
REQUEST_BYTES: Final = 1_000_000
#: What a record and its batch weigh beside key, value and headers, bytes.
RECORD_BYTES: Final = 512
HEADER_BYTES: Final = 16
#: What is kept of a key that does not fit, bytes.
KEY_BYTES: Final = 1_024
#: In headers of a message that was cut: bytes of the value before, and their digest.
SIZE: Final = "__streamimb.truncated.bytes"
DIGEST: Final = "__streamimb.truncated.sha256"
OURS: Final = ("__streamimb.", "__connect.errors.")


def message_bytes_max(settings: Mapping[str, object], topics: Mapping[str, int]) -> int:
    """Bytes that each message may have: of ``max.request.size``, and of the least that a topic takes, the lesser.

    >>> message_bytes_max({}, {}), message_bytes_max({"max.request.size": 5_000_000}, {"dead": 1_048_588})
    (1000000, 1048588)
    """
    return min([int(str(settings.get("max.request.size", REQUEST_BYTES))), *topics.values()])


def weight(message: Message) -> int:
    """Bytes that a message takes uncompressed, at most."""
    headers = sum(len(name.encode()) + len(value or b"") + HEADER_BYTES for name, value in message.headers)
    return RECORD_BYTES + len(message.key or b"") + len(message.value or b"") + headers


def shortened(message: Message, bytes_max: int) -> Message:
    """The message, or what fits of it: its value is cut, and where that is not enough the key and foreign headers too.

    >>> cut = shortened(Message("dead", b"x" * 5_000), 2_000)
    >>> len(cut.value), weight(cut) <= 2_000, dict(cut.headers)["__streamimb.truncated.bytes"]
    (1333, True, b'5000')
    """
    if weight(message) <= bytes_max:
        return message
    value, key = message.value or b"", message.key
    told = [(SIZE, str(len(value)).encode()), (DIGEST, hashlib.sha256(value).hexdigest().encode())]
    headers = [*message.headers, *told]
    rest = weight(message._replace(value=None, headers=headers))
    if rest > bytes_max:
        headers = [(name, content) for name, content in headers if name.startswith(OURS)]
        key = None if key is None else key[:KEY_BYTES]
        rest = weight(message._replace(value=None, key=key, headers=headers))
    kept = None if message.value is None else value[: max(0, bytes_max - rest)]
    return message._replace(value=kept, key=key, headers=headers)
