"""The benchmark of those that wait on a handful of events: that it runs and says all, never how fast."""


def test_it_prints_a_row_a_size_and_restores_what_it_saved(script, capsys):
    """Snapshots after the first hold the same, however many wait; the restored state is the same."""
    script.main(["--events", "100000"])
    told = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in told.splitlines() if line[:3] == "| 1"]
    assert [row[0] for row in rows] == ["10,000", "100,000"]
    assert rows[0][-2] == rows[1][-2]
    assert "restored 170,000 events" in told and "the state is the same" in told
