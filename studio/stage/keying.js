// Which keys are selected and what is done with them. Everything goes to the server as an operation on the document.
(() => {
  const { state, curves, playback, timeview, toast, table } = studio;
  /** Selected keys lie in one layer: Map slot -> Set of times. */
  let layer = null;
  let picks = new Map();
  let clipboard = null;
  /** What a drag shows before the server has answered: {index, changes, curves}. */
  let preview = null;

  // ---- reading ----
  const layers = () => state.doc?.layers ?? [];

  /** The layer as it stands, with what is being dragged. */
  function layerAt(index) {
    const saved = layers()[index];
    if (!saved || preview?.index !== index) return saved;
    const channels = { ...saved.channels, ...preview.curves };
    for (const slot of Object.keys(channels)) if (!channels[slot]) delete channels[slot];
    return { ...saved, ...preview.changes, channels };
  }

  const channelsOf = (index) => layerAt(index)?.channels ?? {};
  const count = () => [...picks.values()].reduce((sum, times) => sum + times.size, 0);
  const isPicked = (index, slot, time) => index === layer && Boolean(picks.get(slot)?.has(time));
  /** A channel that does not move: a value, not a key. */
  const isConstant = (keys) => keys.length === 1 && keys[0][2] === "hold";

  const times = new WeakMap();

  /** Times of a layer's keys, of one channel or merged over all; values that do not move have none. */
  function timesOf(channels, slot = null) {
    if (!times.has(channels)) times.set(channels, new Map());
    const known = times.get(channels);
    if (!known.has(slot)) known.set(slot, gather(channels, slot));
    return known.get(slot);
  }

  function gather(channels, slot) {
    const chosen = Object.entries(channels).filter(([key, keys]) => (slot ? key === slot : true) && !isConstant(keys));
    return curves.timesOf(Object.fromEntries(chosen));
  }

  /** Whether any layer has keys: then there is something to play. */
  const hasKeys = () => layers().some(({ channels }) => Object.values(channels).some((keys) => !isConstant(keys)));

  // ---- selecting ----
  function select(index, entries, { adds = false } = {}) {
    if (!adds || index !== layer) picks = new Map();
    layer = index;
    for (const [slot, time] of entries) {
      if (!picks.has(slot)) picks.set(slot, new Set());
      picks.get(slot).add(time);
    }
    studio.emit("keys-selected");
  }

  function unselect(entries) {
    for (const [slot, time] of entries) picks.get(slot)?.delete(time);
    studio.emit("keys-selected");
  }

  function clear() {
    if (!count()) return false;
    picks = new Map();
    studio.emit("keys-selected");
    return true;
  }

  /** Keys of a layer at one time, of one channel or of all: [slot, time] pairs. */
  function keysAt(index, time, slot = null) {
    return Object.entries(channelsOf(index))
      .filter(([key, keys]) => (slot ? key === slot : true) && !isConstant(keys) && keys.some((each) => each[0] === time))
      .map(([key]) => [key, time]);
  }

  function keysBetween(index, from_s, to_s, slot = null) {
    const found = [];
    for (const [key, keys] of Object.entries(channelsOf(index))) {
      if ((slot && key !== slot) || isConstant(keys)) continue;
      for (const [time] of keys) if (time >= from_s && time <= to_s) found.push([key, time]);
    }
    return found;
  }

  function selectAll() {
    const index = state.target ?? layer;
    if (layers()[index]) select(index, keysBetween(index, 0, Infinity));
  }

  /** Keys that are gone cannot stay selected. */
  function prune() {
    if (preview) return;
    const channels = channelsOf(layer);
    const kept = new Map();
    for (const [slot, times] of picks) {
      const there = new Set((channels[slot] ?? []).map(([time]) => time));
      const left = new Set([...times].filter((time) => there.has(time)));
      if (left.size) kept.set(slot, left);
    }
    picks = kept;
    studio.emit("keys-selected");
  }

  /** The selection moves with its keys. */
  function follow(place) {
    picks = new Map([...picks].map(([slot, times]) => [slot, new Set([...times].map((time) => curves.exact(place(time))))]));
  }

  // ---- writing ----
  const send = (changes, label, index = layer) => studio.doc.send("set_curves", { index, curves: changes, label });

  /** A drag: shown at once, sent as fast as the server answers, one step of the history. */
  function gesture(index, label) {
    const joins = studio.doc.gesture("timeline");
    timeview.freeze(true);
    let wanted = null;
    let running = null;
    async function run() {
      while (wanted) {
        const { changes, curves: moved } = wanted;
        wanted = null;
        if (changes) await studio.doc.send("update_layer", { index, changes, label, joins });
        if (moved) await studio.doc.send("set_curves", { index, curves: moved, label, joins });
      }
    }
    return {
      show(next) {
        preview = { index, ...next };
        wanted = next;
        running ??= run().catch(() => {}).finally(() => (running = null));
        studio.emit("keys-preview");
      },
      async end() {
        while (running) await running;
        preview = null;
        timeview.freeze(false);
        prune();
        studio.emit("keys-preview");
      },
    };
  }

  /** A key of every channel of the layer, or of one, at a time; the curve keeps its shape. */
  function add(index, time_s, slot = null) {
    const time = curves.exact(timeview.snap(time_s));
    const channels = Object.entries(channelsOf(index)).filter(([key]) => !slot || key === slot);
    if (!channels.length) {
      toast.show({ kind: "info", text: `${layers()[index].name} holds no value yet. Move a slider, then set a key.` });
      return null;
    }
    const changes = {};
    for (const [key, keys] of channels) {
      const value = curves.valueAt(keys, time);
      const before = keys[curves.stretchAt(keys, time)];
      const kind = isConstant(keys) ? "smooth" : before[2];
      const others = isConstant(keys) ? [] : keys.filter((each) => each[0] !== time);
      changes[key] = [...others, [time, value, kind]].sort((a, b) => a[0] - b[0]);
    }
    const name = slot ? table.label(slot) : layers()[index].name;
    return send(changes, `Key of ${name}`, index).then(() => select(index, keysAt(index, time, slot)));
  }

  /** K: a key at the playhead. The edit on the photo itself becomes a layer first, since keys live in layers. */
  async function addAtPlayhead() {
    const time_s = (playback.frame() ?? 0) / playback.fps();
    // what a slider has just been set to belongs into the key
    studio.history.commit("Edit");
    await studio.doc.settled();
    if (state.target !== null && layers()[state.target]) return add(state.target, time_s);
    if (!Object.keys(studio.doc.edit()).length) {
      toast.show({ kind: "info", text: "There is nothing to key yet. Move a slider or choose a layer, then press K." });
      return null;
    }
    await studio.doc.send("add_layer", { from_edit: true, label: "Move the edit into a layer" });
    studio.doc.setTarget(layers().length - 1);
    return add(layers().length - 1, time_s);
  }

  function remove() {
    if (!count()) return false;
    const many = count() > 1;
    send(curves.removed(channelsOf(layer), picks), `Delete ${many ? `${count()} keys` : "a key"}`);
    clear();
    return true;
  }

  function setKind(kind) {
    if (count()) send(curves.withKind(channelsOf(layer), picks, kind), `Keys ${kind}`);
  }

  /** Interpolation of the selected keys, or null where they differ. */
  function kind() {
    const kinds = new Set();
    const channels = channelsOf(layer);
    for (const [slot, times] of picks) for (const key of channels[slot] ?? []) if (times.has(key[0])) kinds.add(key[2]);
    return kinds.size === 1 ? [...kinds][0] : null;
  }

  // ---- stretching ----
  const length_s = () => (count() ? curves.extent(picks)[1] - curves.extent(picks)[0] : 0);

  /** Where a time goes if the selection takes another length, its first or its last key standing. */
  function stretch(newLength_s, fromEnd = false) {
    const [first, last] = curves.extent(picks);
    const factor = newLength_s / (last - first);
    return fromEnd ? (time) => last + factor * (time - last) : (time) => first + factor * (time - first);
  }

  /** The selected keys over another length, the first one standing. */
  async function retime(newLength_s) {
    if (!(newLength_s >= 1 / playback.fps()) || !length_s()) return;
    const place = stretch(newLength_s);
    const changes = curves.moved(channelsOf(layer), picks, ([time, value, kind]) => [place(time), value, kind]);
    follow(place);
    await send(changes, "Retime keys");
  }

  // ---- copy and paste ----
  function copy() {
    if (!count()) return false;
    clipboard = { keys: curves.copied(channelsOf(layer), picks), length: count() };
    toast.show({ kind: "info", text: `${clipboard.length} ${clipboard.length > 1 ? "keys" : "key"} copied. Ctrl V pastes at the playhead.` });
    return true;
  }

  /** At the playhead, into the layer at hand. */
  function paste() {
    const index = state.target ?? layer;
    if (!clipboard || !layers()[index]) return false;
    const at_s = (playback.frame() ?? 0) / playback.fps();
    const changes = curves.pasted(channelsOf(index), clipboard.keys, at_s);
    const pairs = Object.entries(clipboard.keys).flatMap(([slot, keys]) => keys.map(([time]) => [slot, curves.exact(time + at_s)]));
    send(changes, "Paste keys", index).then(() => select(index, pairs));
    return true;
  }

  // ---- going from key to key ----
  /** The nearest key before (-1) or after (1) the playhead, of the layer at hand or of all. */
  function jump(direction) {
    const indices = layers()[state.target] ? [state.target] : layers().map((_, index) => index);
    const frames = indices.flatMap((index) => [...timesOf(channelsOf(index))].map((time) => Math.round(time * playback.fps())));
    const here = playback.frame() ?? 0;
    const ahead = frames.filter((frame) => direction * (frame - here) > 0);
    if (ahead.length) playback.seek(direction > 0 ? Math.min(...ahead) : Math.max(...ahead));
  }

  function setAutoKey(isOn) {
    state.autoKey = isOn;
    studio.remember("auto-key", isOn ? "on" : "off");
    studio.emit("auto-key");
  }

  state.autoKey = studio.recall("auto-key") === "on";
  studio.on("document", prune);

  studio.keying = {
    layers,
    layerAt,
    channelsOf,
    timesOf,
    hasKeys,
    isConstant,
    isPicked,
    count,
    select,
    unselect,
    clear,
    selectAll,
    keysAt,
    keysBetween,
    selected: () => ({ layer, picks }),
    extent: () => curves.extent(picks),
    follow,
    gesture,
    add,
    addAtPlayhead,
    remove,
    setKind,
    kind,
    length_s,
    stretch,
    retime,
    copy,
    paste,
    canPaste: () => Boolean(clipboard),
    jump,
    setAutoKey,
  };
})();
