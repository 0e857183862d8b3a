"""Rows under a key of the site: a copied database file says nothing, and no row passes for another."""

from __future__ import annotations

from leadglass.ports import Entropy
from leadglass.seal.keys import unwrap, wrap


class RecordCipher:
    """Seals records with AES-256-GCM under one key, each for its table and id."""

    def __init__(self, key: bytes, *, entropy: Entropy) -> None:
        self._key = key
        self._entropy = entropy

    def seal(self, data: bytes, *, context: str) -> bytes:
        return wrap(data, kek=self._key, context=context.encode(), nonce=self._entropy.bytes(12))

    def unseal(self, data: bytes, *, context: str) -> bytes:
        return unwrap(data, kek=self._key, context=context.encode())
