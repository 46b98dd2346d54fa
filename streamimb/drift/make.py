"""The signals that need no labels, as the configuration asks for them."""

from __future__ import annotations

import numpy as np

from streamimb.config import UnlabelledConfig
from streamimb.drift.bank import BETWEEN
from streamimb.drift.unlabelled import UnlabelledMonitor
from streamimb.errors import ConfigError
from streamimb.schema import Schema


def make_unlabelled(schema: Schema, config: UnlabelledConfig) -> UnlabelledMonitor | None:
    """The monitor of a schema's features, or None where there is to be none.

    Raises ConfigError where pages a week are asked of a stream without times.
    """
    if config.detector == "none":
        return None
    if config.pages_a_week is not None and not schema.has_time:
        raise ConfigError("drift.unlabelled.pages_a_week: the schema names no time: choose a setting instead")
    return UnlabelledMonitor(
        len(schema.features),
        [feature.name for feature in schema.features],
        np.array([feature.type == "categorical" for feature in schema.features]),
        positive=schema.positive,
        between=BETWEEN[config.setting],
        pages_a_week=config.pages_a_week,
        cooldown=config.cooldown,
    )
