"""Importing over HTTP: files or one plain zip, a preview, the list of errors, and what no upload may hold."""

import io
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shop.access.models import Role
from shop.imports.errors import ArchiveRefused
from shop.imports.upload import MAX_ENTRIES, MAX_UNPACKED, MAX_UPLOAD, named_files
from tests.factories.access import signed_in
from tests.factories.tables import contents

PINGLU = Path(__file__).resolve().parents[2] / "data" / "pinglu"
COUNTY = {file.name: file.read_bytes() for file in sorted(PINGLU.glob("*.csv"))}
IMPORTS = "/api/v1/imports"


def zipped(files: dict[str, bytes], **how: Any) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data, **how)
    return packed.getvalue()


def sent(client: FlaskClient, headers: dict[str, str], files: dict[str, bytes], query: str = "") -> TestResponse:
    parts = {f"part{number}": (io.BytesIO(data), name) for number, (name, data) in enumerate(files.items())}
    return client.post(IMPORTS + query, data=parts, headers=headers, content_type="multipart/form-data")


@pytest.fixture
def operator(committed: Flask) -> dict[str, str]:
    return signed_in(committed, Role.OPERATOR)


def test_the_county_comes_in_as_files_and_again_as_a_zip_which_changes_nothing(
    committed: Flask, client: FlaskClient, operator: dict[str, str]
) -> None:
    first = sent(client, operator, COUNTY)
    assert first.status_code == 200
    assert {"file": "products.csv", "new": 79, "unchanged": 0} in first.get_json()["files"]
    assert first.get_json()["income_entries"]["sale"] == 2000
    before = contents(committed)
    folder = {f"pinglu/{file.name}": file.read_bytes() for file in PINGLU.iterdir()}
    again = sent(client, operator, {"pinglu.zip": zipped(folder)})
    assert again.status_code == 200
    assert {"file": "products.csv", "new": 0, "unchanged": 79} in again.get_json()["files"]
    assert contents(committed) == before


def test_a_preview_tells_what_would_be_added_and_adds_nothing(
    committed: Flask, client: FlaskClient, operator: dict[str, str]
) -> None:
    before = contents(committed)
    answer = sent(client, operator, COUNTY, "?dry_run=true")
    assert (answer.status_code, answer.get_json()["dry_run"]) == (200, True)
    assert {"file": "deliveries.csv", "new": 2000, "unchanged": 0} in answer.get_json()["files"]
    assert contents(committed) == before


def test_bad_rows_come_back_as_a_list_in_the_clerks_language_and_nothing_is_kept(
    committed: Flask, client: FlaskClient, operator: dict[str, str]
) -> None:
    before = contents(committed)
    bad = COUNTY | {"firms.csv": COUNTY["firms.csv"].replace(b"140829106202,60,10", b"140829106202,59,10")}
    answer = sent(client, operator, bad)
    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    body = answer.get_json(force=True)
    assert body["type"].endswith("import-refused")
    assert body["errors_total"] == 1
    assert body["rows"] == [
        {"file": "firms.csv", "line": 2, "column": "member_return_pct", "reason": "须在 60 至 100 之间"}
    ]
    english = sent(client, operator | {"Accept-Language": "en"}, bad).get_json(force=True)
    assert english["rows"][0]["reason"] == "must lie in 60 to 100"
    assert contents(committed) == before


def test_a_long_list_of_errors_is_cut_and_counted(client: FlaskClient, operator: dict[str, str]) -> None:
    answer = sent(client, operator, {"deliveries.csv": COUNTY["deliveries.csv"]}).get_json(force=True)
    assert answer["errors_total"] > 2000
    assert len(answer["rows"]) == 500


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.OPERATOR}))
def test_only_the_county_office_imports(committed: Flask, client: FlaskClient, role: Role) -> None:
    assert sent(client, signed_in(committed, role), COUNTY).status_code == 403
    assert sent(client, {}, COUNTY).status_code == 401


def test_t65_an_upload_beyond_20_mib_is_too_large(
    committed: Flask, client: FlaskClient, operator: dict[str, str]
) -> None:
    before = contents(committed)
    said = {"CONTENT_LENGTH": str(MAX_UPLOAD + 1)}
    kind = "multipart/form-data; boundary=b"
    answer = client.post(IMPORTS, data=b"--b", headers=operator, content_type=kind, environ_overrides=said)
    assert answer.status_code == 413
    assert contents(committed) == before


def test_an_upload_without_a_file_is_refused(client: FlaskClient, operator: dict[str, str]) -> None:
    answer = client.post(IMPORTS, data={"a": "b"}, headers=operator, content_type="multipart/form-data")
    assert (answer.status_code, answer.get_json(force=True)["type"]) == (422, "/docs/errors#archive-refused")


@pytest.mark.parametrize(
    "name",
    ["../firms.csv", "/etc/firms.csv", "a/../../firms.csv", "..\\firms.csv", "C:firms.csv"],
)
def test_t65_a_path_that_leads_out_of_the_zip_is_refused(name: str) -> None:
    with pytest.raises(ArchiveRefused):
        named_files([("county.zip", zipped({name: b"x"}))])


def test_a_link_in_a_zip_is_refused() -> None:
    link = zipfile.ZipInfo("firms.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(ArchiveRefused):
        named_files([("county.zip", packed.getvalue())])


def test_t65_a_bomb_is_not_unpacked_to_its_end() -> None:
    bomb = zipped({"deliveries.csv": b"0" * (MAX_UNPACKED + 1)})
    assert len(bomb) < 100_000
    with pytest.raises(ArchiveRefused):
        named_files([("county.zip", bomb)])


def test_a_zip_that_lies_about_its_sizes_is_refused() -> None:
    honest = zipped({"firms.csv": b"0" * 1000})
    at = honest.rindex(b"PK\x01\x02") + 24
    with pytest.raises(ArchiveRefused):
        named_files([("county.zip", honest[:at] + (10).to_bytes(4, "little") + honest[at + 4 :])])


@pytest.mark.parametrize(
    "data",
    [b"", b"PK\x03\x04 and then nothing", zipped({"firms.csv": b"code"})[:-30]],
    ids=["empty", "a head only", "cut off"],
)
def test_a_damaged_zip_is_refused(data: bytes) -> None:
    with pytest.raises(ArchiveRefused):
        named_files([("county.zip", data)])


def test_too_many_files_and_the_same_file_twice_are_refused() -> None:
    with pytest.raises(ArchiveRefused):
        named_files([("county.zip", zipped({f"{n}.csv": b"" for n in range(MAX_ENTRIES + 1)}))])
    with pytest.raises(ArchiveRefused):
        named_files([("county.zip", zipped({"a/firms.csv": b"1", "b/firms.csv": b"2"}))])
    with pytest.raises(ArchiveRefused):
        named_files([("firms.csv", b"1"), ("firms.csv", b"2")])


def test_what_is_no_csv_in_a_zip_is_left_aside() -> None:
    packed = zipped({"d/README.md": b"read", "d/firms.csv": b"code", "__MACOSX/d/._firms.csv": b"junk"})
    assert named_files([("County.ZIP", packed)]) == {"firms.csv": b"code"}
