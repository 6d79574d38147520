// The project as a file: everything in one .ditto, saved, opened, dropped on the stage; and starting over.
(() => {
  const { state, transport, toast, doc } = studio;
  const { make, one } = studio.dom;
  const SUFFIX = ".ditto";
  const isProject = (file) => file.name.toLowerCase().endsWith(SUFFIX);

  async function save() {
    await told();
    const link = document.createElement("a");
    link.href = transport.route("project").href;
    link.download = "";
    link.click();
  }

  /** A step like any other: undo brings back what was there. */
  async function open(file) {
    doc.setTarget(null);
    toast.show({ kind: "busy", text: "Opening the project" });
    const sent = doc.enqueue({ run: () => fetch(transport.route("project"), { method: "POST", body: file }) });
    try {
      await sent;
      toast.hide("busy");
      follow();
    } catch {
      /* the sentence of the server shows */
    }
    return sent;
  }

  /** Everything on the page has reached the server, the moment that shows too: what is written now is what is seen. */
  async function told() {
    studio.history.commit("Edit");
    await studio.playback.saveNow();
    await doc.settled();
  }

  /** The playhead as the document has it. */
  function follow() {
    const { seconds, loop } = state.doc.playhead;
    studio.playback.setLoop(loop);
    studio.playback.seek(seconds * studio.playback.fps());
  }

  function section() {
    const element = make(`<section class="sec" data-section="project"><header><h3>Project</h3><small data-saved></small></header>
      <div class="tools-row"><button type="button" class="chip" data-action="save-project" title="Photo, voice, layers and edit in one ${SUFFIX} file">Save project</button>
      <button type="button" class="chip" data-action="open-project" title="Also by dropping the file on the picture">Open project</button>
      <button type="button" class="chip" data-action="start-over" title="The portrait without edits; the copy kept for a reload is removed">Start over</button>
      <input type="file" accept="${SUFFIX}" hidden></div>
      <p class="hint">One file with the photo, the voice, every layer and the edit. Opening one can be undone.
        Your newest work also stays on this server for a week, for a reload in this browser.</p></section>`);
    const input = one("input", element);
    input.addEventListener("change", () => {
      if (input.files[0]) open(input.files[0]);
      input.value = "";
    });
    element.addEventListener("click", (event) => {
      const action = event.target.closest("button")?.dataset.action;
      if (action === "save-project") save();
      if (action === "open-project") input.click();
      if (action === "start-over") studio.recovery.startOver();
    });
    studio.on("saved", () => (one("[data-saved]", element).textContent = state.savedAt ? "kept for a reload" : ""));
    return element;
  }

  const build = studio.panels.export;
  studio.panels.export = (body) => {
    build(body);
    one("[data-action=copy-link]", body).closest(".sec").before(section());
  };

  studio.project = { told, save, open, isProject, follow };
})();
