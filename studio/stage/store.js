// One store for every value of the page. Rows, pads, handles and the silhouette are views of it.
(() => {
  const { state, table, clamp } = studio;
  const EPSILON = 1e-6;
  let values = new Float64Array(0);
  let defaults = new Float64Array(0);
  /** Sided controls whose halves move apart; all others are linked. */
  const apart = new Set();
  const changed = new Set();
  /** Slots that hands have moved since the document was told. */
  const touched = new Set();
  let frameRequested = false;

  studio.on("data", () => {
    defaults = Float64Array.from(state.data.slots, (slot) => slot.default);
    values = defaults.slice();
  });

  const index = (slot) => table.slots.get(slot).index;

  // ---- reading ----
  /** What a slot stands at on the page: an eye ratio at "as photographed" shows the measured one. */
  function shown(slot, value = values[index(slot)]) {
    const control = table.controlOf(slot);
    if (control.kind !== "eye" || value >= 0) return value;
    const measured = state.portrait?.eye_ratio;
    return measured ? measured[table.slots.get(slot).side === "left" ? 1 : 0] : 0;
  }

  const rest = (slot) => shown(slot, defaults[index(slot)]);
  const mean = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

  /** Value of a slot, or the mean of both sides for a control name. */
  function get(name) {
    const slots = table.resolve(name);
    return slots.length ? mean(slots.map((slot) => shown(slot))) : undefined;
  }

  const isEdited = (slot) => Math.abs(values[index(slot)] - defaults[index(slot)]) > EPSILON;
  const isApart = (controlKey) => apart.has(controlKey);
  const vector = () => Float32Array.from(values);

  /** Only what differs from the photo: {slot: value}. */
  function edits() {
    const result = {};
    for (const slot of table.slots.keys()) if (isEdited(slot)) result[slot] = Number(values[index(slot)].toFixed(6));
    return result;
  }

  // ---- writing ----
  function clampToSlot(slot, value) {
    const { lo, hi } = table.slots.get(slot);
    // a default may lie outside the slider: eye ratios rest at "as photographed"
    return value === defaults[index(slot)] ? value : clamp(value, lo, hi);
  }

  /** Write slots at once; everything else on the page follows from here. Returns whether anything changed. */
  function assign(entries) {
    let any = false;
    for (const [slot, value] of Object.entries(entries)) {
      if (studio.doc.holdsFactors(slot)) continue;
      const next = clampToSlot(slot, value);
      if (!Number.isFinite(next) || values[index(slot)] === next) continue;
      values[index(slot)] = next;
      changed.add(slot);
      touched.add(slot);
      any = true;
    }
    if (any) {
      Object.keys(entries).forEach(followLink);
      announce();
    }
    return any;
  }

  let batchDepth = 0;
  let batchChanged = false;

  function announce() {
    if (batchDepth) return (batchChanged = true);
    studio.emit("values");
    return requestPaint();
  }

  /** Several writes that belong together go out as one vector. */
  function batch(write) {
    batchDepth += 1;
    write();
    batchDepth -= 1;
    if (batchDepth || !batchChanged) return;
    batchChanged = false;
    announce();
  }

  /** Sides that differ cannot be linked. */
  function followLink(slot) {
    const key = table.slots.get(slot).control;
    const slots = table.slotsOf.get(key);
    if (slots.length < 2) return;
    if (Math.abs(values[index(slots[0])] - values[index(slots[1])]) > EPSILON && !apart.has(key)) {
      apart.add(key);
      studio.emit("links", key);
    }
  }

  /** Move both sides by the same difference; stop where the first reaches its end. */
  function spread(slots, value) {
    let difference = value - mean(slots.map((slot) => shown(slot)));
    for (const slot of slots) {
      const control = table.controlOf(slot);
      difference = clamp(difference, control.lo - shown(slot), control.hi - shown(slot));
    }
    return Object.fromEntries(slots.map((slot) => [slot, shown(slot) + difference]));
  }

  /** Set a slot, or a control: linked sides take the same value, sides apart move together. */
  function set(name, value) {
    const slots = table.resolve(name);
    if (!slots.length) throw new Error(`Unknown control: ${name}`);
    const control = table.controlOf(name);
    if (control.kind === "emotion" && control.key !== "emotion_intensity") return assign(balance(name, value));
    if (slots.length > 1 && apart.has(name)) return assign(spread(slots, value));
    return assign(Object.fromEntries(slots.map((slot) => [slot, value])));
  }

  /** The mix never exceeds 100 %: raising one emotion first takes from the photo's own share, then scales the others. */
  function balance(name, value) {
    const weight = clamp(value, 0, 1);
    const others = table
      .ofPanel("emotion", "emotion")
      .map((control) => control.key)
      .filter((key) => key !== name && key !== "emotion_intensity");
    const sum = others.reduce((total, key) => total + values[index(key)], 0);
    const factor = sum + weight > 1 ? (1 - weight) / sum : 1;
    const entries = Object.fromEntries(others.map((key) => [key, values[index(key)] * factor]));
    return { ...entries, [name]: weight };
  }

  /** Join or part the sides of a control; joining takes the mean. */
  function setLinked(controlKey, linked) {
    const value = get(controlKey);
    const slots = table.slotsOf.get(controlKey);
    showLinked(controlKey, linked);
    if (linked && slots.some(isEdited)) assign(Object.fromEntries(slots.map((slot) => [slot, value])));
  }

  function showLinked(controlKey, linked) {
    if (apart.has(controlKey) !== linked) return;
    if (linked) apart.delete(controlKey);
    else apart.add(controlKey);
    studio.emit("links", controlKey);
    requestPaint();
  }

  /** Sides that the document has joined or parted since `before`; those that differ stay apart, and so do slots in `kept`. */
  function loadLinks(before, next, kept) {
    for (const key of new Set([...before, ...next])) {
      if (before.includes(key) === next.includes(key) || table.slotsOf.get(key).some((slot) => kept.has(slot))) continue;
      showLinked(key, !next.includes(key));
      followLink(table.slotsOf.get(key)[0]);
    }
  }

  const reset = (slots) => assign(Object.fromEntries(slots.map((slot) => [slot, defaults[index(slot)]])));

  // ---- the document ----
  /** Take over values that the document holds, with what counts as untouched; slots in `kept` stay as they are. */
  function load(next, rests, kept) {
    let any = rests.some((value, at) => value !== defaults[at]);
    if (any) for (const slot of table.slots.keys()) changed.add(slot);
    defaults = rests;
    for (const [slot, { index: at }] of table.slots) {
      if (kept.has(slot) || values[at] === next[at]) continue;
      values[at] = next[at];
      changed.add(slot);
      any = true;
    }
    if (!any) return;
    for (const slot of changed) followLink(slot);
    requestPaint();
  }

  /** The slots moved since the last time, which count as told from now on. */
  function takeTouched() {
    const slots = [...touched];
    touched.clear();
    return slots;
  }

  // ---- painting ----
  /** Views repaint once a frame with the set of slots that moved since. */
  function requestPaint() {
    if (frameRequested) return;
    frameRequested = true;
    requestAnimationFrame(() => {
      frameRequested = false;
      const slots = new Set(changed);
      changed.clear();
      studio.emit("paint", slots);
    });
  }

  /** Everything looks new: another portrait, other limits. */
  function repaintAll() {
    for (const slot of table.slots.keys()) changed.add(slot);
    requestPaint();
  }

  const editedControls = () => {
    const keys = new Set();
    for (const [slot, { control }] of table.slots) if (isEdited(slot)) keys.add(control);
    return keys;
  };

  studio.store = {
    get,
    set,
    assign,
    batch,
    shown,
    rest,
    isEdited,
    isApart,
    setLinked,
    loadLinks,
    reset,
    edits,
    editedControls,
    load,
    takeTouched,
    touched: () => touched,
    repaintAll,
    requestPaint,
    defaultOf: (slot) => defaults[index(slot)],
    raw: (slot) => values[index(slot)],
  };
  Object.assign(studio, { get, set, vector });
})();
