import signal
from pathlib import Path

from streamimb import errors
from streamimb_services.exits import INTERRUPTED, UNEXPECTED
from streamimb_services.interrupt import AtOnce

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
