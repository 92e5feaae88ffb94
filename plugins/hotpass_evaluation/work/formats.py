"""What a file of a model is by its bytes, and whether reading it can run code. Nothing is ever loaded."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickletools
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from tokenize import TokenError
from typing import IO, Any, NamedTuple

from numpy.lib import format as npy

#: Only read by their own formats' parsers, which build numbers, strings and tables. Text needs no entry.
_INERT = frozenset({
    ".skops", ".onnx", ".safetensors", ".ubj", ".xgb", ".lgb", ".cb", ".cbm", ".parquet", ".arrow",
    ".feather", ".npy", ".npz", ".pt2", ".keras", ".h5", ".hdf5", ".tflite", ".gguf", ".png", ".jpg", ".jpeg",
    ".gif", ".pdf",
})  # fmt: skip

_PICKLES = frozenset({".pkl", ".pickle", ".cloudpickle", ".joblib", ".dill", ".pck", ".pcl"})
_CODE = frozenset({
    ".py", ".pyc", ".pyo", ".pyx", ".pyd", ".ipynb", ".so", ".dll", ".dylib", ".whl", ".egg", ".jar", ".exe",
})  # fmt: skip
_NATIVE = (b"\x7fELF", b"MZ\x90", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa\xcf", b"\xca\xfe\xba\xbe")
_NPY, _HDF5 = b"\x93NUMPY", b"\x89HDF\r\n\x1a\n"
_COMPRESSED: dict[bytes, Callable[[IO[bytes]], gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile]] = {
    b"\x1f\x8b": lambda stream: gzip.GzipFile(fileobj=stream),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
}
_ZLIB = (b"x\x01", b"x\x9c", b"x\xda", b"x\x5e")

_IMPORT = frozenset({"GLOBAL", "STACK_GLOBAL", "EXT1", "EXT2", "EXT4"})
_CALL = frozenset({"REDUCE", "OBJ", "NEWOBJ", "NEWOBJ_EX", "BUILD"})
_MOST_OPCODES = 200_000
_HEAD = 65536
_MOST_MEMBERS = 20_000
#: Archives whose members without a suffix are weights, read as numbers alone.
_RAW = (".pt2", ".keras")
_KERAS_OWN = ("keras", "tensorflow.keras", "tf_keras", "builtins", "None")


class Finding(NamedTuple):
    """Something in a model that is not known to be safe. `kind` is a word of the gate's `allow:`."""

    kind: str
    path: str
    why: str


def look(file: Path, path: str) -> list[Finding]:
    """What reading `file`, which is `path` in the model, could run. Raises OSError."""
    with file.open("rb") as stream:
        return [Finding(kind, path, why) for kind, why in _inside(stream, path)]


def _inside(stream: IO[bytes], path: str, within: str | None = None) -> Iterator[tuple[str, str]]:
    """`within` is the suffix of the archive that it lies in, if it does."""
    suffix = PurePosixPath(path).suffix.lower()
    raw = within in _RAW and not suffix
    head = stream.read(_HEAD)
    stream.seek(0)
    if suffix in _CODE or head.startswith(_NATIVE):
        yield "code", "is code"
    elif suffix in _PICKLES or (_is_marked(head) and not raw) or calls_something(stream):
        yield "pickle", "is a pickle, which runs whatever it says when it is loaded"
    elif _is_archive(stream):
        if within:
            yield "unknown", "is an archive inside an archive"
        else:
            yield from _archive(stream, suffix)
    elif head.startswith(_NPY):
        yield from _array(head)
    elif head.startswith(_HDF5):
        yield from _hdf5(stream)
    elif raw:
        return
    elif head.startswith((*_COMPRESSED, *_ZLIB)):
        yield from _compressed(stream, head)
    elif suffix not in _INERT and not _is_text(head):
        yield "unknown", "is of a kind that is not known to be safe to load"


def _is_archive(stream: IO[bytes]) -> bool:
    """Whatever stands before it: readers of archives begin at the end."""
    try:
        return zipfile.is_zipfile(stream)
    finally:
        stream.seek(0)


def _is_marked(head: bytes) -> bool:
    """As pickles have begun since protocol 2."""
    return len(head) > 1 and head[0] == 0x80 and head[1] <= 5


def calls_something(stream: IO[bytes]) -> bool:
    """Whether `stream`, read from its start, would import and call something if it were unpickled. Leaves the
    stream at its start.

    Pickles of old protocols are plain text without a mark at the beginning, and an unpickler obeys every
    opcode before the one that it does not understand; so the opcodes are followed as far as they go.
    """
    imported = False
    stack = _Stack()
    try:
        for number, (opcode, _, _) in enumerate(pickletools.genops(stream)):
            if not stack.takes(opcode):
                return False
            imported = imported or opcode.name in _IMPORT
            if opcode.name == "INST" or (imported and opcode.name in _CALL) or number > _MOST_OPCODES:
                return True
    except (ValueError, OverflowError, LookupError):
        return False
    finally:
        stream.seek(0)
    return False


class _Stack:
    """How much an unpickler has on its stack: it stops at an opcode that wants more, as it does early in what
    only looks like a pickle.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._marks: list[int] = []

    def takes(self, opcode: pickletools.OpcodeInfo) -> bool:
        before, after = opcode.stack_before, opcode.stack_after
        if opcode.name == "POP" and self._marks and self._marks[-1] == self._depth:
            self._marks.pop()
        elif pickletools.markobject in before:
            if not self._marks:
                return False
            self._depth = self._marks.pop() - before.index(pickletools.markobject)
        else:
            self._depth -= len(before)
        if self._depth < 0:
            return False
        if pickletools.markobject in after:
            self._marks.append(self._depth)
        else:
            self._depth += len(after)
        return True


def _archive(stream: IO[bytes], suffix: str) -> Iterator[tuple[str, str]]:
    try:
        with zipfile.ZipFile(stream) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
            names = {info.filename for info in members}
            if len(members) > _MOST_MEMBERS:
                yield "unknown", f"is an archive of {len(members):,} files"
                return
            if suffix == ".skops" and "schema.json" not in names:
                yield "unknown", "is no skops file, for all its name"
            if suffix == ".keras":
                yield from _keras(archive)
            elif suffix not in (".skops", ".npz", ".pt2"):
                yield "unknown", "is an archive of a kind that is not known to be safe to load"
            for info in members:
                with archive.open(info) as member:
                    for kind, why in _inside(member, info.filename, within=suffix or "."):
                        yield kind, f"holds {info.filename[:80]}, which {why}"
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error, ValueError) as error:
        yield "unknown", f"is an archive that cannot be read ({error})"


def _array(head: bytes) -> Iterator[tuple[str, str]]:
    """By numpy's own reading of the header, which can spell a type in many ways."""
    stream = io.BytesIO(head)
    try:
        version = npy.read_magic(stream)
        readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
        if readers[version](stream)[2].hasobject:
            yield "pickle", "is an array of Python objects, which are pickled"
    except (KeyError, ValueError, TypeError, SyntaxError, TokenError, RecursionError):
        yield "unknown", "is an array with a header that numpy does not read"


def _keras(archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    try:
        config = json.loads(archive.read("config.json"))
    except (KeyError, ValueError, RecursionError):
        yield "unknown", "is no Keras file, for all its name"
        return
    for layer in _objects(config):
        if layer.get("class_name") in ("Lambda", "__lambda__"):
            yield "lambda", "has a Lambda layer, which holds Python code"
        module = layer.get("module")
        if isinstance(module, str) and not module.startswith(_KERAS_OWN):
            yield "code", f"imports {module[:80]!r} when it is loaded"


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _hdf5(stream: IO[bytes]) -> Iterator[tuple[str, str]]:
    """Keras keeps a model's configuration in HDF5 as one JSON text."""
    before = b""
    while block := stream.read(1 << 20):
        if b'"Lambda"' in before + block:
            yield "lambda", "has a Lambda layer, which holds Python code"
            return
        before = block[-16:]


def _compressed(stream: IO[bytes], head: bytes) -> Iterator[tuple[str, str]]:
    """joblib compresses pickles; tables come compressed too."""
    try:
        if head.startswith(_ZLIB):
            start = zlib.decompressobj().decompress(head, _HEAD)
        else:
            opens = next(opens for magic, opens in _COMPRESSED.items() if head.startswith(magic))
            with opens(stream) as inner:
                start = inner.read(_HEAD)
    except (OSError, EOFError, zlib.error, lzma.LZMAError):
        start = b"\0"
    if start[:1] == b"\x80":
        yield "pickle", "is a compressed pickle, which runs whatever it says when it is loaded"
    elif not _is_text(start):
        yield "unknown", "is compressed, and of a kind that is not known to be safe to load"


def _is_text(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(head) < _HEAD or error.start < len(head) - 4:
            return False
    return b"\0" not in head
