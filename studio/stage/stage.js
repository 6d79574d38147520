// The stage: toolbar, canvas, face crop or full photo, foot.
(() => {
  const { state, store, transport, viewport, facemap, mask, toast, comparison } = studio;
  const { make, one, all, escape, setText, root } = studio.dom;
  let host = null;
  let canvas = null;
  let context = null;
  /** The newest picture with its header. */
  let newest = null;
  /** Pictures of a playing clip that came before their turn. */
  const early = [];

  const LEGEND = ["brows", "eyes", "cheeks", "mouth", "jaw", "outline", "neck"];

  function markup() {
    const legend = LEGEND.map(
      (key) => `<span><b class="dot-region" style="--c:var(--rg-${key})"></b>${escape(studio.table.regionLabel(key))}</span>`,
    );
    return `<div class="stage">
      <div class="tools"><div class="segments" role="radiogroup" aria-label="View">
          <button type="button" role="radio" data-view="crop" aria-checked="true" title="The face crop · P">Face</button>
          <button type="button" role="radio" data-view="photo" aria-checked="false" tabindex="-1"
            title="The full photo, face pasted back · P">Full photo</button></div>
        <i class="divider only-desktop"></i>${studio.button("map", "Face map · F", { pressed: true })}
        ${studio.button("compare", "Hold to see the source · C")}
        ${studio.button("wipe", "Compare with the source · V", { action: "comparison", pressed: false })}<span class="space"></span>
        ${studio.button("minus", "Zoom out · −", { action: "zoom-out", kind: "only-desktop" })}
        <button type="button" class="zoom-level" data-action="actual" title="Zoom to 100 % · 1">100 %</button>
        ${studio.button("plus", "Zoom in · +", { action: "zoom-in", kind: "only-desktop" })}${studio.button("fit", "Fit · 0")}</div>
      ${comparison.barMarkup()}
      <div class="viewport"><div class="board"><canvas class="picture" width="512" height="512" role="img"
          aria-label="Live picture of the edited face"></canvas>${comparison.boardMarkup()}</div>
        <div class="source-label on-photo">Source</div><div class="source-label preview-label on-photo">Preview</div><div class="veil" hidden></div></div>
      <div class="foot"><span data-size></span><span><b data-edited>0</b> edited</span>
        <button type="button" class="bites" data-action="limits" title="Show what is limited"
          hidden>${studio.icon("alert", 14)}<span data-limited></span></button>
        <span class="space"></span><span class="legend">${legend.join("")}</span></div></div>`;
  }

  // ---- pictures ----
  function draw(bitmap) {
    if (!canvas || !bitmap) return;
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
      canvas.width = bitmap.width;
      canvas.height = bitmap.height;
      one(".board", host).style.setProperty("--ratio", (bitmap.width / bitmap.height).toFixed(5));
      viewport.refresh();
    }
    setText(one("[data-size]", host), `${bitmap.width} × ${bitmap.height} px`);
    context.drawImage(bitmap, 0, 0);
  }

  function onFrame(picture) {
    if (studio.playback.early_s(picture.header) > 0) return void early.push(picture);
    return show(picture);
  }

  function show(picture) {
    while (early.length) early.shift().bitmap.close();
    if (newest && !comparison.holds(newest)) newest.bitmap.close();
    newest = picture;
    if (!comparison.takes(picture)) present(picture);
    setLimits(picture.header.limits || {});
  }

  /** Put a picture on the canvas: the edit, or whatever is compared with it. */
  function present({ header, bitmap }, shown = bitmap) {
    studio.stage.shownFrame = header.frame ?? null;
    // what lies over the picture belongs to the one that shows, not to the one that is on its way
    root().dataset.view = header.view;
    draw(shown);
    studio.emit("shown", header);
  }

  /** Pictures of a playing clip wait for their turn; of several that are due only the newest shows. */
  function showDue() {
    const due = early.filter(({ header }) => studio.playback.early_s(header) <= 0).length;
    if (!due) return;
    early.splice(0, due - 1).forEach(({ bitmap }) => bitmap.close());
    const rest = early.splice(1);
    show(early.shift());
    early.push(...rest);
  }

  function setLimits(limits) {
    const before = state.limits;
    const keys = new Set([...Object.keys(before), ...Object.keys(limits)]);
    const moved = [...keys].filter((key) => String(before[key]) !== String(limits[key]));
    state.limits = limits;
    if (moved.length) studio.emit("limits", moved);
  }

  // ---- a picture to look at that is not the edit yet ----
  function showPreview(bitmap) {
    if (newest && bitmap.width === newest.bitmap.width && bitmap.height === newest.bitmap.height) {
      root().classList.add("previewing");
      draw(bitmap);
    }
    bitmap.close();
  }

  function endPreview() {
    if (!root().classList.contains("previewing")) return;
    root().classList.remove("previewing");
    if (newest && !comparison.takes(newest)) present(newest);
  }

  // ---- face crop or full photo ----
  async function chooseView(view) {
    if (view === state.view || !state.portrait) return;
    const before = state.view;
    showView(view);
    try {
      const body = JSON.stringify({ view });
      const response = await fetch(transport.route("view"), { method: "POST", body, headers: { "content-type": "application/json" } });
      if (!response.ok) throw new Error(`view route answered ${response.status}`);
      transport.request();
    } catch {
      showView(before);
      toast.show({ kind: "error", text: "The view did not change because the server did not answer." });
    }
  }

  function showView(view) {
    state.view = view;
    for (const button of all("[data-view]", one(".tools", host))) {
      button.setAttribute("aria-checked", button.dataset.view === view);
      button.tabIndex = button.dataset.view === view ? 0 : -1;
    }
    if (view === "photo") mask.choose("");
    viewport.fit();
    studio.emit("view");
  }

  /** Where the face crop sits in the photo; crop: x, y, width, height in fractions and its turn in degrees. */
  function drawCropFrame() {
    const frame = one(".crop-frame", host);
    if (!state.portrait?.crop) return;
    const [x, y, width, height, turn = 0] = state.portrait.crop;
    const [photoWidth, photoHeight] = state.portrait.size;
    const angle = (turn * Math.PI) / 180;
    const centre = [(x + width / 2) * photoWidth, (y + height / 2) * photoHeight];
    const corners = [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([sx, sy]) => {
      const dx = (sx * width * photoWidth) / 2;
      const dy = (sy * height * photoHeight) / 2;
      const px = centre[0] + dx * Math.cos(angle) - dy * Math.sin(angle);
      const py = centre[1] + dx * Math.sin(angle) + dy * Math.cos(angle);
      return `${((px / photoWidth) * facemap.UNIT).toFixed(1)} ${((py / photoHeight) * facemap.UNIT).toFixed(1)}`;
    });
    frame.setAttribute("d", `M${corners.join("L")}Z`);
  }

  // ---- empty and loading ----
  function showVeil() {
    const veil = one(".veil", host);
    veil.hidden = Boolean(state.portrait);
    one(".tools", host).inert = !state.portrait;
    if (state.portrait) return;
    const isWaiting = state.reading || !studio.stage.token;
    veil.innerHTML = isWaiting ? waitingMarkup(state.reading || "Opening the studio") : EMPTY;
  }

  const waitingMarkup = (text) => `<i class="spinner"></i><strong>${escape(text)}</strong><span>This takes a moment the first time.</span>`;

  const EMPTY = `${studio.icon("image", 34)}<strong>No portrait yet</strong>
    <span>Drop a photo here, take one with the camera or pick an example.</span>
    <div><button type="button" class="primary" data-action="choose-photo" title="A photo of yours with one or more faces">Choose a photo</button>
    <button type="button" class="chip" data-action="use-example" title="The first of the examples">Use an example</button></div>`;

  // ---- foot ----
  function paintFoot() {
    const limited = Object.keys(state.limits).length;
    setText(one("[data-edited]", host), store.editedControls().size);
    one(".bites", host).hidden = !limited;
    setText(one("[data-limited]", host), `${limited} limited`);
  }

  const ACTIONS = {
    map: () => facemap.toggle(),
    comparison: () => comparison.toggle(),
    "zoom-in": () => viewport.zoomIn(),
    "zoom-out": () => viewport.zoomOut(),
    actual: () => viewport.actual(),
    fit: () => viewport.fit(),
    limits: () => {
      studio.openPanel("regions");
      one("[data-section=limits]")?.scrollIntoView({ block: "nearest" });
    },
    "choose-photo": () => studio.portrait.choosePhoto(),
    "use-example": () => studio.portrait.pickExample(state.data.examples[0].key),
  };

  function listen() {
    host.addEventListener("click", (event) => {
      const { action, view } = event.target.closest("button")?.dataset || {};
      if (view) chooseView(view);
      else ACTIONS[action]?.();
    });
    studio.portrait.listenForDrop(one(".viewport", host));
  }

  function mount(element) {
    host = element;
    host.replaceChildren(make(markup()));
    canvas = one("canvas.picture", host);
    context = canvas.getContext("2d", { alpha: false });
    const svg = facemap.mount(one(".board", host));
    mask.mount(one(".board", host));
    viewport.mount(one(".viewport", host));
    toast.mount(one(".viewport", host));
    comparison.mount(host, { present, newest: () => newest });
    facemap.listen(svg);
    listen();
    draw(newest?.bitmap);
    drawCropFrame();
    showVeil();
    paintFoot();
  }

  const whenMounted = (fn) => (detail) => host && fn(detail);
  studio.on("frame", onFrame);
  studio.on("playhead", showDue);
  studio.on("paint", whenMounted(paintFoot));
  studio.on("limits", whenMounted(paintFoot));
  studio.on("reading", whenMounted(showVeil));
  studio.on("connection", whenMounted(() => {
    root().classList.toggle("frozen", studio.stage.connection === "lost");
    showVeil();
  }));
  studio.on("map", whenMounted(() => one("[data-action=map]", host).setAttribute("aria-pressed", state.map)));
  studio.on("zoom", whenMounted((percent) => (one(".zoom-level", host).textContent = `${percent} %`)));
  studio.on("portrait", whenMounted(() => {
    showVeil();
    drawCropFrame();
    viewport.fit();
  }));

  studio.preview = { show: showPreview, end: endPreview };
  studio.view = { choose: chooseView, show: showView, toggle: () => chooseView(state.view === "crop" ? "photo" : "crop") };
  studio.mountStage = mount;
})();
