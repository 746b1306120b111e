"""Pages of a list (AIP-158): keyset, with opaque, signed tokens."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence

from services.chassis.rpc.errors import Failure, invalid

DEFAULT_SIZE = 50
LARGEST_SIZE = 200
_SIGNATURE_BYTES = 16


def page_size(asked: int) -> int:
    """Items of a page for a request's `page_size`: 0 means 50, above 200 means 200."""
    return min(asked, LARGEST_SIZE) if asked else DEFAULT_SIZE


class PageTokens:
    """Makes and reads page tokens with one secret.

    A token carries where the next page begins, and is bound to the list's other arguments: with
    any of them changed it is refused.
    """

    def __init__(self, key: str) -> None:
        """ValueError without a key: anybody could sign with none."""
        if not key:
            raise ValueError("page tokens need a secret: set MAITRED_PAGE_TOKEN_KEY")
        self._key = key.encode()

    def encode(self, position: Sequence[str | int], arguments: Mapping[str, str]) -> str:
        """The token of the page that begins after `position`."""
        body = json.dumps(list(position), separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._sign(body, arguments) + body).decode().rstrip("=")

    def decode(self, token: str, arguments: Mapping[str, str]) -> list[str | int] | None:
        """The position a token carries; None for the empty one of a first page.

        Raises:
            Failure: INVALID_ARGUMENT PAGE_TOKEN_INVALID: not ours, or other arguments changed.
        """
        if not token:
            return None
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            raise _not_ours() from None
        signature, body = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(body, arguments)):
            raise _not_ours()
        position: list[str | int] = json.loads(body)
        return position

    def _sign(self, body: bytes, arguments: Mapping[str, str]) -> bytes:
        bound = json.dumps(sorted(arguments.items()), separators=(",", ":")).encode()
        digest = hmac.digest(self._key, hashlib.sha256(bound).digest() + body, "sha256")
        return digest[:_SIGNATURE_BYTES]


def _not_ours() -> Failure:
    return invalid(
        "PAGE_TOKEN_INVALID",
        "The page token is not one of this list, or other arguments changed.",
    )
