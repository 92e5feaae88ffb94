"""Leads to train on and to score: made up, and real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

BANK_CSV = Path(__file__).resolve().parents[3] / "shared" / "data" / "bank-marketing.csv"

FOUR_ROWS = pd.DataFrame({
    "completeness": [0.9, 0.4, 0.75, 0.3],
    "email_confidence": [0.8, 0.1, 0.6, 0.2],
    "phone_confidence": [0.7, 0.0, 0.4, 0.2],
    "source_priority": [1.0, 0.2, 0.6, 0.1],
    "intent_signal_score": [0.9, 0.3, 0.5, 0.2],
    "won": [1, 0, 1, 0],
})  # fmt: skip


def bank_marketing(rows: int | None = None) -> pd.DataFrame:
    """Real phone contacts of a bank, target `y`, without `duration`, which only a finished call has.

    With `rows`, a sample of so many. Skips the test where the file is not there.
    """
    if not BANK_CSV.exists():
        pytest.skip(f"the bank's contacts are not in {BANK_CSV.parent}")
    table = pd.read_csv(BANK_CSV, sep=";").drop(columns="duration")
    return table if rows is None else table.sample(rows, random_state=0).reset_index(drop=True)


def made_up(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    """Leads with two informative numbers, one of them with gaps, a category with gaps, and a target of about
    a third.
    """
    random = np.random.default_rng(seed)
    calls = random.poisson(3, rows)
    income = random.normal(50_000, 9_000, rows)
    branch = random.choice(["trade", "craft", "health"], rows)
    chance = 1 / (1 + np.exp(-(0.9 * (calls - 3) + (income - 50_000) / 9_000 + (branch == "health") - 1.2)))
    table: dict[str, Any] = {
        "calls": calls,
        "income": np.where(random.random(rows) < 0.1, np.nan, income),
        "branch": np.where(random.random(rows) < 0.05, None, branch),
        "won": (random.random(rows) < chance).astype(int),
    }
    return pd.DataFrame(table)
