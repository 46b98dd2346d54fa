"""Who may write: epochs, each claimed by exclusive creation of a file that names its holder. The highest owns."""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from streamimb.checkpoint.files import Files
from streamimb.errors import ConfigError, StorageError

#: Claims that are kept to tell who held what; older ones are removed by the next claim.
EPOCHS_KEPT: Final = 8
#: Claims of one unit lost in a row to others before this gives up.
RACES_MAX: Final = 100
#: An owner that no group may object to, as a replay that saves its end: any group takes over from it.
NO_GROUP: Final = ""

_NAME: Final = re.compile(r"(\d{8})\.json")


@dataclass(frozen=True, slots=True)
class Holder:
    """Who claimed an epoch; ``group`` None where the claim cannot be read.

    machine: among whom ``pid`` is one process's (:func:`machine_of`); empty where that is not known.
    """

    epoch: int
    owner: str
    group: str | None
    host: str
    pid: int
    machine: str = ""

    def __str__(self) -> str:
        group = f"group {self.group!r}" if self.group else "a replay" if self.group == NO_GROUP else "unknown"
        return f"{group}, owner {self.owner!r}, process {self.pid} on {self.host}, epoch {self.epoch}"


def folder_of(unit: str) -> str:
    """Where a unit's claims are."""
    return f"{unit}/epochs"


def epochs(files: Files, unit: str) -> list[int]:
    """The epochs that were claimed, as far as claims are kept, in order."""
    found = [_NAME.fullmatch(entry.name) for entry in files.entries(folder_of(unit))]
    return [int(match[1]) for match in found if match]


def highest(files: Files, unit: str) -> int:
    """The epoch that owns the unit; 0 where nobody ever claimed it."""
    return max(epochs(files, unit), default=0)


def holder(files: Files, unit: str, epoch: int) -> Holder | None:
    """Who claimed an epoch; None where there is no such claim."""
    data = files.read(f"{folder_of(unit)}/{epoch:08d}.json")
    if data is None:
        return None
    try:
        told = json.loads(data)
        machine = str(told.get("machine", ""))
        return Holder(epoch, str(told["owner"]), str(told["group"]), str(told["host"]), int(told["pid"]), machine)
    except (ValueError, KeyError, TypeError):
        return Holder(epoch, "unknown", None, "unknown", 0)


def claim(files: Files, unit: str, *, owner: str, group: str, where: str, saved: bool = True) -> Holder:
    """Claim the epoch after the highest.

    saved: whether the unit has checkpoints; where it has none, the claim of a process that is known to be gone holds
    nothing.
    Raises ConfigError where another group holds the unit, or where the storage does not refuse to create a file that
    is there already; StorageError.
    """
    for _ in range(RACES_MAX):
        known = epochs(files, unit)
        _refuse_strangers(files, unit, known, group, where, saved)
        mine = Holder(max(known, default=0) + 1, owner, group, socket.gethostname(), os.getpid(), machine_of())
        path = f"{folder_of(unit)}/{mine.epoch:08d}.json"
        if files.create(path, _told(mine)):
            if files.create(path, _told(mine)):
                files.remove(path)
                raise ConfigError(
                    f"state.url {where}: this storage creates a file although it is there: it cannot tell two owners "
                    "apart. Take one with conditional writes (S3's If-None-Match)"
                )
            for epoch in known[:-EPOCHS_KEPT]:
                files.remove(f"{folder_of(unit)}/{epoch:08d}.json")
            return mine
    raise StorageError(f"{where}: {RACES_MAX} claims of {unit} in a row were lost to others")


def release(files: Files, unit: str, mine: Holder) -> None:
    """Take a claim back, by whoever made it and will write nothing."""
    files.remove(f"{folder_of(unit)}/{mine.epoch:08d}.json")


def _refuse_strangers(files: Files, unit: str, known: list[int], group: str, where: str, saved: bool) -> None:
    """Raise ConfigError where the newest claim that can be read is another group's."""
    for epoch in reversed(known):
        held = holder(files, unit, epoch)
        if held is None or held.group is None or (not saved and _is_gone(held)):
            continue
        if held.group not in (group, NO_GROUP):
            gone = f", or remove {folder_of(unit)}/{epoch:08d}.json there if that process is gone: it saved nothing"
            raise ConfigError(
                f"state.url {where}: {unit} belongs to {held}, not to group {group!r}: give each group a place of its "
                f"own{'' if saved else gone}"
            )
        return


def machine_of() -> str:
    """What tells the processes among whom a pid is looked up from all others: the kernel's boot and the pid namespace.

    Containers may share a name, and each has a process 1. Empty where there is no Linux ``/proc``.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_bytes().decode().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _is_gone(held: Holder) -> bool:
    """Whether the holder's process is known to be there no more.

    It is not known of a process in another container, on another machine or before a restart of this one, nor where
    another process has its pid by now.
    """
    if held.host != socket.gethostname() or held.pid <= 0 or not held.machine or held.machine != machine_of():
        return False
    try:
        os.kill(held.pid, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False


def _told(mine: Holder) -> bytes:
    """The claim as it is written, with a token, so that no two are equal."""
    return json.dumps({**asdict(mine), "token": secrets.token_hex(8)}, sort_keys=True).encode()
