// Long work on the server: asked after a few times a second, shown as a toast with how far it is and a way to stop it.
(() => {
  const { toast, transport } = studio;
  const POLL_MS = 300;
  const MOST_FAILURES = 20;
  /** What is said while it runs, and what is done with the result. */
  const kinds = new Map();
  let current = null;
  let isStopping = false;
  /** Key of the newest job that is known here: its end is told once. */
  let known = "";

  const minutes = (seconds) => (seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`);

  function words({ kind, state, text, left_s: left }) {
    const parts = [kinds.get(kind).title];
    if (state === "waiting") parts.push("waiting for other visitors");
    else if (text) parts.push(text);
    if (left !== null) parts.push(`${minutes(left)} left`);
    return parts.join(" · ");
  }

  function cancel() {
    isStopping = true;
    fetch(transport.route("job"), { method: "DELETE" }).catch(() => {});
  }

  function show(job) {
    if (isStopping) return;
    toast.job({ text: words(job), action: { label: "Cancel", run: cancel } });
  }

  function finish(job) {
    current = null;
    toast.hide("job");
    if (job.state === "done") kinds.get(job.kind).done(job);
    if (job.state === "failed") toast.show({ kind: "error", text: job.error });
    studio.emit("job");
  }

  /** Follow the newest job of this visitor to its end. */
  async function watch(kind) {
    if (current) return;
    current = kind;
    isStopping = false;
    studio.emit("job");
    for (let failures = 0; current; ) {
      try {
        const response = await fetch(transport.route("job"));
        if (response.status === 401) break;
        const job = response.status === 200 ? await response.json() : null;
        if (job) known = job.key;
        if (!job || ["done", "failed", "cancelled"].includes(job.state)) return finish(job ?? { state: "cancelled" });
        show(job);
        failures = 0;
      } catch {
        // the work goes on while the connection is gone
        failures += 1;
        if (failures > MOST_FAILURES) break;
      }
      await new Promise((done) => setTimeout(done, POLL_MS));
    }
    return finish({ state: "cancelled" });
  }

  /** What Python says about the newest job; it says so with every change of the portrait. */
  function hear(job) {
    if (job.key === known) return;
    known = job.key;
    watch(job.kind);
  }

  studio.jobs = {
    watch,
    hear,
    cancel,
    running: () => current,
    /** title: "Rendering"; done(job): what to do with the result. */
    define: (kind, { title, done }) => kinds.set(kind, { title, done }),
  };
})();
