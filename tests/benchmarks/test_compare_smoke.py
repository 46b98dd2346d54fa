"""The benchmark of coverage on a handful of trials: that it runs and says all."""

import re


def test_the_table_of_coverage_is_printed(script, capsys):
    """A row a case, every share between 0 and 1."""
    script.main(3)
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == ["| independent errors", "| errors last 100 events"]
    shares = [float(share) for row in rows for share in re.findall(r"[01]\.\d{3}", row)]
    assert len(shares) == 14
    assert all(0 <= share <= 1 for share in shares)
