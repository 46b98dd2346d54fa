"""The reference of the command line, from the commands themselves: what ``--help`` says, on one page."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, Final

import typer

from streamimb_services.cli import app

HEAD: Final = """# Command line

Every command and option, from the code; `streamimb COMMAND --help` says the same. Every option has a twin in the
environment, named beside it, which the option goes before; a list is separated by spaces there. What commands end with:
[exit codes](exit-codes.md). What `-c` reads: [configuration](configuration.md).

Made by `python -m streamimb_services.docs cli`.
"""


def commands_page() -> str:
    """The page as Markdown."""
    root = typer.main.get_command(app)
    return HEAD + "".join(_section(name, told, context) for name, told, context in _commands(root, "streamimb", None))


def _commands(command: Any, name: str, parent: Any) -> Iterator[tuple[str, Any, Any]]:
    """Every command that does something, with its whole name and the context that names its variables."""
    context = command.context_class(
        command, info_name=name.rpartition(" ")[2], parent=parent, **command.context_settings
    )
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command, context
    for short, each in (inner or {}).items():
        yield from _commands(each, f"{name} {short}", context)


def _section(name: str, command: Any, context: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    usage = " ".join([name, *(["[OPTIONS]"] if options else []), *(p.metavar for p in arguments)])
    lines = [f"\n## `{name}`\n", f"{_prose(command.help)}\n", f"```text\n{usage}\n```\n"]
    if command.params:
        lines += ["| | what it does | default | in the environment |", "|---|---|---|---|"]
        lines += [_row(p, context) for p in (*arguments, *options)]
        lines.append("")
    return "\n".join(lines)


def _prose(text: str | None) -> str:
    return inspect.cleandoc(text or "").replace("\f", "")


def _row(param: Any, context: Any) -> str:
    if param.param_type_name == "argument":
        names = f"`{param.metavar}`"
    else:
        names = ", ".join(f"`{name}`" for name in (*param.opts, *param.secondary_opts))
        names += "" if param.is_flag else f" `{param.metavar or param.make_metavar(context)}`"
    many = " May be given more than once." if param.multiple else ""
    cells = (names, f"{param.help or ''}{many}", _default(param), _variable(param, context))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(param: Any) -> str:
    value = param.default
    if param.required or value is None or value is False or callable(value) or not isinstance(value, str | int | float):
        return ""
    return f"`{value}`"


def _variable(param: Any, context: Any) -> str:
    if param.param_type_name == "argument":
        return ""
    if param.envvar:
        return f"`{param.envvar}`"
    return f"`{context.auto_envvar_prefix}_{param.name.upper()}`"
