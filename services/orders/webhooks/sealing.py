"""Secrets as they are kept: sealed with AES-256-GCM, so that a copy of the database signs nothing.

They must be readable, as each message is signed anew, so a hash will not do. The key is derived
from a secret of the process (HKDF-SHA256), and each seal is bound to its endpoint.
"""

from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12
_PURPOSE = b"maitred webhook secrets v1"


class SealBroken(Exception):
    """No key at hand opens it: the endpoint needs a new secret."""


class Seals:
    """Seals with the first of some secrets; opens what any of them sealed."""

    def __init__(self, secrets: Sequence[str], random: Callable[[int], bytes]) -> None:
        """ValueError without a secret: anybody could open what is sealed with none."""
        if not secrets or not all(secrets):
            raise ValueError("webhooks need a secret: set MAITRED_ORDERS_SEALING_KEY")
        self._ciphers = [AESGCM(_derived(secret)) for secret in secrets]
        self._random = random

    def seal(self, plain: bytes, owner: bytes) -> bytes:
        """What to keep of `plain`; only with the same `owner` is it opened again."""
        nonce = self._random(_NONCE_BYTES)
        return nonce + self._ciphers[0].encrypt(nonce, plain, owner)

    def open(self, sealed: bytes, owner: bytes) -> bytes:
        """What was sealed.

        Raises:
            SealBroken: with another secret, for another owner, or not by us.
        """
        nonce, text = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(nonce, text, owner)
            except (InvalidTag, ValueError):
                continue
        raise SealBroken


def _derived(secret: str) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret.encode())
