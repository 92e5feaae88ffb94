"""Waiver files: which files are waivers, what arrives of one, and which ones lint complains of."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hotpass.errors import PolicyError
from hotpass.policy.loader import load_policies, policy_files, read_places
from hotpass.policy.waiver_lint import with_waivers_checked
from hotpass.policy.waiver_reference import ABOUT
from support.commands import Hotpass

POLICY = """\
policy: leads
models: ["lead_*"]
promotions:
  - to: Staging
    gates: [signature]
  - to: Production
    from: Staging
    gates:
      - staging_dwell: 24h
      - required_tags: {owner: present}
        name: somebody answers for it
      - input_example:
        enforcement: advisory
"""
WAIVER = """\
waiver: the-fair
policy: leads
gate: staging_dwell
model: lead_scoring
versions: [7, 9]
to: production
reason: |
  The fair
  begins tomorrow.
granted_by: cleo
granted: 2026-01-10
expires: 2026-02-01
"""
NOW = datetime(2026, 1, 15, tzinfo=UTC)
FOR_ANOTHER_GATE = WAIVER.replace("staging_dwell", "signature").replace("the-fair", "another")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """./policies with a policy and a waiver."""
    monkeypatch.chdir(tmp_path)
    put("policies/leads.yaml", POLICY)
    put("policies/waivers/fair.yaml", WAIVER)
    return Path("policies")


def put(path: str, text: str) -> Path:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def linted(*places: str | Path, now: datetime = NOW) -> list[str]:
    """The first line of each problem."""
    found = with_waivers_checked(read_places(map(Path, places), gates()), now)
    return [str(problem).partition("\n")[0] for problem in found.problems]


def gates() -> Any:
    from hotpass.policy.loader import gates_of

    return gates_of()


def test_everything_arrives(folder: Path) -> None:
    policies = load_policies(folder)

    (waiver,) = policies.waivers
    assert (waiver.name, waiver.policy, waiver.gate, waiver.model, waiver.workspace) == (
        "the-fair", "leads", "staging_dwell", "lead_scoring", "default",
    )  # fmt: skip
    assert (waiver.versions, waiver.to_stage) == ({7, 9}, "Production")
    assert (waiver.reason, waiver.granted_by) == ("The fair\nbegins tomorrow.", "cleo")
    assert (waiver.granted_from, waiver.granted_until, waiver.expires) == (
        datetime(2026, 1, 10, tzinfo=UTC),
        datetime(2026, 1, 11, tzinfo=UTC),
        datetime(2026, 2, 2, tzinfo=UTC),
    )  # fmt: skip
    assert waiver.where == f"{Path('policies/waivers/fair.yaml')}:1:1"
    assert [ref.name for ref in policies.refs()] == ["leads", "the-fair"]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-10T12:00Z", datetime(2026, 1, 10, 12, tzinfo=UTC)),
        ("2026-01-10 12:00:30Z", datetime(2026, 1, 10, 12, 0, 30, tzinfo=UTC)),
        ("2026-01-10T12:00+05:45", datetime(2026, 1, 10, 6, 15, tzinfo=UTC)),
        ('"2026-01-10T00:00-01:00"', datetime(2026, 1, 10, 1, tzinfo=UTC)),
    ],
)
def test_a_moment_is_that_moment(text: str, moment: datetime, folder: Path) -> None:
    put("policies/waivers/fair.yaml", WAIVER.replace("2026-01-10", text))

    (waiver,) = load_policies(folder).waivers

    assert (waiver.granted_from, waiver.granted_until) == (moment, moment)


@pytest.mark.parametrize(
    "path", ["waivers/a.yaml", "waivers/more/b.yml", "team/waivers/c.yaml", "WAIVERS/d.yaml"]
)
def test_every_file_in_a_folder_of_that_name_is_a_waiver(path: str, folder: Path) -> None:
    put(f"policies/{path}", FOR_ANOTHER_GATE)

    assert {waiver.name for waiver in load_policies(folder).waivers} == {"the-fair", "another"}
    assert {file.name for file in policy_files([folder])} >= {Path(path).name, "leads.yaml"}


@pytest.mark.parametrize("path", ["my-waivers/a.yaml", "waivers.yaml", "waivers-of-2025/a.yaml"])
def test_no_other_file_is_one(path: str, folder: Path) -> None:
    put(f"policies/{path}", FOR_ANOTHER_GATE)

    with pytest.raises(PolicyError, match="this is a waiver, and those are in a folder of their own"):
        load_policies(folder)


def test_a_policy_in_there_is_refused(folder: Path) -> None:
    put("policies/waivers/leads.yaml", POLICY)

    with pytest.raises(PolicyError, match="this is a policy, and a folder 'waivers' holds waivers"):
        load_policies(folder)


def test_a_place_with_waivers_alone_is_no_policy(folder: Path) -> None:
    (folder / "leads.yaml").unlink()

    with pytest.raises(PolicyError, match="the folder holds no policy file"):
        load_policies(folder)
    for place in (folder / "waivers", folder / "waivers" / "fair.yaml"):
        with pytest.raises(PolicyError, match="it holds waivers and no policy"):
            load_policies(place)


def test_a_broken_waiver_is_an_error_as_a_broken_policy_is(folder: Path) -> None:
    put("policies/waivers/fair.yaml", WAIVER.replace("expires", "expire"))
    put("policies/other.yaml", POLICY.replace("signature", "signatur").replace("leads", "others"))

    with pytest.raises(PolicyError) as caught:
        load_policies(folder)

    assert [problem.message for problem in caught.value.problems] == [
        "unknown gate 'signatur'", "unknown key 'expire'",
    ]  # fmt: skip


def test_two_waivers_of_one_name_are_refused(folder: Path) -> None:
    put("policies/waivers/more.yaml", WAIVER.replace("[7, 9]", "[8]"))

    with pytest.raises(PolicyError, match=r"the waiver 'the-fair' is also in policies.waivers.fair\.yaml"):
        load_policies(folder)


# --- lint ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (datetime(2026, 2, 1, 23, 59, 59, tzinfo=UTC), []),
        (datetime(2026, 2, 2, tzinfo=UTC), ["the waiver 'the-fair' expired at 2026-02-02 00:00:00 UTC"]),
        (datetime(2026, 1, 10, tzinfo=UTC), []),
        (
            datetime(2026, 1, 9, 23, 59, tzinfo=UTC),
            ["the waiver 'the-fair' is granted only from 2026-01-10 00:00:00 UTC on"],
        ),
    ],
)
def test_a_waiver_out_of_time_is_an_error_of_lint_and_of_nothing_else(
    now: datetime, said: list[str], folder: Path
) -> None:
    where = f"{Path('policies/waivers/fair.yaml')}:1:1: "
    assert linted(folder, now=now) == [where + words for words in said]
    assert len(load_policies(folder).waivers) == 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("leads", "lead", "there is no policy 'lead'"),
        ("lead_scoring", "churn", "the policy leads does not cover a model 'churn'"),
        ("production", "Canary", "the policy leads has no promotion to Canary"),
        (
            "staging_dwell",
            "staging_dwel",
            "the policy leads has no gate 'staging_dwel' on the way to Production",
        ),
        ("staging_dwell", "signature", "the policy leads has no gate 'signature' on the way to Production"),
        (
            "staging_dwell",
            "required_tags",
            "the policy leads has no gate 'required_tags' on the way to Production",
        ),
        ("staging_dwell", "input_example", "the gate 'input_example' on the way to Production is advisory"),
    ],
)
def test_a_waiver_for_nothing_is_an_error_of_lint_and_of_nothing_else(
    old: str, new: str, said: str, folder: Path
) -> None:
    put("policies/waivers/fair.yaml", WAIVER.replace(old, new, 1))

    (line,) = linted(folder)

    assert said in line
    assert len(load_policies(folder).waivers) == 1


def test_lint_asks_whether_the_entrys_own_name_was_meant(folder: Path) -> None:
    put("policies/waivers/fair.yaml", WAIVER.replace("staging_dwell", "required_tags"))

    (problem,) = with_waivers_checked(read_places([folder], gates()), NOW).problems

    assert problem.remedy == "Did you mean 'somebody answers for it'?"


def test_two_gates_of_one_name_are_no_target(folder: Path) -> None:
    put("policies/leads.yaml", POLICY.replace("somebody answers for it", "staging_dwell"))

    (line,) = linted(folder)

    assert "several gates on the way to Production have the name 'staging_dwell'" in line


def test_a_file_named_by_itself_is_not_held_against_policies_that_were_not_read(folder: Path) -> None:
    assert linted(folder / "waivers" / "fair.yaml") == []
    assert linted(folder / "waivers") == []
    put("policies/leads.yaml", POLICY.replace("promotions", "promotion"))
    assert all("waivers" not in line for line in linted(folder)), "the policy is what is to be mended first"


def test_a_waiver_of_more_than_a_year_is_warned_of(folder: Path) -> None:
    put("policies/waivers/fair.yaml", WAIVER.replace("2026-02-01", "2027-02-01"))

    (warning,) = read_places([folder], gates()).warnings

    assert "lasts for more than a year" in warning.message


def test_the_command_lists_them_and_refuses_those_that_are_over(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hotpass = Hotpass(capsys)
    today = datetime.now(UTC).date()
    put("policies/waivers/fair.yaml", WAIVER.replace("2026-01-10", str(today - timedelta(1)))
        .replace("2026-02-01", str(today)))  # fmt: skip
    over = FOR_ANOTHER_GATE.replace("2026-01-10", "2025-01-10").replace("2026-02-01", "2025-02-01")
    put("policies/waivers/over.yaml", over.replace("production", "staging"))

    ran = hotpass("policy", "lint")

    assert ran.code == 2
    tomorrow = f"{today + timedelta(1)} 00:00:00 UTC"
    place = Path("policies/waivers")
    assert (
        f"{place / 'fair.yaml'}: ok: waiver the-fair, staging_dwell of lead_scoring versions 7 and 9 to "
        f"Production, until {tomorrow}\n" in ran.out
    )
    assert f"{place / 'over.yaml'}:1:1: the waiver 'another' expired at 2025-02-02 00:00:00 UTC\n" in ran.err
    said = json.loads(hotpass("policy", "lint", "--json").out)
    assert [waiver["name"] for waiver in said["waivers"]] == ["the-fair", "another"]
    assert said["ok"] is False


def test_the_example_of_the_reference_is_a_waiver(folder: Path) -> None:
    example = ABOUT[ABOUT.index("```yaml\n") + 8 :]
    put("policies/waivers/fair.yaml", example[: example.index("```")])

    (waiver,) = load_policies(folder).waivers

    assert (waiver.name, waiver.versions) == ("the-fair", {7})


def test_a_pipe_in_there_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "waivers" / "pipe.yaml")

    with pytest.raises(PolicyError, match="it is not a regular file"):
        load_policies(folder)
