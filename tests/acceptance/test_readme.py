"""Every command of the README, run as it is written."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.assembly.home import CHECKOUT
from tests.support.mesh import RunningMesh, own_environment

ELSEWHERE = ("make ", ".venv/bin/maitred demo")
CURL_TIMED_OUT = 28


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a command."""

    command: str
    status: int
    output: str


def commands() -> Iterator[str]:
    """The README's commands but those of make and the demo.

    Whoever reads this in a test's output has run make; `test_demo.py` runs the demo as it is
    written there, and looks closer.
    """
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    for block in re.findall(r"^```console\n(.*?)^```", readme, re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            command = line.removeprefix("$ ")
            if command != line and not command.startswith(ELSEWHERE):
                yield command


def listens(command: str) -> bool:
    """Whether it is for a terminal of its own: a stream that nothing ends."""
    return command.endswith("/events") and " -m " not in command


@pytest.fixture(scope="module")
def ran(mesh: RunningMesh, tmp_path_factory: pytest.TempPathFactory) -> Sequence[Ran]:
    """What came of each command, run one after another in one shell."""
    for program in ("bash", "curl"):
        if shutil.which(program) is None:
            pytest.skip(f"the README needs {program}: apt-get install -y {program}")
    checkout = tmp_path_factory.mktemp("checkout")
    (checkout / ".maitred").symlink_to(mesh.home.path)
    for folder in (".venv", "docs"):
        (checkout / folder).symlink_to(CHECKOUT / folder)
    script = ["shopt -s expand_aliases"]
    for number, command in enumerate(commands()):
        out = f"> {number}.out 2> {number}.err"
        if listens(command):
            script += [f"{command} {out} &", "listener=$!"]
        else:
            # In this shell and not a group, so that what it sets is there for the next.
            script += [f"exec 3>&1 {out}", command, "status=$?", "exec >&3 2>&3"]
            script += [f"echo $status > {number}.status"]
    script.append("kill $listener")
    (checkout / "readme.sh").write_text("\n".join(script))
    subprocess.run(["bash", "readme.sh"], cwd=checkout, env=own_environment(mesh.home), check=False)
    return list(read(checkout))


def read(folder: Path) -> Iterator[Ran]:
    for number, command in enumerate(commands()):
        status = folder / f"{number}.status"
        output = "".join((folder / f"{number}.{kind}").read_text() for kind in ("out", "err"))
        yield Ran(command, 0 if listens(command) else int(status.read_text()), output)


def outputs(ran: Sequence[Ran], part: str) -> list[str]:
    """What the commands with that part said."""
    return [one.output for one in ran if part in one.command]


def expected(command: str) -> int:
    """A stream that is read for some seconds is ended by curl, unless a pipe follows."""
    return CURL_TIMED_OUT if " -m " in command and "|" not in command else 0


def test_every_command_succeeds(ran: Sequence[Ran]) -> None:
    assert ran
    assert [one for one in ran if one.status != expected(one.command)] == []


def test_the_chat_ends_in_an_order_that_is_listed(ran: Sequence[Ran]) -> None:
    (answered,) = outputs(ran, "yes, please")
    (order_id,) = set(re.findall(r"ord_[0-9a-f]{32}", answered))
    (listed,) = outputs(ran, "page_size=5")

    assert "event: order\n" in answered
    assert '"product_id":"croissant"' in answered
    assert order_id in listed


def test_the_stream_tells_of_the_order_live_and_again(ran: Sequence[Ran]) -> None:
    (order_id,) = set(re.findall(r"ord_[0-9a-f]{32}", outputs(ran, "yes, please")[0]))
    heard = [one.output for one in ran if listens(one.command)]
    (resumed,) = outputs(ran, "Last-Event-ID")

    for stream in (*heard, resumed):
        events = [block for block in stream.split("\n\n") if order_id in block]
        assert [event.splitlines()[1] for event in events] == ["event: order"]
    assert heard


def test_the_same_request_twice_is_one_order(ran: Sequence[Ran]) -> None:
    first, second = outputs(ran, "Idempotency-Key")

    assert [one.splitlines()[0] for one in (first, second)] == ["HTTP/1.1 200 OK"] * 2
    assert [len(re.findall("(?i)idempotent-replayed: true", one)) for one in (first, second)] == [
        0,
        1,
    ]
    assert first.splitlines()[-1] == second.splitlines()[-1]


def test_services_answer_over_grpc(ran: Sequence[Ran]) -> None:
    (health,) = outputs(ran, "Health/Check")
    (listed,) = outputs(ran, "OrderService/ListOrders")

    assert "SERVING" in health
    assert listed.count("orderId") == 2


def test_no_call_is_refused(ran: Sequence[Ran]) -> None:
    assert [one for one in ran if "maitred.dev/problems/" in one.output] == []


def test_a_rating_is_taken_for_the_decision_that_chose_who_served(ran: Sequence[Ran]) -> None:
    (rated,) = outputs(ran, "feedback/submit")
    (decided,) = outputs(ran, "decisions?session_id")
    (decision_id,) = set(re.findall(r"dec_[0-9a-f]{32}", rated))

    assert '"reward":1.0' in rated
    assert decision_id in decided


def test_a_websocket_let_in_by_a_ticket_hears_of_the_order_too(ran: Sequence[Ran]) -> None:
    (order_id,) = set(re.findall(r"ord_[0-9a-f]{32}", outputs(ran, "yes, please")[0]))
    (heard,) = outputs(ran, "/ws/orders")

    assert '"type":"subscribed"' in heard
    assert order_id in heard


def test_what_was_taken_in_is_sold_until_there_is_none_left(ran: Sequence[Ran]) -> None:
    (taken_in,) = outputs(ran, "catalog/transfers")
    wanted, refused = outputs(ran, "cardamom bun, please")
    (ordered,) = outputs(ran, '"yes"')

    assert "CATALOG_TRANSFER_STATE_SUCCEEDED" in taken_in
    assert '"product_id":"cardamom_bun"' in wanted
    assert '"status":"ORDER_STATUS_PLACED"' in ordered
    assert '"lines":[]' in refused


def test_what_runs_behind_is_shown(ran: Sequence[Ran]) -> None:
    (jobs,) = outputs(ran, "jobs list")
    (workers,) = outputs(ran, "/health/workers")

    assert "orders.transfer_catalog" in jobs
    assert '"status":"ok"' in workers
