"""E-mail by SMTP, one message an event."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from typing import Literal

from pydantic import Field

from posemill.applications.channels.channel import Channel
from posemill.applications.channels.message import Message
from posemill.delivery.receiver import Undeliverable, Undelivered
from posemill.delivery.secret import secret


class Email(Channel):
    """An e-mail to every recipient.

    security      `starttls`, `tls` (from the first byte), or `none` for a server on the same machine.
    password_env  environment variable with the password of `user`; None = no login.
    """

    kind: Literal["email"] = "email"
    host: str
    port: int = Field(default=587, gt=0, lt=65536)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password_env: str | None = None
    sender: str
    to: tuple[str, ...] = Field(min_length=1)
    timeout_s: float = Field(default=20.0, gt=0)

    def send(self, message: Message) -> None:
        """See Channel. A refused recipient or sender is final; everything else is tried again."""
        try:
            with self._server() as server:
                server.send_message(self.mail(message))
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused) as exc:
            raise Undeliverable(str(exc)) from exc
        except smtplib.SMTPResponseException as exc:
            final = exc.smtp_code >= 500 and not isinstance(exc, smtplib.SMTPConnectError)
            raise (Undeliverable if final else Undelivered)(f"{exc.smtp_code} {exc.smtp_error!r}") from exc
        except (OSError, smtplib.SMTPException) as exc:
            raise Undelivered(f"{type(exc).__name__}: {exc}") from exc

    def mail(self, message: Message) -> EmailMessage:
        """Return the e-mail of a message."""
        mail = EmailMessage()
        mail["Subject"] = " ".join(message.subject.split())
        mail["From"], mail["To"] = self.sender, ", ".join(self.to)
        mail["Message-ID"] = f"<{message.id}@posemill>"  # the same for every attempt: mail programs drop repetitions
        event = message.event
        person = "the scene" if event.person is None else f"person {event.person}"
        mail.set_content(
            f"{event.message}\n\nsource: {message.source}\napplication: {event.application}\nevent: {event.kind} of "
            f"{person}, {event.start_s:.1f} s from the first frame\n"
        )
        return mail

    def _server(self) -> smtplib.SMTP:
        if self.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, timeout=self.timeout_s, context=ssl.create_default_context()
            )
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=self.timeout_s)
        if self.security == "starttls":
            server.starttls(context=ssl.create_default_context())
        password = secret(self.password_env, f"channel {self.name}")
        if self.user is not None and password is not None:
            server.login(self.user, password)
        return server
