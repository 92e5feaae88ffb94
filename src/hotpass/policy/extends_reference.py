"""The sections of the reference about shared policies and about policies from a git revision."""

from __future__ import annotations

from hotpass.policy.extends import DEEPEST
from hotpass.policy.extensions import MOST

ABOUT = f"""\
# Shared policies

A policy may extend others: an organisation's baseline, say, that each team adds to.

```yaml
policy: lead-scoring
models: ["lead_scoring_*"]
extends:
  - folder: ../shared # relative to this file
    path: baseline.yaml
  - git: https://example.org/policies.git # or user@host:path, or the path of a repository
    revision: 3f2c1ab9d0e14b7f86a5c2d8e9f0a1b2c3d4e5f6 # the full id of a commit: a branch or a tag can move
    path: policies/personal_data.yaml
    digest: sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
promotions: # may be left out
  - to: Production
    from: Staging
    gates:
      - metric_threshold:
          roc_auc: {{at_least: 0.75}}
```

- The gates of the shared policies come first, and this policy's own after them; `aliases` and `rollback` are
  added up. Promotions that this policy does not have are taken over.
- It adds, and takes nothing away. To a stage that a shared policy promotes to, this policy has no promotion
  but by the same `from`: another would lead around the shared gates. To other stages it may promote as it
  likes. An `archive_existing` that a shared policy sets cannot be set otherwise.
- `models` and `description` are this policy's own. Its digest, which every decision records, covers what it
  extends, and a shared file in a folder that changes during a promotion stops it.
- What is extended may extend others, {DEEPEST} deep and {MOST} in one file, and never itself.
- A file with `shared: true` in place of `models` covers no model: it is only there to be extended, and may
  stand beside other policies. Any other policy can be extended as well.
- A policy that comes from git extends only others in git, since nothing would pin a folder.

`hotpass policy fetch` fetches what is extended from git, and nothing else does: not a check, not a promotion,
not a guard. Once fetched it is read from the cache, which is the folder that `HOTPASS_CACHE` names, else
`hotpass` among the user's caches. Its digest is checked each time it is read. `git` is asked with the
credentials that it has; it never prompts.

To pin a policy for the first time, or to a newer commit, write a branch under `revision` and leave `digest`
out: `hotpass policy fetch` says what to write. A `digest` may be given for a folder too.

# Policies from a git revision

In CI a pull request that changes policies, or a gate in a plugin folder, must not judge itself:

```shell
hotpass check lead_scoring_demo latest --to Production --policies-from origin/main
```

`--policies-from REV` reads policies, waivers, cases and plugin folders, and the pyproject.toml that names
them, as they are at that commit. `HOTPASS_POLICIES_FROM=origin/main` says the same once for all commands that
judge models, for the library and for a guard; nothing in the repository can unset it, and an option that
says another commit is refused. Commands whose subject is the files themselves (`lint`, `test`, `explain`)
heed only the option; `fetch` heeds both, since the policies of a request could name any server, and CI would
go there with its credentials. Messages and records name the commit: `policies/lead.yaml@1f2e3d4c5b6a:12:9`.

- The revision is a branch, a tag or a commit. A name that means two of them is refused; in CI, write
  `origin/main` rather than `main`, which may be the request's own branch.
- Links and submodules are not followed, and a place outside the repository is an error.
- A clone that CI made with only the newest commit lacks the revision: `git fetch --depth=1 origin
  main:refs/remotes/origin/main` adds it.
- Installed plugins are those of the environment. Install them from the base branch, too, and run the command
  `hotpass` rather than `python -m hotpass`, which looks for modules in the working directory first.
"""
