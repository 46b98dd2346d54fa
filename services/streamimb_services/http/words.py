"""What the page calls things; ``static/figures.js`` says the same."""

from __future__ import annotations

from typing import Any, Final

from streamimb.reporting.figures import subject
from streamimb.serving.marks import OPERATOR
from streamimb_services.happened import ACTIONS, ADJUSTED, HELPED

#: What a process that was asked to stop lacks.
DRAINING: Final = "not draining"
#: What the cause of a lever is called.
PERSON: Final = "a person"


def state_told(now: dict[str, Any]) -> str:
    """One word or two for how the process is.

    >>> state_told({"ended": False, "alive": True, "ready": True, "frozen": True, "role": "owner", "position": 9})
    'learning frozen'
    >>> state_told({"ended": False, "ready": False, "lacks": ["code compiled"]})
    'not ready: not yet code compiled'
    """
    if now["ended"]:
        return "ended"
    if not now.get("alive", True):
        return "stalled"
    if not now.get("ready", True):
        lacks = now.get("lacks", [])
        if DRAINING in lacks:
            return "stopping"
        return f"not ready: not yet {', '.join(lacks)}" if lacks else "not ready"
    if now["role"] == "standby":
        return "standing by"
    if not now["position"]:
        return "waiting for events"
    return "learning frozen" if now["frozen"] else "learning"


def mark_told(mark: dict[str, Any]) -> str:
    """What a mark is about: ``recall of fraud``."""
    return PERSON if mark["signal"] == OPERATOR else subject(mark["signal"], mark["class_"])


def action_told(mark: dict[str, Any]) -> str:
    """What was done, and whether it helped."""
    action = mark["action"]
    told = ADJUSTED if action == "adjust" else ACTIONS.get(action, action)
    return f"{told}; {HELPED[mark['helped']]}" if mark["helped"] in HELPED else told
