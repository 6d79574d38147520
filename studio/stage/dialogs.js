// What floats besides toasts: the renderer popover, the shortcut sheet, a picture shown large.
(() => {
  const { state } = studio;
  const { make, one, all, escape, root } = studio.dom;

  /** Buttons with a popover of theirs. */
  const OPENERS = ".badge, .bar [data-action=history], .bar [data-action=menu]";

  const SHORTCUTS = [
    ["Undo", "Ctrl Z"],
    ["Redo", "Ctrl Shift Z"],
    ["Hold to see the source", "C"],
    ["Compare with the source", "V"],
    ["Face map", "F"],
    ["Face or full photo", "P"],
    ["Fit", "0"],
    ["100 %", "1"],
    ["Zoom in, out", "+", "−"],
    ["Find a dimension", "/"],
    ["Mirror left and right", "M"],
    ["Reset this control", "R"],
    ["Reset this panel", "Shift R"],
    ["Previous, next panel", "[", "]"],
    ["Step, ten steps", "Arrow", "Shift Arrow"],
    ["Depth of a point", "Shift drag"],
    ["Play, pause", "Space"],
    ["One frame, ten frames", "← →", "Shift ← →"],
    ["First, last frame", "Home", "End"],
    ["Loop", "Shift L"],
    ["Set a key at the playhead", "K"],
    ["Previous, next key", "J", "L"],
    ["Copy, paste keys", "Ctrl C", "Ctrl V"],
    ["Select all keys, delete them", "Ctrl A", "Delete"],
    ["Twin of a key", "Alt drag"],
    ["Open or collapse the timeline", "T"],
    ["Close what floats", "Escape"],
    ["This sheet", "?"],
  ];

  // ---- sheets over the page ----
  /** A modal sheet, which its cross, Escape and a click beside it close. */
  function open(dialog) {
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("[data-action=close]")) dialog.close();
    });
    dialog.addEventListener("close", () => dialog.remove());
    root().append(dialog);
    dialog.showModal();
  }

  function showPicture({ title, url }) {
    const dialog = make(`<dialog class="sheet picture-sheet" aria-label="${escape(title)}"><header><h2>${escape(title)}</h2>
      ${studio.button("close", "Close · Escape")}</header><div class="large"><img alt="${escape(title)}"></div></dialog>`);
    one("img", dialog).src = url;
    open(dialog);
  }

  function shortcutSheet() {
    const items = SHORTCUTS.map(
      ([name, ...keys]) => `<div><dt>${name}</dt><dd>${keys.map((key) => `<kbd>${key}</kbd>`).join("")}</dd></div>`,
    );
    const dialog = make(`<dialog class="sheet" aria-label="Keyboard shortcuts"><header><h2>Keyboard shortcuts</h2>
      <span class="space"></span><button type="button" class="chip" data-action="tour" title="Three steps: handles, sliders, export">Show the tour</button>
      ${studio.button("close", "Close · Escape")}</header><dl>${items.join("")}</dl></dialog>`);
    one("[data-action=tour]", dialog).addEventListener("click", () => {
      dialog.close();
      studio.tour.begin();
    });
    return dialog;
  }

  function toggleShortcuts() {
    const shown = one("dialog.sheet", root());
    if (shown) shown.close();
    else open(shortcutSheet());
  }

  // ---- renderer popover ----
  const WAYS = {
    ws: "WebSocket",
    post: "HTTP, because WebSockets are refused here",
    server: "Gradio's own channel, because direct routes are refused here",
  };

  function rendererFacts() {
    const { renderer } = state.data;
    const { metrics, stage } = studio;
    const ms = (value) => (value === null ? "\u2013" : `${Math.round(value)} ms`);
    return studio.factList([
      ["Device", renderer.device],
      ["One frame", ms(metrics.renderMs() ?? renderer.ms)],
      ["To pixels", `${ms(metrics.median())} median · 95 % within ${ms(metrics.p95())}`],
      ["Connection", stage.connection === "lost" ? "reconnecting; edits are kept" : WAYS[stage.transport]],
    ]);
  }

  function otherRenderer({ name, text, command, cost }) {
    const how = command ? `<code class="command">${escape(command)}</code><p>${escape(cost)}</p>` : "";
    return `<section><h3>${escape(name)}</h3><p>${escape(text)}</p>${how}</section>`;
  }

  function toggleRenderer(button) {
    if (closePopover()) return;
    const { renderer } = state.data;
    const popover = make(`<div class="popover" role="dialog" tabindex="-1" aria-label="Renderer"><h3>${escape(renderer.name)} renderer</h3>
      <p>${escape(renderer.reason)}</p><dl class="facts">${rendererFacts()}</dl>${otherRenderer(renderer.other)}</div>`);
    button.closest(".bar").append(popover);
    button.setAttribute("aria-expanded", "true");
    popover.focus({ preventScroll: true });
    const timer = setInterval(() => {
      if (popover.isConnected) one(".facts", popover).innerHTML = rendererFacts();
      else clearInterval(timer);
    }, 1000);
  }

  function closePopover() {
    const popover = one(".popover", root());
    const hadFocus = popover?.contains(document.activeElement);
    popover?.remove();
    for (const opener of all(OPENERS, root())) {
      // the focus goes back to where it came from
      if (hadFocus && opener.getAttribute("aria-expanded") === "true") opener.focus();
      opener.setAttribute("aria-expanded", "false");
    }
    return Boolean(popover);
  }

  document.addEventListener("pointerdown", (event) => {
    if (root() && !event.target.closest?.(`.popover, ${OPENERS}`)) closePopover();
  });

  studio.dialogs = { toggleShortcuts, showPicture, toggleRenderer, closePopover };
})();
