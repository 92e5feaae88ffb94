"""A guarded server is killed, all its processes at once, or cut off from its database, while clients promote:
afterwards no decision is lost, none is half done, and a request that is sent again gets the decision that it
came to before.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

import pytest

from hotpass.wire import ACTOR_HEADER, KEY_HEADER, PATH
from support.guarded import Answer, Guarded
from support.serving import PRODUCTION_ALONE, Behind, only, outcome
from support.versions import make_version

#: How the six clients promote: most by Hotpass' route, with a key; the others as MLflow's client does.
WAYS = ("key", "key", "key", "transition", "key", "alias")
#: A request that is answered with an error of the server is sent again, as MLflow's client does, this often.
PATIENCE = 30
#: Versions of each model beyond the promotions, since clients go on for as long as there are kills to come.
SPARE = 12


@dataclass
class Promotion:
    """One that a client wants. `told` is what it was told at last, `id` the decision, where it was told that.
    """

    number: int
    model: str
    version: int
    told: str = ""
    id: str = ""
    sent: int = 0
    last_sent_ms: int = 0

    @property
    def way(self) -> str:
        return WAYS[self.number % len(WAYS)]

    def ask(self, server: Guarded) -> Answer:
        """Sends it once. Raises OSError and HTTPException where no answer arrives."""
        self.sent += 1
        self.last_sent_ms = int(time.time() * 1000)
        name = {"name": self.model, "version": str(self.version)}
        if self.way == "transition":
            body: dict[str, Any] = {**name, "stage": "Production", "archive_existing_versions": True}
            return server.post("/api/2.0/mlflow/model-versions/transition-stage", body)
        if self.way == "alias":
            body = {**name, "alias": "production"}
            return server.post("/api/2.0/mlflow/registered-models/alias", body)
        body = {"model": self.model, "version": self.version, "to": "Production"}
        headers = {KEY_HEADER: f"promotion-{self.number}", ACTOR_HEADER: f"client-{self.number}"}
        return server.request("POST", f"{PATH}/promote", body, headers=headers)

    def hear(self, answer: Answer) -> None:
        decision = answer.json.get("decision", {})
        if answer.status == 200:
            self.told = "in place" if decision.get("already_there") else "moved"
        elif "overtaken: " in answer.json["message"]:
            self.told = "overtaken"
        else:
            self.told = f"HTTP {answer.status}: {answer.text}"
        self.id = decision.get("id", "")


class Clients:
    """Several that promote at once, each one version after the other, and send again what was not answered.
    """

    def __init__(self, server: Guarded, wanted: Iterator[Promotion]) -> None:
        self._server = server
        self._wanted = wanted
        self._changed = threading.Condition()
        #: Whether they may send.
        self.go = threading.Event()
        self.begun: list[Promotion] = []
        self._under_way = 0
        #: What was answered with an error of the server, or not in the time that it was up.
        self.errors: list[str] = []
        self._threads = [threading.Thread(target=self._promote, daemon=True) for _ in WAYS]
        for thread in self._threads:
            thread.start()

    @property
    def told(self) -> list[Promotion]:
        return [promotion for promotion in self.begun if promotion.told]

    def wait_for(self, more: int) -> None:
        """Until `more` promotions were answered than are now."""
        with self._changed:
            enough = len(self.told) + more
            assert self._changed.wait_for(lambda: len(self.told) >= enough, timeout=240), self.errors

    def finish(self) -> None:
        """Begins nothing more, and waits for the answers to what was begun."""
        with self._changed:
            self._wanted = iter(())
        for thread in self._threads:
            thread.join(240)
            assert not thread.is_alive(), self.errors

    def pause(self) -> None:
        """Has them send nothing more, and waits for the answers to what was sent."""
        self.go.clear()
        with self._changed:
            assert self._changed.wait_for(lambda: self._under_way == 0, timeout=240), self.errors

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        with self._changed:
            self._under_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def _next(self) -> Promotion | None:
        self.go.wait()
        with self._changed:
            promotion = next(self._wanted, None)
            if promotion is not None:
                self.begun.append(promotion)
        return promotion

    def _promote(self) -> None:
        while (promotion := self._next()) is not None:
            for _ in range(PATIENCE):
                self.go.wait()
                try:
                    with self._counted():
                        answer = promotion.ask(self._server)
                except (OSError, HTTPException):
                    time.sleep(0.1)
                    continue
                if answer.status < 500:
                    break
                self.errors.append(f"HTTP {answer.status}: {answer.text}")
            else:
                self.errors.append(f"version {promotion.version} was never answered")
                continue
            with self._changed:
                promotion.hear(answer)
                self._changed.notify_all()


Hurt = Callable[[Guarded, Clients], None]


def kill(server: Guarded, clients: Clients) -> None:
    server.kill()
    clients.go.clear()
    server.start()


def cut_off(server: Guarded, clients: Clients) -> None:
    """Ends every connection to the server's database but one's own, whatever it is at."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(server.database_uri, poolclass=sqlalchemy.pool.NullPool)
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ))  # fmt: skip
    clients.pause()


def run_kills(server: Guarded, kills: int, promotions: int, seed: int, hurt: Hurt = kill) -> list[str]:
    """What went wrong while the server was hurt at least `kills` times over at least `promotions` promotions,
    in words.
    """
    chance = random.Random(seed)
    models = [server.name("crash") for _ in range(2)]
    versions = {model: versions_of(server, model, promotions + SPARE) for model in models}
    for model in models:
        server.client.transition_model_version_stage(model, str(next(versions[model])), "Production")
    behind, done, began = Behind(server), 0, time.monotonic()
    clients = Clients(server, wanted(versions))
    wrong: list[str] = []
    while done < kills or len(clients.begun) < promotions:
        clients.go.set()
        clients.wait_for(chance.randint(0, 2 * promotions // kills))
        if chance.random() < 0.5:
            behind.wait_for_a_move()  # so that some die between the commit and the answer
        else:
            time.sleep(chance.uniform(0, 0.3))
        hurt(server, clients)
        done += 1
        found = after_a_kill(server, behind, models, clients.told)
        wrong += [f"kill {done}: {text}" for text in found]
        print(f"kill {done}: {len(clients.told)} promotions answered, {len(wrong)} wrong", flush=True)
    clients.go.set()
    clients.finish()
    wrong += after_a_kill(server, behind, models, clients.begun)
    wrong += [text for model in models for text in behind.unlike_the_record(model)]
    again = sum(was_told_again(promotion, behind) for promotion in clients.begun)
    unanswered = sum(promotion.sent > 1 for promotion in clients.begun)
    told = dict(Counter(promotion.told for promotion in clients.begun))
    print(
        f"{done} x {hurt.__name__} on {server.how.kind}, {len(clients.begun)} promotions: {told}; "
        f"{unanswered} were sent again, {again} of them had been decided before; "
        f"{len(clients.errors)} errors of the server {Counter(text[:80] for text in clients.errors)}; "
        f"{time.monotonic() - began:.0f} s, seed {seed}"
    )
    return wrong


def versions_of(server: Guarded, model: str, count: int) -> Iterator[int]:
    """`count` versions, of one LoggedModel."""
    first = make_version(server, model, metrics={"roc_auc": 0.8})
    like = server.client.get_model_version(model, str(first))
    for _ in range(count - 1):
        server.client.create_model_version(
            model,
            like.source,
            like.run_id,
            model_id=like.source.removeprefix("models:/"),
            await_creation_for=0,
        )
    return iter(range(first, first + count))


def wanted(versions: dict[str, Iterator[int]]) -> Iterator[Promotion]:
    """Of each model in turn as many as there are ways."""
    for number in itertools.count():
        model = list(versions)[number // len(WAYS) % len(versions)]
        yield Promotion(number, model, next(versions[model]))


def after_a_kill(server: Guarded, behind: Behind, models: list[str], told: list[Promotion]) -> list[str]:
    """What is lost, half done or unlike the record, in words."""
    health = server.get(f"{PATH}/health")
    wrong = [] if health.status == 200 else [f"the health is {health.text}"]
    for model in models:
        wrong += behind.inconsistent(model) + behind.unlike_the_record(model, files=False)
        entries = behind.session.history(model)
        for promotion in told:
            if promotion.model != model:
                continue
            mine = only(entries, promotion.version)
            outcomes = [outcome(entry) for entry in mine]
            # Without a key a request that is sent again may be decided again.
            right = outcomes == [promotion.told] if promotion.id else outcomes[-1:] == [promotion.told]
            if not right or promotion.id not in ("", mine[0].id) or len(mine) > promotion.sent:
                wrong.append(f"{promotion} is on record as {outcomes}, {[entry.id for entry in mine]}")
    return wrong


def was_told_again(promotion: Promotion, behind: Behind) -> bool:
    """Whether it was told of a decision that was made before it was sent for the last time."""
    [*_, last] = only(behind.session.recent(promotion.model), promotion.version)
    return promotion.sent > 1 and last.record.time_ms < promotion.last_sent_ms


@pytest.fixture
def seed(given_environment: dict[str, str]) -> int:
    """Another one each time; HOTPASS_TEST_SEED repeats one, as far as a race can be repeated."""
    return int(given_environment.get("HOTPASS_TEST_SEED", random.randrange(2**32)))


Start = Callable[..., Guarded]


@pytest.mark.slow
def test_killed_twice(own_guarded: Start, seed: int) -> None:
    assert run_kills(own_guarded(policies=PRODUCTION_ALONE), 2, 6, seed) == [], f"seed {seed}"


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_killed_forty_times(kind: str, own_guarded: Start, seed: int) -> None:
    server = own_guarded(kind=kind, workers=2, policies=PRODUCTION_ALONE)
    assert run_kills(server, 40, 200, seed) == [], f"seed {seed}"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_cut_off_from_its_database(own_guarded: Start, seed: int) -> None:
    """PostgreSQL ends connections when it is restarted, or fails over, in the middle of a commit too."""
    server = own_guarded(kind="postgres", workers=2, policies=PRODUCTION_ALONE)
    assert run_kills(server, 20, 200, seed, cut_off) == [], f"seed {seed}"
