"""Why the learner says what it says: what each feature adds to an event's score, which features carry the class."""

from streamimb.explain.contributions import LOG_ODDS, Contributions, explain, explain_scores
from streamimb.explain.explainer import Explainer
from streamimb.explain.importance import EVENTS_MIN, Importance, importance
from streamimb.explain.rounds import Moment, Round, tidy

__all__ = [
    "EVENTS_MIN",
    "LOG_ODDS",
    "Contributions",
    "Explainer",
    "Importance",
    "Moment",
    "Round",
    "explain",
    "explain_scores",
    "importance",
    "tidy",
]
