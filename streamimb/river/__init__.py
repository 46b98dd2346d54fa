"""The library beside river: estimators that river's own checks accept and its pipelines compose.

>>> from river import datasets, linear_model, preprocessing
>>> from streamimb.river import RebalancedClassifier
>>> model = preprocessing.StandardScaler() | RebalancedClassifier(linear_model.LogisticRegression(), objective="f1")
>>> for x, y in datasets.Phishing().take(300):
...     decision = model.predict_one(x)
...     model.learn_one(x, y)
>>> sorted(model.predict_proba_one(x))
[False, True]
"""

from streamimb.river.compiled import CompiledClassifier
from streamimb.river.rebalanced import RebalancedClassifier

__all__ = ["CompiledClassifier", "RebalancedClassifier"]
