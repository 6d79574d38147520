// The frame of the inspector: one head per panel, reset, which panel is open, disabled rows while there is no portrait.
(() => {
  const { state, rows, actions } = studio;
  const { make, one, all, escape, root } = studio.dom;

  /** Panels with something to reset. */
  const hasControls = (key) => state.data.controls.some((control) => control.panel === key);
  const available = () => state.data.panels.filter(({ key }) => studio.panels[key]);

  function frame({ key, label, help }) {
    const explain = studio.button("help", `What ${label} is for`, { action: "explain", small: true, kind: "only-phone" });
    const reset = studio.button("reset", `Reset ${label} · Shift R`, { action: "reset-panel", small: true, text: "Reset" });
    return make(`<div class="panel" role="tabpanel" id="st-panel-${key}" data-panel-body="${key}" aria-label="${escape(label)}">
      <div class="panel-head"><div><h2>${escape(label)}</h2>${help.map((line) => `<p>${escape(line)}</p>`).join("")}</div>
      <span class="head-tools">${explain}${hasControls(key) ? reset : ""}</span></div></div>`);
  }

  /** On a phone the two lines of help cost a slider; there they come when asked for, in all panels. */
  function setExplained(isExplained) {
    root().classList.toggle("explained", isExplained);
    for (const button of all("[data-action=explain]", root())) button.setAttribute("aria-expanded", isExplained);
  }

  function mount(host) {
    rows.forget();
    host.replaceChildren();
    for (const panel of available()) {
      const element = frame(panel);
      host.append(element);
      studio.panels[panel.key](element);
      one("[data-action=explain]", element).addEventListener("click", () => setExplained(!root().classList.contains("explained")));
      one("[data-action=reset-panel]", element)?.addEventListener("click", () => actions.resetPanel(panel.key));
    }
    setExplained(false);
    show();
    updateDisabled();
    rows.paintEverything();
  }

  function show() {
    for (const element of all(".panel", root())) {
      element.classList.toggle("open", element.dataset.panelBody === state.panel);
    }
    const side = one("#st-side");
    if (side) side.scrollTop = 0;
  }

  function open(key) {
    if (!available().some((panel) => panel.key === key)) return;
    const isNew = state.panel !== key;
    state.panel = key;
    if (root()) root().dataset.panel = key;
    // asked for once more, it shows its top
    show();
    if (key !== "regions") studio.mask.choose("");
    studio.emit("panel");
    // a plot drawn while its panel was closed measured no width
    if (isNew) window.dispatchEvent(new Event("resize"));
  }

  function step(by) {
    const keys = available().map((panel) => panel.key);
    open(keys[(keys.indexOf(state.panel) + by + keys.length) % keys.length]);
  }

  function updateDisabled() {
    const reason = state.portrait ? "" : "Open a portrait first";
    rows.setDisabled(reason);
    for (const pad of all(".pad", root())) pad.classList.toggle("disabled", Boolean(reason));
    for (const item of all(".panel .chip, .panel .switch, .panel .tools-row .ib", root())) item.disabled = Boolean(reason);
  }

  studio.on("portrait", updateDisabled);
  studio.openPanel = open;
  studio.stepPanel = step;
  studio.mountPanels = mount;
  studio.availablePanels = available;
})();
