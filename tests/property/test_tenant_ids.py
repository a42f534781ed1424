from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantdb import paths
from tenantdb.errors import InvalidTenantId
from tenantdb.ids import MAX_LENGTH, canonical

texts = st.text(max_size=140) | st.text(alphabet="e\u0301\u0327\u1100\u1161\u11a8A", max_size=400)
ids = st.text(
    alphabet=st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=MAX_LENGTH
).filter(lambda text: len(unicodedata.normalize("NFC", text)) <= MAX_LENGTH)


@given(texts)
def test_exactly_the_texts_that_the_rules_allow_are_ids(text: str) -> None:
    normal = unicodedata.normalize("NFC", text)
    allowed = 1 <= len(normal) <= MAX_LENGTH and not any(
        unicodedata.category(character) in {"Cc", "Cs"} for character in text
    )
    if allowed:
        assert canonical(text) == normal
    else:
        with pytest.raises(InvalidTenantId):
            canonical(text)


@given(ids)
def test_a_canonical_id_stays_what_it_is(text: str) -> None:
    assert canonical(canonical(text)) == canonical(text)


@given(ids)
def test_all_normal_forms_of_an_id_are_one_tenant(text: str) -> None:
    assert canonical(unicodedata.normalize("NFD", text)) == canonical(text)


@given(st.integers())
def test_every_number_is_its_digits(number: int) -> None:
    assert canonical(number) == canonical(str(number)) == str(number)


@given(ids, ids)
def test_two_tenants_never_share_a_folder_even_where_case_is_ignored(one: str, other: str) -> None:
    same_tenant = canonical(one) == canonical(other)
    folders = [paths.tenant_folder(canonical(each)).casefold() for each in (one, other)]
    assert (folders[0] == folders[1]) is same_tenant


@given(ids, st.integers(min_value=1, max_value=10**9))
def test_no_id_reaches_out_of_the_root_or_into_a_name(text: str, generation: int) -> None:
    path = PurePosixPath(paths.fresh(canonical(text), generation))
    assert len(path.parts) == paths.TENANT_DEPTH
    assert not path.is_absolute()
    assert set(str(path)) <= set("0123456789abcdefg-.db/")
