"""Where files are, so that two ways to write the same place compare equal.

A place is a tuple: kind of storage, host or bucket, and the parts of the path. Letter case does not count:
some file systems do not see it, and nobody names two models so alike. An `mlflow-artifacts:` URI is where the
server's artifact proxy keeps it.
"""

from __future__ import annotations

import os
import posixpath
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

Place = tuple[str, ...]

_ARTIFACTS_ROUTE = "/mlflow-artifacts/artifacts/"
#: Schemes of the same storage.
_SAME = {"s3a": "s3", "s3n": "s3", "abfss": "azure", "abfs": "azure", "wasbs": "azure", "wasb": "azure"}
_DECODINGS = 10  # MLflow decodes a path as often, until nothing changes


def places_of(uri: str, destination: str, workspace: str = "default") -> frozenset[Place]:
    """Every place that `uri` can mean; none for a URI that names no storage, such as `models:/…`.

    `destination` is what the artifact proxy serves; "" for a server that serves none. `workspace` is that of
    whoever resolves the URI.
    """
    return frozenset(_places(uri, destination, workspace))


def join(uri: str, path: str | None) -> str:
    """The URI of `path` below `uri`."""
    uri = uri if _is_local(uri) else uri.split("?")[0].split("#")[0]
    return f"{uri.rstrip('/')}/{path}" if path else uri


def overlap(target: Place, place: Place) -> bool:
    """Whether `target` is `place`, below it or above it."""
    shorter = min(len(target), len(place))
    return target[:shorter] == place[:shorter]


def begins(target: Place, place: Place) -> bool:
    """Whether `place` begins with `target` as text does: some storages delete all that begins alike."""
    return "/".join(place).startswith("/".join(target))


def _places(uri: str, destination: str, workspace: str) -> Iterator[Place]:
    if not uri:
        return
    if _is_local(uri):
        yield from _local(uri)
        return
    parsed = urlsplit(uri)
    scheme = parsed.scheme.lower()
    served = None
    if scheme == "mlflow-artifacts":
        served = parsed.path
    elif scheme in ("http", "https") and _ARTIFACTS_ROUTE in parsed.path:
        served = parsed.path.split(_ARTIFACTS_ROUTE, 1)[1]
    if served is not None:
        path = served.strip("/")
        if destination:
            yield from _places(join(destination, path), "", workspace)
            if workspace != "default" and not path.startswith("workspaces/"):
                yield from _places(join(destination, f"workspaces/{workspace}/{path}"), "", workspace)
        return
    if scheme in ("models", "runs"):
        return
    host = parsed.netloc.lower().replace(".dfs.core.", ".blob.core.")
    for path in _decoded(parsed.path):
        yield _SAME.get(scheme, scheme), host, *_parts(posixpath.normpath(f"/{path}"))


def _is_local(uri: str) -> bool:
    scheme, separator, _ = uri.partition(":")
    # One letter is a drive.
    return not separator or scheme.lower() == "file" or len(scheme) == 1 or "/" in scheme


def _local(uri: str) -> Iterator[Place]:
    path = urlsplit(uri).path if uri.lower().startswith("file:") else uri
    for written in _decoded(path):
        absolute = os.path.abspath(written)
        for form in {absolute, os.path.realpath(absolute)}:
            yield "file", "", *_parts(form.replace(os.sep, "/"))


def _decoded(path: str) -> Iterator[str]:
    """`path` as it is written, and as what each decoding makes of it: storages differ in what they decode."""
    for _ in range(_DECODINGS):
        if "\0" not in path:
            yield path
        decoded = unquote(path)
        if decoded == path:
            return
        path = decoded


def _parts(path: str) -> tuple[str, ...]:
    folded = unicodedata.normalize("NFC", path).casefold()
    return tuple(part for part in folded.split("/") if part)
