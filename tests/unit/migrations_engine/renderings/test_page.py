import json
import re
from pathlib import Path

import apsw
import pytest

import migrations_engine as engine
from migrations_engine.renderings.diagram import diagram
from migrations_engine.renderings.page import page

CLINIC = Path(__file__).parents[3] / "data" / "schemas" / "clinic.sql"

SHOP = {
    "customers": {"id": "INTEGER PRIMARY KEY", "mail": "TEXT NOT NULL UNIQUE", "_comment": "who *may* order"},
    "orders": {
        "id": "INTEGER PRIMARY KEY",
        "customer": "INTEGER NOT NULL REFERENCES customers(id) ON DELETE CASCADE",
        "sum": "DECIMAL(10, 2) DEFAULT 0",
        "twice": "REAL AS (sum * 2)",
        "_checks": [{"check": "sum >= 0 OR '|' = ''", "name": "positive"}],
        "_indexes": ["customer"],
        "_comments": {"sum": "in EUR | with tax"},
    },
    "_views": {"big": "CREATE VIEW big AS SELECT id FROM orders"},
    "_triggers": {"t": "CREATE TRIGGER t AFTER INSERT ON orders BEGIN SELECT '```'; END"},
}

PAGE = """\
# Shop\\_1

## Diagram

```mermaid
erDiagram
    "customers" {
        INTEGER id PK
        TEXT mail UK
    }
    "orders" {
        INTEGER id PK
        INTEGER customer FK
        DECIMAL(10_2) sum
        REAL twice
    }
    "customers" ||--o{ "orders" : "customer"
```

## Tables

- [customers](#table-1)
- [orders](#table-2)

<a id="table-1"></a>

### customers

who \\*may\\* order

| column | type | null | default | key | about |
| --- | --- | --- | --- | --- | --- |
| id | `INTEGER` | no |  | primary |  |
| mail | `TEXT` | no |  | unique |  |

- `PRIMARY KEY (id)`
- `UNIQUE (mail)`
- Referenced by [orders](#table-2)

<a id="table-2"></a>

### orders

| column | type | null | default | key | about |
| --- | --- | --- | --- | --- | --- |
| id | `INTEGER` | no |  | primary |  |
| customer | `INTEGER` | no |  | to [customers](#table-1) |  |
| sum | `DECIMAL(10, 2)` | yes | `0` |  | in EUR \\| with tax |
| twice | `REAL` | yes |  |  | = `sum * 2` |

- `PRIMARY KEY (id)`
- `CONSTRAINT positive CHECK (sum >= 0 OR '|' = '')`
- `FOREIGN KEY (customer) REFERENCES customers(id) ON DELETE CASCADE`: [customers](#table-1)
- `INDEX "idx_orders_customer" (customer)`
- Trigger t

## Views

### big

```sql
CREATE VIEW big AS SELECT id FROM orders
```

## Triggers

### t

On [orders](#table-2).

````sql
CREATE TRIGGER t AFTER INSERT ON orders BEGIN SELECT '```'; END
````

"""


def loads(document):
    return engine.loads(json.dumps(document))


def test_a_page_has_every_object_with_its_rules():
    assert page(loads(SHOP), title="Shop_1") == PAGE


def test_every_object_of_a_real_schema_is_on_its_page():
    conn = apsw.Connection(":memory:")
    conn.execute(CLINIC.read_text(encoding="utf-8"))
    schema = engine.introspect(conn)
    text = page(schema, title="clinic").replace("\\_", "_")
    for found in (*schema.tables, *schema.views, *schema.triggers):
        assert f"### {found.name}\n" in text
    for table in schema.tables:
        assert all(column.name in text for column in table.columns)
        assert all(index.name in text for index in table.indexes)
        assert all(check.expression in text for check in table.checks)
    assert "Options: WITHOUT ROWID, STRICT" in text


ODD = [
    *(
        "two words",
        "1st",
        "PK",
        "fk-x",
        "uk(1)",
        "",
        "é",
        'a"b',
        "a%b",
        "a\\b",
        "class",
        "end",
        "x{y}",
        "c ~ d",
    ),
    *(
        "%% no",
        "```",
        "one",
        "zero or one",
        "direction TB",
        "x Direction  lr y",
        "title",
        "accTitle: x",
        "%%{x}%%",
    ),
]
"""All that is special to Mermaid, or no name to it; Mermaid 11 itself reads what is made of each."""

# What Mermaid's lexer takes: the tokens ENTITY_NAME, ATTRIBUTE_WORD, ATTRIBUTE_KEY and COMMENT.
ENTITY = r'"[^"%\r\n\v\b\\]+"'
WORD = r"(?!(?:PK|FK|UK)\b)[A-Za-z_][A-Za-z0-9_()]*"
LINES = [
    re.compile(rf"    {ENTITY} \{{"),
    re.compile(rf'        {WORD} {WORD}(?: (?:PK|FK|UK)(?:, (?:PK|FK|UK))*)?(?: "[^"%]*")?', re.IGNORECASE),
    re.compile(r"    \}"),
    re.compile(rf'    {ENTITY} (?:\|\||\|o)--(?:o\{{|o\|) {ENTITY} : "[^"%]*"'),
]


@pytest.mark.parametrize("name", ODD)
def test_whatever_a_name_is_the_diagram_stays_mermaid(name):
    quoted = '"' + name.replace('"', '""') + '"'
    columns = {name: quoted, "parent": f"INT REFERENCES {quoted}", "gone": 'INT REFERENCES "no ""%"'}
    first, *lines = diagram(loads({name: columns, "other": columns})).splitlines()
    assert first == "erDiagram"
    for line in lines:
        assert any(pattern.fullmatch(line) for pattern in LINES), line
        assert not re.search(r"direction\s+(TB|BT|LR|RL)", line, re.IGNORECASE)


def test_tables_that_would_look_the_same_are_told_apart():
    lines = diagram(loads({"a%b": {"x": "INT"}, "a\\b": {"x": "INT"}})).splitlines()
    assert [line.strip(" {") for line in lines if "{" in line] == ['"a_b"', '"a\\b (2)"'.replace("\\", "_")]


@pytest.mark.parametrize(
    ("child", "ends"),
    [
        ("INT REFERENCES p", "|o--o{"),
        ("INT NOT NULL REFERENCES p", "||--o{"),
        ("INT UNIQUE REFERENCES p", "|o--o|"),
        ("INTEGER PRIMARY KEY REFERENCES p", "||--o|"),
        ("TEXT PRIMARY KEY REFERENCES p", "|o--o|"),
    ],
)
def test_a_reference_says_how_many_there_may_be_at_its_ends(child, ends):
    assert f'"p" {ends} "c" : "p"' in diagram(loads({"p": {"id": "INTEGER PRIMARY KEY"}, "c": {"p": child}}))


def test_many_tables_grow_downwards_where_a_page_has_room():
    tables = {f"t{n}": {"x": "INT"} for n in range(7)}
    assert diagram(loads(tables)).splitlines()[1] == "    direction LR"
    del tables["t0"]
    assert "direction" not in diagram(loads(tables))


def test_a_diagram_too_long_for_mermaid_shows_the_keys_alone():
    columns = {"id": "INTEGER PRIMARY KEY"} | {f"a_rather_long_name_{n}": "TEXT" for n in range(30)}
    text = diagram(loads({f"table_{n}": columns | {"up": "INT REFERENCES table_0"} for n in range(60)}))
    assert len(text) < 50_000
    assert text.count("INTEGER id PK") == text.count("INT up FK") == 60
    assert "a_rather_long_name" not in text


def test_a_word_that_was_replaced_is_not_set_in_italics():
    text = diagram(loads({"t": {"100%": '"UNSIGNED BIG INT"'}}))
    assert '        UNSIGNED_BIG_INT _100 "100_"' in text.splitlines()
