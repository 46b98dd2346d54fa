"""Ready-made streams by name, each with what it shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from streamimb.durations import UNITS_US
from streamimb.errors import ConfigError
from streamimb.near import hint
from streamimb.streams.spec import Spec


@dataclass(frozen=True, slots=True)
class Named:
    """A spec, and what its stream shows."""

    spec: Spec
    shows: str


def _stream(shows: str, family: str = "clusters", n_classes: int = 2, **texts: str) -> Named:
    return Named(Spec(family=family, n_classes=n_classes).with_texts(**texts), shows)


_DRIFTS: Final = "10000,20000,30000,40000"
_FRAUD: Final = Spec(family="payments", interval_us=UNITS_US["m"]).with_texts(
    ratio="step:0.01@30000->0.004",
    concept="gradual:20000/4000",
    borderline="0.2",
    missing="0.02",
    delay="fraud=exp:3d,legit=7d",
    noise="fraud=0.05",
)

NAMED: Final[dict[str, Named]] = {
    "static": _stream("one in a hundred and nothing ever changes: whatever alarms, alarms falsely"),
    "balanced": _stream("two classes of equal size and nothing ever changes", ratio="0.5"),
    "extreme": _stream("one in two thousand: thousands of events without a positive one", ratio="0.0005"),
    "ramp": _stream("a half that becomes one in a hundred along the whole stream", ratio="ramp:0.5->0.01"),
    "step": _stream("one in ten that is suddenly one in a hundred", ratio="step:0.1@20000->0.01"),
    "flip": _stream("the minority becomes the majority at once", ratio="flip:0.01->0.99@25000"),
    "back": _stream("a half that becomes one in a hundred, and a half again", ratio="back:0.5->0.01->0.5"),
    "concept": _stream(
        "four sudden changes of concept at a steady ratio", "hyperplane", ratio="0.05", concept=f"sudden:{_DRIFTS}"
    ),
    "gradual": _stream(
        "two slow changes of concept", "hyperplane", ratio="0.05", concept="gradual:15000/5000,35000/5000"
    ),
    "recurring": _stream("two concepts that take turns", "sums", ratio="0.1", concept="recurring:10000"),
    "rules": _stream("categories only, and rules that change", "rules", ratio="0.05", concept=f"sudden:{_DRIFTS}"),
    "both": _stream(
        "concept and ratio change together", ratio="step:0.1@20000->0.01", concept="sudden:20000,40000"
    ),
    "borderline": _stream(
        "rare events between the classes and on islands among the others", ratio="0.02", borderline="0.4", rare="0.2"
    ),
    "late-labels": _stream(
        "rare labels within hours, the others' after a day", ratio="0.05", delay="rare=exp:6h,rest=1d"
    ),
    "only-rare-told": _stream(
        "only rare labels ever come: the rest is what nobody complained about",
        ratio="0.05", delay="rare=exp:6h,rest=never",
    ),
    "noisy-labels": _stream("a fifth of the rare labels are wrong, some others too", ratio="0.05",
                            noise="rare=0.2,rest=0.01"),
    "classes": _stream(
        "five classes: one appears, one vanishes, one is redefined", n_classes=5, ratio="0.4/0.3/0.15/0.1/0.05",
        classes="appear:c5@10000,vanish:c3@20000,redefine:c4@30000",
    ),
    "rotate": _stream(
        "five classes that take turns in being rare", n_classes=5, ratio="rotate:0.6/0.25/0.1/0.04/0.01@10000"
    ),
    "fraud-like": Named(_FRAUD, "card payments: mixed features, a new way of fraud, late and wrong labels"),
}  # fmt: skip


def named(name: str) -> Named:
    """The stream of that name. Raises ConfigError, which names the nearest.

    >>> str(named("ramp").spec.ratio)
    'ramp:0.5->0.01'
    """
    if name not in NAMED:
        raise ConfigError(f"no stream is named {name!r} {hint(name, NAMED)}; `streamimb generate --list` shows all")
    return NAMED[name]
