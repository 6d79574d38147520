// Which values the sliders edit: a strip under the head of every panel while it is a layer, with the way back.
(() => {
  const { state, doc, rows } = studio;
  const { make, one, all, escape, root } = studio.dom;
  const NO_SLIDERS = "A multiply layer holds factors; they are in the Layers panel";

  function strip() {
    const layer = doc.layerAtHand();
    return `<span>Editing</span><button type="button" class="chip" data-action="show-layer" aria-pressed="true"
      title="Show the layer">${studio.icon("layers", 14)}${escape(layer.name)}</button><span class="space"></span>
      <button type="button" class="chip" data-action="to-base" title="The sliders edit the base edit again">Back to the base edit</button>`;
  }

  function paint() {
    if (!root()) return;
    const layer = doc.layerAtHand();
    for (const head of all(".panel > .panel-head", root())) {
      const { panelBody } = head.parentElement.dataset;
      const has = layer && panelBody !== "layers" && state.data.controls.some((control) => control.panel === panelBody);
      let element = one(".target", head);
      if (!has) {
        element?.remove();
        continue;
      }
      if (!element) head.append((element = make('<div class="target"></div>')));
      element.innerHTML = strip();
    }
  }

  /** Sliders have no factors to show. */
  function lock() {
    const isMultiply = doc.layerAtHand()?.mode === "multiply";
    const reason = !state.portrait ? "Open a portrait first" : isMultiply ? NO_SLIDERS : "";
    for (const row of rows.all()) {
      if (row.slots.length && row.panel !== "regions") row.setDisabled(reason);
    }
  }

  let wasLocked = false;
  function update() {
    paint();
    const isLocked = doc.layerAtHand()?.mode === "multiply";
    if (isLocked !== wasLocked) lock();
    wasLocked = isLocked;
  }

  document.addEventListener("click", (event) => {
    const action = event.target.closest?.(".target [data-action]")?.dataset.action;
    if (action === "to-base") doc.setTarget(null);
    if (action === "show-layer") studio.openPanel("layers");
  });
  ["document", "target", "panel"].forEach((event) => studio.on(event, update));
})();
