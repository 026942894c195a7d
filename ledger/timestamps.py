"""Time stamps over heads: that a signed checkpoint existed by an instant an authority tells (RFC 3161).

The request holds the SHA-256 of the checkpoint's exact bytes, signatures included; nothing else leaves the
house, and no network is used here: the request and the authority's response are files. A response counts when
its token is over those bytes and its signer's chain leads to roots the verifier owns. Needs the extra
`service-ledger[timestamps]` (`Refused("missing_extra")`); what does not hold is `Refused("bad_proof")`. The
client reads DER strictly: a response whose certificates stand in another order than DER's is refused too.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from ledger.checkpoint import parse_checkpoint
from ledger.errors import Refused

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

MAX_RESPONSE_BYTES = 1 << 20
MAX_ROOTS_BYTES = 1 << 20
SHA256_OID = "2.16.840.1.101.3.4.2.1"


def request(checkpoint: bytes) -> bytes:
    """The DER bytes to send to an authority; the same for the same checkpoint.

    No nonce: the token is bound to the bytes themselves, and an older token over them is as good.
    """
    client = _client()
    parse_checkpoint(checkpoint)
    builder = client.TimestampRequestBuilder().data(checkpoint).hash_algorithm(client.HashAlgorithm.SHA256)
    made: bytes = builder.nonce(nonce=False).cert_request(cert_request=True).build().as_bytes()
    return made


def verify(response: bytes, checkpoint: bytes, roots: bytes) -> datetime:
    """When the authority saw the checkpoint, in UTC.

    `response` is the authority's DER file, `roots` PEM certificates; those not signed by themselves only help
    to build the chain. The chain must have been valid at the instant the token tells.
    """
    client = _client()
    parse_checkpoint(checkpoint)
    parsed = _parse(client, response)
    imprint = parsed.tst_info.message_imprint
    if imprint.hash_algorithm.dotted_string != SHA256_OID:
        raise Refused("bad_proof", "a time stamp over another hash than SHA-256")
    if imprint.message != sha256(checkpoint).digest():
        raise Refused("bad_proof", "the time stamp is over other bytes than this checkpoint")
    builder = client.VerifierBuilder()
    for certificate in _certificates(roots):
        own = certificate.issuer == certificate.subject
        add = builder.add_root_certificate if own else builder.add_intermediate_certificate
        builder = add(certificate)
    try:
        builder.build().verify(parsed, imprint.message)
    except (client.VerificationError, ValueError) as error:
        raise Refused("bad_proof", f"the time stamp does not verify: {_line(error)}") from None
    told: datetime = parsed.tst_info.gen_time
    return told.astimezone(UTC)


def _parse(client: Any, response: bytes) -> Any:
    """The response, refused unless it is DER and nothing else, and a stamp was granted."""
    if len(response) > MAX_RESPONSE_BYTES:
        raise Refused("bad_proof", f"a time stamp response over {MAX_RESPONSE_BYTES} bytes")
    try:
        parsed = client.decode_timestamp_response(response)
        status = parsed.status
        if status == client.PKIStatus.GRANTED:
            parsed.tst_info.message_imprint.hash_algorithm.dotted_string  # noqa: B018 - reads the token
    except (ValueError, TypeError) as error:
        raise Refused("bad_proof", f"not an RFC 3161 response: {_line(error)}") from None
    if status != client.PKIStatus.GRANTED:
        raise Refused("bad_proof", f"the authority gave no stamp (status {status})")
    return parsed


def _certificates(roots: bytes) -> list[Certificate]:
    """The certificates a verifier trusts, each once. Raises `Refused("bad_policy")`."""
    from cryptography.x509 import load_pem_x509_certificates

    try:
        if len(roots) > MAX_ROOTS_BYTES:
            raise ValueError(f"over {MAX_ROOTS_BYTES} bytes")
        found = list(dict.fromkeys(load_pem_x509_certificates(roots)))
    except ValueError as error:
        raise Refused("bad_policy", f"no PEM certificates: {_line(error)}") from None
    if not any(certificate.issuer == certificate.subject for certificate in found):
        raise Refused("bad_policy", "no root among the certificates: none is signed by itself")
    return found


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _client() -> Any:
    try:
        import rfc3161_client
    except ImportError:
        raise Refused(
            "missing_extra", "time stamps need the extra `service-ledger[timestamps]` (rfc3161-client)"
        ) from None
    return rfc3161_client
