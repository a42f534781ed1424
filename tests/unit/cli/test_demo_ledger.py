from tenantdb.cli.demo.ledger import Entry, Held, Ledger, entries, hold


def wrote(made=None, gone=None, *, counted=True, error=None, writer=1):
    return Entry(
        writer=writer, tenant="a", made=made, gone=gone, counted=counted, error=error, at=0.0, ms=1.0
    )


def held(*marks, number=0):
    return {"a": Held(marks={mark: marks.count(mark) for mark in marks}, numbers={1: number})}


def judged(ledgers, files):
    verdict = hold(ledgers, files)
    return verdict.acknowledged, verdict.lost, verdict.duplicated, verdict.errors


def test_files_that_hold_every_write_keep_the_promise():
    verdict = hold([wrote("x"), wrote("y", "x"), wrote("z"), wrote(gone="z")], held("y", number=4))
    assert verdict.kept


def test_a_promise_without_a_write_is_not_kept():
    assert not hold([], {}).kept


def test_a_missing_row_is_lost():
    assert judged([wrote("x")], held(number=1)) == (1, 1, 0, 0)


def test_a_row_that_is_there_twice_is_duplicated():
    assert judged([wrote("x")], held("x", "x", number=1)) == (1, 0, 1, 0)


def test_a_deleted_row_that_is_back_is_duplicated():
    assert judged([wrote("x"), wrote(gone="x")], held("x", number=2)) == (2, 0, 1, 0)


def test_an_update_that_is_undone_is_lost_and_its_old_row_back():
    assert judged([wrote("x"), wrote("y", "x")], held("x", number=2)) == (2, 1, 1, 0)


def test_a_transaction_that_happened_twice_shows_in_the_number():
    assert judged([wrote("x")], held("x", number=2)) == (1, 0, 1, 0)


def test_a_transaction_that_never_happened_shows_in_the_number():
    assert judged([wrote("x"), wrote(gone="x")], held(number=1)) == (2, 1, 0, 0)


def test_an_error_is_counted_and_what_it_did_is_left_open():
    failed = wrote("x", error="TenantBusy: later")
    assert judged([failed], held("x", number=1)) == (0, 0, 0, 1)
    assert judged([failed], held(number=0)) == (0, 0, 0, 1)


def test_a_write_that_counts_nothing_leaves_the_number_alone():
    assert judged([wrote("x", counted=False)], held("x", number=0)) == (1, 0, 0, 0)


def test_a_ledger_is_read_as_it_was_written(tmp_path):
    with Ledger(tmp_path / "writer-1.jsonl") as ledger:
        ledger.note(wrote("x"))
        ledger.note(wrote("é", "x"))
        assert list(entries(tmp_path)) == [wrote("x"), wrote("é", "x")]


def test_a_line_that_is_still_being_written_is_left_out(tmp_path):
    with Ledger(tmp_path / "writer-1.jsonl") as ledger:
        ledger.note(wrote("x"))
    with (tmp_path / "writer-1.jsonl").open("a") as file:
        file.write('{"writer": 1, "ten')
    assert list(entries(tmp_path)) == [wrote("x")]
