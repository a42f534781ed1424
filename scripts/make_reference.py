"""Write from the code: the pages of docs/reference (commands, settings, errors, events), the JSON Schema.

    make_reference.py [FOLDER]        FOLDER is docs/reference unless given

A test makes them again and compares: a command, setting or error that is not in its page fails there.
"""

from __future__ import annotations

import inspect
import itertools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migrations_engine import errors as engine_errors
from migrations_engine.ddl.postgres import AFFINITY_TYPES, COLUMN_TYPES
from migrations_engine.document import json_schema
from migrations_engine.planning.rules import RULES
from tenantdb import errors as fleet_errors
from tenantdb.cli.app import ENTRIES, load
from tenantdb.settings import PREFIX, Settings
from workers.events import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

HEAD = (
    "<!-- Made from the code by scripts/make_reference.py; change the code, then run: make reference -->\n\n"
)


_TYPERS_OWN = {"help", "install_completion", "show_completion"}


def commands() -> str:
    """Every command with its arguments and options."""
    entries = [line for name in ENTRIES for line in _command(f"tenantdb {name}", load(name))]
    return "\n".join(["# Commands", "", *entries])


def _command(path: str, command: Any) -> Iterator[str]:
    children: dict[str, Any] = getattr(command, "commands", {})
    if children:
        for name, child in children.items():
            yield from _command(f"{path} {name}", child)
        return
    shown = [p for p in command.params if p.name not in _TYPERS_OWN and not getattr(p, "hidden", False)]
    arguments = [p for p in shown if p.param_type_name == "argument"]
    usage = " ".join([path, *(_metavar(p) for p in arguments)])
    yield from (f"## {path}", "", inspect.cleandoc(command.help or "").split("\f")[0].strip(), "")
    yield from (f"    {usage}{' [options]' if len(shown) > len(arguments) else ''}", "")
    rows = [f"| `{_names(p)}` | {_plain(getattr(p, 'help', None))} |" for p in shown]
    if rows:
        yield from ("| | |", "| --- | --- |", *rows, "")


def _metavar(parameter: Any) -> str:
    name = parameter.metavar or parameter.name.upper()
    return name if parameter.required else f"[{name}]"


def _names(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    return ", ".join([*parameter.opts, *parameter.secondary_opts])


def _plain(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


def settings() -> str:
    """Every setting with its default and meaning; the meaning is the text below the field in the code."""
    meanings = _texts_below_fields(inspect.getsource(Settings))
    rows = [
        f"| `{PREFIX}{name.upper()}` | `{_default(field.default)}` | {_plain(meanings[name])} |"
        for name, field in Settings.model_fields.items()
    ]
    about = (
        "From the environment, else `.env`, else `tenantdb.toml` (there in lower case, without the prefix), "
        "else these defaults."
    )
    return "\n".join(
        ["# Settings", "", about, "", "| name | default | meaning |", "| --- | --- | --- |", *rows, ""]
    )


def _default(value: object) -> str:
    return "none" if value is None or value == () else str(value)


def _texts_below_fields(source: str) -> dict[str, str]:
    lines = [line.strip() for line in source.splitlines()]
    pairs = itertools.pairwise(lines)
    return {
        field.partition(":")[0]: below.strip('"')
        for field, below in pairs
        if below.startswith('"""') and ":" in field
    }


def errors() -> str:
    """Every error with what it means and whether trying again can help."""
    parts = ["# Errors", ""]
    for title, module in (("Of the platform", fleet_errors), ("Of the engine", engine_errors)):
        rows = [
            f"| `{error.__name__}` | {'yes' if error.retryable else 'no'} | {_plain(inspect.getdoc(error))} |"
            for error in _errors_of(module)
        ]
        parts += [
            f"## {title} (`{module.__name__}`)",
            "",
            "| error | retryable | meaning |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    return "\n".join(parts)


def _errors_of(module: ModuleType) -> list[Any]:
    found = [
        value
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and issubclass(value, Exception)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    ]
    return sorted(found, key=lambda error: error.__name__)


def events() -> str:
    """Every event that operations log."""
    rows = [f"- `{event.value}`" for event in Event]
    about = "Each is one record of the logger `workers`: its name in the field `event`, ids as other fields."
    return "\n".join(["# Events", "", about, "", *rows, ""])


def postgresql_types() -> str:
    """What the declared types of columns become in PostgreSQL."""
    rows = [
        *((rule.declared, rule.kind, rule.note) for rule in COLUMN_TYPES),
        *AFFINITY_TYPES,
        ("anything else, and no type", "refused", "it says too little, or two things at once"),
    ]
    about = (
        "The first row that fits decides, in any case and with any numbers in parentheses. A column of a "
        "foreign key has the type of the column that it refers to. Why it is so: [what becomes what in "
        "PostgreSQL](../explanation/postgresql.md)."
    )
    lines = [f"| {declared} | {kind} | {_plain(note)} |" for declared, kind, note in rows]
    head = ["# Types in PostgreSQL", "", about, "", "| declared | becomes | |", "| --- | --- | --- |"]
    return "\n".join([*head, *lines, ""])


def rules() -> str:
    """Every rule by which a change is judged."""
    rows = [
        f"| `{rule.name}` | {rule.about} | {'refuses' if rule.refuses else 'warns'} | {rule.meaning} |"
        for rule in RULES.values()
    ]
    about = (
        "What a plan says about a change. What refuses needs leave: `--allow RULE:OBJECT`, or for all of it "
        "`--allow-destructive`; a warning stops nothing, and leave for it says that somebody has read it."
    )
    head = ["| rule | object | | meaning |", "| --- | --- | --- | --- |"]
    return "\n".join(["# Rules", "", about, "", *head, *rows, ""])


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands,
    "settings.md": settings,
    "errors.md": errors,
    "events.md": events,
    "rules.md": rules,
    "postgresql-types.md": postgresql_types,
}


PUBLISHED = Path(json_schema.__file__).with_name(json_schema.FILE)
"""The JSON Schema of documents, as the package has it."""


def main(folder: Path, *, published: Path = PUBLISHED) -> None:
    """Write all pages into a folder, and the JSON Schema of documents beside its code."""
    folder.mkdir(parents=True, exist_ok=True)
    published.write_text(json_schema.text(), encoding="utf-8")
    for name, page in PAGES.items():
        (folder / name).write_text(HEAD + page(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "docs" / "reference")
