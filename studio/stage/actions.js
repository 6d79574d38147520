// What buttons and keys do to the whole edit: reset, mirror, region presets, share link, jumping to a row.
(() => {
  const { state, store, table, history } = studio;

  const slotsOfControls = (controls) => controls.flatMap((control) => table.slotsOf.get(control.key));

  function resetControl(name) {
    const control = table.controlOf(name);
    if (!control) return;
    store.reset(table.resolve(name));
    history.commit(`Reset ${table.label(name)}`);
  }

  function resetPanel(panel) {
    const controls = state.data.controls.filter((control) => control.panel === panel);
    const title = state.data.panels.find((item) => item.key === panel)?.label || panel;
    const label = `Reset ${title}`;
    const joins = studio.doc.gesture(label);
    store.reset(slotsOfControls(controls));
    if (panel === "regions") studio.mask.clear({ label, joins });
    history.commit(label, { joins });
  }

  function resetAll() {
    const label = "Reset everything";
    const joins = studio.doc.gesture(label);
    store.reset([...table.slots.keys()]);
    studio.mask.clear({ label, joins });
    history.commit(label, { joins });
  }

  /** Swap the sides of the face; the table says where each slot goes and with which sign. */
  function mirror() {
    const entries = {};
    for (const [key, slot] of table.slots) {
      const { slot: source = key, sign = 1 } = slot.mirror || {};
      const value = store.raw(source);
      entries[key] = value === store.defaultOf(source) ? store.defaultOf(key) : sign * value;
    }
    const joins = studio.doc.gesture("Mirror");
    store.assign(entries);
    studio.mask.mirror({ label: "Mirror", joins });
    history.commit("Mirror", { joins });
  }

  // ---- regions ----
  const regionControls = () => state.data.regions.map((region) => table.controls.get(region.key)).filter(Boolean);

  function applyPreset(preset) {
    store.assign(preset.weights);
    history.commit(preset.label);
  }

  function presetIsActive(preset) {
    return Object.entries(preset.weights).every(([slot, weight]) => Math.abs(store.raw(slot) - weight) < 1e-4);
  }

  /** Where a preset lets edits act, in words, from its weights. */
  function presetTip({ weights }) {
    const isKept = ({ key }) => table.resolve(key).some((slot) => weights[slot] > 0);
    const named = (controls) => controls.map(({ key }) => table.label(key).toLowerCase()).join(", ");
    const out = regionControls().filter((control) => !isKept(control));
    if (!out.length) return "Everything moves";
    const kept = regionControls().filter(isKept);
    return out.length <= kept.length ? `Everything but ${named(out)}` : `Only ${named(kept)}`;
  }

  function invertRegions() {
    const slots = slotsOfControls(regionControls());
    store.assign(Object.fromEntries(slots.map((slot) => [slot, 1 - store.raw(slot)])));
    history.commit("Invert regions");
  }

  /** Exclude a region, or bring it back at full weight. */
  function toggleRegion(name) {
    const isOn = store.get(name) > 0;
    store.assign(Object.fromEntries(table.resolve(name).map((slot) => [slot, isOn ? 0 : 1])));
    history.commit(`${isOn ? "Exclude" : "Include"} ${table.label(name).toLowerCase()}`);
  }

  /** Only this region; asked again, everything but it. */
  function soloRegion(name) {
    const chosen = new Set(table.resolve(name));
    const slots = slotsOfControls(regionControls());
    const isSolo = slots.every((slot) => store.raw(slot) === (chosen.has(slot) ? 1 : 0));
    store.assign(Object.fromEntries(slots.map((slot) => [slot, chosen.has(slot) !== isSolo ? 1 : 0])));
    history.commit(`${isSolo ? "All but" : "Only"} ${table.label(name).toLowerCase()}`);
  }

  // ---- share link: ?portrait=key&edit=jaw_open:0.6,yaw_deg:10 ----
  function shareLink() {
    const url = studio.address("");
    const parts = [];
    // a link has no layers: while one is at hand, the edit below is meant
    const edit = studio.doc.layerAtHand() ? studio.doc.edit() : store.edits();
    for (const control of state.data.controls) {
      const slots = table.slotsOf.get(control.key);
      const edited = slots.filter((slot) => slot in edit);
      const sameOnAll = edited.length === slots.length && slots.every((slot) => edit[slot] === edit[slots[0]]);
      const names = sameOnAll ? [control.key] : edited;
      for (const name of names) parts.push(`${name}:${Number(edit[table.resolve(name)[0]].toFixed(4))}`);
    }
    if (state.data.examples.some((example) => example.key === state.portrait?.key)) {
      url.searchParams.set("portrait", state.portrait.key);
    }
    if (parts.length) url.searchParams.set("edit", parts.join(","));
    return url.href.replaceAll("%3A", ":").replaceAll("%2C", ",");
  }

  /** Read a shared edit. Returns {entries, problem}: slots to set and one sentence on what could not be read. */
  function parseShared(text) {
    const entries = {};
    let problem = "";
    for (const part of text.split(",").filter(Boolean)) {
      const [name, figure] = part.split(":");
      const value = Number(figure);
      const slots = table.resolve(name);
      if (!slots.length) problem = `The link names the control ${name}, which this studio does not have.`;
      else if (!figure || !Number.isFinite(value)) problem = `The link gives ${name} the value ${figure || "nothing"}, which is no number.`;
      else slots.forEach((slot) => (entries[slot] = value));
    }
    return { entries, problem };
  }

  async function copyLink() {
    const link = shareLink();
    try {
      await navigator.clipboard.writeText(link);
      studio.toast.show({ kind: "info", text: "Link copied. It opens this edit on any portrait." });
    } catch {
      studio.toast.show({ kind: "info", text: link });
    }
    return link;
  }

  Object.assign(studio, {
    actions: {
      resetControl,
      resetPanel,
      resetAll,
      mirror,
      applyPreset,
      presetIsActive,
      presetTip,
      invertRegions,
      toggleRegion,
      soloRegion,
      regionControls,
      shareLink,
      parseShared,
      copyLink,
    },
  });
})();
