// What drives the face below the layers: the waveform of the voice and three curves of the clip.
(() => {
  const { state, timeview } = studio;
  const { one, all } = studio.dom;
  const UNIT = { width: 1000, height: 100 };
  /** Curves with the value at the lane's lower and upper edge. */
  const LANES = [
    { key: "lips", label: "Lips", region: "mouth", low: -0.04, high: 0.3 },
    { key: "yaw", label: "Head turn", region: "head", low: -12, high: 12 },
    { key: "blink", label: "Blink", region: "eyes", low: -0.2, high: 1.05 },
  ];
  let host = null;

  const svg = (inside) => `<svg viewBox="0 0 ${UNIT.width} ${UNIT.height}" preserveAspectRatio="none" aria-hidden="true">${inside}</svg>`;

  function markup() {
    const lanes = LANES.map(
      ({ key, label, region }) => `<div class="tl basic"><b class="dot-region" style="--c:var(--rg-${region})"></b><span>${label}</span></div>
        <div class="lane curve basic" style="--c:var(--rg-${region})">${svg(`<path class="zero"/><path data-curve="${key}"/>`)}</div>`,
    );
    return `<div class="tl voice"><button type="button" class="caret" data-action="basics" aria-expanded="false" title="Show the clip's own curves"
        aria-label="The clip's own curves">${studio.icon("chevron", 14)}</button>${studio.icon("speech", 15)}<span data-voice-name>Voice</span></div>
      <div class="lane wave">${svg("<path data-wave/>")}</div>${lanes.join("")}`;
  }

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

  function paint() {
    if (!host) return;
    const drawing = state.clip?.drawing;
    host.hidden = !state.clip;
    studio.dom.setText(one("[data-voice-name]", host), state.clip?.sound ? "Voice" : "Clip");
    one("[data-wave]", host).setAttribute("d", drawing ? wave(drawing.peaks) : "");
    for (const lane of LANES) {
      const path = one(`[data-curve=${lane.key}]`, host);
      path.setAttribute("d", drawing ? curve(drawing.curves[lane.key], lane, drawing.step) : "");
      path.previousElementSibling.setAttribute("d", `M0 ${y(0, lane)}H${UNIT.width}`);
    }
    show();
  }

  /** Zoom and scroll only move the window over the same drawing. */
  function show() {
    if (!host) return;
    const [start, stop] = timeview.shown();
    const box = `${start * UNIT.width} 0 ${(stop - start) * UNIT.width} ${UNIT.height}`;
    for (const element of all("svg[preserveAspectRatio]", host)) element.setAttribute("viewBox", box);
  }

  /** With layers the clip's own curves make room for theirs until they are asked for. */
  function layOut() {
    if (!host) return;
    const isFolded = state.doc?.layers.length > 0 && studio.recall("basics") !== "open";
    host.classList.toggle("folded", isFolded);
    host.classList.toggle("beside", state.doc?.layers.length > 0);
    one("[data-action=basics]", host).setAttribute("aria-expanded", !isFolded);
  }

  function toggle() {
    studio.remember("basics", host.classList.contains("folded") ? "open" : "folded");
    layOut();
    studio.timelineRows.place();
  }

  function mount(element) {
    host = element;
    host.innerHTML = markup();
    layOut();
    paint();
  }

  studio.on("clip", paint);
  studio.on("clip-drawing", paint);
  studio.on("timeview", show);
  studio.on("document", layOut);

  studio.timelineBase = { mount, toggle };
})();
