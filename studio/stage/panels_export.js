// Export panel: what will be written, and the share link. Area, format and the buttons are Gradio's.
(() => {
  const { state, store, table, actions } = studio;
  const { make, one } = studio.dom;
  const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

  function summary() {
    const controls = [...store.editedControls()].map((key) => table.controls.get(key));
    const dims = controls.filter((control) => control.kind === "dim").length;
    const limited = Object.keys(state.limits).length;
    const parts = [plural(controls.length - dims, "control"), plural(dims, "dimension")];
    if (limited) parts.push(`${limited} limited`);
    const { portrait } = state;
    const layers = state.doc?.layers.length ?? 0;
    const moves = [state.clip && state.clip.label, layers && plural(layers, "layer")].filter(Boolean);
    const nothing = moves.length ? "none on the base" : "none: the source picture";
    const pairs = [["Edit", controls.length ? parts.join(" · ") : nothing]];
    if (moves.length) pairs.push(["Motion", moves.join(" · ")]);
    if (portrait) {
      pairs.push(["Portrait", portrait.name]);
      pairs.push(["Picture", `${portrait.size[0]} × ${portrait.size[1]} px, face pasted back · crop 512 × 512 px`]);
    }
    return studio.factList(pairs);
  }

  studio.panels.export = (body) => {
    const section = make(`<section class="sec" data-section="summary"><header><h3>Summary</h3>
      ${studio.button("reset", "Reset everything", { action: "reset-all", small: true, text: "Reset all" })}</header>
      <dl class="facts"></dl></section>`);
    const share = make(`<section class="sec" data-section="share"><header><h3>Share</h3></header><div class="tools-row">
      <button type="button" class="chip" data-action="copy-link"
        title="An address with the values of the edit">Copy link to this edit</button></div>
      <p class="hint">The link holds the values of the edit, never the photo.
        It opens on an example or on the portrait of whoever follows it.</p></section>`);
    one("[data-action=reset-all]", section).addEventListener("click", actions.resetAll);
    one("[data-action=copy-link]", share).addEventListener("click", actions.copyLink);
    const show = () => {
      if (state.panel === "export") one("dl", section).innerHTML = summary();
    };
    ["paint", "panel", "portrait", "limits", "document"].forEach((event) => studio.on(event, show));
    body.append(share, section);
  };
})();
