// Poses panel: lay a pose on the edit with a strength, in a region, mirrored or blended; own poses; neutral; another photo.
(() => {
  const { state, store, table, history, toast, poseShelf } = studio;
  const { make, one, all, escape } = studio.dom;
  const GROUPS = { emotion: "Emotions", expression: "Expressions", viseme: "Visemes" };
  const HOVER_MS = 140;
  const SAME = 1e-3;
  const DEFAULTS = { strength: 1, share: 0.5 };
  const values = { ...DEFAULTS };
  const rows = [];
  let host = null;
  let region = "all";
  let isMirrored = false;
  let takesHead = false;
  let blend = "";
  /** The pose that strength and region still act on, and the edit it was laid on. */
  let chosen = null;
  /** What the last pose made of the edit; while the edit stays so, strength and region go on acting. */
  let result = null;
  let hoverTimer = 0;
  /** Of several answers only the newest counts. */
  let asked = 0;

  // ---- orders ----
  const regions = () => state.data.presets.find((preset) => preset.key === region)?.weights || {};

  function sourceOf(key) {
    return key === "match" ? { kind: "match", head: takesHead } : poseShelf.sourceOf(key);
  }

  function order(key, edit) {
    const mix = blend && blend !== key ? { blend: { pose: sourceOf(blend), share: values.share } } : {};
    return { pose: sourceOf(key), edit, strength: values.strength, regions: regions(), mirror: isMirrored, ...mix };
  }

  /** Lay a pose on the edit; asked again with another strength it starts from the same edit. */
  async function apply(key, { merges = false } = {}) {
    const multiplies = studio.doc.layerAtHand()?.mode === "multiply";
    const base = multiplies ? {} : chosen?.key === key ? chosen.base : store.edits();
    const mine = ++asked;
    endPreview();
    try {
      const answer = await (await poseShelf.ask("pose", "POST", order(key, base))).json();
      if (mine !== asked) return;
      const entries = {};
      for (const slot of table.slots.keys()) entries[slot] = answer.values[slot] ?? (multiplies ? restOf(slot) : store.defaultOf(slot));
      if (multiplies) await addLayer(poseShelf.label(key), entries);
      chosen = { key, base };
      result = entries;
      if (!multiplies) {
        store.assign(entries);
        history.commit(poseShelf.label(key), { merges });
      }
      paint();
    } catch (error) {
      toast.show({ kind: "error", text: error.message });
    }
  }

  /** Where a slot of an adding layer rests, whatever layer is at hand. */
  const restOf = (slot) => table.slots.get(slot).default;

  /** A layer that multiplies holds factors and no pose: the pose becomes a layer above it, which is then at hand. */
  async function addLayer(name, entries) {
    const index = state.target + 1;
    const isMoved = ([slot, value]) => value !== restOf(slot);
    const channels = Object.fromEntries(Object.entries(entries).filter(isMoved).map(([slot, value]) => [slot, [[0, value, "hold"]]]));
    await studio.doc.send("add_layer", { layer: { name, mode: "add", channels }, index });
    studio.doc.setTarget(index);
    toast.show({ kind: "info", text: `${name} is a layer of its own now, above the one that multiplies.` });
  }

  const isUntouched = () => Object.entries(result).every(([slot, value]) => Math.abs(store.raw(slot) - value) < SAME);
  const refresh = () => (chosen ? apply(chosen.key, { merges: true }) : paint());

  // ---- live preview: a picture only, the edit stays ----
  function preview(key) {
    clearTimeout(hoverTimer);
    // a layer's values alone are not what the face shows
    if (studio.doc.layerAtHand()) return;
    hoverTimer = setTimeout(async () => {
      const mine = ++asked;
      const edit = chosen?.key === key ? chosen.base : store.edits();
      const frame = studio.playback.frame();
      try {
        const response = await poseShelf.ask("pose_preview", "POST", { ...order(key, edit), frame });
        const bitmap = await createImageBitmap(await response.blob());
        if (mine === asked) studio.preview.show(bitmap);
        else bitmap.close();
      } catch {
        /* a preview that does not come is no failure */
      }
    }, HOVER_MS);
  }

  function endPreview() {
    clearTimeout(hoverTimer);
    studio.preview.end();
  }

  // ---- markup ----
  function optionRow({ key, label, tip }) {
    const control = { key, label, kind: "option", lo: 0, hi: 1, step: 0.01, unit: "%", tip, panel: "poses", live: true, default: DEFAULTS[key] };
    const row = new studio.Row({
      control,
      name: `pose_${key}`,
      slots: [],
      read: () => values[key],
      rest: () => DEFAULTS[key],
      write(value) {
        values[key] = value;
        row.paint();
        refresh();
      },
    });
    row.isEditedNow = () => Math.abs(values[key] - DEFAULTS[key]) > 1e-6;
    rows.push(row);
    return row.el;
  }

  function card({ key, label }, own = null) {
    const address = own ? own.thumbnail && `data:image/jpeg;base64,${own.thumbnail}` : poseShelf.thumb(key);
    const picture = address ? `<img src="${escape(address)}" alt="">` : '<span class="face"></span>';
    const remove = own ? studio.button("trash", `Delete ${label}`, { action: "delete-pose", small: true }) : "";
    return `<div class="pose" data-pose="${escape(key)}"><button type="button" aria-pressed="false" title="Apply ${escape(label)} to the edit · % strength · ${own ? "saved here" : "starter set"}">
      ${picture}${escape(label)}</button>${remove}</div>`;
  }

  function applySection() {
    const chips = state.data.presets.map(
      (preset) => `<button type="button" class="chip" data-region-choice="${escape(preset.key)}" aria-pressed="false"
        title="${escape(studio.actions.presetTip(preset))}">${escape(preset.label)}</button>`,
    );
    const section = make(`<section class="sec" data-section="pose-options"><header><h3>How it is applied</h3>
      ${studio.button("reset", "Reset strength, region, mirror and blend", { action: "reset-pose", small: true, text: "Reset" })}</header>
      <div class="list" data-list="strength"></div><div class="chips" role="group" aria-label="Region the pose acts in">${chips.join("")}</div>
      <label class="check" title="Left and right exchanged"><input type="checkbox" data-flag="mirror"><span>Mirror left and right</span></label>
      <div class="pairs"><label title="A second pose that is mixed in"><span>Blend with</span><select data-blend aria-label="Pose to blend with"></select></label></div>
      <div class="list" data-list="share"></div></section>`);
    one("[data-list=strength]", section).append(
      optionRow({ key: "strength", label: "Strength", tip: "How far the edit goes to the pose · % · 100 % takes the pose" }),
    );
    one("[data-list=share]", section).append(
      optionRow({ key: "share", label: "Share of it", tip: "How much of the second pose is in the mix · %" }),
    );
    return section;
  }

  function ownSection() {
    return make(`<section class="sec" data-section="own-poses"><header><h3>Own poses</h3><small>kept in this browser</small></header>
      <form class="say"><input type="text" maxlength="80" placeholder="Name of the pose" aria-label="Name of the pose" autocomplete="off"
        title="What the pose is called · up to 80 letters"><button type="submit" class="chip" title="Keep this edit as a pose, with its picture">Save this edit</button></form><div class="thumbs" data-group="own"></div>
      <div class="tools-row"><button type="button" class="chip" data-action="export-poses" title="All own poses as one JSON file">Export poses</button>
      <button type="button" class="chip" data-action="import-poses" title="A JSON file of poses, up to 4 MB">Import poses</button>
      <input type="file" accept=".json,application/json" hidden></div></section>`);
  }

  function photoSection() {
    return make(`<section class="sec" data-section="photo-poses"><header><h3>From photos</h3><small>acts like a pose, in the region above</small></header>
      <div class="tools-row"><button type="button" class="chip" data-pose-chip="neutral"
        title="Takes away the expression the photo shows and looks straight ahead · measured by 52 shapes">Neutralise this photo</button>
      <button type="button" class="chip" data-pose-chip="match" title="Gives this face the expression of the other photo · measured by 52 shapes" disabled>Match the other photo</button></div>
      <label class="check" title="The turn of the head comes along"><input type="checkbox" data-flag="head"><span>Take over the head pose too</span></label></section>`);
  }

  // ---- painting ----
  function paintGroups() {
    for (const group of Object.keys(GROUPS)) {
      const poses = poseShelf.starter().filter((pose) => pose.group === group);
      one(`[data-group=${group}]`, host).innerHTML = poses.map((pose) => card(pose)).join("");
    }
    one("[data-group=own]", host).innerHTML = poseShelf.own().map((pose) => card(pose, pose)).join("");
    const options = [...poseShelf.starter(), ...poseShelf.own()].map(({ key, label }) => `<option value="${escape(key)}">${escape(label)}</option>`);
    const select = one("[data-blend]", host);
    select.innerHTML = `<option value="">Nothing</option>${options.join("")}`;
    select.value = blend;
    paint();
  }

  function paintThumb(key, address) {
    const place = one(`.pose[data-pose="${key}"] :is(img, .face)`, host);
    place?.replaceWith(make(`<img src="${address}" alt="">`));
  }

  function paint() {
    if (!host) return;
    for (const item of all(".pose", host)) {
      one("button", item).setAttribute("aria-pressed", item.dataset.pose === chosen?.key);
      for (const button of all("button", item)) button.disabled = !state.portrait;
    }
    for (const chip of all("[data-pose-chip]", host)) {
      chip.setAttribute("aria-pressed", chip.dataset.poseChip === chosen?.key);
      chip.disabled = !state.portrait || (chip.dataset.poseChip === "match" && !state.other);
    }
    for (const chip of all("[data-region-choice]", host)) chip.setAttribute("aria-pressed", chip.dataset.regionChoice === region);
    one("[data-flag=mirror]", host).checked = isMirrored;
    one("[data-flag=head]", host).checked = takesHead;
    one("[data-action=export-poses]", host).disabled = !poseShelf.own().length;
    one("[data-list=share]", host).hidden = !blend;
    for (const row of rows) {
      row.paint();
      row.setDisabled(state.portrait ? "" : "Open a portrait first");
    }
  }

  /** The starter set and its pictures come when the panel is looked at, after the first picture of the stage. */
  async function fill() {
    if (state.panel !== "poses" || !state.portrait || !studio.stage.token) return;
    try {
      await poseShelf.load();
      await poseShelf.draw(paintThumb);
    } catch (error) {
      toast.show({ kind: "error", text: error.message });
    }
  }

  // ---- hands ----
  function save(event) {
    event.preventDefault();
    const field = one("input", event.target);
    try {
      const pose = poseShelf.save(field.value);
      field.value = "";
      toast.show({ kind: "info", text: `Saved as ${pose.label}.` });
    } catch (error) {
      toast.show({ kind: "error", text: error.message });
    }
  }

  async function exportPoses() {
    try {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await poseShelf.exportFile());
      link.download = "ditto-poses.json";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    } catch (error) {
      toast.show({ kind: "error", text: error.message });
    }
  }

  async function importPoses(input) {
    const file = input.files[0];
    input.value = "";
    if (!file) return;
    try {
      const count = await poseShelf.importFile(file);
      toast.show({ kind: "info", text: `${count} ${count === 1 ? "pose" : "poses"} imported.` });
    } catch (error) {
      toast.show({ kind: "error", text: error.message });
    }
  }

  function reset() {
    Object.assign(values, DEFAULTS);
    [region, isMirrored, blend] = ["all", false, ""];
    one("[data-blend]", host).value = "";
    refresh();
  }

  const ACTIONS = { "export-poses": exportPoses, "import-poses": () => one("[data-section=own-poses] input[type=file]", host).click(), "reset-pose": reset };

  function onClick({ target }) {
    const button = target.closest("button");
    if (!button || button.disabled) return;
    const key = button.closest(".pose")?.dataset.pose || button.dataset.poseChip;
    if (button.dataset.action === "delete-pose") return void poseShelf.remove(key);
    if (key) return void apply(key);
    if (button.dataset.regionChoice) {
      region = button.dataset.regionChoice;
      return void refresh();
    }
    ACTIONS[button.dataset.action]?.();
  }

  function onChange({ target }) {
    if (target.dataset.flag === "mirror") isMirrored = target.checked;
    else if (target.dataset.flag === "head") takesHead = target.checked;
    else if (target.matches("[data-blend]")) blend = target.value;
    else if (target.type === "file") return void importPoses(target);
    else return;
    refresh();
  }

  function listen() {
    host.addEventListener("click", onClick);
    host.addEventListener("change", onChange);
    one("form", host).addEventListener("submit", save);
    host.addEventListener("pointerover", ({ target, pointerType }) => {
      const pose = target.closest(".pose");
      if (pose && pointerType === "mouse" && state.portrait) preview(pose.dataset.pose);
    });
    host.addEventListener("pointerout", ({ target, relatedTarget }) => {
      const pose = target.closest(".pose");
      if (pose && !pose.contains(relatedTarget)) endPreview();
    });
  }

  studio.panels.poses = (body) => {
    host = body;
    const groups = Object.entries(GROUPS).map(
      ([key, label]) => make(`<section class="sec"><header><h3>${label}</h3></header><div class="thumbs" data-group="${key}"></div></section>`),
    );
    body.append(applySection(), ...groups, ownSection(), photoSection());
    listen();
    paintGroups();
    studio.on("poses", paintGroups);
    studio.on("panel", fill);
    studio.on("portrait", () => {
      chosen = null;
      paint();
      fill();
    });
    studio.on("other", () => {
      paint();
      if (state.other && state.panel === "poses") apply("match");
    });
    // any other change of the edit ends what strength and region act on
    studio.on("history", () => {
      if (!chosen || isUntouched()) return;
      chosen = null;
      paint();
    });
    fill();
  };
})();
