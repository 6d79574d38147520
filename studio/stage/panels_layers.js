// Layers panel: the stack, top layer first. A chosen layer takes the sliders of all other panels.
(() => {
  const { state, store, table, doc, history } = studio;
  const { make, one, all, escape } = studio.dom;
  const MODES = { add: "Add", set: "Set", multiply: "Multiply" };
  let list = null;
  let dragged = null;

  const layers = () => state.doc?.layers ?? [];
  const update = (index, changes) => doc.send("update_layer", { index, changes });

  // ---- the stack ----
  function rowMarkup(layer, index) {
    const values = Object.keys(layer.channels).length;
    const tip = `${layer.name} · ${values} ${values === 1 ? "value" : "values"} · double click renames, drag moves`;
    return `<li class="layer ${layer.muted ? "muted" : ""}" data-index="${index}" draggable="true">
      ${studio.button(layer.muted ? "eye-off" : "eyes", layer.muted ? "Show the layer · it is muted" : "Mute the layer", { action: "mute", small: true, pressed: layer.muted })}
      <button type="button" class="pick" data-action="pick" aria-pressed="${index === state.target}" title="${escape(tip)}">
        <b class="dot-region" style="--c:var(--rg-${table.regionOf(Object.keys(layer.channels))})"></b><span>${escape(layer.name)}</span>
        <small>${MODES[layer.mode]}</small><em>${Math.round(100 * layer.opacity)}\u202f%</em></button>
      <button type="button" class="solo" data-action="solo" aria-pressed="${layer.solo}" aria-label="Solo"
        title="Only layers with solo act">S</button></li>`;
  }

  function baseMarkup() {
    const count = Object.keys(doc.edit()).length;
    const what = state.clip ? escape(state.clip.label || "Base track") : "The photo";
    return `<li class="layer base" data-index=""><i></i><button type="button" class="pick" data-action="pick"
      aria-pressed="${state.target === null}" title="The edit below all layers · acts at any time">
      <b class="dot-region" style="--c:var(--rg-head)"></b><span>Base edit</span><small>${what}</small>
      <em>${count} ${count === 1 ? "value" : "values"}</em></button></li>`;
  }

  function paint() {
    if (!list || state.panel !== "layers" || one("input", list)) return;
    const top = layers().map(rowMarkup).reverse();
    list.innerHTML = [...top, baseMarkup()].join("");
    one("[data-action=from-edit]", list.parentElement).disabled = !Object.keys(doc.edit()).length;
  }

  const indexOf = (element) => {
    const { index } = element.closest("[data-index]").dataset;
    return index === "" ? null : Number(index);
  };

  // ---- what buttons do ----
  async function add(args = {}) {
    history.commit("Edit");
    const above = state.target === null ? layers().length : state.target + 1;
    await doc.send("add_layer", { index: above, ...args });
    doc.setTarget(above);
  }

  async function duplicate(index) {
    await doc.send("duplicate_layer", { index });
    doc.setTarget(index + 1);
  }

  async function remove(index) {
    doc.setTarget(null);
    await doc.send("remove_layer", { index });
  }

  /** A layer to another place, 0 = lowest; the sliders stay with the layer they had. */
  async function move(index, to) {
    if (to === index || to < 0 || to >= layers().length) return;
    const isAtHand = state.target === index;
    const chosen = state.target;
    doc.setTarget(null);
    await doc.send("move_layer", { index, to });
    if (isAtHand) doc.setTarget(to);
    else if (chosen !== null) doc.setTarget(chosen + (index < chosen && to >= chosen ? -1 : index > chosen && to <= chosen ? 1 : 0));
  }

  /** A name typed in place; Enter keeps it, Escape does not. */
  function rename(element) {
    const index = indexOf(element);
    if (index === null) return;
    const name = layers()[index].name;
    const field = make(`<input class="rename" maxlength="80" value="${escape(name)}" aria-label="Name of the layer">`);
    element.replaceWith(field);
    field.focus();
    field.select();
    let isOver = false;
    const end = (keeps) => {
      if (isOver) return;
      isOver = true;
      const text = field.value.trim();
      field.remove();
      if (keeps && text && text !== name) update(index, { name: text });
      paint();
    };
    field.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter") end(true);
      if (event.key === "Escape") end(false);
    });
    field.addEventListener("blur", () => end(true));
  }

  function onClick(event) {
    const button = event.target.closest("[data-action]");
    if (!button) return;
    const index = indexOf(button);
    const { action } = button.dataset;
    if (action === "pick") doc.setTarget(index);
    if (action === "mute") update(index, { muted: !layers()[index].muted });
    if (action === "solo") update(index, { solo: !layers()[index].solo });
  }

  // ---- dragging a row ----
  function onDragOver(event) {
    const row = event.target.closest("[data-index]");
    if (dragged === null || !row || indexOf(row) === null) return;
    event.preventDefault();
    all(".into", list).forEach((element) => element.classList.remove("into"));
    row.classList.add("into");
  }

  function onDrop(event) {
    const row = event.target.closest("[data-index]");
    if (dragged === null || !row || indexOf(row) === null) return;
    event.preventDefault();
    move(dragged, indexOf(row));
  }

  function onKey(event) {
    const index = event.target.closest("[data-index]") && indexOf(event.target);
    if (index === null || index === undefined) return;
    const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (event.key === "F2") rename(one(".pick", event.target.closest("li")));
    else if (event.altKey && step) move(index, index + step);
    else if (event.key === "Delete") remove(index);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function listen() {
    list.addEventListener("click", onClick);
    list.addEventListener("keydown", onKey);
    list.addEventListener("dblclick", (event) => {
      const pick = event.target.closest(".pick");
      if (pick) rename(pick);
    });
    list.addEventListener("dragstart", (event) => {
      dragged = indexOf(event.target);
      event.dataTransfer.effectAllowed = "move";
    });
    list.addEventListener("dragover", onDragOver);
    list.addEventListener("drop", onDrop);
    list.addEventListener("dragend", () => {
      dragged = null;
      paint();
    });
  }

  studio.panels.layers = (body) => {
    const section = make(`<section class="sec"><header><h3>Stack</h3>
      ${studio.button("plus", "Add a layer above the chosen one", { action: "add-layer", small: true })}</header>
      <ul class="layers" aria-label="Layers, the top one first"></ul>
      <div class="chips"><button type="button" class="chip" data-action="from-edit"
        title="The base edit becomes a layer, which can fade, be keyed and be muted">Move current edit into a layer</button></div></section>`);
    list = one(".layers", section);
    one("[data-action=add-layer]", section).addEventListener("click", () => add());
    one("[data-action=from-edit]", section).addEventListener("click", () => add({ from_edit: true, index: 0 }).then(() => doc.setTarget(0)));
    listen();
    body.append(section, ...studio.layerDetails.build());
    ["document", "target", "panel", "clip"].forEach((event) => studio.on(event, paint));
    paint();
  };

  studio.layers = { add, duplicate, remove, move, update, rename, MODES };
})();
