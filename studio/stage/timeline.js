// The timeline under the stage: transport, ruler, waveform, curves, playhead. There only while a clip plays under the edit.
(() => {
  const { state, playback } = studio;
  const { make, one, all, root, setText } = studio.dom;
  const UNIT = { width: 1000, height: 100 };
  const TICKS_S = [0.2, 0.5, 1, 2, 5, 10, 30, 60, 120];
  const TICK_PX = 64;
  /** Curves with the value at the lane's lower and upper edge. */
  const LANES = [
    { key: "lips", label: "Lips", region: "mouth", low: -0.04, high: 0.3 },
    { key: "yaw", label: "Head turn", region: "head", low: -12, high: 12 },
    { key: "blink", label: "Blink", region: "eyes", low: -0.2, high: 1.05 },
  ];
  let host = null;

  function markup() {
    const lanes = LANES.map(
      ({ key, label, region }) => `<div class="tl"><b class="dot-region" style="--c:var(--rg-${region})"></b><span>${label}</span></div>
        <div class="lane curve" style="--c:var(--rg-${region})"><svg viewBox="0 0 ${UNIT.width} ${UNIT.height}"
          preserveAspectRatio="none" aria-hidden="true"><path class="zero"/><path data-curve="${key}"/></svg></div>`,
    );
    return `<div class="time"><div class="tbar">
        ${studio.button("first", "First frame · Home", { small: true })}${studio.button("play", "Play · Space", { small: true, kind: "play" })}
        ${studio.button("last", "Last frame · End", { small: true })}${studio.button("loop", "Loop · L", { small: true, pressed: false })}
        <span class="clock" data-clock></span><span class="of" data-of></span>
        <div class="scrub thin" data-scrub role="slider" tabindex="0" aria-label="Playhead" aria-valuemin="0"><i></i></div>
        <span class="clip-label" data-label></span>
        ${studio.button("trash", "Remove the clip", { small: true, action: "remove-clip" })}
        ${studio.button("down", "Collapse the timeline · T", { small: true, action: "fold" })}</div>
      <div class="tgrid" data-scrub><div class="tl ruler"></div><div class="lane ruler" data-lanes></div>
        <div class="tl voice">${studio.icon("speech", 15)}<span>Voice</span></div>
        <div class="lane wave"><svg viewBox="0 0 ${UNIT.width} ${UNIT.height}" preserveAspectRatio="none"
          aria-hidden="true"><path data-wave/></svg></div>${lanes.join("")}<div class="playhead"><b></b></div></div></div>`;
  }

  // ---- drawing ----
  const x = (share) => (share * UNIT.width).toFixed(1);

  function wave(peaks) {
    const height = UNIT.height / 2 - 4;
    return peaks.map((peak, i) => {
      const half = Math.max(1, peak * height);
      return `M${x((i + 0.5) / peaks.length)} ${(UNIT.height / 2 - half).toFixed(1)}v${(2 * half).toFixed(1)}`;
    }).join("");
  }

  const y = (value, { low, high }) => (UNIT.height * (1 - studio.clamp((value - low) / (high - low), 0, 1))).toFixed(1);

  function curve(values, lane, step) {
    const { frames } = state.clip;
    return values.map((value, i) => `${i ? "L" : "M"}${x((i * step + 0.5) / frames)} ${y(value, lane)}`).join("");
  }

  function paintDrawing() {
    const drawing = state.clip?.drawing;
    one("[data-wave]", host).setAttribute("d", drawing ? wave(drawing.peaks) : "");
    for (const lane of LANES) {
      const path = one(`[data-curve=${lane.key}]`, host);
      path.setAttribute("d", drawing ? curve(drawing.curves[lane.key], lane, drawing.step) : "");
      path.previousElementSibling.setAttribute("d", `M0 ${y(0, lane)}H${UNIT.width}`);
    }
  }

  function paintRuler() {
    if (!state.clip || root().dataset.time !== "open") return;
    const { frames, fps } = state.clip;
    const seconds = frames / fps;
    const lane = one("[data-lanes]", host);
    const most = Math.max(1, lane.clientWidth / TICK_PX);
    const tick = TICKS_S.find((step) => seconds / step <= most) ?? TICKS_S.at(-1);
    // the last mark needs room for its figure
    const room = seconds - (seconds * TICK_PX) / 2 / Math.max(TICK_PX, lane.clientWidth);
    const marks = Array.from({ length: Math.floor(room / tick) + 1 }, (_, i) => i * tick);
    const text = (at) => (tick < 60 ? `${Number(at.toFixed(1))} s` : `${Math.round(at / 60)} min`);
    lane.innerHTML = marks.map((at) => `<i style="left:${((100 * at) / seconds).toFixed(3)}%">${text(at)}</i>`).join("");
  }

  const pad = (number, digits = 2) => String(number).padStart(digits, "0");
  const clock = (seconds) => {
    const hundredths = Math.floor(seconds * 100 + 1e-6);
    return `${pad(Math.floor(hundredths / 6000))}:${pad(Math.floor(hundredths / 100) % 60)}.${pad(hundredths % 100)}`;
  };

  function paintPlayhead() {
    if (!host || !state.clip) return;
    const { frames, fps } = state.clip;
    const frame = playback.frame();
    setText(one("[data-clock]", host), clock(frame / fps));
    setText(one("[data-of]", host), `frame ${frame + 1} of ${frames} · ${fps} fps`);
    one(".time", host).style.setProperty("--x", ((frame + 0.5) / frames).toFixed(5));
    const slider = one("[role=slider]", host);
    slider.setAttribute("aria-valuemax", frames - 1);
    slider.setAttribute("aria-valuenow", frame);
    slider.setAttribute("aria-valuetext", `${clock(frame / fps)}, frame ${frame + 1} of ${frames}`);
  }

  function paintTransport() {
    if (!host) return;
    const button = one(".play", host);
    const isPlaying = playback.isPlaying();
    const tip = isPlaying ? "Pause · Space" : "Play · Space";
    if (button.title !== tip) {
      button.title = tip;
      button.setAttribute("aria-label", tip.split(" · ")[0]);
      button.innerHTML = studio.icon(isPlaying ? "pause" : "play");
    }
    one("[data-action=loop]", host).setAttribute("aria-pressed", playback.isLoop());
  }

  // ---- open, collapsed, absent ----
  function showClip() {
    if (!host) return;
    if (state.clip) root().dataset.time = studio.recall("timeline") || "open";
    else delete root().dataset.time;
    setText(one("[data-label]", host), state.clip?.label ?? "");
    [paintDrawing, paintRuler, paintTransport, paintPlayhead, paintFold].forEach((paint) => paint());
  }

  function paintFold() {
    const isOpen = root().dataset.time === "open";
    const button = one("[data-action=fold]", host);
    button.title = `${isOpen ? "Collapse" : "Open"} the timeline · T`;
    button.setAttribute("aria-label", button.title.split(" · ")[0]);
    button.setAttribute("aria-expanded", isOpen);
  }

  function fold() {
    if (!state.clip) return;
    const next = root().dataset.time === "open" ? "closed" : "open";
    studio.remember("timeline", next);
    root().dataset.time = next;
    paintFold();
    paintRuler();
  }

  // ---- hands ----
  /** Frame under the pointer, counted over the lanes or over the thin track of the collapsed bar. */
  function frameUnder(event, area) {
    const box = (one("[data-lanes]", area) || area).getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    return Math.floor(studio.clamp(share, 0, 1) * state.clip.frames);
  }

  function scrub(event) {
    const area = event.target.closest("[data-scrub]");
    if (!area || !state.clip || event.button > 0 || event.target.closest(".tl")) return;
    event.preventDefault();
    area.setPointerCapture(event.pointerId);
    playback.hold();
    playback.seek(frameUnder(event, area));
    const move = (moved) => playback.seek(frameUnder(moved, area));
    const end = () => {
      area.removeEventListener("pointermove", move);
      playback.release();
    };
    area.addEventListener("pointermove", move);
    ["pointerup", "pointercancel"].forEach((name) => area.addEventListener(name, end, { once: true }));
  }

  const ACTIONS = {
    first: () => playback.seek(0),
    last: () => playback.seek(playback.lastFrame()),
    play: () => playback.toggle(),
    loop: () => playback.setLoop(!playback.isLoop()),
    fold,
    "remove-clip": () => studio.clip.remove(),
  };

  const KEYS = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, PageDown: -25, PageUp: 25 };

  function onKey(event) {
    if (!event.target.matches("[role=slider]")) return;
    const by = KEYS[event.key];
    const end = { Home: 0, End: playback.lastFrame() }[event.key];
    if (by === undefined && end === undefined) return;
    event.preventDefault();
    if (end === undefined) playback.step(by * (event.shiftKey ? 10 : 1));
    else playback.seek(end);
  }

  function mount(element) {
    host = element;
    host.replaceChildren(make(markup()));
    host.addEventListener("click", (event) => ACTIONS[event.target.closest("button")?.dataset.action]?.());
    host.addEventListener("pointerdown", scrub);
    host.addEventListener("keydown", onKey);
    new ResizeObserver(paintRuler).observe(one(".tgrid", host));
    showClip();
  }

  studio.on("clip", showClip);
  studio.on("clip-drawing", () => host && paintDrawing());
  studio.on("playing", paintTransport);
  studio.on("playhead", paintPlayhead);

  studio.timeline = { fold };
  studio.mountTimeline = mount;
})();
