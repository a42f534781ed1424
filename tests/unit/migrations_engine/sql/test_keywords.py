import apsw

from migrations_engine.sql.keywords import CONTEXTUAL, KEYWORDS, RESERVED


def test_every_keyword_of_the_linked_sqlite_is_known():
    assert set(apsw.keywords) <= KEYWORDS


def test_only_contextual_keywords_may_be_names_without_quotes():
    conn = apsw.Connection(":memory:")
    usable = set()
    for word in KEYWORDS:
        try:
            conn.execute(f"CREATE TABLE t_{word}({word})")
        except apsw.SQLError:
            continue
        usable.add(word)
    assert usable == CONTEXTUAL
    assert KEYWORDS - usable == RESERVED
