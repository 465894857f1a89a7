"""Archives that are cut, damaged, hostile or read over broken connections: all before the damage is published."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from typing import Any

import pytest

from entities_job.publish import archive
from tests.unit.publish.oracle import unpacked
from tests.unit.publish.publishing import (
    ARCHIVE,
    PERSON,
    STOPPED,
    Bucket,
    entry,
    lines,
    numbered,
    packed,
    publish,
    tarred,
)

A = lines({"File": "a.txt", "Entities": [PERSON]})
B = lines({"File": "b.txt", "Entities": []})
EXPECTED = [entry("a.txt"), entry("b.txt")]
BLOCK = tarfile.BLOCKSIZE


def member(name: str = "output", content: bytes = b"", *, size: int | None = None, kind: bytes = b"0") -> bytes:
    """A member of a tar file, whatever its header says."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(content) if size is None else size
    return info.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % BLOCK)


def with_size(field: bytes, kind: bytes = b"0") -> bytes:
    """A header whose size field is these bytes."""
    header = bytearray(member(kind=kind))
    header[124:136] = field
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


END = bytes(2 * BLOCK)


def found_lines(chunks: list[bytes]) -> tuple[list[bytes], bool]:
    """The whole lines that are delivered, and whether the archive is sound."""
    found: list[bytes] = []
    try:
        for each in archive.members(archive.inflated(chunks)):
            for block in each.lines():
                assert isinstance(block, bytes)
                found += block.splitlines(keepends=True)
    except archive.ArchiveDamaged:
        return found, False
    return found, True


@pytest.mark.parametrize("chunk", [100, 10_000])
def test_cut_or_damaged_at_any_byte_all_whole_lines_before_are_delivered(chunk: int) -> None:
    text = numbered(8)
    tar, sound = tarred({"output": text}), packed({"output": text})
    damaged = [sound[:end] for end in range(len(sound))]
    damaged += [sound[:at] + bytes([sound[at] ^ 1 << at % 8]) + sound[at + 1 :] for at in range(10, len(sound))]
    compared = 0
    for content in damaged:
        data, whole = unpacked(content)
        found, is_sound = found_lines([content[at : at + chunk] for at in range(0, len(content), chunk)])
        # A bit or two of the last byte of deflate mean nothing.
        assert is_sound == (whole and data == tar)
        # Damaged headers are another test's.
        if data[:BLOCK] in (tar[:BLOCK], b""):
            read = data[BLOCK : BLOCK + len(text)]
            *expected, last = read.split(b"\n")
            # Of a file that is there to its end, the last line needs no line end.
            assert found == [line + b"\n" for line in expected] + [last] * (len(read) == len(text) and last != b"")
            compared += 1
    assert compared > len(sound)


@pytest.mark.parametrize("level", [1, 9])
def test_blocks_of_any_size_hold_the_same_lines(monkeypatch: pytest.MonkeyPatch, level: int) -> None:
    text = numbered(300)
    content = gzip.compress(tarred({"output": text, "more": text[:-1]}), level)
    for size in (1, 7, 511, 4096, 10**6):
        monkeypatch.setattr(archive, "_INFLATED", max(100, size))
        monkeypatch.setattr(archive, "_BLOCK", max(50, size))
        found, is_sound = found_lines([content[at : at + size] for at in range(0, len(content), size)])
        assert (b"".join(found), is_sound) == (text + text[:-1], True)


@pytest.mark.parametrize("job", [{}, {"Job": STOPPED}])
def test_a_cut_archive_is_published_as_far_as_it_goes(bucket: Bucket, job: Any) -> None:
    whole = packed({"output": numbered(2000)})
    for cut in (whole[: len(whole) // 2], whole[:-4], gzip.compress(unpacked(whole)[0][:100_000])):
        found = publish(bucket, cut, [entry("n.txt", Lines=2000)], **job)
        assert (found["Status"], found["Error"]["Code"]) == (
            "STOPPED" if job else "COMPLETED_WITH_ERRORS",
            "ArchiveDamaged",
        )
        assert "truncated" in found["Error"]["Message"]
        assert f"s3://out/{ARCHIVE}" in found["Error"]["Message"]
        text = unpacked(cut)[0][BLOCK:]
        assert found["Counts"]["Documents"] == min(text.count(b"\n"), 2000)


def test_a_last_record_without_a_line_end_is_whole_or_nothing(bucket: Bucket) -> None:
    content = tarred({"output": A + B + A})
    for missing, documents in ((len(A), 2), (len(A) + 1, 2), (len(A) + 2, 1), (len(A) + len(B), 1)):
        found = publish(bucket, gzip.compress(content[: BLOCK + len(A + B + A) - missing]), EXPECTED)
        assert found["Error"]["Code"] == "ArchiveDamaged"
        assert (found["Counts"]["Documents"], found["Counts"]["UnparsedRecords"]) == (documents, 0)


def test_a_cut_out_file_is_no_record(bucket: Bucket) -> None:
    out = json.dumps({"File": "b.txt", "Entities": []}).encode()
    content = tarred({"a_NativePDF.out": A, "b_NativePDF.out": out})
    for end, documents in ((3 * BLOCK + len(out), 2), (3 * BLOCK + len(out) - 1, 1), (3 * BLOCK, 1)):
        found = publish(bucket, gzip.compress(content[:end]), EXPECTED)
        assert (found["Error"]["Code"], found["Counts"]["Documents"]) == ("ArchiveDamaged", documents)
        assert found["Counts"]["UnparsedRecords"] == 0


# gzip notes the time: as a test's name it would differ between processes.
@pytest.mark.parametrize(
    "result",
    [None, b"", b"no gzip", gzip.compress(b"no tar" * 1000), gzip.compress(b"")],
    ids=["missing", "empty", "no gzip", "no tar", "empty gzip"],
)
def test_no_archive(bucket: Bucket, result: bytes | None) -> None:
    found = publish(bucket, result, EXPECTED)
    assert (found["Error"]["Code"], found["Counts"]["MissingDocuments"]) == ("ArchiveDamaged", 2)


@pytest.mark.parametrize("result", [{}, {"output": b""}, {"output": b"\n \n\r\n"}])
def test_an_empty_archive(bucket: Bucket, result: dict[str, bytes]) -> None:
    found = publish(bucket, result, EXPECTED)
    assert (found["Error"]["Code"], found["Counts"]["MissingDocuments"]) == ("ResultIncomplete", 2)


SOUND = member(content=A + B) + END
PADDED = {
    "zeros in the tar file": gzip.compress(SOUND + bytes(50_000)),
    "zeros behind gzip": gzip.compress(SOUND) + bytes(3000),
    "members of gzip": gzip.compress(SOUND[:700]) + bytes(9) + gzip.compress(SOUND[700:]) + gzip.compress(b""),
    "members of one byte each": b"".join(gzip.compress(SOUND[at : at + 1]) for at in range(0, 20))
    + gzip.compress(SOUND[20:]),
    "one zero block at the end": gzip.compress(SOUND[:-BLOCK]),
}


@pytest.mark.parametrize("name", PADDED)
def test_padding_and_members_of_gzip_are_sound(bucket: Bucket, name: str) -> None:
    assert publish(bucket, PADDED[name], EXPECTED)["Status"] == "COMPLETED"


BEHIND = {
    "garbage behind gzip": gzip.compress(SOUND) + b"garbage",
    "a byte behind gzip": gzip.compress(SOUND) + b"\x1f",
    "garbage behind zeros": gzip.compress(SOUND) + bytes(100) + b"x",
    "garbage in the tar file": gzip.compress(SOUND + b"x" * 700),
    "a second archive in the tar file": gzip.compress(SOUND + member(content=A) + END),
    "a second archive behind the first": gzip.compress(SOUND) + gzip.compress(SOUND),
    "no end": gzip.compress(SOUND[: -2 * BLOCK]),
    "a cut end": gzip.compress(SOUND[:-1000]),
    "a wrong check": gzip.compress(SOUND)[:-8] + bytes(8),
}


@pytest.mark.parametrize("name", BEHIND)
def test_what_follows_the_end_is_damage_and_all_before_is_published(bucket: Bucket, name: str) -> None:
    found = publish(bucket, BEHIND[name], EXPECTED)
    assert (found["Error"]["Code"], found["Counts"]["Documents"]) == ("ArchiveDamaged", 2)
    assert found["Counts"]["MissingDocuments"] == found["Counts"]["UnexpectedDocuments"] == 0


def longer(name: bytes) -> bytes:
    """A header of GNU's that says how the next member is called."""
    return member("././@LongLink", name + b"\0", kind=tarfile.GNUTYPE_LONGNAME)


def extended(*fields: bytes) -> bytes:
    """A header of POSIX's with fields for the next member."""
    texts = [b"%d %b\n" % (len(field) + 4, field) for field in fields]
    return member("x", b"".join(texts), kind=tarfile.XHDTYPE)


FIRST, SECOND = member(content=A), member("more", content=B) + END
HOSTILE = {
    "a negative size": FIRST + with_size(b"\xff" * 12) + SECOND,
    "a most negative size": FIRST + with_size(b"\xff" + bytes(11)) + SECOND,
    "a negative size of a directory": FIRST + with_size(b"\xff" * 12, b"5") + SECOND,
    "a negative size of a long name": FIRST + with_size(b"\xff" * 12, b"L") + SECOND,
    "a negative size in an extended header": FIRST + extended(b"size=-512") + SECOND,
    "a huge size": FIRST + with_size(b"\x80" + b"\xff" * 11) + SECOND,
    "a size that is no number": FIRST + with_size(b"x" * 12) + SECOND,
    "long names of long names": FIRST + longer(b"x") * 3000 + SECOND,
    "extended headers of extended headers": FIRST + extended(b"path=x") * 3000 + SECOND,
    "a long name of 8 GB": FIRST + member("x", kind=tarfile.GNUTYPE_LONGNAME, size=8 * 10**9) + SECOND,
    "an extended header of 8 GB": FIRST + member("x", kind=tarfile.XHDTYPE, size=8 * 10**9) + SECOND,
    "a long name without a member": FIRST + longer(b"x"),
    "an extended header without length": FIRST + member("x", b"0 a=b\n", kind=tarfile.XHDTYPE) + SECOND,
    "a sparse file": FIRST + member(kind=tarfile.GNUTYPE_SPARSE) + SECOND,
    "a sparse map": FIRST + extended(b"GNU.sparse.major=1", b"GNU.sparse.minor=0") + member(size=10**9) + b"9\n" * 9999,
    "a wrong checksum": FIRST + b"y" + member()[1:] + SECOND,
    "garbage between members": FIRST + b"garbage!" * 64 + SECOND,
    "a directory with content": FIRST + member("d", b"x" * 600, kind=tarfile.DIRTYPE) + SECOND,
    "half a header": FIRST + member()[:300],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_header_ends_the_archive_and_all_before_is_published(bucket: Bucket, name: str) -> None:
    found = publish(bucket, gzip.compress(HOSTILE[name]), EXPECTED)
    assert (found["Status"], found["Error"]["Code"]) == ("COMPLETED_WITH_ERRORS", "ArchiveDamaged")
    assert (found["Counts"]["Documents"], found["Counts"]["MissingDocuments"]) == (1, 1)


STRANGE = {
    "no name": member("", A) + member("", B),
    "a directory that claims a size": member("d", kind=tarfile.DIRTYPE, size=10**6) + member(content=A + B),
    "a link that claims a size": member("l", kind=tarfile.SYMTYPE, size=10**6) + member(content=A + B),
    "an unknown type": member("l", b"x" * 600, kind=b"Z") + member(content=A + B),
    "a name that is a path": member("../../../etc/passwd", A) + member("/abs", B),
    "long names": longer(b"x" * 4000) + member(content=A) + longer(b"y" * 4000) + member(content=B),
    "a size in an extended header": extended(b"size=%d" % len(A + B))
    + with_size(b"0" * 11 + b"\0")
    + (A + B)
    + bytes(-len(A + B) % BLOCK),
    "many empty files": member("empty") * 300 + member(content=A + B),
}


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_member_is_read_or_passed_over(bucket: Bucket, name: str) -> None:
    found = publish(bucket, gzip.compress(STRANGE[name] + END), EXPECTED)
    assert found["Status"] == "COMPLETED"
    assert all(key.startswith(("results/", "jobs/", "work/")) and ".." not in key for key in bucket.objects)


@pytest.mark.parametrize("job", [{}, {"Job": STOPPED}])
def test_what_is_too_large_for_one_run_says_where_it_is(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, job: Any
) -> None:
    monkeypatch.setattr(archive, "MAXIMUM_ARCHIVE_BYTES", 50_000)
    monkeypatch.setattr(archive, "_INFLATED", 10_000)
    found = publish(bucket, {"output": numbered(1000)}, [entry("n.txt", Lines=1000)], **job)
    assert found["Error"]["Code"] == "ResultTooLarge"
    assert f"s3://out/{ARCHIVE}" in found["Error"]["Message"]
    assert 100 < found["Counts"]["Documents"] < 1000
    parts = bucket.published()
    publish(bucket, {"output": numbered(1000)}, [entry("n.txt", Lines=1000)], again=True, **job)
    assert bucket.published() == parts


def test_a_member_of_any_format_is_read(bucket: Bucket) -> None:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        for kind in (tarfile.DIRTYPE, tarfile.SYMTYPE):
            special = tarfile.TarInfo("x" * 300)
            special.type, special.linkname = kind, "/etc/passwd"
            tar.addfile(special)
        named = tarfile.TarInfo("é" * 300)
        named.size = len(A + B)
        tar.addfile(named, io.BytesIO(A + B))
    assert publish(bucket, held.getvalue(), EXPECTED)["Status"] == "COMPLETED"
