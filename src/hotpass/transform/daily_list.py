"""The ranked list that a sales team works from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from hotpass.errors import CallError
from hotpass.transform.features import as_numbers
from hotpass.transform.lead_scorer import LeadScorer


def build_daily_list(
    scored: pd.DataFrame,
    *,
    top: int | None = 50,
    min_score: float | None = None,
    exclude: Iterable[Any] = (),
    id_column: str | None = None,
    owner_column: str | None = None,
    per_owner: int | None = None,
    scorer: LeadScorer | None = None,
    score_column: str = "score",
) -> pd.DataFrame:
    """The best leads of `scored` (as `score_prospects` returns it), best first, with a column `rank` from 1
    in front.

    - `top`: how many in all (None: no limit); `min_score`: only leads with at least that score.
    - `exclude`: values of `id_column` to leave out, such as those called yesterday.
    - `owner_column`, `per_owner`: at most so many leads for each owner or territory, each still ranked over
      all.
    - `scorer`: adds a column `reasons` with the strongest signals of each lead.

    Equal scores are ordered by `id_column` (as text), or without one in the order of `scored`, so that the
    same leads always give the same list. Leads without a score are left out. Raises CallError for columns
    that are not there and for limits that make no sense.
    """
    for name, column in (
        ("score_column", score_column),
        ("id_column", id_column),
        ("owner_column", owner_column),
    ):
        if column is not None and column not in scored.columns:
            raise CallError(
                f"{name}: there is no column {column!r}. There are: {', '.join(map(str, scored.columns))}"
            )
    for name, limit in (("top", top), ("per_owner", per_owner)):
        if limit is not None and limit < 1:
            raise CallError(f"{name} is {limit}; give 1 or more, or None for no limit.")
    if (owner_column is None) != (per_owner is None):
        raise CallError("owner_column and per_owner go together: give both, or neither.")
    left_out = set(exclude)
    if left_out and id_column is None:
        raise CallError("exclude needs id_column: the column whose values it lists.")

    score = as_numbers(scored[score_column])
    wanted = score.notna()
    if min_score is not None:
        wanted &= score >= min_score
    if left_out:
        wanted &= ~scored[id_column].isin(left_out)
    leads = scored.loc[wanted.to_numpy()]
    order = pd.DataFrame({"score": -score[wanted].to_numpy()})
    if id_column is not None:
        order["id"] = leads[id_column].map(str).to_numpy()
    leads = leads.iloc[order.sort_values(list(order.columns), kind="stable").index]
    if owner_column is not None and per_owner is not None:
        leads = leads[leads.groupby(owner_column, sort=False, dropna=False).cumcount() < per_owner]
    leads = leads.head(top) if top is not None else leads
    leads = leads.drop(columns=["rank", "reasons"][: 2 if scorer else 1], errors="ignore")
    if scorer is not None:
        leads = leads.assign(reasons=scorer.reasons(leads))
    leads.insert(0, "rank", range(1, len(leads) + 1))
    return leads.reset_index(drop=True)
