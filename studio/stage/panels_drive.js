// Drive panel: what moves the face, how far each region follows, and the webcam.
(() => {
  const { state, transport, toast, jobs, camera } = studio;
  const { make, one, all, escape } = studio.dom;
  const APPLY_MS = 200;
  const MODES = {
    relative: ["Relative", "The face departs from its photo as the driver departs from its rest"],
    absolute: ["Absolute", "The face takes the driver's own expression, pose and place"],
  };
  const REST = { relative: true, strength: 1, smooth: "none", amount: 1, regions: {}, start_s: 0, stop_s: null };
  let options = structuredClone(REST);
  /** What studio/drive.py knows of the driver at hand. */
  let driver = null;
  let host = null;
  let rows = [];
  let timer = 0;
  let gesture = 0;

  const offer = () => state.data.drive;
  const seconds = (value) => `${value.toFixed(2)} s`;

  // ---- to the server ----
  async function ask(name, query, init) {
    const url = transport.route(name);
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    try {
      const response = await fetch(url, init);
      if (response.status === 204) return null;
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.error);
      return answer;
    } catch (error) {
      toast.hide("busy");
      toast.show({ kind: "error", text: error.message || "The server did not answer; try again." });
      return undefined;
    }
  }

  async function upload(file) {
    toast.show({ kind: "busy", text: "Sending the driver" });
    assign({ start_s: 0, stop_s: null }, false);
    const job = await ask("drive_file", { name: file.name, options: JSON.stringify(options) }, { method: "POST", body: file });
    toast.hide("busy");
    if (job) jobs.watch("drive");
  }

  async function chooseFace(face) {
    const job = await ask("drive", {}, { method: "POST", body: JSON.stringify({ options, face }) });
    if (job) jobs.watch("drive");
  }

  async function apply() {
    if (!driver && !camera.isOn()) return;
    const body = JSON.stringify({ options, joins: `drive ${gesture}` });
    const doc = await ask("drive", {}, { method: "POST", body });
    if (doc) studio.doc.receive(doc);
  }

  async function refresh() {
    driver = (await ask("drive", {}, {})) ?? null;
    paint();
  }

  function assign(entries, isLater = true) {
    Object.assign(options, entries);
    paint();
    clearTimeout(timer);
    if (isLater) timer = setTimeout(apply, APPLY_MS);
  }

  // ---- markup ----
  function optionRow(spec, read, write, rest, kind = "") {
    const control = { ...spec, kind: kind || "option", panel: "drive", live: true, default: rest };
    const row = new studio.Row({ control, name: spec.key, kind, slots: [], read, rest: () => rest, write });
    row.isEditedNow = () => Math.abs(read() - rest) > 1e-6;
    rows.push(row);
    return row.el;
  }

  const segments = (name, label, entries) => `<div class="segments" role="radiogroup" aria-label="${label}">${entries
    .map(([key, text, tip]) => `<button type="button" role="radio" data-${name}="${key}" title="${escape(tip)}">${escape(text)}</button>`)
    .join("")}</div>`;

  function sourceSection() {
    return make(`<section class="sec" data-section="driver"><header><h3>Driver</h3><small data-what></small></header>
      <input type="file" hidden accept="${offer().accept.join(",")}" aria-label="Driver file">
      <button type="button" class="primary wide" data-action="pick-driver"
        title="A film, a LivePortrait template (.pkl), an ARKit capture (.csv) or motion (.npz, .json)">Choose a driver</button>
      <p class="hint">A film of a face, a LivePortrait template (.pkl), a Live Link Face or ARKit capture (.csv),
        or motion saved here (.npz, .json); up to ten minutes.</p>
      <div class="driver-faces" role="group" aria-label="Faces in the film" hidden></div></section>`);
  }

  function motionSection() {
    const section = make(`<section class="sec" data-section="drive-motion"><header><h3>Motion</h3>
      ${studio.button("reset", "Reset the options", { action: "reset-drive", small: true, text: "Reset" })}</header>
      <div class="tools-row">${segments("mode", "How the face follows", Object.entries(MODES).map(([key, words]) => [key, ...words]))}</div>
      <div class="list"></div>
      <div class="tools-row">${segments("filter", "Smoothing", offer().filters.map(({ key, label, tip }) => [key, label, tip]))}</div>
      <div class="list"></div></section>`);
    const [first, second] = all(".list", section);
    first.append(optionRow(offer().strength, () => options.strength, (strength) => assign({ strength }), 1));
    second.append(optionRow(offer().amount, () => options.amount, (amount) => assign({ amount }), 1));
    return section;
  }

  function regionSection() {
    const section = make(`<section class="sec" data-section="drive-regions"><header><h3>Strength by region</h3>
      <small>times the strength above</small></header><div class="list"></div></section>`);
    for (const spec of offer().regions) {
      const { key } = spec;
      const write = (value) => assign({ regions: { ...options.regions, [key]: value } });
      one(".list", section).append(optionRow(spec, () => options.regions[key] ?? 1, write, 1));
    }
    return section;
  }

  function rangeSection() {
    const field = (name, label) => `<label><span>${label}</span><span class="field"><input class="value" data-range="${name}"
      inputmode="decimal" autocomplete="off" aria-label="${label} in seconds"
      title="${studio.table.tip(`${label} of the part used`, "s", "the driver")}"><em>s</em></span></label>`;
    return make(`<section class="sec" data-section="drive-range"><header><h3>Range</h3><small data-length></small></header>
      <div class="pairs">${field("start_s", "Start")}${field("stop_s", "End")}</div></section>`);
  }

  function cameraSection() {
    return make(`<section class="sec" data-section="drive-camera"><header><h3>Webcam</h3><small data-seen></small></header>
      <div class="camera-view" hidden></div>
      <div class="tools-row"><button type="button" class="chip" data-action="camera"
        title="The face on the stage follows yours while you move">Drive from the webcam</button>
      <button type="button" class="chip" data-action="neutral" title="What the camera shows now counts as the face at rest">Set neutral</button>
      <button type="button" class="chip" data-action="record" title="Keep what you do as the clip">Record</button></div>
      <p class="hint">The first picture counts as your neutral face. Pictures go to this studio's server only and are not kept.</p></section>`);
  }

  // ---- painting ----
  function paintDriver() {
    const what = driver ? `${driver.label} · ${seconds(driver.duration_s)} · ${driver.frames} frames · ${+driver.fps.toFixed(2)} fps` : "none yet";
    one("[data-what]", host).textContent = what;
    const faces = one(".driver-faces", host);
    faces.hidden = !driver || driver.faces.length < 2;
    if (faces.hidden) return void faces.replaceChildren();
    faces.innerHTML = driver.faces.map((url, index) => `<button type="button" data-face="${index}" aria-pressed="${index === driver.face_index}"
      title="Follow face ${index + 1} of the film"><img src="${escape(url)}" alt="Face ${index + 1}"></button>`).join("");
  }

  function paintCamera() {
    const isOn = camera.isOn();
    const { face, recorded_s: recorded } = camera.report();
    const isRecording = recorded !== null;
    one(".camera-view", host).hidden = !isOn;
    one("[data-action=camera]", host).textContent = isOn ? "Stop the webcam" : "Drive from the webcam";
    one("[data-action=record]", host).textContent = isRecording ? "Stop and use" : "Record";
    one("[data-action=camera]", host).disabled = !state.portrait || Boolean(jobs.running());
    for (const name of ["neutral", "record"]) one(`[data-action=${name}]`, host).disabled = !isOn || (!face && !isRecording);
    const seen = isRecording ? `recording ${recorded.toFixed(1)} s` : face ? "follows your face" : "looking for your face";
    one("[data-seen]", host).textContent = isOn ? seen : "";
  }

  function paint() {
    if (!host) return;
    paintDriver();
    paintCamera();
    const reason = state.portrait ? "" : "Open a portrait first";
    for (const row of rows) {
      row.paint();
      row.setDisabled(reason);
    }
    const press = (selector, isChosen) => {
      for (const button of all(selector, host)) {
        button.setAttribute("aria-checked", isChosen(button));
        button.tabIndex = isChosen(button) ? 0 : -1;
      }
    };
    press("[data-mode]", (button) => (button.dataset.mode === "relative") === options.relative);
    press("[data-filter]", (button) => button.dataset.filter === options.smooth);
    const stop_s = options.stop_s ?? driver?.duration_s ?? 0;
    for (const field of all("[data-range]", host)) {
      field.disabled = !driver;
      const value = field.dataset.range === "start_s" ? options.start_s : stop_s;
      if (document.activeElement !== field) field.value = value.toFixed(2);
    }
    one("[data-length]", host).textContent = driver ? `${seconds(stop_s - options.start_s)} of ${seconds(driver.duration_s)}` : "";
    one("[data-action=pick-driver]", host).disabled = Boolean(reason || jobs.running());
  }

  // ---- hands ----
  const ACTIONS = {
    "pick-driver": () => one("input[type=file]", host).click(),
    "reset-drive": () => assign(structuredClone(REST)),
    camera: () => (camera.isOn() ? camera.stop() : camera.start()),
    neutral: () => camera.command("neutral"),
    async record() {
      if (camera.report().recorded_s === null) return camera.command("record");
      assign({ start_s: 0, stop_s: null }, false);
      if (await camera.command("stop", options)) {
        await refresh();
        studio.clip.announce("The recording");
      }
      return undefined;
    },
  };

  function onClick(event) {
    const { mode, filter, face, action } = event.target.closest("button")?.dataset || {};
    gesture += 1;
    if (mode) assign({ relative: mode === "relative" });
    if (filter) assign({ smooth: filter });
    if (face) chooseFace(Number(face));
    ACTIONS[action]?.();
  }

  function onChange({ target }) {
    if (target.type === "file" && target.files.length) {
      upload(target.files[0]);
      target.value = "";
    }
    const name = target.dataset.range;
    if (!name) return;
    const value = Number.parseFloat(target.value.replace(",", "."));
    const end = driver.duration_s;
    const least = 2 / driver.fps;
    if (name === "start_s" && Number.isFinite(value)) assign({ start_s: studio.clamp(value, 0, (options.stop_s ?? end) - least) });
    if (name === "stop_s" && Number.isFinite(value)) {
      const stop_s = studio.clamp(value, options.start_s + least, end);
      assign({ stop_s: stop_s >= end - 1e-3 ? null : stop_s });
    }
    target.blur();
    paint();
  }

  jobs.define("drive", {
    title: "Driving",
    done(job) {
      studio.doc.receive(job.document);
      refresh();
      studio.clip.announce("The motion");
    },
  });

  studio.panels.drive = (body) => {
    host = body;
    rows = [];
    body.append(sourceSection(), motionSection(), regionSection(), rangeSection(), cameraSection());
    one(".camera-view", body).append(camera.video);
    body.addEventListener("click", onClick);
    body.addEventListener("change", onChange);
    body.addEventListener("pointerdown", () => (gesture += 1));
    ["portrait", "job"].forEach((name) => studio.on(name, paint));
    studio.on("panel", () => state.panel === "drive" && paint());
    studio.on("camera", paintCamera);
    paint();
  };
  /** Whether a dropped file can only be a driver; a .json may be an edit. */
  const takes = (file) => Boolean(file) && (file.type.startsWith("video/") || /\.(csv|pkl|npz|mkv)$/i.test(file.name));

  function give(file) {
    studio.openPanel("drive");
    return upload(file);
  }

  studio.drive = { set: assign, options: () => structuredClone(options), driver: () => driver, give, takes };
})();
