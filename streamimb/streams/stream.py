"""Streams and their chunks: the same seed gives the same events, whatever is read first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamimb.batch import NO_LABEL, WITH_EVENT, Batch
from streamimb.errors import ConfigError
from streamimb.schema import Schema
from streamimb.streams.drawing import CHUNK_EVENTS, Drawing
from streamimb.streams.drifts import Drift
from streamimb.streams.forms import POSITION_MAX
from streamimb.streams.named import named
from streamimb.streams.spec import Spec

#: Batches of :meth:`Stream.batches` where no size is asked for.
BATCH_EVENTS: Final = 4_096


@dataclass(frozen=True, slots=True)
class Stream:
    """n events in order, and the truth about them.

    X: float32 (n, d), NaN for missing, a category as its code; y: int16 (n,), the labels as they are told, -1 where
    none ever is; time: int64 (n,) microseconds, rising; label_time: int64 (n,), when each label is known, ``NEVER``
    for none; true_y: int16 (n,), classes before noise; concept: int64 (n,), what each event was drawn from; drifts:
    those among the first n events, in order of position; start: the first event's position in the whole stream.
    """

    X: NDArray[np.float32]
    y: NDArray[np.int16]
    time: NDArray[np.int64]
    label_time: NDArray[np.int64]
    true_y: NDArray[np.int16]
    concept: NDArray[np.int64]
    schema: Schema
    drifts: tuple[Drift, ...]
    start: int = 0

    def __len__(self) -> int:
        return len(self.y)

    def batches(self, size: int = BATCH_EVENTS) -> Iterator[Batch]:
        """The events for :class:`streamimb.Pipeline`, in batches of at most ``size``; ids are positions as text."""
        late = self.schema.label.time is not None
        for begin in range(0, len(self), size):
            rows = slice(begin, min(begin + size, len(self)))
            known = np.where(self.y[rows] == NO_LABEL, WITH_EVENT, self.label_time[rows])
            yield Batch.of(
                self.X[rows],
                self.y[rows],
                ids=[str(i) for i in range(self.start + rows.start, self.start + rows.stop)],
                time=self.time[rows],
                label_time=known if late else None,
            )


class Chunks:
    """A stream that is read in chunks of ``CHUNK_EVENTS``, in bounded memory however long it is.

    Chunk i depends on the seed and i alone, so that the first events are the same however many follow, unless the
    ratio's schedule is spread over the whole stream (a ramp, a way back or a flip without positions).

    >>> chunks = Chunks("static", n=20_000, seed=1)
    >>> [len(chunk) for chunk in chunks]
    [8192, 8192, 3616]
    """

    def __init__(self, name_or_spec: str | Spec, n: int, seed: int = 1) -> None:
        self.spec = named(name_or_spec).spec if isinstance(name_or_spec, str) else name_or_spec
        if not 1 <= n <= POSITION_MAX:
            raise ConfigError(f"n: {n} events are not between 1 and {POSITION_MAX:,}")
        if seed < 0:
            raise ConfigError(f"seed: {seed} is below 0")
        self.n, self.seed = n, seed
        self.schema = self.spec.schema
        spec = self.spec
        drifts = [*spec.ratio.drifts(n), *spec.concept.drifts(n), *spec.classes.drifts(n)]
        self.drifts = tuple(sorted(drifts, key=lambda drift: drift.position))
        self._drawing = Drawing(spec, n, seed)

    def __len__(self) -> int:
        return -(-self.n // CHUNK_EVENTS)

    def __getitem__(self, i: int) -> Stream:
        """Chunk i of the stream, as a stream that knows all drifts."""
        if not 0 <= i < len(self):
            raise IndexError(f"chunk {i} of {len(self)}")
        start = i * CHUNK_EVENTS
        arrays: dict[str, Any] = {f: a[: self.n - start] for f, a in self._drawing.chunk(i).items()}
        return Stream(**arrays, schema=self.schema, drifts=self.drifts, start=start)

    def __iter__(self) -> Iterator[Stream]:
        return map(self.__getitem__, range(len(self)))


def generate(name_or_spec: str | Spec, n: int = 50_000, seed: int = 1) -> Stream:
    """The first n events of a stream of ``NAMED``, or of one's own spec, held in memory; :class:`Chunks` is for more.

    Raises ConfigError for an unknown name, n below 1 or a seed below 0.

    >>> stream = generate("flip", n=50_000, seed=1)
    >>> stream.X.shape, stream.drifts
    ((50000, 8), (Drift(position=25000, kind='share', detail='positive share 0.01 -> 0.99, roles flip', width=0),))
    >>> [round(float(half.mean()), 2) for half in np.split(stream.y, 2)]
    [0.01, 0.99]
    """
    chunks = Chunks(name_or_spec, n, seed)
    parts = list(chunks)
    joined: dict[str, Any] = {f: np.concatenate([getattr(p, f) for p in parts]) for f in _ARRAYS}
    return Stream(**joined, schema=chunks.schema, drifts=chunks.drifts)


_ARRAYS: Final = ("X", "y", "time", "label_time", "true_y", "concept")
