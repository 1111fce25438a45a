"""From what was uploaded to named files: CSV files as they are, or one plain zip of them, never unpacked to disk."""

import io
import stat
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import PurePosixPath

from shop.imports.errors import ArchiveRefused

#: The upload itself, and all files of a zip together when unpacked.
MAX_UPLOAD = 20 * 1024 * 1024
MAX_UNPACKED = 64 * 1024 * 1024
MAX_ENTRIES = 50

_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)


def named_files(parts: Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
    """Files by name, from uploaded `(file name, bytes)`. Raises ArchiveRefused."""
    files: dict[str, bytes] = {}
    for name, data in parts:
        inside = _unzipped(data) if name.lower().endswith(".zip") else [(name, data)]
        for inner, content in inside:
            if inner in files:
                raise ArchiveRefused(reason_zh=f"{inner} 出现两次", reason_en=f"{inner} comes twice")
            files[inner] = content
    if not files:
        raise ArchiveRefused(reason_zh="没有文件", reason_en="there is no file in it")
    return files


def _unzipped(data: bytes) -> list[tuple[str, bytes]]:
    """The CSV files of a zip. Refuses paths out of it, links, encryption, and what grows beyond all measure."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > MAX_ENTRIES:
                raise ArchiveRefused(reason_zh="压缩包内文件过多", reason_en="there are too many files in the zip")
            names = [_safe_name(entry) for entry in entries]
            left = MAX_UNPACKED
            found = []
            for name, entry in zip(names, entries, strict=True):
                if not name.endswith(".csv") or entry.filename.startswith("__MACOSX/"):
                    continue
                with archive.open(entry) as opened:
                    content = opened.read(left + 1)
                left -= len(content)
                if left < 0:
                    raise ArchiveRefused(reason_zh="解压后过大", reason_en="it is too large when unpacked")
                found.append((name, content))
            return found
    except _DAMAGED:
        raise ArchiveRefused(
            reason_zh="压缩包已损坏或格式不支持", reason_en="the zip is damaged or of another kind"
        ) from None


def _safe_name(entry: zipfile.ZipInfo) -> str:
    """The file's own name. Nothing is written to disk; a path that leads out tells that the zip means no good."""
    path = PurePosixPath(entry.filename)
    leads_out = path.is_absolute() or ".." in path.parts or "\\" in entry.filename or ":" in entry.filename
    if leads_out or stat.S_ISLNK(entry.external_attr >> 16):
        raise ArchiveRefused(
            reason_zh="压缩包内有越界的路径或链接", reason_en="a path or link in the zip leads out of it"
        )
    if entry.flag_bits & 0x1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ArchiveRefused(
            reason_zh="压缩包已加密或压缩方式不支持", reason_en="the zip is encrypted or oddly compressed"
        )
    return path.name
