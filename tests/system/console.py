"""What a document shows: its console blocks as commands with what each is said to answer, and its files."""

import re
from dataclasses import dataclass

#: What numbers look like where only their place is promised.
NUMBER = r"-?\d[\d,]*(?:\.\d+)?(?:e-?\d+)?"


@dataclass(frozen=True)
class Shown:
    """One command of a document, and the lines that it is said to answer."""

    command: str
    answer: str


@dataclass(frozen=True)
class File:
    """A file that a document gives whole."""

    name: str
    text: str


def steps(markdown):
    """The commands and files of a document in order. A file is a block after a line that is its name and a colon."""
    found = []
    for before, language, text in re.findall(r"([^\n]*)\n*```(\w+)\n(.*?)```", markdown, re.DOTALL):
        named = re.fullmatch(r"`([\w.-]+)`:", before)
        if language == "console":
            found += _commands(text)
        elif named:
            found.append(File(named[1], text))
    return found


def _commands(block):
    """Each command of a console block; one that feeds on what follows (``<<EOF``) goes on to its end."""
    found, lines = [], iter(block.splitlines())
    for line in lines:
        if not line.startswith("$ "):
            found[-1][1].append(line)
            continue
        command = [line[2:]]
        if end := re.search(r"<<(\w+)", line):
            for more in lines:
                command.append(more)
                if more == end[1]:
                    break
        found.append(("\n".join(command), []))
    return [Shown(command, "\n".join(answer).strip()) for command, answer in found]


def answers(shown, told, *, exactly=True):
    """Whether an answer holds the lines that were shown; ``...`` stands for anything, a number for any if not exactly.

    >>> answers('{"a":1,...}', '{"a":1,"b":2}'), answers("9 events", "8 events")
    (True, False)
    >>> answers("9 events in 0.1 s", "8 events in 12 s", exactly=False)
    True
    """
    parts = (_literally(part, exactly) for part in shown.split("..."))
    return re.search("^" + "[^\n]*".join(parts) + "$", told, re.MULTILINE) is not None


def _literally(text, exactly):
    return re.escape(text) if exactly else NUMBER.join(map(re.escape, re.split(NUMBER, text)))
