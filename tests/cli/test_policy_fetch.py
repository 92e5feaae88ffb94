"""`hotpass policy fetch`: shared policies from real repositories into the cache, and what a repository or a
policy could try.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hotpass.errors import CallError
from hotpass.policy import cache
from hotpass.policy.fetching import fetch
from hotpass.policy.loader import load_policies
from support.commands import Hotpass, Ran
from support.repositories import Repo

BASELINE = """\
policy: baseline
shared: true
promotions:
  - to: Staging
    gates: [signature]
"""
EXTENDING = """\
policy: lead
models: ["lead*"]
extends:
  - git: {url}
    revision: "{revision}"
    path: {path}
"""


def digest_of(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


@pytest.fixture
def remote(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "remote")
    made.write("large.bin", "x" * 100_000)
    made.commit(policies__baseline=BASELINE)
    return made


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "team" / "policies").mkdir(parents=True)
    (tmp_path / "team" / "pyproject.toml").write_text("")
    monkeypatch.chdir(tmp_path / "team")
    monkeypatch.setenv("HOTPASS_CACHE", str(tmp_path / "cache"))


Extend = Callable[..., Path]


@pytest.fixture
def extend(remote: Repo) -> Extend:
    def write(
        url: str = "../../remote",
        *,
        revision: str | None = None,
        digest: str | None = digest_of(BASELINE),
        path: str = "policies/baseline.yaml",
    ) -> Path:
        text = EXTENDING.format(url=url, revision=revision or remote.head, path=path)
        file = Path("policies/lead.yaml")
        file.write_text(text + (f"    digest: {digest}\n" if digest else ""))
        return file

    return write


def refused(ran: Ran) -> str:
    assert ran.code == 2
    assert not any((Path(os.environ["HOTPASS_CACHE"]) / "shared").glob("*"))
    return ran.err


class TestFetching:
    @pytest.mark.parametrize("url", ["../../remote", "file", "absolute"])
    def test_once_fetched_no_repository_is_needed(
        self, remote: Repo, extend: Extend, hotpass: Hotpass, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        extend({"file": f"file://{remote.root}", "absolute": str(remote.root)}.get(url, url))
        assert "is not in the cache" in hotpass("policy", "lint").err
        ran = hotpass("policy", "fetch")
        assert ran.code == 0
        assert ran.out.startswith("policies/lead.yaml:4:5: fetched: policies/baseline.yaml of ")
        remote.root.rename(remote.root.with_name("gone"))
        monkeypatch.setenv("PATH", "")
        (policy,) = load_policies("policies").policies
        assert policy.promotions[0].gates[0].gate_name == "signature"
        assert hotpass("policy", "fetch", "--json").json["shared"][0]["state"] == "in the cache"

    def test_a_commit_that_no_branch_leads_to_any_more(
        self, remote: Repo, extend: Extend, hotpass: Hotpass
    ) -> None:
        pinned = remote.head
        remote.git("commit", "-q", "--amend", "-m", "another")
        extend(revision=pinned)
        assert hotpass("policy", "fetch").code == 0

    def test_a_server_that_gives_no_commit_by_its_id(
        self, remote: Repo, extend: Extend, hotpass: Hotpass, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As those do that speak only the old protocol: then branches and tags lead to it, or nothing does.
        """
        for name, value in (("COUNT", "1"), ("KEY_0", "protocol.version"), ("VALUE_0", "0")):
            monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
        pinned = remote.head
        remote.commit(policies__baseline="policy: later\n")
        extend(f"file://{remote.root}", revision=pinned)
        assert hotpass("policy", "fetch").code == 0
        unreachable = remote.commit(policies__baseline="policy: unreachable\n")
        remote.git("reset", "-q", "--hard", "HEAD~1")
        extend(f"file://{remote.root}", revision=unreachable, digest=digest_of("policy: unreachable\n"))
        assert f"there is no commit {unreachable} in it, or no branch" in hotpass("policy", "fetch").err

    def test_only_what_is_needed_is_fetched_where_the_server_can(
        self, remote: Repo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from hotpass.policy import fetching

        remote.git("config", "uploadpack.allowFilter", "true")
        remote.git("config", "uploadpack.allowAnySHA1InWant", "true")
        kept: list[int] = []

        class Watching(fetching.Objects):
            def __exit__(self, *exc: object) -> None:
                kept.append(sum(file.stat().st_size for file in self._at.rglob("*") if file.is_file()))
                super().__exit__(*exc)

            def __init__(self, at: Path, limit: float) -> None:
                self._at = at
                super().__init__(at, limit)

        monkeypatch.setattr(fetching, "Objects", Watching)
        incompressible = os.urandom(200_000).hex()
        remote.write("large.bin", incompressible)
        commit = remote.commit()
        assert fetch(f"file://{remote.root}", commit, "policies/baseline.yaml") == (commit, BASELINE.encode())
        assert kept[0] < 100_000

    def test_a_chain_of_repositories(
        self, remote: Repo, extend: Extend, hotpass: Hotpass, tmp_path: Path
    ) -> None:
        middle = Repo(tmp_path / "middle")
        entry = EXTENDING.format(
            url=f"file://{remote.root}", revision=remote.head, path="policies/baseline.yaml"
        )
        text = f"{entry}    digest: {digest_of(BASELINE)}\n".replace('models: ["lead*"]', "shared: true")
        middle.commit(middle=text)
        extend("../../middle", revision=middle.head, path="middle.yaml", digest=digest_of(text))
        ran = hotpass("policy", "fetch")
        assert (ran.code, ran.out.count("fetched: ")) == (0, 2)
        assert load_policies("policies").policies[0].promotions[0].gates

    def test_what_a_folder_extends_is_fetched_too(self, extend: Extend, hotpass: Hotpass) -> None:
        Path("shared").mkdir()
        extend().rename("shared/middle.yaml")
        Path("policies/lead.yaml").write_text(
            'policy: a\nmodels: ["a"]\nextends:\n  - {folder: ../shared, path: middle.yaml}\n'
        )
        assert hotpass("policy", "fetch").out.startswith("shared/middle.yaml:4:5: fetched")

    def test_a_damaged_copy_is_fetched_again(self, extend: Extend, hotpass: Hotpass) -> None:
        extend()
        cache.keep(digest_of(BASELINE), b"policy: mine\n")
        assert "in the cache has the digest" in hotpass("policy", "lint").err
        assert hotpass("policy", "fetch").out.startswith("policies/lead.yaml:4:5: fetched")
        assert hotpass("policy", "lint").code == 0

    def test_nothing_to_fetch(self, hotpass: Hotpass) -> None:
        Path("policies/a.yaml").write_text(BASELINE)
        assert (
            hotpass("policy", "fetch").out == "Nothing to fetch: no policy extends one in a git repository.\n"
        )
        assert hotpass("policy", "fetch", "--json").json == {"ok": True, "shared": [], "problems": []}

    def test_from_a_revision(self, remote: Repo, extend: Extend, hotpass: Hotpass) -> None:
        """Where a path is relative to the file as it lies in the work tree."""
        team = Repo(Path.cwd())
        extend()
        team.commit()
        extend(digest="sha256:" + "0" * 64)
        remedy = f"`hotpass policy fetch --policies-from {team.head[:12]}`"
        assert remedy in hotpass("policy", "lint", "--policies-from", "main").err
        assert hotpass("policy", "fetch", "--policies-from", "main").code == 0
        assert hotpass("policy", "lint", "--policies-from", "main").code == 0
        assert hotpass("policy", "lint").code == 2


class TestPinning:
    def test_a_branch_and_no_digest_say_what_to_write(
        self, remote: Repo, extend: Extend, hotpass: Hotpass
    ) -> None:
        extend(revision="main", digest=None)
        linted = hotpass("policy", "lint").err
        assert f"Write the id of a commit, all of it. It is {remote.head} now." in linted
        assert "needs the key 'digest'" in linted
        said = refused(hotpass("policy", "fetch"))
        assert f"revision: {remote.head}\n        digest: {digest_of(BASELINE)}" in said

    def test_without_a_digest(self, remote: Repo, extend: Extend, hotpass: Hotpass) -> None:
        extend(digest=None)
        assert f"digest: {digest_of(BASELINE)}" in refused(hotpass("policy", "fetch"))

    def test_another_file_than_was_pinned_is_not_kept(self, extend: Extend, hotpass: Hotpass) -> None:
        wanted = "sha256:" + "0" * 64
        extend(digest=wanted)
        said = refused(hotpass("policy", "fetch"))
        assert f"has the digest {digest_of(BASELINE)}, and {wanted} is wanted" in said
        assert f"accept it by `digest: {digest_of(BASELINE)}`" in said

    def test_as_json(self, extend: Extend, hotpass: Hotpass) -> None:
        extend(digest=None)
        told = hotpass("policy", "fetch", "--json").json
        assert (told["ok"], told["shared"][0]["state"]) == (False, "not fetched")
        assert told["problems"][0]["line"] == 4


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("revision", "words"),
        [
            ("0" * 40, "cannot be fetched"),
            ("nobody", "cannot be fetched"),
            ("-u", "is no name of a branch or a tag"),
            ("main:x", "is no name of a branch or a tag"),
            ("a..b", "is no name of a branch or a tag"),
        ],
    )
    def test_a_revision(self, extend: Extend, hotpass: Hotpass, revision: str, words: str) -> None:
        extend(revision=revision)
        assert words in refused(hotpass("policy", "fetch"))

    def test_the_id_of_something_else(self, remote: Repo, extend: Extend, hotpass: Hotpass) -> None:
        remote.git("tag", "-a", "v1", "-m", "annotated")
        extend(revision=remote.git("rev-parse", "v1"))
        assert f"is a tag's id. Write that of the commit: {remote.head}." in refused(
            hotpass("policy", "fetch")
        )
        extend(revision=remote.git("rev-parse", "HEAD^{tree}"))
        assert "cannot be fetched" in refused(hotpass("policy", "fetch"))

    @pytest.mark.parametrize("what", ["missing", "folder", "link", "submodule", "through a link", "large"])
    def test_what_is_no_file_of_a_policy(
        self, remote: Repo, extend: Extend, hotpass: Hotpass, what: str
    ) -> None:
        remote.git("rm", "-q", "-r", "policies")
        file = remote.root / "policies" / "baseline.yaml"
        file.parent.mkdir(exist_ok=True)
        if what == "folder":
            remote.write("policies/baseline.yaml/x", "")
        elif what == "link":
            file.symlink_to("/etc/passwd")
        elif what == "through a link":
            file.parent.rmdir()
            remote.write("real/baseline.yaml", BASELINE)
            file.parent.symlink_to("real")
        elif what == "large":
            file.write_text("#" * 300_000)
        elif what == "submodule":
            remote.git("update-index", "--add", "--cacheinfo", f"160000,{remote.head},policies/baseline.yaml")
            remote.git("commit", "-q", "-m", "a submodule")
        if what != "submodule":
            remote.commit()
        extend()
        words = {
            "missing": "there is no policies/baseline.yaml at", "folder": "is a folder at",
            "link": "is a link at", "submodule": "is a submodule at",
            "through a link": "there is no policies/baseline.yaml at",
            "large": "has 300,000 bytes; the limit is",
        }[what]  # fmt: skip
        assert words in refused(hotpass("policy", "fetch"))

    @pytest.mark.parametrize(
        "url", ["ext::sh -c 'touch {}'", "--upload-pack=touch {}", "fd::17", "-oProxyCommand=x"]
    )
    def test_a_url_that_would_run_something(
        self, extend: Extend, hotpass: Hotpass, tmp_path: Path, url: str
    ) -> None:
        extend(f'"{url.format(tmp_path / "ran")}"')
        assert hotpass("policy", "lint").code == 2
        hotpass("policy", "fetch")
        with pytest.raises(CallError):
            fetch(url.format(tmp_path / "ran"), "main", "a.yaml")
        assert not (tmp_path / "ran").exists()

    def test_what_a_repository_brings_along_is_not_run(
        self, remote: Repo, extend: Extend, hotpass: Hotpass, tmp_path: Path
    ) -> None:
        ran = tmp_path / "ran"
        remote.write(".gitattributes", "*.yaml filter=mine ident\n")
        remote.write(".gitmodules", f'[submodule "x"]\n\tpath = x\n\turl = ext::sh -c "touch {ran}"\n')
        remote.commit()
        for hook in ("post-checkout", "reference-transaction", "pre-receive", "post-upload-pack"):
            file = remote.root / ".git" / "hooks" / hook
            file.parent.mkdir(exist_ok=True)
            file.write_text(f"#!/bin/sh\ntouch {ran}\n")
            file.chmod(0o755)
        remote.git("config", "uploadpack.packObjectsHook", f"touch {ran}")
        extend()
        assert hotpass("policy", "fetch").code == 0
        assert not ran.exists()

    def test_a_password_in_a_url_is_never_shown(self, extend: Extend, hotpass: Hotpass) -> None:
        extend("https://me:hunter2@localhost:1/policies.git")
        for ran in (
            hotpass("policy", "lint"),
            hotpass("policy", "fetch"),
            hotpass("policy", "fetch", "--json"),
        ):
            assert ran.code == 2
            assert "me:***@localhost" in ran.out + ran.err
            assert "hunter2" not in ran.out + ran.err

    def test_a_cache_that_cannot_be_written(
        self, extend: Extend, hotpass: Hotpass, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "cache").write_text("a file")
        extend()
        ran = hotpass("policy", "fetch")
        assert ran.code == 2
        assert "HOTPASS_CACHE names another folder" in ran.err

    def test_no_place(self, hotpass: Hotpass) -> None:
        Path("policies").rmdir()
        assert "no such folder, and nothing else names one" in hotpass("policy", "fetch").err
