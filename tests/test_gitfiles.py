"""What a revision names, and what is read there, by the real `git`."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from hotpass.errors import CallError
from hotpass.gitfiles import Objects, commit_of, environment, git, repository_of
from support.repositories import Repo


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "repo")
    made.commit(a="one")
    return made


def refused(rev: str, repo: Repo) -> str:
    with pytest.raises(CallError) as caught:
        commit_of(rev, repo.root)
    return str(caught.value)


class TestTheRevision:
    def test_branch_tag_id_and_what_is_before_them(self, repo: Repo) -> None:
        first = repo.head
        repo.git("tag", "-a", "v1", "-m", "annotated")
        second = repo.commit(a="two")
        for rev, commit in {
            "main": second, "HEAD": second, "v1": first, "main~1": first, "main^": first, first: first,
            first[:10]: first, "refs/heads/main": second, "heads/main": second,
        }.items():  # fmt: skip
            assert commit_of(rev, repo.root) == commit, rev

    @pytest.mark.parametrize(
        "rev",
        ["--output=x", "-h", "main:a.yaml", ":/a", ":a.yaml", "main^{/a}", "HEAD..main", "a b", "a\nb", "m*",
         "a\x00b", "\x1b[2J"],
    )  # fmt: skip
    def test_what_is_no_revision_is_not_given_to_git(self, repo: Repo, rev: str) -> None:
        message = refused(rev, repo)
        assert "is no revision. Name a branch, a tag or a commit" in message
        assert "\x1b" not in message

    @pytest.mark.parametrize("rev", ["", " "])
    def test_an_empty_one_as_an_unset_variable_leaves_it(self, repo: Repo, rev: str) -> None:
        assert "the revision is empty" in refused(rev, repo)

    def test_a_tag_that_takes_the_name_of_a_branch_is_refused(self, repo: Repo) -> None:
        first = repo.head
        repo.commit(a="two")
        repo.git("tag", "main", first)
        assert "ambiguous: it names refs/heads/main and refs/tags/main" in refused("main", repo)
        assert "ambiguous" in refused("main~1", repo)
        assert commit_of("refs/tags/main", repo.root) == first

    def test_a_tag_on_the_same_commit_is_none_the_worse(self, repo: Repo) -> None:
        repo.git("tag", "-a", "main", "-m", "the same")
        assert commit_of("main", repo.root) == repo.head

    def test_a_local_branch_that_takes_the_name_of_a_remote_one_is_refused(self, repo: Repo) -> None:
        repo.git("update-ref", "refs/remotes/origin/main", repo.head)
        repo.git("branch", "origin/main", repo.commit(a="mine"))
        assert "refs/heads/origin/main and refs/remotes/origin/main" in refused("origin/main", repo)

    def test_a_branch_that_takes_the_name_of_an_id_is_refused(self, repo: Repo) -> None:
        first = repo.head
        repo.git("branch", first[:7], repo.commit(a="two"))
        assert "ambiguous" in refused(first[:7], repo)

    @pytest.mark.parametrize("form", ["{}", "v1-3-g{}"])
    def test_so_is_one_in_another_spelling(self, repo: Repo, form: str) -> None:
        name = form.format(repo.head[:8].upper())
        repo.git("branch", name, repo.commit(a="two"))
        assert "ambiguous" in refused(name, repo)

    def test_a_branch_that_takes_the_name_of_a_remote_is_refused(self, repo: Repo) -> None:
        repo.git("update-ref", "refs/remotes/origin/main", repo.head)
        repo.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
        assert commit_of("origin", repo.root) == repo.head
        repo.git("branch", "origin", repo.commit(a="two"))
        assert "ambiguous" in refused("origin", repo)

    def test_a_branch_that_takes_the_name_of_a_whole_id_is_that_id(self, repo: Repo) -> None:
        first = repo.head
        second = repo.commit(a="two")
        repo.git("update-ref", f"refs/heads/{first}", second)
        assert commit_of(first, repo.root) == first

    def test_a_file_that_takes_the_name_of_a_revision(self, repo: Repo) -> None:
        repo.write("nobody", "")
        assert "there is no revision 'nobody' in this clone" in refused("nobody", repo)
        repo.write("main", "")
        assert commit_of("main", repo.root) == repo.head

    def test_one_that_does_not_exist_says_what_does(self, repo: Repo) -> None:
        repo.git("update-ref", "refs/remotes/origin/release", repo.head)
        assert "Did you mean 'origin/release'?" in refused("release", repo)
        assert "Did you mean 'main'?" in refused("mian", repo)

    def test_a_shallow_clone_says_what_to_fetch(self, repo: Repo, tmp_path: Path) -> None:
        repo.commit(a="two")
        repo.git("clone", "--quiet", "--depth=1", f"file://{repo.root}", str(tmp_path / "shallow"))
        with pytest.raises(
            CallError, match=r"shallow.*`git fetch --depth=1 origin old:refs/remotes/origin/old`"
        ):
            commit_of("origin/old", tmp_path / "shallow")

    def test_a_tree_or_a_file_is_no_commit(self, repo: Repo) -> None:
        assert "no revision" in refused(repo.git("rev-parse", "HEAD^{tree}"), repo)


class TestTheRepository:
    def test_from_a_folder_in_it(self, repo: Repo) -> None:
        repo.write("a/b/c", "")
        found = repository_of(repo.root / "a" / "b")
        assert (found.root, str(found.prefix)) == (repo.root, "a/b")

    def test_outside_of_any(self, tmp_path: Path) -> None:
        with pytest.raises(CallError, match="is in no git repository"):
            repository_of(tmp_path)

    def test_a_bare_one_that_lies_in_the_work_tree_is_not_taken_for_one(
        self, repo: Repo, tmp_path: Path
    ) -> None:
        """It can be committed, with settings of its own, and git would find it from within."""
        repo.git("clone", "--quiet", "--bare", ".", "vendored")
        with pytest.raises(CallError, match=r"safe\.bareRepository is 'explicit'"):
            repository_of(repo.root / "vendored")

    def test_variables_that_lead_elsewhere_are_not_heeded(
        self, repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = Repo(tmp_path / "other")
        other.commit(a="other")
        monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
        monkeypatch.setenv("GIT_WORK_TREE", str(other.root))
        monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(other.root / ".git" / "objects"))
        assert repository_of(repo.root).root == repo.root
        assert commit_of("main", repo.root) == repo.head

    def test_how_a_server_is_reached_is_kept_and_nobody_is_asked(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GIT_SSH_COMMAND", "ssh -i key")
        monkeypatch.setenv("GIT_TERMINAL_PROMPT", "1")
        monkeypatch.setenv("GIT_REPLACE_REF_BASE", "refs/mine")
        monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "ext")
        found = environment()
        assert found["GIT_SSH_COMMAND"] == "ssh -i key"
        assert (found["GIT_TERMINAL_PROMPT"], found["GIT_ASKPASS"]) == ("0", "")
        assert "GIT_REPLACE_REF_BASE" not in found
        assert "ext" not in found["GIT_ALLOW_PROTOCOL"].split(":")


class TestTheProgram:
    def test_without_git(self, repo: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(CallError, match="git is not installed, or not on the PATH"):
            commit_of("main", repo.root)

    def test_what_it_says_has_no_password_and_no_control_characters(self, repo: Repo) -> None:
        with pytest.raises(CallError) as caught:
            git("ls-remote", "ext::sh -c \x1b[2J", "https://me:secret@localhost", at=repo.root)
        assert "\x1b" not in str(caught.value)
        with pytest.raises(CallError) as caught:
            git("ls-remote", "https://me:secret@localhost:1/x.git", at=repo.root)
        assert "secret" not in str(caught.value)

    @pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
    def test_one_that_hangs_is_stopped_with_all_that_it_started(
        self, repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        program = tmp_path / "bin" / "git"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\nsleep 60 &\necho $! > {tmp_path}/child\nwait\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
        begun = time.monotonic()
        with pytest.raises(CallError, match=r"did not end within 0\.5 seconds and was stopped"):
            git("status", at=repo.root, limit=0.5)
        assert time.monotonic() - begun < 30
        child = int((tmp_path / "child").read_text())
        for _ in range(100):
            if not _runs(child):
                break
            time.sleep(0.05)
        assert not _runs(child)


def _runs(pid: int) -> bool:
    import psutil

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class TestObjects:
    def test_a_file_at_a_commit(self, repo: Repo) -> None:
        commit = repo.commit(policies__lead="é\r\n")
        repo.write("policies/lead.yaml", "changed")
        with Objects(repo.root) as objects:
            folder = objects.names(objects.root(commit))["policies"]
            entry = objects.names(folder)["lead.yaml"]
            assert (folder.is_folder, entry.is_file) == (True, True)
            assert objects.read(entry.id, "blob", most=100) == "é\r\n".encode()

    def test_a_replacement_is_not_followed(self, repo: Repo) -> None:
        commit = repo.commit(a="true")
        repo.git("replace", repo.blob("true"), repo.blob("false"))
        assert repo.git("cat-file", "-p", "HEAD:a.yaml") == "false"
        with Objects(repo.root) as objects:
            entry = objects.names(objects.root(commit))["a.yaml"]
            assert objects.read(entry.id, "blob", most=100) == b"true"

    def test_one_that_is_too_large_or_missing_or_of_another_kind(self, repo: Repo) -> None:
        with Objects(repo.root) as objects:
            entry = objects.names(objects.root(repo.head))["a.yaml"]
            with pytest.raises(CallError, match="has 3 bytes; the limit is 2"):
                objects.read(entry.id, "blob", most=2)
        with (
            Objects(repo.root) as objects,
            pytest.raises(CallError, match=r"cannot be read: git says .* missing"),
        ):
            objects.read("0" * 40, "blob", most=100)
        with Objects(repo.root) as objects, pytest.raises(CallError, match=r"the tree .* cannot be read"):
            objects.names(entry)

    @pytest.mark.parametrize("name", ["..", ".", "", "a/b", ".git", ".GIT"])
    def test_a_name_that_leads_out_of_its_folder(self, repo: Repo, name: str) -> None:
        tree = repo.tree(("100644", repo.blob("x"), name))
        commit = repo.commit_tree(tree)
        with Objects(repo.root) as objects, pytest.raises(CallError, match="a name that no file may have"):
            objects.names(objects.root(commit))

    @pytest.mark.parametrize(
        "raw", [b"100644 a", b"100644 a\0", b"\xff\0" + b"x" * 20, b"100644 a\0" + b"x" * 19]
    )
    def test_a_damaged_tree(self, repo: Repo, raw: bytes) -> None:
        tree = repo.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=raw)
        commit = repo.commit_tree(tree)
        with Objects(repo.root) as objects, pytest.raises(CallError, match=r"is damaged|no file may have"):
            objects.names(objects.root(commit))

    def test_the_same_name_twice(self, repo: Repo) -> None:
        commit = repo.commit_tree(
            repo.tree(("100644", repo.blob("x"), "a.yaml"), ("100644", repo.blob("y"), "a.yaml"))
        )
        with Objects(repo.root) as objects, pytest.raises(CallError, match="a name that no file may have"):
            objects.names(objects.root(commit))
