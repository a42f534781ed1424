"""The demo's customers and their rows: believable, and the same at each run."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from itertools import islice, product
from random import Random
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class User(NamedTuple):
    """A row of Users as version 1 has it."""

    email: str
    role: str
    first_name: str
    last_name: str


class Contact(NamedTuple):
    """A row of Contacts; None where nobody noted a company."""

    contact_type: str
    company_name: str | None


def document(version: int) -> str:
    """The demo's schema document, version 1 or 2, as it is shipped."""
    return _shipped(f"version{version}.json")


@cache
def _words(kind: str) -> list[str]:
    words: dict[str, list[str]] = json.loads(_shipped("names.json"))
    return words[kind]


def _shipped(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def tenants(count: int) -> list[str]:
    """So many ids, all different."""
    return list(islice(_ids(), count))


def _ids() -> Iterator[str]:
    names = [f"{place}-{trade}" for trade, place in product(_words("trades"), _words("places"))]
    Random(0).shuffle(names)  # noqa: S311 - believable, not secret
    yield from names
    number = 2
    while True:
        yield from (f"{name}-{number}" for name in names)
        number += 1


def users(tenant: str) -> list[User]:
    """The people of a tenant: some dozens."""
    chance = Random(f"users of {tenant}")  # noqa: S311 - believable, not secret
    return [_user(chance, number, tenant) for number in range(1, chance.randint(20, 60))]


def _user(chance: Random, number: int, tenant: str) -> User:
    first, last = chance.choice(_words("first_names")), chance.choice(_words("last_names"))
    return User(
        email=f"{first}.{last}.{number}@{tenant}.example".lower(),
        role="admin" if number <= 2 else "user",
        first_name=first,
        last_name=last,
    )


def contacts(tenant: str) -> list[Contact]:
    """The business contacts of a tenant: some hundreds."""
    chance = Random(f"contacts of {tenant}")  # noqa: S311 - believable, not secret
    return [_contact(chance, company(chance)) for _ in range(chance.randint(150, 350))]


def nameless_contacts() -> list[Contact]:
    """Contacts for whom nobody noted a company: version 2 of the schema can't hold them."""
    chance = Random("nameless")  # noqa: S311 - believable, not secret
    return [_contact(chance, None) for _ in range(3)]


def _contact(chance: Random, name: str | None) -> Contact:
    return Contact(
        contact_type=chance.choice(("Distributor", "Direct_Customer", "Direct_Customer")), company_name=name
    )


def company(chance: Random) -> str:
    """A company's name."""
    place, trade, form = (
        chance.choice(_words("places")),
        chance.choice(_words("trades")),
        chance.choice(_words("forms")),
    )
    return f"{place.title()} {trade.title()} {form}"
