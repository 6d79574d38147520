// Regions & limits panel: where edits act, the painted mask, how far edits may go and what bites.
(() => {
  const { state, store, table, rows, actions, history } = studio;
  const { make, one, all, escape } = studio.dom;

  const switchMarkup = (name, label) =>
    `<button type="button" class="switch" role="switch" data-switch="${name}"
      title="${escape(label)}: on or off · Alt click: only this" aria-label="${escape(label)}"></button>`;

  // ---- regions ----
  function regionRows() {
    return actions.regionControls().flatMap((control) =>
      rows.addWithSides(control, {
        kind: "region",
        lead: switchMarkup(control.key, control.label),
        child: (slot) => ({ lead: switchMarkup(slot, table.label(slot)) }),
      }),
    );
  }

  function paintSwitch(row) {
    const toggle = one(".switch", row.el);
    row.onpaint = (weight) => toggle.setAttribute("aria-checked", weight > 0);
  }

  function presetChips() {
    const chips = state.data.presets.map(
      (preset) => `<button type="button" class="chip" data-preset="${escape(preset.key)}" aria-pressed="false"
        title="${escape(actions.presetTip(preset))}">${escape(preset.label)}</button>`,
    );
    return `<div class="chips">${chips.join("")}<button type="button" class="chip" data-action="invert"
      title="What moved stays and the reverse">Invert</button></div>`;
  }

  function buildRegions() {
    const section = make(`<section class="sec"><header><h3>Regions</h3><small>click the face or a name</small></header>
      <div class="regions"><div class="list"></div></div>${presetChips()}<div class="list feather"></div></section>`);
    one(".regions", section).prepend(studio.silhouette.build());
    const list = regionRows();
    list.forEach(paintSwitch);
    one(".regions .list", section).append(rows.html(list));
    one(".feather", section).append(rows.add({ control: table.controls.get("region_feather"), name: "region_feather" }).el);

    section.addEventListener("click", (event) => {
      // the name beside a switch turns it too
      const row = event.target.closest(".name")?.closest(".sl.region");
      const button = row ? one(".switch", row) : event.target.closest("button");
      if (!button) return;
      const { preset, action, switch: name } = button.dataset;
      if (preset) actions.applyPreset(state.data.presets.find((item) => item.key === preset));
      else if (action === "invert") actions.invertRegions();
      else if (name && event.altKey) actions.soloRegion(name);
      else if (name) actions.toggleRegion(name);
    });
    const paintChips = () => {
      if (state.panel !== "regions") return;
      // one active at most: two presets may agree on every weight
      const active = state.data.presets.find(actions.presetIsActive);
      for (const chip of all("[data-preset]", section)) chip.setAttribute("aria-pressed", chip.dataset.preset === active?.key);
    };
    studio.on("paint", paintChips);
    studio.on("panel", paintChips);
    paintChips();
    return section;
  }

  // ---- painted mask ----
  function buildMask() {
    const section = make(`<section class="sec"><header><h3>Painted mask</h3><small>edits show where you paint</small>
      ${switchMarkup("mask_enabled", "Use the painted mask")}</header>
      <div class="tools-row">${studio.button("brush", "Paint where edits show", { action: "paint", text: "Paint", pressed: false })}
      ${studio.button("eraser", "Erase from the mask", { action: "erase", text: "Erase", pressed: false })}
      ${studio.button("invert", "Invert the mask", { action: "invert-mask", text: "Invert" })}
      ${studio.button("trash", "Clear the mask", { action: "clear-mask", text: "Clear" })}</div>
      <div class="list"></div></section>`);
    const list = one(".list", section);
    list.append(brushRow().el);
    list.append(rows.add({ control: table.controls.get("mask_feather"), name: "mask_feather" }).el);
    section.addEventListener("click", onMaskClick);
    const show = () => {
      if (state.panel !== "regions") return;
      one("[data-action=paint]", section).setAttribute("aria-pressed", studio.mask.tool() === "paint");
      one("[data-action=erase]", section).setAttribute("aria-pressed", studio.mask.tool() === "erase");
      one("[data-action=clear-mask]", section).disabled = !studio.mask.current();
      one(".switch", section).setAttribute("aria-checked", store.get("mask_enabled") > 0.5);
    };
    studio.on("paint", show);
    studio.on("mask", show);
    studio.on("panel", show);
    show();
    return section;
  }

  /** The size of the brush is the page's own: it is no part of the edit. */
  function brushRow() {
    const control = {
      ...{ key: "brush_size", label: "Brush size", kind: "setting", panel: "regions", unit: "%", live: true },
      ...{ lo: 0.02, hi: 0.4, step: 0.01, default: 0.12, band: null },
      tip: "Diameter, % of the picture · also the mouse wheel while painting",
    };
    const row = rows.add({
      control,
      name: "brush_size",
      slots: [],
      read: () => studio.mask.brush(),
      write: (value) => studio.mask.setBrush(value),
      rest: () => control.default,
    });
    row.isEditedNow = () => false;
    studio.on("brush", () => row.panel === state.panel && row.paint());
    return row;
  }

  function onMaskClick(event) {
    const { action, switch: name } = event.target.closest("button")?.dataset || {};
    if (action === "paint" || action === "erase") studio.mask.choose(studio.mask.tool() === action ? "" : action);
    if (action === "invert-mask") studio.mask.invert();
    if (action === "clear-mask") studio.mask.clear();
    if (name === "mask_enabled") {
      studio.set(name, store.get(name) > 0.5 ? 0 : 1);
      history.commit("Painted mask");
    }
  }

  // ---- limits ----
  function hitMarkup([slot, [asked, given]]) {
    const control = table.controlOf(slot);
    return `<li><button type="button" data-jump="${slot}" title="Show this control"><b></b><span>${escape(table.label(slot))}</span>
      <em>${table.change(control, asked, given)}</em></button></li>`;
  }

  function buildLimits() {
    const section = make(`<section class="sec" data-section="limits"><header><h3>Limits</h3><small></small></header>
      <div class="list"></div><ul class="hits"></ul>
      <p class="hint">Limits come from real faces and act only on values you edited. At 0 % nothing is limited.</p></section>`);
    one(".list", section).append(rows.add({ control: table.controls.get("limit_strength"), name: "limit_strength" }).el);
    const show = () => {
      if (state.panel !== "regions") return;
      const hits = Object.entries(state.limits);
      const count = hits.length === 1 ? "1 control limited" : `${hits.length} controls limited`;
      one("small", section).textContent = hits.length ? count : "nothing limited";
      one(".hits", section).innerHTML = hits.map(hitMarkup).join("");
    };
    section.addEventListener("click", (event) => {
      const { jump } = event.target.closest("button")?.dataset || {};
      if (jump) rows.jumpTo(jump);
    });
    studio.on("limits", show);
    studio.on("panel", show);
    return section;
  }

  studio.panels.regions = (body) => body.append(buildRegions(), buildMask(), buildLimits());
})();
