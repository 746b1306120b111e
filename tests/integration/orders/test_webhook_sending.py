"""One POST to somebody else's server: what is answered, and what happens where nothing is."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from services.orders.webhooks.addresses import Permissions, TargetRefused
from services.orders.webhooks.delivery import Answer, Outcome
from services.orders.webhooks.sending import Sender
from tests.support.receiver import Receiver, answer, receiving

LAX = Permissions(http=True, private=True)
BODY = '{"say":"caffè"}'.encode()


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as started:
        yield started


async def post(receiver: Receiver, said: bytes | None, timeout_s: float = 10) -> Answer:
    receiver.say(said)
    return await Sender(LAX, timeout_s).post(receiver.url, {"webhook-id": "evt_1"}, BODY)


@pytest.mark.asyncio
async def test_the_body_arrives_as_it_is(receiver: Receiver) -> None:
    got = await post(receiver, answer("200 OK", body=b"thanks"))
    assert (got.outcome, got.status_code, got.body, got.error) == (
        Outcome.DELIVERED,
        200,
        b"thanks",
        "",
    )
    [message] = receiver.messages
    assert message.line == "POST /hooks HTTP/1.1"
    assert message.body == BODY
    assert message.headers["content-type"] == "application/json"
    assert message.headers["host"] == receiver.url.split("/")[2]
    assert message.id == "evt_1"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("said", "outcome", "status_code"),
    [
        (answer("302 Found", "Location: http://127.0.0.1:1/"), Outcome.REDIRECTED, 302),
        (answer("410 Gone"), Outcome.GONE, 410),
        (answer("500 Oh"), Outcome.REJECTED, 500),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + answer("201 Created"), Outcome.DELIVERED, 201),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", Outcome.REJECTED, 101),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Outcome.DELIVERED, 200),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\ncut", Outcome.DELIVERED, 200),
        (b"HTTP/1.0 200 OK\r\n\r\nold", Outcome.DELIVERED, 200),
        (b"", Outcome.UNREACHABLE, 0),
        (b"HTTP/1.1 200 OK\r\nA", Outcome.UNREACHABLE, 0),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Outcome.UNREACHABLE, 0),
        (b"HTTP/1.1 200 OK\r\nA: " + b"a" * 100_000, Outcome.UNREACHABLE, 0),
    ],
)
async def test_an_answer_is_judged_by_its_status(
    receiver: Receiver, said: bytes, outcome: Outcome, status_code: int
) -> None:
    got = await post(receiver, said)
    assert (got.outcome, got.status_code) == (outcome, status_code)
    assert bool(got.error) is (outcome is not Outcome.DELIVERED)
    assert len(receiver.messages) == 1


@pytest.mark.asyncio
async def test_who_hangs_up_is_not_said_to_have_answered(receiver: Receiver) -> None:
    assert (await post(receiver, b"")).error == "it hung up before it had answered"
    assert (await post(receiver, b"SSH-2.0-x\r\n")).error == "what was answered is no HTTP"


@pytest.mark.asyncio
async def test_no_more_of_a_body_is_read_than_is_kept(receiver: Receiver) -> None:
    got = await post(receiver, answer("200 OK", "Retry-After: 7", body=b"x" * 1_000_000))
    assert (got.body, got.retry_after) == (b"x" * 1024, "7")


@pytest.mark.asyncio
async def test_silence_ends_with_the_time_limit(receiver: Receiver) -> None:
    got = await post(receiver, None, timeout_s=0.3)
    assert (got.outcome, got.status_code) == (Outcome.TIMED_OUT, 0)
    assert got.duration.total_seconds() >= 0.3


@pytest.mark.asyncio
async def test_dripping_a_head_does_not_put_the_time_limit_off() -> None:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(b"H")
                await writer.drain()
                await asyncio.sleep(0.05)
        except OSError:
            writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server:
        got = await asyncio.wait_for(Sender(LAX, 0.5).post(url, {}, BODY), 20)
    assert got.outcome in {Outcome.TIMED_OUT, Outcome.UNREACHABLE}


@pytest.mark.asyncio
async def test_a_closed_port_and_an_unknown_host_are_told(receiver: Receiver) -> None:
    async def nobody(_host: str, _port: int) -> list[str]:
        raise OSError("Name or service not known")

    async with receiving() as other:
        url = other.url
    assert (await Sender(LAX, 5).post(url, {}, BODY)).outcome is Outcome.UNREACHABLE
    sender = Sender(LAX, 5, nobody)
    assert (await sender.post("http://gone.example/", {}, BODY)).outcome is Outcome.UNREACHABLE
    with pytest.raises(TargetRefused, match="not known"):
        await sender.check("http://gone.example/")


@pytest.mark.asyncio
async def test_the_address_connected_to_is_the_one_that_was_checked(receiver: Receiver) -> None:
    asked = []

    async def lookup(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"]

    port = int(receiver.url.split(":")[2].split("/")[0])
    url = f"http://shop.example:{port}/in?a=1"
    got = await Sender(LAX, 5, lookup).post(url, {}, BODY)
    assert got.outcome is Outcome.DELIVERED
    assert asked == [("shop.example", port)]
    assert receiver.messages[0].headers["host"] == f"shop.example:{port}"
    assert receiver.messages[0].line == "POST /in?a=1 HTTP/1.1"


@pytest.mark.asyncio
async def test_a_private_address_is_not_even_called(receiver: Receiver) -> None:
    sender = Sender(Permissions(http=True), 5)
    got = await sender.post(receiver.url, {}, BODY)
    assert (got.outcome, got.status_code) == (Outcome.REFUSED, 0)
    assert "127.0.0.1" not in got.error
    assert receiver.messages == []
    with pytest.raises(TargetRefused):
        await sender.check("http://localhost:8080/")


@pytest.mark.asyncio
async def test_proxies_of_the_environment_are_not_asked(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert (await post(receiver, answer("200 OK"))).outcome is Outcome.DELIVERED


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of shop.example, with its key, in one file."""
    path = tmp_path_factory.mktemp("tls") / "shop.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=shop.example"),
            *("-addext", "subjectAltName=DNS:shop.example", "-keyout", path, "-out", path),
        ],
        check=True,
        capture_output=True,
    )
    return path


@pytest.mark.asyncio
async def test_the_certificate_must_be_the_hosts_though_the_address_is_called(
    certificate: Path,
) -> None:
    async def lookup(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with receiving(ssl=server) as receiver:
        port = receiver.url.split(":")[2]
        known = Sender(LAX, 10, lookup, trusting)
        good = await known.post(f"https://shop.example:{port}", {}, BODY)
        other = await known.post(f"https://other.example:{port}", {}, BODY)
        unknown = await Sender(LAX, 10, lookup).post(f"https://shop.example:{port}", {}, BODY)
    assert good.outcome is Outcome.DELIVERED, good.error
    assert (other.outcome, unknown.outcome) == (Outcome.UNREACHABLE, Outcome.UNREACHABLE)
    assert "certificate" in other.error
    assert "certificate" in unknown.error
    assert [message.headers["host"] for message in receiver.messages] == [
        f"shop.example:{port.split('/')[0]}"
    ]


@pytest.mark.asyncio
async def test_a_port_that_speaks_no_tls_is_told_as_that() -> None:
    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        answer = await Sender(LAX, 10).post(f"https://127.0.0.1:{port}/", {}, BODY)
    assert answer.outcome is Outcome.UNREACHABLE
    assert "TLS failed, wrong version number" in answer.error
