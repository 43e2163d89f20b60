"""HTML of a library with texts of others in it: known elements and attributes stay, everything else is shown as text.

Great Expectations writes unexpected values into its pages as they are, so that an activity's name could hold a script.
"""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser

_ELEMENTS = frozenset(
    (
        *("html", "head", "body", "meta", "title", "style", "div", "span", "p", "a", "br", "hr", "i", "strong", "code"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "nav", "section", "header", "main", "footer", "label"),
        *("table", "thead", "tbody", "tr", "th", "td"),
    )
)
_ATTRIBUTES = frozenset(
    ("class", "id", "href", "scope", "colspan", "rowspan", "hidden", "charset", "lang", "role", "tabindex", "title")
)
_LINKS = ("#", "./", "../")
POLICY = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; form-action 'none'; base-uri 'none'\">"
)


class _Allowed(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Write a known element with its known attributes."""
        if tag not in _ELEMENTS:
            self.parts.append(escape(self.get_starttag_text() or ""))
            return
        kept = [f' {name}="{escape(value or "")}"' for name, value in attrs if _is_allowed(name, value or "")]
        self.parts.append(f"<{tag}{''.join(kept)}>")

    def handle_endtag(self, tag: str) -> None:
        """Close a known element."""
        self.parts.append(f"</{tag}>" if tag in _ELEMENTS else escape(f"</{tag}>"))

    def handle_data(self, data: str) -> None:
        """Write text; that of a style sheet as it is."""
        self.parts.append(data if self.cdata_elem == "style" else data.replace("<", "&lt;"))

    def handle_entityref(self, name: str) -> None:
        """Write an entity."""
        self.parts.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        """Write a character by its number."""
        self.parts.append(f"&#{name};")


def _is_allowed(name: str, value: str) -> bool:
    if name == "href":
        return value.startswith(_LINKS) or (":" not in value and not value.startswith("//"))
    return name in _ATTRIBUTES or name.startswith(("aria-", "data-"))


def allowed_html(html: str) -> str:
    """Return a page of which a browser runs nothing and fetches nothing.

    Examples:
        >>> allowed_html('<p onclick="run()">waves <img src=x onerror=run()></p>')
        '<p>waves &lt;img src=x onerror=run()&gt;</p>'
    """
    parser = _Allowed()
    parser.feed(html)
    parser.close()
    return "".join(parser.parts).replace("<head>", f"<head>{POLICY}", 1)
