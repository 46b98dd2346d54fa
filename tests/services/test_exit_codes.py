import signal
from pathlib import Path

import pytest

from streamimb import errors
from streamimb.errors import ConfigError
from streamimb_services.exits import INTERRUPTED, UNEXPECTED
from streamimb_services.interrupt import AtOnce
from streamimb_services.serve import settings_of
from tests.services.conftest import SCHEMA

PAGE = Path(__file__).parents[2] / "docs" / "exit-codes.md"


def rows():
    """Code and name of every row of the table."""
    cells = [[c.strip() for c in line.split("|")[1:3]] for line in PAGE.read_text().splitlines() if line[:1] == "|"]
    return [(int(code), name) for code, name in cells if code.isdigit()]


def test_the_page_tells_every_error_and_its_code():
    """Each error that is raised on purpose has its row, with the code that it ends with; no row is of another."""
    known = {
        (kind.exit_code, name)
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and kind is not errors.StreamimbError
    }
    assert {row for row in rows() if row[1]} == known


def test_the_page_tells_the_codes_that_are_no_errors_of_ours():
    """Success, the unforeseen, usage and signals."""
    codes = {code for code, name in rows() if not name}
    assert codes == {0, UNEXPECTED, 2, INTERRUPTED, AtOnce(signal.SIGTERM).exit_code}
    assert AtOnce(signal.SIGINT).exit_code == INTERRUPTED


def test_a_transaction_that_brokers_end_before_its_checkpoint(tmp_path):
    """state.every_seconds beyond transaction.timeout.ms would be fenced (76): it is refused, naming both."""
    text = """
    [kafka]
    bootstrap.servers = "127.0.0.1:1"
    [source]
    topic = "t"
    [state]
    url = "state"
    every_seconds = 900
    [output]
    predictions = "p"
    transactions = true
    [control]
    objective = "f1"
    """
    (tmp_path / "c.toml").write_text(text)
    (tmp_path / "s.toml").write_text(SCHEMA)
    with pytest.raises(
        ConfigError, match=r"state\.every_seconds is 900 s, but kafka\.transaction\.timeout\.ms"
    ) as told:
        settings_of(tmp_path / "c.toml", tmp_path / "s.toml", {}, {})
    assert told.value.exit_code == 78
    (tmp_path / "c.toml").write_text(text.replace("900", "899"))
    settings_of(tmp_path / "c.toml", tmp_path / "s.toml", {}, {})


def test_a_replays_help_tells_what_a_signal_ends_it_with(streamimb):
    """Both signals, with a summary and before there is one."""
    said = " ".join(streamimb("replay", "--help").stdout.split())
    assert "with the summary so far (exit 130, and 0)" in said
    assert "exit 130 for Ctrl-C, 143 for SIGTERM (-15 to" in said and "standard output is empty" in said
