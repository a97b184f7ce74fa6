"""Linear read-outs of an embedding and the scores they get: ridge regression in closed form, no iterations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from fxrep.errors import ArgumentError

Array = NDArray[np.float64]

STRENGTHS = np.logspace(-3, 6, 37)
"""Penalties to choose from, for features of unit spread; the largest leaves nothing but the mean."""


def ridge_predictions(fit: Array, targets: Array, test: Array) -> Array:
    """Predict targets by ridge regression; each target gets the penalty of least generalised cross-validation.

    Features are standardised by the fitted clips. Golub, Heath and Wahba, "Generalized cross-validation as a method for
    choosing a good ridge parameter", Technometrics 21 (1979).

    Args:
        fit: (N, D) embeddings to fit on.
        targets: (N, K) what they should tell.
        test: (M, D) other embeddings.

    Returns:
        (M, K).

    Raises:
        ArgumentError: fewer than three rows, or shapes that do not go together.
    """
    if fit.ndim != 2 or targets.ndim != 2 or len(fit) != len(targets) or fit.shape[1] != test.shape[1] or len(fit) < 3:
        raise ArgumentError(
            f"fit {fit.shape}, targets {targets.shape}, test {test.shape}: expected (N, D), (N, K), (M, D), N 3 or more"
        )
    centre, spread = fit.mean(0), fit.std(0)
    # A column without spread says nothing; any divisor will do.
    scaled, scaled_test = ((rows - centre) / np.where(spread > 1e-12, spread, 1.0) for rows in (fit, test))
    left, singular, right = np.linalg.svd(scaled, full_matrices=False)
    mean = targets.mean(0)
    centred = targets - mean
    seen = left.T @ centred
    unseen = np.square(centred).sum(0) - np.square(seen).sum(0)
    shrinkage = singular**2 / (singular**2 + STRENGTHS[:, None])
    errors = np.square((1.0 - shrinkage)[:, :, None] * seen).sum(1) + unseen
    # One degree of freedom went into the mean.
    freedom = np.maximum(len(fit) - 1.0 - shrinkage.sum(1), 1e-9)
    best = (errors / freedom[:, None] ** 2).argmin(0)
    weights = singular[:, None] / (singular[:, None] ** 2 + STRENGTHS[best]) * seen
    predicted: Array = scaled_test @ (right.T @ weights) + mean
    return predicted


def r_squared(truth: Array, predicted: Array) -> float:
    """Share of the variance explained, 1 at best, 0 for the mean of `truth`, negative for worse; (N,) and (N,)."""
    variation = np.square(truth - truth.mean()).sum()
    return float(1.0 - np.square(truth - predicted).sum() / variation) if variation > 0.0 else 0.0


def spearman(first: Array, second: Array) -> float:
    """Rank correlation (Spearman 1904) of (N,) and (N,), ties by their mean rank; 0 where one of them is constant."""
    ranks = np.stack([rankdata(first), rankdata(second)])
    ranks -= ranks.mean(1, keepdims=True)
    scale = np.sqrt(np.square(ranks).sum(1).prod())
    return float((ranks[0] * ranks[1]).sum() / scale) if scale > 0.0 else 0.0


def area_under_curve(present: NDArray[np.bool_], scores: Array) -> float:
    """Area under the receiver operating characteristic: P(score of a present one > score of an absent one).

    Ties count half; 0.5 is chance, and the answer where all or none are present.
    """
    positive = int(present.sum())
    negative = len(present) - positive
    if positive == 0 or negative == 0:
        return 0.5
    return float((rankdata(scores)[present].sum() - positive * (positive + 1) / 2.0) / (positive * negative))


def balanced_accuracy(truth: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
    """Mean over the classes in `truth` of the share that was recognised."""
    right = truth == predicted
    return float(np.mean([right[truth == one].mean() for one in np.unique(truth)]))
