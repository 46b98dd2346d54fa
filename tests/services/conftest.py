import numpy as np
import pytest
from typer.testing import CliRunner

from streamimb_services.cli import app

SCHEMA = """
[schema]
features = [{ name = "x" }, { name = "z" }]
[schema.label]
classes = ["good", "bad"]
positive = "bad"
[schema.time]
unit = "s"
[schema.id]
"""


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
    """Variables of the person who runs the tests change nothing."""
    import os

    for name in [n for n in os.environ if n.startswith("STREAMIMB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def stream(tmp_path):
    """Writes a CSV of n events, an hour apart, 10 % bad; every row named in ``broken`` has text for a number."""

    def write(name="s.csv", n=600, start=0, broken=()):
        rng = np.random.default_rng(start + 1)
        bad = rng.random(n) < 0.1
        lines = ["id,time,x,z,label"]
        for i in range(n):
            x = "abc" if i in broken else f"{rng.normal() + 2 * bad[i]:.4f}"
            time = 1_600_000_000 + 3600 * (start + i)
            lines.append(f"e{start + i},{time},{x},{rng.normal():.4f},{'bad' if bad[i] else 'good'}")
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n")
        return str(path)

    return write


@pytest.fixture
def schema(tmp_path):
    path = tmp_path / "schema.toml"
    path.write_text(SCHEMA)
    return str(path)


@pytest.fixture
def streamimb():
    """Runs the command line in this process; the result has exit_code, stdout, stderr."""

    def run(*args, env=None, stdin=None):
        return CliRunner().invoke(app, [str(a) for a in args], env=env, input=stdin)

    return run
