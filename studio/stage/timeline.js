// The timeline under the stage: transport, ruler, rows or curves, playhead. There as soon as something moves or is stacked.
(() => {
  const { state, playback, timeview, keying, table } = studio;
  const { make, one, all, root, setText } = studio.dom;
  const HEIGHT = { least_px: 140, share: 0.6, step_px: 20 };
  const SCROLLBAR_PX = 12;
  let host = null;
  let view = "keys";

  const segment = (key, label, tip) =>
    `<button type="button" role="radio" data-lanes-view="${key}" aria-checked="${key === view}" title="${tip}">${label}</button>`;

  function markup() {
    return `<div class="time"><i class="time-edge" role="separator" tabindex="0" aria-orientation="horizontal" aria-label="Height of the timeline"
        title="${table.tip("Height of the timeline; drag, or arrow keys", "px")}"></i><div class="tbar">
        ${studio.button("first", "First frame · Home", { small: true })}${studio.button("play", "Play · Space", { small: true, kind: "play" })}
        ${studio.button("last", "Last frame · End", { small: true })}${studio.button("loop", "Loop · Shift L", { small: true, pressed: false })}
        <span class="clock" data-clock></span><span class="of" data-of></span>${studio.keyMenu.markup()}
        <div class="scrub thin" data-scrub role="slider" tabindex="0" aria-label="Playhead" aria-valuemin="0"
          title="${table.tip("Playhead; drag, or arrow keys", "frames", "the clip")}"><i></i></div>
        <span class="clip-label" data-label></span>
        ${studio.button("key", "Set a key at the playhead · K", { small: true, text: "Key" })}
        ${studio.button("autokey", "Auto-key: every change of a layer sets a key", { small: true, action: "auto-key", pressed: false, text: "Auto" })}
        <div class="segments" role="radiogroup" aria-label="Timeline view">${segment("keys", "Keys", "Rows of keys, one a layer")}
          ${segment("curves", "Curves", "Values over time of the layer at hand")}</div>
        ${studio.button("trash", "Remove the clip", { small: true, action: "remove-clip" })}
        ${studio.button("down", "Collapse the timeline · T", { small: true, action: "fold" })}
        ${studio.button("keylist", "Keys and curves", { small: true, action: "sheet", kind: "only-phone" })}</div>
      <div class="tgrid" data-scrub><div class="tl ruler">${studio.button("minus", "Show more time · wheel", { small: true, action: "less" })}
          ${studio.button("plus", "Show less time · wheel", { small: true, action: "more" })}
          ${studio.button("fit", "Show all of the time", { small: true, action: "whole" })}</div>
        <div class="lane ruler" data-lanes></div>
        <div class="trows"><div class="tbase"></div><div class="tlayers"></div></div><div class="tcurves"></div>
        <div class="playhead"><b></b></div></div></div>`;
  }

  const pad = (number, digits = 2) => String(number).padStart(digits, "0");
  const clock = (seconds) => {
    const hundredths = Math.floor(seconds * 100 + 1e-6);
    return `${pad(Math.floor(hundredths / 6000))}:${pad(Math.floor(hundredths / 100) % 60)}.${pad(hundredths % 100)}`;
  };

  // ---- painting ----
  function paintPlayhead() {
    const frames = playback.frames();
    if (!host || !frames) return;
    const fps = playback.fps();
    const frame = playback.frame();
    if (playback.isPlaying()) timeview.follow(frame / fps);
    setText(one("[data-clock]", host), clock(frame / fps));
    setText(one("[data-of]", host), `frame ${frame + 1} of ${Math.max(frames, frame + 1)} · ${fps} fps`);
    const at = timeview.middle(frame / fps);
    const time = one(".time", host);
    time.style.setProperty("--at", at.toFixed(5));
    time.style.setProperty("--x", Math.min(1, (frame + 0.5) / playback.reachFrames()).toFixed(5));
    one(".playhead", host).hidden = at < 0 || at > 1;
    const slider = one(".scrub.thin", host);
    slider.setAttribute("aria-valuemax", playback.reachFrames() - 1);
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
    one("[data-action=auto-key]", host).setAttribute("aria-pressed", state.autoKey);
  }

  function paintLanes() {
    if (!host) return;
    const grid = one(".tgrid", host);
    grid.style.setProperty("--grid-w", `${grid.clientWidth - SCROLLBAR_PX}px`);
    studio.timelineRuler.paint();
    studio.timelineRows.place();
    studio.timelineCurves.layOut();
    paintPlayhead();
  }

  // ---- open, collapsed, absent ----
  const isNeeded = () => Boolean(state.clip || keying.hasKeys() || keying.layers().length > 1);

  function showTime() {
    if (!host) return;
    const before = root().dataset.time;
    if (isNeeded()) root().dataset.time = studio.recall("timeline") || "open";
    else delete root().dataset.time;
    setText(one("[data-label]", host), state.clip?.label ?? "");
    one("[data-action=remove-clip]", host).hidden = !state.clip;
    paintTransport();
    paintFold();
    if (before !== root().dataset.time) paintLanes();
    else paintPlayhead();
  }

  function paintFold() {
    const isOpen = root().dataset.time === "open";
    const button = one("[data-action=fold]", host);
    button.title = `${isOpen ? "Collapse" : "Open"} the timeline · T`;
    button.setAttribute("aria-label", button.title.split(" · ")[0]);
    button.setAttribute("aria-expanded", isOpen);
  }

  function fold() {
    if (!isNeeded()) return;
    const next = root().dataset.time === "open" ? "closed" : "open";
    studio.remember("timeline", next);
    root().dataset.time = next;
    paintFold();
    paintLanes();
  }

  function setView(next) {
    view = next;
    for (const button of all("[data-lanes-view]", host)) {
      button.setAttribute("aria-checked", button.dataset.lanesView === view);
      button.tabIndex = button.dataset.lanesView === view ? 0 : -1;
    }
    one(".time", host).dataset.lanes = view;
    studio.emit("timeline-view");
    paintLanes();
  }

  /** Phones: the lanes come as a sheet over the panel. */
  function toggleSheet() {
    const isOpen = one(".time", host).classList.toggle("sheet-open");
    one("[data-action=sheet]", host).setAttribute("aria-expanded", isOpen);
    paintLanes();
  }

  // ---- hands ----
  /** Frame under the pointer, over the lanes or over the thin track of the collapsed bar. */
  function frameUnder(event, area) {
    const lanes = one("[data-lanes]", area);
    const box = (lanes || area).getBoundingClientRect();
    const share = studio.clamp((event.clientX - box.left) / box.width, 0, 1);
    return lanes ? timeview.frameAt(share) : Math.floor(share * (playback.reachFrames() - 1) + 0.5);
  }

  function scrub(event) {
    const area = event.target.closest("[data-scrub]");
    if (!area || event.button > 0 || event.target.closest(".tl, .tlabels")) return;
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

  function setHeight(pixels) {
    const height = Math.round(studio.clamp(pixels, HEIGHT.least_px, HEIGHT.share * innerHeight));
    root().style.setProperty("--h-time", `${height}px`);
    studio.remember("timeline-height", height);
    paintLanes();
  }

  function listenEdge() {
    const edge = one(".time-edge", host);
    const height = () => one(".time", host).offsetHeight;
    edge.addEventListener("pointerdown", (event) => {
      const start = height();
      event.preventDefault();
      studio.rowHands.follow(event, edge, { move: (moved) => setHeight(start + event.clientY - moved.clientY), end: () => {} });
    });
    edge.addEventListener("keydown", (event) => {
      const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      event.stopPropagation();
      setHeight(height() + by * HEIGHT.step_px);
    });
    const wanted = Number(studio.recall("timeline-height"));
    if (wanted) root().style.setProperty("--h-time", `${wanted}px`);
  }

  const ACTIONS = {
    first: () => playback.seek(0),
    last: () => playback.seek(playback.lastFrame()),
    play: () => playback.toggle(),
    loop: () => playback.setLoop(!playback.isLoop()),
    key: () => keying.addAtPlayhead(),
    "auto-key": () => keying.setAutoKey(!state.autoKey),
    less: () => timeview.zoom(0.5),
    more: () => timeview.zoom(2),
    whole: () => timeview.fit(),
    basics: () => studio.timelineBase.toggle(),
    sheet: toggleSheet,
    fold,
    "remove-clip": () => studio.clip.remove(),
  };

  const KEYS = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, PageDown: -25, PageUp: 25 };

  function onKey(event) {
    if (!event.target.matches(".scrub[role=slider]")) return;
    const by = KEYS[event.key];
    const end = { Home: 0, End: playback.lastFrame() }[event.key];
    if (by === undefined && end === undefined) return;
    event.preventDefault();
    if (end === undefined) playback.step(by * (event.shiftKey ? 10 : 1));
    else playback.seek(end);
  }

  function onClick(event) {
    const { action, lanesView } = event.target.closest("button")?.dataset ?? {};
    if (lanesView) setView(lanesView);
    else ACTIONS[action]?.();
  }

  function mount(element) {
    host = element;
    host.replaceChildren(make(markup()));
    host.addEventListener("click", onClick);
    host.addEventListener("pointerdown", scrub);
    host.addEventListener("keydown", onKey);
    listenEdge();
    studio.keyMenu.mount(one(".chosen", host));
    studio.timelineBase.mount(one(".tbase", host));
    studio.timelineRows.mount(one(".tlayers", host), one(".trows", host));
    studio.timelineCurves.mount(one(".tcurves", host));
    studio.timelineRuler.mount(one("[data-lanes]", host), one(".tgrid", host));
    new ResizeObserver(paintLanes).observe(one(".tgrid", host));
    setView(view);
    showTime();
  }

  studio.on("clip", showTime);
  studio.on("document", showTime);
  studio.on("playing", paintTransport);
  studio.on("auto-key", paintTransport);
  studio.on("playhead", paintPlayhead);
  studio.on("timeview", paintPlayhead);

  studio.timeline = { fold, isNeeded, view: () => view, setView, isOpen: () => root().dataset.time === "open" };
  studio.mountTimeline = mount;
})();
