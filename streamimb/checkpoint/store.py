"""Checkpoints of units of state (a topic, or a partition) in one place: written by an owner, read by anyone."""

from __future__ import annotations

import platform
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import unquote

from streamimb.checkpoint import epochs
from streamimb.checkpoint.files import Entry, Files, LocalFiles, Probe, no_probe
from streamimb.checkpoint.format import Header, RottenError, header_bytes, pack, unpack, unpack_header
from streamimb.checkpoint.places import CHECKPOINTS, SEGMENTS, folder_of, path_of, segment_path
from streamimb.checkpoint.retention import Retention
from streamimb.checkpoint.setup import Setup
from streamimb.config import Config
from streamimb.errors import ConfigError, FencedError, StateError, StorageError
from streamimb.learners.base import State
from streamimb.schema import Schema
from streamimb.sources.log import Partition

#: So much of a file is read first for its header.
HEADER_GUESS_BYTES: Final = 1 << 18

#: No segment was read before.
NONE: Final[Mapping[Segment, State]] = MappingProxyType({})
_NAME: Final = re.compile(r"(\d{8})-(\d{12})\.ckpt")


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment's file, as checkpoints refer to it."""

    name: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What was saved.

    segments: what waits for labels, oldest first; offsets: the next of each partition; meta: what the writer noted;
    rotten: newer ones that could not be used, and why; files: the segments' files; setup: the configuration and the
    contract that it was saved under, with the digest of what shapes state.
    """

    unit: str
    name: str
    epoch: int
    state: State
    segments: tuple[State, ...]
    offsets: dict[Partition, int]
    meta: dict[str, Any]
    rotten: tuple[tuple[str, str], ...] = ()
    files: tuple[Segment, ...] = ()
    setup: Header = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Written:
    """A checkpoint in place: its size and that of the segments written with it; names of those that were removed."""

    name: str
    bytes: int
    segment_bytes: int
    removed: tuple[str, ...]


class CheckpointStore:
    """A folder, or a url that fsspec knows (``s3://bucket/prefix``; storage_options are its file system's own).

    keep: generations of each unit that are kept, or which. setup: what the state is made under; what is restored must
    have been saved under the same state-shaping configuration. probe: told each step of a write.

    Raises ConfigError where the url cannot be used.
    """

    def __init__(
        self,
        url: str | Path,
        keep: int | Retention = 5,
        storage_options: Mapping[str, Any] | None = None,
        *,
        setup: Setup | None = None,
        probe: Probe = no_probe,
    ) -> None:
        self.url, self.setup, self.probe = str(url), setup, probe
        if not self.url:
            raise ConfigError("checkpoints: the url is empty: name a folder or s3://bucket/prefix, as state.url does")
        self.keep = keep if isinstance(keep, Retention) else Retention(keep)
        self.files = _files(self.url, storage_options)

    @classmethod
    def of(cls, url: str, schema: Schema, config: Config) -> CheckpointStore:
        """The store at ``url`` of what a configuration and a contract make, kept as the configuration says."""
        return cls(url, Retention.of(config.state), config.state.storage_options, setup=Setup(schema, config))

    def try_out(self) -> None:
        """Write, read and remove a small file where checkpoints are kept. Raises StorageError where that fails."""
        name, words = f"try-{secrets.token_hex(8)}", b"streamimb was here"
        self.files.write(name, [memoryview(words)], no_probe)
        try:
            if self.files.read(name) != words:
                raise StorageError(f"{self.url}: what was written is not what is read back")
        finally:
            self.files.remove(name)

    def units(self) -> list[str]:
        """The units that were ever claimed or saved here."""
        return [unquote(name) for name in self.files.folders()]

    def claim(self, unit: str, *, owner: str, group: str) -> Claim:
        """Own a unit: from now on every older owner's next write fails.

        owner: who this is, as a member's id; group: only members of one group may follow each other
        (``epochs.NO_GROUP``: nobody's, as a replay's end). Raises ConfigError naming the holder where another group's,
        StorageError.
        """
        folder = folder_of(unit)
        saved = bool(self.entries(unit))
        mine = epochs.claim(self.files, folder, owner=owner, group=group, where=self.url, saved=saved)
        self.files.sweep(epochs.folder_of(folder))
        claimed = Claim(self, unit, mine)
        claimed.sweep()
        return claimed

    def holder(self, unit: str) -> epochs.Holder | None:
        """Who owns a unit now."""
        return epochs.holder(self.files, folder_of(unit), epochs.highest(self.files, folder_of(unit)))

    def entries(self, unit: str) -> list[Entry]:
        """The unit's checkpoints, oldest first: name, size, when written."""
        found = self.files.entries(f"{folder_of(unit)}/{CHECKPOINTS}")
        return [e._replace(name=e.name.removesuffix(".ckpt")) for e in found if _NAME.fullmatch(e.name)]

    def newest(self, unit: str) -> str | None:
        """The newest checkpoint's name; None where there is none."""
        entries = self.entries(unit)
        return entries[-1].name if entries else None

    def header(self, unit: str, name: str) -> Header:
        """A checkpoint's header, read alone. Raises RottenError, or StateError where there is none of that name."""
        path = path_of(unit, name)
        start = self._bytes(path, name, HEADER_GUESS_BYTES)
        if header_bytes(start) > len(start) == HEADER_GUESS_BYTES:
            start = self._bytes(path, name, header_bytes(start))
        return unpack_header(start)

    def read(self, unit: str, name: str, at_hand: Mapping[Segment, State] = NONE) -> Checkpoint:
        """A checkpoint and its segments, verified. Raises RottenError, StateError where there is none, StorageError.

        at_hand: segments that were read before, which never change: they are not read again.
        """
        return self._whole(unit, name, self._bytes(path_of(unit, name), name), at_hand)

    def look(self, unit: str, name: str) -> tuple[Header, str]:
        """A checkpoint's header, and why the whole, read once with its segments, cannot be used; empty where it can.

        Raises as ``header``.
        """
        data = self._bytes(path_of(unit, name), name)
        header = unpack_header(data)
        try:
            self._whole(unit, name, data)
        except StateError as error:
            return header, str(error)
        return header, ""

    def _whole(self, unit: str, name: str, data: bytes, at_hand: Mapping[Segment, State] = NONE) -> Checkpoint:
        header, state = unpack(data)
        if header["name"] != name or header["unit"] != unit:
            raise RottenError(f"holds {header['unit']} {header['name']}: a copy under another name")
        files = tuple(Segment(*named) for named in header["segments"])
        offsets = {Partition(topic, number): offset for topic, number, offset in header["offsets"]}
        return Checkpoint(
            unit, name, int(header["epoch"]), state["state"],
            tuple(at_hand[f] if f in at_hand else self._segment(unit, f.name) for f in files),
            offsets, state["meta"], files=files, setup=header["setup"],
        )  # fmt: skip

    def restore(
        self, unit: str, name: str | None = None, *, before: str | None = None, at_hand: Mapping[Segment, State] = NONE
    ) -> Checkpoint | None:
        """The newest that verifies (of those older than ``before``), or the named one; None where there is none.

        at_hand: as ``read`` takes it.
        ``rotten`` of it tells of newer ones that did not verify. Raises StateError where there are checkpoints but none
        verifies, where the named one does not, and where one was saved in another format or under another
        state-shaping configuration; StorageError. A state of another version is for the pipeline to refuse.
        """
        rotten: list[tuple[str, str]] = []
        names = [e.name for e in reversed(self.entries(unit)) if before is None or e.name < before]
        names = names if name is None else [name]
        for each in names:
            try:
                found = self.read(unit, each, at_hand)
            except RottenError as error:
                rotten.append((each, str(error)))
                continue
            except StateError as error:
                raise StateError(f"{self.url}: checkpoint {each} of {unit}: {error}") from None
            if self.setup is not None:
                self.setup.refuse(found.setup, f"{self.url}: checkpoint {each} of {unit}")
            return replace(found, rotten=tuple(rotten))
        if rotten:
            told = "; ".join(f"{each}: {why}" for each, why in rotten)
            raise StateError(f"{self.url}: no checkpoint of {unit} can be used: {told}")
        return None

    def _segment(self, unit: str, name: str) -> State:
        data = self.files.read(segment_path(unit, name))
        if data is None:
            raise RottenError(f"its segment {name} is not there")
        try:
            header, state = unpack(data)
        except RottenError as error:
            raise RottenError(f"its segment {name}: {error}") from None
        if header["name"] != name:
            raise RottenError(f"its segment {name} holds {header['name']}")
        return dict(state)

    def _bytes(self, path: str, name: str, bytes_max: int | None = None) -> bytes:
        data = self.files.read(path, bytes_max)
        if data is None:
            raise StateError(f"there is no checkpoint {name}")
        return data


class Claim:
    """The right to write a unit's checkpoints, until somebody claims it after.

    ``held``: the name of a checkpoint that is kept whatever its age, as one that a commit names; ``held_until``: it and
    all before it are kept, as what there was when learning was frozen.
    """

    def __init__(self, store: CheckpointStore, unit: str, holder: epochs.Holder) -> None:
        self.unit, self.holder = unit, holder
        self._store, self._files, self._folder = store, store.files, folder_of(unit)
        self._number = max((int(e.name.partition("-")[2]) for e in store.entries(unit)), default=0)
        self._refs: dict[str, tuple[Segment, ...]] = {}  # what each checkpoint refers to, as far as it was looked up
        self._live: tuple[Segment, ...] = ()
        self._dropped = 0
        # Segments' names never come again, not where the place is emptied and another's epochs begin at 1: readers
        # take what they read of a name for what it holds.
        self._token = secrets.token_hex(4)
        self._ahead: list[tuple[State, Segment]] = []  # written for a checkpoint that could not be
        self.held: str | None = None
        self.held_until: str | None = None

    @property
    def epoch(self) -> int:
        return self.holder.epoch

    def check(self) -> None:
        """Raise FencedError where a higher epoch was claimed."""
        found = epochs.highest(self._files, self._folder)
        if found > self.epoch:
            after = epochs.holder(self._files, self._folder, found)
            raise FencedError(f"{self._store.url}: {self.unit} belongs to {after} now; this was epoch {self.epoch}")

    def release(self) -> None:
        """Take the claim back, unless anything was ever saved of the unit; nothing is to be written after."""
        if not self._store.entries(self.unit):
            epochs.release(self._files, self._folder, self.holder)

    def restore(self, name: str | None = None) -> Checkpoint | None:
        """As the store's ``restore``; what is written from now on goes on from its segments."""
        found = self._store.restore(self.unit, name)
        if found is not None:
            self.follow(found)
        return found

    def follow(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint that was read before: its segments are the first of those that writes count."""
        self._live, self._dropped = checkpoint.files, 0

    def write(
        self, state: State, segments_new: Sequence[State], drop: int, offsets: Mapping[Partition, int],
        meta: Mapping[str, Any],
    ) -> Written:  # fmt: skip
        """Save.

        segments_new: those since the last write that succeeded; drop: how many of all segments since the claim (those
        of the restored checkpoint first) no restore needs any more, so it never falls. Raises FencedError where another
        owner came, StorageError where it cannot be written (nothing has changed then; the same segments are due with
        the next write), StateError where the state is not plain data.
        """
        self.check()
        self._store.probe("before write")
        self._number += 1
        name = f"{self.epoch:08d}-{self._number:012d}"
        try:
            new = [self._segment_of(f"{name}-{i}-{self._token}", i, s) for i, s in enumerate(segments_new)]
            live = (*self._live, *new)[max(drop - self._dropped, 0) :]
            header = self._header(name, live, offsets)
            size = self._files.write(path_of(self.unit, name), pack(header, _saved(state, meta)), self._store.probe)
        except StorageError:
            self.check()  # an owner after this one sweeps what this one was writing
            raise
        self.check()
        self._live, self._dropped, self._refs[name] = live, max(drop, self._dropped), live
        self._ahead.clear()
        removed = self._prune()
        self._store.probe("after prune")
        return Written(name, size, sum(s.bytes for s in new), tuple(removed))

    def _segment_of(self, name: str, i: int, segment: State) -> Segment:
        """The i-th new segment in a file: the one that it has from a try that failed, so that tries pile up none."""
        if i < len(self._ahead) and self._ahead[i][0] is segment:
            return self._ahead[i][1]
        del self._ahead[i:]
        self._ahead.append((segment, self._write_segment(name, segment)))
        return self._ahead[i][1]

    def _write_segment(self, name: str, segment: State) -> Segment:
        pieces = pack({"kind": "segment", "name": name}, segment)
        size = self._files.write(segment_path(self.unit, name), pieces, self._probe_segment)
        return Segment(name, size)

    def _probe_segment(self, step: str) -> None:
        self._store.probe(f"segment: {step}")

    def _header(self, name: str, live: Sequence[Segment], offsets: Mapping[Partition, int]) -> Header:
        return {
            "kind": "checkpoint", "unit": self.unit, "name": name, "epoch": self.epoch, "versions": versions(),
            "owner": self.holder.owner, "group": self.holder.group,
            "offsets": sorted([topic, number, int(offset)] for (topic, number), offset in offsets.items()),
            "segments": [[s.name, s.bytes] for s in live],
            "setup": {} if self._store.setup is None else self._store.setup.told,
        }  # fmt: skip

    def sweep(self) -> None:
        """Remove what crashes left: files without a name, segments that no checkpoint refers to."""
        for folder in (CHECKPOINTS, SEGMENTS):
            self._files.sweep(f"{self._folder}/{folder}")
        self._remove_segments()

    def _prune(self) -> list[str]:
        """Remove checkpoints beyond those kept, then the segments that only they needed.

        What cannot be removed is left for the next time: the checkpoint is in place all the same.
        """
        try:
            entries, until = self._store.entries(self.unit), self.held_until or ""
            kept = self._store.keep.kept(entries) | {self.held}
            old = [entry.name for entry in entries if entry.name not in kept and entry.name > until]
            for name in old:
                self._files.remove(path_of(self.unit, name))
                self._refs.pop(name, None)
            self._remove_segments()
        except StorageError:
            return []
        return old

    def _remove_segments(self) -> None:
        needed = {segment.name for segment in self._live}
        for entry in self._store.entries(self.unit):
            if entry.name not in self._refs:
                try:
                    named = self._store.header(self.unit, entry.name)["segments"]
                except StateError:
                    return  # what it refers to is not known: all stays
                self._refs[entry.name] = tuple(Segment(*each) for each in named)
            needed.update(segment.name for segment in self._refs[entry.name])
        for found in self._files.entries(f"{self._folder}/{SEGMENTS}"):
            if found.name.removesuffix(".seg") not in needed:
                self._files.remove(f"{self._folder}/{SEGMENTS}/{found.name}")


def versions() -> dict[str, str]:
    """What a state was made with."""
    told = {"python": platform.python_version()}
    for package in ("streamimb", "numpy"):
        try:
            told[package] = version(package)
        except PackageNotFoundError:  # run from a tree that was never installed
            told[package] = "unknown"
    return told


def _saved(state: State, meta: Mapping[str, Any]) -> dict[str, Any]:
    return {"state": state, "meta": dict(meta)}


def _files(url: str, storage_options: Mapping[str, Any] | None) -> Files:
    scheme, found, rest = url.partition("://")
    if not found or scheme == "file":
        return LocalFiles(Path(rest if found else url))
    from streamimb.checkpoint.object_files import ObjectFiles

    return ObjectFiles(url, storage_options)
