"""Opens every page of the built documentation site in a headless Chromium, as a phone and as a desktop show it.

``python -m bench.site_in_browser`` prints what is wrong, and exits with 1 if anything is: a page that is wider than the
screen, a picture that is not shown, a search that does not lead to the page that describes what was typed.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench.chromium import Browser, chromium
from bench.site import SITE, WORKFLOW

SCREENS = {"phone": (390, 844), "desktop": (1280, 900)}

SEARCHES = {
    "maximum_active_jobs": f"reference.html#{WORKFLOW}(maximum_active_jobs)",
    "start_on_upload": f"reference.html#{WORKFLOW}.start_on_upload",
    "NoFreeSlot": "runbook.html#nofreeslot",
    "cost": "cost.html",
}
"""What a reader types, and where the first result leads."""

_SHOWN = "document.readyState === 'complete'"

_FAULTS = """(() => {
  const wide = document.documentElement.scrollWidth > screen.width;
  const lost = [...document.images].filter(image => !image.naturalWidth).map(image => image.getAttribute("src"));
  return [...(wide ? ["it is wider than the screen"] : []), ...lost.map(name => `${name} is not shown`)];
})()"""

_FIRST_RESULT = """new Promise(done => {
  const dialog = () => [...document.querySelectorAll("*")].map(each => each.shadowRoot).find(Boolean);
  const first = () => dialog()?.querySelector("a[href*='h=']")?.getAttribute("href");
  const end = performance.now() + 5000;
  const look = () => first() || performance.now() > end ? done(first() || "nothing") : setTimeout(look, 50);
  setTimeout(look, 200);
})"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Print no line for each request."""


@contextmanager
def served(site: Path) -> Iterator[str]:
    """Serve a folder on loopback; yield its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def sized(page: Browser, screen: str) -> None:
    """Give the page the size of a screen."""
    width, height = SCREENS[screen]
    size = {"width": width, "height": height, "screenWidth": width, "screenHeight": height}
    page.call("Emulation.setDeviceMetricsOverride", **size, deviceScaleFactor=1, mobile=screen == "phone")


def faults(page: Browser, address: str, site: Path) -> Iterator[str]:
    """Yield what is wrong with each page on each screen."""
    for screen in SCREENS:
        sized(page, screen)
        for path in sorted(site.rglob("*.html")):
            name = path.relative_to(site).as_posix()
            page.open(address + name, ready=_SHOWN)
            yield from (f"{name} on a {screen}: {fault}" for fault in page.evaluate(_FAULTS))


def searched(page: Browser, address: str) -> Iterator[str]:
    """Yield the searches that lead elsewhere."""
    for screen in SCREENS:
        sized(page, screen)
        for text, wanted in SEARCHES.items():
            page.open(address + "index.html", ready=_SHOWN)
            page.evaluate("new Promise(done => setTimeout(done, 500))")
            page.evaluate("document.querySelector('.md-search__button').click()")
            page.evaluate("new Promise(done => setTimeout(done, 500))")
            page.call("Input.insertText", text=text)
            found = page.evaluate(_FIRST_RESULT).removeprefix(address).replace(f"?h={text}", "")
            if found != wanted:
                yield f"the search for {json.dumps(text)} on a {screen} leads to {found}, not to {wanted}"


def main(site: Path) -> int:
    """Print the problems; return 1 if there are any."""
    if not (site / "index.html").exists():
        sys.exit(f"{site} has no pages; make docs builds it")
    chromium()
    with served(site) as address, Browser() as page:
        found = [*faults(page, address, site), *searched(page, address)]
    print("\n".join(found) or "Every page fits a phone and a desktop, every picture is shown, the search finds.")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else SITE))
