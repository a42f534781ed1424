import json
import subprocess
import sys
from pathlib import Path

import apsw
import pytest
import sqlalchemy as sa
from sqlalchemy import orm

import migrations_engine as engine
from migrations_engine.renderings.models import models
from tests.modelled import built, imported, sayable

ROOT = Path(__file__).parents[4]
SCHEMAS = sorted((ROOT / "tests" / "data").glob("*/**/*.sql"))

ARTICLE = {
    "Users": {
        "user_id": "INTEGER PRIMARY KEY",
        "email": "TEXT UNIQUE NOT NULL",
        "role": "TEXT NOT NULL DEFAULT 'user' CHECK (role IN ('admin','user'))",
        "is_active": "BOOLEAN NOT NULL DEFAULT 1",
        "created_at": "DATETIME DEFAULT CURRENT_TIMESTAMP",
    },
    "Contacts": {
        "contact_id": "INTEGER PRIMARY KEY",
        "company_name": "TEXT",
        "user_id": "INTEGER REFERENCES Users(user_id) ON DELETE SET NULL",
        "_comment": "People of other companies.",
    },
}

WRITTEN = '''

class Base(orm.DeclarativeBase):
    """What all models share."""


class Users(Base):
    """A row of Users."""

    __tablename__ = "Users"
    __table_args__ = (sa.CheckConstraint("role IN ('admin','user')"),)

    user_id: orm.Mapped[int] = orm.mapped_column(sa.Integer, primary_key=True)
    email: orm.Mapped[str] = orm.mapped_column(sa.Text, unique=True)
    role: orm.Mapped[str] = orm.mapped_column(sa.Text, server_default=sa.text("'user'"))
    is_active: orm.Mapped[bool] = orm.mapped_column(sa.Boolean, server_default=sa.text("1"))
    created_at: orm.Mapped[Optional[datetime.datetime]] = orm.mapped_column(
        sa.DateTime,
        server_default=sa.text("CURRENT_TIMESTAMP"),
    )

    contacts: orm.Mapped[list["Contacts"]] = orm.relationship(back_populates="user")


class Contacts(Base):
    """People of other companies."""

    __tablename__ = "Contacts"

    contact_id: orm.Mapped[int] = orm.mapped_column(sa.Integer, primary_key=True)
    company_name: orm.Mapped[Optional[str]] = orm.mapped_column(sa.Text)
    user_id: orm.Mapped[Optional[int]] = orm.mapped_column(
        sa.Integer,
        sa.ForeignKey("Users.user_id", ondelete="SET NULL"),
    )

    user: orm.Mapped[Optional["Users"]] = orm.relationship(back_populates="contacts")
'''


def loads(document):
    return engine.loads(json.dumps(document))


def read(path):
    conn = apsw.Connection(":memory:")
    conn.execute(path.read_text(encoding="utf-8"))
    return engine.introspect(conn)


def test_models_of_the_article():
    assert models(loads(ARTICLE), title="app").partition("import orm\n")[2] == WRITTEN


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_models_make_the_tables_that_they_were_written_from(path):
    schema = read(path)
    assert built(models(schema, title=path.stem)).hash == sayable(schema).hash


HARD = {
    "metadata": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "metadata": "TEXT", "class": "TEXT",
                 "_columns": {"__x": "INT"}},
    "two words": {"1st": "BIGINT UNSIGNED", "a b": r"TEXT DEFAULT ':x \:y \: 1:2'", "a_b": "INT",
                  "--": "BLOB",
                  "_primary_key": {"columns": ["a_b", "a b"], "name": "pk", "on_conflict": "REPLACE"}},
    "Any": {"int": "INT", "text": "TEXT CHECK (text <> ':y' AND text GLOB 'a:b')", "Optional": "TEXT"},
    "any_": {"id": "INTEGER PRIMARY KEY", "sa": "TEXT NOT NULL ON CONFLICT FAIL", "orm": "JSON"},
    "keyless": {"x": "TEXT NOT NULL", "y": "DECIMAL(5,1)", "z": "REAL AS (y * 2) STORED",
                "_unique_constraints": [{"columns": ["x", "y"], "name": "xy", "on_conflict": "IGNORE"}],
                "_indexes": [{"columns": ["lower(x)", "y DESC"], "unique": True, "where": "x > ':z'",
                             "name": "i"}]},
    "codes": {"code": "TEXT COLLATE NOCASE PRIMARY KEY", "_options": {"strict": True, "without_rowid": True}},
}  # fmt: skip
"""Names that Python or SQLAlchemy have for themselves, and tables that no plain model says."""


def test_odd_names_and_odd_tables_are_modelled():
    schema = loads(HARD)
    text = models(schema, title='a "b" \\')
    assert "no words" not in text
    assert built(text).hash == sayable(schema).hash
    with imported(text) as module:
        assert module.Metadata.__table__.dialect_options["sqlite"]["autoincrement"] is True
        assert module.Metadata.metadata_.name == "metadata"
        assert module.TwoWords._1st.type.get_col_spec() == "BIGINT UNSIGNED"
        assert isinstance(module.keyless_table, sa.Table)


def test_what_sqlalchemy_has_no_words_for_is_said_at_the_top():
    document = {
        "a": {"id": "INTEGER PRIMARY KEY DESC", "x": "TEXT CONSTRAINT nn NOT NULL", "": "INT"},
        "b": {"id": "INTEGER PRIMARY KEY DESC", "x": "TEXT CONSTRAINT nn NOT NULL"},
        "c": {"p": "INT REFERENCES gone", "q": "INT REFERENCES b(x, id)", "r": "INT REFERENCES a"},
        "_views": {"v": "CREATE VIEW v AS SELECT 1"},
        "_triggers": {"t": "CREATE TRIGGER t AFTER INSERT ON b BEGIN SELECT 1; END"},
        "_virtual_tables": {"f": "CREATE VIRTUAL TABLE f USING fts5(x)"},
    }
    del document["c"]["q"]
    text = models(loads(document), title="x")
    assert [line.strip("# ") for line in text.splitlines() if line.startswith("#   ")] == [
        "view v",
        "virtual table f",
        "trigger t",
        "table a: a name in it is empty",
        "c: FOREIGN KEY (p), as gone is not in the schema",
        "c: FOREIGN KEY (r), as a is left out",
        "b: order or collation of PRIMARY KEY (id DESC)",
        "b: the constraint names nn of x",
    ]


RELATED = {
    "nodes": {"id": "INTEGER PRIMARY KEY", "parent_id": "INT REFERENCES nodes"},
    "files": {
        "id": "INTEGER PRIMARY KEY",
        "node": "INT NOT NULL REFERENCES nodes",
        "owner_id": "INT REFERENCES people",
        "editor_id": "INT REFERENCES people",
        "tenant": "INT",
        "box": "INT",
        "_foreign_keys": [{"columns": ["tenant", "box"], "references": "boxes"}],
    },
    "people": {"id": "INTEGER PRIMARY KEY", "files": "TEXT"},
    "boxes": {"tenant": "INT REFERENCES people", "box": "INT", "_primary_key": ["tenant", "box"]},
    "details": {"id": "INTEGER PRIMARY KEY REFERENCES files"},
}


def test_references_become_relationships_where_they_are_unambiguous():
    with imported(models(loads(RELATED), title="x")) as module:
        found = {
            model.__name__: {
                name: (each.mapper.class_.__name__, each.uselist, each.back_populates)
                for name, each in orm.class_mapper(model).relationships.items()
            }
            for model in (module.Nodes, module.Files, module.People, module.Boxes, module.Details)
        }
    assert found == {
        "Nodes": {"parent": ("Nodes", False, None), "files": ("Files", True, "nodes")},
        "Files": {
            "nodes": ("Nodes", False, "files"),
            "owner": ("People", False, None),
            "editor": ("People", False, None),
            "boxes": ("Boxes", False, "files"),
            "details": ("Details", False, "files"),
        },
        "People": {"boxes": ("Boxes", True, "people")},
        "Boxes": {"people": ("People", False, "boxes"), "files": ("Files", True, "boxes")},
        "Details": {"files": ("Files", False, "details")},
    }


def test_models_read_and_write_rows():
    with imported(models(loads(ARTICLE), title="app")) as module:
        database = sa.create_engine("sqlite+apsw://", poolclass=sa.pool.StaticPool)
        module.Base.metadata.create_all(database)
        with orm.Session(database) as session:
            session.add(module.Contacts(company_name="b", user=module.Users(email="a@b.c")))
            session.commit()
            user = session.scalars(sa.select(module.Users)).one()
            assert (user.role, user.is_active, user.created_at.year > 2000) == ("user", True, True)
            assert [contact.company_name for contact in user.contacts] == ["b"]
        database.dispose()


def test_models_pass_a_strict_type_checker(tmp_path):
    for name, schema in {"article": loads(ARTICLE), "hard": loads(HARD), "related": loads(RELATED)}.items():
        (tmp_path / f"{name}_models.py").write_text(models(schema, title=name), encoding="utf-8")
    for path in SCHEMAS:
        written = models(read(path), title=path.stem)
        (tmp_path / f"{path.parent.name}_{path.stem}_models.py").write_text(written, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={ROOT}/.mypy_cache"]
    done = subprocess.run(
        [*command, *map(str, tmp_path.iterdir())], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
