"""OpenID Connect: bearer tokens (JWT) of one issuer, verified with its published keys, and the roles in them.

By option: POSEMILL_OIDC_ISSUER and POSEMILL_OIDC_AUDIENCE; the package PyJWT (extra `oidc`) is imported where they are
set. Tokens are verified here, offline: signature, issuer, audience and expiry. The issuer is asked for its keys only.
"""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException

from posemill.errors import InputError
from posemill.serving.middleware.error_responses import log, unauthorized, unavailable
from posemill.store.roles import ROLES

ISSUER, AUDIENCE = "POSEMILL_OIDC_ISSUER", "POSEMILL_OIDC_AUDIENCE"
ROLES_CLAIM, ROLE_NAMES = "POSEMILL_OIDC_ROLES_CLAIM", "POSEMILL_OIDC_ROLES"
# asymmetric ones alone: with a symmetric one whoever knows the public key could sign
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LONGEST = 16 * 1024  # bytes of a token
FRESH_S = 300.0  # between looks for new keys
RETRY_S = 10.0  # at least, whatever keys the tokens name: a flood of made-up ones must not reach the issuer
GRACE_S = 3600.0  # known keys go on working this long while the issuer is away
LEEWAY_S = 30  # that clocks may differ by
WAIT_S = 5.0
Fetch = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """Issuer (its URL), audience that tokens must be for, and where roles are in a token.

    claim  path with dots, such as realm_access.roles; names  value there → role of this service.
    """

    issuer: str
    audience: str
    claim: str = "roles"
    names: Mapping[str, str] = field(default_factory=lambda: {role: role for role in ROLES})

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> OidcSettings | None:
        """Read the POSEMILL_OIDC_… variables; None without an issuer. Errors: InputError."""
        issuer, audience = env.get(ISSUER, "").strip(), env.get(AUDIENCE, "").strip()
        if not issuer:
            return None
        if not audience:
            raise InputError(f"{ISSUER} is set and {AUDIENCE} is not: name the audience that tokens must be for")
        require_safe(issuer, ISSUER)
        names = _names(env[ROLE_NAMES]) if env.get(ROLE_NAMES) else {str(role): str(role) for role in ROLES}
        return cls(issuer, audience, env.get(ROLES_CLAIM) or "roles", names)


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """Holder of a token: the issuer's name of them (`sub`), and their roles here."""

    subject: str
    roles: tuple[str, ...]


class OidcVerifier:
    """Verifies tokens of one issuer. The keys are fetched when the first token comes, and kept."""

    def __init__(
        self, settings: OidcSettings, fetch: Fetch | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings, self._fetch, self._clock = settings, fetch or fetch_json, clock
        self._keys: dict[str | None, Any] = {}  # by key id
        self._loaded = self._tried = float("-inf")
        self._refreshing: asyncio.Lock | None = None

    async def verify(self, token: bytes) -> TokenHolder:
        """Return the holder of a token. Errors: HTTPException: 401 for a bad one, 403 without a role, 503."""
        import jwt

        if len(token) > LONGEST:
            raise _refused(f"the token is longer than {LONGEST // 1024} KiB")
        try:
            text = token.decode("ascii")
            header = jwt.get_unverified_header(text)
        except (UnicodeDecodeError, jwt.PyJWTError):
            raise _refused("the token is no JWT") from None
        algorithm = str(header.get("alg"))
        if algorithm not in ALGORITHMS:
            raise _refused(f"the token is signed by {algorithm[:20]!r}; {', '.join(ALGORITHMS)} are accepted")
        key = await self._key(header.get("kid"))
        return self._holder(self._claims(text, key, algorithm))

    def _claims(self, token: str, key: Any, algorithm: str) -> dict[str, Any]:
        import jwt

        wanted = self._settings
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=wanted.audience,
                issuer=wanted.issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise _refused("the token has expired: get a new one from the identity provider") from None
        except jwt.InvalidAudienceError:
            raise _refused(f"the token is for another audience than {wanted.audience}") from None
        except jwt.InvalidIssuerError:
            raise _refused(f"the token is of another issuer than {wanted.issuer}") from None
        except jwt.MissingRequiredClaimError as exc:
            raise _refused(f"the token has no {exc.claim}") from None
        except (jwt.PyJWTError, TypeError, ValueError):  # TypeError: a key of another kind than the algorithm's
            raise _refused("the token's signature is wrong, or it is damaged") from None
        return claims

    def _holder(self, claims: Mapping[str, Any]) -> TokenHolder:
        value: Any = claims
        for name in self._settings.claim.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        given = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        roles = {self._settings.names[name] for name in given if isinstance(name, str) and name in self._settings.names}
        if not roles:
            raise HTTPException(
                403, f"the token has no role of this service in {self._settings.claim}: ask whoever runs it for one"
            )
        return TokenHolder(str(claims["sub"]), tuple(sorted(roles)))

    async def _key(self, number: str | None) -> Any:
        stale = self._clock() - self._loaded > FRESH_S
        if stale or self._find(number) is None:
            await self._refresh()
        if self._clock() - self._loaded > GRACE_S:
            raise unavailable("the service cannot check tokens now, since their issuer is away")
        if (key := self._find(number)) is None:
            raise _refused("the token is signed by a key that its issuer does not publish")
        return key

    def _find(self, number: str | None) -> Any:
        if number is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(number)

    async def _refresh(self) -> None:
        if self._refreshing is None:
            self._refreshing = asyncio.Lock()
        async with self._refreshing:  # who waited finds it done
            if self._clock() - self._tried < RETRY_S:
                return
            self._tried = self._clock()
            try:
                self._keys = await asyncio.to_thread(self._load)
                self._loaded = self._clock()
            except Exception as exc:
                log.warning("the keys of %s cannot be read now: %s", self._settings.issuer, exc)

    def _load(self) -> dict[str | None, Any]:
        """Fetch the discovery document, and the keys that it names."""
        import jwt

        issuer = self._settings.issuer
        document = self._fetch(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if document.get("issuer") != issuer:
            raise InputError(f"the discovery document there is of {document.get('issuer')!r}")
        require_safe(str(document["jwks_uri"]), "jwks_uri")
        keys: dict[str | None, Any] = {}
        for entry in self._fetch(document["jwks_uri"])["keys"]:
            if entry.get("use", "sig") == "sig" and entry.get("kty") in ("RSA", "EC", "OKP"):
                keys[entry.get("kid")] = jwt.PyJWK.from_dict(entry).key
        return keys


def looks_like_token(key: bytes) -> bool:
    """Return whether a key that came is a JWT: three parts, the first a JSON object in base64."""
    return key.startswith(b"eyJ") and key.count(b".") == 2


def from_environment(env: Mapping[str, str]) -> OidcVerifier | None:
    """Return the verifier of the POSEMILL_OIDC_… variables; None without an issuer.

    Errors: InputError where a variable makes no sense, or PyJWT is not installed.
    """
    settings = OidcSettings.from_env(env)
    if settings is None:
        return None
    try:
        import jwt  # noqa: F401
    except ModuleNotFoundError as exc:
        raise InputError(f"{ISSUER} is set and {exc.name} is not installed: `pip install posemill[oidc]`") from exc
    return OidcVerifier(settings)


def fetch_json(url: str) -> Any:
    """GET JSON, at most 1 MiB, without following anywhere but to https (or this machine)."""
    require_safe(url, "the address")
    with urllib.request.urlopen(url, timeout=WAIT_S) as answer:
        require_safe(answer.geturl(), "where it redirects to")
        return json.loads(answer.read(2**20))


def require_safe(url: str, what: str) -> None:
    """Refuse an address over which keys could be exchanged on their way. Errors: InputError."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")):
        return
    raise InputError(f"{what} should be an https:// address (http:// only on this machine), came as {url!r}")


def _names(text: str) -> dict[str, str]:
    """Parse `posemill-admins=admin,reviewers=annotator`. Errors: InputError."""
    pairs = [piece.partition("=") for piece in text.split(",") if piece.strip()]
    names = {name.strip(): role.strip() for name, _, role in pairs}
    if wrong := sorted(f"{name}={role}" for name, role in names.items() if role not in ROLES):
        raise InputError(
            f"{ROLE_NAMES} should be NAME=ROLE, separated by commas, with {', '.join(ROLES)}; came with {wrong[0]!r}"
        )
    return names


def _refused(sentence: str) -> HTTPException:
    refusal = unauthorized(sentence)
    refusal.headers = {"www-authenticate": 'Bearer error="invalid_token"'}
    return refusal
