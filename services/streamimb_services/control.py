"""`streamimb control`: pull a lever of a running service, or fetch all that were pulled."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Final

from streamimb.errors import ConfigError, InputError, StateError

#: A lever is answered once a checkpoint remembers it.
TIMEOUT_S: Final = 90.0
ANSWER_BYTES_MAX: Final = 16_777_216


def control(url: str, kind: str, token_file: Path | None, order: dict[str, Any]) -> dict[str, Any]:
    """Pull a lever; what was recorded, by unit. Raises ConfigError, StateError or InputError as the service says."""
    told = _asked(f"{url.rstrip('/')}/control/{kind}", token_file, json.dumps(order).encode())
    levers: dict[str, Any] = json.loads(told)["levers"]
    return levers


def export(url: str, token_file: Path | None, unit: str | None) -> str:
    """The levers so far, as NDJSON."""
    query = f"?unit={unit}" if unit else ""
    return _asked(f"{url.rstrip('/')}/levers{query}", token_file, None).decode()


def _asked(url: str, token_file: Path | None, body: bytes | None) -> bytes:
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"--url {url}: it begins with http:// or https://")
    headers = {"content-type": "application/json"}
    if token_file is not None:
        try:
            headers["authorization"] = f"Bearer {token_file.read_text().strip()}"
        except OSError as error:
            raise ConfigError(f"--token-file {token_file}: {error.strerror or error}") from None
    request = urllib.request.Request(url, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            content: bytes = answer.read(ANSWER_BYTES_MAX)
            return content
    except urllib.error.HTTPError as error:
        raise _told(url, error) from None
    except OSError as error:
        raise InputError(f"{url}: no answer: {getattr(error, 'reason', error)}") from None


def _told(url: str, error: urllib.error.HTTPError) -> Exception:
    try:
        said = json.loads(error.read(ANSWER_BYTES_MAX))
        what = f"{url}: {said['error']}: {said['todo']}"
    except (ValueError, KeyError, TypeError):
        what = f"{url}: answered {error.code}"
    kind = {
        400: ConfigError,
        401: ConfigError,
        403: ConfigError,
        409: StateError,
        500: StateError,
        504: StateError,
    }.get(error.code, InputError)
    return kind(what)
