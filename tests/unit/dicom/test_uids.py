"""UIDs from 128 bits, and which ones are the standard's own."""

from __future__ import annotations

import uuid

import pydicom.uid
import pytest

from leadglass.dicom.uids import is_standard, is_uid, keyed_uid, uid_text, uuid_uid


def test_a_uid_is_the_decimal_of_a_uuid() -> None:
    uid = uuid_uid(b"\xff" * 16)
    made = uuid.UUID(int=int(uid.removeprefix("2.25.")))
    assert (made.version, made.variant) == (4, uuid.RFC_4122)


def test_pydicom_takes_a_keyed_uid_for_valid() -> None:
    assert pydicom.uid.UID(keyed_uid(b"k" * 32, kind="a", value="1.2.3")).is_valid


def test_kinds_do_not_share_uids() -> None:
    assert keyed_uid(b"k" * 32, kind="a", value="1.2") != keyed_uid(b"k" * 32, kind="b", value="1.2")


def test_another_key_gives_another_uid() -> None:
    assert keyed_uid(b"k" * 32, kind="a", value="1.2") != keyed_uid(b"l" * 32, kind="a", value="1.2")


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.2", "1.2.840.10008.1.4.1.1", "1.2.840.10008.5.1.4.1.1.1.1"])
def test_what_the_standard_registers_is_standard(uid: str) -> None:
    assert is_standard(uid)


@pytest.mark.parametrize("uid", ["1.2.840.100080.1", "1.2.840.10008", "1.2.840.10008.DOE", "2.25.1", ""])
def test_what_is_outside_the_root_or_no_uid_is_not_standard(uid: str) -> None:
    assert not is_standard(uid)


@pytest.mark.parametrize("text", ["1.02.3", "1..2", ".1", "1.", "1.2\n", "1" * 65, "١.2"])
def test_what_breaks_the_rules_is_no_uid(text: str) -> None:
    assert not is_uid(text)


def test_padding_is_no_part_of_a_uid() -> None:
    assert uid_text(b"1.2.3\0JUNK") == uid_text(b" 1.2.3 ") == "1.2.3"
