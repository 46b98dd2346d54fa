"""What deploy/ holds, as the tests of it read it."""

import json
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
RULES = sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
#: A comparison with a number, whatever stands on its left.
COMPARISON = re.compile(r"\s*(?:==|!=|<=|>=|<|>)\s*(?:bool\s+)?-?[0-9.]+(?![\w.])")


def rules(kind):
    """All rules of a kind, ``alert`` or ``record``."""
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"] if kind in rule]


def panels():
    """Every panel that shows data: the dashboard's uid, the panel."""
    boards = [json.loads(path.read_text()) for path in DASHBOARDS]
    return [(board["uid"], panel) for board in boards for panel in board["panels"] if panel["type"] != "row"]


def uncompared(expr):
    """An expression without its comparisons with numbers: what they are about."""
    return COMPARISON.sub("", expr)


def sent(expr, *, step):
    """A dashboard's expression as Grafana sends it when everything is picked."""
    values = {"$__rate_interval": step, "$job": ".*", "$instance": ".*"}
    return re.sub(r"\$\w+", lambda match: values[match[0]], expr)
