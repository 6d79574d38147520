// Which keys are selected and what is done with them. Everything goes to the server as an operation on the document.
(() => {
  const { state, curves, playback, timeview, toast, table } = studio;
  /** Selected keys: Map layer -> Map slot -> Set of times, none of them empty. */
  let picks = new Map();
  /** Copied keys, [{index, keys}] by the layer they came from; times count from the first of all. */
  let clipboard = [];
  /** What a drag shows before the server has answered: [{index, changes, curves}]. */
  let preview = [];

  // ---- reading ----
  const layers = () => state.doc?.layers ?? [];

  /** The layer as it stands, with what is being dragged. */
  function layerAt(index) {
    const saved = layers()[index];
    const part = preview.find((each) => each.index === index);
    if (!saved || !part) return saved;
    const channels = { ...saved.channels, ...part.curves };
    for (const slot of Object.keys(channels)) if (!channels[slot]) delete channels[slot];
    return { ...saved, ...part.changes, channels };
  }

  const channelsOf = (index) => layerAt(index)?.channels ?? {};
  const picksOf = (index) => picks.get(index) ?? new Map();
  const isPicked = (index, slot, time) => Boolean(picks.get(index)?.get(slot)?.has(time));
  const count = () => [...picks.values()].reduce((sum, slots) => sum + [...slots.values()].reduce((all, times) => all + times.size, 0), 0);

  /** The layers with selected keys as they stand: [{index, channels, picks}]. */
  const selection = () => [...picks].map(([index, slots]) => ({ index, channels: channelsOf(index), picks: slots }));

  /** First and last time of all that is selected. */
  function extent() {
    const ends = [...picks.values()].map(curves.extent);
    return [Math.min(...ends.map(([first]) => first)), Math.max(...ends.map(([, last]) => last))];
  }
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
  /** Select [slot, time] pairs of one layer, alone or with what is selected already. */
  const select = (index, entries, options) => selectMany([[index, entries]], options);

  /** The same over several layers, [[layer, pairs]]. */
  function selectMany(found, { adds = false } = {}) {
    if (!adds) picks = new Map();
    for (const [index, entries] of found) {
      for (const [slot, time] of entries) {
        if (!picks.has(index)) picks.set(index, new Map());
        if (!picks.get(index).has(slot)) picks.get(index).set(slot, new Set());
        picks.get(index).get(slot).add(time);
      }
    }
    studio.emit("keys-selected");
  }

  function unselect(index, entries) {
    for (const [slot, time] of entries) picks.get(index)?.get(slot)?.delete(time);
    keep(() => true);
    studio.emit("keys-selected");
  }

  /** Of the selection only what passes; layers and channels without any are forgotten. */
  function keep(passes) {
    const kept = new Map();
    for (const [index, slots] of picks) {
      const left = new Map();
      for (const [slot, times] of slots) {
        const stays = new Set([...times].filter((time) => passes(index, slot, time)));
        if (stays.size) left.set(slot, stays);
      }
      if (left.size) kept.set(index, left);
    }
    picks = kept;
  }

  /** Nothing is selected outside this layer any more. */
  function keepLayer(index) {
    keep((each) => each === index);
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
    const chosen = layers()[state.target] ? [state.target] : [...picks.keys()];
    if (chosen.length) selectMany(chosen.map((index) => [index, keysBetween(index, 0, Infinity)]));
  }

  /** Keys that are gone cannot stay selected. */
  function prune() {
    if (preview.length) return;
    const there = new Map();
    const timesIn = (index, slot) => {
      const name = `${index} ${slot}`;
      if (!there.has(name)) there.set(name, new Set((channelsOf(index)[slot] ?? []).map(([time]) => time)));
      return there.get(name);
    };
    keep((index, slot, time) => timesIn(index, slot).has(time));
    studio.emit("keys-selected");
  }

  /** The selection moves with its keys. */
  function follow(place) {
    const moved = (times) => new Set([...times].map((time) => curves.exact(place(time))));
    picks = new Map([...picks].map(([index, slots]) => [index, new Map([...slots].map(([slot, times]) => [slot, moved(times)]))]));
  }

  // ---- writing ----
  /** New curves of some layers, [{index, curves}], as one step. */
  const send = (parts, label) => studio.doc.send("set_curves", { layers: parts, label });

  /** What becomes of the selected keys, layer by layer. */
  const changed = (change, held = selection()) => held.map(({ index, channels, picks: slots }) => ({ index, curves: change(channels, slots) }));

  /** A drag: shown at once, sent as fast as the server answers, one step of the history. */
  function gesture(label) {
    const joins = studio.doc.gesture("timeline");
    timeview.freeze(true);
    let wanted = null;
    let running = null;
    async function run() {
      while (wanted) {
        const parts = wanted;
        wanted = null;
        for (const { index, changes } of parts) if (changes) await studio.doc.send("update_layer", { index, changes, label, joins });
        const moved = parts.filter((part) => part.curves).map((part) => ({ index: part.index, curves: part.curves }));
        if (moved.length) await studio.doc.send("set_curves", { layers: moved, label, joins });
      }
    }
    return {
      /** [{index, changes, curves}]: what becomes of which layer. */
      show(next) {
        preview = wanted = next;
        running ??= run().catch(() => {}).finally(() => (running = null));
        studio.emit("keys-preview");
      },
      async end() {
        while (running) await running;
        preview = [];
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
    return send([{ index, curves: changes }], `Key of ${name}`).then(() => select(index, keysAt(index, time, slot)));
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
    send(changed(curves.removed), `Delete ${many ? `${count()} keys` : "a key"}`);
    clear();
    return true;
  }

  function setKind(kind) {
    if (count()) send(changed((channels, slots) => curves.withKind(channels, slots, kind)), `Keys ${kind}`);
  }

  /** Interpolation of the selected keys, or null where they differ. */
  function kind() {
    const kinds = new Set();
    for (const { channels, picks: slots } of selection()) {
      for (const [slot, times] of slots) for (const key of channels[slot] ?? []) if (times.has(key[0])) kinds.add(key[2]);
    }
    return kinds.size === 1 ? [...kinds][0] : null;
  }

  // ---- stretching ----
  const length_s = () => (count() ? extent()[1] - extent()[0] : 0);

  /** Where a time goes if the selection takes another length, its first or its last key standing. */
  function stretch(newLength_s, fromEnd = false) {
    const [first, last] = extent();
    const factor = newLength_s / (last - first);
    return fromEnd ? (time) => last + factor * (time - last) : (time) => first + factor * (time - first);
  }

  /** The selected keys over another length, the first one standing. */
  async function retime(newLength_s) {
    if (!(newLength_s >= 1 / playback.fps()) || !length_s()) return;
    const place = stretch(newLength_s);
    const parts = changed((channels, slots) => curves.moved(channels, slots, ([time, value, kind]) => [place(time), value, kind]));
    follow(place);
    await send(parts, "Retime keys");
  }

  // ---- copy and paste ----
  function copy() {
    if (!count()) return false;
    const [start] = extent();
    clipboard = selection().map(({ index, channels, picks: slots }) => ({ index, keys: curves.copied(channels, slots, start) }));
    const many = count() > 1;
    toast.show({ kind: "info", text: `${count()} ${many ? "keys" : "key"} copied. Ctrl V pastes at the playhead.` });
    return true;
  }

  /** At the playhead: keys of one layer into the layer at hand, keys of several into those they came from. */
  function paste() {
    const home = (index) => (clipboard.length === 1 ? (state.target ?? index) : index);
    const parts = clipboard.map(({ index, keys }) => ({ index: home(index), keys })).filter(({ index }) => layers()[index]);
    if (!parts.length) return false;
    const at_s = (playback.frame() ?? 0) / playback.fps();
    const pairs = (keys) => Object.entries(keys).flatMap(([slot, each]) => each.map(([time]) => [slot, curves.exact(time + at_s)]));
    send(parts.map(({ index, keys }) => ({ index, curves: curves.pasted(channelsOf(index), keys, at_s) })), "Paste keys").then(() =>
      selectMany(parts.map(({ index, keys }) => [index, pairs(keys)])),
    );
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
    selectMany,
    unselect,
    keepLayer,
    clear,
    selectAll,
    keysAt,
    keysBetween,
    selection,
    picksOf,
    changed,
    extent,
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
    canPaste: () => clipboard.length > 0,
    jump,
    setAutoKey,
  };
})();
