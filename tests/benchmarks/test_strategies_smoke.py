"""The benchmark of strategies on a handful of events: that it runs every one and says all, never how good."""

import json
import lzma
import tomllib
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCORER = '''
def score(y, p, q):
    """How often a decision was right, under each name."""
    right = float((y == q).mean())
    return {name: right for name in ("g_mean", "kappa", "auc", "average_precision") if p.shape[1] == 2 or name != "auc"}
'''


@pytest.fixture
def folders(tmp_path):
    """Streams of two and of three classes with their scorer and a peer, and a real stream."""
    rng = np.random.default_rng(5)
    made, data = tmp_path / "streams", tmp_path / "data"
    made.mkdir()
    data.mkdir()
    for name, n_classes in (("b_x", 2), ("m_x", 3)):
        X = rng.normal(size=(600, 2)).astype(np.float32)
        y = np.minimum((X[:, 0] > 0.8) * 1 + (X[:, 1] > 1.0) * 1, n_classes - 1).astype(np.int16)
        np.savez(made / f"{name}.npz", X=X, y=y, categorical=np.zeros(2, bool), n_classes=n_classes)
    (made / "score.py").write_text(SCORER)
    full = {"g_mean": 0.25, "kappa": 0.5, "auc": 0.75, "average_precision": 0.125}
    (made / "peers.json").write_text(json.dumps({"PEER": {"b_x": full, "m_x": full}, "HALF": {"b_x": full}}))
    rows = [f"{a:.3f},{'yes' if a > 1 else 'no'}" for a in rng.normal(size=600)]
    (data / "calls.csv.xz").write_bytes(lzma.compress("\n".join(["age,label", *rows]).encode() + b"\n"))
    return made, data


def test_every_strategy_has_its_row_in_both_tables(script, folders, capsys):
    """Each strategy is run on both folders; only the blend has rows for what is done when recall falls."""
    made, data = folders
    script.main(["--streams", str(made), "--data", str(data), "--learners", "linear", "blend"])
    lines = capsys.readouterr().out.splitlines()
    n = len(script.strategies())
    for learner, rows in (("linear", n - 4), ("blend", n)):
        assert sum(f"| {learner} |" in line for line in lines) == 2 * rows
    values = [float(cell) for line in lines if "| linear |" in line for cell in line.split("|")[3:7]]
    assert all(-1 <= v <= 1 for v in values)


def test_the_peers_stand_beside(script, folders, capsys):
    """A peer's means are over the streams that were run, and say so where some are missing."""
    made, _ = folders
    script.main(["--streams", str(made), "--learners", "linear", "--strategies", "none"])
    printed = capsys.readouterr().out
    assert "| PEER | its authors' | 0.250 | 0.500 | 0.750 | 0.125 | |" in printed
    assert "| HALF (1 streams) | its authors' |" in printed


def test_costs_are_those_of_the_positive_class(script):
    """The strategy of costs is told what missing the positive class costs; no other is told any."""
    schema = script.real.jit_schema()
    control = {s.name: script.control_of(s, schema) for s in script.strategies()}
    assert control.pop("cost") == {"weights": "cost", "costs": {"defect": script.COST}}
    assert not any("costs" in table for table in control.values())


@pytest.mark.parametrize("name", ["oob", "uob"])
def test_the_configurations_of_the_trees_are_valid(name, script):
    """OOB and UOB over trees: what benchmarks/streams.py --config reads."""
    config = script.real.Config.model_validate(tomllib.loads((BENCHMARKS / f"{name}.toml").read_text()))
    assert config.control.weights == name
    assert config.learner.model == {"oob": "blend", "uob": "forest"}[name]
