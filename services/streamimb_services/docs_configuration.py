"""The reference of the configuration, from its models: docstrings, types, bounds, defaults and ``#:`` comments."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from streamimb.config import SERVICE_TABLES, ClassSamplesConfig, Config
from streamimb.learners.blend import BlendParameters, MemberParameters
from streamimb.learners.forest import ForestParameters
from streamimb.learners.linear import LinearParameters
from streamimb.learners.river import AdapterParameters
from streamimb.learners.tree import TreeParameters
from streamimb.schema import LIVE, Feature, Identity, Label, Schema, Time
from streamimb_services.show import toml_value

HEAD: Final = """# Configuration

Every key, from the code. One TOML file holds them; `streamimb config show -c C.toml` prints each with its value and
where that came from, and `streamimb check-config C.toml` says what is wrong with it. An unknown key is refused, with
the nearest known one named. Options go before the environment, the environment before the file, the
file before the defaults. A key's twin in the environment is `STREAMIMB_`, the table, two underscores and the key:
`STREAMIMB_CONTROL__EVERY=1000`, `STREAMIMB_DRIFT__RECALL__ACTION=tell`.

*Between starts* says what may differ from what a checkpoint was made under:

* `live`: another value goes on from the checkpoint, as if it had changed between two events;
* `fixed`: it shapes the state; another value is refused (exit 70), and both values are shown;
* `start`: only a service reads it, when it starts; it is not part of the state.

Durations are written `90s`, `15m`, `6h`, `7d`; where the stream has no times, those of labels are counts of events.
What each key does in practice: [choosing](choosing.md), [tuning](tuning.md).

Made by `python -m streamimb_services.docs configuration`.
"""

KAFKA: Final = """
## `[kafka]`

The client's own settings under their usual names, as `bootstrap.servers`, `security.protocol`, `sasl.mechanism`,
`ssl.ca.location`: passed on and checked. What is secret is never shown. In the environment
`STREAMIMB_KAFKA__BOOTSTRAP_SERVERS`. Between starts: `start`.
"""
CONTRACT: Final = """
## The event contract

In a file of its own (`--schema`), as `streamimb schema infer FILE` writes it, or in the configuration.
"""
PARAMETERS: Final = """
## Parameters of the learners

What `learner.parameters` takes, by `learner.model`; `fixed` between starts. A river classifier takes its constructor's
parameters, and beside them those of the last table.
"""
#: The heading of each learner's table, and the model that checks what it is given.
LEARNERS: Final[dict[str, type[BaseModel]]] = {
    "linear": LinearParameters,
    "tree": TreeParameters,
    "forest": ForestParameters,
    "blend": BlendParameters,
    "a member of `blend`": MemberParameters,
    "`river.` and a classifier": AdapterParameters,
}

#: How a duration that may be a count is declared.
_DURATION: Final = {str, int}
_NAMES: Final = {bool: "`true`, `false`", str: "text", int: "whole number", float: "number", Any: "any value"}
#: A table of many of its kind, and how it is written.
_MANY: Final = {"samples.classes": ("samples.classes.NAME", ClassSamplesConfig)}


def configuration_page() -> str:
    """The page as Markdown."""
    parts = [HEAD]
    for name, field in Config.model_fields.items():
        if isinstance(model := field.annotation, type) and issubclass(model, BaseModel):
            parts += [_section(path, table) for path, table in _tables(name, model)]
        elif name == "kafka":
            parts.append(KAFKA)
    parts += [PARAMETERS, *(_parameters(name, model) for name, model in LEARNERS.items())]
    parts.append(
        "\n## The event contract\n\nIn a file of its own (`--schema`), or in the configuration as `[schema]`.\n"
    )
    for path, contract in (("schema", Schema), ("schema.features", Feature), ("schema.label", Label),
                           ("schema.time", Time), ("schema.id", Identity)):  # fmt: skip
        parts.append(_section(path, contract, brackets="[[]]" if contract is Feature else "[]", level=3))
    return "".join(parts)


def _tables(path: str, model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """A table, where it has keys of its own, and those inside it, each with its dotted path."""
    if any(_keys(model)):
        yield path, model
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _tables(f"{path}.{name}", inner)
        if many := _MANY.get(f"{path}.{name}"):
            yield many


def _section(path: str, model: type[BaseModel], *, brackets: str = "[]", level: int = 2) -> str:
    half = len(brackets) // 2
    told = inspect.cleandoc(model.__doc__ or "").split("\n>>> ")[0].strip().replace("``", "`")
    lines = [f"\n{'#' * level} `{brackets[:half]}{path}{brackets[half:]}`\n", f"{told}\n"]
    lines += ["| key | values | default | between starts | what it says |", "|---|---|---|---|---|"]
    lines += [_row(path, name, field, meanings(model)[name]) for name, field in _keys(model)]
    return "\n".join(lines) + "\n"


def _parameters(name: str, model: type[BaseModel]) -> str:
    lines = [f"\n### {name if '`' in name else f'`{name}`'}\n"]
    lines += ["| key | values | default | what it says |", "|---|---|---|---|"]
    for key, field in model.model_fields.items():
        lines.append(_cells(key, values(field.annotation, field.metadata), _default(field), meanings(model)[key]))
    return "\n".join(lines) + "\n"


def _keys(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """The keys of a table itself: not the tables in it, which have sections of their own."""
    for name, field in model.model_fields.items():
        kinds = [kind for kind in (field.annotation, *get_args(field.annotation)) if isinstance(kind, type)]
        if not any(issubclass(kind, BaseModel) for kind in kinds) and get_args(field.annotation)[:1] != (Feature,):
            yield name, field


def _row(path: str, name: str, field: FieldInfo, meaning: str) -> str:
    start = path.partition(".")[0] in SERVICE_TABLES
    change = "start" if start else "live" if LIVE in field.metadata else "fixed"
    return _cells(name, values(field.annotation, field.metadata), _default(field), change, meaning)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, tuple):
        value = [each.model_dump() if isinstance(each, BaseModel) else each for each in value]
    return "not set" if value is None else f"`{toml_value(value)}`"


def _cells(name: str, *cells: str) -> str:
    return " | ".join(["| `" + name + "`", *(cell.replace("|", "\\|").replace("``", "`") for cell in cells)]) + " |"


def values(kind: Any, constraints: Sequence[Any] = ()) -> str:
    """What a key may be, in words.

    >>> values(int, Config.model_fields["control"].annotation.model_fields["every"].metadata)
    'whole number, over 0, at most 1e15'
    >>> values(Literal["tell", "reset"] | None)
    '`tell`, `reset`'
    """
    if get_origin(kind) is Annotated:
        inner, *more = get_args(kind)
        return values(inner, [*constraints, *(c for each in more for c in getattr(each, "metadata", ()))])
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    if get_origin(kind) in (Union, UnionType):
        kinds = [each for each in get_args(kind) if each is not NoneType]
        if set(kinds) == _DURATION:
            return "duration, or a count of events"
        return ", or ".join(values(each, constraints) for each in kinds)
    if get_origin(kind) is tuple:
        listed = [each for each in get_args(kind) if each is not Ellipsis]
        return f"list of {values(listed[0])}" if len(listed) == 1 else " and ".join(values(each) for each in listed)
    if get_origin(kind) is dict:
        return f"table: name to {values(get_args(kind)[1])}"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "tables, below"
    return ", ".join([_NAMES[kind], *_bounds(constraints)])


def _bounds(constraints: Sequence[Any]) -> Iterator[str]:
    for constraint in constraints:
        for bound, words in (("gt", "over"), ("ge", "at least"), ("lt", "below"), ("le", "at most")):
            if (limit := getattr(constraint, bound, None)) is not None:
                whole = limit == int(limit) and abs(limit) < 10**11
                yield f"{words} {int(limit):,}" if whole else f"{words} {limit:g}".replace("e+", "e")


def meanings(model: type[BaseModel]) -> dict[str, str]:
    """The comment above each key of a model, ``#:`` as of any documented name; of a key that is inherited, its owner's.

    >>> meanings(Time)["name"]
    'The field with the event time.'
    """
    found: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        if not (issubclass(owner, BaseModel) and owner.__module__.startswith("streamimb.")):
            continue
        comment: list[str] = []
        for line in map(str.strip, inspect.getsource(owner).splitlines()):
            name = line.partition(":")[0]
            if line.startswith("#:"):
                comment.append(line[2:].strip())
            elif comment and name.isidentifier():
                found[name.rstrip("_")] = " ".join(comment)
                comment = []
    return found
