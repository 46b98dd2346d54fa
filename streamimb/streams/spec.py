"""What a stream is made of, and the families by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from streamimb.durations import UNITS_US
from streamimb.errors import ConfigError
from streamimb.near import hint
from streamimb.schema import CLASSES_MAX, Identity, Label, Schema, Time
from streamimb.streams.changes import Changes
from streamimb.streams.clusters import Clusters
from streamimb.streams.concepts import Concepts, Static, parse_concept
from streamimb.streams.delays import Delays, Noise
from streamimb.streams.families import Family
from streamimb.streams.forms import checked_share, share, written
from streamimb.streams.hyperplane import Hyperplane
from streamimb.streams.payments import Payments
from streamimb.streams.rules import Rules
from streamimb.streams.shares import Constant, Ratio, parse_ratio
from streamimb.streams.sums import Sums

FAMILIES: Final[dict[str, Callable[[int, int], Family]]] = {
    "clusters": Clusters,
    "hyperplane": Hyperplane,
    "sums": lambda seed, _: Sums(seed),
    "rules": lambda seed, _: Rules(seed),
    "payments": lambda seed, _: Payments(seed),
}
#: Families that have more than two classes where asked.
MANY_CLASSES: Final = ("clusters", "hyperplane")

_RATIO, _STATIC, _NO_CHANGES, _NO_DELAY, _NO_NOISE = Constant(0.01), Static(), Changes(), Delays(), Noise()

#: How the texts of a command line are read: keyword of :meth:`Spec.with_texts` -> reader.
_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "ratio": parse_ratio,
    "concept": parse_concept,
    "classes": Changes.read,
    "delay": Delays.read,
    "noise": Noise.read,
    "borderline": lambda text: share(text, "borderline"),
    "rare": lambda text: share(text, "rare"),
    "missing": lambda text: share(text, "missing"),
}


@dataclass(frozen=True, slots=True)
class Spec:
    """A stream but for its length and seed. Raises ConfigError where the parts do not fit together.

    family: a name of FAMILIES; n_classes: K; ratio, concept, classes, delay, noise: the schedules; borderline and rare:
    the shares of positive events that lie between the classes, and on small islands among the others (Napierala and
    Stefanowski, 2016); missing: the share of cells that are missing; interval_us: microseconds between two events.

    >>> str(Spec(family="sums").with_texts(ratio="ramp:0.5->0.01", delay="7d").ratio)
    'ramp:0.5->0.01'
    """

    family: str = "clusters"
    n_classes: int = 2
    ratio: Ratio = _RATIO
    concept: Concepts = _STATIC
    classes: Changes = _NO_CHANGES
    borderline: float = 0.0
    rare: float = 0.0
    missing: float = 0.0
    delay: Delays = _NO_DELAY
    noise: Noise = _NO_NOISE
    interval_us: int = 10 * UNITS_US["s"]

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise ConfigError(f"family: no family is named {self.family!r} {hint(self.family, FAMILIES)}")
        most = CLASSES_MAX if self.family in MANY_CLASSES else 2
        if not 2 <= self.n_classes <= most:
            raise ConfigError(f"n_classes: {self.family} has 2 to {most} classes, not {self.n_classes}")
        for key in ("borderline", "rare", "missing"):
            checked_share(getattr(self, key), key)
        if self.borderline + self.rare > 1:
            raise ConfigError(f"borderline and rare: {self.borderline:g} and {self.rare:g} are more than all events")
        if not UNITS_US["ms"] <= self.interval_us <= UNITS_US["w"]:
            raise ConfigError(f"interval_us: {self.interval_us} is not between a millisecond and a week")
        names = self.family_of(0).class_names
        self.ratio.fits(self.n_classes)
        self.classes.fits(names)
        self.delay.of(names)
        self.noise.of(names)

    def family_of(self, seed: int) -> Family:
        """The family, its concepts given by the seed."""
        return FAMILIES[self.family](seed, self.n_classes)

    def with_texts(self, **texts: str | None) -> Self:
        """The same but for what is given as text: ratio, concept, classes, delay, noise, borderline, rare, missing."""
        for key in texts:
            if key not in _READERS:
                raise ConfigError(f"no part of a stream is named {key!r} {hint(key, _READERS)}")
        return replace(self, **{key: _READERS[key](text) for key, text in texts.items() if text is not None})

    def texts(self) -> Mapping[str, str]:
        """Every part in its text form."""
        parts = {key: getattr(self, key) for key in _READERS}
        return {key: written(part) if isinstance(part, float) else str(part) for key, part in parts.items()}

    @property
    def schema(self) -> Schema:
        """The event contract: ``id``, ``time`` in ms, the features, ``label``, and ``label_time`` if it is late."""
        family = self.family_of(0)
        late = "label_time" if self.delay.any else None
        label = Label(classes=family.class_names, positive=family.class_names[-1], time=late)
        return Schema(features=family.features, label=label, time=Time(unit="ms"), id=Identity())
