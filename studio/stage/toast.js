// One message over the stage at a time: busy after 400 ms, jobs while they run, errors until dismissed, information for a while.
(() => {
  const { make, one, escape, setText } = studio.dom;
  const BUSY_DELAY_MS = 400;
  const INFO_MS = 5000;
  /** Long enough to read it, decide and reach its button. */
  const ACTION_MS = 20000;
  let host = null;
  let current = null;
  /** News that came while an error showed. */
  let waiting = null;
  let timer = 0;

  /** A sentence from Python names things in backticks: a name that begins it becomes words, any other keeps its letters in
   * quotation marks, and a command looks like one. */
  function readable(text) {
    const parts = String(text ?? "").split(/`([^`]+)`/);
    const named = (part, isFirst) => {
      if (!/^[\w.]+$/.test(part)) return `<code>${escape(part)}</code>`;
      if (!isFirst) return `\u201c${escape(part)}\u201d`;
      return escape(part[0].toUpperCase() + part.slice(1).replaceAll("_", " "));
    };
    return parts.map((part, i) => (i % 2 ? named(part, i === 1 && !parts[0]) : escape(part))).join("");
  }

  function markup({ kind, text, action }) {
    const isWork = kind === "busy" || kind === "job";
    const lead = isWork ? '<i class="spinner"></i>' : studio.icon(kind === "error" ? "alert" : "info", 20);
    const button = action ? `<button type="button" class="chip" data-toast-action>${escape(action.label)}</button>` : "";
    const close = isWork ? "" : studio.button("close", "Dismiss · Escape", { small: true, action: "dismiss" });
    // words that change three times a second are not read aloud
    const role = { error: "alert", job: "group" }[kind] || "status";
    return `<div class="toast" data-kind="${kind}" role="${role}">${lead}<span>${readable(text)}</span>${button}${close}</div>`;
  }

  function place(message) {
    hide();
    current = message;
    if (!host) return;
    message.element = make(markup(message));
    one("[data-toast-action]", message.element)?.addEventListener("click", () => {
      dismiss();
      message.action.run();
    });
    one("[data-action=dismiss]", message.element)?.addEventListener("click", () => dismiss());
    host.append(message.element);
    if (message.kind !== "info") return;
    expire(message);
    // whoever reads it or is on its button keeps it
    const { element } = message;
    for (const event of ["pointerenter", "focusin"]) element.addEventListener(event, () => clearTimeout(timer));
    for (const event of ["pointerleave", "focusout"]) element.addEventListener(event, () => current === message && expire(message));
  }

  function expire({ action }) {
    clearTimeout(timer);
    timer = setTimeout(() => hide(), action ? ACTION_MS : INFO_MS);
  }

  function show(message) {
    clearTimeout(timer);
    if (message.kind !== "busy") return place(message);
    hide();
    current = message;
    timer = setTimeout(() => place(message), BUSY_DELAY_MS);
  }

  /** Long work: the same toast goes on with new words; it covers information, but no error that shows. */
  function job({ text, action }) {
    if (current?.kind === "job") return setText(one("span", current.element), text);
    if (!current || current.kind === "info") place({ kind: "job", text, action });
    return undefined;
  }

  /** Information that nobody asked for just now: it waits until an error that shows has been read. */
  function news(message) {
    const information = { kind: "info", ...message };
    if (current?.kind === "error") waiting = information;
    else show(information);
  }

  /** The visitor takes a message away. */
  function dismiss(kind) {
    const next = waiting;
    if (!hide(kind)) return false;
    waiting = null;
    if (next) show(next);
    return true;
  }

  /** Hide whatever shows and waits, or only a message of one kind. */
  function hide(kind) {
    if (!kind) waiting = null;
    if (!current || (kind && current.kind !== kind)) return false;
    clearTimeout(timer);
    current.element?.remove();
    current = null;
    return true;
  }

  studio.toast = {
    show,
    job,
    news,
    hide,
    dismiss,
    kind: () => current?.kind,
    mount(element) {
      host = element;
      if (current && !current.element) place(current);
    },
  };
})();
