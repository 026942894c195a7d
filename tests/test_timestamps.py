"""Time stamps of a test authority (`openssl ts`): what is granted verifies here and with openssl, the rest does not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ledger import Refused
from ledger.checkpoint import Checkpoint, sign_checkpoint
from ledger.notes import signer_from_seed
from ledger.timestamps import request, verify
from tests.test_heads import refused

HEAD = sign_checkpoint(Checkpoint("example.org/log", 7, bytes(32)), signer_from_seed("example.org/log", b"s" * 32))
OTHER = sign_checkpoint(Checkpoint("example.org/log", 8, bytes(32)), signer_from_seed("example.org/log", b"s" * 32))
NOW = datetime.now(UTC)
COMMENT = x509.ObjectIdentifier("2.16.840.1.113730.1.13")

CONFIG = """
[ tsa ]
default_tsa = test
[ test ]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
certs = {folder}/chain.pem
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


def openssl(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    found = shutil.which("openssl")
    if found is None:
        pytest.fail("the openssl command is needed for the test authority: install the package openssl")
    return subprocess.run([found, *arguments], capture_output=True, timeout=20)


def issue(name: str, signer: Any, *, usage: Any = None, critical: bool = True, since: int = -1, days: int = 30) -> Any:
    """A key and its certificate, by `signer` (another such pair) or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer_key, issuer = (key, subject) if signer is None else (signer[0], signer[1].subject)
    start = NOW + timedelta(days=since)
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(start + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=usage is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(x509.KeyUsage(usage is not None, usage is not None, False, False, False, usage is None, usage is None, False, False), critical=True)
    )  # fmt: skip
    if usage is None:  # openssl does not sort a response's certificates as DER wants: the longer one comes second
        builder = builder.add_extension(x509.UnrecognizedExtension(COMMENT, b"\x16\x7f" + b"x" * 127), critical=False)
    else:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=critical)
    return key, builder.sign(issuer_key, hashes.SHA256())


def pem(*pairs: Any) -> bytes:
    return b"".join(pair[1].public_bytes(serialization.Encoding.PEM) for pair in pairs)


class Authority:
    """A root, an intermediate and a signer in a folder, answering requests with `openssl ts`."""

    def __init__(self, folder: Path, **signer: Any) -> None:
        folder.mkdir()
        self.folder = folder
        self.root = issue(f"root {folder.name}", None)
        self.middle = issue(f"middle {folder.name}", self.root)
        self.signer = issue(f"signer {folder.name}", self.middle, usage=ExtendedKeyUsageOID.TIME_STAMPING, **signer)
        (folder / "serial").write_text("01\n")
        (folder / "root.pem").write_bytes(pem(self.root))
        (folder / "chain.pem").write_bytes(pem(self.middle))
        (folder / "tsa.pem").write_bytes(pem(self.signer))
        (folder / "tsa.key").write_bytes(
            self.signer[0].private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        (folder / "ts.cnf").write_text(CONFIG.format(folder=folder))

    @property
    def roots(self) -> bytes:
        return (self.folder / "root.pem").read_bytes()

    def answer(self, query: bytes) -> bytes:
        (self.folder / "req.tsq").write_bytes(query)
        told = openssl("ts", "-reply", "-config", str(self.folder / "ts.cnf"), "-queryfile", str(self.folder / "req.tsq"),
                       "-out", str(self.folder / "resp.tsr"))  # fmt: skip
        assert told.returncode == 0, told.stderr.decode()
        return (self.folder / "resp.tsr").read_bytes()

    def agrees(self, response: bytes, checkpoint: bytes) -> bool:
        """Whether `openssl ts -verify` says so too."""
        (self.folder / "v.tsr").write_bytes(response)
        (self.folder / "v.data").write_bytes(checkpoint)
        return openssl("ts", "-verify", "-data", str(self.folder / "v.data"), "-in", str(self.folder / "v.tsr"),
                       "-CAfile", str(self.folder / "root.pem")).returncode == 0  # fmt: skip


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa") / "one")


@pytest.fixture(scope="module")
def response(authority: Authority) -> bytes:
    return authority.answer(request(HEAD))


def test_a_request_holds_the_sha256_of_the_checkpoint_and_is_always_the_same(tmp_path: Path) -> None:
    made = request(HEAD)
    assert made == request(HEAD) != request(OTHER)
    assert sha256(HEAD).digest() in made
    (tmp_path / "req.tsq").write_bytes(made)
    told = openssl("ts", "-query", "-in", str(tmp_path / "req.tsq"), "-text").stdout.decode()
    assert "Hash Algorithm: sha256" in told
    assert "Certificate required: yes" in told


def test_only_a_checkpoint_is_stamped() -> None:
    assert refused(lambda: request(b"anything\n")).code == "bad_note"


def test_a_stamp_verifies_here_and_with_openssl_and_tells_its_instant(authority: Authority, response: bytes) -> None:
    told = verify(response, HEAD, authority.roots)
    assert told.tzinfo is UTC
    assert NOW - timedelta(seconds=2) <= told <= datetime.now(UTC)
    assert authority.agrees(response, HEAD)


def test_a_stamp_over_other_bytes_is_refused_by_both(authority: Authority, response: bytes) -> None:
    assert refused(lambda: verify(response, OTHER, authority.roots)).code == "bad_proof"
    assert not authority.agrees(response, OTHER)


def test_a_stamp_of_an_authority_nobody_trusts_is_refused(tmp_path: Path, authority: Authority, response: bytes) -> None:
    other = Authority(tmp_path / "two")
    assert refused(lambda: verify(response, HEAD, other.roots)).code == "bad_proof"
    assert not other.agrees(response, HEAD)
    both = other.roots + authority.roots
    assert verify(response, HEAD, both) == verify(response, HEAD, both + pem(authority.middle) + authority.roots)


def test_an_intermediate_alone_is_no_root(authority: Authority, response: bytes) -> None:
    assert refused(lambda: verify(response, HEAD, pem(authority.middle))).code == "bad_policy"
    stranger = pem(issue("a root of somebody else", None))
    assert refused(lambda: verify(response, HEAD, stranger + pem(authority.middle))).code == "bad_proof"


def test_a_signer_whose_certificate_was_not_valid_then_is_refused(tmp_path: Path) -> None:
    for name, since, days in (("past", -20, 10), ("future", 10, 10)):
        late = Authority(tmp_path / name, since=since, days=days)
        stamped = late.answer(request(HEAD))
        assert refused(lambda late=late, stamped=stamped: verify(stamped, HEAD, late.roots)).code == "bad_proof"
        assert not late.agrees(stamped, HEAD)


def test_a_stamp_over_another_hash_is_refused(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "head").write_bytes(HEAD)
    query = openssl("ts", "-query", "-data", str(tmp_path / "head"), "-sha512", "-cert", "-no_nonce").stdout
    stamped = authority.answer(query)
    assert "SHA-256" in refused(lambda: verify(stamped, HEAD, authority.roots)).message


def test_a_stamp_that_was_not_granted_is_refused(authority: Authority) -> None:
    (authority.folder / "req.tsq").write_bytes(request(HEAD).replace(b"\x02\x01\x01", b"\x02\x01\x02", 1))  # version 2
    openssl("ts", "-reply", "-config", str(authority.folder / "ts.cnf"), "-queryfile", str(authority.folder / "req.tsq"),
            "-out", str(authority.folder / "no.tsr"))  # fmt: skip
    no = refused(lambda: verify((authority.folder / "no.tsr").read_bytes(), HEAD, authority.roots))
    assert (no.code, "status 2" in no.message) == ("bad_proof", True)


def code_of(call: Any, told: Any, *given: Any) -> str | None:
    """The refusal's code; nothing where it is `told` as before."""
    try:
        assert call(*given) == told
    except Refused as no:
        return no.code
    return None


def test_no_changed_byte_of_a_response_tells_another_instant(authority: Authority, response: bytes) -> None:
    """A byte outside what is signed (an unused certificate field, say) may change; what is told may not."""
    told = verify(response, HEAD, authority.roots)
    refusals = 0
    for at in range(len(response)):
        for change in (0x01, 0x80):
            changed = response[:at] + bytes([response[at] ^ change]) + response[at + 1 :]
            if (code := code_of(verify, told, changed, HEAD, authority.roots)) is not None:
                assert code == "bad_proof"
                refusals += 1
    assert refusals > len(response) * 1.5


@pytest.mark.parametrize("change", [lambda r: b"", lambda r: b"\x30", lambda r: r[:-1], lambda r: r + b"\0", lambda r: r + r,
                                    lambda r: b"text", lambda r: b"\x30\x03\x02\x01\x00", lambda r: bytes((1 << 20) + 1)])  # fmt: skip
def test_what_is_no_response_is_refused(authority: Authority, response: bytes, change: Any) -> None:
    assert refused(lambda: verify(change(response), HEAD, authority.roots)).code == "bad_proof"


@pytest.mark.parametrize("roots", [b"", b"text", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_roots_that_cannot_be_read_are_refused(response: bytes, roots: bytes) -> None:
    assert refused(lambda: verify(response, HEAD, roots)).code == "bad_policy"


def test_without_the_extra_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    assert refused(lambda: request(HEAD)).code == "missing_extra"
    assert refused(lambda: verify(b"", HEAD, b"")).code == "missing_extra"
