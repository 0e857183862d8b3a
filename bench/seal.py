"""What sealing costs beside AES-256-GCM alone on the same bytes, profile by profile, and what each recipient adds.

Run ``python bench/seal.py [--megabytes N] [--rounds N]``. The contestants take turns, so that a slow minute of the machine
meets them all; times are of the processor, figures are medians, and a throughput ratio of 1 is that of AES-256-GCM alone.
Nothing is written to disk. Memory is the largest extra memory that Python held, over the length of the content.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
import tracemalloc
from collections.abc import Callable, Mapping
from random import Random

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from leadglass.seal.cms import authenvelope, envelope, open_authenveloped, open_with_key
from leadglass.seal.envelope import seal, unseal
from leadglass.seal.hpke import open_for, seal_for
from leadglass.seal.public import PrivateKey, new_person_key, read_private, write_private

PASSPHRASE = "bench"  # noqa: S105  of a key that is made here
KEK, KEK_ID, CEK, NONCE, IV = bytes(range(32)), bytes(16), bytes(range(32, 64)), bytes(12), bytes(16)
SMALL_ROUNDS = 50


def private(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> PrivateKey:
    return read_private(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


PERSON = new_person_key(seed=bytes(range(96)))
CURVE = private(ec.derive_private_key(7, ec.SECP256R1()))
RSA = private(rsa.generate_private_key(65537, 3072))


def cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def in_turns(contestants: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of the processor for each; the first round warms up."""
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, work in contestants.items():
            seconds = cpu(work)
            if number:
                taken[name].append(seconds)
    return {name: statistics.median(each) for name, each in taken.items()}


def peak(work: Callable[[], object]) -> int:
    """Bytes that Python held at most beyond what it held before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def cbc(plain: bytes) -> bytes:
    """The content without its padding, which costs nothing."""
    cipher = Cipher(AES(CEK), CBC(IV)).encryptor()
    return cipher.update(memoryview(plain)[: len(plain) // 16 * 16]) + cipher.finalize()


def cbc_opened(sealed: bytes) -> bytes:
    cipher = Cipher(AES(CEK), CBC(IV)).decryptor()
    return cipher.update(sealed) + cipher.finalize()


def contents(plain: bytes, rounds: int) -> None:
    site = {"kek": KEK, "kek_id": KEK_ID, "cek": CEK, "nonce": NONCE}
    person, both = [PERSON.public], [PERSON.public, CURVE.public]
    closing: dict[str, Callable[[], bytes]] = {
        "AES-256-GCM alone": lambda: AESGCM(CEK).encrypt(NONCE, plain, None),
        "at rest, in chunks": lambda: seal(plain, key=KEK, nonce=bytes(24), context=b"bench"),
        "shreddable": lambda: authenvelope(plain, **site),
        "portable, ML-KEM-768": lambda: authenvelope(plain, cek=CEK, nonce=NONCE, to=person),
        "portable, ECDH": lambda: authenvelope(plain, cek=CEK, nonce=NONCE, to=[CURVE.public]),
        "portable, both and the site": lambda: authenvelope(plain, **site, to=both),
        "AES-256-CBC alone": lambda: cbc(plain),
        "ps3.15, RSA-3072": lambda: envelope(plain, to=[RSA.public], cek=CEK, iv=IV),
    }
    made = {name: work() for name, work in closing.items()}
    opening: dict[str, Callable[[], bytes]] = {
        "AES-256-GCM alone": lambda: AESGCM(CEK).decrypt(NONCE, made["AES-256-GCM alone"], None),
        "at rest, in chunks": lambda: unseal(made["at rest, in chunks"], key=KEK, context=b"bench"),
        "shreddable": lambda: open_authenveloped(made["shreddable"], kek=KEK, kek_id=KEK_ID),
        "portable, ML-KEM-768": lambda: open_with_key(made["portable, ML-KEM-768"], PERSON),
        "portable, ECDH": lambda: open_with_key(made["portable, ECDH"], CURVE),
        "portable, both and the site": lambda: open_with_key(made["portable, both and the site"], CURVE),
        "AES-256-CBC alone": lambda: cbc_opened(made["AES-256-CBC alone"]),
        "ps3.15, RSA-3072": lambda: open_with_key(made["ps3.15, RSA-3072"], RSA),
    }
    sealed, opened = in_turns(closing, rounds), in_turns(opening, rounds)
    alone, alone_open = sealed["AES-256-GCM alone"], opened["AES-256-GCM alone"]
    print("| what | seal ms | ratio | memory | open ms | ratio | bytes added |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, work in closing.items():
        memory = peak(work) / len(plain)
        print(
            f"| {name} | {1000 * sealed[name]:.2f} | {alone / sealed[name]:.2f} | {memory:.1f} "
            f"| {1000 * opened[name]:.2f} | {alone_open / opened[name]:.2f} | {len(made[name]) - len(plain)} |"
        )


def recipients() -> None:
    """What one recipient costs by itself, on an empty content, and a record for one person."""
    kem = authenvelope(b"", cek=CEK, nonce=NONCE, to=[PERSON.public])
    agreed = authenvelope(b"", cek=CEK, nonce=NONCE, to=[CURVE.public])
    transported = envelope(b"", to=[RSA.public], cek=CEK, iv=IV)
    record = seal_for(bytes(32), to=PERSON.public, context=b"bench")
    written = write_private(PERSON, passphrase=PASSPHRASE, randomness=bytes(64))
    small = in_turns(
        {
            "seal for an ML-KEM-768 key": lambda: authenvelope(b"", cek=CEK, nonce=NONCE, to=[PERSON.public]),
            "open with it": lambda: open_with_key(kem, PERSON),
            "seal for an EC P-256 key": lambda: authenvelope(b"", cek=CEK, nonce=NONCE, to=[CURVE.public]),
            "open with it ": lambda: open_with_key(agreed, CURVE),
            "seal for an RSA-3072 key": lambda: envelope(b"", to=[RSA.public], cek=CEK, iv=IV),
            "open with it  ": lambda: open_with_key(transported, RSA),
            "record of 32 bytes for one person": lambda: seal_for(bytes(32), to=PERSON.public, context=b"bench"),
            "open it": lambda: open_for(record, key=PERSON, context=b"bench"),
        },
        SMALL_ROUNDS,
    )
    small |= in_turns({"unlock a person's key file": lambda: read_private(written, passphrase=PASSPHRASE)}, 3)
    print("\n| one recipient, one record | ms |\n| --- | ---: |")
    for name, seconds in small.items():
        print(f"| {name.rstrip()} | {1000 * seconds:.3f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=11)
    arguments = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, {arguments.megabytes} MB of content\n")
    contents(Random(6).randbytes(arguments.megabytes * 1_000_000), arguments.rounds)  # noqa: S311  incompressible content
    recipients()


if __name__ == "__main__":
    main()
