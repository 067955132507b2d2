"""What an access token and a refresh token vouch for, and the forgeries that they withstand."""

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import jwt
import pytest

from supportix.identity.errors import TokenExpired, TokenInvalid
from supportix.identity.names import MAX_NAME_LENGTH
from supportix.identity.roles import PERMISSIONS, Permission, Role
from supportix.identity.tokens import ACCESS_LIFETIME, MAX_TOKEN_LENGTH, REFRESH_LIFETIME, Principal, TokenSigner

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECRET = b"0123456789abcdef0123456789abcdef"
ISSUER = "https://support.example"
AUDIENCE = "supportix-api"
ACCOUNT, SESSION, TOKEN = UUID(int=1), UUID(int=2), UUID(int=3)


@pytest.fixture
def signer():
    return TokenSigner(SECRET, ISSUER, AUDIENCE)


def access(signer, **changes):
    claims = {
        "token_id": TOKEN,
        "account_id": ACCOUNT,
        "role": Role.AGENT,
        "name": "Ann",
        "session_id": SESSION,
        "now": NOW,
        "expires_at": NOW + ACCESS_LIFETIME,
    }
    return signer.access(**{**claims, **changes})


def refresh(signer, **changes):
    claims = {
        "token_id": TOKEN,
        "account_id": ACCOUNT,
        "session_id": SESSION,
        "now": NOW,
        "expires_at": NOW + REFRESH_LIFETIME,
    }
    return signer.refresh(**{**claims, **changes})


def part(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})


def signed(header, claims, *, secret=SECRET, digest=hashlib.sha256):
    """A token signed by hand, so that it can be one that no library would write."""
    body = f"{part(json.dumps(header).encode())}.{part(json.dumps(claims).encode())}"
    return f"{body}.{part(hmac.new(secret, body.encode(), digest).digest())}"


def good_header():
    return {"alg": "HS256", "typ": "at+jwt"}


def test_an_access_token_names_the_principal(signer):
    assert signer.verify_access(access(signer), NOW) == Principal(
        account_id=ACCOUNT,
        role=Role.AGENT,
        name="Ann",
        session_id=SESSION,
        expires_at=int((NOW + ACCESS_LIFETIME).timestamp()),
    )


def test_the_forger_of_these_tests_can_also_write_a_good_token(signer):
    assert signer.verify_access(signed(good_header(), claims_of(access(signer))), NOW).account_id == ACCOUNT


def test_a_refresh_token_names_its_session(signer):
    token = signer.verify_refresh(refresh(signer), NOW)
    assert (token.id, token.account_id, token.session_id) == (TOKEN, ACCOUNT, SESSION)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "typ": "at+jwt"},
        {"alg": "None", "typ": "at+jwt"},
        {"alg": "HS512", "typ": "at+jwt"},
        {"alg": "RS256", "typ": "at+jwt"},
        {"alg": "HS256"},
        {"alg": "HS256", "typ": "JWT"},
        {"alg": "HS256", "typ": "rt+jwt"},
        {"alg": "HS256", "typ": "at+jwt", "crit": ["exp"], "exp": True},
        {"alg": "HS256", "typ": "at+jwt", "crit": ["b64"], "b64": True},
        {"alg": "HS256", "typ": "at+jwt", "kid": "../../dev/null"},
        {"alg": "HS256", "typ": "at+jwt", "jku": "https://attacker.example/keys"},
        {"alg": "HS256", "typ": ["at+jwt"]},
        ["HS256"],
    ],
)
def test_a_foreign_header_is_refused_even_with_a_good_signature(signer, header):
    with pytest.raises(TokenInvalid):
        signer.verify_access(signed(header, claims_of(access(signer))), NOW)


def test_an_unsigned_token_is_refused(signer):
    header, claims, _ = access(signer).split(".")
    unsigned = part(json.dumps({"alg": "none", "typ": "at+jwt"}).encode())
    for token in (f"{unsigned}.{claims}.", f"{unsigned}.{claims}", f"{header}.{claims}."):
        with pytest.raises(TokenInvalid):
            signer.verify_access(token, NOW)


def test_a_signature_by_another_algorithm_is_refused(signer):
    token = signed({"alg": "HS512", "typ": "at+jwt"}, claims_of(access(signer)), digest=hashlib.sha512)
    with pytest.raises(TokenInvalid):
        signer.verify_access(token, NOW)


def test_a_refresh_token_is_no_access_token_and_the_other_way_round(signer):
    with pytest.raises(TokenInvalid):
        signer.verify_access(refresh(signer), NOW)
    with pytest.raises(TokenInvalid):
        signer.verify_refresh(access(signer), NOW)


@pytest.mark.parametrize("other", [(ISSUER, "another-api"), ("https://another.example", AUDIENCE)])
def test_a_token_for_another_audience_or_by_another_issuer_is_refused(signer, other):
    with pytest.raises(TokenInvalid):
        signer.verify_access(access(TokenSigner(SECRET, *other)), NOW)


def test_a_token_by_another_secret_is_refused(signer):
    with pytest.raises(TokenInvalid):
        signer.verify_access(access(TokenSigner(SECRET[::-1], ISSUER, AUDIENCE)), NOW)


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "sid", "jti", "iat", "exp", "role", "name"])
def test_every_claim_is_required(signer, claim):
    claims = claims_of(access(signer))
    del claims[claim]
    with pytest.raises(TokenInvalid):
        signer.verify_access(signed(good_header(), claims), NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"aud": [AUDIENCE]},
        {"aud": [AUDIENCE, "another-api"]},
        {"role": "owner"},
        {"sub": "1"},
        {"sub": None},
        {"exp": "never"},
        {"exp": True},
        {"exp": 10**400},
        {"exp": int((NOW + timedelta(days=365)).timestamp())},
        {"iat": None},
        {"name": ["Ann"]},
        {"must_change_password": "no"},
    ],
)
def test_a_claim_of_another_shape_is_refused(signer, change):
    with pytest.raises(TokenInvalid):
        signer.verify_access(signed(good_header(), claims_of(access(signer)) | change), NOW)


def test_a_tampered_claim_is_refused(signer):
    header, _, signature = access(signer).split(".")
    claims = part(json.dumps(claims_of(access(signer)) | {"role": "admin"}).encode())
    with pytest.raises(TokenInvalid):
        signer.verify_access(f"{header}.{claims}.{signature}", NOW)


def test_a_tampered_token_is_refused_wherever_it_was_tampered_with(signer):
    token = access(signer)
    signer.verify_access(token, NOW)
    # The last character holds two bits that no decoder reads.
    for position in range(len(token) - 1):
        other = "A" if token[position] != "A" else "B"
        with pytest.raises(TokenInvalid):
            signer.verify_access(token[:position] + other + token[position + 1 :], NOW)


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "\x00",
        "ü.ü.ü",
        "\ud800",
        "Bearer x",
        "[]" * 50,
        "a" * MAX_TOKEN_LENGTH,
        "a" * 10_000_000,
    ],
    ids=lambda token: ascii(token[:10]),
)
def test_no_input_raises_anything_but_a_refusal(signer, token):
    for verify in (signer.verify_access, signer.verify_refresh):
        with pytest.raises(TokenInvalid):
            verify(token, NOW)


def test_a_signed_token_that_is_too_long_is_refused(signer):
    with pytest.raises(TokenInvalid):
        signer.verify_access(access(signer, name="x" * MAX_TOKEN_LENGTH), NOW)


def test_one_token_has_one_spelling(signer):
    token = access(signer)
    for other in (token + "\n", token + "=", token[:-10] + "!" + token[-10:], " " + token):
        with pytest.raises(TokenInvalid):
            signer.verify_access(other, NOW)


def test_the_longest_name_still_fits_into_a_token(signer):
    name = "\N{OLD PERSIAN SIGN A}" * MAX_NAME_LENGTH
    assert signer.verify_access(access(signer, name=name), NOW).name == name


def test_a_token_expires_also_when_it_was_seen_before(signer):
    token = access(signer)
    signer.verify_access(token, NOW + ACCESS_LIFETIME - timedelta(seconds=1))
    with pytest.raises(TokenExpired):
        signer.verify_access(token, NOW + ACCESS_LIFETIME)
    with pytest.raises(TokenExpired):
        signer.verify_refresh(refresh(signer), NOW + REFRESH_LIFETIME)


def test_no_token_outlives_its_kind_or_its_session(signer):
    with pytest.raises(TokenExpired):
        signer.verify_access(access(signer, expires_at=NOW + timedelta(days=9)), NOW + ACCESS_LIFETIME)
    with pytest.raises(TokenExpired):
        signer.verify_access(access(signer, expires_at=NOW + timedelta(minutes=1)), NOW + timedelta(minutes=1))


def test_a_clock_that_was_set_back_does_not_refuse_a_token(signer):
    assert signer.verify_access(access(signer), NOW - timedelta(minutes=10)).account_id == ACCOUNT


def test_the_clock_of_the_machine_is_never_read(signer):
    for year in (1990, 2190):
        now = NOW.replace(year=year)
        assert signer.verify_access(access(signer, now=now, expires_at=now + ACCESS_LIFETIME), now).name == "Ann"


def test_the_memory_of_seen_tokens_is_bounded():
    signer = TokenSigner(SECRET, ISSUER, AUDIENCE, cached_tokens=3)
    for _ in range(10):
        signer.verify_access(access(signer, token_id=uuid4()), NOW)
    assert signer._principal.cache_info().currsize == 3


def test_refused_tokens_take_no_place_in_the_memory(signer):
    with pytest.raises(TokenInvalid):
        signer.verify_access(refresh(signer), NOW)
    assert signer._principal.cache_info().currsize == 0


def test_a_token_that_was_seen_before_is_cheap(signer):
    token = access(signer)
    signer.verify_access(token, NOW)
    began = time.process_time()
    for _ in range(10_000):
        signer.verify_access(token, NOW)
    assert (time.process_time() - began) / 10_000 < 50e-6


def test_a_short_secret_is_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        TokenSigner(SECRET[:31], ISSUER, AUDIENCE)


def test_every_role_has_permissions_and_no_permission_is_without_a_role():
    assert set(PERMISSIONS) == set(Role)
    assert frozenset().union(*PERMISSIONS.values()) == set(Permission)


def test_a_one_time_password_allows_nothing_until_it_is_changed(signer):
    principal = signer.verify_access(access(signer, role=Role.ADMIN), NOW)
    beginner = signer.verify_access(access(signer, role=Role.ADMIN, must_change_password=True), NOW)
    assert principal.may(Permission.ACCOUNTS_MANAGE)
    assert not any(beginner.may(permission) for permission in Permission)
    assert not principal.may(Permission.TICKETS_READ_OWN)
