// Export panel: what plays as a film or an animation, and its motion as a file. There only while something plays.
(() => {
  const { state, transport, toast, jobs } = studio;
  const { make, one, all, escape } = studio.dom;
  const AREAS = [["crop", "Face crop", "The square around the face"], ["photo", "Full photo", "The face pasted back"]];
  const SIZES = [256, 384, 512, 768, 1024, 1536, 2048];
  const RATES = [12, 15, 24, 25, 30, 50, 60];
  const MOTIONS = [
    ["npz", "NPZ", "The studio's own motion, exact"],
    ["json", "JSON", "The same as text"],
    ["pkl", "LivePortrait", "Template that LivePortrait drives with (.pkl)"],
    ["csv", "ARKit CSV", "52 shapes and the head, as Live Link Face writes them"],
  ];
  const build = studio.panels.export;
  let order = { area: "crop", format: "mp4", size: 512, fps: null, alpha: false, sound: true };
  let motion = { format: "npz", fps: null };
  let host = null;

  const format = () => state.data.films.find(({ key }) => key === order.format);
  const canBeClear = () => format().alpha && order.area === "crop";

  const segments = (name, label, entries) => `<div class="segments" role="radiogroup" aria-label="${label}">${entries
    .map(([key, text, tip]) => `<button type="button" role="radio" data-${name}="${key}" title="${escape(tip)}">${escape(text)}</button>`)
    .join("")}</div>`;

  const choice = (name, label, tip, entries) => `<label title="${escape(tip)}"><span>${label}</span><select data-choice="${name}"
    aria-label="${label}">${entries.map(([value, text]) => `<option value="${value}">${text}</option>`).join("")}</select></label>`;

  const rates = () => [["", "as the clip"], ...RATES.map((rate) => [rate, `${rate} fps`])];

  function filmSection() {
    const formats = state.data.films.map(({ key, label, tip }) => [key, label, tip]);
    return make(`<section class="sec" data-section="film"><header><h3>Film</h3><small data-length></small></header>
      <div class="tools-row">${segments("film-format", "Format of the film", formats)}</div>
      <div class="tools-row">${segments("film-area", "Area of the film", AREAS)}</div>
      <div class="export-row">${choice("size", "Size", studio.table.tip("Side of the drawn face", "px", "the photo's own pixels"), SIZES.map((size) => [size, `${size} px`]))}
        ${choice("fps", "Rate", studio.table.tip("Frames a second", "fps", "the clip"), rates())}</div>
      <label class="check" data-for="sound" title="The clip's own sound, in step with the picture"><input type="checkbox" data-film-flag="sound"><span>With the sound</span></label>
      <label class="check" data-for="alpha" title="Cut out by the portrait's matte, frame by frame"><input type="checkbox" data-film-flag="alpha"><span>Transparent background, the person alone</span></label>
      <button type="button" class="wide" data-action="film"
        title="Draws every frame on the server and downloads the file">Export film</button></section>`);
  }

  function motionSection() {
    return make(`<section class="sec" data-section="motion"><header><h3>Motion</h3><small>base, edit and layers together</small></header>
      <div class="tools-row">${segments("motion-format", "Format of the motion", MOTIONS)}</div>
      <div class="export-row">${choice("motion-fps", "Rate", studio.table.tip("Frames a second of the file", "fps", "the clip"), rates())}<span class="space"></span>
      <button type="button" class="chip" data-action="motion" title="What the face does over time, without any picture">Save motion</button></div></section>`);
  }

  function download(href) {
    const link = document.createElement("a");
    link.href = href;
    link.download = "";
    link.click();
  }

  async function startFilm() {
    try {
      await studio.project.told();
      const body = JSON.stringify({ ...order, alpha: order.alpha && canBeClear() });
      const response = await fetch(transport.route("film"), { method: "POST", body, headers: { "content-type": "application/json" } });
      const answer = await response.json();
      if (response.ok) return jobs.watch("film");
      return toast.show({ kind: "error", text: answer.error });
    } catch {
      return toast.show({ kind: "error", text: "The film was not begun because the server did not answer." });
    }
  }

  async function saveMotion() {
    await studio.project.told();
    const url = transport.route("motion");
    url.searchParams.set("format", motion.format);
    if (motion.fps) url.searchParams.set("fps", motion.fps);
    download(url.href);
  }

  function handOver() {
    download(transport.route("film").href);
    toast.news({ text: "The film is ready and downloads now." });
  }

  jobs.define("film", { title: "Rendering", done: handOver });

  function paint() {
    const { doc } = state;
    const frames = doc ? Math.round(doc.duration_s * doc.fps) : 0;
    for (const section of all("[data-section=film], [data-section=motion]", host)) section.hidden = frames < 2;
    const press = (name, value) => {
      for (const button of all(`[data-${name}]`, host)) {
        const isChosen = button.getAttribute(`data-${name}`) === value;
        button.setAttribute("aria-checked", isChosen);
        button.tabIndex = isChosen ? 0 : -1;
      }
    };
    press("film-format", order.format);
    press("film-area", order.area);
    press("motion-format", motion.format);
    one("[data-choice=size]", host).value = order.size;
    one("[data-choice=fps]", host).value = order.fps ?? "";
    one("[data-choice=motion-fps]", host).value = motion.fps ?? "";
    one("[data-for=sound]", host).hidden = !format().sound || !state.clip?.sound;
    one("[data-for=alpha]", host).hidden = !canBeClear();
    for (const flag of all("[data-film-flag]", host)) flag.checked = order[flag.dataset.filmFlag];
    one("[data-action=film]", host).disabled = frames < 2 || Boolean(jobs.running());
    if (doc) one("[data-length]", host).textContent = `${doc.duration_s.toFixed(1)} s · ${frames} frames · ${doc.fps} fps`;
  }

  function onClick(event) {
    const button = event.target.closest("button");
    // a box that was clicked speaks for itself in a moment
    if (!button) return;
    const { filmFormat, filmArea, motionFormat, action } = button.dataset;
    if (filmFormat) order = { ...order, format: filmFormat };
    if (filmArea) order = { ...order, area: filmArea };
    if (motionFormat) motion = { ...motion, format: motionFormat };
    if (action === "film") startFilm();
    if (action === "motion") saveMotion();
    paint();
  }

  function onChange({ target }) {
    const { choice: name, filmFlag } = target.dataset;
    if (filmFlag) order = { ...order, [filmFlag]: target.checked };
    const number = target.value === "" ? null : Number(target.value);
    if (name === "motion-fps") motion = { ...motion, fps: number };
    else if (name) order = { ...order, [name]: number };
    paint();
  }

  studio.panels.export = (body) => {
    build(body);
    host = body;
    one("[data-action=copy-link]", body).closest(".sec").before(filmSection(), motionSection());
    body.addEventListener("click", onClick);
    body.addEventListener("change", onChange);
    ["clip", "job", "document"].forEach((event) => studio.on(event, paint));
    paint();
  };
})();
