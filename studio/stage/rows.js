// All rows of the page: which slots they show, when they repaint, and what the visitor does to them.
(() => {
  const { store, table, history, Row } = studio;
  const rows = new Map();
  const bySlot = new Map();
  /** The row touched last: what R resets when nothing has focus. */
  let recent = null;

  function add(spec) {
    const row = new Row(spec);
    rows.set(row.name, row);
    for (const slot of row.slots) {
      if (!bySlot.has(slot)) bySlot.set(slot, []);
      bySlot.get(slot).push(row);
    }
    return row;
  }

  /** A row, and for a sided control its right and left rows below, hidden while linked. */
  function addWithSides(control, extra = {}) {
    if (!table.isSided(control)) return [add({ control, name: control.key, ...extra })];
    const parent = add({ control, name: control.key, chain: true, ...extra });
    const children = table.slotsOf.get(control.key).map((slot) => {
      const side = table.slots.get(slot).side;
      const kind = ["child", extra.kind].filter(Boolean).join(" ");
      return add({ control, name: slot, ...extra, ...extra.child?.(slot), kind, label: side === "right" ? "Right" : "Left" });
    });
    parent.children = children;
    showSides(parent);
    return [parent, ...children];
  }

  function showSides(parent) {
    const isApart = store.isApart(parent.name);
    parent.children.forEach((child) => (child.el.hidden = !isApart));
    parent.paintLink();
  }

  // ---- painting: visible rows at once, the others when they come into view ----
  function paintSlots(slots) {
    for (const slot of slots) for (const row of bySlot.get(slot) || []) row.isStale = true;
    paintStale();
  }

  function paintStale() {
    for (const row of rows.values()) if (row.isStale && row.isVisible()) row.paint();
  }

  function paintEverything() {
    for (const row of rows.values()) row.isStale = true;
    paintStale();
  }

  studio.on("paint", paintSlots);
  studio.on("panel", paintStale);
  studio.on("limits", (slots) => paintSlots(slots));
  studio.on("links", () => {
    for (const row of rows.values()) if (row.children) showSides(row);
    paintStale();
  });

  // ---- the visitor ----
  const rowOf = (target) => target.closest?.(".sl")?.row;
  const commit = (row, merges = false) => history.commit(table.label(row.name), { merges });

  function onInput(event) {
    const row = event.target.type === "range" && rowOf(event.target);
    if (!row) return;
    recent = row;
    row.write(table.snap(row.control, Number(event.target.value)));
  }

  function onChange(event) {
    const row = rowOf(event.target);
    if (!row) return;
    if (event.target === row.field) {
      const value = table.parse(row.control, row.field.value);
      if (value !== null) row.write(studio.clamp(value, row.control.lo, row.control.hi));
      row.field.value = table.figure(row.control, row.read());
    }
    recent = row;
    commit(row);
    row.isStale = true;
    paintStale();
  }

  const STEPS = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 };

  /** Steps of the control itself; the native input would count them from its odd ends. */
  function onKey(event) {
    const row = rowOf(event.target);
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const isField = event.target === row.field;
    if (isField && event.key === "Enter") return event.target.blur();
    if (isField && event.key === "Escape") {
      row.field.value = table.figure(row.control, row.read());
      return event.target.blur();
    }
    if (!isField && event.target !== row.input) return;
    const steps = STEPS[event.key];
    const end = { Home: row.control.lo, End: row.control.hi }[event.key];
    if (isField && (end !== undefined || event.key === "ArrowLeft" || event.key === "ArrowRight")) return;
    if (steps === undefined && end === undefined) return;
    event.preventDefault();
    const step = steps * row.control.step * (event.shiftKey ? 10 : 1);
    row.write(end ?? table.snap(row.control, row.read() + step));
    row.field.value = table.figure(row.control, row.read());
    recent = row;
    commit(row, true);
  }

  function reset(row) {
    recent = row;
    row.reset();
    row.isStale = true;
    store.requestPaint();
    history.commit(`Reset ${table.label(row.name)}`);
  }

  function onClick(event) {
    const row = rowOf(event.target);
    if (!row) return;
    if (event.target.closest("[data-reset]")) reset(row);
    else if (event.target.closest("[data-action=link]")) {
      const isApart = store.isApart(row.name);
      history.link([row.name], isApart, `${isApart ? "Join" : "Part"} the sides of ${table.label(row.name)}`);
    }
  }

  function onPointer(event) {
    const row = event.target.type === "range" && rowOf(event.target);
    if (!row) return;
    recent = row;
    row.isDragged = true;
    const release = () => {
      row.isDragged = false;
      row.isStale = true;
      store.requestPaint();
      commit(row);
    };
    event.target.addEventListener("pointerup", release, { once: true });
    event.target.addEventListener("pointercancel", release, { once: true });
  }

  /** Hovering a dimension shows its point on the face. */
  function onHover(event) {
    const row = rowOf(event.target);
    studio.emit("hover", row?.control.kind === "dim" ? row.control.keypoint : -1);
  }

  function listen(root) {
    root.addEventListener("input", onInput);
    root.addEventListener("change", onChange);
    root.addEventListener("keydown", onKey);
    root.addEventListener("click", onClick);
    root.addEventListener("pointerdown", onPointer);
    root.addEventListener("pointerover", onHover);
    root.addEventListener("dblclick", (event) => {
      const row = event.target.closest(".track") && rowOf(event.target);
      if (row) reset(row);
    });
    root.addEventListener("focusin", (event) => event.target.matches?.(".value") && event.target.select());
  }

  /** Open the panel and group of a slot, bring its row into view and mark it for a moment. */
  function jumpTo(name) {
    const row = rows.get(name)?.el.hidden ? rows.get(table.controlOf(name).key) : rows.get(name);
    if (!row) return;
    studio.openPanel(row.panel);
    if (row.group) row.group.open = true;
    row.el.scrollIntoView({ block: "center" });
    row.el.classList.add("found");
    setTimeout(() => row.el.classList.remove("found"), 1600);
    row.input.focus({ preventScroll: true });
    paintStale();
  }

  studio.rows = {
    add,
    addWithSides,
    get: (name) => rows.get(name),
    all: () => [...rows.values()],
    paintStale,
    paintEverything,
    listen,
    jumpTo,
    reset,
    focused: () => rowOf(document.activeElement) || recent,
    touch: (name) => (recent = rows.get(name) || recent),
    setDisabled: (reason) => rows.forEach((row) => row.setDisabled(reason)),
    forget: () => [rows, bySlot].forEach((map) => map.clear()),
    html: (list) => {
      const holder = document.createDocumentFragment();
      list.forEach((row) => holder.append(row.el));
      return holder;
    },
  };
})();
