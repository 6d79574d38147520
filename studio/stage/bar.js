// The top bar: portrait name, meter, renderer badge, undo, theme; and the rail of panels.
(() => {
  const { state, store, history, metrics, actions, dialogs } = studio;
  const { make, one, all, escape, setText } = studio.dom;
  const SPARK = { count: 31, width: 60, height: 16, top_ms: 100 };
  const METER_MS = 250;
  let bar = null;
  let rail = null;
  let paintedDraw = 0;

  // ---- theme ----
  const isDark = () => document.body.classList.contains("dark");

  function applyTheme(theme) {
    document.body.classList.toggle("dark", theme !== "light");
  }

  function chosenTheme() {
    return studio.query.get("theme") || studio.recall("theme") || "dark";
  }

  /** "dark" or "light", remembered in this browser. */
  function chooseTheme(theme) {
    studio.remember("theme", theme);
    studio.query.delete("theme");
    applyTheme(theme);
  }

  const toggleTheme = () => chooseTheme(isDark() ? "light" : "dark");

  // ---- bar ----
  function markup() {
    return `<div class="bar">${studio.button("menu", "Menu · theme, tour, shortcuts", { action: "menu", kind: "only-phone" })}<div class="brand"><svg width="24" height="24" viewBox="0 0 24 24"
        aria-hidden="true"><circle cx="9" cy="12" r="6.2"/><circle cx="15" cy="12" r="6.2"/></svg><strong>Ditto Motion Studio</strong></div>
      <i class="divider"></i><button type="button" class="doc" data-action="portrait"
        title="Show the portrait"><span></span><small></small></button><span class="space"></span>
      <div class="meter" title="From an edit to its pixels, median of the last 60 edits; pictures shown per second">
        <svg viewBox="0 0 ${SPARK.width} ${SPARK.height}" width="${SPARK.width}" height="${SPARK.height}"
          aria-hidden="true"><polyline points=""/></svg>
        <span><b data-ms>\u2013</b> ms</span><span><b data-fps>\u2013</b> fps</span></div>
      <button type="button" class="badge" data-action="renderer" aria-haspopup="dialog"
        aria-expanded="false"><i></i><span data-badge></span>${studio.icon("down", 13)}</button><i class="divider"></i>
      ${studio.button("undo", "Undo · Ctrl Z")}${studio.button("redo", "Redo · Ctrl Shift Z")}${studio.button("down", "History · every step", { action: "history", small: true })}
      ${studio.button("reset", "Reset everything", { action: "reset-all", kind: "only-desktop" })}
      ${studio.button("keys", "Keyboard shortcuts · ?", { kind: "only-desktop" })}
      ${studio.button("theme", "Light or dark", { kind: "only-desktop" })}
      <button type="button" class="primary" data-action="export" title="Show the Export panel">Export</button></div>`;
  }

  const ACTIONS = {
    portrait: () => studio.openPanel("portrait"),
    renderer: (button) => dialogs.toggleRenderer(button),
    undo: () => history.undo(),
    redo: () => history.redo(),
    history: (button) => studio.historyList.toggle(button),
    menu: (button) => studio.menu.toggle(button),
    "reset-all": () => actions.resetAll(),
    keys: () => dialogs.toggleShortcuts(),
    theme: toggleTheme,
    export: () => studio.openPanel("export"),
  };

  function mountBar(host) {
    bar = make(markup());
    host.replaceChildren(bar);
    bar.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      ACTIONS[button?.dataset.action]?.(button);
    });
    [paintHistory, paintPortrait, paintBadge].forEach((paint) => paint());
  }

  function paintHistory() {
    const undo = one("[data-action=undo]", bar);
    const redo = one("[data-action=redo]", bar);
    undo.disabled = !history.canUndo();
    redo.disabled = !history.canRedo();
    undo.title = history.canUndo() ? `Undo ${history.nextUndo()} · Ctrl Z` : "Undo · Ctrl Z";
    redo.title = history.canRedo() ? `Redo ${history.nextRedo()} · Ctrl Shift Z` : "Redo · Ctrl Shift Z";
  }

  function paintPortrait() {
    const { portrait } = state;
    one(".doc span", bar).textContent = portrait ? portrait.name : "No portrait";
    one(".doc small", bar).textContent = portrait ? `${portrait.size[0]} × ${portrait.size[1]}${state.savedAt ? " · saved" : ""}` : "";
    // the picture is what the page is about, so "Export" is its one blue button; without a picture it is "Choose a photo"
    one("[data-action=export]", bar).hidden = !portrait;
  }

  function paintBadge() {
    const { renderer } = state.data;
    const { connection, transport } = studio.stage;
    const badge = one(".badge", bar);
    const ms = metrics.renderMs() ?? renderer.ms;
    const figures = Number.isFinite(ms) && ms !== null ? `<span class="ms"> · ${Math.round(ms)} ms</span>` : "";
    const isLost = connection === "lost";
    const text = isLost ? "Reconnecting" : `${renderer.name}<span class="only-desktop"> · ${escape(renderer.device)}</span>${figures}`;
    badge.dataset.health = isLost || transport !== "ws" || renderer.fallback ? "warn" : "ok";
    if (renderer.stopped) badge.dataset.health = "err";
    badge.title = isLost ? "The connection is lost. Edits are kept and sent on return." : renderer.reason;
    const label = one("[data-badge]", bar);
    if (label.innerHTML !== text) label.innerHTML = text;
  }

  // ---- meter ----
  function sparkline() {
    const values = metrics.latencies.slice(-SPARK.count);
    const step = SPARK.width / (SPARK.count - 1);
    const first = SPARK.count - values.length;
    return values.map((value, i) => {
      const height = Math.min(1, value / SPARK.top_ms) * (SPARK.height - 3);
      return `${((first + i) * step).toFixed(1)},${(SPARK.height - 1.5 - height).toFixed(1)}`;
    }).join(" ");
  }

  function paintMeter() {
    if (!bar || !state.data) return;
    const isMoving = metrics.isMoving();
    const fps = isMoving ? metrics.framesPerSecond() : null;
    const median = isMoving ? metrics.median() : null;
    setText(one("[data-ms]", bar), median === null ? "\u2013" : Math.round(median));
    setText(one("[data-fps]", bar), fps === null ? "\u2013" : fps.toFixed(1));
    // what was drawn while the page was too busy to paint is shown late, never left out
    if (metrics.lastDraw() === paintedDraw) return;
    paintedDraw = metrics.lastDraw();
    one("polyline", bar).setAttribute("points", sparkline());
    paintBadge();
  }
  setInterval(paintMeter, METER_MS);

  // ---- rail ----
  const SHORT = { regions: "Regions" };

  function mountRail(host) {
    const tabs = studio.availablePanels().map(
      ({ key, label }) => `<button type="button" role="tab" data-tab="${key}" aria-controls="st-panel-${key}"
        title="${escape(label)}">${studio.icon(key, 20)}<span>${SHORT[key] || escape(label)}</span></button>`,
    );
    rail = make(`<nav class="rail" role="tablist" aria-label="Inspector" aria-orientation="vertical">${tabs.join("")}</nav>`);
    host.replaceChildren(rail);
    rail.addEventListener("click", (event) => {
      const tab = event.target.closest("[data-tab]");
      if (tab) studio.openPanel(tab.dataset.tab);
    });
    rail.addEventListener("keydown", onRailKey);
    paintRail();
    paintDots();
  }

  function onRailKey(event) {
    const tabs = all("[data-tab]", rail);
    const move = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    const end = { Home: 0, End: tabs.length - 1 }[event.key];
    if (!move && end === undefined) return;
    event.preventDefault();
    const next = tabs[end ?? (tabs.indexOf(event.target) + move + tabs.length) % tabs.length];
    studio.openPanel(next.dataset.tab);
    next.focus();
  }

  function paintRail() {
    for (const tab of all("[data-tab]", rail)) {
      const isOpen = tab.dataset.tab === state.panel;
      tab.setAttribute("aria-selected", isOpen);
      tab.tabIndex = isOpen ? 0 : -1;
      if (isOpen && rail.scrollWidth > rail.clientWidth) tab.scrollIntoView({ block: "nearest", inline: "center" });
    }
  }

  function paintDots() {
    const edited = new Set([...store.editedControls()].map((key) => studio.table.controls.get(key).panel));
    for (const tab of all("[data-tab]", rail)) {
      const hasEdits = edited.has(tab.dataset.tab);
      if (tab.classList.contains("has-edits") === hasEdits) continue;
      tab.classList.toggle("has-edits", hasEdits);
      tab.title = tab.title.replace(", edited", "") + (hasEdits ? ", edited" : "");
    }
  }

  studio.on("history", () => bar && paintHistory());
  ["portrait", "saved"].forEach((event) => studio.on(event, () => bar && paintPortrait()));
  studio.on("connection", () => bar && paintBadge());
  studio.on("renderer", () => bar && paintBadge());
  studio.on("panel", () => rail && paintRail());
  studio.on("paint", () => rail && paintDots());

  Object.assign(studio, { mountBar, mountRail, applyTheme, chooseTheme, chosenTheme, toggleTheme });
})();
