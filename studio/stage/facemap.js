// The face map: 21 numbered handles over the picture, outlines of the face, a tag with what a point moves.
(() => {
  const { state, store, table } = studio;
  const { make, one, escape } = studio.dom;
  const UNIT = 1000;
  const APART = 46;
  /** Map units a handle moves per 10⁻³ of a dimension: a little more than the face itself, so that small edits show. */
  const GAIN = 1.1;
  const FLIP_AT = 620;
  /** Steps of the coordinates that come with a frame, see studio/face_map.py. */
  const PARTS = 10000;

  let svg = null;
  let tag = null;
  /** Per keypoint: place in the picture, handle place at rest, how far the face took it, its three dimension keys. */
  let points = [];
  /** The map of the picture on the stage. */
  let shown = null;
  let hot = -1;

  const path = (ring) => `M${ring.map(([x, y]) => `${(x * UNIT).toFixed(1)} ${(y * UNIT).toFixed(1)}`).join("L")}Z`;
  const dimKey = (dim) => `dim_${String(dim).padStart(2, "0")}`;

  /** Convex outline of a brow: its ring folds back on itself. */
  function hull(ring) {
    const sorted = [...ring].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const turn = (o, a, b) => (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0]);
    const chain = (list) => {
      const result = [];
      for (const point of list) {
        while (result.length > 1 && turn(result.at(-2), result.at(-1), point) <= 0) result.pop();
        result.push(point);
      }
      return result.slice(0, -1);
    };
    return [...chain(sorted), ...chain(sorted.reverse())];
  }

  /** Push overlapping handles apart; a leader ties each to its true point. */
  function spread(places) {
    const result = places.map((place) => [...place]);
    for (let pass = 0; pass < 160; pass++) {
      for (let i = 0; i < result.length; i++) {
        for (let j = 0; j < i; j++) {
          const dx = result[i][0] - result[j][0] || 0.5;
          const dy = result[i][1] - result[j][1] || 0.5;
          const distance = Math.hypot(dx, dy);
          if (distance >= APART) continue;
          const push = ((APART - distance) / distance) * 0.25;
          result[i][0] += dx * push;
          result[i][1] += dy * push;
          result[j][0] -= dx * push;
          result[j][1] -= dy * push;
        }
      }
    }
    return result;
  }

  const OUTLINES = { oval: "outline", brow_right: "brows", brow_left: "brows", eye_right: "eyes", eye_left: "eyes", lips: "mouth", lips_inner: "mouth" };

  const outline = (name, ring) => path(name.startsWith("brow") ? hull(ring) : ring);

  const outlines = (rings) =>
    Object.entries(rings)
      .map(([name, ring]) => `<path class="outline" data-ring="${name}" style="--c:var(--rg-${OUTLINES[name]})" d="${outline(name, ring)}"/>`)
      .join("");

  /** A tag beside the handle shows it to the eye; this is what is read aloud. */
  function tip(index) {
    const { unit, source } = table.controls.get(dimKey(3 * index));
    return table.tip("Drag or arrow keys move it, Shift drag its depth", unit, source);
  }

  function handle({ index, region, inert }) {
    const knob = inert ? '<path class="knob" d="M0-8 8 0 0 8-8 0Z"/>' : '<circle class="knob" r="13"/>';
    return `<g class="handle ${inert ? "inert" : ""}" data-point="${index}" tabindex="0" role="slider"
      style="--c:var(--rg-${inert ? "inert" : region})" aria-label="Point ${index}, ${escape(table.regionLabel(region))}"
      aria-description="${escape(tip(index))}"
      aria-valuemin="-100" aria-valuemax="100" aria-valuenow="0">
      <path class="leader"/><circle class="true-point" r="2.5"/>
      <g class="move"><g class="size"><circle class="hit" r="22"/>${knob}${inert ? "" : `<text y="4.5">${index}</text>`}</g></g></g>`;
  }

  /** Lay the map out for the current portrait. */
  function layOut() {
    if (!svg) return;
    const { portrait } = state;
    const places = (portrait?.keypoints_in_crop || []).map(([x, y]) => [x * UNIT, y * UNIT]);
    const handles = spread(places);
    points = places.map((place, index) => ({
      place,
      rest: place,
      at: handles[index],
      shift: [0, 0],
      dims: [0, 1, 2].map((axis) => dimKey(3 * index + axis)),
    }));
    shown = null;
    one(".outlines", svg).innerHTML = portrait ? outlines(portrait.rings || {}) : "";
    one(".handles", svg).innerHTML = portrait ? state.data.keypoints.map((point) => handle(point)).join("") : "";
    for (const [index, point] of points.entries()) {
      point.el = one(`[data-point="${index}"]`, svg);
      point.parts = [".move", ".true-point", ".leader"].map((part) => one(part, point.el));
    }
    show(-1);
    points.forEach((_, index) => update(index));
  }

  const position = ({ at, shift, dims }) => at.map((start, axis) => start + shift[axis] + GAIN * store.raw(dims[axis]));

  const figures = (places) => places.map((v) => v.toFixed(1)).join(" ");

  /** Put a handle where it belongs; what has not moved is not touched, since a repaint costs more than the sums. */
  function move(index) {
    const point = points[index];
    if (!point?.el) return;
    const [knob, spot, leader] = point.parts;
    const to = figures(position(point));
    const from = figures(point.place);
    if (point.drawn === from + to) return;
    point.drawn = from + to;
    knob.setAttribute("transform", `translate(${to})`);
    spot.setAttribute("transform", `translate(${from})`);
    leader.setAttribute("d", `M${from}L${to}`);
    if (hot === index) placeTag(index);
  }

  /** What a handle stands at, for the eye and read aloud. */
  function tell(index) {
    const point = points[index];
    point.el.classList.toggle("edited", point.dims.some(store.isEdited));
    const [dx, dy, dz] = point.dims.map((key) => table.figure(table.controls.get(key), store.raw(key)));
    point.el.setAttribute("aria-valuenow", Math.round(store.raw(point.dims[1])));
    point.el.setAttribute("aria-valuetext", `x ${dx}, y ${dy}, z ${dz}`);
    if (hot === index) placeTag(index);
  }

  /** The map lies on the face that is on the stage, wherever head, voice or another control took it. */
  function follow({ map }) {
    if (!map || !svg || !state.portrait) return;
    shown = map;
    if (!state.map) return;
    points.forEach((point, index) => followPoint(point, index));
    followOutlines();
  }

  /** A handle goes with the face, and by its own dimensions a little farther. One that is dragged stays in the hand. */
  function followPoint(point, index) {
    point.place = [0, 1].map((axis) => (shown.points[2 * index + axis] / PARTS) * UNIT);
    if (!point.isHeld) {
      point.shift = [0, 1].map((axis) => point.place[axis] - point.rest[axis] - shown.reach * store.raw(point.dims[axis]));
    }
    move(index);
  }

  function followOutlines() {
    // a renderer without landmarks has none; those of the photo would mislead
    svg.classList.toggle("unknown", !shown.outlines.length);
    let next = 0;
    for (const [name, { length }] of Object.entries(shown.outlines.length ? state.portrait.rings : {})) {
      const ring = Array.from({ length }, () => [shown.outlines[next++] / PARTS, shown.outlines[next++] / PARTS]);
      one(`[data-ring=${name}]`, svg)?.setAttribute("d", outline(name, ring));
    }
  }

  function update(index) {
    move(index);
    tell(index);
  }

  function paint(slots) {
    points.forEach(({ dims }, index) => dims.some((key) => slots.has(key)) && update(index));
  }

  // ---- hover, focus, tag ----
  function show(index) {
    if (hot >= 0) points[hot]?.el?.classList.remove("hot");
    hot = points[index] ? index : -1;
    if (!tag) return;
    tag.hidden = hot < 0;
    if (hot < 0) return;
    points[hot].el.classList.add("hot");
    placeTag(hot);
  }

  const AXES = ["x", "y", "z"];
  function placeTag(index) {
    const point = points[index];
    const { region, inert } = state.data.keypoints[index];
    const [x, y] = position(point);
    tag.style.left = `${x / 10}%`;
    tag.style.top = `${y / 10}%`;
    tag.classList.toggle("flipped", x > FLIP_AT);
    const lines = point.dims.map((key, axis) => {
      const control = table.controls.get(key);
      return `<span><i>${AXES[axis]}</i>${escape(control.label)}<em>${table.figure(control, store.raw(key))}</em></span>`;
    });
    const dot = `<b class="dot-region" style="--c:var(--rg-${inert ? "inert" : region})"></b>`;
    const name = escape(table.regionLabel(region)) + (inert ? ", inert" : "");
    tag.innerHTML = `<strong>${dot}Point ${index} · ${name}</strong>${lines.join("")}`;
  }

  function mount(board) {
    svg = make(`<svg class="map on-photo" viewBox="0 0 ${UNIT} ${UNIT}" preserveAspectRatio="none" role="group" aria-label="Face map">
      <path class="crop-frame"/><g class="outlines"></g><g class="handles"></g><circle class="brush" hidden r="0"/></svg>`);
    tag = make('<div class="tag on-photo" hidden></div>');
    board.append(svg, tag);
    layOut();
    return svg;
  }

  function setShown(isShown) {
    state.map = isShown;
    studio.dom.root().classList.toggle("nomap", !isShown);
    studio.emit("map");
    if (isShown && shown) follow({ map: shown });
  }

  studio.on("paint", paint);
  studio.on("portrait", layOut);
  studio.on("shown", follow);
  studio.on("hover", (index) => {
    // only while the pointer is over a row; the map has its own hover
    if (index >= 0 || tag?.dataset.from === "row") show(index);
    if (tag) tag.dataset.from = index >= 0 ? "row" : "";
  });

  studio.facemap = { mount, show, setShown, toggle: () => setShown(!state.map), points: () => points, position, GAIN, UNIT, hot: () => hot };
})();
