"""A small OpenID Connect issuer on loopback: discovery document, published keys, and tokens made to measure."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

AUDIENCE = "posemill"


@dataclass
class Issuer:
    """Its URL, signing keys by id, and the paths that were asked for."""

    url: str
    keys: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    away: bool = False
    says_issuer: str | None = None

    def add_key(self, number: str, kind: str = "RSA") -> None:
        """Make a key and publish it."""
        if kind == "RSA":
            self.keys[number] = rsa.generate_private_key(65537, 2048)
        else:
            self.keys[number] = ec.generate_private_key(ec.SECP256R1())

    def token(self, number: str = "first", key: Any = None, algorithm: str | None = None, **claims: Any) -> str:
        """A token of anna, an annotator, for five minutes; claims that are None are left out."""
        key = self.keys[number] if key is None else key
        algorithm = algorithm or ("RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256")
        whole = {"iss": self.url, "aud": AUDIENCE, "sub": "a-17", "exp": time.time() + 300, "roles": ["annotator"]}
        whole = {name: value for name, value in (whole | claims).items() if value is not None}
        return jwt.encode(whole, key, algorithm, headers={"kid": number})

    def document(self, path: str) -> dict[str, Any]:
        """What is published at a path."""
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.says_issuer or self.url, "jwks_uri": f"{self.url}/keys"}
        published = []
        for number, key in self.keys.items():
            algorithm = (
                jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
            )
            entry = json.loads(algorithm.to_jwk(key.public_key()))
            published.append(entry | {"kid": number, "use": "sig"})
        return {"keys": [*published, {"kty": "oct", "kid": "secret", "k": "c2VjcmV0"}]}


@contextmanager
def oidc_issuer() -> Iterator[Issuer]:
    """Serve until the end of the context, with one RSA key, `first`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked.append(self.path)
            body = json.dumps(issuer.document(self.path)).encode()
            self.send_response(503 if issuer.away else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = Issuer(f"http://127.0.0.1:{server.server_port}")
    issuer.add_key("first")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
