"""`python -m pipelines bench speech`: cost of speech by module and delay, in the form of the paper's Tables 3 and 4.

A module's step is one call of it; its factor is the step's time over the seconds of film that the step makes anew. All
times are CPU time of this process, all threads added, so a busy machine does not change them; the encoder is another
process and is left out. With work on one core at a time CPU time is what an idle machine's clock would show.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipelines.assets import ASSETS, PORTRAITS
from pipelines.motion.edit import Edit
from pipelines.motion.pack import mix_relative
from pipelines.motion.space import FPS, Motion
from pipelines.portrait.types import Portrait
from pipelines.speech.audio import SAMPLE_RATE, load_audio
from pipelines.speech.choice import Delivery
from pipelines.speech.embedded_motion import SpeechStream, conditions_of, sampling_of
from pipelines.speech.features.phonetic import LIVE, WHOLE, PhoneticStream
from pipelines.speech.speak import FirstFrame, stream_bases

SECONDS = 6.0
SIZE = 512
UNIT_S = 0.4
MAX_DELAY_MS, MAX_OFFLINE, MAX_ONLINE = 385, 0.5, 1.0
_VOICE = ASSETS / "speech" / "welcome.flac"
_REPEATS = 3
Made = TypeVar("Made")
Floats = NDArray[np.float32]


def bench_speech(*, seconds: float = SECONDS, size: int = SIZE) -> dict[str, list[dict[str, Any]]]:
    """CPU milliseconds and real-time factors by module and as a whole, offline and streamed, by title.

    Args:
        seconds: of voice to measure on, at least 3.2.
        size: side of the rendered face.
    """
    from pipelines.portrait.load import load_photo
    from pipelines.portrait.register import register

    portrait = register(load_photo(PORTRAITS / "astronaut.jpg"))
    voice = np.resize(load_audio(_VOICE).samples, round(seconds * SAMPLE_RATE))
    hearing = {windowing: _features(voice, windowing) for windowing in (WHOLE, LIVE)}
    heard_ms = {windowing: ms / seconds for windowing, (_, ms) in hearing.items()}
    steps = _segment_steps(portrait, hearing[WHOLE][0])
    pictures_ms = _render(portrait, voice, size)
    unit_ms = 1000 / FPS
    hop_s = LIVE.hop_s
    offline_ms, online_ms = steps
    offline = (heard_ms[WHOLE] + offline_ms[0] / offline_ms[1] + FPS * pictures_ms) / 1000
    online = (heard_ms[LIVE] + online_ms[0] / online_ms[1] + FPS * pictures_ms) / 1000
    delay_ms = _delay(portrait, voice, size)
    return {
        "Speech by module, streamed (paper's Table 3)": [
            _figure("phonetic features, step", heard_ms[LIVE] * hop_s, "ms CPU"),
            _figure("phonetic features, factor", heard_ms[LIVE] / 1000, "RTF"),
            _figure("motion transformer, 10 steps", online_ms[0], "ms CPU"),
            _figure("motion transformer, factor", online_ms[0] / online_ms[1] / 1000, "RTF"),
            _figure("face rendering, step", pictures_ms, "ms CPU"),
            _figure("face rendering, factor", pictures_ms / unit_ms, "RTF"),
        ],
        "Speech by module, whole file (paper's Table 3)": [
            _figure("phonetic features, factor", heard_ms[WHOLE] / 1000, "RTF"),
            _figure("motion transformer, factor", offline_ms[0] / offline_ms[1] / 1000, "RTF"),
            _figure("face rendering, factor", pictures_ms / unit_ms, "RTF"),
        ],
        f"Speech, head {size} x {size} (paper's Table 4)": [
            _figure("offline", offline, "RTF", MAX_OFFLINE),
            _figure("online", online, "RTF", MAX_ONLINE),
            _figure("online, first frame after its last sound", delay_ms, "ms CPU", MAX_DELAY_MS),
            _figure("online, sound heard ahead", _stream(portrait).look_ahead_s, "s"),
        ],
    }


def _features(voice: Floats, windowing: Any) -> tuple[Floats, float]:
    def hear(sound: Floats) -> Floats:
        stream = PhoneticStream(windowing)
        return np.concatenate([stream.push(sound), stream.finish()])

    hear(voice[:SAMPLE_RATE])
    return _timed(lambda: hear(voice))


def _segment_steps(portrait: Portrait, features: Floats) -> tuple[tuple[float, float], tuple[float, float]]:
    """(CPU ms of a segment, seconds of film it makes anew), for whole files and for streams."""
    from pipelines.speech.diffusion import DdimSampler
    from pipelines.speech.embedded import shipped_generator
    from pipelines.speech.segments import STREAMED, SegmentOptions

    model = shipped_generator()
    sampler = DdimSampler(model.transformer, sampling_of(Delivery()))
    whole, live = (model.cut(options) for options in (SegmentOptions(), STREAMED))
    cond = conditions_of(portrait, Delivery()).at(features[: whole.length]).packed()
    sampler.segment(0, model.scale.rest(), cond)
    ms = float(np.median([_timed(lambda: sampler.segment(1, model.scale.rest(), cond))[1] for _ in range(_REPEATS)]))
    return (ms, whole.valid / FPS), (ms, live.valid / FPS)


def _render(portrait: Portrait, voice: Floats, size: int) -> float:
    """CPU ms of one picture of the voice's motion."""
    from pipelines.render.sequence import render_sequence

    stream = _stream(portrait)
    departures = stream.push(voice)
    bases = mix_relative(portrait.motion, departures, reference=Motion.identity())
    frames = render_sequence(portrait, (bases[i] for i in range(len(bases))), Edit(), size=size)
    next(frames)
    count, ms = _timed(lambda: sum(1 for _ in frames))
    return ms / max(count, 1)


def _delay(portrait: Portrait, voice: Floats, size: int) -> float:
    """Median CPU ms from the last sample frame 0 needs until its picture is drawn; all parts are warm."""
    from pipelines.render.sequence import render_sequence

    unit = round(UNIT_S * SAMPLE_RATE)
    delays = []
    for _ in range(_REPEATS):
        clock = FirstFrame()
        units: Iterator[Floats] = (voice[start : start + unit] for start in range(0, len(voice), unit))
        bases = stream_bases(portrait, _stream(portrait), units, clock=clock)
        frames = clock.encoding(render_sequence(portrait, bases, Edit(), size=size))
        for _frame in itertools.islice(frames, 2):
            pass
        delays.append(1000 * clock.cpu_s)
    return float(np.median(delays))


def _stream(portrait: Portrait) -> SpeechStream:
    return SpeechStream(portrait=portrait, delivery=Delivery())


def _timed(work: Callable[[], Made]) -> tuple[Made, float]:
    """What the work makes, and the CPU ms of this process."""
    begun = time.process_time()
    made = work()
    return made, 1000 * (time.process_time() - begun)


def _figure(name: str, value: float, unit: str, bar: float | str = "") -> dict[str, Any]:
    return {"figure": name, "value": round(float(value), 3), "unit": unit, "bar": bar}
