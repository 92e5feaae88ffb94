"""What a registry and its ledger hold, model by model, and where the two or the registry itself do not agree.

The versions of all models are read in pages of many, and of each model its newest ledger records too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hotpass.artifacts import DIGEST_TAG
from hotpass.candidate import VersionFacts
from hotpass.errors import LedgerError
from hotpass.ledger.approvals import goes_back_to, standing_approvals
from hotpass.ledger.reading import current_stay
from hotpass.ledger.record import Entry, Kind
from hotpass.stages import RESTING, ModelStage, alias_of
from hotpass.verdicts import Enforcement, Excuse, Json, Verdict

if TYPE_CHECKING:
    from hotpass.api import Session

PAGE = 1000


@dataclass(frozen=True, slots=True)
class LastDecision:
    """The newest decision on taking a version further, as it was then."""

    id: str
    to: str
    outcome: str
    time: datetime
    passes_at: datetime | None
    against: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Approved:
    """An approval that stands."""

    to: str
    name: str
    authenticated: bool
    time: datetime
    record: str


@dataclass(frozen=True, slots=True)
class Held:
    """A version in a stage. `since` is by the ledger; None where it does not know."""

    version: int
    stage: str
    aliases: tuple[str, ...]
    since: datetime | None
    last_decision: LastDecision | None
    approvals: tuple[Approved, ...]


@dataclass(frozen=True, slots=True)
class OpenRecord:
    """A promotion under way, or one that a crash left."""

    id: str
    actor: str
    time: datetime
    version: int | None
    to: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that is not as it should be, and what puts it right."""

    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One model. `champion` is the version that serves, `held` those in stages, Production first."""

    model: str
    champion: int | None
    held: tuple[Held, ...]
    newest: int | None
    counts: Mapping[str, int]
    open: OpenRecord | None
    remarks: tuple[Remark, ...]

    @property
    def waiting(self) -> tuple[Held, ...]:
        """Versions on their way: in a stage before Production."""
        return tuple(held for held in self.held if held.stage != ModelStage.PRODUCTION)

    def as_json(self) -> dict[str, Json]:
        return asdict(self) | {
            "counts": dict(self.counts),
            "waiting": [held.version for held in self.waiting],
        }


def overview(session: Session, model: str | None = None) -> list[ModelStatus]:
    """The status of every model, or of one, by name. Raises NotFound for an unknown one, RegistryError."""
    aliases = _aliases(session, model)
    versions: dict[str, list[VersionFacts]] = {name: [] for name in aliases}
    for facts in _versions(session, model):
        if facts.model in versions:
            versions[facts.model].append(facts)
    return [_status(session, name, aliases[name], versions[name]) for name in sorted(aliases)]


def _aliases(session: Session, model: str | None) -> dict[str, Mapping[str, int]]:
    """The aliases of each model."""
    if model is not None:
        return {model: session.registry.model(model).aliases}
    return {
        found.name: {alias: int(version) for alias, version in (found.aliases or {}).items()}
        for found in _pages(session, "list the models", "search_registered_models")
    }


def _versions(session: Session, model: str | None) -> Iterator[VersionFacts]:
    if model is not None:
        yield from session.registry.versions(model)
        return
    from hotpass.registry.convert import version_facts

    yield from map(version_facts, _pages(session, "list the versions", "search_model_versions"))


def _pages(session: Session, what: str, method: str) -> Iterator[Any]:
    from hotpass.registry.calls import call

    token = None
    while True:
        page = call(what, getattr(session.registry.store, method), max_results=PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _status(
    session: Session, model: str, aliases: Mapping[str, int], versions: Sequence[VersionFacts]
) -> ModelStatus:
    in_stages = [facts for facts in versions if facts.stage not in RESTING]
    remarks: list[Remark] = []
    try:
        entries = session.recent(model)
        if not _all_known(entries, in_stages):
            entries = session.history(model)
    except LedgerError as error:
        entries = []
        remarks.append(Remark(str(error), f"hotpass audit verify {model}"))
    opened = next((_open(entry) for entry in reversed(entries) if entry.is_open), None)
    production = alias_of(ModelStage.PRODUCTION)
    pointed = next((number for alias, number in aliases.items() if alias.lower() == production), None)
    holders = [facts.version for facts in in_stages if facts.stage == ModelStage.PRODUCTION]
    if not remarks and opened is None:  # a promotion under way is not a disagreement
        remarks += _remarks(model, aliases, in_stages, entries)
    held = [_held(facts, aliases, entries) for facts in in_stages]
    held.sort(
        key=lambda one: (one.stage == ModelStage.STAGING, one.stage != ModelStage.PRODUCTION, -one.version)
    )
    return ModelStatus(
        model, pointed if pointed is not None else max(holders, default=None), tuple(held),
        max((facts.version for facts in versions), default=None),
        dict(Counter(facts.stage for facts in versions)), opened, tuple(remarks),
    )  # fmt: skip


def _all_known(entries: Sequence[Entry], versions: Sequence[VersionFacts]) -> bool:
    """Whether `entries` say when each version came into its stage, and who approved those that wait."""
    if not entries or entries[0].record.seq == 1:
        return True
    return all(
        current_stay(entries, facts) is not None
        and (facts.stage == ModelStage.PRODUCTION or goes_back_to(entries, facts.created_at_ms))
        for facts in versions
    )


def _held(facts: VersionFacts, aliases: Mapping[str, int], entries: Sequence[Entry]) -> Held:
    stay = current_stay(entries, facts)
    names = tuple(sorted(alias for alias, number in aliases.items() if number == facts.version))
    return Held(
        facts.version, facts.stage, names, stay.since if stay else None, _last_decision(facts, entries),
        tuple(_approvals(facts, entries)),
    )  # fmt: skip


def _approvals(facts: VersionFacts, entries: Sequence[Entry]) -> Iterator[Approved]:
    """The approvals of `facts` that stand, where its tag does not say that its files are others."""
    stages = [entry.record.body["to"] for entry in entries if entry.record.kind is Kind.APPROVAL]
    digest = facts.tags.get(DIGEST_TAG)
    for stage in dict.fromkeys(stages):
        for given in standing_approvals(entries, facts.identity(), stage):
            if digest in (None, given.artifact_digest):
                yield Approved(stage, given.name, given.authenticated, given.at, given.record_id)


def _last_decision(facts: VersionFacts, entries: Sequence[Entry]) -> LastDecision | None:
    """The newest decision that was to take `facts` out of the stage it is in."""
    for entry in reversed(entries):
        body, identity = entry.record.body, entry.identity()
        if entry.record.kind is not Kind.DECISION or identity is None:
            continue
        if (identity.version, identity.created_at) != (facts.version, facts.created_at_ms):
            continue
        if body["to"] == facts.stage:
            return None
        passes_at = body.get("passes_at")
        return LastDecision(
            entry.id, body["to"], body["outcome"], entry.record.time,
            datetime.fromisoformat(passes_at) if passes_at else None, tuple(against(body)),
        )  # fmt: skip
    return None


def against(body: Mapping[str, Json]) -> list[str]:
    """What spoke against a recorded decision: its notes, and every gate in its way, in the words of then."""
    if body.get("outcome") == "allowed":
        return []
    return [*body.get("notes", ()), *body.get("reasons", ())] + [
        f"{judgement['name']} {judgement['verdict']}: {judgement['message']}"
        for judgement in body.get("judgements", ())
        if judgement["verdict"] != Verdict.PASSED
        and judgement["enforcement"] != Enforcement.ADVISORY
        and "excuse" not in judgement
    ]


def excused(body: Mapping[str, Json]) -> list[tuple[str, str]]:
    """For each gate that a recorded decision let pass by a waiver or an override: what that comes to in two
    words, and the whole of it.
    """
    found = []
    for judgement in body.get("judgements", ()):
        if "excuse" not in judgement:
            continue
        excuse, name = Excuse.from_json(judgement["excuse"]), judgement["name"]
        said = f"{name} {judgement['verdict']}: {judgement['message']}; {excuse.in_words()}"
        found.append((f"{name} {excuse.verb}", said))
    return found


def _open(entry: Entry) -> OpenRecord:
    body = entry.record.body
    return OpenRecord(
        entry.id, entry.record.actor.name, entry.record.time, body.get("version"), body.get("to", "")
    )


def _remarks(
    model: str, aliases: Mapping[str, int], in_stages: Sequence[VersionFacts], entries: Sequence[Entry]
) -> Iterator[Remark]:
    """Where the registry contradicts itself, or holds what the ledger does not know."""
    by_version = {facts.version: facts for facts in in_stages}
    stages = dict.fromkeys([ModelStage.PRODUCTION.value, *(facts.stage for facts in in_stages)])
    for stage in stages:
        alias = alias_of(stage)
        pointed = next((number for name, number in aliases.items() if name.lower() == alias), None)
        holders = sorted(facts.version for facts in in_stages if facts.stage == stage)
        if pointed is not None and pointed not in holders:
            where = (
                f"is in {by_version[pointed].stage}"
                if pointed in by_version
                else "is in no stage that serves"
            )
            yield Remark(
                f"alias {alias} points at version {pointed}, which {where}; "
                + (f"{_numbered(holders)} in {stage}" if holders else f"no version is in {stage}"),
                _point_at(by_version[holders[-1]], entries)
                if holders
                else f"hotpass promote {model} {pointed} --to {stage}",
            )
        if stage != ModelStage.PRODUCTION:
            continue
        if holders and pointed is None:
            yield Remark(
                f"{_numbered(holders)} in {stage}, and no alias {alias} points there, "
                "so whoever serves by alias finds nothing",
                _point_at(by_version[holders[-1]], entries),
            )
        if len(holders) > 1 and _archives(entries, stage):
            others = [version for version in holders if version != (pointed or holders[-1])]
            yield Remark(
                f"{_numbered(holders)} in {stage}, and one should be",
                "; ".join(
                    f"hotpass promote {model} {version} --to {ModelStage.ARCHIVED}" for version in others
                ),
            )
    unknown = sorted(facts.version for facts in in_stages if current_stay(entries, facts) is None)
    if unknown:
        yield Remark(
            f"the ledger does not know how {_numbered(unknown, verb=False)} came into "
            f"{'its stage' if len(unknown) == 1 else 'their stages'}",
            f"hotpass adopt {model}",
        )


def _point_at(facts: VersionFacts, entries: Sequence[Entry]) -> str:
    """What puts the alias of its stage on a version that stands there without. A promotion would be judged as
    one from that stage to itself, which policies do not have; a rollback asks only that it was there before.
    """
    back = f"hotpass rollback {facts.model} --to-version {facts.version} --stage {facts.stage} --reason alias"
    if current_stay(entries, facts) is None:
        return f"hotpass adopt {facts.model}; {back}"
    return back


def _archives(entries: Sequence[Entry], stage: str) -> bool:
    """Whether the last promotion to `stage` was to archive who was there; true where there was none."""
    for entry in reversed(entries):
        if entry.record.kind is Kind.DECISION and entry.record.body.get("to") == stage:
            return bool(entry.record.body.get("archive"))
    return True


def _numbered(versions: Sequence[int], *, verb: bool = True) -> str:
    """`version 3 is`, `versions 2, 3 and 5 are`."""
    if len(versions) == 1:
        return f"version {versions[0]}" + (" is" if verb else "")
    listed = f"{', '.join(map(str, versions[:-1]))} and {versions[-1]}"
    return f"versions {listed}" + (" are" if verb else "")
