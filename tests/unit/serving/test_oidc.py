"""Tokens of a made issuer on loopback: which are accepted, what is refused and how, and how often keys are fetched."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from oidc_issuer import AUDIENCE, Issuer, oidc_issuer
from posemill.errors import InputError
from posemill.serving.context import CLIENT
from posemill.serving.middleware import oidc
from posemill.serving.middleware.guard import GuardMiddleware
from posemill.serving.middleware.limits import Limits
from posemill.serving.middleware.oidc import OidcSettings, OidcVerifier, TokenHolder, looks_like_token

pytest.importorskip("jwt")


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with oidc_issuer() as running:
        yield running


def verifier(issuer: Issuer, **other: Any) -> OidcVerifier:
    return OidcVerifier(OidcSettings(issuer.url, AUDIENCE, **other))


def verify(checks: OidcVerifier, token: str | bytes) -> TokenHolder:
    return asyncio.run(checks.verify(token if isinstance(token, bytes) else token.encode()))


def refused(checks: OidcVerifier, token: str | bytes) -> tuple[int, str]:
    with pytest.raises(HTTPException) as caught:
        verify(checks, token)
    return caught.value.status_code, caught.value.detail


def test_a_good_token_names_its_holder(issuer: Issuer) -> None:
    issuer.add_key("second", "EC")
    checks = verifier(issuer)
    assert verify(checks, issuer.token()) == TokenHolder("a-17", ("annotator",))
    assert verify(checks, issuer.token("second", roles="admin", aud=["other", AUDIENCE])).roles == ("admin",)
    assert verify(checks, issuer.token(roles=["operator", "annotator", "cook", 7])).roles == ("annotator", "operator")
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


def test_roles_by_name_and_place(issuer: Issuer) -> None:
    checks = verifier(issuer, claim="realm_access.roles", names={"gym-admins": "admin"})
    token = issuer.token(realm_access={"roles": ["gym-admins", "annotator"]}, roles=["operator"])
    assert verify(checks, token).roles == ("admin",)
    assert refused(checks, issuer.token(roles=["admin"])) == (
        403,
        "the token has no role of this service in realm_access.roles: ask whoever runs it for one",
    )


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ({"exp": 1000}, "has expired"),
        ({"exp": None}, "has no exp"),
        ({"sub": None}, "has no sub"),
        ({"aud": "another"}, "another audience than posemill"),
        ({"aud": None}, "has no aud"),
        ({"iss": "https://another"}, "another issuer than http://127.0.0.1"),
        ({"nbf": time.time() + 3600}, "signature is wrong, or it is damaged"),
    ],
)
def test_a_token_that_is_not_for_here_is_refused(issuer: Issuer, claims: dict[str, Any], sentence: str) -> None:
    status, told = refused(verifier(issuer), issuer.token(**claims))
    assert status == 401
    assert sentence in told


def test_forged_tokens_are_refused(issuer: Issuer) -> None:
    import jwt
    from cryptography.hazmat.primitives.asymmetric import rsa

    checks = verifier(issuer)
    other = rsa.generate_private_key(65537, 2048)
    assert "signature is wrong" in refused(checks, issuer.token(key=other))[1]  # another's key under a known name
    head, body, signature = issuer.token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    changed = base64.urlsafe_b64encode(json.dumps(claims | {"roles": ["admin"]}).encode()).decode().rstrip("=")
    assert "signature is wrong" in refused(checks, f"{head}.{changed}.{signature}")[1]
    unsigned = jwt.encode(claims, None, "none", headers={"kid": "first"})
    assert "signed by 'none'" in refused(checks, unsigned)[1]
    shared = jwt.encode(claims, b"x" * 64, "HS256", headers={"kid": "first"})  # signed with what all know
    assert "signed by 'HS256'" in refused(checks, shared)[1]
    elliptic = issuer.token(algorithm="PS256").split(".")
    renamed = base64.urlsafe_b64encode(b'{"alg": "ES256", "kid": "first"}').decode().rstrip("=")
    assert "signature is wrong" in refused(checks, ".".join([renamed, *elliptic[1:]]))[1]
    assert "no JWT" in refused(checks, b"eyJ.\xff.x")[1]
    assert "longer than 16 KiB" in refused(checks, b"eyJ" + b"a" * 20_000)[1]
    assert "does not publish" in refused(checks, jwt.encode(claims, other, "RS256", headers={"kid": "secret"}))[1]


def test_a_new_key_is_found_and_made_up_ones_do_not_reach_the_issuer(issuer: Issuer) -> None:
    now = [1000.0]
    checks = OidcVerifier(OidcSettings(issuer.url, AUDIENCE), clock=lambda: now[0])
    verify(checks, issuer.token())
    issuer.add_key("second")
    assert "does not publish" in refused(checks, issuer.token("second"))[1]  # looked a moment ago
    now[0] += oidc.RETRY_S
    assert verify(checks, issuer.token("second")).subject == "a-17"
    asked = len(issuer.asked)
    for _ in range(20):
        refused(checks, issuer.token("first", key=issuer.keys["first"]).replace("eyJ", "eyJ", 1) + "x")
    assert len(issuer.asked) == asked


def test_known_keys_work_while_the_issuer_is_away(issuer: Issuer) -> None:
    now = [1000.0]
    checks = OidcVerifier(OidcSettings(issuer.url, AUDIENCE), clock=lambda: now[0])
    issuer.away = True
    assert refused(checks, issuer.token())[0] == 503
    issuer.away = False
    now[0] += oidc.RETRY_S
    verify(checks, issuer.token())
    issuer.away = True
    now[0] += oidc.FRESH_S + 1
    verify(checks, issuer.token())
    now[0] += oidc.GRACE_S
    assert refused(checks, issuer.token()) == (
        503,
        "the service cannot check tokens now, since their issuer is away; try again in a second",
    )


def test_a_discovery_document_of_another_issuer_is_not_believed(issuer: Issuer) -> None:
    issuer.says_issuer = "https://another"
    assert refused(verifier(issuer), issuer.token())[0] == 503


def test_the_guard_knows_the_holder_and_the_roles(issuer: Issuer) -> None:
    async def client(request: Request) -> JSONResponse:
        return JSONResponse({"client": CLIENT.get()})

    routes = [Route("/predict_track", client, methods=["POST"]), Route("/metrics", client)]
    guard = GuardMiddleware(Starlette(routes=routes), Limits(require_keys=True), oidc=verifier(issuer))

    async def ask(method: str, path: str, **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(guard, client=("10.0.0.9", 5000))
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as http:
            return await http.request(method, path, headers=headers)

    token = issuer.token()
    answer = asyncio.run(ask("POST", "/predict_track", authorization=f"Bearer {token}"))
    assert (answer.status_code, answer.json()) == (200, {"client": "oidc:a-17"})
    assert asyncio.run(ask("POST", "/predict_track", cookie=f"posemill_key={token}")).status_code == 200
    beyond = asyncio.run(ask("GET", "/metrics", authorization=f"Bearer {token}"))
    assert beyond.status_code == 403
    assert "oidc:a-17 has the role annotator, and this is the task of an operator" in beyond.json()["error"]
    both = issuer.token(roles=["annotator", "operator"])
    assert asyncio.run(ask("GET", "/metrics", authorization=f"Bearer {both}")).status_code == 200
    late = asyncio.run(ask("POST", "/predict_track", authorization=f"Bearer {issuer.token(exp=1000)}"))
    assert (late.status_code, late.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')
    assert asyncio.run(ask("POST", "/predict_track")).status_code == 401
    wrong = asyncio.run(
        ask("POST", "/predict_track", authorization="Bearer pm_nothing")
    )  # a key, which there is none of
    assert wrong.status_code == 401


def test_settings_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert OidcSettings.from_env({}) is None
    env = {oidc.ISSUER: "https://id.example", oidc.AUDIENCE: "posemill"}
    assert OidcSettings.from_env(env) == OidcSettings("https://id.example", "posemill")
    named = OidcSettings.from_env(env | {oidc.ROLE_NAMES: "staff = annotator, boss=admin", oidc.ROLES_CLAIM: "groups"})
    assert named is not None
    assert (named.claim, named.names) == ("groups", {"staff": "annotator", "boss": "admin"})
    for wrong, sentence in (
        ({oidc.AUDIENCE: ""}, "POSEMILL_OIDC_AUDIENCE is not"),
        ({oidc.ISSUER: "http://id.example"}, "https:// address"),
        ({oidc.ROLE_NAMES: "staff=king"}, "came with 'staff=king'"),
    ):
        with pytest.raises(InputError, match=sentence):
            OidcSettings.from_env(env | wrong)
    monkeypatch.setitem(sys.modules, "jwt", None)
    with pytest.raises(InputError, match=r"pip install posemill\[oidc\]"):
        oidc.from_environment(env)
    assert oidc.from_environment({}) is None


def test_what_is_no_token_is_a_key() -> None:
    assert looks_like_token(b"eyJhbGciOiJSUzI1NiJ9.e30.sig")
    assert not looks_like_token(b"pm_abcdef")
