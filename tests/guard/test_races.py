"""Many promote at once through a guarded server with four workers, by Hotpass' client, by MLflow's stage
transition and by MLflow's alias: one version holds Production afterwards, the alias is on it, and everybody
was told the truth.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from hotpass.ledger.record import Entry
from support.guarded import Guarded
from support.promoters import promoters
from support.serving import PRODUCTION_ALONE, Behind, only, outcome
from support.versions import make_version

PROMOTERS = 8
WORKERS = 4
ROUNDS = 2
MANY_ROUNDS = 200

#: What a loser is told: who held the stage before, and who holds it now.
OVERTAKEN = re.compile(r"held by (?:version (\d+)|nobody) when this began and is held by version (\d+) now")


def run_rounds(server: Guarded, rounds: int) -> list[str]:
    """What went wrong in `rounds` rounds of eight promoters on one model, in words."""
    model, behind = server.name("race"), Behind(server)
    versions = [make_version(server, model, metrics={"roc_auc": 0.8}) for _ in range(PROMOTERS + 1)]
    server.client.transition_model_version_stage(model, str(versions[0]), "Production")
    told: Counter[str] = Counter()
    wrong: list[str] = []
    with promoters(PROMOTERS, server.uri, model, "guarded") as together:
        for number in range(rounds):
            holder, before = behind.holder(model), behind.session.recent(model)[-1].record.seq
            answers = together([version for version in versions if version != holder])
            told.update(answer["told"] for answer in answers)
            new = [entry for entry in behind.session.recent(model) if entry.record.seq > before]
            found = behind.inconsistent(model) + untrue(answers, holder, new)
            wrong += [f"round {number}: {text}" for text in found]
    print(f"{rounds} rounds of {PROMOTERS} promoters on {server.how.kind}, {WORKERS} workers: {dict(told)}")
    return wrong + behind.unlike_the_record(model)


def untrue(answers: list[dict[str, Any]], holder: int | None, records: list[Entry]) -> list[str]:
    """Answers that the round's `records` contradict. `holder` was in Production before the round."""
    wrong = []
    told = {answer["version"]: answer for answer in answers}
    for version, answer in told.items():
        mine = only(records, version)
        if [outcome(entry) for entry in mine] != [answer["told"]]:
            wrong.append(
                f"version {version} was told {answer['told']}, the ledger says {list(map(outcome, mine))}: "
                f"{answer.get('text', '')}"
            )
        elif answer.get("id", mine[0].id) != mine[0].id:
            wrong.append(f"version {version} was given decision {answer['id']}, the ledger has {mine[0].id}")
    held = [holder]
    for entry in records:
        version = entry.record.body["version"]
        if entry.moved:
            held.append(version)
        elif version in told:
            said = OVERTAKEN.search(told[version].get("text", ""))
            if said is None or int(said[2]) != held[-1] or (said[1] and int(said[1])) not in held[:-1]:
                wrong.append(f"version {version} lost to {held}, and was told {told[version].get('text')}")
    if len(records) != len(answers):
        wrong.append(f"{len(answers)} promotions have {len(records)} records")
    return wrong if len(held) > 1 else [*wrong, "nobody was promoted"]


Start = Callable[..., Guarded]


@pytest.mark.slow
@pytest.mark.ci
def test_one_champion_after_every_round(own_guarded: Start) -> None:
    assert run_rounds(own_guarded(workers=WORKERS, policies=PRODUCTION_ALONE), ROUNDS) == []


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_one_champion_after_many_rounds(kind: str, own_guarded: Start) -> None:
    server = own_guarded(kind=kind, workers=WORKERS, policies=PRODUCTION_ALONE)
    assert run_rounds(server, MANY_ROUNDS) == []
