// What can be done with the selected keys: the bar beside the clock, and the menu of the right button.
(() => {
  const { keying, curves, playback } = studio;
  const { make, one, setText, root } = studio.dom;
  const LABELS = { linear: "Linear", smooth: "Smooth", hold: "Hold", spline: "Spline" };
  const TIPS = {
    linear: "Straight to the next key",
    smooth: "Slow away from the key, slow into the next",
    hold: "No change until the next key",
    spline: "Through the neighbours without overshoot",
  };
  let host = null;
  let before = null;

  // ---- bar ----
  function markup() {
    const options = curves.KINDS.map((kind) => `<option value="${kind}" title="${TIPS[kind]}">${LABELS[kind]}</option>`);
    return `<span class="chosen" hidden><b></b>
      <select aria-label="Interpolation of the selected keys" title="Interpolation from the selected keys to the next"><option value="" hidden>Mixed</option>${options.join("")}</select>
      <span class="field" title="${studio.table.tip("Length of the selected keys; another one stretches them", "s", "the keys")}"><input class="value" inputmode="decimal"
        autocomplete="off" aria-label="Length of the selected keys in seconds"><em>s</em></span></span>`;
  }

  function paint() {
    if (!host) return;
    const count = keying.count();
    host.hidden = !count;
    host.closest(".tbar").classList.toggle("has-chosen", count > 0);
    if (!count) return;
    setText(one("b", host), `${count} ${count > 1 ? "keys" : "key"}`);
    one("select", host).value = keying.kind() ?? "";
    const length = keying.length_s();
    const field = one("input", host);
    field.closest(".field").hidden = !length;
    if (document.activeElement !== field) field.value = length.toFixed(2);
  }

  function retime(field) {
    const seconds = Number.parseFloat(field.value.replace(",", "."));
    if (seconds !== Number(keying.length_s().toFixed(2))) keying.retime(seconds);
    field.value = keying.length_s().toFixed(2);
  }

  function mount(element) {
    host = element;
    one("select", host).addEventListener("change", ({ target }) => keying.setKind(target.value));
    const field = one("input", host);
    field.addEventListener("change", () => retime(field));
    field.addEventListener("keydown", (event) => event.key === "Enter" && field.blur());
    paint();
  }

  // ---- menu ----
  const ITEMS = [
    ...curves.KINDS.map((kind) => ({ text: LABELS[kind], tip: TIPS[kind], kind })),
    { text: "Copy", key: "Ctrl C", run: () => keying.copy() },
    { text: "Paste at the playhead", key: "Ctrl V", run: () => keying.paste(), isFree: () => keying.canPaste() },
    { text: "Select all keys", key: "Ctrl A", run: () => keying.selectAll(), isFree: () => true },
    { text: "Delete", key: "Delete", run: () => keying.remove() },
  ];

  function item({ text, key = "", tip = "", kind, isFree }, at) {
    const isOff = isFree ? !isFree() : !keying.count();
    const check = kind ? `role="menuitemradio" aria-checked="${keying.kind() === kind}"` : 'role="menuitem"';
    return `<button type="button" ${check} data-item="${at}" title="${tip || text}" ${isOff ? "disabled" : ""}>
      <span>${text}</span>${key ? `<kbd>${key}</kbd>` : ""}</button>`;
  }

  /** The focus goes back to where it was when the menu came. */
  function close() {
    const menu = one(".key-menu", root());
    const hadFocus = menu?.contains(document.activeElement);
    menu?.remove();
    if (hadFocus && before?.isConnected) before.focus({ preventScroll: true });
    return Boolean(menu);
  }

  function open({ clientX, clientY }) {
    close();
    before = document.activeElement;
    const menu = make(`<div class="key-menu" role="menu" aria-label="Selected keys">${ITEMS.map(item).join("")}</div>`);
    root().append(menu);
    const box = menu.getBoundingClientRect();
    menu.style.left = `${Math.max(0, Math.min(clientX, innerWidth - box.width - 8))}px`;
    menu.style.top = `${Math.max(0, Math.min(clientY, innerHeight - box.height - 8))}px`;
    menu.addEventListener("click", (event) => {
      const chosen = ITEMS[event.target.closest("button")?.dataset.item];
      if (!chosen) return;
      close();
      if (chosen.kind) keying.setKind(chosen.kind);
      else chosen.run();
    });
    menu.addEventListener("keydown", (event) => {
      const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      const free = [...menu.querySelectorAll("button:enabled")];
      free.at((free.indexOf(document.activeElement) + by) % free.length).focus();
    });
    one("button:enabled", menu)?.focus();
  }

  document.addEventListener("pointerdown", (event) => !event.target.closest?.(".key-menu") && root() && close());
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !root()) return;
    // a popover lies over the timeline and closes first
    if (close() || (!one(".popover", root()) && keying.clear())) event.preventDefault();
  });
  ["keys-selected", "keys-preview", "document"].forEach((name) => studio.on(name, paint));

  studio.keyMenu = { markup, mount, open, close };
})();
