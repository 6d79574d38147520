// Compare on the stage: hold to see the source; wipe, side by side and difference in grey levels against it.
(() => {
  const { state, toast, table, clamp } = studio;
  const { one, all, escape, setText, root } = studio.dom;
  const MODES = { wipe: "Wipe", side: "Side by side", difference: "Difference" };
  const TIPS = {
    wipe: "Both pictures in one, with a divider to drag",
    side: "Both pictures beside each other",
    difference: "How much each pixel changes, as colours",
  };
  const GAINS = [1, 2, 4, 8, 16];
  const WIPE = { start: 0.5, step: 0.01, leap: 0.1 };
  let host = null;
  let canvas = null;
  let context = null;
  let stage = null;
  let mode = "";
  let lastMode = MODES[studio.recall("compare")] ? studio.recall("compare") : "wipe";
  let isHeld = false;
  let gain = 4;
  let split = WIPE.start;
  /** Index of the layer that is off in what the edit is compared with; null compares with the source. */
  let without = null;
  /** The newest source picture: {key, bitmap}. */
  let source = null;
  /** The picture that waits for its source, and the one whose source is on its way. */
  let wanted = null;
  let pending = null;
  let paintedSeq = 0;
  let hasFailed = false;

  // ---- markup ----
  function barMarkup() {
    const choices = Object.entries(MODES).map(
      ([key, label]) => `<button type="button" role="radio" data-mode="${key}" aria-checked="false" tabindex="-1"
        title="${TIPS[key]}">${label}</button>`,
    );
    return `<div class="strip" data-strip="compare" hidden><div class="segments" role="radiogroup" aria-label="Way to compare">${choices.join("")}</div>
      <label class="against-choice" title="What the edit is compared with · the work with one layer off shows what that layer does">Against
        <select aria-label="Compare against"></select></label>
      <label class="gain" title="${table.tip("How much each grey level of difference counts for the colour", "×")}">Gain
        <input type="range" min="0" max="${GAINS.length - 1}" step="1" value="${GAINS.indexOf(gain)}"><output></output></label>
      <span class="heat-legend on-photo" title="Largest difference of red, green and blue in a pixel · grey levels of 255">
        <i></i><small><b>0</b><b data-half></b><b data-full></b></small></span>
      <small class="figures" data-figures></small><span class="space"></span>
      ${studio.button("close", "Stop comparing · V", { action: "comparison", small: true })}</div>`;
  }

  const boardMarkup = () => `<canvas class="against" width="512" height="512" role="img" hidden></canvas>
    <div class="wipe on-photo" role="slider" tabindex="0" aria-label="Divider between source and edit" aria-valuemin="0" aria-valuemax="100"
      title="${table.tip("Share of the width that shows the source; drag, or arrow keys", "%")}" hidden><i></i></div>
    <span class="side-label left on-photo" hidden>Source</span><span class="side-label right on-photo" hidden>Edit</span>`;

  // ---- the source of a picture ----
  const isOn = () => isHeld || mode !== "";

  /** What a picture is compared with: {key, url, body}; the body is the message that the picture was drawn from. */
  function counterpart({ header, message }) {
    const url = new URL(studio.sourceUrl(state.view));
    // the same moment of the webcam, the same frame of what plays
    if (Number.isFinite(header.camera)) url.searchParams.set("camera", header.camera);
    if (without !== null && !isHeld) return withoutLayer(url, message);
    if (header.clip) {
      url.searchParams.set("frame", header.frame);
      url.searchParams.set("clip", header.clip);
    }
    return { key: url.href, url };
  }

  /** Hands that move another layer or the edit below move it here too; what they do to the one that is off does not show. */
  function withoutLayer(url, message) {
    url.searchParams.set("without", without);
    url.searchParams.set("revision", state.doc.revision);
    const moved = message.layer === without ? message.frame : new Float32Array(message.buffer, 4);
    return { key: `${url.href} ${moved}`, url, body: message.buffer };
  }

  async function load({ key, url, body }) {
    const response = await fetch(url, { method: body ? "POST" : "GET", body });
    if (!response.ok) throw new Error(`source route answered ${response.status}`);
    return { key, bitmap: await createImageBitmap(await response.blob()) };
  }

  /** Whether compare shows this picture; if so it does once the source of the same moment is here. */
  function takes(picture) {
    if (!isOn() || !state.portrait) return false;
    if (wanted && wanted !== pending && wanted !== stage.newest()) wanted.bitmap.close();
    wanted = picture;
    if (source?.key === counterpart(picture).key) settle();
    else pump();
    return true;
  }

  /** One request at a time; of the pictures that come meanwhile only the newest counts. */
  async function pump() {
    if (pending) return;
    while (wanted && isOn()) {
      pending = wanted;
      const other = counterpart(pending);
      try {
        if (source?.key !== other.key) {
          const loaded = await load(other);
          source?.bitmap.close();
          source = loaded;
          studio.heat.forget();
        }
        hasFailed = false;
        if (isOn()) paint(pending);
      } catch {
        if (!hasFailed) toast.show({ kind: "error", text: "The source picture did not arrive. The edit is untouched." });
        hasFailed = true;
      }
      const done = pending;
      pending = null;
      if (wanted === done) wanted = null;
      if (done !== stage.newest()) done.bitmap.close();
    }
  }

  /** The source is here already: no waiting, so that the picture follows the hand. */
  function settle() {
    const picture = wanted;
    wanted = null;
    paint(picture);
  }

  // ---- painting ----
  function paint(picture) {
    const { bitmap } = picture;
    if (picture.seq < paintedSeq) return;
    paintedSeq = picture.seq;
    // the view changed while the source was on its way
    if (bitmap.width !== source.bitmap.width || bitmap.height !== source.bitmap.height) return;
    stage.present(picture, isHeld ? source.bitmap : bitmap);
    if (!mode || isHeld) return;
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
      canvas.width = bitmap.width;
      canvas.height = bitmap.height;
    }
    if (mode === "difference") paintHeat(bitmap);
    else context.drawImage(source.bitmap, 0, 0);
  }

  function paintHeat(bitmap) {
    const { largest, changed } = studio.heat.paint(context, bitmap, source.bitmap, gain);
    setText(one("[data-figures]", host), `largest ${largest} · ${(100 * changed).toFixed(1)}\u202f% of the pixels`);
  }

  function again() {
    const picture = stage?.newest();
    if (!picture) return;
    if (isOn()) takes(picture);
    else stage.present(picture);
  }

  // ---- hold ----
  function hold(isDown) {
    if (isHeld === isDown || (isDown && !state.portrait)) return;
    isHeld = isDown;
    root().classList.toggle("comparing", isDown);
    again();
  }

  // ---- modes ----
  /** "wipe", "side", "difference", or "" for the edit alone. */
  function choose(next) {
    if (next === mode || !host || (next && !state.portrait)) return;
    mode = next;
    if (mode) {
      lastMode = mode;
      studio.remember("compare", mode);
    }
    show();
    again();
    studio.emit("comparison");
  }

  function show() {
    root().dataset.compare = mode;
    one("[data-strip=compare]", host).hidden = !mode;
    one(".tools [data-action=comparison]", host).setAttribute("aria-pressed", mode !== "");
    canvas.hidden = !mode;
    canvas.setAttribute("aria-label", mode === "difference" ? "Difference between edit and source" : "Source picture");
    one(".wipe", host).hidden = mode !== "wipe";
    for (const label of all(".side-label", host)) label.hidden = mode !== "wipe" && mode !== "side";
    for (const item of all(".gain, .heat-legend, .figures", host)) item.hidden = mode !== "difference";
    for (const button of all("[data-mode]", host)) {
      const isChosen = button.dataset.mode === mode;
      button.setAttribute("aria-checked", isChosen);
      button.tabIndex = isChosen ? 0 : -1;
    }
    paintLegend();
    paintChoices();
    paintSplit();
    studio.viewport.fit();
  }

  function paintLegend() {
    const full = 255 / gain;
    setText(one(".gain output", host), `×${gain}`);
    one(".gain input", host).setAttribute("aria-valuetext", `${gain} times, full colour at ${Math.round(full)} grey levels`);
    setText(one("[data-half]", host), Math.round(full / 2));
    setText(one("[data-full]", host), `${Math.round(full)} levels`);
  }

  // ---- what it is compared with ----
  function paintChoices() {
    const layers = state.doc?.layers ?? [];
    if (without !== null && !layers[without]) without = null;
    const choice = one(".against-choice", host);
    choice.hidden = !mode || !layers.length;
    const options = layers.map(({ name }, index) => `<option value="${index}">Without ${escape(name)}</option>`).reverse();
    const select = one("select", choice);
    const markup = `<option value="">Source</option>${options.join("")}`;
    if (select.dataset.markup !== markup) {
      select.dataset.markup = markup;
      select.innerHTML = markup;
    }
    select.value = without ?? "";
    setText(one(".side-label.left", host), without === null ? "Source" : `Without ${layers[without].name}`);
  }

  /** null: the source; else the work with this layer off. */
  function setWithout(index) {
    without = index;
    paintChoices();
    again();
  }

  function setGain(next) {
    gain = next;
    paintLegend();
    again();
  }

  // ---- the divider ----
  function paintSplit() {
    const percent = Math.round(100 * split);
    const wipe = one(".wipe", host);
    one(".board", host).style.setProperty("--split", `${(100 * split).toFixed(2)}%`);
    wipe.setAttribute("aria-valuenow", percent);
    wipe.setAttribute("aria-valuetext", `${percent} percent source`);
  }

  function setSplit(next) {
    split = clamp(next, 0, 1);
    paintSplit();
  }

  function onDrag(event) {
    const box = one("canvas.picture", host).getBoundingClientRect();
    setSplit((event.clientX - box.left) / box.width);
  }

  function onKey(event) {
    const move = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    const end = { Home: 0, End: 1 }[event.key];
    if (!move && end === undefined) return;
    event.preventDefault();
    setSplit(end ?? split + move * (event.shiftKey ? WIPE.leap : WIPE.step));
  }

  function listenToWipe() {
    const wipe = one(".wipe", host);
    wipe.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      event.preventDefault();
      wipe.focus({ preventScroll: true });
      wipe.setPointerCapture(event.pointerId);
    });
    wipe.addEventListener("pointermove", (event) => wipe.hasPointerCapture(event.pointerId) && onDrag(event));
    wipe.addEventListener("dblclick", () => setSplit(WIPE.start));
    wipe.addEventListener("keydown", onKey);
  }

  function listenToHold() {
    const button = one("[data-action=compare]", host);
    button.addEventListener("pointerdown", (event) => {
      button.setPointerCapture(event.pointerId);
      hold(true);
    });
    ["pointerup", "pointercancel", "lostpointercapture", "blur"].forEach((name) => button.addEventListener(name, () => hold(false)));
    button.addEventListener("keydown", (event) => ["Enter", " "].includes(event.key) && hold(true));
    button.addEventListener("keyup", () => hold(false));
    button.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  /** stage: present(picture, shown) puts a picture on the canvas, newest() is the last one that came. */
  function mount(element, owner) {
    host = element;
    stage = owner;
    canvas = one("canvas.against", host);
    context = canvas.getContext("2d", { alpha: false });
    listenToHold();
    listenToWipe();
    one("[data-strip=compare]", host).addEventListener("click", (event) => {
      const chosen = event.target.closest("[data-mode]")?.dataset.mode;
      if (chosen) choose(chosen);
    });
    one(".against-choice select", host).addEventListener("change", ({ target }) => setWithout(target.value === "" ? null : Number(target.value)));
    one(".gain input", host).addEventListener("input", (event) => setGain(GAINS[Number(event.target.value)]));
    show();
  }

  studio.on("portrait", () => {
    source = null;
    studio.heat.forget();
  });

  studio.on("document", () => host && paintChoices());

  studio.compare = hold;
  studio.comparison = {
    barMarkup,
    boardMarkup,
    mount,
    choose,
    setWithout,
    takes,
    again,
    toggle: () => choose(mode ? "" : lastMode),
    mode: () => mode,
    /** How many pictures stand side by side. */
    columns: () => (mode === "side" ? 2 : 1),
    /** Whether a picture is still needed here. */
    holds: (picture) => picture === pending || picture === wanted,
    /** Resolves when what is on the stage is what was asked for. */
    async settled() {
      while (wanted || pending) await new Promise((done) => setTimeout(done, 4));
    },
  };
})();
