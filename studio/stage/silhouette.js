// The face of the Regions panel: a switch per region (and side), filled as strongly as the region weighs.
(() => {
  const { store, table, actions } = studio;
  const { make, all, escape } = studio.dom;

  // Drawn for the subject's right half (left on the picture) of the mean face in a 300-unit frame; mirrored for the left.
  // Halves that meet in the middle stay open there, so that no line divides the face.
  const HALVES = {
    region_neck: "M150.3 296H72V282C104 270 114 258 112 232C122 242 136 248 150.3 248",
    region_outline: "M150.3 36C92 36 58 76 60 134C61 178 74 216 102 238C116 249 133 254 150.3 254",
    ground:
      "M150.3 59L130 59L112 62L95 67L83 76L74 89L69 103L67 122L68 140L69 158L72 178L78 198L86 214L96 224L106 233L116 238L125 243L136 246L150.3 248",
    region_jaw: "M150.3 216C109 216 91 196 75 176C81 216 107 250 150.3 250",
    region_cheeks: "M74 132C88 142 108 142 122 136L116 170C114 182 108 188 100 192C84 180 74 160 74 132Z",
    region_nose: "M150.3 112L144 122L132 154L133 161L135 166L144 169L150.3 170",
    region_brows: "M89 102L97 96L107 93L120 93L135 94L137 103L94 106Z",
    region_eyes:
      "M98 119L102 116L107 114L111 113L116 112.5L121 113L126 114L131 117L134 121L130 123L126 125L121 126L116 126.5L111 126L107 124L102 122Z",
    region_gaze: "M110.5 119.5a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0-11 0Z",
    region_mouth: "M124 194L126 190L130 188L135 185L142 183L150 184V204L142 204L136 202L130 199L126 196Z",
  };
  const ORDER = Object.keys(HALVES);

  const half = (key, side) =>
    `<path d="${HALVES[key]}" ${side === "left" ? 'transform="matrix(-1 0 0 1 300 0)"' : ""}/>`;

  function area(name, sides) {
    const control = table.controlOf(name);
    return `<g class="rgn" data-region="${name}" style="--c:var(--rg-${control.region})" tabindex="0" role="switch"
      aria-label="${escape(table.label(name))}"><title>${escape(table.label(name))} · click to exclude or include · Alt click: only this</title>
      ${sides.map((side) => half(control.key, side)).join("")}</g>`;
  }

  function markup() {
    const parts = ORDER.map((key) => {
      if (key === "ground") return `<g class="ground">${half(key, "right")}${half(key, "left")}</g>`;
      const control = table.controls.get(key);
      if (!control) return "";
      if (!table.isSided(control)) return area(key, ["right", "left"]);
      return table.slotsOf.get(key).map((slot) => area(slot, [table.slots.get(slot).side])).join("");
    });
    return `<div class="silhouette"><svg viewBox="42 28 216 270" role="group"
      aria-label="Regions of the face">${parts.join("")}</svg></div>`;
  }

  /** Linked sides are switched together, unless only one side is asked for. */
  function nameFor(slot) {
    const control = table.controlOf(slot);
    return store.isApart(control.key) ? slot : control.key;
  }

  function choose(element, isSolo) {
    const name = nameFor(element.dataset.region);
    studio.rows.touch(name);
    if (isSolo) actions.soloRegion(name);
    else actions.toggleRegion(name);
  }

  function build() {
    const element = make(markup());
    const areas = all(".rgn", element);
    const paint = () => {
      if (studio.state.panel !== "regions") return;
      for (const item of areas) {
        const weight = store.get(item.dataset.region);
        item.style.setProperty("--w", weight);
        item.setAttribute("aria-checked", weight > 0);
      }
    };
    element.addEventListener("click", (event) => {
      const item = event.target.closest(".rgn");
      if (item) choose(item, event.altKey);
    });
    element.addEventListener("keydown", (event) => {
      if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      choose(event.target.closest(".rgn"), event.altKey);
    });
    studio.on("paint", paint);
    studio.on("panel", paint);
    paint();
    return element;
  }

  studio.silhouette = { build };
})();
