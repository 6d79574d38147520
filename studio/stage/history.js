// Undo and redo: every release leaves one step; a step is the whole vector, the links and the painted mask.
(() => {
  const { store } = studio;
  const STEPS = 500;
  const MERGE_MS = 800;
  const past = [];
  const future = [];
  let current = null;
  let lastLabel = "";
  let lastTime = 0;

  const take = () => ({ ...store.snapshot(), mask: studio.mask?.current() ?? null });

  function same(a, b) {
    if (a.mask !== b.mask || a.apart.size !== b.apart.size) return false;
    for (const key of a.apart) if (!b.apart.has(key)) return false;
    return a.values.every((value, i) => value === b.values[i]);
  }

  /** Close a gesture. Does nothing if nothing moved, so it may be called once too often. */
  function commit(label, { merges = false } = {}) {
    const next = take();
    if (current && same(current, next)) return false;
    const now = performance.now();
    // a held arrow key is one step, not thirty
    const isSameRun = merges && label === lastLabel && now - lastTime < MERGE_MS && past.length > 0;
    if (current && !isSameRun) past.push({ ...current, label });
    if (past.length > STEPS) past.shift();
    future.length = 0;
    current = next;
    [lastLabel, lastTime] = [label, now];
    announce(label);
    return true;
  }

  function announce(label) {
    studio.emit("history");
    studio.emit("commit", { values: store.edits(), label });
  }

  function move(from, to, word) {
    commit("Edit");
    const target = from.pop();
    if (!target) return false;
    to.push({ ...current, label: target.label });
    current = target;
    store.restore(target);
    studio.mask?.restore(target.mask);
    lastLabel = "";
    announce(`${word} ${target.label}`);
    return true;
  }

  /** Forget everything: another visitor's work must not come back. */
  function begin() {
    past.length = future.length = 0;
    current = take();
    studio.emit("history");
  }

  studio.history = {
    begin,
    commit,
    undo: () => move(past, future, "Undo"),
    redo: () => move(future, past, "Redo"),
    canUndo: () => past.length > 0,
    canRedo: () => future.length > 0,
    nextUndo: () => past.at(-1)?.label,
    nextRedo: () => future.at(-1)?.label,
    size: () => past.length,
  };
  studio.on("data", begin);
})();
