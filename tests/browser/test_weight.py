"""What a page weighs: bytes on the way to the browser, and what is there to see meanwhile."""

import pytest
from driver import Traffic, choose, live, panels, serving, until, visit
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
FIRST_VISIT, CHANGE, BACK = 1_500_000, 700_000, 40_000  # bytes


def test_decode_sends_little_and_nothing_twice(open_browser, server):
    page = open_browser()
    traffic = Traffic(page)
    visit(page, f"{server}/decode?model=generator&stars=simulated:50:3&star=sim3-31", "Decode")
    assert live(page, "v.ready") and 500_000 < traffic.received < FIRST_VISIT
    for name in ("physical-removed", "paper-physical-removed"):
        traffic.received = 0
        choose(page, "Model", name)
        until(page, "v.ready && v.data.title", name)
        assert traffic.received < CHANGE, name
    traffic.received = 0
    choose(page, "Model", "generator")
    until(page, "v.ready && v.data.title", "generator")
    assert traffic.received < BACK


def test_the_star_is_drawn_while_the_decoder_is_on_its_way(open_browser, server):
    page = open_browser()
    waiting = []
    page.route("**/gandalf/*", lambda route: waiting.append(route) if _is_part(route) else route.continue_())
    page.goto(f"{server}/decode?model=generator&stars=simulated:50:3&star=sim3-31")
    view = page.locator(".gandalf")
    page.wait_for_function(DRAWN)
    assert view.evaluate("e => e.gandalf.paints") == 0
    assert view.evaluate("e => Object.keys(e.gandalf.curves)") == ["observed"]
    assert view.evaluate("e => [e.gandalf.wave[0], e.gandalf.wave.at(-1)].map(Math.round)") == [846, 870]
    for route in waiting:
        route.continue_()
    expect(page.get_by_role("heading", level=1, name="Decode")).to_be_visible()
    assert live(page, "v.ready && Object.keys(v.curves)") == [
        "observed",
        "reconstruction",
        "truth",
        "generated",
    ]


@pytest.mark.long
def test_parameters_shows_the_first_stars_while_the_others_are_simulated(open_browser, tmp_path):
    with serving(tmp_path) as url:
        page = open_browser()
        visit(page, f"{url}/parameters?model=generator", "Parameters")
        assert panels(page, "v.count") == 500
        expect(page.get_by_text("The first 500 of 6,000 stars")).to_be_visible()
        page.wait_for_function(
            """() => [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')].some(
            e => e.shadowRoot?.querySelector('.panels')?.gandalf?.count === 6000)"""
        )
        expect(page.get_by_text("The first 500 of")).to_have_count(0)
        assert len(list((tmp_path / "cache").rglob("*-ids.npz"))) == 1, "simulated once"
        page.close()


DRAWN = """() => [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')]
    .some(element => element.shadowRoot?.querySelector('.gandalf')?.gandalf?.curves)"""


def _is_part(route) -> bool:
    """Whether a request is for a part of a decoder, not for a script."""
    return route.request.resource_type == "fetch"
