"""The acceptance page in a real Chromium, against a service of canned answers.

Slow (half a minute, twice that on a busy machine): what a client sees first is a browser's doing: playing, seeking,
focus, layout and what a hostile file name may do. One browser and one service for all tests.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chromium import PATIENCE_MS, chromium, comes, comes_true, playable
from posemill.serving.routers import gallery
from posemill.serving.schemas.activity import VideoAnswer
from stand_in_service import BODY_LIMIT, PROVENANCE, Scene, StandIn, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

    Open = Callable[..., Page]

pytestmark = pytest.mark.slow

HOSTILE = "'><img src=x onerror=document.title=1>"
FAILED = re.compile("Failed to load resource")  # every answer from 400 up; what the page says of it is asserted
PAINTED = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v)"
BLANK = f"c => !({PAINTED})(c)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("gallery")
    scene = Scene.render(folder)
    shutil.copy(scene.clip, folder / f"{HOSTILE}.mp4")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(gallery.ENV, str(folder))
        yield scene


@pytest.fixture(scope="module")
def stand_in(scene: Scene) -> StandIn:
    return StandIn(scene)


@pytest.fixture(scope="module")
def address(stand_in: StandIn) -> Iterator[str]:
    with serving(stand_in.app()) as address:
        yield address


@pytest.fixture
def opened(browser: Browser, address: str) -> Iterator[Open]:
    """Opens the page in a context of its own; a test fails when the page logs an error or breaks its own policy."""
    faults: list[str] = []
    contexts = []

    def opened(width: int = 1280, height: int = 900, at: str = address, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda m: faults.append(m.text) if m.type == "error" and not FAILED.search(m.text) else None)
        page.goto(f"{at}/uat", wait_until="networkidle")  # its scripts listen, once they have asked what is there
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


def choose(page: Page, file: Path, name: str | None = None, kind: str = "video/mp4") -> None:
    content = file.read_bytes()
    page.set_input_files("#file", {"name": name or file.name, "mimeType": kind, "buffer": content})


def expect(of: Locator) -> Any:
    from playwright.sync_api import expect

    return expect(of, "")


def reached(page: Page, text: str) -> None:
    expect(page.locator("#outcome-title")).to_contain_text(text)


def test_an_application_is_chosen_and_its_events_lead_to_their_moments(
    opened: Open, scene: Scene, stand_in: StandIn
) -> None:
    page = opened()
    assert page.get_by_label("Look for").locator("option").all_text_contents() == [
        "Activities",
        "Fall alarm",
        "Repetitions",
    ]
    page.get_by_label("Look for").select_option("Fall alarm")
    choose(page, scene.clip)
    reached(page, "Fall alarm")
    expect(page.locator(".lead").nth(1)).to_have_text("Person 0 fell & lies <b>down</b>")
    expect(page.locator(".notice")).to_have_text("This is no medical device.")
    expect(page.locator(".app-figures")).to_contain_text("longest lie s")
    expect(page.locator(".app-timeline .segment.alarm")).to_have_count(1)
    expect(page.locator(".screen")).to_have_attribute("data-source", "overlay")
    page.get_by_role("button", name="Person 0 got up").click()
    expect(page.locator(".clock").first).to_have_text("0:03.0 / 0:04.0")
    expect(page.locator(".event.now")).to_have_count(2)
    page.get_by_text("1 measurement").click()
    expect(page.locator(".app-table")).to_contain_text("cut off by the border")
    page.get_by_text("What it cannot see").click()
    expect(page.locator("details li")).to_have_text("It cannot see behind furniture.")
    page.reload(wait_until="networkidle")  # the job is in the address
    reached(page, "Fall alarm")
    page.get_by_role("button", name="Try another").click()
    expect(page.locator("#start")).to_be_visible()


def test_a_clip_is_played_looked_at_and_judged(opened: Open, scene: Scene, stand_in: StandIn) -> None:
    page = opened()
    choose(page, scene.clip)
    reached(page, "walk")
    video = page.locator(".screen video")
    expect(page.locator(".screen")).to_have_attribute("data-source", "overlay")
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(page.locator(".clock")).not_to_contain_text("0:00.0 /")  # the playhead moves with the video
    page.get_by_role("button", name="Pause").click()

    lane = page.locator(".lane").first  # click in the middle of the abstained stretch: 2.0 of 4 s
    box = lane.bounding_box()
    assert box is not None
    lane.click(position={"x": box["width"] / 2, "y": 10})
    assert video.evaluate("v => v.currentTime") == pytest.approx(2.0, abs=0.05)
    expect(page.locator(".moment-says")).to_have_text("Not sure. Perhaps wave.")
    expect(page.locator(".segment.doubt")).to_have_count(1)
    best = page.locator(".bars .best")
    expect(best).to_contain_text("wave")
    expect(best).to_contain_text("41")

    page.get_by_label("Speed").select_option("0.5×")
    for skeletons, source in ((False, "file"), (True, "overlay")):  # another source, the same moment and speed
        page.get_by_label("Skeletons").set_checked(skeletons)
        expect(page.locator(".screen")).to_have_attribute("data-source", source)
        expect(page.locator(".clock")).to_have_text("0:02.0 / 0:04.0")
        playable(video)
        assert video.evaluate("v => [v.currentTime, v.playbackRate]") == [pytest.approx(2.0, abs=0.05), 0.5]

    page.get_by_label("Right: walk, 0:00.2 to 0:01.6").click()
    expect(page.locator(".kept").first).to_have_text(re.compile(r"Right\. Kept as feedback \d+\."))
    page.get_by_label("Wrong: wave").click()
    page.get_by_label("What was it?").select_option("squat")
    page.get_by_label("Comment").fill("she bends down")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".kept").nth(1)).to_contain_text("Wrong: it was squat.")
    expect(page.locator("#live")).to_contain_text("Wrong: it was squat")
    expect(page.locator(".tally")).to_have_text("2 of 5 judged")
    expect(page.locator(".lane .mark.bad")).to_have_count(1)
    right, wrong = stand_in.kept[-2:]
    assert right["right"] is True
    assert (right["activity"], right["comment"]) == (None, None)
    assert wrong == {
        "job": f"{len(stand_in.jobs):08x}",
        "provenance": PROVENANCE,
        "upload_name": "crossing.mp4",
        "upload_digest": hashlib.sha256(scene.clip.read_bytes()).hexdigest(),
        "person": 0,
        "start_s": 1.6,
        "end_s": 2.4,
        "predicted": "wave",
        "right": False,
        "activity": "squat",
        "comment": "she bends down",
    }

    page.get_by_role("button", name="Person 1", exact=True).click()
    expect(page.locator(".feedback h2")).to_have_text("Is this what Person 1 did?")
    expect(page.locator(".segments > li")).to_have_count(2)
    assert page.locator("#outcome").screenshot()  # nothing in it is without a size


def test_everything_works_with_the_keyboard_alone(opened: Open, scene: Scene, stand_in: StandIn) -> None:
    page = opened()
    expect(page.locator(".gallery button", has_text="crossing")).to_be_visible()  # it comes after the page
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.locator("#file")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#application")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.locator(".gallery button", has_text="crossing")).to_be_focused()  # the first has the hostile name
    page.keyboard.press("Enter")
    reached(page, "walk")
    expect(page.locator("#outcome-title")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Try another")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_focused()

    slider = page.get_by_role("slider")
    slider.focus()
    for key, now in (
        ("ArrowRight", "0.1"),
        ("Shift+ArrowRight", "1.1"),
        ("PageDown", "1.6"),
        ("End", "4.0"),
        ("Home", "0.0"),
        ("PageDown", "0.2"),
    ):
        page.keyboard.press(key)
        expect(slider).to_have_attribute("aria-valuenow", now)
    expect(slider).to_have_attribute("aria-valuetext", "0:00.2, Person 0: walk")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("button", name="Person 1", exact=True)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.keyboard.press(" ")

    said = len(stand_in.kept)
    page.get_by_label("Wrong: squat").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("What was it?")).to_be_focused()
    page.keyboard.type("some")  # picks "something else"
    page.keyboard.press("Tab")
    page.keyboard.type("ties a shoe")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".kept")).to_contain_text("it was something else")
    expect(page.get_by_label("Wrong: squat")).to_be_focused()
    last = stand_in.kept[said]
    assert (last["person"], last["activity"], last["comment"]) == (1, None, "ties a shoe")


def test_what_goes_wrong_is_said_in_the_services_words(opened: Open, scene: Scene, stand_in: StandIn) -> None:
    page = opened()
    alert = page.get_by_role("alert").first
    choose(page, scene.clip, "broken.mp4")
    expect(alert).to_have_text(re.compile("^broken.mp4 is not a video that can be read"))
    expect(alert).to_be_focused()
    choose(page, scene.clip, "fails.mp4")
    expect(alert).to_have_text("frame 71 of the video cannot be decoded: the file is damaged there")
    choose(page, scene.clip, "broken.jpg", "image/jpeg")
    expect(alert).to_contain_text("broken.jpg is not a picture")
    choose(page, scene.clip, "track.json", "application/json")
    expect(alert).to_contain_text("track.json is not JSON")
    page.set_input_files("#file", {"name": "long.mp4", "mimeType": "video/mp4", "buffer": bytes(5 * BODY_LIMIT)})
    expect(alert).to_contain_text("shorter piece")  # whether the browser heard the 413 or only that it was hung up on
    page.goto(page.url.split("#")[0] + "#job=gone")
    page.reload()
    expect(alert).to_have_text("there is no job gone; jobs are kept for an hour")

    choose(page, scene.clip, "nobody.mp4")
    reached(page, "No verdict")
    expect(alert).to_be_hidden()
    expect(page.locator("#outcome")).to_contain_text("Nobody was found in this video.")
    page.get_by_role("button", name="Try another").click()

    choose(page, scene.clip)
    reached(page, "walk")
    page.get_by_label("Wrong: wave").click()
    page.get_by_label("What was it?").select_option("squat")
    page.get_by_label("Comment").fill("no database")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".problem")).to_contain_text("Not kept. feedback cannot be kept: the service has no database")
    expect(page.get_by_label("Comment")).to_have_value("no database")  # nothing that was typed is lost
    page.get_by_label("Comment").fill("now there is one")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".kept")).to_be_visible()


def test_a_job_can_be_cancelled_and_found_again_after_a_reload(opened: Open, scene: Scene, stand_in: StandIn) -> None:
    page = opened()
    choose(page, scene.clip, "slow.mp4")
    expect(page.locator("#work-title")).to_have_text("Finding people…")
    expect(page.locator("#work-detail")).to_have_text("Frame 35 of 100")
    assert page.locator("progress").evaluate("p => p.value") == pytest.approx(0.35)
    page.reload()
    expect(page.locator("#work-file")).to_have_text("slow.mp4")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#start")).to_be_visible()
    expect(page.locator("#live")).to_have_text("Cancelled.")
    comes(page, lambda: stand_in.cancelled == [f"{len(stand_in.jobs):08x}"])

    choose(page, scene.clip)
    reached(page, "walk")
    page.reload()
    reached(page, "walk")
    said = len(stand_in.kept)
    page.get_by_label("Right: wave").click()
    expect(page.locator(".kept")).to_be_visible()
    assert stand_in.kept[said]["upload_digest"] == hashlib.sha256(scene.clip.read_bytes()).hexdigest()
    page.go_back()
    expect(page.locator("#start")).to_be_visible()


def test_a_dropped_clip_can_be_taken_home_with_its_provenance(opened: Open, scene: Scene) -> None:
    page = opened(permissions=["clipboard-read", "clipboard-write"])
    dropped = page.evaluate_handle(
        """async () => {
          const clip = await (await fetch('gallery/crossing.mp4')).blob();
          const dropped = new DataTransfer();
          dropped.items.add(new File([clip], 'dropped.mp4', {type: 'video/mp4'}));
          return dropped;
        }"""
    )
    page.dispatch_event("footer", "dragenter", {"dataTransfer": dropped})
    expect(page.locator("#drop")).to_have_class("drop over")
    page.dispatch_event("footer", "drop", {"dataTransfer": dropped})  # beside the box counts too
    reached(page, "walk")
    expect(page.locator(".facts b")).to_have_text("dropped.mp4")

    page.get_by_role("button", name="Copy provenance").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert json.loads(page.evaluate("navigator.clipboard.readText()")) == PROVENANCE
    with page.expect_download() as overlay:
        page.get_by_role("button", name="Overlay video").click()
    assert Path(overlay.value.path()).read_bytes() == scene.overlay.read_bytes()
    with page.expect_download() as answer:
        page.get_by_role("button", name="Answer as JSON").click()
    assert answer.value.suggested_filename == "dropped.mp4.posemill.json"
    assert VideoAnswer.model_validate_json(Path(answer.value.path()).read_bytes()).main_subject == 0


def test_names_stay_text_and_scripts_of_others_do_not_run(opened: Open, scene: Scene) -> None:
    page = opened()
    entry = page.locator(".gallery button", has_text="onerror")
    expect(entry).to_contain_text(HOSTILE)
    entry.click()
    reached(page, "walk")
    expect(page.locator(".facts b")).to_have_text(f"{HOSTILE}.mp4")
    assert page.title() != "1"
    page.get_by_role("button", name="Try another").click()
    choose(page, scene.clip, f"broken{HOSTILE}.mp4")
    expect(page.get_by_role("alert").first).to_contain_text(f"broken{HOSTILE}.mp4 is not a video")
    assert page.title() != "1"


def test_without_an_overlay_skeletons_are_drawn_here(opened: Open, scene: Scene, tmp_path: Path) -> None:
    page = opened()
    screen, canvas = page.locator(".screen"), page.locator(".screen canvas")
    choose(page, scene.clip, "late.mp4")
    reached(page, "walk")
    expect(screen).to_have_attribute("data-source", "file")
    page.get_by_role("slider").press("Shift+ArrowRight")
    comes_true(canvas, PAINTED)
    page.get_by_label("Skeletons").uncheck()
    comes_true(canvas, BLANK)

    page.get_by_role("button", name="Try another").click()
    strange = tmp_path / "late.avi"
    strange.write_bytes(b"a container that the browser does not know")
    choose(page, strange, kind="video/x-msvideo")
    reached(page, "walk")
    expect(screen).to_have_attribute("data-source", "clock")
    expect(page.locator(".remark")).to_contain_text("only the skeletons are shown")
    page.get_by_role("slider").press(" ")
    expect(page.locator(".clock")).not_to_contain_text("0:00.0 /")
    comes_true(canvas, PAINTED)


def test_pictures_keys_and_the_small_service(opened: Open, scene: Scene, tmp_path: Path) -> None:
    page = opened()
    choose(page, scene.clip.with_name("still.jpg"), kind="image/jpeg")
    reached(page, "2 people")
    comes_true(page.locator(".screen canvas"), PAINTED)
    expect(page.locator(".provenance")).to_contain_text(PROVENANCE["id"])

    track = tmp_path / "track.json"
    track.write_text('{"keypoints": ["a", "b"], "time_s": [0, 1, 2], "xy": [[[0,0],[9,9]],[[1,1],[8,9]],[[2,2],null]]}')
    with serving(StandIn(scene, small=True, key="open-sesame").app()) as address:
        page = opened(at=address)
        page.get_by_role("textbox", name="Key").fill("open-sesame")
        page.get_by_role("button", name="Use this key").click()
        expect(page.locator("#lead")).to_contain_text("takes keypoints only")
        expect(page.locator(".gallery button")).not_to_have_count(0)
        choose(page, track, kind="application/json")
        reached(page, "walk")
        expect(page.locator(".screen")).to_have_attribute("data-source", "clock")
        assert drawn_size(page, "[[[0, 0], [900, 900]], [[-1, -1], [910, 910]]]") == [13, 13]  # 10 px, and 15 % around
        assert drawn_size(page, "[[[10, 0], [900, 900]], [[-1, 0], [910, 910]]]") == [1185, 1184]


def drawn_size(page: Page, xy: str) -> list[int]:
    """Width and height in pixels of the picture in which the page draws a track of the keypoints a and b."""
    track = f'{{"keypoints": ["a", "b"], "time_s": [0, 1], "xy": {xy}}}'
    size: list[int] = page.evaluate(
        """async (track) => {
            const { analysedTrack } = await import(new URL("keypoints.js", document.querySelector("script").src));
            const { answer } = await analysedTrack(new File([track], "track.json"), undefined, () => null);
            return [answer.video.width_px, answer.video.height_px];
        }""",
        track,
    )
    return size


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_of_it_without_scrolling_sideways(opened: Open, scene: Scene, scheme: str) -> None:
    page = opened(360, 740, color_scheme=scheme, has_touch=True, is_mobile=True)
    wide = "document.documentElement.scrollWidth"
    expect(page.locator(".gallery li").first).to_be_visible()
    assert page.evaluate(wide) == 360
    choose(page, scene.clip)
    reached(page, "walk")
    page.get_by_label("Wrong: wave").tap()
    page.locator("summary").tap()
    assert page.evaluate(wide) == 360
    for control in page.locator("#outcome button, #outcome select, #outcome summary").all():
        box = control.bounding_box()
        assert box is not None
        assert box["height"] >= 24, control.inner_text()  # WCAG 2.2, 2.5.8
    for text in page.locator("h1, .facts, .hint, .when, .moment-says, .legend, .problem, .tally").all():
        assert contrast(text) >= 4.5, text.inner_text()


def contrast(of: Locator) -> float:
    """WCAG contrast of a text to the first ground below it that is painted."""
    return float(
        of.evaluate(
            """node => {
              const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
              const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
                .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
                .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
              let ground = node;
              while ((rgb(getComputedStyle(ground).backgroundColor)[3] ?? 1) === 0) ground = ground.parentElement;
              const pair = [getComputedStyle(node).color, getComputedStyle(ground).backgroundColor].map(rgb).map(light);
              return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
            }"""
        )
    )
