"""A voice moves the face while it is spoken: the microphone, a file, edits meanwhile, the clip that is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, Playwright, expect

from pipelines.assets import ASSETS
from pipelines.video import extract_sound
from tests.browser.driver import LAUNCH, Studio, difference, open_context, open_studio
from tests.browser.test_speech import BROWS, choose_voice

pytestmark = pytest.mark.browser

START_MS = 60_000
VOICE = ASSETS / "speech" / "welcome.flac"
PALE = "--use-fake-ui-for-media-stream"
"""Says yes to every question for a device."""

LOOK = """() => {
    const canvas = document.querySelector('#st-stage canvas.picture');
    const small = new OffscreenCanvas(16, 16).getContext('2d', {willReadFrequently: true});
    small.drawImage(canvas, 170, 290, 172, 140, 0, 0, 16, 16);
    return [...small.getImageData(0, 0, 16, 16).data].filter((_, i) => i % 4 === 1);
}"""
"""(256,) greens of the lips, coarse."""

SAMPLE = """async seconds => {
    const look = %s;
    const {live, stage} = studio;
    const samples = [];
    const start = performance.now();
    while (performance.now() - start < 1000 * seconds && live.phase() === 'on') {
        await new Promise(requestAnimationFrame);
        const shown = stage.shownFrame;
        if (shown === null || shown === samples.at(-1)?.frame) continue;
        const {delay_s, rtf, level, time_s} = live.figures();
        const at = (performance.now() - start) / 1000;
        samples.push({frame: shown, at, delay_s, rtf, level, time_s, lips: look()});
    }
    return samples;
}""".replace("%s", LOOK)


@pytest.fixture(scope="module")
def listening(
    driver: Playwright, chromium: str, studio_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Studio]:
    """A page whose microphone hears the first example over and over."""
    heard = extract_sound(VOICE, tmp_path_factory.mktemp("microphone") / "voice.wav", rate=48_000)
    browser = driver.chromium.launch(
        executable_path=chromium, args=[*LAUNCH, f"--use-file-for-fake-audio-capture={heard}"]
    )
    context = open_context(browser, permissions=["microphone"])
    studio = open_studio(context, studio_url)
    if not studio.run("() => Boolean(studio.state.data.speech)"):
        pytest.skip("this studio has no speech model")
    studio.panel("speech")
    yield studio
    browser.close()


def begin(studio: Studio, source: str) -> None:
    """Press the button and wait for the first picture of the voice."""
    studio.run("() => studio.live.stop()")
    studio.page.wait_for_function("() => studio.live.phase() === 'off'")
    studio.reset()
    studio.panel("speech")
    studio.page.locator(f"[data-action=live-{source}]").click()
    studio.page.wait_for_function(
        "() => studio.live.phase() === 'on' && studio.live.figures().delay_s !== null", timeout=START_MS
    )


def end(studio: Studio, key: str | None) -> None:
    """Press stop and wait for the clip."""
    if studio.run("() => studio.live.phase()") == "on":
        studio.page.locator("[data-action=live-stop]").click()
    studio.page.wait_for_function(
        "key => studio.live.phase() === 'off' && studio.state.clip && studio.state.clip.key !== key", arg=key
    )
    studio.page.wait_for_function("() => studio.state.clip.drawing")
    studio.settle()


def clip_key(studio: Studio) -> str | None:
    return studio.run("() => studio.state.clip?.key ?? null")


def lips_at(studio: Studio, frame: int) -> np.ndarray:
    """The lips of a frame of the clip as `SAMPLE` sees them."""
    studio.run("frame => studio.playback.seek(frame)", frame)
    studio.settle()
    assert studio.run("() => studio.stage.shownFrame") == frame
    return np.array(studio.run(LOOK))


def spread(samples: list[dict]) -> float:
    """How much the lips change over time, 0..255."""
    return float(np.array([sample["lips"] for sample in samples], float).std(0).mean())


def test_the_microphone_moves_the_lips_and_leaves_a_clip(listening: Studio) -> None:
    before = clip_key(listening)
    begin(listening, "microphone")
    samples = listening.run(SAMPLE, 5)
    frames = np.array([sample["frame"] for sample in samples])
    # every picture is later than the one before, however few a busy machine draws
    assert len(frames) > 8 and (np.diff(frames) > 0).all()
    assert spread(samples) > 2
    # 0.97 s of look-ahead, and what the machine adds
    delays = [sample["delay_s"] for sample in samples]
    assert 0.5 < np.median(delays) < 6
    assert max(sample["level"] for sample in samples) > 0.3
    expect(listening.page.locator("[data-delay]")).to_contain_text("s")
    end(listening, before)
    clip = listening.run("() => studio.state.clip")
    assert clip["sound"] and clip["frames"] > frames.max() - 2
    # pictures shown live are those of the clip
    curve = np.array(listening.run("() => studio.state.clip.drawing.curves.lips"))
    assert np.ptp(curve) > 0.03
    live = samples[:: len(samples) // 4]
    again = [lips_at(listening, sample["frame"]) for sample in live]
    own = [np.abs(np.array(sample["lips"]) - lips).mean() for sample, lips in zip(live, again, strict=True)]
    others = [np.abs(np.array(sample["lips"]) - lips).mean() for sample, lips in zip(live, again[1:], strict=False)]
    assert np.mean(own) < 0.3 * np.mean(others)


def test_the_sound_of_the_clip_is_what_was_said(listening: Studio, tmp_path: Path) -> None:
    before = clip_key(listening)
    begin(listening, "microphone")
    listening.page.wait_for_timeout(1500)
    end(listening, before)
    url = listening.run("() => studio.transport.route('sound').href")
    path = tmp_path / "sound.wav"
    path.write_bytes(listening.page.request.get(url).body())
    said, rate = soundfile.read(path)
    frames = listening.run("() => studio.state.clip.frames")
    assert len(said) / rate == pytest.approx(frames / 25, abs=0.05) and said.std() > 0.01
    reference, _ = soundfile.read(extract_sound(VOICE, tmp_path / "voice.wav", rate=rate))
    # loudness of what was heard is found again in the recording, which the microphone repeats
    step = rate // 100
    heard, whole = (
        np.sqrt((samples[: len(samples) // step * step].reshape(-1, step) ** 2).mean(1))
        for samples in (said, np.tile(reference, 4))
    )
    heard = heard[50:]
    matches = [np.corrcoef(heard, whole[at : at + len(heard)])[0, 1] for at in range(len(whole) - len(heard))]
    assert max(matches) > 0.8


@pytest.mark.alone
def test_a_slider_acts_on_the_running_voice(listening: Studio) -> None:
    before = clip_key(listening)
    begin(listening, "microphone")
    plain = listening.pixels()
    frame = listening.run("() => studio.stage.shownFrame")
    listening.run("() => studio.set('brow_raise', 1)")
    listening.page.wait_for_function("frame => studio.stage.shownFrame > frame + 12", arg=frame)
    edited = listening.pixels()
    assert difference(edited[BROWS], plain[BROWS]) > 1
    # lips of the speech itself
    listening.run("() => studio.speech.set({speech_lips: 0, speech_head: 0, speech_blinks: false})")
    frame = listening.run("() => studio.stage.shownFrame")
    listening.page.wait_for_function("frame => studio.stage.shownFrame > frame + 12", arg=frame)
    samples = listening.run(SAMPLE, 2)
    listening.run("() => studio.speech.set({speech_lips: 1, speech_head: 1})")
    moving = listening.run(SAMPLE, 2)
    listening.run("() => studio.speech.set({speech_blinks: true})")
    assert spread(samples) < 0.5 * spread(moving)
    end(listening, before)


@pytest.mark.alone
def test_a_file_streams_with_its_sound_in_step(listening: Studio) -> None:
    before = clip_key(listening)
    listening.panel("speech")
    choose_voice(listening)
    begin(listening, "file")
    samples = listening.run(SAMPLE, 20)
    frames, due = (
        np.array(column) for column in zip(*((s["frame"], int(s["time_s"] * 25)) for s in samples), strict=True)
    )
    settled = frames > 25
    assert settled.sum() > 10 and spread(samples) > 2
    behind = np.abs(due - frames)[settled]
    keeps_up = settled.sum() > 0.9 * np.ptp(frames[settled])
    assert np.mean(behind <= 1) > (0.95 if keeps_up else 0.5)
    end(listening, before)
    duration_s = soundfile.info(VOICE).duration
    assert listening.run("() => studio.state.clip.frames") == pytest.approx(25 * duration_s, abs=1)
    assert listening.run("() => studio.state.clip.label") == "Welcome"


SLOW_WIRE = """() => {
    const Real = window.WebSocket;
    window.wire = {real: Real, sent: 0, held: [], isHeld: true};
    window.WebSocket = class extends Real {
        send(data) {
            if (this.url.includes('/speak') && data.byteLength) wire.sent += data.byteLength / 32000;
            super.send(data);
        }
        set onmessage(listen) {
            const isNews = event => this.url.includes('/speak') && 'frames' in JSON.parse(event.data);
            super.onmessage = event =>
                wire.isHeld && isNews(event) ? wire.held.push([listen, event]) : listen(event);
        }
    };
}"""
"""The page learns nothing of what the server heard until `LET_GO`; `wire.sent` counts seconds of sound."""
LET_GO = "() => { wire.isHeld = false; wire.held.forEach(([listen, event]) => listen(event)); }"


def test_a_file_waits_for_a_slow_machine_and_loses_nothing(listening: Studio, tmp_path: Path) -> None:
    samples, rate = soundfile.read(VOICE, stop=6 * soundfile.info(VOICE).samplerate)
    soundfile.write(tmp_path / "six.wav", samples, rate)
    before, page = clip_key(listening), listening.page
    listening.panel("speech")
    if page.locator("#st-voice button[aria-label=Clear]").count():
        page.locator("#st-voice button[aria-label=Clear]").click()
    page.locator("#st-voice input[type=file]").set_input_files(str(tmp_path / "six.wav"))
    expect(page.locator("#st-voice #duration")).to_have_text("0:06", timeout=30_000)
    listening.run(SLOW_WIRE)
    page.locator("[data-action=live-file]").click()
    page.wait_for_function("() => wire.held.length > 0 && wire.sent > 4", timeout=START_MS)
    page.wait_for_timeout(1500)
    ahead_s = listening.run("() => wire.sent")
    assert listening.run("() => studio.live.phase()") == "on" and 4 < ahead_s < 5.2
    listening.run(LET_GO)
    end_of_file = "key => studio.live.phase() === 'off' && studio.state.clip && studio.state.clip.key !== key"
    page.wait_for_function(end_of_file, arg=before)
    listening.run("() => { window.WebSocket = wire.real; }")
    assert listening.run("() => wire.sent") == pytest.approx(6, abs=0.01)
    assert listening.run("() => studio.state.clip.frames") == 150


def test_one_owner_of_the_canvas(listening: Studio) -> None:
    if not clip_key(listening):
        before = clip_key(listening)
        begin(listening, "microphone")
        end(listening, before)
    before = clip_key(listening)
    listening.run("() => studio.playback.play()")
    begin(listening, "microphone")
    assert not listening.run("() => studio.playback.isPlaying()")
    listening.run("() => studio.playback.play()")
    assert not listening.run("() => studio.playback.isPlaying()")
    assert listening.page.locator("[data-action=generate]").is_disabled()
    end(listening, before)
    listening.run("() => studio.playback.play()")
    listening.page.wait_for_function("() => studio.playback.isPlaying() && studio.stage.shownFrame > 3")
    listening.run("() => studio.playback.pause()")


def test_without_permission_or_voice_it_says_one_sentence(driver: Playwright, chromium: str, studio_url: str) -> None:
    flags = [flag for flag in LAUNCH if flag != PALE]
    browser: Browser = driver.chromium.launch(executable_path=chromium, args=flags)
    studio = open_studio(open_context(browser), studio_url)
    studio.panel("speech")
    toast = studio.page.locator(".toast[data-kind=error]")
    studio.page.locator("[data-action=live-microphone]").click()
    expect(toast).to_contain_text("may not use the microphone")
    assert studio.run("() => studio.live.phase()") == "off"
    studio.run("() => studio.toast.hide()")
    studio.page.locator("[data-action=live-file]").click()
    expect(toast).to_contain_text("no voice yet")
    studio.run("""() => {
        studio.toast.hide();
        const refuse = () => Promise.reject(new DOMException('', 'NotFoundError'));
        Object.defineProperty(navigator.mediaDevices, 'getUserMedia', {value: refuse});
    }""")
    studio.page.locator("[data-action=live-microphone]").click()
    expect(toast).to_contain_text("No microphone was found")
    assert studio.run("() => studio.live.phase()") == "off"
    browser.close()
