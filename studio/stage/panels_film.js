// Export panel: the clip as a video. There only while a voice or layers move the face.
(() => {
  const { state, transport, toast, jobs } = studio;
  const { make, one, all } = studio.dom;
  const AREAS = { crop: "Face crop", photo: "Full photo" };
  const build = studio.panels.export;
  let area = "crop";

  function markup() {
    const choices = Object.entries(AREAS).map(
      ([key, label]) => `<button type="button" role="radio" data-film-area="${key}"
        aria-checked="${key === area}" tabindex="${key === area ? 0 : -1}">${label}</button>`,
    );
    return `<section class="sec" data-section="film"><header><h3>Video</h3><small data-length></small></header>
      <div class="tools-row"><div class="segments" role="radiogroup" aria-label="Area of the video">${choices.join("")}</div>
      <span class="space"></span><button type="button" class="chip" data-action="film">Export video</button></div>
      <p class="hint">MP4, H.264 with the sound, the edit and all layers on every frame.</p></section>`;
  }

  async function start() {
    try {
      const body = JSON.stringify({ area });
      const response = await fetch(transport.route("film"), { method: "POST", body, headers: { "content-type": "application/json" } });
      const answer = await response.json();
      if (response.ok) return jobs.watch("film");
      return toast.show({ kind: "error", text: answer.error });
    } catch {
      return toast.show({ kind: "error", text: "The video was not begun because the server did not answer." });
    }
  }

  function handOver() {
    const link = document.createElement("a");
    link.href = transport.route("film").href;
    link.download = "";
    link.click();
    toast.show({ kind: "info", text: "The video is ready and downloads now." });
  }

  jobs.define("film", { title: "Rendering", done: handOver });

  studio.panels.export = (body) => {
    build(body);
    const section = make(markup());
    const paint = () => {
      const { doc } = state;
      const frames = doc ? Math.round(doc.duration_s * doc.fps) : 0;
      section.hidden = frames < 2;
      one("[data-action=film]", section).disabled = section.hidden || Boolean(jobs.running());
      one("[data-length]", section).textContent = `${(doc?.duration_s ?? 0).toFixed(1)} s · ${frames} frames · ${doc?.fps ?? 0} fps`;
    };
    section.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button?.dataset.filmArea) {
        area = button.dataset.filmArea;
        for (const choice of all("[data-film-area]", section)) {
          choice.setAttribute("aria-checked", choice === button);
          choice.tabIndex = choice === button ? 0 : -1;
        }
      }
      if (button?.dataset.action === "film") start();
    });
    ["document", "job"].forEach((event) => studio.on(event, paint));
    one("[data-action=copy-link]", body).closest(".sec").before(section);
    paint();
  };
})();
