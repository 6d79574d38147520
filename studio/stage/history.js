// Undo and redo of everything: every release leaves one step, and the server keeps the steps.
(() => {
  const { state, doc } = studio;
  const MERGE_MS = 800;
  let last = { label: "", time: 0, joins: "" };

  /** Close a gesture. Does nothing if nothing moved, so it may be called once too often. */
  function commit(label, { merges = false, joins } = {}) {
    const now = performance.now();
    // a held arrow key is one step, not thirty
    const isSameRun = merges && label === last.label && now - last.time < MERGE_MS;
    const name = joins ?? (isSameRun ? last.joins : doc.gesture(label));
    const sent = doc.commit(label, name);
    if (!sent) return false;
    last = { label, time: now, joins: name };
    announce(sent, label);
    return true;
  }

  function announce(sent, label) {
    sent.then(() => studio.emit("commit", { values: doc.edit(), label }), () => {});
  }

  /** Part or join the sides of controls: one step, with the values that joining makes equal. */
  function link(keys, linked, label) {
    commit("Edit");
    const joins = doc.gesture(label);
    const slots = keys.flatMap((key) => studio.table.slotsOf.get(key));
    announce(doc.send("link", { controls: keys, apart: !linked, label, joins }, { slots }), label);
    for (const key of keys) studio.store.setLinked(key, linked);
    commit(label, { joins });
  }

  /** Resolves with whether there was a step to go. */
  async function go(op, args = {}) {
    commit("Edit");
    last = { label: "", time: 0, joins: "" };
    let from = 0;
    const sent = doc.enqueue({ body: { op, ...args }, before: () => (from = position()) });
    announce(sent, op);
    await sent;
    return position() !== from;
  }

  const labels = () => state.doc?.history.labels ?? [];
  const position = () => state.doc?.history.position ?? 0;
  const canUndo = () => position() > 0;
  const canRedo = () => position() < labels().length - 1;

  studio.history = {
    commit,
    link,
    undo: () => go("undo"),
    redo: () => go("redo"),
    jump: (step) => go("jump", { position: step }),
    /** The portrait alone, with nothing to undo. */
    startOver: () => go("start_over"),
    canUndo,
    canRedo,
    labels,
    position,
    nextUndo: () => (canUndo() ? labels()[position()] : undefined),
    nextRedo: () => labels()[position() + 1],
    size: position,
  };
})();
