from __future__ import annotations

import enum
import unicodedata

import pytest

from tenantdb.errors import InvalidTenantId
from tenantdb.ids import MAX_LENGTH, canonical


class Plan(enum.IntEnum):
    FREE = 7


class Customer(enum.StrEnum):
    ACME = "acme"


def test_a_number_and_its_digits_are_one_tenant() -> None:
    assert canonical(42) == canonical("42") == "42"


def test_leading_zeros_make_another_tenant() -> None:
    assert canonical("042") != canonical(42)


def test_a_negative_number_is_its_text() -> None:
    assert canonical(-5) == "-5"


def test_case_makes_another_tenant() -> None:
    assert canonical("ACME") != canonical("acme")


def test_the_normal_forms_of_a_character_are_one_tenant() -> None:
    assert canonical(unicodedata.normalize("NFD", "é")) == canonical("é") == "é"


@pytest.mark.parametrize(
    "given",
    [
        "../../etc/passwd",
        "a@b.example",
        " outer spaces ",
        "🦆",
        "x" * 128,
        "C:\\con",
        "[red]",
        "-rf",
        "\u200d",
    ],
)
def test_anything_else_may_be_in_an_id(given: str) -> None:
    assert canonical(given) == given


@pytest.mark.parametrize("given", [True, False, None, 1.0, b"acme", ["acme"], object()])
def test_other_types_are_refused(given: object) -> None:
    with pytest.raises(InvalidTenantId, match="an int or a text"):
        canonical(given)


@pytest.mark.parametrize("given", ["a\0b", "a\nb", "\x7f", "\x85", "tab\t"])
def test_control_characters_are_refused_with_their_code(given: str) -> None:
    with pytest.raises(InvalidTenantId, match=r"control character U\+00"):
        canonical(given)


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(InvalidTenantId, match=r"lone surrogate U\+D800"):
        canonical("a\ud800")


def test_the_empty_text_is_refused() -> None:
    with pytest.raises(InvalidTenantId, match="empty"):
        canonical("")


@pytest.mark.parametrize(
    "given",
    ["x" * 129, "é" * 129, "x" * 10_000_000, 10**128, -(10**128), 10**5000],
    ids=["ASCII", "others", "huge text", "129 digits", "negative", "more digits than Python prints"],
)
def test_more_than_128_characters_are_refused(given: object) -> None:
    with pytest.raises(InvalidTenantId, match="128"):
        canonical(given)


def test_the_length_counts_after_normalisation() -> None:
    assert len(canonical(unicodedata.normalize("NFD", "é" * MAX_LENGTH))) == MAX_LENGTH


def test_subclasses_become_plain_texts() -> None:
    assert type(canonical(Customer.ACME)) is str
    assert canonical(Customer.ACME) == "acme"
    assert canonical(Plan.FREE) == "7"


def test_the_error_says_what_was_given_and_why_not() -> None:
    with pytest.raises(InvalidTenantId) as caught:
        canonical("")
    assert (caught.value.given, caught.value.reason) == ("", "it is empty")
    assert not caught.value.retryable
