"""The quickstart of a replay, followed as a new user would: each command as the page shows it, and what it answers."""

import csv
import os
import re
import shlex
import subprocess
import sys

import pytest

from tests.system.console import steps
from tests.system.harness import ENV, ROOT

PAGE = (ROOT / "docs" / "quickstart-replay.md").read_text()
EVENTS = 2_000


@pytest.fixture
def shell(tmp_path):
    """Runs a command in an empty folder, as wide as the page; gives its exit code and all that it says."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "streamimb").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m streamimb_services "$@"\n')
    (tools / "streamimb").chmod(0o755)
    env = {key: value for key, value in ENV.items() if not key.startswith("STREAMIMB_")}
    env |= {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "80"}
    folder = tmp_path / "work"
    folder.mkdir()

    def run(command):
        done = subprocess.run(["bash", "-ec", command], capture_output=True, text=True, cwd=folder, env=env)
        return done.returncode, done.stdout + done.stderr

    run.folder = folder
    return run


def told_in_order(shown, told):
    """Whether the lines that are shown are among those told, in this order; ``...`` stands for any number of lines.

    >>> told_in_order("a\\n...\\nd", "a\\nb\\nc\\nd"), told_in_order("d\\n...\\na", "a\\nd")
    (True, False)
    """
    lines = (line.strip() for line in told.splitlines())
    return all(line.strip() in lines for line in shown.splitlines() if line.strip() != "...")


def test_every_command_of_the_page(shell):
    """From the file to the state that a service starts from."""
    seen = []
    for step in steps(PAGE):
        code, told = shell(step.command)
        seen.append(step.command.split()[1])
        if step.command.startswith("ls "):
            assert told.split() == sorted(step.answer.split())
        else:
            assert code == 0 and told_in_order(step.answer, told), f"$ {step.command}\n{told}\nwas to be\n{step.answer}"
    assert seen == ["generate", "schema", "replay", "report", "runs/first", ">", "compare", "replay"]
    assert (shell.folder / "state" / "topic").is_dir()


def test_labels_in_a_file_of_their_own(shell):
    """What the page says they need is enough, and needed."""
    row = next(line for line in PAGE.splitlines() if line.startswith("| are in a file of their own"))
    flag, wait, *_ = re.findall("`([^`]+)`", row)
    still = f"fraud-like --events {EVENTS} --ratio 0.05 --concept none"
    assert shell(f"streamimb generate {still} -o payments.csv --schema labelled.toml")[0] == 0
    contract = (shell.folder / "labelled.toml").read_text()
    (shell.folder / "contract.toml").write_text(contract.replace('time = "label_time"\n', ""))
    (shell.folder / "config.toml").write_text(f'{wait}\n[control]\nobjective = "f1"\n')
    with (shell.folder / "payments.csv").open() as file:
        rows = list(csv.DictReader(file))
    with (shell.folder / "events.csv").open("w") as file:
        bare = csv.DictWriter(file, [key for key in rows[0] if not key.startswith("label")], extrasaction="ignore")
        bare.writeheader()
        bare.writerows(rows)
    with (shell.folder / "labels.csv").open("w") as file:
        file.write("id,label,time\n" + "".join(f"{row['id']},{row['label']},{row['time']}\n" for row in rows))
    command = f"streamimb replay events.csv --schema contract.toml {flag}"
    code, told = shell(f"{command} -c config.toml")
    assert code == 0 and f"{EVENTS - 1:,} learned, 1 still waiting" in told, told  # that of the last moment is not due
    code, told = shell(command)
    assert code == 78 and "label.wait" in told
