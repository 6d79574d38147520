// The work as the server holds it, and every change of it: one operation after the other, none lost, none overtaken.
(() => {
  const { state, store, table } = studio;
  const RETRY_MS = { first: 300, last: 5000 };
  const EPSILON = 1e-6;
  /** Steps of one gesture share a name; a reload must not continue an old one. */
  const PAGE = Math.random().toString(36).slice(2, 8);
  let gestures = 0;
  /** Operations that wait for their turn, each {body, moved | run, slots, before(doc), promise, resolve, reject}. */
  const queue = [];
  let current = null;
  /** Token of the session that `state.doc` belongs to. */
  let owner = null;

  Object.assign(state, { doc: null, target: null, autoKey: false });

  // ---- what the sliders show ----
  const layerAtHand = () => state.doc?.layers[state.target] ?? null;
  const playhead_s = () => (studio.playback.frame() ?? 0) / studio.playback.fps();

  /** Whether a slider cannot show what a slot of the layer at hand holds. */
  const holdsFactors = (slot) => layerAtHand()?.mode === "multiply" && !isMask(slot) && !isRegion(slot);

  const isMask = (slot) => slot.startsWith("mask_");
  const isRegion = (slot) => table.controlOf(slot).kind === "region" || slot === "region_feather";

  /** Values of every slot of the edit below all layers. */
  function baseValues() {
    const values = Float64Array.from(state.data.slots, (slot) => slot.default);
    for (const [slot, value] of Object.entries(state.doc?.edit ?? {})) values[table.slots.get(slot).index] = value;
    return values;
  }

  /** What slots stand at where nothing was moved: a multiply layer leaves a value alone by the factor 1. */
  function rests() {
    const multiplies = layerAtHand()?.mode === "multiply";
    return Float64Array.from(state.data.slots, ({ key, default: value }) => (multiplies && !isMask(key) && !isRegion(key) ? 1 : value));
  }

  /** Values of a layer at a time; the painted mask's stay those of the edit, regions are where the layer acts. */
  function layerValues(layer, seconds) {
    const values = rests();
    const base = baseValues();
    for (const [slot, { index }] of table.slots) if (isMask(slot)) values[index] = base[index];
    for (const [slot, keys] of Object.entries(layer.channels)) values[table.slots.get(slot).index] = studio.curves.valueAt(keys, seconds);
    for (const [slot, weight] of Object.entries(layer.regions)) values[table.slots.get(slot).index] = weight;
    return values;
  }

  /** Slots whose newest value has not come back from the server yet. */
  function pendingSlots() {
    const slots = new Set(store.touched());
    for (const operation of [current, ...queue]) for (const slot of operation?.slots ?? []) slots.add(slot);
    return slots;
  }

  /** The sliders take over the document, except where hands are at work. */
  function showTarget() {
    if (!state.data) return;
    const layer = layerAtHand();
    store.load(layer ? layerValues(layer, playhead_s()) : baseValues(), rests(), pendingSlots());
  }

  /** What the next live frame is drawn from: {vector, layer}; `layer` null is the edit below all layers. */
  function outgoing(frame) {
    const layer = layerAtHand();
    if (!layer) return { vector: studio.vector(), layer: null };
    const pending = pendingSlots();
    if (!pending.size) return { vector: Float32Array.from(baseValues()), layer: null };
    const values = layerValues(layer, (frame ?? 0) / studio.playback.fps());
    for (const slot of pending) values[table.slots.get(slot).index] = store.raw(slot);
    return { vector: Float32Array.from(values), layer: state.target };
  }

  // ---- what comes ----
  /** Take over a state of the document; an older one than that at hand changes nothing. */
  function receive(doc) {
    if (!doc) return;
    const isOurs = owner === studio.stage.token;
    if (isOurs && state.doc && doc.revision < state.doc.revision) return;
    const { portrait, ...rest } = doc;
    owner = studio.stage.token;
    const before = state.doc;
    state.doc = rest;
    const isGone = state.target !== null && !rest.layers[state.target];
    if (isGone) state.target = null;
    if (portrait) studio.portrait.adopt(portrait);
    studio.mask.sync(rest.mask_key);
    studio.clip.receive(rest.clip);
    showTarget();
    store.loadLinks(isOurs ? (before?.apart ?? []) : [], rest.apart, pendingSlots());
    if (isOurs && before?.revision === rest.revision) return;
    if (isGone) studio.emit("target");
    studio.emit("document");
    studio.emit("history");
    studio.transport.request();
  }

  // ---- what goes ----
  const gesture = (name = "step") => `${PAGE} ${name} ${(gestures += 1)}`;

  /** One operation of studio/document_ops.py; resolves with the new state once it is there. */
  function send(op, args = {}, { slots = [] } = {}) {
    const last = queue.at(-1);
    // of a drag only the newest step that has not left yet counts
    if (args.joins && last?.body?.op === op && last.body.joins === args.joins && last.body.index === args.index && !slots.length) {
      const merged = { ...last.body, ...args };
      for (const part of ["changes", "curves"]) if (args[part]) merged[part] = { ...last.body[part], ...args[part] };
      last.body = merged;
      return last.promise;
    }
    return enqueue({ body: { op, ...args }, slots });
  }

  function enqueue(operation) {
    operation.promise = new Promise((resolve, reject) => Object.assign(operation, { resolve, reject }));
    // whoever does not wait for the answer has been told by a toast
    operation.promise.catch(() => {});
    queue.push(operation);
    work();
    return operation.promise;
  }

  async function work() {
    if (current || !queue.length) return;
    current = queue.shift();
    const operation = current;
    try {
      const doc = await exchange(operation);
      current = null;
      operation.before?.(doc);
      receive(doc);
      operation.resolve(state.doc);
    } catch (error) {
      current = null;
      operation.before?.(null);
      studio.toast.show({ kind: "error", text: error.message });
      showTarget();
      studio.transport.request();
      operation.reject(error);
    }
    studio.emit("document-sent");
    work();
  }

  /** The answer of the server; a lost connection is waited for, a refusal is an error with the server's sentence. */
  async function exchange(operation) {
    for (let wait = RETRY_MS.first; ; wait = Math.min(RETRY_MS.last, 2 * wait)) {
      let response = null;
      try {
        response = await (operation.run ? operation.run() : post(withMoved(operation)));
      } catch {
        /* offline: asked again below */
      }
      if (response?.ok) return response.json();
      if (response && response.status < 500) {
        const { error } = await response.json().catch(() => ({}));
        throw new Error(error || "The change was not taken by the server.");
      }
      if (response && wait > RETRY_MS.first) throw new Error("The change was not taken because the server failed.");
      await new Promise((done) => setTimeout(done, wait));
    }
  }

  function post(body) {
    const headers = { "content-type": "application/json" };
    return fetch(studio.transport.route("document"), { method: "POST", body: JSON.stringify(body), headers });
  }

  /** The values that hands have moved become a step: of the edit, or of the layer at hand at the playhead. */
  function commit(label, joins) {
    const moved = store.takeTouched();
    if (!moved.length) return null;
    const onLayer = moved.filter((slot) => layerAtHand() && !isMask(slot));
    const onBase = moved.filter((slot) => !onLayer.includes(slot));
    const valuesOf = (slots) => Object.fromEntries(slots.map((slot) => [slot, Number(store.raw(slot).toFixed(6))]));
    let sent = null;
    if (onBase.length) sent = enqueue({ body: { op: "edit", label, joins }, moved: valuesOf(onBase), slots: onBase });
    if (onLayer.length) {
      const time_s = playhead_s();
      sent = send("key", { index: state.target, time_s, values: valuesOf(onLayer), auto_key: state.autoKey, label, joins }, { slots: onLayer });
    }
    return sent;
  }

  /** The whole edit with what hands have moved, made when its turn has come: all before it has arrived by then. */
  function withMoved({ body, moved }) {
    if (!moved) return body;
    const isSet = ([slot, value]) => Math.abs(value - table.slots.get(slot).default) > EPSILON;
    const values = Object.fromEntries(Object.entries({ ...state.doc?.edit, ...moved }).filter(isSet));
    return { ...body, values };
  }

  // ---- which values the sliders edit ----
  /** null: the edit below all layers; else the index of a layer, counted from below. */
  function setTarget(index) {
    const next = state.doc?.layers[index] ? index : null;
    if (next === state.target) return;
    studio.history.commit("Edit");
    state.target = next;
    showTarget();
    studio.emit("target");
    studio.store.repaintAll();
    studio.transport.request();
  }

  /** Resolves when every change has reached the server. */
  async function settled() {
    while (current || queue.length) await new Promise((done) => setTimeout(done, 4));
  }

  studio.on("playhead", () => layerAtHand() && showTarget());

  studio.doc = {
    receive, send, enqueue, commit, setTarget, settled, gesture, outgoing, showTarget, layerAtHand, holdsFactors,
    edit: () => state.doc?.edit ?? {},
    isSending: () => Boolean(current || queue.length),
  };
})();
