from __future__ import annotations

import multiprocessing

import pytest

from tenantdb import boot
from tenantdb.marks import SIZE, Marks, slot


@pytest.fixture
def path(tmp_path):
    return tmp_path / "marks"


def word(marks, tenant="acme"):
    return marks.words[slot(tenant)]


def test_a_change_is_seen_by_whoever_has_the_file_mapped(path):
    mine, theirs = Marks(path), Marks(path)
    before = word(theirs)
    mine.changed("acme")
    assert word(theirs) == word(mine) != before


def test_a_change_leaves_the_words_of_other_tenants(path):
    marks = Marks(path)
    before = word(marks, "other")
    marks.changed("acme")
    assert word(marks, "other") == before


def test_every_word_of_a_new_file_is_another_one(path):
    first = Marks(path)
    before = first.words.tolist()
    path.unlink()
    first.attach()
    assert not set(before) & set(first.words.tolist())


def test_a_file_made_anew_is_noticed(path):
    stale = Marks(path)
    before = word(stale)
    path.unlink()
    fresh = Marks(path)
    stale.attach()
    assert word(stale) == word(fresh) != before


def test_attaching_to_the_same_file_changes_nothing(path):
    marks = Marks(path)
    before = word(marks)
    marks.attach()
    assert word(marks) == before


def test_the_file_has_its_whole_size_and_is_its_owners_only(path):
    Marks(path)
    assert path.stat().st_size == SIZE
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["marks"]


def test_processes_that_make_it_at_once_share_one_file(path):
    context = multiprocessing.get_context("spawn")
    with context.Pool(3) as pool:
        found = pool.map(_first_word, [path] * 6)
    assert len(set(found)) == 1


def _first_word(path):
    return Marks(path).words[0]


def test_a_request_to_yield_is_seen_by_others_and_can_be_taken_back(path):
    mine, theirs = Marks(path), Marks(path)
    assert theirs.yield_wanted("acme") == 0.0
    mine.ask_to_yield("acme", seconds=60)
    assert 59 < theirs.yield_wanted("acme") <= 60
    mine.stop_asking("acme")
    assert theirs.yield_wanted("acme") == 0.0


def test_a_request_to_yield_lapses_by_itself(path, monkeypatch):
    marks = Marks(path)
    marks.ask_to_yield("acme", seconds=1)
    now = boot.seconds()
    monkeypatch.setattr(boot, "seconds", lambda: now + 1)
    assert marks.yield_wanted("acme") == 0.0


def test_a_request_to_yield_does_not_outlive_a_reboot(path, monkeypatch):
    Marks(path).ask_to_yield("acme", seconds=60)
    monkeypatch.setattr(boot, "boot_id", lambda: "another boot")
    assert Marks(path).yield_wanted("acme") == 0.0


def test_a_request_to_yield_is_for_its_tenant(path):
    marks = Marks(path)
    marks.ask_to_yield("acme", seconds=60)
    assert marks.yield_wanted("other") == 0.0
