"""Look at the built documentation in a real browser, on a desk and on a phone.

Loads every page at two widths, and reports what goes wrong: errors in the console, pictures that
do not load, requests that leave the site, and text that is cut off. Then follows the navigation,
and searches. Screenshots of some pages go into a folder, for people to look at.

Needs playwright, which is not part of any extra, and a Chromium::

    pip install playwright
    python tools/look_at_site.py docs/_build/html screenshots
"""

from __future__ import annotations

import argparse
import shutil
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

WIDTHS = {1280: 900, 390: 844}
SHOWN = [
    "index",
    "install",
    "quickstart",
    "user_guide/index",
    "user_guide/your_own_networks",
    "user_guide/neighbors",
    "user_guide/evaluating",
    "spaces/index",
    "benchmarks",
    "comparison",
    "ablation",
    "properties",
    "api/index",
    "api/spaces",
    "api/generated/emprox.EmProxRegressor",
    "api/generated/emprox.metrics.kendall_tau",
    "auto_examples/index",
    "auto_examples/plot_01_quickstart",
    "auto_examples/plot_06_your_own_pytorch_models",
    "developer/architecture",
    "developer/contributing",
    "whats_new",
]
PICTURES_THAT_FAILED = """
    [...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)
"""
# What sticks out on the right, unless it is in a box that scrolls.
CUT_OFF = """
    [...document.querySelectorAll('.bd-article *')].filter(element => {
        const box = element.getBoundingClientRect();
        if (!box.width || !box.height || box.right <= document.documentElement.clientWidth + 1)
            return false;
        for (let e = element; !e.matches('.bd-article'); e = e.parentElement) {
            const style = getComputedStyle(e);
            if (['auto', 'scroll'].includes(style.overflowX) || style.visibility === 'hidden')
                return false;
        }
        return true;
    }).map(element => element.tagName + ' ' + element.textContent.slice(0, 60))
"""


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without a line for each."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def serve(folder: Path) -> ThreadingHTTPServer:
    """Serve a folder on a free port of this machine."""
    handler = partial(QuietHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Visitor:
    """Visits pages and notes what is wrong with them."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.problems: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self._note(f"script error: {error}"))
        page.on("requestfailed", lambda request: self._note(f"did not load: {request.url}"))
        page.on("request", self._on_request)

    def _note(self, text: str) -> None:
        self.problems.append(f"{self.page.viewport_size['width']} px, {self.page.url}: {text}")

    def _on_console(self, message) -> None:
        if message.type == "error":
            self._note(f"console: {message.text}")

    def _on_request(self, request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self._note(f"leaves the site: {request.url}")

    def visit(self, name: str) -> None:
        """Load a page and check its pictures and its width."""
        self.page.goto(f"{self.address}/{name}.html", wait_until="load")
        # Pictures further down are loaded when they come near.
        self.page.evaluate("document.querySelectorAll('img').forEach(i => i.loading = 'eager')")
        self.page.wait_for_load_state("networkidle")
        for picture in self.page.evaluate(PICTURES_THAT_FAILED):
            self._note(f"picture did not load: {picture}")
        for element in self.page.evaluate(CUT_OFF)[:3]:
            self._note(f"cut off on the right: {element!r}")

    def follow_navigation(self) -> None:
        """Go from the landing page to the user guide by its link, and on to a page of it."""
        self.page.goto(f"{self.address}/index.html")
        if self.page.viewport_size["width"] < 960:
            self.page.locator("button.primary-toggle").first.click()
            link = self.page.locator("#pst-primary-sidebar-modal, .bd-sidebar-primary").locator(
                "a:visible", has_text="User guide"
            )
        else:
            link = self.page.locator(".bd-header a:visible", has_text="User guide")
        link.first.click()
        self.page.wait_for_url("**/user_guide/index.html")
        self.page.locator(".bd-article a", has_text="Neighbours and uncertainty").first.click()
        self.page.wait_for_url("**/user_guide/neighbors.html")

    def search(self, words: str, expected: str) -> None:
        """Search by the search box, and expect an address among the results."""
        self.page.goto(f"{self.address}/index.html")
        self.page.locator(
            "button.search-button:visible, button.search-button__button:visible"
        ).first.click()
        box = self.page.locator("input[type=search]:visible").first
        box.fill(words)
        box.press("Enter")
        self.page.wait_for_url("**/search.html*")
        self.page.wait_for_selector("ul.search li a")
        self.page.wait_for_load_state("networkidle")
        addresses = [
            a.get_attribute("href") or "" for a in self.page.locator("ul.search li a").all()
        ]
        if not any(expected in address for address in addresses):
            self._note(f"the search for {words!r} does not find {expected}: {addresses[:5]}")


def main() -> int:
    """Visit all pages; return 1 if something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("site", type=Path, help="folder with the built pages")
    parser.add_argument("screenshots", type=Path, help="folder for the screenshots")
    parser.add_argument("--browser", default=shutil.which("chromium"), help="Chromium to start")
    parser.add_argument("--full", action="store_true", help="screenshots of whole pages")
    arguments = parser.parse_args()

    names = sorted(
        path.relative_to(arguments.site).with_suffix("").as_posix()
        for path in arguments.site.rglob("*.html")
        if "_static" not in path.parts
    )
    arguments.screenshots.mkdir(parents=True, exist_ok=True)
    server = serve(arguments.site)
    problems = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=arguments.browser, args=["--no-sandbox"]
        )
        for width, height in WIDTHS.items():
            page = browser.new_page(viewport={"width": width, "height": height})
            visitor = Visitor(page, f"http://127.0.0.1:{server.server_port}")
            for name in names:
                visitor.visit(name)
                if name in SHOWN:
                    file = f"{name.replace('/', '-')}-{width}.png"
                    page.screenshot(path=arguments.screenshots / file, full_page=arguments.full)
            visitor.follow_navigation()
            page.screenshot(path=arguments.screenshots / f"navigation-{width}.png")
            visitor.search("kendall tau", "kendall_tau")
            page.screenshot(path=arguments.screenshots / f"search-{width}.png")
            problems += visitor.problems
            page.close()
        browser.close()
    server.shutdown()
    print(*problems, sep="\n")
    print(f"{len(names)} pages, {len(problems)} problems")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
