"""What a comparison says to a program, as one object."""

from __future__ import annotations

from typing import Any

from streamimb.evaluation.compare import Comparison, Difference
from streamimb_services.compare import Compared
from streamimb_services.comparison import RANKING, title_of
from streamimb_services.nulls import undefined_as_null


def as_json(found: Compared) -> dict[str, Any]:
    """The comparison for programs; undefined is None."""
    told, aligned, names = found.told, found.aligned, found.schema.class_names
    bootstrap = {
        "block_events": told.block_events,
        "replicates": told.replicates,
        "confidence": told.confidence,
        "seed": found.seed,
    }
    value = {
        "events": told.events,
        "left_out": {"not_in_all": aligned.apart, "unlabelled": aligned.unlabelled, "labels_differ": aligned.differ},
        "positive": found.positive,
        "classes": dict(zip(names, told.support, strict=True)),
        "bootstrap": bootstrap,
        "runs": [
            {
                "name": run.name,
                "objective": run.objective,
                "events": len(run.rows),
                "metrics": {metric: values[run.name] for metric, values in told.values.items()},
            }
            for run in found.runs
        ],
        "differences": [_difference_json(metric, d) for metric, all_ in told.differences.items() for d in all_],
        "mcnemar": _mcnemar_json(told, names),
        "delong": [
            {"a": a, "b": b, "difference": [t.value, t.low, t.high], "p": t.p, "p_adjusted": t.p_adjusted}
            for (a, b), t in told.delong.items()
        ],
        "verdicts": {
            "decisions": _verdict_json(found, found.primary),
            "ranking": _verdict_json(found, RANKING),
        },
        "notes": found.notes,
        "interrupted": found.interrupted,
    }
    return dict(undefined_as_null(value))


def _difference_json(metric: str, d: Difference) -> dict[str, Any]:
    difference = {"metric": metric, "a": d.a, "b": d.b, "difference": [d.value, d.low, d.high]}
    return difference | {"p": d.p, "p_adjusted": d.p_adjusted, "better": d.better}


def _mcnemar_json(told: Comparison, names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [
        {"a": a, "b": b, "class": None if k is None else names[k], "a_only": t.a_only, "b_only": t.b_only}
        | {"p": t.p, "p_adjusted": t.p_adjusted}
        for (a, b), tests in told.mcnemar.items()
        for k, t in tests.items()
    ]


def _verdict_json(found: Compared, metric: str) -> dict[str, Any]:
    told = found.told
    best = told.ordered(metric)[0]
    clear = all(d.better == best for d in told.against_best(metric))
    text = told.verdict(metric, title_of(found, metric))
    return {"metric": metric, "order": told.ordered(metric), "better": best if clear else None, "text": text}
