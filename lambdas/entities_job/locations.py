"""S3 locations: taking URIs apart, and the names of everything that the functions write."""

from __future__ import annotations

from typing import NamedTuple


class Location(NamedTuple):
    """A bucket and a key (or key prefix) in it."""

    bucket: str
    key: str

    @classmethod
    def of(cls, uri: str) -> Location:
        """Take ``s3://bucket/key`` apart. The key may be empty.

        Raises:
            ValueError: the text is no S3 URI.
        """
        scheme, _, rest = uri.partition("://")
        bucket, _, key = rest.partition("/")
        if scheme != "s3" or not bucket:
            raise ValueError(f"not an S3 URI: {uri!r}; expected s3://bucket/key")
        return cls(bucket, key)

    @property
    def uri(self) -> str:
        """The location as ``s3://bucket/key``."""
        return f"s3://{self.bucket}/{self.key}"

    def __truediv__(self, name: str) -> Location:
        """The location of ``name`` below this one."""
        return Location(self.bucket, f"{self.key.rstrip('/')}/{name}".lstrip("/"))
