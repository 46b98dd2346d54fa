"""The event contract guessed from files: feature types from the first rows, classes from all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from streamimb.decode_cells import WHOLE
from streamimb.errors import SchemaError
from streamimb.infer_types import FEATURE_KINDS, Unit, kind_of, misfits_told, odd_seconds, time_unit
from streamimb.near import hint
from streamimb.schema import CLASSES_MAX, ClassName, Feature, Identity, Label, Schema, Time
from streamimb.survey import Survey, refused_told, survey

LABEL_NAMES: Final = ("label", "class", "target", "y")
ID_NAMES: Final = ("id", "event_id", "uuid")
LABEL_TIME_NAMES: Final = ("label_time", "label_ts", "label_known_at", "known_at", "labelled_at", "labeled_at")
TIME_NAMES: Final = ("ts", "time", "timestamp", "event_time", "datetime")
#: A column less like the one that was asked for than this is not offered.
NEAR_COLUMN: Final = 0.4
#: A text column with more different values than this share of its rows tells rows apart, not classes.
UNIQUE_SHARE_MAX: Final = 0.9
UNIQUE_ROWS_MIN: Final = 50
#: An id that a person named is refused where more than this share of the rows repeat one: they are a customer's number.
REPEATED_SHARE_MAX: Final = 0.5
#: A column called an id that repeats more of its values than this may be a customer's, and is a feature.
REPEATED_ID_SHARE_MAX: Final = 0.1


def infer_schema(
    path: str | Path,
    *others: str | Path,
    label: str | None = None,
    id: str | None = None,  # noqa: A002 - the option's own name
    time: str | None = None,
    positive: str | None = None,
    rows: int = 10_000,
) -> tuple[Schema, list[str]]:
    """A schema for a file, and notes on what was guessed; ``others`` continue its stream: their classes count too.

    Raises SchemaError where there is no label column, fewer than two classes, or a named column is missing; InputError
    where the file cannot be read.
    """
    if "-" in map(str, (path, *others)):
        raise SchemaError("standard input cannot be read twice: give --schema")
    notes: list[str] = []

    def choose(columns: Sequence[str]) -> str:
        return _pick(columns, label, LABEL_NAMES, "label") or _no_label(columns)

    found = survey(str(path), choose, rows)
    rest_of_them = [more for other in others if (more := _again(str(other), found.label)) is not None]
    label_ = _label([found, *rest_of_them], positive, notes)
    if told := refused_told(found):
        notes.append(f"{told}: a replay refuses them")
    rest = {name: values for name, values in found.sample.items() if name != found.label}
    time_ = _time(found, rest, time, notes)
    if time_ is not None:
        rest.pop(time_.path or time_.name)
    label_ = _known_at(found, rest, label_, time_, notes)
    id_ = _id(found, rest, id, notes)
    if id_ is not None:
        rest.pop(id_.path or id_.name)
    features = [f for name, values in rest.items() if (f := _feature(found, name, values, notes)) is not None]
    if not features:
        raise SchemaError(f"{path}: no column is left that could be a feature")
    return Schema(features=tuple(features), label=label_, time=time_, id=id_), notes


def _again(path: str, label: str) -> Survey | None:
    """A survey of one more file for its labels, None where it has none."""

    def choose(columns: Sequence[str]) -> str:
        if label not in columns:
            raise _NoLabelsError
        return label

    try:
        return survey(path, choose, 1)
    except _NoLabelsError:
        return None


class _NoLabelsError(Exception):
    """A file without the column of the label."""


def _pick(columns: Sequence[str], asked: str | None, guesses: Sequence[str], role: str) -> str | None:
    if asked is not None:
        if asked in columns:
            return asked
        raise SchemaError(f"--{role} {asked}: the file has no such column {hint(asked, columns, NEAR_COLUMN)}")
    lowered = {c.lower(): c for c in reversed(columns)}
    return next((lowered[g] for g in guesses if g in lowered), None)


def _no_label(columns: Sequence[str]) -> str:
    raise SchemaError(
        f"no column is named {', '.join(LABEL_NAMES)}: say which is the label with --label; "
        f"the columns are {', '.join(columns[:40])}"
    )


def _place(found: Survey, name: str) -> dict[str, str]:
    return {"name": name, "path": name} if name in found.nested else {"name": name}


def _label(surveys: Sequence[Survey], positive: str | None, notes: list[str]) -> Label:
    found, counts = surveys[0], _classes(surveys)
    if len(counts) < 2:
        have = f"only the class {next(iter(counts))!r}" if counts else "no class at all"
        rows = sum(one.rows for one in surveys)
        raise SchemaError(f"label column {found.label!r} holds {have} in {rows:,} rows: two are needed")
    if len(counts) > CLASSES_MAX:
        raise SchemaError(f"label column {found.label!r} holds over {CLASSES_MAX:,} different values: is it a class?")
    names = sorted(counts, key=lambda c: (-counts[c], str(c)))
    if len(kinds := sorted({type(c).__name__ for c in names})) > 1:
        told = ", ".join(map(repr, names[:6]))
        notes.append(f"label column {found.label!r} holds classes of several types ({', '.join(kinds)}): {told}")
    if not all(isinstance(c, str) for c in names):
        names.sort(key=lambda c: (isinstance(c, str), c))
    if positive is None:
        chosen, n = min(counts.items(), key=lambda item: (item[1], str(item[0])))
        notes.append(f"positive class: {_said(chosen)}, the rarest: {n:,} of {counts.total():,} labels")
    else:
        by_text = {_said(c): c for c in names}
        if positive not in by_text:
            raise SchemaError(f"--positive {positive}: no such class {hint(positive, by_text)}")
        chosen = by_text[positive]
    return Label(**_place(found, found.label), classes=tuple(names), positive=chosen)


def _said(value: ClassName) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _classes(surveys: Sequence[Survey]) -> Counter[ClassName]:
    """Classes and their counts over all files, in the narrowest type that fits those of a form."""
    counts: Counter[ClassName] = Counter()
    for form in dict.fromkeys((one.text, one.json) for one in surveys):
        raw: Counter[Any] = Counter()
        for one in surveys:
            raw.update(one.label_counts if (one.text, one.json) == form else {})
        counts.update(_narrow(raw, surveys[0].label, text=form[0], json=form[1]))
    return counts


def _narrow(counts: Counter[Any], label: str, *, text: bool, json: bool) -> Counter[ClassName]:
    if text and all(WHOLE.fullmatch(c.strip()) for c in counts):
        return _renamed(counts, lambda c: int(c.strip().partition(".")[0]))
    if text and all(c.strip().lower() in ("true", "false") for c in counts):
        return _renamed(counts, lambda c: c.strip().lower() == "true")
    if all(isinstance(c, float) and c.is_integer() for c in counts) and not json:
        return _renamed(counts, int)
    odd = [c for c in counts if not isinstance(c, str | int | bool)]
    if odd:
        raise SchemaError(f"label column {label!r} holds {odd[0]!r}: classes are text, whole numbers or booleans")
    return _renamed(counts, lambda c: c)


def _renamed(counts: Counter[Any], to: Any) -> Counter[ClassName]:
    renamed: Counter[ClassName] = Counter()
    for value, n in counts.items():
        renamed[to(value)] += n
    return renamed


def _time(found: Survey, sample: dict[str, list[Any]], asked: str | None, notes: list[str]) -> Time | None:
    name = _pick(list(sample), asked, TIME_NAMES, "time")
    if name is None:
        return None
    present = [v for v in sample[name] if v is not None]
    unit, misfits = _unit(name, present, found.text)
    if unit is None:
        if asked is not None:
            what = "its values are neither numbers nor ISO 8601 times" if present else "it is empty"
            raise SchemaError(f"--time {asked}: {what} in the first {len(sample[name]):,} rows")
        notes.append(f"column {name!r} holds no times: it is taken as a feature")
        return None
    if asked is None:
        notes.append(f"time: column {name!r}, in {unit}")
    if unit == "s" and (odd := odd_seconds(present, found.text)) is not None:
        notes.append(
            f"column {name!r}: {odd} is taken as seconds since 1970; if it is a count, or a date like 20240131, "
            "write the times as ISO 8601 or leave the column out"
        )
    notes += misfits_told(name, misfits, len(present), "times")
    missing = len(sample[name]) - len(present)
    if missing:
        notes.append(
            f"column {name!r}: {missing:,} of the first {len(sample[name]):,} rows have no time: those are refused"
        )
    return Time(**_place(found, name), unit=unit)


def _unit(name: str, present: list[Any], text: bool) -> tuple[Unit | None, list[Any]]:
    try:
        return time_unit(present, text)
    except SchemaError as error:
        raise SchemaError(f"column {name!r}: {error}") from error


def _known_at(found: Survey, sample: dict[str, list[Any]], label: Label, time: Time | None, notes: list[str]) -> Label:
    """The label with the column that tells when it became known, which is no feature: it would give the label away."""
    name = _pick(list(sample), None, (*LABEL_TIME_NAMES, f"{found.label.lower()}_time"), "time")
    if name is None:
        return label
    present = [v for v in sample[name] if v is not None]
    if not present:
        del sample[name]
        notes.append(f"column {name!r} is left out: it seems to say when the label became known, but it is empty here")
        return label
    unit, misfits = _unit(name, present, found.text)
    if unit is None:
        return label
    del sample[name]
    if time is None or unit != time.unit:
        unlike = "events have no time" if time is None else f"events have theirs in {time.unit}, it is in {unit}"
        notes.append(f"column {name!r} is left out: it seems to say when the label became known, but {unlike}")
        return label
    notes.append(f"labels become known at column {name!r}")
    notes += misfits_told(name, misfits, len(present), "times")
    return label.model_copy(update={"time": name})


def _id(found: Survey, sample: dict[str, list[Any]], asked: str | None, notes: list[str]) -> Identity | None:
    name = _pick(list(sample), asked, ID_NAMES, "id")
    if name is None:
        return None
    values = [v for v in sample[name] if v is not None]
    repeated = len(values) - len(set(map(str, values)))
    if asked is None and (repeated or len(values) < len(sample[name]) or any(isinstance(v, float) for v in values)):
        what = "is not unique" if repeated else "is not there in every row" if len(values) < len(sample[name]) else None
        notes.append(f"column {name!r} {what or 'holds fractions'}: it is no id")
        if _counts(values, repeated):
            del sample[name]
            notes.append(
                f"column {name!r} is left out, too: its values tell rows apart, nothing can be learned of them "
                f"(--id {name} takes it for the id all the same)"
            )
        return None
    if asked is None:
        notes.append(f"id: column {name!r}")
    told = f"column {name!r}: {repeated:,} of the first {len(values):,} rows repeat an id that came before"
    if repeated > REPEATED_SHARE_MAX * len(values):
        raise SchemaError(f"--id {asked}: {told}: an id is an event's own, and a second event of one id is refused")
    if repeated:
        notes.append(f"{told}: they are taken for redeliveries or labels")
    return Identity(**_place(found, name))


def _counts(values: Sequence[Any], repeated: int) -> bool:
    """Whether values are a row's number or name, if not quite: few repeat, or whole numbers that never fall."""
    if len(values) < 2 or repeated > REPEATED_SHARE_MAX * len(values):
        return False
    whole = [v for v in map(str, values) if WHOLE.fullmatch(v.strip())]
    if len(whole) < len(values):
        return not any(isinstance(v, float) for v in values) and repeated <= REPEATED_ID_SHARE_MAX * len(values)
    rises = all(float(a) <= float(b) for a, b in pairwise(whole))
    return rises or repeated <= REPEATED_ID_SHARE_MAX * len(values)


def _feature(found: Survey, name: str, values: list[Any], notes: list[str]) -> Feature | None:
    present = [v for v in values if v is not None]
    kind, misfits = kind_of(present, found.text)
    if not present:
        notes.append(f"column {name!r} is empty in the first {len(values):,} rows: taken as numeric")
    if kind is None:
        notes.append(f"column {name!r} is skipped: neither numbers, booleans nor text")
        return None
    if kind == "categorical":
        different = len(set(map(str, present)))
        if different > UNIQUE_SHARE_MAX * len(present) and len(present) >= UNIQUE_ROWS_MIN:
            notes.append(f"column {name!r} is skipped: {different:,} different texts in {len(present):,} rows")
            return None
    notes += misfits_told(name, misfits, len(present), FEATURE_KINDS[kind])
    return Feature(**_place(found, name), type=kind)
