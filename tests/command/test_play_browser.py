"""Does the playground's page load, train and obey the keyboard, without an error?

In a real Chromium without a screen, where there is one; `test_play` tests the server anywhere.
"""

import threading

import pytest
from browser import Browser, program

from cbackprop.command.play import Playground

pytestmark = pytest.mark.skipif(
    program() is None, reason="needs Chromium: apt-get install chromium"
)


@pytest.fixture(scope="module")
def server():
    with Playground() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser():
    with Browser() as browser:
        yield browser


@pytest.fixture
def page(browser, server):
    page = browser.page()
    page.open(server.url)
    page.wait("playground.drawn > 0")
    yield page
    assert page.errors == []
    page.call("Page.close")


def after(page, act, *arguments):
    """Do something, and wait until what comes of it is drawn."""
    drawn = page.evaluate("playground.drawn")
    act(*arguments)
    page.wait(f"playground.drawn > {drawn} && !playground.busy")


def click(page, selector):
    page.evaluate(f"document.querySelector('{selector}').click()")


def text(page, selector):
    return page.evaluate(f"document.querySelector('{selector}').textContent")


def last(page, name):
    return page.evaluate(f"playground.seen.runs.map(run => run.curve.at(-1).{name})")


def test_it_loads_and_shows_a_network(page):
    assert text(page, "h1") == "Watch a network learn"
    assert page.evaluate("document.querySelectorAll('#runs canvas').length") == 1
    assert page.evaluate("document.querySelectorAll('#inside circle').length") == 2 + 6 + 4 + 1
    assert "epoch 0, step 0" in text(page, "#status")


def test_it_asks_its_own_server_alone(page, server):
    assert page.asked
    assert all(url.startswith((server.url, "data:")) for url in page.asked)


def test_steps_and_epochs_train(page, figure):
    (before,) = last(page, "loss")
    picture = page.evaluate("document.querySelector('#runs canvas').toDataURL()")
    after(page, click, page, "#step")
    assert "step 1," in text(page, "#status")
    for _ in range(30):
        after(page, click, page, "#epoch")
    assert last(page, "loss")[0] < before / 2
    assert page.evaluate("document.querySelector('#runs canvas').toDataURL()") != picture
    milliseconds = page.evaluate("playground.milliseconds")
    figure("milliseconds from click to picture", f"{milliseconds:.0f}")
    assert f"{milliseconds:.0f} ms" in text(page, "#status")


def test_it_runs_until_it_is_paused(page):
    after(page, click, page, "#run")
    page.wait("playground.seen.runs[0].epoch > 3")
    assert text(page, "#run") == "Pause"
    click(page, "#run")
    page.wait("!playground.busy")
    assert text(page, "#run") == "Run"
    epoch = page.evaluate("playground.seen.runs[0].epoch")
    after(page, click, page, "#step")
    assert page.evaluate("playground.seen.runs[0].epoch") == epoch


@pytest.mark.parametrize("name", ["descents", "momentum", "vanishing"])
def test_three_run_side_by_side(page, name):
    after(page, click, page, f"[data-try={name}]")
    before = last(page, "loss")
    for _ in range(3):
        after(page, click, page, "#epoch")
    assert page.evaluate("document.querySelectorAll('#runs canvas').length") == 3
    assert {run["epoch"] for run in page.evaluate("playground.seen.runs")} == {3}
    assert min(last(page, "loss")) < min(before)
    assert page.evaluate("document.querySelectorAll('#losses polyline').length") == 3


@pytest.mark.parametrize("show", ["activations", "deltas", "gradients"])
def test_activations_errors_and_gradients_are_shown(page, show):
    page.evaluate(
        f"(() => {{ const s = document.getElementById('show'); s.value = '{show}';"
        "s.dispatchEvent(new Event('change')); })()"
    )
    titles = page.evaluate(
        "[...document.querySelectorAll('#inside title')].map(t => t.textContent)"
    )
    shown = "activations" if show == "activations" else "deltas"
    layer = page.evaluate(f"playground.seen.runs[0].{shown}.at(-1)")
    assert float(titles[-1].rpartition(" ")[2]) == pytest.approx(layer[0], rel=0.1)


def test_errors_that_vanish_are_small_and_not_nothing(page):
    after(page, click, page, "[data-try=vanishing]")
    page.evaluate(
        "(() => { const s = document.getElementById('show'); s.value = 'deltas';"
        "s.dispatchEvent(new Event('change')); })()"
    )
    shown = page.evaluate(
        "[...document.querySelectorAll('#inside .number')].map(t => t.textContent)"
    )
    first = [float(number) for number in shown[2:10]]  # behind the two inputs, which have none
    assert shown[:2] == ["", ""]
    assert all(0 < abs(number) < 1e-3 for number in first)


def test_everything_can_be_done_with_the_keyboard(page):
    page.evaluate("document.body.focus()")
    page.press("Tab")
    assert page.evaluate("document.activeElement.id") == "step"
    after(page, page.press, "Enter")
    page.press("Tab")
    after(page, page.press, " ")
    assert "epoch 1, step 20" in text(page, "#status")
    page.evaluate("document.getElementById('example').focus()")
    after(page, page.press, "ArrowRight")
    assert page.evaluate("playground.seen.example") == 1
    page.press("Home")
    page.wait("playground.seen.example === 0")


def test_all_fields_and_buttons_have_a_name_and_can_be_reached(page):
    nameless = page.evaluate(
        "[...document.querySelectorAll('button, select, input')].filter(e => e.tabIndex < 0 ||"
        " !(e.textContent.trim() || e.labels?.length)).map(e => e.outerHTML)"
    )
    assert nameless == []


def test_a_bad_setting_is_said_and_the_network_stays(page):
    page.evaluate(
        "(() => { const f = document.getElementById('settings').elements.hidden;"
        "f.value = '6, many'; f.dispatchEvent(new Event('change', { bubbles: true })); })()"
    )
    page.wait("document.getElementById('error').textContent")
    assert "whole numbers" in text(page, "#error")
    after(page, click, page, "#step")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["descents", "vanishing", "spiral"])
def test_nothing_reaches_beyond_the_page(page, name, width, scheme):
    page.resize(width)
    page.prefer(scheme)
    after(page, click, page, f"[data-try={name}]")
    after(page, click, page, "#epoch")
    assert page.too_wide() == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
