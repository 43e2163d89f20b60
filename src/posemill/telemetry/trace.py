"""Spans of OpenTelemetry. Until `start` was called they cost a function call each, and OpenTelemetry is not imported.

    telemetry.trace.start("posemill-service")
    with telemetry.trace.span("pose", frames=120) as pose:
        ...
        pose.set(busy_s=1.2)

Attributes are numbers, and names that posemill made: no file names, no addresses, no clients, nothing of a person.
"""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Generator, Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol, TypeVar

from posemill.errors import InputError
from posemill.telemetry.settings import traces_wanted

T = TypeVar("T")
Attribute = str | int | float | bool
CARRIED = ("traceparent", "tracestate")  # W3C trace context, as headers; in upper case as environment variables
FLOW_RUN = "prefect.flow_run.id"
FLUSH_S = 5.0


class Span(Protocol):
    """A span that is open."""

    def set(self, **attributes: Attribute) -> None:
        """Set attributes; `a__b` is written as `a.b`."""
        ...

    def rename(self, name: str) -> None:
        """Give it the name that is known only now."""
        ...


class _NoSpan:
    def set(self, **attributes: Attribute) -> None:
        pass

    def rename(self, name: str) -> None:
        pass


class _Span:
    def __init__(self, span: Any) -> None:
        self.span = span

    def set(self, **attributes: Attribute) -> None:
        self.span.set_attributes(_named(attributes))

    def rename(self, name: str) -> None:
        self.span.update_name(name)


_NO_SPAN = _NoSpan()
_NOTHING: AbstractContextManager[Span] = nullcontext(_NO_SPAN)
_tracer: Any = None
_provider: Any = None


def start(service: str, env: Mapping[str, str] | None = None) -> bool:
    """Export spans of this process from now on, where the environment names an OTLP endpoint; return whether it does.

    service  service.name of the spans, unless OTEL_SERVICE_NAME says another. Calling it again does nothing.
    Errors: InputError where traces are wanted and the extra `telemetry` is not installed.
    """
    global _tracer, _provider
    if _tracer is not None:
        return True
    env = os.environ if env is None else env
    if not traces_wanted(env):
        return False
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as exc:
        raise InputError(
            f"an OTLP endpoint is set and {exc.name} is not installed: `pip install posemill[telemetry]`, or unset "
            "OTEL_EXPORTER_OTLP_ENDPOINT"
        ) from exc
    resource = Resource.create({"service.name": env.get("OTEL_SERVICE_NAME") or service})
    _provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _tracer = _provider.get_tracer("posemill")
    atexit.register(stop)
    return True


def stop() -> None:
    """Send what waits, and export no more."""
    global _tracer, _provider
    if _tracer is not None:
        provider, _tracer, _provider = _provider, None, None
        provider.force_flush(int(1000 * FLUSH_S))
        provider.shutdown()
        atexit.unregister(stop)


def active() -> bool:
    """Return True if spans are exported."""
    return _tracer is not None


def span(name: str, **attributes: Attribute) -> AbstractContextManager[Span]:
    """Context: a child of the current span; an error that leaves it is recorded by its class alone.

    Without a current span nothing is recorded: a trace begins with a request, a stage or a flow, see `root`.
    """
    return _NOTHING if _tracer is None or not _in_trace() else _open(name, attributes)


def root(
    name: str, carrier: Mapping[str, str] | None = None, kind: str = "internal", **attributes: Attribute
) -> AbstractContextManager[Span]:
    """Context: a span that begins a trace, or continues the one of `carrier` (headers in lower case).

    kind  "internal", "server" or "client".
    """
    return _NOTHING if _tracer is None else _open(name, attributes, carrier, kind)


def headers() -> dict[str, str]:
    """Return the headers that continue the current trace elsewhere; empty without one."""
    if _tracer is None or not _in_trace():
        return {}
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier


def to_environment(env: MutableMapping[str, str], **carried: str) -> None:
    """Put the current trace into the environment of a process to be started; `carried` goes with it, as baggage."""
    for name, value in headers().items():
        env[name.upper()] = value
    if _tracer is not None and carried:
        env["BAGGAGE"] = ",".join(f"{name}={value}" for name, value in sorted(_named(carried).items()))


def from_environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the carrier that `to_environment` of the starting process left."""
    env = os.environ if env is None else env
    return {name: env[name.upper()] for name in CARRIED if env.get(name.upper())}


def baggage(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what `to_environment` carried beside the trace.

    >>> baggage({"BAGGAGE": "prefect.flow_run.id=3f"})
    {'prefect.flow_run.id': '3f'}
    """
    text = (os.environ if env is None else env).get("BAGGAGE", "")
    return {name: value for name, _, value in (piece.partition("=") for piece in text.split(",")) if value}


def ids() -> tuple[str, str] | None:
    """Return trace id and span id of the current span (hex), or None."""
    if _tracer is None:
        return None
    from opentelemetry import trace

    context = trace.get_current_span().get_span_context()
    return (f"{context.trace_id:032x}", f"{context.span_id:016x}") if context.is_valid else None


class Stopwatch:
    """A stretch of work that is interleaved with others: begun and ended once, busy in between now and then.

    It becomes a span of its own by `record`, as a child of the span that was current when it was made; from any thread.
    """

    def __init__(self) -> None:
        self.busy_s = 0.0
        self._began_ns = time.time_ns()
        self._context: Any = None
        if _tracer is not None and _in_trace():
            from opentelemetry.context import get_current

            self._context = get_current()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Context: time that counts."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.busy_s += time.perf_counter() - began

    def record(self, name: str, **attributes: Attribute) -> None:
        """End it: a span from its making until now, with the attribute busy_s."""
        if _tracer is None or self._context is None:
            return
        made = _tracer.start_span(name, context=self._context, start_time=self._began_ns)
        made.set_attributes(_named({**attributes, "busy_s": round(self.busy_s, 6)}))
        made.end()


def watched(name: str, items: Generator[T, None, None], count: str) -> Generator[T, None, None]:
    """Return these items; the time until each is a span, from this call until they end, with their number.

    Without a current span they come back as they are. They may be taken in another thread.
    """
    return items if _tracer is None or not _in_trace() else _watched(name, items, count, Stopwatch())


def _watched(name: str, items: Generator[T, None, None], count: str, watch: Stopwatch) -> Generator[T, None, None]:
    number = 0
    try:
        while True:
            with watch.busy():
                try:
                    item = next(items)
                except StopIteration:
                    return
            number += 1
            yield item
    finally:
        items.close()
        watch.record(name, **{count: number})


@contextmanager
def _open(
    name: str, attributes: Mapping[str, Attribute], carrier: Mapping[str, str] | None = None, kind: str = "internal"
) -> Iterator[Span]:
    from opentelemetry.trace import SpanKind, StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context = TraceContextTextMapPropagator().extract(carrier) if carrier else None
    with _tracer.start_as_current_span(
        name,
        context=context,
        kind=SpanKind[kind.upper()],
        attributes=_named(attributes),
        record_exception=False,  # messages of errors name files
        set_status_on_exception=False,
    ) as made:
        try:
            yield _Span(made)
        except Exception as exc:
            made.set_attribute("error.type", type(exc).__name__)
            made.set_status(StatusCode.ERROR)
            raise


def _in_trace() -> bool:
    from opentelemetry import trace

    return bool(trace.get_current_span().get_span_context().is_valid)


def _named(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("__", "."): value for name, value in attributes.items()}
