// Speech panel: where the voice comes from beside the native recorder, what the generated motion is like, and the way to it.
(() => {
  const { state, toast, jobs } = studio;
  const { make, one, all, escape } = studio.dom;
  const LABEL_FROM = 0.12;
  /** Options that have no row of the control table; kept here until they go with the order. */
  let values = {};
  let defaults = {};
  /** Not those of the control table, which come and go with their panels. */
  const rows = [];
  let part = null;
  let host = null;

  /** The moment whose mood the rows show: what stands before its names. */
  let moment = "";
  const CHANGES = "speech_mood_changes";

  const offer = () => state.data.speech;
  const emotionKey = (key, at = moment) => `speech_${at}${key}`;
  const same = (a, b) => Math.abs(a - b) < 1e-6;

  function assign(entries) {
    Object.assign(values, entries);
    paint();
    studio.live.setOptions();
  }

  // ---- rows ----
  /** A slider of the house over one option. */
  function optionRow({ key, label, lo, hi, step, unit, tip, kind = "", color = "" }, nameOf = () => key, write = (value) => assign({ [key]: value })) {
    const control = { key, label, kind: kind || "option", lo, hi, step, unit, tip, panel: "speech", live: true, default: defaults[key] };
    const row = new studio.Row({
      control,
      name: key,
      kind,
      color,
      slots: [],
      read: () => values[nameOf()],
      rest: () => defaults[nameOf()],
      write,
    });
    row.isEditedNow = () => !same(values[nameOf()], defaults[nameOf()]);
    rows.push(row);
    return row.el;
  }

  /** Shares never exceed 100 %: raising one takes first from what is left to the neutral voice. */
  function balance(key, value) {
    const others = state.data.emotions.map((emotion) => emotionKey(emotion.key)).filter((other) => other !== key);
    const sum = others.reduce((total, other) => total + values[other], 0);
    const factor = sum + value > 1 ? (1 - value) / sum : 1;
    return { ...Object.fromEntries(others.map((other) => [other, values[other] * factor])), [key]: value };
  }

  function emotionRows() {
    return state.data.emotions.map(({ key, label }, at) => {
      const name = emotionKey(key, "");
      const tip = `Share of “${label}” in the voice's mood; what is left of 100 % is neutral`;
      const spec = { key: name, label, lo: 0, hi: 1, step: 0.01, unit: "%", tip, kind: "emotion", color: `var(--em-${at})` };
      return key === "emotion_neutral" ? null : optionRow(spec, () => emotionKey(key), (value) => assign(balance(emotionKey(key), value)));
    }).filter(Boolean);
  }

  // ---- markup ----
  const chip = (attribute, key, label, tip = "") =>
    `<button type="button" class="chip" data-${attribute}="${escape(key)}" title="${escape(tip)}">${escape(label)}</button>`;

  function voiceSection() {
    const { voices, speakers, letters } = offer();
    const chips = voices.map(({ key, label, credit }) => chip("voice", key, label, credit)).join("");
    const say = `<form class="say"><input type="text" maxlength="${letters}" placeholder="Or type the words" aria-label="Text to speak"
      title="What should be said · up to ${letters} letters" autocomplete="off"><select aria-label="Voice of the text" title="Who says the text; voices of this machine">${speakers
      .map(({ key, label }) => `<option value="${escape(key)}">${escape(label)}</option>`).join("")}</select>
      <button type="submit" class="chip" title="Makes a recording of the text">Speak</button></form>`;
    return make(`<section class="sec" data-section="voice">${chips ? `<div class="chips"><small>Examples</small>${chips}</div>` : ""}${speakers.length ? say : ""}
      <button type="button" class="primary wide" data-action="generate"
        title="The voice above becomes motion, a clip to play and edit">Generate motion</button></section>`);
  }

  function deliverySection() {
    const scopes = offer().scopes.map(({ key, label, tip }) => chip("scope", key, label, tip)).join("");
    const section = make(`<section class="sec" data-section="delivery"><header><h3>Delivery</h3><small>${escape(offer().model)}</small>
      ${studio.button("reset", "Reset the options", { action: "reset-speech", small: true, text: "Reset" })}</header>
      ${offer().note ? `<p class="hint" data-note>${escape(offer().note)}</p>` : ""}
      <div class="chips" role="group" aria-label="What moves">${scopes}</div><div class="list"></div>
      <label class="check" title="Blinks at human rates between the words"><input type="checkbox" data-flag="speech_blinks"><span>Blink now and then</span></label>
      <label class="check" title="Small motion of head and face where nobody speaks"><input type="checkbox" data-flag="speech_idle"><span>Keep moving a little in silence</span></label></section>`);
    for (const spec of offer().sliders) one(".list", section).append(optionRow(spec));
    return section;
  }

  function emotionSection() {
    const moments = offer().moments.map(
      ({ key, label }) => `<button type="button" role="radio" data-moment="${key}" title="The mood at the ${label.toLowerCase()}">${label}</button>`,
    ).join("");
    const section = make(`<section class="sec" data-section="mood"><header><h3>Mood of the speech</h3><small>the rest of 100 % is neutral</small></header>
      <div class="pairs"><label class="check" title="Mix from one mood to the next from the first frame to the last"><input type="checkbox"
        data-flag="${CHANGES}"><span>Changes over time</span></label><span class="space"></span>
      <div class="segments" role="radiogroup" aria-label="Moment of the mood" data-moments>${moments}</div></div>
      <div class="mix" role="img"></div><div class="list"></div></section>`);
    one(".list", section).append(...emotionRows());
    return section;
  }

  function samplingSection() {
    const steps = offer().steps.map(
      (count) => `<button type="button" role="radio" data-steps="${count}" aria-checked="false"
        title="${studio.table.tip("Denoising steps; more are slower", "steps", "the paper's sampler")}">${count}</button>`,
    ).join("");
    const { samples } = offer();
    const section = make(`<section class="sec" data-section="sampling"><header><h3>Variation</h3><small>the same seed gives the same motion</small></header>
      <div class="pairs"><label><span>Seed</span><span class="field"><input class="value" data-seed inputmode="numeric" autocomplete="off"
        aria-label="Seed" title="${studio.table.tip("Number the variation is drawn from", "none")}"></span></label>${studio.button("dice", "New seed", { small: true })}${samples ? `<span class="space"></span><span>Steps</span>
      <div class="segments" role="radiogroup" aria-label="Steps">${steps}</div>` : ""}</div><div class="list"></div></section>`);
    if (samples) one(".list", section).append(optionRow(offer().guidance));
    return section;
  }

  // ---- painting ----
  function paintMix() {
    const bar = one(".mix", host);
    if (!bar) return;
    const parts = state.data.emotions.map(({ key, label }, at) => ({ at, label, share: values[emotionKey(key)] })).filter(({ share }) => share > 0.001);
    const rest = Math.max(0, 1 - parts.reduce((sum, { share }) => sum + share, 0));
    const span = (share, label, kind, color) => {
      const isWide = share >= LABEL_FROM;
      return `<span class="${kind} ${isWide ? "" : "sliver"}" style="flex:${share.toFixed(4)} 0 0;--c:${color}"
        title="${escape(label)} ${Math.round(100 * share)} %">${isWide ? escape(label) : ""}</span>`;
    };
    const spans = parts.map(({ at, label, share }) => span(share, label, "", `var(--em-${at})`));
    if (rest > 0.001) spans.push(span(rest, "Neutral", "rest-share", ""));
    bar.innerHTML = spans.join("");
    const words = parts.map(({ label, share }) => `${label} ${Math.round(100 * share)} percent`);
    bar.setAttribute("aria-label", `Mood of the speech: ${words.join(", ") || "neutral"}`);
  }

  function paintMoments() {
    if (!values[CHANGES]) moment = "";
    const moments = one("[data-moments]", host);
    if (moments) moments.hidden = !values[CHANGES];
    for (const item of all("[data-moment]", host)) {
      const isOn = item.dataset.moment === moment;
      item.setAttribute("aria-checked", isOn);
      item.tabIndex = isOn ? 0 : -1;
    }
  }

  function paint() {
    if (!host) return;
    paintMoments();
    paintMix();
    for (const row of rows) {
      row.paint();
      row.setDisabled(state.portrait ? "" : "Open a portrait first");
    }
    for (const item of all("[data-scope]", host)) item.setAttribute("aria-pressed", item.dataset.scope === values.speech_scope);
    for (const item of all("[data-flag]", host)) item.checked = values[item.dataset.flag];
    for (const item of all("[data-steps]", host)) {
      const isOn = Number(item.dataset.steps) === values.speech_steps;
      item.setAttribute("aria-checked", isOn);
      item.tabIndex = isOn ? 0 : -1;
    }
    const seed = one("[data-seed]", host);
    if (document.activeElement !== seed) seed.value = values.speech_seed;
    one("[data-action=generate]", host).disabled = !state.portrait || Boolean(jobs.running()) || studio.live.phase() !== "off";
  }

  // ---- hands ----
  function generate() {
    toast.show({ kind: "busy", text: "Reading the voice" });
    part.trigger("generate", { options: { ...values } });
  }

  /** A moment that nobody has touched begins with the mood before it. */
  function showMoment(chosen) {
    const keys = state.data.emotions.map(({ key }) => key);
    const isUntouched = keys.every((key) => !values[emotionKey(key, chosen)]);
    const before = moment;
    moment = chosen;
    assign(isUntouched ? Object.fromEntries(keys.map((key) => [emotionKey(key), values[emotionKey(key, before)]])) : {});
  }

  function onClick(event) {
    const button = event.target.closest("button");
    const { voice, scope, steps, action, moment: chosen } = button?.dataset || {};
    if (chosen !== undefined) showMoment(chosen);
    if (voice) part.trigger("pick_voice", { key: voice });
    if (scope) assign({ speech_scope: scope });
    if (steps) assign({ speech_steps: Number(steps) });
    if (action === "generate") generate();
    if (action === "dice") assign({ speech_seed: Math.floor(Math.random() * (offer().max_seed + 1)) });
    if (action === "reset-speech") assign({ ...defaults });
  }

  function onChange({ target }) {
    if (target.dataset.flag) assign({ [target.dataset.flag]: target.checked });
    if (target.dataset.seed === undefined) return;
    const seed = Number.parseInt(target.value, 10);
    assign({ speech_seed: Number.isFinite(seed) ? studio.clamp(seed, 0, offer().max_seed) : values.speech_seed });
    target.value = values.speech_seed;
  }

  function onSay(event) {
    event.preventDefault();
    const text = one("input", event.target).value.trim();
    if (text) part.trigger("say", { text, voice: one("select", event.target).value });
  }

  function mount(element, mounted) {
    part = mounted;
    host = element;
    defaults = { ...offer().defaults };
    for (const { key: at } of offer().moments) for (const { key } of state.data.emotions) defaults[emotionKey(key, at)] = 0;
    values = { ...defaults };
    const mood = offer().samples ? [emotionSection()] : [];
    host.replaceChildren(voiceSection(), studio.liveSection(part), deliverySection(), ...mood, samplingSection());
    host.addEventListener("click", onClick);
    host.addEventListener("change", onChange);
    host.addEventListener("submit", onSay);
    ["portrait", "job", "live"].forEach((name) => studio.on(name, paint));
    paint();
  }

  const fileInput = () => one("#st-voice input[type=file]");

  /** Hand a dropped recording to the native upload; one that holds a voice has no file input until it is cleared. */
  function give(files) {
    studio.openPanel("speech");
    const input = fileInput();
    if (input) {
      const transfer = new DataTransfer();
      transfer.items.add(files[0]);
      input.files = transfer.files;
      return input.dispatchEvent(new Event("change", { bubbles: true }));
    }
    one("#st-voice button[aria-label=Clear]")?.click();
    return setTimeout(() => fileInput() && give(files), 150);
  }

  jobs.define("speech", {
    title: "Generating",
    done(job) {
      studio.doc.receive(job.document);
      studio.clip.announce("The motion");
    },
  });

  studio.panels.speech = () => {};
  studio.speech = { set: assign, values: () => ({ ...values }), give };
  studio.mountSpeech = mount;
})();
