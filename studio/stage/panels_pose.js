// Head and Eyes panels: pads with their rows, move, gaze per eye, eye aspect ratio.
(() => {
  const { store, table, rows, history, Pad } = studio;
  const { make, one, all } = studio.dom;

  const section = (title, note, content, tools = "") =>
    make(`<section class="sec"><header><h3>${title}</h3>${note ? `<small>${note}</small>` : ""}${tools}</header>${content}</section>`);

  function addRow(list, key, extra = {}) {
    const control = table.controls.get(key);
    if (control) list.append(rows.html([rows.add({ control, name: key, ...extra })]));
  }

  // ---- Head ----
  function buildHead(body) {
    const turn = section("Turn", "degrees from the photo's pose", '<div class="pad-row centred"><div class="list grow"></div></div>');
    const pad = new Pad({
      key: "head",
      label: "Head yaw and pitch. Arrow keys move by one degree.",
      axes: () => ["yaw_deg", "pitch_deg"],
      // a positive yaw turns the nose to the subject's right, which is image left; a positive pitch lowers it
      xSign: -1,
      ySign: 1,
      // faces of one clip hardly turn: their band would be a speck
      safe: "limit",
    });
    one(".pad-row", turn).prepend(pad.el);
    ["yaw_deg", "pitch_deg", "roll_deg"].forEach((key) => addRow(one(".list", turn), key));
    const move = section("Move", "% of the face crop", '<div class="list"></div>');
    ["move_x", "move_y", "move_z"].forEach((key) => addRow(one(".list", move), key));
    body.append(turn, move);
  }

  // ---- Gaze ----
  const AXES = ["gaze_x_deg", "gaze_y_deg"];
  /** "both", "right" or "left": which eye the pad and the rows steer. */
  let gazeSide = "both";

  const gazeNames = (side) => AXES.map((key) => (side === "both" ? key : `${key}_${side}`));

  /** Half the difference of the two sideways angles; positive turns both eyes towards the nose. */
  function convergeRow() {
    const sideways = table.controls.get("gaze_x_deg");
    const control = {
      ...sideways,
      label: "Converge",
      lo: -10,
      hi: 10,
      band: null,
      tip: "Both eyes towards the nose, degrees each",
      limit: null,
    };
    const read = () => (store.shown("gaze_x_deg_right") - store.shown("gaze_x_deg_left")) / 2;
    const write = (value) => {
      const middle = store.get("gaze_x_deg");
      store.assign({ gaze_x_deg_right: middle + value, gaze_x_deg_left: middle - value });
    };
    const row = rows.add({ control, name: "gaze_converge", read, write, rest: () => 0, slots: table.slotsOf.get("gaze_x_deg") });
    row.isEditedNow = () => Math.abs(read()) > 1e-6;
    row.limited = () => null;
    return row;
  }

  function buildGazeRows(list) {
    const sets = { both: [], right: [], left: [] };
    for (const side of Object.keys(sets)) {
      gazeNames(side).forEach((name, axis) => {
        const control = table.controlOf(name);
        sets[side].push(rows.add({ control, name, label: axis ? "Up" : "Sideways" }));
      });
    }
    sets.both.push(convergeRow());
    Object.values(sets).forEach((set) => list.append(rows.html(set)));
    return sets;
  }

  function gazeTools() {
    const names = { both: "Both", right: "Right", left: "Left" };
    const buttons = Object.entries(names).map(([side, name]) => {
      const title = side === "both" ? "Both eyes move together" : `The person's ${side} eye alone`;
      return `<button type="button" role="radio" data-side="${side}" title="${title}">${name}</button>`;
    });
    return `<div class="segments" role="radiogroup" aria-label="Which eye">${buttons.join("")}</div>`;
  }

  function compensationBox() {
    const control = table.controls.get("gaze_compensation");
    if (!control) return null;
    const box = make(`<label class="check" data-key="gaze_compensation"><input type="checkbox">
      <span>Keep looking at the camera when the head turns</span></label>`);
    const input = one("input", box);
    box.title = control.tip || "";
    input.addEventListener("change", () => {
      studio.set("gaze_compensation", input.checked ? 1 : 0);
      history.commit("Keep looking at the camera");
    });
    studio.on("paint", () => (input.checked = studio.get("gaze_compensation") > 0.5));
    return box;
  }

  function buildGaze() {
    const element = section(
      "Gaze",
      "",
      `<div class="pad-row"><div class="grow">${gazeTools()}<div class="list"></div></div></div>`,
      studio.button("link", "Both eyes together", { action: "link-gaze", small: true, pressed: true }),
    );
    const sets = buildGazeRows(one(".list", element));
    const pad = new Pad({
      key: "gaze",
      label: "Gaze. Arrow keys move by one degree.",
      axes: () => gazeNames(gazeSide),
      ySign: -1,
    });
    one(".pad-row", element).prepend(pad.el);
    const box = compensationBox();
    if (box) one(".grow", element).append(box);

    const link = one("[data-action=link-gaze]", element);
    function show() {
      for (const [side, set] of Object.entries(sets)) set.forEach((row) => (row.el.hidden = side !== gazeSide));
      for (const button of all("[data-side]", element)) {
        const isChosen = button.dataset.side === gazeSide;
        button.setAttribute("aria-checked", isChosen);
        button.tabIndex = isChosen ? 0 : -1;
      }
      const isApart = AXES.some(store.isApart);
      link.setAttribute("aria-pressed", !isApart);
      link.title = isApart ? "The eyes look apart; click to join them" : "Both eyes together";
      link.innerHTML = studio.icon(isApart ? "unlink" : "link");
      rows.paintStale();
      pad.paint();
    }
    element.addEventListener("click", (event) => {
      const { side } = event.target.closest("[data-side]")?.dataset || {};
      if (!side) return;
      gazeSide = side;
      show();
    });
    link.addEventListener("click", () => {
      const isApart = AXES.some(store.isApart);
      history.link(AXES, isApart, isApart ? "Join the gaze" : "Part the gaze");
      gazeSide = isApart ? "both" : "right";
      show();
    });
    studio.on("links", (key) => {
      if (AXES.includes(key) && !AXES.some(store.isApart)) gazeSide = "both";
      show();
    });
    show();
    return element;
  }

  // ---- Eye aspect ratio ----
  function buildRatio() {
    const control = table.controls.get("eye_ratio");
    const element = section(
      "Eye aspect ratio",
      "height ÷ width",
      `<div class="list"></div><p class="hint">Absolute opening: lid distance over eye width.
        The light tick is the value measured on the photo.</p>`,
      studio.button("link", "Link both eyes", { action: "link-ratio", small: true, pressed: true }),
    );
    const both = rows.add({ control, name: "eye_ratio", label: "Both eyes" });
    const sides = table.slotsOf.get("eye_ratio").map((slot) => {
      const label = table.slots.get(slot).side === "right" ? "Right eye" : "Left eye";
      return rows.add({ control, name: slot, label });
    });
    one(".list", element).append(rows.html([both, ...sides]));
    const link = one("[data-action=link-ratio]", element);
    const show = () => {
      const isApart = store.isApart("eye_ratio");
      both.el.hidden = isApart;
      sides.forEach((row) => (row.el.hidden = !isApart));
      link.setAttribute("aria-pressed", !isApart);
      link.title = isApart ? "Each eye has its own opening; click to join them" : "Both eyes take the same opening";
      link.innerHTML = studio.icon(isApart ? "unlink" : "link");
      rows.paintStale();
    };
    link.addEventListener("click", () => {
      const isApart = store.isApart("eye_ratio");
      history.link(["eye_ratio"], isApart, isApart ? "Join the eye openings" : "Part the eye openings");
    });
    studio.on("links", show);
    show();
    return element;
  }

  function buildEyes(body) {
    body.append(buildGaze(), buildRatio());
  }

  Object.assign(studio.panels, { head: buildHead, eyes: buildEyes });
})();
