"""The dashboards: what the script makes, by Grafana's schema, and what every panel has."""

import ast
import json
import subprocess
import sys

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.deploy.files import DASHBOARDS, DEPLOY, panels

BOARDS = {path.stem: json.loads(path.read_text()) for path in DASHBOARDS}
#: What Grafana's Prometheus plugin reads of an annotation, and the schema of dashboards leaves open.
PLUGINS_OWN = {"titleFormat", "textFormat", "tagKeys", "step"}


def test_the_committed_files_are_what_the_script_makes(tmp_path):
    """Nothing was put right by hand; the same three in every run."""
    made = subprocess.run(
        [sys.executable, DEPLOY / "grafana" / "make.py", tmp_path], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        path.name: path.read_text() for path in DASHBOARDS
    }


@pytest.mark.parametrize("uid", BOARDS)
def test_grafanas_schema_knows_every_key(uid):
    """Read by Grafana's own types and written again, a dashboard is what it was: no key is lost."""
    board = json.loads(DASHBOARDS[list(BOARDS).index(uid)].read_text())
    for annotation in board["annotations"]["list"]:
        assert set(annotation) >= PLUGINS_OWN
        for key in PLUGINS_OWN:
            del annotation[key]
    again = json.loads(json.dumps(Dashboard.from_json(board), cls=JSONEncoder))
    assert again == board


@pytest.mark.parametrize("uid", BOARDS)
def test_a_dashboard_has_its_name_variables_and_annotations(uid):
    """A fixed uid, a data source to choose, job and instance, drifts."""
    board = BOARDS[uid]
    assert board["uid"] == uid
    assert [v["name"] for v in board["templating"]["list"]] == ["datasource", "job", "instance"]
    assert [a["name"] for a in board["annotations"]["list"]] == ["Drifts"]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


@pytest.mark.parametrize(("uid", "panel"), panels(), ids=lambda part: part if isinstance(part, str) else part["title"])
def test_a_panel_says_what_it_shows(uid, panel):
    """Title, description, unit, data source; queries of the picked job and instances, rates over Grafana's range."""
    assert panel["title"] and panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"]["uid"] == "${datasource}"
    for target in panel["targets"]:
        expr = target["expr"]
        selectors = expr.count("{")
        assert selectors and expr.count('{job=~"$job", instance=~"$instance"') == selectors, expr
        assert expr.count("[") == expr.count("[$__rate_interval]"), expr
        assert ("rate(" in expr) == ("[" in expr), expr
        assert target["legendFormat"]


@pytest.mark.parametrize("uid", BOARDS)
def test_panels_lie_side_by_side(uid):
    """No two overlap, and none is wider than the screen."""
    taken = set()
    for panel in BOARDS[uid]["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells


def test_no_dashboards_module_hides_a_library():
    """The script's folder comes first where Python looks: a module there must not have a library's name."""
    names = {path.stem for path in (DEPLOY / "grafana").glob("*.py")}
    used = {
        name.split(".")[0]
        for path in (DEPLOY / "grafana").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        for name in [node.module or ""]
    }
    assert "grafana_foundation_sdk" in used
    assert not names & (sys.stdlib_module_names | {"kafka", "river", "prometheus_client", "grafana_foundation_sdk"})
