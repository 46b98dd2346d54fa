"""What the dashboards are made of: panels with a unit and a description, rows, variables, drifts as annotations.

Every query is of this job and these instances, and rates are over ``$__rate_interval``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final, TypeAlias

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as c
from grafana_foundation_sdk.models import dashboard as d

#: An expression, and how its series are called.
Query: TypeAlias = tuple[str, str]
Panel: TypeAlias = timeseries.Panel | stat.Panel
Row: TypeAlias = tuple[str, Sequence[Panel]]

SOURCE: Final = d.DataSourceRef(type_val="prometheus", uid="${datasource}")
PICKED: Final = 'job=~"$job", instance=~"$instance"'
STAT_HEIGHT, GRAPH_HEIGHT, WIDTH = 4, 8, 24
#: The least step where values come with checkpoints only: rates over shorter ones would find none.
SLOW: Final = "2m"
TAG: Final = "streamimb"
DRIFTS: Final = {"titleFormat": "{{signal}}", "textFormat": "{{detector}}", "tagKeys": "signal,detector", "step": "15s"}


def m(name: str, where: str = "") -> str:
    """A metric of the service, of what was picked.

    >>> m("recall", 'class="a"')
    'streamimb_recall{job=~"$job", instance=~"$instance", class="a"}'
    """
    return process(f"streamimb_{name}", where)


def process(name: str, where: str = "") -> str:
    """Any metric of the same processes."""
    return f"{name}{{{PICKED}{', ' if where else ''}{where}}}"


def rate(name: str, by: str = "", where: str = "") -> str:
    """What a counter grows by a second, added up over all labels but these."""
    return f"sum{f' by ({by})' if by else ''} (rate({m(name, where)}[$__rate_interval]))"


def quantile(q: float, name: str, where: str = "") -> str:
    """A quantile of a histogram over all that was picked."""
    buckets = f"rate({m(name + '_bucket', where)}[$__rate_interval])"
    return f"histogram_quantile({q}, sum by (le) ({buckets}))"


def known(name: str, by: str, where: str = "") -> str:
    """A gauge of the process that knows it: in those that stand by it is NaN, which max passes over."""
    return f"max by ({by}) ({m(name, where)})"


def graph(
    title: str, description: str, unit: str, *queries: Query, width: int = 8,
    low: float | None = None, high: float | None = None, interval: str | None = None, stacked: bool = False,
) -> timeseries.Panel:  # fmt: skip
    """Lines over time. low, high: where the axis begins and ends; interval: the least step."""
    panel = timeseries.Panel().title(title).description(description).unit(unit).datasource(SOURCE)
    panel.span(width).height(GRAPH_HEIGHT).line_width(1).fill_opacity(25 if stacked else 5)
    panel.legend(common.VizLegendOptions().show_legend(True).display_mode(c.LegendDisplayMode.LIST)
                 .placement(c.LegendPlacement.BOTTOM))  # fmt: skip
    panel.tooltip(common.VizTooltipOptions().mode(c.TooltipDisplayMode.MULTI).sort(c.SortOrder.DESCENDING))
    panel.show_points(c.VisibilityMode.NEVER)
    if stacked:
        panel.stacking(common.StackingConfig().mode(c.StackingMode.NORMAL))
    if low is not None:
        panel.min(low)
    if high is not None:
        panel.max(high)
    if interval is not None:
        panel.interval(interval)
    panel.override_by_regexp(".* (low|high)", [d.DynamicConfigValue("custom.lineStyle", {"fill": "dot"})])
    for i, (expr, legend) in enumerate(queries):
        panel.with_target(prometheus.Dataquery().expr(expr).legend_format(legend).ref_id(chr(ord("A") + i)).range())
    return panel


def interval(title: str, description: str, metric: str) -> timeseries.Panel:
    """A class's rate over time, with its interval."""
    lines = [(known(metric + end, "class"), "{{class}}" + end.replace("_", " ")) for end in ("", "_low", "_high")]
    return graph(title, description, "percentunit", *lines, low=0, high=1)


def delay() -> timeseries.Panel:
    """How long events take until they are learned."""
    lines = [(quantile(q, "event_delay_seconds"), f"{100 * q:.0f} %") for q in (0.5, 0.99)]
    told = "From a record's own timestamp until it was learned."
    return graph("Delay until learned", told, "s", *lines, low=0)


def number(
    title: str, description: str, unit: str, expr: str, *, legend: str = "", width: int = 4,
    bad: tuple[str, float] | None = None, words: dict[str, str] | None = None, names: bool = False,
) -> stat.Panel:  # fmt: skip
    """One number now. bad: ("above" or "below", the value from which on it is red); words: for values; names: shown."""
    panel = stat.Panel().title(title).description(description).unit(unit).datasource(SOURCE)
    panel.span(width).height(STAT_HEIGHT).reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    panel.text_mode(c.BigValueTextMode.NAME if names else c.BigValueTextMode.AUTO)
    panel.graph_mode(c.BigValueGraphMode.NONE if names or words else c.BigValueGraphMode.AREA)
    panel.no_value("undefined")
    steps = [d.Threshold(value=None, color="green")]
    if bad is not None:
        side, value = bad
        first, then = ("green", "red") if side == "above" else ("red", "green")
        steps = [d.Threshold(value=None, color=first), d.Threshold(value=value, color=then)]
    panel.thresholds(dashboard.ThresholdsConfig().mode(d.ThresholdsMode.ABSOLUTE).steps(steps))
    panel.color_mode(c.BigValueColorMode.VALUE)
    if words:
        told = {value: d.ValueMappingResult(text=word, index=i) for i, (value, word) in enumerate(words.items())}
        panel.mappings([d.ValueMap(options=told)])
    return panel.with_target(prometheus.Dataquery().expr(expr).legend_format(legend or title).ref_id("A").range())


def board(uid: str, title: str, description: str, rows: Sequence[Row]) -> str:
    """A dashboard as JSON, its rows from top to bottom."""
    made = dashboard.Dashboard(title).uid(uid).description(description).tags([TAG]).editable()
    made.time("now-1h", "now").refresh("15s").timezone("browser").tooltip(d.DashboardCursorSync.CROSSHAIR)
    made.version(1).link(
        dashboard.DashboardLink("streamimb").type(d.DashboardLinkType.DASHBOARDS).tags([TAG]).include_vars(True)
        .keep_time(True).as_dropdown(True)
    )  # fmt: skip
    made.with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    made.with_variable(_asked("job", "Job", "label_values(streamimb_build_info, job)"))
    made.with_variable(_asked("instance", "Instance", 'label_values(streamimb_build_info{job=~"$job"}, instance)'))
    drifts = f"sum by (signal, detector) (increase({m('drift_detected_total')}[$__rate_interval])) > 0"
    made.annotation(
        dashboard.AnnotationQuery().name("Drifts").datasource(SOURCE).enable(True).icon_color("orange").expr(drifts)
    )
    for name, panels in rows:
        made.with_row(dashboard.Row(name))
        for panel in panels:
            made.with_panel(panel)
    told = json.loads(json.dumps(made.build(), cls=JSONEncoder))
    told["annotations"]["list"][0] |= DRIFTS
    _numbered(told)
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


def _asked(name: str, label: str, query: str) -> dashboard.QueryVariable:
    variable = dashboard.QueryVariable(name).label(label).query({"query": query, "refId": name}).datasource(SOURCE)
    variable.refresh(d.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(d.VariableSort.ALPHABETICAL_ASC)
    return variable.multi(True).include_all(True).all_value(".*").current(d.VariableOption(True, "All", "$__all"))


def _numbered(told: dict[str, list[dict[str, object]]]) -> None:
    """Number the panels by their place, so that a link to one stays good as long as its place does."""
    for i, panel in enumerate(told["panels"], 1):
        panel["id"] = i
