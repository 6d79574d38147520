// The live section of the Speech panel: microphone or file in, how loud, how late, how hard the machine works.
(() => {
  const { state, live, toast } = studio;
  const { make, one, all, escape, setText } = studio.dom;
  const PAINT_MS = 250;
  let section = null;
  let trigger = () => {};
  let pace = "";
  let isWaiting = false;

  function markup(paces) {
    const choices = paces.map(
      ({ key, label, note, tip, look_ahead_s: ahead }) => `<button type="button" role="radio" data-pace="${escape(key)}"
        title="${escape(tip)} · hears ${ahead.toFixed(2)} s ahead">${escape(label)} (${escape(note)}, ${ahead.toFixed(2)} s)</button>`,
    );
    return `<section class="sec" data-section="live"><header><h3>Live</h3><small>the face speaks while the voice goes on</small></header>
      <div class="segments" role="radiogroup" aria-label="Delay">${choices.join("")}</div>
      <div class="live-row"><button type="button" class="chip" data-action="live-microphone"
          title="Speak into the microphone; the face follows">Use the microphone</button>
        <button type="button" class="chip" data-action="live-file" title="Stream the voice above at its own pace">Stream this file</button>
        <button type="button" class="chip" data-action="live-stop" title="Stop; what was said becomes the clip" hidden>Stop</button>
        <div class="level" role="meter" aria-label="Level" aria-valuemin="0" aria-valuemax="100" title="How loud it is · dB"><i></i></div></div>
      <div class="figures"><span title="From hearing a sound to showing its picture, measured · seconds">Delay <b data-delay>\u2013</b></span>
        <span title="Seconds of work for one second of sound; below 1 keeps up">Work <b data-rtf>\u2013</b></span>
        <span title="Where the voice is · seconds">At <b data-time>\u2013</b></span></div>
      <p class="hint">Every control acts at once, those of Delivery too. Mood and variation count from the next start.</p></section>`;
  }

  function paintState() {
    if (!section) return;
    const phase = live.phase();
    const isOff = phase === "off";
    for (const item of all("[data-pace]", section)) {
      const isOn = item.dataset.pace === pace;
      item.setAttribute("aria-checked", isOn);
      item.tabIndex = isOn ? 0 : -1;
      item.disabled = !isOff;
    }
    for (const action of ["microphone", "file"]) {
      const button = one(`[data-action=live-${action}]`, section);
      button.hidden = !isOff;
      button.disabled = !state.portrait || isWaiting;
    }
    const stop = one("[data-action=live-stop]", section);
    stop.hidden = isOff;
    stop.disabled = phase === "ending";
    setText(stop, phase === "ending" ? "Stopping" : "Stop");
    paintFigures();
  }

  function paintLevel() {
    if (!section) return;
    const percent = Math.round(100 * live.figures().level);
    const meter = one(".level", section);
    meter.style.setProperty("--level", percent / 100);
    meter.setAttribute("aria-valuenow", percent);
  }

  const seconds = (value, digits) => (value === null ? "\u2013" : `${value.toFixed(digits)}\u202fs`);

  function paintFigures() {
    if (!section) return;
    const isOn = live.phase() === "on";
    const { delay_s: delay, rtf, time_s: time } = live.figures();
    setText(one("[data-delay]", section), seconds(delay, 2));
    setText(one("[data-rtf]", section), rtf === null ? "\u2013" : `${rtf.toFixed(2)} × real time`);
    setText(one("[data-time]", section), seconds(isOn ? time : null, 1));
  }

  function streamFile() {
    toast.show({ kind: "busy", text: "Reading the voice" });
    isWaiting = true;
    setTimeout(() => ((isWaiting = false), paintState()), 400);
    trigger("stream_voice", {});
  }

  function onClick(event) {
    const { pace: chosen, action } = event.target.closest("button")?.dataset || {};
    if (chosen) pace = chosen;
    if (action === "live-microphone") live.start("microphone", pace);
    if (action === "live-file") streamFile();
    if (action === "live-stop") live.stop();
    paintState();
  }

  studio.liveSection = (part) => {
    trigger = part.trigger;
    const { paces } = state.data.speech;
    pace = paces[0].key;
    section = make(markup(paces));
    section.addEventListener("click", onClick);
    paintState();
    return section;
  };

  studio.on("voice-ready", () => {
    toast.hide("busy");
    live.start("file", pace);
  });
  studio.on("live", paintState);
  studio.on("portrait", paintState);
  studio.on("live-level", paintLevel);
  setInterval(() => live.phase() === "on" && paintFigures(), PAINT_MS);
})();
