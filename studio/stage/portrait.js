// The portrait on the stage: what Python says about it, and how the visitor changes it.
(() => {
  const { state, store, history, transport, toast, actions } = studio;
  const { one, all } = studio.dom;
  const READING_MS = 30000;
  const COMMIT_MS = 200;
  let trigger = () => {};
  let readingTimer = 0;
  let commitTimer = 0;
  /** The value is read again for other reasons too; a message shows once. */
  let lastMessage = 0;
  let lastVoice = "";
  let sharedEdit = studio.query.get("edit");
  let sharedPortrait = studio.query.get("portrait");

  // ---- what Python says ----
  /** text: JSON of the stage part's value (see studio/page.py). */
  function receive(text) {
    if (!text) return;
    const value = typeof text === "string" ? JSON.parse(text) : text;
    stopReading();
    // first the token: pictures of the new portrait need it
    transport.start(value.token);
    if (value.portrait) adopt(value.portrait);
    else if (value.portrait === null && state.portrait === null) studio.emit("portrait");
    studio.doc.receive(value.document);
    if (value.edit) replaceEdit(value.edit, value.label || "Open an edit");
    if (value.job) studio.jobs.hear(value.job);
    if (value.other !== undefined && value.other !== state.other) {
      state.other = value.other;
      studio.emit("other");
    }
    if (value.voice && value.voice !== lastVoice) {
      lastVoice = value.voice;
      studio.emit("voice-ready");
    }
    if (value.renderer) {
      state.data.renderer = value.renderer;
      studio.emit("renderer");
    }
    if (value.message) say(value.message);
    openShared(value);
    transport.request();
  }

  const identity = (portrait) => portrait && [portrait.id ?? portrait.key, portrait.face_index, portrait.size, portrait.crop].join();

  function adopt(portrait) {
    if (identity(portrait) === identity(state.portrait)) return;
    state.portrait = portrait;
    state.limits = {};
    studio.emit("portrait");
    studio.emit("limits", []);
    store.repaintAll();
    if (state.view === "photo") {
      // the session's view belongs to the visitor, not to the portrait
      state.view = "crop";
      studio.view.choose("photo");
    }
  }

  /** Exactly these values; everything else goes back to the photo. */
  function replaceEdit(entries, label) {
    studio.doc.setTarget(null);
    const all = {};
    for (const slot of studio.table.slots.keys()) all[slot] = entries[slot] ?? store.defaultOf(slot);
    store.assign(all);
    history.commit(label);
  }

  function say(message) {
    if (message.id === lastMessage) return;
    lastMessage = message.id;
    if (message.kind === "busy") return startReading(message.text);
    const action = message.about === "photo" ? { label: "Try another photo", run: choosePhoto } : null;
    toast.show({ kind: message.kind, text: message.text, action });
  }

  /** A followed link: first its portrait, then its edit. */
  function openShared(value) {
    if (!value.portrait) return;
    if (sharedPortrait && sharedPortrait !== value.portrait.key) {
      const isKnown = state.data.examples.some((example) => example.key === sharedPortrait);
      const wanted = sharedPortrait;
      sharedPortrait = null;
      if (isKnown) return pickExample(wanted);
    }
    sharedPortrait = null;
    if (!sharedEdit) return;
    const { entries, problem } = actions.parseShared(sharedEdit);
    sharedEdit = null;
    if (problem) toast.show({ kind: "error", text: problem });
    if (Object.keys(entries).length) replaceEdit(entries, "Open a shared edit");
  }

  // ---- what the visitor does ----
  function startReading(text = "Reading the photo") {
    state.reading = text;
    studio.emit("reading");
    if (state.portrait) toast.show({ kind: "busy", text });
    clearTimeout(readingTimer);
    readingTimer = setTimeout(stopReading, READING_MS);
  }

  function stopReading() {
    clearTimeout(readingTimer);
    state.reading = "";
    toast.hide("busy");
    studio.emit("reading");
  }

  function pickExample(key) {
    startReading();
    trigger("pick_example", { key });
  }

  function pickFace(index) {
    startReading();
    trigger("pick_face", { index });
  }

  const fileInput = () => one(".for-portrait input[type=file]");

  function choosePhoto() {
    studio.openPanel("portrait");
    // a portrait that shows in the native box hides its file input until it is cleared
    const input = fileInput();
    if (input) input.click();
    else one(".for-portrait")?.scrollIntoView({ block: "center" });
  }

  /** Hand a dropped file to the native upload. */
  function give(files) {
    const input = fileInput();
    const file = files[0];
    if (!file) return;
    if (!input) return clearNative(() => give(files));
    const transfer = new DataTransfer();
    transfer.items.add(file);
    input.files = transfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function clearNative(then) {
    const clear = all(".for-portrait button").find((button) => /clear|remove/i.test(button.ariaLabel || button.title));
    if (!clear) return;
    clear.click();
    setTimeout(() => fileInput() && then(), 120);
  }

  function listenForDrop(viewport) {
    const carriesFile = (event) => event.dataTransfer?.types.includes("Files");
    viewport.addEventListener("dragover", (event) => carriesFile(event) && event.preventDefault());
    viewport.addEventListener("drop", (event) => {
      if (!carriesFile(event)) return;
      event.preventDefault();
      const { files } = event.dataTransfer;
      if (files[0] && studio.project.isProject(files[0])) studio.project.open(files[0]);
      else if (files[0]?.type.startsWith("audio/") && state.data.speech) studio.speech.give(files);
      else if (studio.drive.takes(files[0])) studio.drive.give(files[0]);
      else give(files);
    });
  }

  /** The native upload says nothing itself: its file input tells when a photo is on its way. */
  function watchNative(root) {
    root.addEventListener("change", (event) => {
      if (event.target.matches("input[type=file]") && event.target.closest(".for-portrait") && event.target.files.length) startReading();
    });
    root.addEventListener("drop", (event) => event.target.closest(".for-portrait") && startReading(), true);
  }

  /** Python needs the newest state only: a run of quick steps is one event. */
  studio.on("commit", (detail) => {
    clearTimeout(commitTimer);
    commitTimer = setTimeout(() => trigger("commit", detail), COMMIT_MS);
  });
  studio.on("expired", () =>
    toast.show({
      kind: "error",
      text: "This session has ended. Reloading opens a new one with your work.",
      action: { label: "Reload", run: () => (studio.recovery.key() ? location.reload() : location.assign(actions.shareLink())) },
    }),
  );

  studio.portrait = {
    receive,
    adopt,
    pickExample,
    pickFace,
    choosePhoto,
    listenForDrop,
    watchNative,
    connect: (fn) => (trigger = fn),
  };
})();
