// Which stretch of time the lanes show, and how seconds, frames and places in the lanes turn into one another.
(() => {
  const { playback, clamp } = studio;
  const LEAST_FRAMES = 8;
  const TICKS_S = [0.04, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600];
  const TICK_PX = 64;
  /** Shown stretch as shares of the whole, so that a clip that grows keeps its view. */
  let start = 0;
  let stop = 1;

  const fps = () => playback.fps();
  /** While a hand holds something the lanes do not grow under it. */
  let frozen_s = null;
  const whole_s = () => frozen_s ?? Math.max(playback.reach_s(), 1 / fps());
  const from_s = () => start * whole_s();
  const span_s = () => (stop - start) * whole_s();

  /** Share of the lane's width, 0..1 inside, of a moment. */
  const share = (seconds) => (seconds - from_s()) / span_s();
  /** The same for a key or the playhead: the middle of its frame. */
  const half_s = () => 0.5 / fps();
  const middle = (seconds) => share(seconds + half_s());
  const secondsAt = (at) => from_s() + at * span_s();
  const snap = (seconds) => Math.round(seconds * fps()) / fps();
  /** Moment of the frame under a place of the lane. */
  const frameAt = (at) => clamp(Math.floor(secondsAt(at) * fps() + 1e-6), 0, playback.reachFrames() - 1);

  function show(newStart, newStop) {
    const least = Math.min(1, LEAST_FRAMES / fps() / whole_s());
    const size = clamp(newStop - newStart, least, 1);
    start = clamp(newStart, 0, 1 - size);
    stop = start + size;
    studio.emit("timeview");
  }

  /** Zoom about a place of the lane; above 1 shows less. */
  function zoom(factor, about = 0.5) {
    const size = stop - start;
    const fixed = start + about * size;
    show(fixed - (about * size) / factor, fixed + ((1 - about) * size) / factor);
  }

  /** Move by a share of what is shown. */
  function scroll(by) {
    const size = stop - start;
    show(start + by * size, stop + by * size);
  }

  function freeze(isOn) {
    frozen_s = null;
    if (isOn) frozen_s = whole_s();
    else studio.emit("timeview");
  }

  /** Bring the playhead into view: while playing page by page. */
  function follow(seconds) {
    const at = middle(seconds);
    if (at >= 0 && at <= 1) return;
    const size = stop - start;
    const first = seconds / whole_s() - 0.05 * size;
    show(first, first + size);
  }

  /** Figures of the ruler: [{seconds, text}] for a lane of some width. */
  function ticks(width_px) {
    const most = Math.max(1, width_px / TICK_PX);
    const tick = TICKS_S.find((step) => span_s() / step <= most) ?? TICKS_S.at(-1);
    const count = Math.ceil(span_s() / tick) + 1;
    const first = Math.ceil(from_s() / tick - 1e-6);
    return Array.from({ length: count }, (_, i) => (first + i) * tick)
      .filter((seconds) => share(seconds) <= 1 - TICK_PX / 2 / Math.max(TICK_PX, width_px))
      .map((seconds) => ({ seconds, text: figure(seconds, tick) }));
  }

  function figure(seconds, tick) {
    if (tick >= 60) return `${Math.round(seconds / 60)} min`;
    return `${Number(seconds.toFixed(tick < 0.1 ? 2 : 1))} s`;
  }

  studio.on("clip", () => show(0, 1));

  studio.timeview = {
    share,
    middle,
    half_s,
    whole_s,
    secondsAt,
    frameAt,
    snap,
    zoom,
    scroll,
    follow,
    freeze,
    ticks,
    span_s,
    from_s,
    fit: () => show(0, 1),
    isFitted: () => start === 0 && stop === 1,
    shown: () => [start, stop],
  };
})();
