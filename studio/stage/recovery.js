// The newest work comes back after a reload, a closed tab or a restart: the server keeps it under a key that only this browser has.
(() => {
  const { state, transport, toast, doc, history } = studio;
  const KEY = "recovery";
  const ASK_MS = 900;
  const ASK_MOST = 6;
  let wasAsked = false;
  let timer = 0;

  /** The tab's own key first: two tabs are two pieces of work. */
  function recall() {
    try {
      return sessionStorage.getItem(`studio.${KEY}`) || studio.recall(KEY);
    } catch {
      return null;
    }
  }

  function remember(key) {
    try {
      if (key) sessionStorage.setItem(`studio.${KEY}`, key);
      else sessionStorage.removeItem(`studio.${KEY}`);
    } catch {
      /* private window */
    }
    studio.remember(KEY, key || "");
  }

  function post(key) {
    const headers = { "content-type": "application/json" };
    return fetch(transport.route("recovery"), { method: "POST", body: JSON.stringify({ key }), headers });
  }

  /** A followed link is somebody else's work and comes first. */
  async function restore() {
    const key = recall();
    if (!key || studio.query.get("edit") || studio.query.get("portrait")) return;
    let isBack = false;
    const run = async () => {
      const response = await post(key);
      isBack = response.ok;
      if (isBack) return response;
      remember("");
      return fetch(transport.route("document"));
    };
    await doc.enqueue({ run });
    if (isBack) {
      const action = { label: "Start over", run: startOver };
      toast.news({ text: "Your last work is back.", action });
      studio.project.follow();
    }
  }

  async function startOver() {
    remember("");
    doc.setTarget(null);
    await history.startOver();
    setSaved(null);
  }

  function setSaved(at) {
    if (state.savedAt === at) return;
    state.savedAt = at;
    studio.emit("saved");
  }

  /** Whether the newest step is on disk by now. */
  async function ask(left = ASK_MOST) {
    try {
      const response = await fetch(transport.route("recovery"));
      if (!response.ok) return;
      const { key, saved_at: savedAt, is_saved: isSaved } = await response.json();
      if (savedAt) remember(key);
      setSaved(isSaved ? savedAt : null);
      if (!isSaved && left) timer = setTimeout(() => ask(left - 1), ASK_MS);
    } catch {
      /* offline: asked again after the next step */
    }
  }

  function later() {
    clearTimeout(timer);
    setSaved(null);
    if (state.doc.history.position || state.doc.history.labels.length > 1 || state.doc.saved_at) timer = setTimeout(ask, ASK_MS);
  }

  studio.on("document", () => {
    later();
    if (wasAsked || !state.portrait) return;
    wasAsked = true;
    restore();
  });

  studio.recovery = { startOver, key: recall };
})();
