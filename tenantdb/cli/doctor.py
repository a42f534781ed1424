"""``tenantdb doctor``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from tenantdb import settings
from tenantdb.cli import failures, output
from workers import doctor as examination

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.doctor import Finding

app = typer.Typer(add_completion=False)


@app.command()
def doctor(*, as_json: output.AsJson = False) -> None:
    """Hold every file against the catalog; exit code 1 if anything disagrees."""
    findings = list(examination.examine(settings.current()))
    if as_json:
        output.document({"findings": [asdict(each) for each in findings]})
    else:
        _print(findings)
    if findings:
        raise typer.Exit(failures.FAILED)


def _print(findings: Sequence[Finding]) -> None:
    if not findings:
        output.say("Every file agrees with the catalog.")
        return
    output.table(
        ["finding", "tenant", "server", "file", "what"],
        [(each.kind.value, each.tenant, each.server, each.path, each.sentence) for each in findings],
    )
    output.say("", f"{len(findings)} finding{'' if len(findings) == 1 else 's'}.")
