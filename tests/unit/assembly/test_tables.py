"""How the command line shows lists."""

import pytest

from services.assembly.cli.tables import print_table


def test_a_row_is_one_line_with_whole_ids_on_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    row = ("dlq_" + "0" * 32, "ord_" + "1" * 32, "KeyError: [red]" + "x" * 40)
    print_table(("id", "aggregate", "error"), [row])
    assert [line.split() for line in capsys.readouterr().out.splitlines() if "dlq_" in line] == [
        [row[0], row[1], "KeyError:", "[red]" + "x" * 40]
    ]


def test_what_others_wrote_neither_breaks_a_row_nor_steers_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(("id", "error"), [("dlq_1", "no café\nDETAIL: \x1b[2J\x9b1m\u202ehere\r")])
    told = capsys.readouterr().out
    (row,) = [line for line in told.splitlines() if "dlq_1" in line]
    assert row.split() == ["dlq_1", "no", "café", "DETAIL:", "[2J", "1m", "here"]
    assert set(told) - {"\n"} == {letter for letter in told if letter.isprintable()}
