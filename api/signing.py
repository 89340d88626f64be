"""Sign reports with Ed25519 as JSON Web Signatures (RFC 7515, RFC 8037), and verify them offline."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt import PyJWK, PyJWS
from jwt.algorithms import OKPAlgorithm
from jwt.exceptions import InvalidKeyError, PyJWTError

MEDIA_TYPE = "application/jose"
_ALGORITHM = "EdDSA"


class UnverifiedError(Exception):
    """An invalid signature. The message has the reason."""


@dataclass(frozen=True, slots=True)
class VerifiedReport:
    """The JSON of a report whose signature is valid, and the claims in its header."""

    document: bytes
    key_id: str
    claims: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key. seed: its 32 bytes."""

    seed: bytes

    def sign(self, document: bytes, claims: Mapping[str, str]) -> bytes:
        """Return a document as a JWS in compact form. The claims are in its protected header."""
        key = Ed25519PrivateKey.from_private_bytes(self.seed)
        headers = {"kid": _key_id(key.public_key()), "cty": "application/json", **claims}
        return PyJWS().encode(document, key, _ALGORITHM, headers).encode()

    def key_set(self) -> dict[str, Any]:
        """Return the public key as a JSON Web Key Set."""
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key()
        key = json.loads(OKPAlgorithm.to_jwk(public))
        return {"keys": [{**key, "kid": _key_id(public), "alg": _ALGORITHM, "use": "sig"}]}


def verify_signature(signed: bytes, key_set: Any) -> VerifiedReport:
    """Return a signed report if a key of the set has signed it, else raise UnverifiedError."""
    jws = PyJWS(algorithms=[_ALGORITHM])
    try:
        header = jws.get_unverified_header(signed.strip())
        keys = [key for key in key_set["keys"] if key.get("kid") == header.get("kid")]
        if not keys:
            raise UnverifiedError("the key set does not hold the key that signed it")
        key = PyJWK(keys[0], _ALGORITHM)
        document: bytes = jws.decode(signed.strip(), key, algorithms=[_ALGORITHM])
    except (PyJWTError, InvalidKeyError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise UnverifiedError(f"the signature does not hold: {error}") from None
    claims = {name: str(value) for name, value in header.items() if name not in ("alg", "typ", "kid", "cty")}
    return VerifiedReport(document, header["kid"], claims)


def _key_id(public: Ed25519PublicKey) -> str:
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return urlsafe_b64encode(sha256(raw).digest()[:12]).decode().rstrip("=")
