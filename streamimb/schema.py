"""The event contract: what an event must look like, declared in TOML or inferred from a file (``streamimb.infer``)."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: Classes are int16 codes and every window keeps a row and a column for each.
CLASSES_MAX = 1_000
#: Codes of hashed categories stay below this, so that float32 holds them exactly.
CATEGORY_CODE_MAX = 1 << 24
#: Features are float32.
NUMBER_ABS_MAX = 3.4e38

ClassName = str | int | bool


class Live:
    """Marks a key that may differ between two starts from one checkpoint.

    No saved value was made to its measure: what goes on from a checkpoint under another value is what would have gone
    on, had it changed between two events. The other keys shape the state.
    """

    def __repr__(self) -> str:
        return "LIVE"


LIVE: Final = Live()


class Strict(BaseModel):
    """A table whose unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Feature(Strict):
    """One input column."""

    #: The feature's name.
    name: Annotated[str, Field(min_length=1)]
    #: What its values are.
    type: Literal["numeric", "categorical", "boolean"] = "numeric"
    #: Where it stands in nested JSON, as ``after.amount``; unless set, at its name.
    path: Annotated[str | None, LIVE] = None
    #: The values, whose codes are their places here; others are missing. Unless set, codes are hashes.
    categories: tuple[str, ...] | None = None
    #: Keep an absent or null value missing (``nan``), put ``default`` there, or refuse the event.
    missing: Annotated[Literal["nan", "default", "refuse"], LIVE] = "nan"
    #: The value that stands for a missing one.
    default: Annotated[float | str | bool | None, LIVE] = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.missing == "default" and self.default is None:
            raise ValueError(f"feature {self.name!r}: missing = 'default' needs a default")
        if self.categories is not None and self.type != "categorical":
            raise ValueError(f"feature {self.name!r}: categories belong to a categorical feature")
        fits = {"numeric": (int, float), "boolean": (bool,), "categorical": (str,)}[self.type]
        odd = self.type == "numeric" and (isinstance(self.default, bool) or not _within_float32(self.default))
        if self.default is not None and (odd or not isinstance(self.default, fits)):
            raise ValueError(f"feature {self.name!r}: the default {self.default!r} is not {self.type}")
        if self.categories is not None and len(self.categories) > CATEGORY_CODE_MAX:
            raise ValueError(f"feature {self.name!r}: more than {CATEGORY_CODE_MAX} categories")
        return self


def _within_float32(value: float | str | bool | None) -> bool:
    return not isinstance(value, float) or abs(value) <= NUMBER_ABS_MAX


class Label(Strict):
    """Where the class is, what the classes are, and which of them matters."""

    #: The field with the class.
    name: Annotated[str, LIVE] = "label"
    #: Where it stands in nested JSON; unless set, at its name.
    path: Annotated[str | None, LIVE] = None
    #: The classes, in the order of their codes.
    classes: Annotated[tuple[ClassName, ...], Field(min_length=2, max_length=CLASSES_MAX)]
    #: The class that matters; unless set, the last. It shapes the state as the class that it stands for.
    positive: Annotated[ClassName | None, LIVE] = None
    #: The field with the moment at which the label became known.
    time: Annotated[str | None, LIVE] = None
    #: A class that is not listed: refuse the event, or treat it as one without a label.
    unknown: Annotated[Literal["refuse", "none"], LIVE] = "refuse"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len({str(c) for c in self.classes}) != len(self.classes):
            raise ValueError("label.classes names a class twice")
        if self.positive is not None and not any(c == self.positive for c in self.classes):
            raise ValueError(f"label.positive {self.positive!r} is none of the classes {list(self.classes)}")
        return self


class Time(Strict):
    """Where the event time is and what it counts."""

    #: The field with the event time.
    name: Annotated[str, LIVE] = "time"
    #: Where it stands in nested JSON; unless set, at its name.
    path: Annotated[str | None, LIVE] = None
    #: Seconds, milliseconds or microseconds since 1970, or ISO 8601.
    unit: Annotated[Literal["s", "ms", "us", "iso"], LIVE] = "iso"


class Identity(Strict):
    """Where the event's id is: text or a whole number."""

    #: The field with the id.
    name: Annotated[str, LIVE] = "id"
    #: Where it stands in nested JSON; unless set, at its name.
    path: Annotated[str | None, LIVE] = None


class Schema(Strict):
    """The whole contract.

    >>> schema = Schema(features=[Feature(name="amount")], label=Label(classes=["legit", "fraud"], positive="fraud"))
    >>> schema.class_names, schema.positive
    (('legit', 'fraud'), 1)
    """

    #: The input columns.
    features: Annotated[tuple[Feature, ...], Field(min_length=1)]
    #: The class.
    label: Label
    #: The event time; without it an event's position is its time.
    time: Time | None = None
    #: The id; without it an event's position is its id.
    id: Identity | None = None
    #: Fields that the contract does not name: pass them over, or refuse the event.
    unknown_fields: Annotated[Literal["ignore", "refuse"], LIVE] = "ignore"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [f.name for f in self.features]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"features named twice: {', '.join(twice)}")
        if self.label.time is not None and self.time is None:
            raise ValueError("label.time needs an event time: declare [schema.time]")
        self._one_reader_each()
        return self

    def _one_reader_each(self) -> None:
        places = [f.path or f.name for f in self.features] + [self.label.path or self.label.name]
        places += [f.path or f.name for f in (self.time, self.id) if f is not None]
        places += [] if self.label.time is None else [self.label.time]
        twice = sorted({p for p in places if places.count(p) > 1})
        if twice:
            raise ValueError(f"two fields read the same place: {', '.join(twice)}")

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes as text, in the order of their codes."""
        return tuple(str(c).lower() if isinstance(c, bool) else str(c) for c in self.label.classes)

    @property
    def positive(self) -> int:
        """Code of the positive class: as declared, else the last listed."""
        if self.label.positive is None:
            return len(self.label.classes) - 1
        return self.label.classes.index(self.label.positive)

    @property
    def n_classes(self) -> int:
        return len(self.label.classes)

    @property
    def has_time(self) -> bool:
        return self.time is not None
