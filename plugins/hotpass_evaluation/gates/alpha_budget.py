"""How much error probability the next challenger of a champion may spend. Pure: decisions in, numbers out.

A challenger no better than its champion passes a test at level alpha with probability alpha. Whoever retrains
until one passes therefore wins in the end, if every test may err alike. So the levels of all looks at
challengers of one champion sum to at most a total: by Bonferroni's inequality the chance that any of them
passes without being better is at most that total, however the challengers depend on each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from hotpass.candidate import PastDecision
from hotpass.gates import ParameterError
from hotpass.verdicts import Identity, Json
from hotpass_evaluation.gates.words import percent

#: The key of the evidence under which a look is on record.
EVIDENCE = "alpha_budget"


class Budget(NamedTuple):
    """`total` is the chance, in (0, 0.5), that any challenger of a reign is promoted without being better.

    With `challengers`, each of the first so many gets the same share and those after it nothing; without, the
    k-th gets total / (k (k + 1)), which goes on for ever: half, a sixth, a twelfth of it.
    """

    total: float
    challengers: int | None = None

    def share(self, look: int) -> float:
        """The one-sided error probability of this look, the first being 1; 0 where nothing is left."""
        if self.challengers is None:
            return self.total / (look * (look + 1))
        return self.total / self.challengers if look <= self.challengers else 0.0

    def spent_before(self, look: int) -> float:
        """What all looks before this one may spend together."""
        if self.challengers is None:
            return self.total * (look - 1) / look
        return self.total * min(look - 1, self.challengers) / self.challengers


class Look(NamedTuple):
    """One look at one challenger. `again` is whether it is on record already, and so costs nothing more."""

    number: int
    alpha: float
    again: bool = False


class PastLook(NamedTuple):
    """A look on record: at which version with which files, and what was seen (`seen_of`)."""

    identity: Identity
    files: str
    seen: str
    number: int


class Reign(NamedTuple):
    """The decisions on challengers of one champion, oldest first.

    `since` is the record that made it the champion, None where there is none: then all decisions about the
    stage count. `newest` is the highest version number that was known when the reign began.
    """

    since: str | None
    champion: int
    newest: int
    decisions: tuple[PastDecision, ...]


def budget_of(said: Any) -> Budget | None:
    """What a policy says under `alpha_budget`. Raises ParameterError."""
    if said is None:
        return None
    total, challengers = (
        (said["total"], said.get("challengers")) if isinstance(said, Mapping) else (said, None)
    )
    if not 0 < total < 0.5:
        path = ("alpha_budget", "total") if isinstance(said, Mapping) else ("alpha_budget",)
        raise ParameterError(
            f"an alpha_budget of {total:g} is none: it is the chance that any challenger of a champion's "
            "reign is promoted without being better", path, "Write 0.05 for 5%.",
        )  # fmt: skip
    return Budget(float(total), challengers)


def reign_of(champion: Identity, stage: str, decisions: Sequence[PastDecision]) -> Reign:
    """The reign of `champion` in `stage`, from all decisions on record about the model, oldest first.

    A champion that left the stage and came back while no other version held it reigns on.
    """
    about = [one for one in decisions if one.to_stage == stage]
    start = None
    for place in reversed([place for place, one in enumerate(about) if one.moved]):
        if about[place].identity.same_version(champion):
            start = place
        elif start is not None:
            break
    if start is None:
        return Reign(None, champion.version, champion.version, tuple(about))
    since = about[start].record_id
    place = next(place for place, one in enumerate(decisions) if one.record_id == since)
    known = [one.identity.version for one in decisions[: place + 1]]
    return Reign(since, champion.version, max(champion.version, *known), tuple(about[start + 1 :]))


def looks_of(reign: Reign, gate: str, of: str) -> list[PastLook]:
    """The looks on record in this reign by the gate of this name, with parameters of this digest."""
    return [
        PastLook(decision.identity, str(said.get("files")), _seen_in(said), said["look"])
        for decision in reign.decisions
        for said in _said(decision, gate)
        if said.get("of") == of and isinstance(said.get("look"), int)
    ]


def _said(decision: PastDecision, gate: str) -> Iterable[dict[str, Any]]:
    for verdict in decision.verdicts:
        said = verdict.evidence.get(EVIDENCE)
        if verdict.gate == gate and isinstance(said, dict):
            yield said


def seen_of(data: str, scores: Mapping[str, str]) -> str:
    """One text for what a look saw: the rows, and how both models scored them, all by their digests."""
    return " ".join([data, *(scores.get(role, "") for role in ("challenger", "champion"))])


def _seen_in(said: Mapping[str, Any]) -> str:
    scores = said.get("scores")
    return seen_of(str(said.get("data")), scores if isinstance(scores, Mapping) else {})


def looks_again(budget: Budget, looks: Sequence[PastLook], identity: Identity, files: str) -> dict[str, Look]:
    """What this very version, with these files, was given on record, by what was seen.

    The same scores of the same rows judged by the same rule say the same again, so no second chance is in it.
    A model that answers by chance scores them in another way, and that is another look.
    """
    return {
        look.seen: Look(look.number, budget.share(look.number), again=True)
        for look in looks
        if look.files == files and look.identity.same_version(identity)
    }


def next_look(budget: Budget, looks: Sequence[PastLook], reign: Reign, version: int) -> Look:
    """What a version gets that is looked at for the first time, or on other data.

    It comes after all looks on record. Versions that were registered in this reign before it and are not on
    record come before it too, tried or not: whoever looks at ten of them with `hotpass check`, which records
    nothing, and promotes the one that does best has looked ten times. Of versions older than the reign the
    newest comes first.
    """
    seen = {look.identity.version for look in looks}
    if version > reign.newest:
        others = range(reign.newest + 1, version)
    else:
        others = range(version + 1, reign.newest + 1)
    unseen = sum(1 for other in others if other not in seen and other != reign.champion)
    number = max((look.number for look in looks), default=0) + 1 + unseen
    return Look(number, budget.share(number))


def look_evidence(
    budget: Budget, look: Look, reign: Reign, *, of: str, files: str, data: str, scores: Mapping[str, str]
) -> dict[str, Json]:
    """The look as it goes on record; `looks_of` reads it."""
    return {
        "of": of, "look": look.number, "alpha": look.alpha, "again": look.again,
        "spent_before": budget.spent_before(look.number), "total": budget.total,
        "challengers": budget.challengers, "since": reign.since, "files": files, "data": data,
        "scores": dict(scores),
    }  # fmt: skip


def look_words(look: Look, total: float) -> str:
    """The look, for people."""
    if not look.alpha:
        return f"The budget of this champion's reign, {percent(total)}, is spent: it is look {look.number}"
    return (
        f"It is look {look.number} in this champion's reign{', as before' if look.again else ''}, and may "
        f"err with {percent(float(f'{look.alpha:.2g}'))} of {percent(total)}"
    )
