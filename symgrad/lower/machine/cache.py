"""Bytes by their key, in a directory on disk. What comes back is what this user stored, unaltered, or nothing.

An entry is a file named by its key: a head, the SHA-256 of name and content, the content. It is written under another
name and then renamed, so that it is whole or absent. Directory and entries belong to this user, and nobody else may
read or write them: where that is not so, they are not used. Every path is looked up in the open directory, none through
a link. A cache that cannot be read or written is as good as none: nothing here raises for what it finds on disk.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

HEAD = b"symgrad machine code 2\n"
LIMIT = 512 * 2**20  # bytes
SUFFIX = ".kernel"
PLAN = ".plan"  # of what is known of a kernel beside its machine code
KEPT = (SUFFIX, PLAN)
UNFINISHED = ".part"  # of files while they are written
ABANDONED = 3600.0  # seconds, after which one that is not finished is taken for left behind by a process that ended
OTHERS = stat.S_IRWXG | stat.S_IRWXO  # what group and others may do

# Without owners of files (on Windows) nothing tells whose bytes these are.
SUPPORTED = hasattr(os, "geteuid") and os.open in os.supports_dir_fd


class Contents(NamedTuple):
    """What a cache holds: how many kernels, and the size of all in bytes."""

    entries: int
    size: int


class _Refused(Exception):
    """What is wrong with a directory."""


class Cache:
    """The entries of a directory, which is made when it is first written to.

    limit: bytes; beyond it, those that were used longest ago are deleted.
    """

    def __init__(self, directory: Path, limit: int = LIMIT):
        self.directory, self.limit = directory, limit

    def load(self, key: str, suffix: str = SUFFIX) -> bytes | None:
        """The content stored under a key, None if there is none. An entry that was altered is deleted."""
        name = key + suffix
        try:
            with self._opened() as place:
                data = _read(place, name)
                content = None if data is None else _content(name, data)
                with suppress(OSError):  # on a disk that is read only
                    if content is not None:
                        os.utime(name, dir_fd=place, follow_symlinks=False)  # it was used now
                    elif data is not None:
                        os.unlink(name, dir_fd=place)
        except FileNotFoundError:
            return None
        except (OSError, _Refused) as problem:
            _warn(self.directory, _reason(problem))
            return None
        return content

    def store(self, key: str, content: bytes, suffix: str = SUFFIX) -> bool:
        """Keep the content under a key; True if that went well."""
        try:
            if SUPPORTED:
                self.directory.parent.mkdir(parents=True, exist_ok=True)
                with suppress(FileExistsError):
                    self.directory.mkdir(mode=0o700)
            with self._opened() as place:
                _write(place, key + suffix, entry(key, content, suffix))
                self._shrink(place)
        except (OSError, _Refused) as problem:
            _warn(self.directory, _reason(problem))
            return False
        return True

    def contents(self) -> Contents:
        """How much there is. Raises OSError for a directory that is not used, but for one that is not there."""
        try:
            with self._opened() as place:
                found = [(name, size) for name, size, _ in _files(place) if name.endswith(KEPT)]
        except FileNotFoundError:
            return Contents(0, 0)
        except _Refused as problem:
            raise PermissionError(str(problem)) from None
        return Contents(sum(name.endswith(SUFFIX) for name, _ in found), sum(size for _, size in found))

    def clear(self) -> Contents:
        """Delete all entries, and nothing else in the directory; what was deleted. Raises as `contents` does."""
        before = self.contents()
        if before.size:
            with self._opened() as place:
                for name, _, _ in _files(place):
                    with suppress(FileNotFoundError):
                        os.unlink(name, dir_fd=place)
        return before

    def _shrink(self, place: int) -> None:
        """Delete what was used longest ago beyond the limit, and what was never finished."""
        now, room = time.time(), self.limit
        for name, size, used in sorted(_files(place), key=lambda file: -file[2]):
            if name.endswith(KEPT):
                room -= size
            if room < 0 if name.endswith(KEPT) else now - used > ABANDONED:
                with suppress(FileNotFoundError):  # another process was quicker
                    os.unlink(name, dir_fd=place)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """The directory, open. Raises _Refused unless it is this user's alone."""
        if not SUPPORTED:
            raise _Refused(f"{sys.platform} does not tell who owns a file")
        place = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            found = os.fstat(place)
            if found.st_uid != os.geteuid():
                raise _Refused("it belongs to another user")
            if found.st_mode & OTHERS:
                raise _Refused("others may read or write it; its mode is to be 700")
            yield place
        finally:
            os.close(place)


def _read(place: int, name: str) -> bytes | None:
    """The bytes of a file that is this user's alone, none of another thing of this name; None if there is nothing."""
    try:
        # O_NONBLOCK: a pipe of this name would wait for a writer
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=place)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EACCES, errno.ENXIO):  # a link, what may not be read, a socket
            return b""
        raise
    try:
        found = os.fstat(file)
        owned = found.st_uid == os.geteuid() and not found.st_mode & OTHERS
        if not (stat.S_ISREG(found.st_mode) and owned and found.st_nlink == 1):
            return b""
        with open(file, "rb", closefd=False) as stream:
            return stream.read()
    finally:
        os.close(file)


def _write(place: int, name: str, data: bytes) -> None:
    """Put a whole file in the place of this name. Raises OSError, and leaves nothing then."""
    unfinished = f"{name}.{secrets.token_hex(8)}{UNFINISHED}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(unfinished, flags, 0o600, dir_fd=place)
    try:
        with open(file, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(file)
        os.replace(unfinished, name, src_dir_fd=place, dst_dir_fd=place)
    except BaseException:
        with suppress(OSError):
            os.unlink(unfinished, dir_fd=place)
        raise


def entry(key: str, content: bytes, suffix: str = SUFFIX) -> bytes:
    """The bytes of the file that keeps this content under this key."""
    return HEAD + _digest(key + suffix, content) + content


def _content(name: str, data: bytes) -> bytes | None:
    """What the bytes of an entry hold; None if they are not what was stored in a file of this name."""
    head, digest, content = data[: len(HEAD)], data[len(HEAD) : len(HEAD) + 32], data[len(HEAD) + 32 :]
    return content if head == HEAD and digest == _digest(name, content) else None


def _digest(name: str, content: bytes) -> bytes:
    """With the name: an entry under another's is none."""
    return hashlib.sha256(name.encode() + b"\n" + content).digest()


def _files(place: int) -> list[tuple[str, int, float]]:
    """Name, size and time of last use of each file that the cache made."""
    files = []
    for name in os.listdir(place):
        if name.endswith((*KEPT, UNFINISHED)):
            with suppress(FileNotFoundError):
                found = os.stat(name, dir_fd=place, follow_symlinks=False)
                files.append((name, found.st_size, found.st_mtime))
    return files


def _reason(problem: Exception) -> str:
    return problem.strerror or str(problem) if isinstance(problem, OSError) else str(problem)


@cache
def _warn(directory: Path, reason: str) -> None:
    """Once for each directory and reason."""
    warnings.warn(f"the cache {directory} is not used: {reason}", RuntimeWarning, stacklevel=2)
