"""The command line of the service; ``cli`` makes these functions commands."""

from __future__ import annotations

import os

from streamimb_services import kafka_options as k
from streamimb_services import options as o
from streamimb_services.exits import guarded


@guarded
def serve(
    config: o.ConfigFile = None,
    schema: o.SchemaFile = None,
    objective: o.Objective = None,
    bootstrap_servers: k.BootstrapServers = None,
    topic: k.Topic = None,
    group: k.Group = None,
    property: k.Properties = None,  # noqa: A002  the option's name
    state: k.StateUrl = None,
) -> None:
    """Learn a topic for as long as it runs: predict, rebalance, watch for drift, save, exactly once.

    SIGTERM and Ctrl-C end it in good order (exit 0); once more, and it ends at once. What else ends it has an exit
    code: 65 too many refused records, 70 no usable checkpoint or a gap, 74 storage failing, 75 brokers away, 76 another
    owner, 78 the configuration.
    """
    from streamimb_services.serve import serve as run
    from streamimb_services.serve import settings_of

    overrides = o.overrides(objective, None) | k.overrides(bootstrap_servers, topic, group, property)
    overrides["state.url"] = "--state", state
    run(*settings_of(config, schema, os.environ, overrides))
