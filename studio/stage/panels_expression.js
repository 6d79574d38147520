// Expression panel: controls by meaning, then the 63 dimensions by region with a search.
(() => {
  const { table, rows, actions } = studio;
  const { make, one, all, escape } = studio.dom;
  const OPEN_AT_FIRST = new Set(["mouth", "eyes", "brows"]);
  const GROUP_ORDER = ["mouth", "eyes", "brows", "gaze", "cheeks", "nose", "jaw", "outline", "neck", "head"];

  function semanticSection() {
    const section = make(`<section class="sec"><header><h3>Face controls</h3><small>% of the measured range</small>
      ${studio.button("mirror", "Mirror left and right · M", { small: true })}</header><div class="list linked"></div></section>`);
    const list = one(".list", section);
    let lastRegion = "";
    for (const control of table.ofPanel("expression", "semantic")) {
      // a hairline between the mouth and what lies above it
      if (lastRegion === "mouth" && control.region !== "mouth") list.append(make('<div class="rule"></div>'));
      lastRegion = control.region;
      list.append(rows.html(rows.addWithSides(control)));
    }
    return section;
  }

  function group(key, name, controls, isOpen) {
    const details = make(`<details class="group" data-group="${key}" ${isOpen ? "open" : ""}><summary>${studio.icon("chevron", 14)}
      <b class="dot-region" style="--c:var(--rg-${key})"></b><span>${escape(name)}</span><small>${controls.length}</small></summary>
      <div class="grid-dense"></div></details>`);
    for (const control of controls) {
      const row = rows.add({ control, name: control.key, kind: "dense" });
      row.group = details;
      row.words = searchText(control);
      one(".grid-dense", details).append(row.el);
    }
    details.addEventListener("toggle", rows.paintStale);
    return details;
  }

  /** Everything a search may hit: name, number, point, axis, region. */
  function searchText(control) {
    const { dim, keypoint, axis, label, region } = control;
    return {
      text: `${label} dimension ${dim} point ${keypoint} ${axis} ${region} ${control.live ? "" : "inert"}`.toLowerCase(),
      exact: new Set([String(dim), String(keypoint), axis, `${keypoint}${axis}`, `d${dim}`, control.key]),
    };
  }

  /** Numbers and axes must match whole, names may match in part. */
  function matches({ text, exact }, query) {
    return query.split(/[\s,]+/).every((word) => {
      if (exact.has(word)) return true;
      return !/^[\dxyz]+$/.test(word) && text.includes(word);
    });
  }

  function find(section, query) {
    const wanted = query.trim().toLowerCase();
    for (const details of all(".group", section)) {
      const cells = all(".sl", details);
      for (const cell of cells) cell.hidden = Boolean(wanted) && !matches(cell.row.words, wanted);
      const hits = cells.filter((cell) => !cell.hidden).length;
      details.hidden = !hits;
      one("small", details).textContent = wanted ? `${hits} of ${cells.length}` : cells.length;
      if (details.dataset.before === undefined && wanted) details.dataset.before = details.open;
      if (wanted) details.open = hits > 0;
      else if (details.dataset.before !== undefined) {
        details.open = details.dataset.before === "true";
        delete details.dataset.before;
      }
    }
    one(".nothing", section).hidden = all(".group:not([hidden])", section).length > 0;
    rows.paintStale();
  }

  function dimensionSection() {
    const dims = table.ofPanel("expression", "dim");
    const live = dims.filter((control) => control.live);
    const inert = dims.filter((control) => !control.live);
    const section = make(`<section class="sec" data-section="dims"><header><h3>Motion dimensions</h3>
      <small>${live.length} live · ${inert.length} inert · ×10⁻³</small></header>
      <label class="find">${studio.icon("search", 16)}<input type="search" placeholder="Find by name, number or point" title="Finds a dimension · /"
        aria-label="Find a motion dimension" autocomplete="off"><kbd>/</kbd></label></section>`);
    for (const region of GROUP_ORDER) {
      const members = live.filter((control) => control.region === region);
      if (members.length) section.append(group(region, table.regionLabel(region), members, OPEN_AT_FIRST.has(region)));
    }
    if (inert.length) section.append(group("inert", "Inert in real faces", inert, false));
    section.append(make('<p class="hint nothing" hidden>No dimension matches. Try a name, a number or a point such as 19 y.</p>'));
    one("input[type=search]", section).addEventListener("input", (event) => find(section, event.target.value));
    return section;
  }

  studio.panels.expression = (body) => {
    body.append(semanticSection(), dimensionSection());
    one("[data-action=mirror]", body).addEventListener("click", actions.mirror);
  };
})();
