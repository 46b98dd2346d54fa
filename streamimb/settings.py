"""Where a configuration comes from: options over environment over one TOML file over the defaults of ``Config``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from streamimb.config import SERVICE_TABLES, Config
from streamimb.durations import is_count, parse_duration
from streamimb.errors import ConfigError, InputError
from streamimb.near import asked, meant, nearest
from streamimb.schema import LIVE
from streamimb.service_config import flatten, is_secret

PREFIX: Final = "STREAMIMB_"
#: Sets a key apart from its table in an environment variable: ``STREAMIMB_CONTROL__EVERY``.
NESTED: Final = "__"
#: What is shown in place of a secret.
SECRET: Final = "(secret)"
#: A key less like another than this is not taken for it misspelt: it may be the right one in the wrong table.
NEAR_KEY: Final = 0.6
#: A wrong value is shown up to this many characters.
SHOWN_CHARS_MAX: Final = 80

#: The key that an error begins with.
_KEY: Final = re.compile(r"\w+(?:\.\w+)+")
#: Durations, which must be right whatever the stream is; those of labels count events where it has no times.
_DURATIONS = ("time.ahead_max", "window.time")
_DURATIONS_OR_COUNTS = ("label.delay", "label.wait", "label.remember", "label.early")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from; ``name`` is the file, the variable or the option."""

    kind: Literal["default", "file", "environment", "option"]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """A configuration and the origin of each key that is not a default, by its dotted path."""

    config: Config
    origins: Mapping[str, Origin] = field(default_factory=dict)

    def items(self) -> Iterator[tuple[str, Any, Origin]]:
        """Every key but those of the schema, with its value and origin, in the order of ``Config``."""
        for table, section in self.config:
            if isinstance(section, dict):
                for name, value in section.items():
                    yield next(self._leaves(f"{table}.{name}", SECRET if is_secret(name) else value))
            elif table != "schema_":
                yield from self._leaves(table, section)

    @contextmanager
    def naming(self) -> Iterator[None]:
        """Where values are put to use: an error that begins with a key begins with the origin of its value instead.

        >>> with Settings(Config(), {"learner.model": Origin("file", "c.toml")}).naming():
        ...     raise ConfigError("learner.model: unknown model 'lineer'")
        Traceback (most recent call last):
        streamimb.errors.ConfigError: c.toml: learner.model: unknown model 'lineer'
        """
        try:
            yield
        except ConfigError as error:
            key = _KEY.match(str(error))
            origin = next((o for k, o in self.origins.items() if key and _touch(k, key[0])), None)
            raise ConfigError(f"{_said(origin)}{error}") from error

    def is_live(self, key: str) -> bool | None:
        """Whether a key may differ at the next start that goes on from the same state; None where no state knows it.

        >>> [Settings(Config()).is_live(key) for key in ("control.every", "control.objective", "log.level")]
        [False, True, None]
        """
        *tables, name = key.split(".")
        if tables[0] in SERVICE_TABLES:
            return None
        table: BaseModel = self.config
        for inner in tables:
            table = getattr(table, inner)
        return LIVE in type(table).model_fields[name].metadata

    def _leaves(self, path: str, value: Any) -> Iterator[tuple[str, Any, Origin]]:
        if isinstance(value, BaseModel):
            for name, inner in value:
                yield from self._leaves(f"{path}.{name}", inner)
        else:
            inside = (o for key, o in self.origins.items() if key == path or key.startswith(f"{path}."))
            yield path, value, next(inside, Origin("default"))


def load_settings(
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
    options: Mapping[str, tuple[str, Any]] | None = None,
) -> Settings:
    """The configuration that holds, with the origin of every key.

    options: the key's dotted path -> (the option's name, its value); a value of None was not given. Raises ConfigError
    for unknown keys and wrong values, InputError where the file cannot be read.

    >>> load_settings(environ={"STREAMIMB_CONTROL__EVERY": "1000"}).config.control.every
    1000
    """
    tree: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    if path is not None:
        tree = _with_client_settings(read_toml(path))
        origins.update((key, Origin("file", str(path))) for key in _dotted(tree))
    for name, text in sorted((environ or {}).items()):
        if text and name.startswith(PREFIX) and NESTED in name[len(PREFIX) :]:
            parts = name[len(PREFIX) :].lower().split(NESTED)
            parts = [parts[0], ".".join(parts[1:]).replace("_", ".")] if parts[0] == "kafka" else parts
            _put(tree, parts, _from_text(parts, text), origins, Origin("environment", name))
    for key, (option, value) in (options or {}).items():
        if value is not None:
            table, _, name = key.partition(".")
            parts = [table, name] if table == "kafka" else key.split(".")
            _put(tree, parts, value, origins, Origin("option", option))
    return Settings(_validated(tree, origins), origins)


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as a table. Raises InputError, or ConfigError with the line and the column."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot read the configuration: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 at byte {error.start}: TOML is written in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        what, _, where = str(error).partition(" (at ")
        raise ConfigError(f"{path}: {where.rstrip(')') or 'somewhere'}: {what}") from None


def _with_client_settings(tree: dict[str, Any]) -> dict[str, Any]:
    return tree | ({"kafka": flatten(tree["kafka"])} if "kafka" in tree else {})


def _dotted(tree: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _dotted(value, f"{path}{key}.")
        else:
            yield f"{path}{key}"


def _put(tree: dict[str, Any], parts: list[str], value: Any, origins: dict[str, Origin], origin: Origin) -> None:
    key = ".".join(parts)
    for part in parts[:-1]:
        inner = tree.setdefault(part, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{_said(origin)}{key}: {part} holds the value {_shown(inner)} already, not a table")
        tree = inner
    for old in [k for k in origins if k == key or k.startswith(f"{key}.")]:
        del origins[old]
    tree[parts[-1]] = value
    origins[key] = origin


def _from_text(parts: list[str], text: str) -> Any:
    """Tables, lists and free parameters are written as TOML; numbers and words as they are."""
    known, annotation = _place(tuple(parts))
    if len(known) == len(parts) and get_origin(annotation) not in (dict, tuple) and annotation is not Any:
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _validated(tree: dict[str, Any], origins: Mapping[str, Origin]) -> Config:
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(_explain(error, origins)) from None
    _no_loose_types(tree, config, origins)
    for key in (*_DURATIONS, *_DURATIONS_OR_COUNTS):
        table, name = key.split(".")
        text = getattr(getattr(config, table), name)
        if text is not None:
            has_time = key in _DURATIONS or not is_count(text)
            parse_duration(text, has_time=has_time, key=f"{_said(origins.get(key))}{key}")
    return config


def _no_loose_types(
    raw: Any, value: Any, origins: Mapping[str, Origin], path: str = "", origin: Origin | None = None
) -> None:
    """Raise ConfigError where a number or a boolean was given as something else, but for the texts of the environment.

    raw: what was given at ``path``, a dotted key; value: what was made of it; origin: that of the table around it.
    """
    origin = origins.get(path, origin)
    if isinstance(raw, dict):
        for key, inner in raw.items():
            made = value.get(key) if isinstance(value, dict) else getattr(value, "schema_" if key == "schema" else key)
            _no_loose_types(inner, made, origins, f"{path}.{key}" if path else str(key), origin)
    elif isinstance(raw, list) and isinstance(value, list | tuple):
        for number, (inner, made) in enumerate(zip(raw, value, strict=True)):
            _no_loose_types(inner, made, origins, f"{path}.{number}", origin)
    elif isinstance(value, int | float) and (isinstance(raw, str) or isinstance(raw, bool) != isinstance(value, bool)):
        if isinstance(raw, str) and origin is not None and origin.kind != "file":
            return  # all that the environment and options know
        wanted = "true or false" if isinstance(value, bool) else "a number"
        quotes = ", without quotes" if isinstance(raw, str) else ""
        raise ConfigError(f"{_said(origin)}{path} = {_shown(raw)}: must be {wanted}{quotes}")


def _explain(error: ValidationError, origins: Mapping[str, Origin]) -> str:
    """One line a key; what a union's members ask for is joined with "or"."""
    lines: dict[str, str] = {}
    for problem in error.errors(include_url=False):
        loc = problem["loc"]
        known, _ = _place(loc)
        key = ".".join(map(str, loc if problem["type"] == "extra_forbidden" else known)) or "the configuration"
        table = key.rpartition(".")[0] if problem["type"] == "missing" else key
        said = _said(next((o for k, o in origins.items() if _touch(k, table)), None))
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            lines[key] = f"{said}{key} is no known key{_nearest(loc)}"
        elif problem["type"] == "missing":
            lines[key] = f"{said}{key} is missing"
        elif problem["type"] in ("model_type", "dict_type"):
            lines[key] = f"{said}{key} = {_shown(problem['input'])}: must be a table"
        elif problem["type"] == "too_short":
            if not any(other.startswith(f"{key}.") for other in lines):  # a bad item counts as none
                lines[key] = (
                    f"{said}{key} = {_shown(problem['input'])}: must have {problem['ctx']['min_length']} or more"
                )
        elif problem["type"] == "value_error" and isinstance(problem["input"], dict):
            lines[key] = f"{said}{message}"  # says itself which keys do not go together
        elif key in lines and message.startswith("Input should be "):
            lines[key] += f" or {message.removeprefix('Input should be ')}"
        else:
            allowed = re.sub(r"^Input should ", "must ", message)
            lines[key] = f"{said}{key} = {_shown(problem['input'])}: {allowed}{_meant(problem)}"
    return "\n       ".join(lines.values())


def _meant(problem: ErrorDetails) -> str:
    """The word of a closed set that may have been meant."""
    if problem["type"] != "literal_error":
        return ""
    return meant(str(problem["input"]), re.findall(r"'([^']+)'", problem["ctx"]["expected"]))


def _touch(key: str, other: str) -> bool:
    """One is the other or lies within it."""
    return f"{key}.".startswith(f"{other}.") or other.startswith(f"{key}.")


def _nearest(loc: tuple[int | str, ...]) -> str:
    *path, wrong = map(str, loc)
    near = _match(path, str(wrong), _siblings(loc[:-1]))
    if near is None:  # perhaps the right key in the wrong table
        near = next((key for key in known_keys() if key.rsplit(".", 1)[-1] == wrong), None)
    if near is None:
        table = ".".join(path)
        return f"; {table or 'the configuration'} has {', '.join(_siblings(loc[:-1]))}"
    return asked(near)


def _match(path: list[str], wrong: str, known: list[str]) -> str | None:
    near = nearest(wrong, known, NEAR_KEY)
    return None if near is None else ".".join([*path, near])


def known_keys(model: type[BaseModel] = Config, path: str = "") -> list[str]:
    """The dotted path of every key but those of the schema."""
    keys: list[str] = []
    for name, info in model.model_fields.items():
        inner = _bare(info.annotation)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            keys += [] if name == "schema_" else known_keys(inner, f"{path}{name}.")
        else:
            keys.append(f"{path}{name}")
    return keys


def _siblings(loc: tuple[int | str, ...]) -> list[str]:
    _, model = _place(loc)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return []
    return [info.alias or name for name, info in model.model_fields.items()]


def _place(loc: tuple[int | str, ...]) -> tuple[list[int | str], Any]:
    """How far a location leads through the tables of ``Config``, and the type it ends at."""
    known: list[int | str] = []
    at: Any = Config
    for part in loc:
        if isinstance(at, type) and issubclass(at, BaseModel):
            fields = {info.alias or name: info for name, info in at.model_fields.items()}
            if part not in fields:
                break
            at = _bare(fields[str(part)].annotation)
        elif get_origin(at) is dict or (get_origin(at) is tuple and isinstance(part, int)):
            at = _bare(get_args(at)[get_origin(at) is dict])
        else:
            break
        known.append(part)
    return known, at


def _bare(annotation: Any) -> Any:
    """The type without its bounds and without None."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, UnionType):
        members = [a for a in get_args(annotation) if a is not NoneType]
        return _bare(members[0]) if len(members) == 1 else annotation
    return annotation


def _said(origin: Origin | None) -> str:
    return f"{origin.name}: " if origin is not None and origin.name else ""


def _shown(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= SHOWN_CHARS_MAX else text[: SHOWN_CHARS_MAX - 3] + "..."
