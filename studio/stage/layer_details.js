// One layer in full: mode, opacity, when it acts and how it fades, where on the face, and the factors of a multiply layer.
(() => {
  const { state, table, rows, doc } = studio;
  const { make, one, all, escape } = studio.dom;
  const SAME_DRAG_MS = 800;
  const FACTOR = { lo: -1, hi: 3, step: 0.01, default: 1, unit: "%" };
  const SHORTEST_S = 1;
  /** What hands have set and the server has not answered yet. */
  const pending = new Map();
  let drag = { key: "", time: 0, joins: "" };
  let head = null;
  let own = [];

  const layer = () => doc.layerAtHand();
  const span_s = () => Math.max(SHORTEST_S, studio.playback.duration(), layer()?.stop_s ?? 0);

  function joinsOf(key) {
    const now = performance.now();
    const isSame = drag.key === key && now - drag.time < SAME_DRAG_MS;
    drag = { key, time: now, joins: isSame ? drag.joins : doc.gesture(key) };
    return drag.joins;
  }

  async function change(key, value) {
    const index = state.target;
    pending.set(key, value);
    const sent = doc.send("update_layer", { index, changes: { [key]: value }, joins: joinsOf(`${key} ${index}`) });
    await sent.catch(() => {});
    if (pending.get(key) === value) pending.delete(key);
    paintRows();
  }

  const valueOf = (key) => (pending.has(key) ? pending.get(key) : layer()?.[key]);

  // ---- rows ----
  const seconds = (label, tip) => ({ kind: "setting", panel: "layers", unit: "s", lo: 0, hi: 2, step: 0.02, default: 0, band: null, live: true, label, tip });
  const FIELDS = [
    ["opacity", { ...seconds("Opacity", "How strongly the layer acts · %"), unit: "%", hi: 1, step: 0.01, default: 1 }],
    ["start_s", seconds("Start", "When the layer begins to act · seconds")],
    ["stop_s", seconds("Stop", "When it stops; at the right end it acts to the end · seconds")],
    ["ease_in_s", seconds("Ease in", "Smooth fade after its start · seconds")],
    ["ease_out_s", seconds("Ease out", "Smooth fade before its stop · seconds")],
  ];

  function fieldRow([key, record]) {
    const control = { key: `layer_${key}`, ...record };
    const isStop = key === "stop_s";
    const row = rows.add({
      control,
      name: control.key,
      slots: [],
      read: () => (isStop ? valueOf(key) ?? control.hi : valueOf(key) ?? control.default),
      write: (value) => change(key, isStop && value >= control.hi ? null : value),
      rest: () => (isStop ? control.hi : control.default),
    });
    row.isEditedNow = () => Boolean(layer()) && Math.abs(row.read() - row.rest()) > 1e-6;
    return row;
  }

  /** Times reach as far as something plays, fades as far as the layer acts. */
  function stretchRows() {
    const span = span_s();
    const stop = layer()?.stop_s ?? span;
    for (const row of own) {
      const key = row.control.key.replace("layer_", "");
      if (key === "opacity") continue;
      row.control.hi = key.startsWith("ease") ? Math.max(0.1, stop - (layer()?.start_s ?? 0)) : span;
      row.input.max = row.control.hi;
    }
  }

  function paintRows() {
    if (state.panel !== "layers" || !layer()) return;
    stretchRows();
    for (const row of own) row.isStale = true;
    rows.paintStale();
  }

  // ---- where it acts ----
  function presetOf(regions) {
    const weights = (preset) => Object.entries(preset.weights).every(([slot, weight]) => Math.abs((regions[slot] ?? 1) - weight) < 1e-4);
    return state.data.presets.find(weights)?.key;
  }

  function regionsSection() {
    const chips = state.data.presets.map(
      (preset) => `<button type="button" class="chip" data-layer-preset="${escape(preset.key)}" aria-pressed="false"
        title="${escape(studio.actions.presetTip(preset))}">${escape(preset.label)}</button>`,
    );
    const section = make(`<section class="sec of-layer"><header><h3>Where it acts</h3></header><div class="chips">${chips.join("")}
      <button type="button" class="chip" data-action="own-regions" title="Weights of single regions, in the Regions panel">Own regions</button></div></section>`);
    section.addEventListener("click", (event) => {
      const { layerPreset, action } = event.target.closest("button")?.dataset || {};
      if (action === "own-regions") studio.openPanel("regions");
      if (!layerPreset) return;
      const { weights, label } = state.data.presets.find((preset) => preset.key === layerPreset);
      const regions = Object.fromEntries(Object.entries(weights).filter(([, weight]) => weight !== 1));
      doc.send("update_layer", { index: state.target, changes: { regions }, label: `${label}: ${layer().name}` });
    });
    return section;
  }

  // ---- factors of a multiply layer ----
  function factorsSection() {
    const section = make(`<section class="sec of-layer" data-section="factors"><header><h3>Factors</h3><small>100 % leaves as it is</small></header>
      <div class="factors"></div><select aria-label="Add a control to scale" title="Scale another control">
      <option value="">Add a control…</option></select></section>`);
    const select = one("select", section);
    for (const control of state.data.controls) {
      if (["semantic", "pose", "gaze", "emotion", "dim"].includes(control.kind) || control.panel === "head") {
        select.append(make(`<option value="${escape(control.key)}">${escape(table.label(control.key))}</option>`));
      }
    }
    select.addEventListener("change", () => {
      if (select.value) scale(select.value, 0.5, `Scale ${table.label(select.value)}`);
      select.value = "";
    });
    const box = one(".factors", section);
    box.addEventListener("input", ({ target }) => scale(target.dataset.slot, Number(target.value), undefined, joinsOf(`factor ${target.dataset.slot}`)));
    box.addEventListener("click", (event) => {
      const slot = event.target.closest("[data-drop]")?.dataset.drop;
      if (slot) doc.send("set_curves", { index: state.target, curves: { [slot]: null } });
    });
    return section;
  }

  /** One constant factor; a channel with keys keeps them, the timeline edits those. */
  function scale(name, value, label, joins) {
    const curves = Object.fromEntries(table.resolve(name).map((slot) => [slot, [[0, value, "hold"]]]));
    return doc.send("set_curves", { index: state.target, curves, label, joins });
  }

  function paintFactors(section) {
    const isMultiply = layer()?.mode === "multiply";
    section.hidden = !isMultiply;
    const box = one(".factors", section);
    if (!isMultiply || box.contains(document.activeElement)) return;
    box.innerHTML = Object.entries(layer().channels).map(([slot, keys]) => {
      const name = escape(table.label(slot));
      const isMoving = keys.length > 1;
      const tip = table.tip(`Factor of ${table.label(slot)}${isMoving ? "; its keys are on the timeline" : ""}`, FACTOR.unit);
      return `<div class="factor" title="${escape(tip)}"><span>${name}</span><input type="range" min="${FACTOR.lo}" max="${FACTOR.hi}" step="${FACTOR.step}"
        value="${keys[0][1]}" data-slot="${slot}" aria-label="Factor of ${name}" ${isMoving ? "disabled" : ""}>
        <em>${isMoving ? "keys" : `${Math.round(100 * keys[0][1])}\u202f%`}</em>
        <button type="button" class="ib small" data-drop="${slot}" title="Leave ${name} alone" aria-label="Leave ${name} alone">${studio.icon("close", 14)}</button></div>`;
    }).join("");
  }

  // ---- the head ----
  function headSection() {
    const modes = Object.entries(studio.layers.MODES).map(
      ([key, label]) => `<button type="button" role="radio" data-mode="${key}" aria-checked="false" tabindex="-1" title="${MODE_TIPS[key]}">${label}</button>`,
    );
    const section = make(`<section class="sec of-layer"><header><h3></h3>
      ${studio.button("up", "Move up", { action: "raise", small: true })}${studio.button("down", "Move down", { action: "lower", small: true })}
      ${studio.button("copy", "Duplicate the layer", { action: "duplicate", small: true })}${studio.button("trash", "Delete the layer · Delete", { action: "remove", small: true })}</header>
      <div class="tools-row"><div class="segments" role="radiogroup" aria-label="Mode">${modes.join("")}</div></div><div class="list"></div></section>`);
    own = FIELDS.map(fieldRow);
    one(".list", section).append(rows.html(own));
    section.addEventListener("click", (event) => {
      const { mode, action } = event.target.closest("button")?.dataset || {};
      const index = state.target;
      if (mode && mode !== layer().mode) changeMode(mode);
      if (action === "raise") studio.layers.move(index, index + 1);
      if (action === "lower") studio.layers.move(index, index - 1);
      if (action === "duplicate") studio.layers.duplicate(index);
      if (action === "remove") studio.layers.remove(index);
    });
    return section;
  }

  const MODE_TIPS = {
    add: "Add: the values come on top of what is below",
    set: "Set: the controls read these values, whatever is below",
    multiply: "Multiply: everything below is scaled",
  };

  /** Offsets are no factors: from and to multiply the values go, the layer stays. */
  async function changeMode(mode) {
    const index = state.target;
    const { channels, mode: before } = layer();
    const joins = doc.gesture("mode");
    const label = `${studio.layers.MODES[mode]}: ${layer().name}`;
    if ((mode === "multiply") !== (before === "multiply") && Object.keys(channels).length) {
      const curves = Object.fromEntries(Object.keys(channels).map((slot) => [slot, null]));
      await doc.send("set_curves", { index, curves, label, joins });
    }
    await doc.send("update_layer", { index, changes: { mode }, label, joins });
  }

  function paint(sections, hint) {
    if (state.panel !== "layers") return;
    const at = layer();
    for (const section of sections) section.hidden = !at;
    hint.hidden = Boolean(at);
    if (!at) return;
    one("h3", head).textContent = at.name;
    for (const button of all("[data-mode]", head)) {
      button.setAttribute("aria-checked", button.dataset.mode === at.mode);
      button.tabIndex = button.dataset.mode === at.mode ? 0 : -1;
    }
    one("[data-action=raise]", head).disabled = state.target === state.doc.layers.length - 1;
    one("[data-action=lower]", head).disabled = state.target === 0;
    const preset = presetOf(at.regions);
    for (const chip of all("[data-layer-preset]", sections[1])) chip.setAttribute("aria-pressed", chip.dataset.layerPreset === preset);
    one("[data-action=own-regions]", sections[1]).setAttribute("aria-pressed", !preset);
    paintFactors(sections[2]);
    paintRows();
  }

  function build() {
    head = headSection();
    const sections = [head, regionsSection(), factorsSection()];
    const hint = make('<section class="sec"><p class="hint">The sliders of all panels edit what is chosen above: the base edit, or one layer.</p></section>');
    const show = () => paint(sections, hint);
    ["document", "target", "panel"].forEach((event) => studio.on(event, show));
    show();
    return [...sections, hint];
  }

  studio.layerDetails = { build };
})();
