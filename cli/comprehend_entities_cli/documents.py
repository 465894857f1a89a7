"""Documents on this machine: which files of the given paths are taken, which are left out and why, and their price."""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .aws import Aws, CommandError
from .published import Place

_HEAD_BYTES = 64 * 1024
_LONGEST_KEY = 1024
_THREADS = 16
_LEFT_OUT_FOLDERS = {"node_modules", "__pycache__", "venv"}
_BINARY = {
    b"%PDF-": "a PDF document",
    b"PK\x03\x04": "a Word document or another ZIP archive",
    b"\x89PNG\r\n\x1a\n": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"II*\x00": "a TIFF image",
    b"MM\x00*": "a TIFF image",
}


@dataclass(frozen=True)
class Document:
    """A file to submit, and the end of its key: its path below the given folder."""

    path: Path
    key: str
    size: int


@dataclass
class Documents:
    """The documents of a command's paths.

    Attributes:
        taken: the documents.
        left_out: paths that are no documents, with the reason.
        units: what analysing the documents is charged for.
        usd: its price in US dollars.
        broken_rules: limits of the service that all of them together break, in words.
    """

    taken: list[Document] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    units: int = 0
    usd: float = 0.0
    broken_rules: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """The size of all documents in bytes."""
        return sum(each.size for each in self.taken)

    def as_json(self) -> dict[str, Any]:
        """Return it as commands print it."""
        return {
            "Documents": len(self.taken),
            "Bytes": self.size,
            "Units": self.units,
            "EstimatedCostUsd": self.usd,
            "LeftOut": [{"Path": path, "Reason": reason} for path, reason in self.left_out],
            "BrokenRules": self.broken_rules,
        }


def collect(paths: Iterable[Path], *, custom: bool = False, by_line: bool = False) -> Documents:
    """Return the documents in some files and folders.

    Hidden files and folders are left out, as are a program's dependencies: no documents, but maybe secrets.

    Args:
        paths: files, and folders that are read with all below them.
        custom: a custom recognizer reads them, and so PDF, Word and images as well.
        by_line: a line is a document.

    Raises:
        CommandError: a path is not there, or two files would get the same key.
    """
    from entities_job.request.limits import Tally, unfit

    found, tally = Documents(), Tally(custom=custom, by_line=by_line)
    keys: dict[str, Path] = {}
    for path, key in _files(paths, found):
        size, reason, lines, line_units = _judged(path, key, custom=custom, by_line=by_line)
        reason = reason or unfit(key, size, custom=custom, by_line=by_line)
        if reason:
            found.left_out.append((str(path), reason))
            continue
        if key in keys:
            raise CommandError(f"{keys[key]} and {path} would get the same name, {key}.", "Submit them separately.")
        keys[key] = path
        found.taken.append(Document(path, key, size))
        tally.add({"File": key, "Source": key, "Size": size, "Lines": lines}, line_units)
    found.units, found.usd = tally.units, tally.cost
    found.broken_rules = [each.rule for each in tally.violations("", {})] if found.taken else []
    return found


def upload(aws: Aws, documents: Iterable[Document], uri: str) -> Iterator[Document]:
    """Put documents below a URI, several at once; yield each that has been put."""
    place = Place.of(uri)

    def put(document: Document) -> Document:
        with document.path.open("rb") as body:
            aws.client("s3").put_object(Bucket=place.bucket, Key=f"{place.key}{document.key}", Body=body)
        return document

    pool = ThreadPoolExecutor(_THREADS)
    try:
        yield from pool.map(put, documents)
    finally:
        pool.shutdown(cancel_futures=True)


def _files(paths: Iterable[Path], found: Documents) -> Iterator[tuple[Path, str]]:
    for given in paths:
        path = given.expanduser()
        if not path.exists():
            raise CommandError(f"{path} does not exist.")
        if not path.is_dir():
            yield path, path.name
            continue
        for folder, names, files in os.walk(path, onerror=lambda error: _left_out(found, error)):
            below = Path(folder)
            for name in sorted(names):
                if reason := _no_folder(below / name):
                    found.left_out.append((str(below / name) + "/", reason))
                    names.remove(name)
            names.sort()
            for name in sorted(files):
                if name.startswith("."):
                    found.left_out.append((str(below / name), "is hidden"))
                else:
                    yield below / name, (below / name).relative_to(path).as_posix()


def _left_out(found: Documents, error: OSError) -> None:
    found.left_out.append((str(error.filename), f"can't be read: {error.strerror}"))


def _no_folder(folder: Path) -> str:
    if folder.name.startswith("."):
        return "is hidden"
    if folder.name in _LEFT_OUT_FOLDERS or (folder / "pyvenv.cfg").exists():
        return "holds dependencies of a program"
    return "is a link" if folder.is_symlink() else ""


def _judged(path: Path, key: str, *, custom: bool, by_line: bool) -> tuple[int, str | None, int, int]:
    """Return a file's size, why it can't be a document, and the number of its lines and their units."""
    try:
        key_bytes = key.encode("utf-8")
    except UnicodeEncodeError:
        return 0, "has a name that is not UTF-8", 0, 0
    if len(key_bytes) > _LONGEST_KEY // 2:
        return 0, f"has a path of more than {_LONGEST_KEY // 2} bytes", 0, 0
    try:
        known = path.stat()
        if not stat.S_ISREG(known.st_mode):
            return 0, "is not a regular file", 0, 0
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
        lines, line_units = _lines(path) if by_line else (0, 0)
    except OSError as error:
        return 0, f"can't be read: {error.strerror}", 0, 0
    return known.st_size, _kind(key, head, known.st_size, custom=custom), lines, line_units


def _kind(key: str, head: bytes, size: int, *, custom: bool) -> str | None:
    from entities_job.request.limits import is_semi_structured

    if is_semi_structured(key, custom=custom):
        return None
    for magic, name in _BINARY.items():
        if head.startswith(magic):
            return f"is {name}, which only a custom recognizer reads (--custom)"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) == size)
    except UnicodeDecodeError:
        return "is not UTF-8 text"
    return None


def _lines(path: Path) -> tuple[int, int]:
    """Count a file's lines, which end in LF, CR or CRLF as the service reads them, and their units."""
    from entities_job.request.limits import units

    number = charged = 0
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            number, charged = number + 1, charged + units(len(line.rstrip("\n")))
    return number, charged
