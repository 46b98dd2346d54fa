"""Seeded streams with known drifts, for tests, examples and benchmarks.

>>> from streamimb.streams import Spec, generate
>>> stream = generate("concept", n=30_000, seed=1)
>>> [(drift.position, drift.kind) for drift in stream.drifts]
[(10000, 'concept'), (20000, 'concept')]
>>> own = Spec(family="sums").with_texts(ratio="ramp:0.5->0.01@0..10000", delay="7d")
>>> generate(own, n=100, seed=1).X.shape
(100, 3)
"""

from streamimb.streams.delays import NEVER
from streamimb.streams.drawing import CHUNK_EVENTS
from streamimb.streams.drifts import Drift
from streamimb.streams.named import NAMED, Named, named
from streamimb.streams.spec import FAMILIES, Spec
from streamimb.streams.stream import Chunks, Stream, generate

__all__ = [
    "CHUNK_EVENTS",
    "FAMILIES",
    "NAMED",
    "NEVER",
    "Chunks",
    "Drift",
    "Named",
    "Spec",
    "Stream",
    "generate",
    "named",
]
