"""What is told of a test that failed: little enough to be read at the end of a long log."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest._code.code import ExceptionChainRepr

# Of an entry of a traceback, of what was printed, and of each process's log.
ENTRY_LINES = 30
PRINTED_LINES = 30
LOGGED_LINES = 6
LONGEST_LINE = 400
_TROUBLE = ("ERROR", "FATAL", "PANIC", "Error", "failed", "ended")


def shorten(report: pytest.TestReport) -> None:
    """Cuts what is told of a failure; the summary gets its first line."""
    report.sections = [(name, _last(text, PRINTED_LINES)) for name, text in report.sections]
    if not isinstance(report.longrepr, ExceptionChainRepr):
        return
    for traceback, _, _ in report.longrepr.chain:
        for entry in traceback.reprentries:
            if len(entry.lines) > ENTRY_LINES:
                half = ENTRY_LINES // 2
                entry.lines = [*entry.lines[:half], "...", *entry.lines[-half:]]
    if crash := report.longrepr.reprcrash:
        crash.message = crash.message.partition("\n")[0][:LONGEST_LINE]


def warnings(logs: Path, since: float) -> Iterator[tuple[str, str]]:
    """By process, the last it had to warn of, of the logs written to since a Unix time."""
    for path in sorted(logs.glob("*.log")):
        if path.stat().st_mtime < since:
            continue
        lines = path.read_text(errors="replace").splitlines()
        if told := "\n".join(filter(_warns, lines)):
            yield f"warnings in {path.name}", _last(told, LOGGED_LINES)


def _warns(line: str) -> bool:
    try:
        return json.loads(line)["level"] not in {"debug", "info"}
    except (ValueError, KeyError, TypeError):
        return any(word in line for word in _TROUBLE)


def _last(text: str, count: int) -> str:
    lines = text.splitlines()
    kept = [line[:LONGEST_LINE] for line in lines[-count:]]
    return "\n".join(["..."] * (len(lines) > count) + kept)
