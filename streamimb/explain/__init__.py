"""Why the learner says what it says: what each feature adds to an event's score, which features carry the class."""

from streamimb.explain.contributions import Contributions, explain
from streamimb.explain.explainer import Explainer
from streamimb.explain.importance import Importance, importance

__all__ = ["Contributions", "Explainer", "Importance", "explain", "importance"]
