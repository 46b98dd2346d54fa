"""What a wrapped model has to be."""

from __future__ import annotations

import inspect
from typing import Any

from river import base, compose


def last_step(model: Any) -> Any:
    """The model itself, or what a pipeline ends in."""
    while isinstance(model, compose.Pipeline) and model.steps:
        model = list(model.steps.values())[-1]
    return model


def require_classifier(model: Any) -> None:
    """Raise TypeError, saying what was given, unless a model is a river classifier or a pipeline that ends in one."""
    wanted = "wanted is a river classifier, or a pipeline that ends in one"
    if inspect.isclass(model):
        raise TypeError(f"model: {model.__name__} is a class, not an instance: write {model.__name__}(...)")
    last = last_step(model)
    if isinstance(last, base.Classifier) and not isinstance(last, base.MultiLabelClassifier):
        return
    kind = type(last).__name__
    given = f"a pipeline that ends in a {kind}" if last is not model else f"a {kind}"
    if isinstance(last, base.Regressor):
        raise TypeError(f"model: {given}, which is a regressor: {wanted}")
    if type(last).__module__.partition(".")[0] == "sklearn":
        raise TypeError(f"model: {given} of scikit-learn: {wanted} (river.compat.convert_sklearn_to_river makes one)")
    if isinstance(last, str):
        raise TypeError(f"model: the text {last!r}: {wanted}, made: not its name")
    raise TypeError(f"model: {given}: {wanted}")


def not_finite(model: Any, since: int) -> str:
    """What is told of a model whose probabilities are not finite any more; since: which labelled event, from 1."""
    return (
        f"{type(last_step(model)).__name__}: its probabilities are not finite since labelled event {since:,}, and even "
        "ones are taken for them. Of a NaN among its features it may know nothing any more: give missing values as "
        "None to an imputer outside, StatImputer() | RebalancedClassifier(...), and begin anew"
    )
