"""Signatures: what the providers' own documentation gives as examples, and everything that must not pass."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook

from eventwire.errors import CredentialError
from eventwire.project.model import Source
from eventwire.project.sources import KINDS, with_defaults
from eventwire.server import signatures
from eventwire.server.signatures import SignatureRefused, make_secret, sign, verify

STRIPE_SIGNATURE = "346863eee6aec92768c891f983c8fdeb76201d006b96e7ab865da65809e71553"  # by openssl dgst
SHOPIFY_SIGNATURE = "yBXPPk0pbcJN1f+VtbL+wJpoTvhZRgwDd/FldgcVq78="  # by openssl dgst
SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
    b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
    b"%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a1"
    b"4d10d2c447fce8b6703c"
)
JEFE = b"what do ya want for nothing?"  # RFC 4231 and RFC 2202, test case 2
STANDARD = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

# kind, settings, secret, headers, body, the time of the request
GENUINE = {
    "stripe": ("stripe", {}, "whsec_test", {"stripe-signature": f"t=1700000000,v1={STRIPE_SIGNATURE},v0=abc"}, b'{"id": "evt_1", "type": "charge.succeeded"}', 1700000000),
    # docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
    "github": (
        "github",
        {},
        "It's a Secret to Everybody",
        {"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
        b"Hello, World!",
        None,
    ),
    # api.slack.com/authentication/verifying-requests-from-slack
    "slack": ("slack", {}, "8f742231b10e8888abcd99yyyzzz85a5", {"x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503", "x-slack-request-timestamp": "1531420618"}, SLACK_BODY, 1531420618),
    "shopify": ("shopify", {}, "shpss_test", {"x-shopify-hmac-sha256": SHOPIFY_SIGNATURE, "x-shopify-webhook-id": "w1"}, b'{"id": 1}', None),
    # github.com/standard-webhooks/standard-webhooks, the libraries' tests
    "standard": ("standard-webhooks", {}, STANDARD_SECRET, STANDARD, b'{"test": 2432232314}', 1614265330),
    "hmac sha256": ("hmac", {"header": "X-Sig"}, "Jefe", {"x-sig": "5BDCC146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"}, JEFE, None),
    "hmac sha512": ("hmac", {"header": "X-Sig", "algorithm": "sha512", "prefix": "s="}, "Jefe", {"x-sig": "s=164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"}, JEFE, None),
    "hmac sha1": ("hmac", {"header": "X-Sig", "algorithm": "sha1", "encoding": "base64"}, "Jefe", {"x-sig": "7/zfauXrL6LSdBbV8YTfnCWafHk="}, JEFE, None),
    "token": ("token", {"header": "Authorization"}, "s3cret", {"authorization": "Bearer s3cret"}, b"{}", None),
    "token in a header": ("token", {"header": "X-Gitlab-Token"}, "s3cret", {"x-gitlab-token": "s3cret"}, b"{}", None),
}  # fmt: skip


def source_of(kind, settings):
    return Source("hook", kind, "x", "test", None, None, None, with_defaults(KINDS[kind], settings))


def check(name, *, secret=None, former=None, headers=None, body=None, now=None, settings=None):
    kind, own_settings, own_secret, own_headers, own_body, at = GENUINE[name]
    field = "token" if kind == "token" else "secret"
    return verify(
        source_of(kind, own_settings | (settings or {})),
        {field: own_secret if secret is None else secret} | ({f"former-{field}": former} if former else {}),
        own_headers if headers is None else headers,
        own_body if body is None else body,
        now if now is not None else (at or 0),
    )


def refused(name, **changes):
    with pytest.raises(SignatureRefused) as raised:
        check(name, **changes)
    return raised.value.reason


@pytest.mark.parametrize("name", GENUINE)
def test_what_is_genuine_passes(name):
    assert check(name).timestamp == GENUINE[name][5]


def test_githubs_own_example():
    source = source_of("github", {})
    given = GENUINE["github"][3]["x-hub-signature-256"].removeprefix("sha256=")
    headers = {"x-hub-signature-256": f"sha256={given}", "x-github-delivery": "72d3162e"}
    secret = "It's a Secret to Everybody"
    assert verify(source, {"secret": secret}, headers, b"Hello, World!", 0).id == "72d3162e"
    for wrong in (f"sha256={given[::-1]}", f"sha1={given}", given, "sha256=", ""):
        with pytest.raises(SignatureRefused):
            verify(source, {"secret": secret}, {"x-hub-signature-256": wrong}, b"Hello, World!", 0)


@pytest.mark.parametrize("name", GENUINE)
def test_another_secret_or_another_body_is_refused(name):
    other = make_secret() if name == "standard" else "another"
    assert refused(name, secret=other) == "wrong"
    if not name.startswith("token"):
        body = GENUINE[name][4]
        for changed in (body + b" ", body[:-1], body.replace(b"1", b"2") if b"1" in body else b"x"):
            assert refused(name, body=changed) == "wrong"


@pytest.mark.parametrize("name", GENUINE)
def test_without_its_headers_it_is_refused(name):
    headers = GENUINE[name][3]
    signed = [each for each in headers if each != "x-shopify-webhook-id"]
    for missing in signed:
        left = {key: value for key, value in headers.items() if key != missing}
        assert refused(name, headers=left) == "missing"
        assert refused(name, headers={**headers, missing: "  "}) == "missing"
        assert refused(name, headers={**headers, missing: "nonsense \u20ac"}) in ("malformed", "wrong")


@pytest.mark.parametrize("name", GENUINE)
def test_two_secrets_count_while_one_is_changed(name):
    secret = GENUINE[name][2]
    other = make_secret() if name == "standard" else "another"
    check(name, former=other)
    check(name, secret=other, former=secret)
    assert refused(name, secret=other, former=other) == "wrong"
    with pytest.raises(CredentialError):
        check(name, secret="")


@pytest.mark.parametrize("name", ["stripe", "slack", "standard"])
def test_what_was_signed_too_long_ago_or_in_the_future_is_refused(name):
    at = GENUINE[name][5]
    for seconds in (-300, 300):
        check(name, now=at + seconds)
    for seconds in (-301, 301):
        assert refused(name, now=at + seconds) == "too-old"
    check(name, now=at + 301, settings={"tolerance-seconds": 600})


@pytest.mark.parametrize("name", ["stripe", "slack", "standard"])
def test_a_time_that_was_changed_is_a_wrong_signature(name):
    headers = dict(GENUINE[name][3])
    at = GENUINE[name][5]
    later = {key: value.replace(str(at), str(at + 1)) for key, value in headers.items()}
    assert refused(name, headers=later, now=at + 1) == "wrong"
    for odd in ("-1", "1e9", "\u0661", "9" * 20):
        odd_headers = {key: value.replace(str(at), odd) for key, value in headers.items()}
        assert refused(name, headers=odd_headers) in ("malformed", "missing")


def test_an_hmac_over_the_time_protects_it():
    settings = {"header": "X-Sig", "timestamp-header": "X-Time", "id-header": "X-Id"}
    source = source_of("hmac", settings)
    given = signatures.digest(b"k", b"1000." + b"{}").hex()
    headers = {"x-sig": given, "x-time": "1000", "x-id": "a1"}
    assert verify(source, {"secret": "k"}, headers, b"{}", 1000).id == "a1"
    without_id = verify(source, {"secret": "k"}, {"x-sig": given, "x-time": "1000"}, b"{}", 1000)
    assert without_id.id == f"1000:{given}"
    for changed, now in (({**headers, "x-time": "1001"}, 1001), (headers, 1301)):
        with pytest.raises(SignatureRefused):
            verify(source, {"secret": "k"}, changed, b"{}", now)


def test_every_signature_is_compared_with_every_secret_in_constant_time(monkeypatch):
    compared = []
    compare = signatures.hmac.compare_digest
    monkeypatch.setattr(signatures.hmac, "compare_digest", lambda *both: compared.append(both) or compare(*both))
    headers = {"stripe-signature": f"t=1700000000,v1={STRIPE_SIGNATURE},v1={'0' * 64}"}
    check("stripe", secret="whsec_test", former="another", headers=headers)
    assert len(compared) == 4


def test_what_is_signed_here_the_standards_own_library_verifies():
    old, new = make_secret(), make_secret()
    now = int(datetime.now(UTC).timestamp())
    headers = sign([new, old], "msg_1", now, b'{"a": 1}')
    for secret in (old, new):
        assert Webhook(secret).verify(b'{"a": 1}', headers) == {"a": 1}
    assert headers["webhook-signature"].count("v1,") == 2


def test_what_the_standards_own_library_signs_passes_here():
    secret = make_secret()
    at = datetime.fromtimestamp(1700000000, UTC)
    given = Webhook(secret).sign("msg_1", at, '{"a": 1}')
    headers = {"webhook-id": "msg_1", "webhook-timestamp": "1700000000", "webhook-signature": f"v1a,xyz {given}"}
    verified = verify(source_of("standard-webhooks", {}), {"secret": secret}, headers, b'{"a": 1}', 1700000000)
    assert (verified.id, verified.timestamp) == ("msg_1", 1700000000)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_short", "not base 64 at all", "whsec_é", "c2hvcnQ="])
def test_a_secret_that_can_be_none_says_so_without_showing_it(secret):
    with pytest.raises(CredentialError) as raised:
        sign([secret], "msg_1", 0, b"")
    assert raised.value.next_step and "short" not in str(raised.value)


def test_every_kind_of_webhook_is_verified_somehow():
    assert set(signatures.SCHEMES) == {kind.name for kind in KINDS.values() if kind.is_webhook}
