"""Self-contained HTML pages: no script, no font, no picture is fetched from anywhere, so a page can be mailed.

Templates lie beside this file and extend `base.html.j2`, which brings the style for light and dark, wide and narrow.
Everything that is filled in is escaped, and has passed `one_line`: texts come from servers.
"""

from collections.abc import Mapping
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from meshctl import __version__
from meshctl.render.text import one_line

Value = str | int | float | bool | None
Data = Value | list["Data"] | tuple["Data", ...] | Mapping[str, "Data"]
"""What a page is made of: JSON-like data."""


def page(template: str, data: Mapping[str, Data]) -> str:
    """Return the page that a template makes of data; a name that the data lacks is a bug and raises."""
    return _environment().get_template(template).render(data, version=__version__)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("meshctl.render.pages", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: one_line(value) if type(value) is str else value,
    )
