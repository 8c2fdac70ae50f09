"""Files in folders and in buckets (`s3://`, `gs://`), as every machine of a cluster reads and writes them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pyarrow import fs

from errors import ArgumentError, UserError, one_line

SCHEMES = ("s3", "gs")


def is_bucket(address: str) -> bool:
    """Say whether an address is a bucket's and not that of a local file.

    Raises:
        ArgumentError: it is neither.
    """
    scheme, separator, rest = address.partition("://")
    if not separator:
        return False
    if scheme not in SCHEMES or not rest.strip("/"):
        known = ", ".join(f"{scheme}://BUCKET/FOLDER" for scheme in SCHEMES)
        raise ArgumentError(f"{address}: not an address of files (known: {known}, and local paths)")
    return True


@cache
def _filesystem(scheme: str, bucket: str) -> fs.FileSystem:
    return fs.FileSystem.from_uri(f"{scheme}://{bucket}")[0]


def _opened(address: str) -> tuple[fs.FileSystem, str]:
    """Return the file system of an address and the path there."""
    scheme, _, path = address.partition("://")
    path = path.rstrip("/")
    try:
        return _filesystem(scheme, path.partition("/")[0]), path
    except OSError as error:
        raise UserError(f"{address}: cannot be reached ({one_line(error)})") from error


def list_files(address: str) -> list[str]:
    """Return the names below a bucket's folder in order, `/` between their parts; one file has the name "".

    Raises:
        UserError: it cannot be listed.
    """
    files, path = _opened(address)
    try:
        if files.get_file_info(path).is_file:
            return [""]
        found = files.get_file_info(fs.FileSelector(path, recursive=True, allow_not_found=True))
    except OSError as error:
        raise UserError(f"{address}: cannot be listed ({one_line(error)})") from error
    return sorted(info.path[len(path) :].lstrip("/") for info in found if info.is_file)


def exists(address: str) -> bool:
    """Say whether there is such a file, in a bucket or here."""
    if not is_bucket(address):
        return Path(address).exists()
    files, path = _opened(address)
    return files.get_file_info(path).is_file


def fetch(address: str, target: Path) -> None:
    """Copy a file of a bucket.

    Raises:
        OSError: it cannot be read.
    """
    files, path = _opened(address)
    with files.open_input_stream(path) as stream, target.open("wb") as file:
        while block := stream.read(1 << 24):
            file.write(block)


def put(source: Path, address: str) -> None:
    """Copy a file into a bucket. It appears there whole or not at all, as objects of buckets do when they are closed.

    Raises:
        OSError: it cannot be written.
    """
    content = source.read_bytes()
    files, path = _opened(address)
    with files.open_output_stream(path) as stream:
        stream.write(content)
