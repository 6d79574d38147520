// Portrait panel: the facts measured on the photo, the choice among faces, the examples.
(() => {
  const { state, transport } = studio;
  const { make, one, escape } = studio.dom;
  const degrees = (value) => `${Math.round(value)}°`.replace("-", "\u2212").replace(/^(?=[1-9])/, "+");

  function facts(portrait) {
    const { pose } = portrait;
    const mouth = portrait.lip_ratio > 0.08 ? "open" : "closed";
    const gaze = portrait.gaze_deg;
    return [
      ["Photo", `${portrait.size[0]} × ${portrait.size[1]} px`],
      ["Face", `${portrait.face_index + 1} of ${portrait.faces.length} · ${Math.round(portrait.face_px)} px`],
      ["Pose", `yaw ${degrees(pose.yaw_deg)} · pitch ${degrees(pose.pitch_deg)} · roll ${degrees(pose.roll_deg)}`],
      ["Eyes open", `right ${portrait.eye_ratio[0].toFixed(2)} · left ${portrait.eye_ratio[1].toFixed(2)}`],
      gaze && ["Gaze", `sideways ${degrees(gaze[0])} · up ${degrees(gaze[1])}`],
      ["Mouth", `${mouth} · ${portrait.lip_ratio.toFixed(2)}`],
    ].filter(Boolean);
  }

  const factList = (pairs) => pairs.map(([name, value]) => `<dt>${name}</dt><dd>${escape(value)}</dd>`).join("");

  function sourceUrl(view) {
    const url = transport.route("source");
    url.searchParams.set("view", view);
    // another portrait behind the same token must not come from the cache
    url.searchParams.set("of", `${state.portrait.key}.${state.portrait.face_index}`);
    return url.href;
  }

  function currentSection() {
    return make(`<section class="sec" data-section="current" hidden><header><h3>Current portrait</h3></header>
      <div class="who"><img alt="" width="108" height="108"><dl class="facts"></dl></div></section>`);
  }

  function facesSection() {
    return make(`<section class="sec" data-section="faces" hidden><header><h3>Faces in this photo</h3><small></small></header>
      <div class="thumbs" role="group" aria-label="Faces in this photo"></div></section>`);
  }

  function examplesSection() {
    const items = state.data.examples.map((example) => {
      const url = studio.address(state.data.routes.thumb.replace("{example}", example.key));
      return `<button type="button" data-example="${escape(example.key)}" aria-pressed="false"
        title="${escape(example.label)} · ${escape(example.credit)}">
        <img src="${escape(url.href)}" alt="" loading="lazy">${escape(example.label)}</button>`;
    });
    return make(`<section class="sec"><header><h3>Examples</h3></header>
      <div class="thumbs" role="group" aria-label="Example portraits">${items.join("")}</div></section>`);
  }

  /** A face cut out of the full photo by background position; box in fractions of the photo. */
  function faceThumb(box, index) {
    const [width, height] = state.portrait.size;
    const side = 1.3 * Math.max((box.right - box.left) * width, (box.bottom - box.top) * height);
    const left = ((box.left + box.right) / 2) * width - side / 2;
    const top = ((box.top + box.bottom) / 2) * height - side / 2;
    const place = (start, full) => (full > side ? (100 * start) / (full - side) : 50);
    const style = [
      `background-image:url('${sourceUrl("photo")}')`,
      `background-size:${(100 * width) / side}% ${(100 * height) / side}%`,
      `background-position:${place(left, width)}% ${place(top, height)}%`,
    ].join(";");
    const isChosen = index === state.portrait.face_index;
    return `<button type="button" data-face="${index}" aria-pressed="${isChosen}" title="Edit face ${index + 1}">
      <span class="face" style="${escape(style)}"></span>Face ${index + 1}</button>`;
  }

  function show(panel) {
    const { portrait } = state;
    const current = one("[data-section=current]", panel);
    const faces = one("[data-section=faces]", panel);
    current.hidden = !portrait;
    faces.hidden = !portrait || portrait.faces.length < 2;
    for (const button of panel.querySelectorAll("[data-example]")) {
      button.setAttribute("aria-pressed", button.dataset.example === portrait?.key);
    }
    if (!portrait) return;
    one("img", current).src = sourceUrl("crop");
    one("dl", current).innerHTML = factList(facts(portrait));
    one("small", faces).textContent = "click to edit another one";
    one(".thumbs", faces).innerHTML = portrait.faces.map(faceThumb).join("");
  }

  function onClick(event) {
    const { example, face } = event.target.closest("button")?.dataset || {};
    if (example && example !== state.portrait?.key) studio.portrait.pickExample(example);
    if (face !== undefined && Number(face) !== state.portrait.face_index) studio.portrait.pickFace(Number(face));
  }

  function build(body) {
    body.append(currentSection(), facesSection(), examplesSection());
    body.addEventListener("click", onClick);
    studio.on("portrait", () => show(body));
    show(body);
  }

  studio.panels = { portrait: build };
  studio.factList = factList;
  studio.sourceUrl = sourceUrl;
})();
