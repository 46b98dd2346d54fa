"""What decided, where that was no objective."""

from __future__ import annotations

from typing import Any

from streamimb.reporting.figures import value_of


def in_force(summary: dict[str, Any], *, value: str) -> dict[str, dict[str, Any]]:
    """What decided where it was no objective, beside the objectives' rows: empty, or one row by its name.

    Of a fixed threshold; recall and precision are what was decided in the whole run. ``value``: "cost" or "value".
    """
    fixed = (summary.get("plan") or {}).get("fixed_threshold")
    if fixed is None:
        return {}
    positive, queue = summary["classes"][summary["positive"]], summary["queue"]["windows"]["all"]
    return {
        "fixed (in force)": {
            "threshold": fixed,
            value: value_of(queue["cost_per_event"]) if value == "cost" else None,
            "recall": value_of(positive["recall"]),
            "precision": value_of(positive["precision"]),
            "alerts_per_day": value_of(queue["alerts_per_day"]),
        }
    }
