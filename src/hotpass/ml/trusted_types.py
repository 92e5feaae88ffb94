"""Types that a stored model may hold, beyond those that skops trusts by itself: the reviewed list, with
reasons.

skops builds an object from a file only if every type in it is trusted. It trusts scikit-learn's public
estimators, numpy arrays, scipy's sparse matrices and Python's containers; what fitted estimators hold besides
is below. A type stands here only if making one from a file's contents runs no code that the file can choose.
What is left out on purpose:

- `functools.partial`, functions, and everything that calls what it is given: the file would name the call.
  This is why the default gradient boosting encodes categories itself; scikit-learn's `categorical_features=`
  stores a partial.
- the search trees of nearest neighbours: indices that are followed unchecked, as in other trees, and nobody
  looks.
- scorers (`TunedThresholdClassifierCV`) and Gaussian process kernels: reachable by `trusted_types=` where
  needed.
- anything outside numpy, scipy and scikit-learn.
"""

from __future__ import annotations

#: What encoders and imputers remember of the columns that they were fitted on. Inert.
_DTYPES = ("numpy.dtype",)

#: The nodes of fitted trees. They are inert, but scikit-learn follows the indices in them without looking, so
#: that a crafted file could read outside of memory; `tree_bounds.check_trees` looks at every index after
#: loading.
_TREES = (
    "sklearn.tree._tree.Tree",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)

#: Losses, links and bins inside (histogram) gradient boosting: numbers, and compiled formulas without state.
#: Later releases of skops trust them by themselves, 0.13 does not.
_BOOSTING = (
    "sklearn._loss.link.HalfLogitLink",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.loss.ExponentialLoss",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
)

#: The fitted calibrators inside CalibratedClassifierCV: a classifier and two numbers, or a step function.
_CALIBRATION = (
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
)

#: A dict with attribute access, by which VotingClassifier and StackingClassifier name their parts.
_ENSEMBLES = ("sklearn.utils._bunch.Bunch",)

#: The state of the optimizer of a fitted MLPClassifier: arrays of numbers.
_NEURAL_NETWORKS = (
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
)

TRUSTED_TYPES: frozenset[str] = frozenset(
    (*_DTYPES, *_TREES, *_BOOSTING, *_CALIBRATION, *_ENSEMBLES, *_NEURAL_NETWORKS)
)
