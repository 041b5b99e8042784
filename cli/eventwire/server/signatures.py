"""Signatures of webhooks: those that come in are verified, those that go out are signed.

Every comparison takes constant time, with every secret there is: while one is being changed, the former one counts, too.
What was signed with a time is refused when that is too long ago, so that nobody can keep a request and
send it again; the id that comes with it lets a second sending be told from the first.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from eventwire.errors import CredentialError, EventwireError

if TYPE_CHECKING:
    from eventwire.project.model import Source

Headers = Mapping[str, str]
"""A request's headers, by their names in lower case."""

SHORTEST_KEY_BYTES = 24  # Standard Webhooks 1.0, "Signature scheme": 24 to 64 random bytes


class SignatureRefused(EventwireError):
    """A request that is not from where it says. `reason` is `missing`, `malformed`, `wrong` or `too-old`."""

    code = "signature-refused"

    def __init__(self, reason: str, message: str, next_step: str | None = None) -> None:
        super().__init__(message, next_step=next_step)
        self.reason = reason


class Verified(Struct, frozen=True):
    """A request that is from where it says."""

    id: str | None
    """What tells it from every other: the provider's id, or its signature where that is over its time, too."""
    timestamp: int | None
    """When it was signed, in seconds since 1970."""


def verify(source: Source, secrets: Mapping[str, str], headers: Headers, body: bytes, now: float) -> Verified:
    """Prove that a request is from where its source says. Raises SignatureRefused, and CredentialError where a secret
    cannot be one.
    """
    return SCHEMES[source.kind](source, secrets, headers, body, now)


def verify_stripe(source: Source, secrets: Mapping[str, str], headers: Headers, body: bytes, now: float) -> Verified:
    """`Stripe-Signature: t=…,v1=…`: HMAC-SHA256 of time, full stop and body (docs.stripe.com/webhooks/signature)."""
    parts = [part.strip().partition("=") for part in header(headers, "Stripe-Signature").split(",")]
    timestamp = read_time(next((value for name, _, value in parts if name == "t"), ""), "Stripe-Signature")
    signatures = [value for name, _, value in parts if name == "v1"]
    signed = f"{timestamp}.".encode() + body
    compare(signatures, (digest(each.encode(), signed).hex() for each in accepted(secrets)))
    check_age(source, timestamp, now)
    return Verified(f"{timestamp}:{signatures[0]}", timestamp)


def verify_github(source: Source, secrets: Mapping[str, str], headers: Headers, body: bytes, now: float) -> Verified:
    """`X-Hub-Signature-256: sha256=…`: HMAC-SHA256 of the body. GitHub signs no time."""
    given = without_prefix(header(headers, "X-Hub-Signature-256"), "sha256=", "X-Hub-Signature-256")
    compare([given], (digest(each.encode(), body).hex() for each in accepted(secrets)))
    return Verified(headers.get("x-github-delivery"), None)


def verify_slack(source: Source, secrets: Mapping[str, str], headers: Headers, body: bytes, now: float) -> Verified:
    """`X-Slack-Signature: v0=…`: HMAC-SHA256 of `v0:TIME:BODY` (api.slack.com/authentication)."""
    given = without_prefix(header(headers, "X-Slack-Signature"), "v0=", "X-Slack-Signature")
    timestamp = read_time(header(headers, "X-Slack-Request-Timestamp"), "X-Slack-Request-Timestamp")
    signed = f"v0:{timestamp}:".encode() + body
    compare([given], (digest(each.encode(), signed).hex() for each in accepted(secrets)))
    check_age(source, timestamp, now)
    return Verified(f"{timestamp}:{given}", timestamp)


def verify_shopify(source: Source, secrets: Mapping[str, str], headers: Headers, body: bytes, now: float) -> Verified:
    """`X-Shopify-Hmac-Sha256`: HMAC-SHA256 of the body in base 64. Shopify signs no time."""
    given = header(headers, "X-Shopify-Hmac-Sha256")
    compare([given], (in_base64(digest(each.encode(), body)) for each in accepted(secrets)))
    return Verified(headers.get("x-shopify-webhook-id"), None)


def verify_standard(source: Source, secrets: Mapping[str, str], headers: Headers, body: bytes, now: float) -> Verified:
    """`webhook-signature: v1,…`: HMAC-SHA256 of `ID.TIME.BODY` in base 64 (Standard Webhooks 1.0)."""
    id = header(headers, "webhook-id")
    timestamp = read_time(header(headers, "webhook-timestamp"), "webhook-timestamp")
    given = [part.removeprefix("v1,") for part in header(headers, "webhook-signature").split() if part[:3] == "v1,"]
    compare(given, (standard_signature(key, id, timestamp, body) for key in standard_keys(accepted(secrets))))
    check_age(source, timestamp, now)
    return Verified(id, timestamp)


def verify_hmac(source: Source, secrets: Mapping[str, str], headers: Headers, body: bytes, now: float) -> Verified:
    """A header with an HMAC of the body, or of time, full stop and body, as the source's settings say."""
    settings = source.settings
    name: str = settings["header"]
    given = without_prefix(header(headers, name), settings.get("prefix", ""), name)
    timestamp, signed = None, body
    if time_header := settings.get("timestamp-header"):
        timestamp = read_time(header(headers, time_header), time_header)
        signed = f"{timestamp}.".encode() + body
    digests = (digest(each.encode(), signed, settings["algorithm"]) for each in accepted(secrets))
    if settings["encoding"] == "base64":
        compare([given], map(in_base64, digests))
    else:
        given = given.lower()
        compare([given], (each.hex() for each in digests))
    if timestamp is not None:
        check_age(source, timestamp, now)
    signed_once = f"{timestamp}:{given}" if timestamp is not None else None
    return Verified(own_id(source, headers) or signed_once, timestamp)


def verify_token(source: Source, secrets: Mapping[str, str], headers: Headers, body: bytes, now: float) -> Verified:
    """A header with the token itself."""
    name: str = source.settings["header"]
    given = header(headers, name)
    if name.lower() == "authorization":
        scheme, _, given = given.partition(" ")
        if scheme.lower() != "bearer" or not given.strip():
            raise SignatureRefused("malformed", f"The header {name} does not begin with Bearer.")
    compare([given.strip()], accepted(secrets, "token"))
    return Verified(own_id(source, headers), None)


Scheme = Callable[["Source", Mapping[str, str], Headers, bytes, float], Verified]
SCHEMES: Mapping[str, Scheme] = {
    "stripe": verify_stripe,
    "github": verify_github,
    "slack": verify_slack,
    "shopify": verify_shopify,
    "standard-webhooks": verify_standard,
    "hmac": verify_hmac,
    "token": verify_token,
}


def sign(secrets: Sequence[str], id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that sign a webhook of ours, as Standard Webhooks says: one signature for each secret.
    Raises CredentialError.
    """
    signatures = [f"v1,{standard_signature(key, id, timestamp, body)}" for key in standard_keys(secrets)]
    return {"webhook-id": id, "webhook-timestamp": str(timestamp), "webhook-signature": " ".join(signatures)}


def make_secret() -> str:
    """A new secret for signing, `whsec_…`."""
    import os

    return f"whsec_{in_base64(os.urandom(32))}"


def standard_signature(key: bytes, id: str, timestamp: int, body: bytes) -> str:
    """A Standard Webhooks signature, without its version."""
    return in_base64(digest(key, f"{id}.{timestamp}.".encode() + body))


def standard_keys(secrets: Sequence[str]) -> list[bytes]:
    """The keys of Standard Webhooks' secrets: base 64, with or without `whsec_`. Raises CredentialError."""
    return [standard_key(each) for each in secrets]


def standard_key(secret: str) -> bytes:
    """The key of one secret. Raises CredentialError, without the secret."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < SHORTEST_KEY_BYTES:
        raise CredentialError(
            f"A secret of Standard Webhooks is {SHORTEST_KEY_BYTES} bytes or more in base 64, and this is none.",
            next_step="It looks like whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        )
    return key


def accepted(secrets: Mapping[str, str], name: str = "secret") -> list[str]:
    """The secrets that count: one, and the former one while it is being changed. Raises CredentialError."""
    found = [secrets[each] for each in (name, f"former-{name}") if secrets.get(each)]
    if not found:
        raise CredentialError(f'The source has no "{name}".', next_step="Give it with: eventwire add:source")
    return found


def compare(given: Sequence[str], expected: Iterable[str]) -> None:
    """Raise SignatureRefused where none of the signatures given is one of those expected. Every pair is compared."""
    if not given or not all(given):
        raise SignatureRefused("malformed", "The request has no signature of a kind that is known here.")
    equal = False
    for each in expected:
        for signature in given:
            equal |= hmac.compare_digest(each.encode(), signature.encode("utf-8", "replace"))
    if not equal:
        raise SignatureRefused(
            "wrong",
            "The signature is wrong.",
            "See that both sides have the same secret, and that nothing changes the body.",
        )


def check_age(source: Source, timestamp: int, now: float) -> None:
    """Raise SignatureRefused where a request was signed too long ago, or is from the future."""
    tolerance = source.settings["tolerance-seconds"]
    if abs(now - timestamp) > tolerance:
        when = "ago" if timestamp < now else "from now"
        raise SignatureRefused(
            "too-old",
            f"The request was signed {abs(now - timestamp):.0f} seconds {when}; {tolerance} is the most.",
            "See that both clocks are right, or raise the source's tolerance-seconds.",
        )


def read_time(text: str, name: str) -> int:
    """A time in seconds since 1970. Raises SignatureRefused."""
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise SignatureRefused("malformed", f"The time in {name} is no number of seconds.")
    return int(text)


def header(headers: Headers, name: str) -> str:
    """A header that has to be there. Raises SignatureRefused."""
    value = headers.get(name.lower(), "").strip()
    if not value:
        raise SignatureRefused("missing", f"The request has no header {name}.")
    return value


def without_prefix(text: str, prefix: str, name: str) -> str:
    """A header's value without what stands before the signature. Raises SignatureRefused."""
    if not text.startswith(prefix):
        raise SignatureRefused("malformed", f"The header {name} does not begin with {prefix}.")
    return text[len(prefix) :]


def own_id(source: Source, headers: Headers) -> str | None:
    """The id in the header that the source names."""
    return headers.get(str(source.settings.get("id-header", "")).lower()) or None


def digest(key: bytes, message: bytes, algorithm: str = "sha256") -> bytes:
    """An HMAC."""
    return hmac.digest(key, message, algorithm)


def in_base64(data: bytes) -> str:
    """Bytes in base 64."""
    return base64.b64encode(data).decode()
