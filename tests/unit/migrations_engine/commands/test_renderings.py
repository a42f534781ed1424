from pathlib import Path

import migrations_engine as engine

DOCUMENT = '{"t": {"a": "INTEGER PRIMARY KEY", "_comment": "here"}}'


def test_describe_takes_a_document_and_a_file(shell):
    Path("s.json").write_text(DOCUMENT)
    engine.apply(engine.loads(DOCUMENT), "f.db")
    described = shell("describe", "s.json")
    assert described.splitlines()[1:] == ["t(a integer*)"]
    assert shell("describe", "f.db") == described
    assert "-- here" in shell("describe", "s.json", "--comments")
    found = shell.json("describe", "s.json")
    assert found["text"] == described
    assert found["characters"]["text"] == len(described)


def test_docs_prints_and_writes_a_page_named_for_its_source(shell):
    Path("shop.json").write_text(DOCUMENT)
    printed = shell("docs", "shop.json")
    assert printed.startswith("# shop\n")
    shell("docs", "shop.json", "-o", "page.md")
    assert Path("page.md").read_text() == printed
    assert shell.json("docs", "shop.json") == {"page": printed}


def test_models_prints_and_writes_a_module(shell):
    Path("shop.json").write_text(DOCUMENT)
    printed = shell("models", "shop.json")
    assert "class T(Base):" in printed
    shell("models", "shop.json", "-o", "models.py")
    assert Path("models.py").read_text() == printed
    assert shell.json("models", "shop.json") == {"models": printed}
