// window.studio: the only global. Every file of the page extends it.
(() => {
  const listeners = new Map();

  /** Call fn(detail) whenever `name` is emitted. */
  function on(name, fn) {
    if (!listeners.has(name)) listeners.set(name, []);
    listeners.get(name).push(fn);
  }

  function emit(name, detail) {
    for (const fn of listeners.get(name) || []) fn(detail);
  }

  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
  const root = () => document.getElementById("studio");

  const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  /** Text from outside (file names, labels) on its way into markup. */
  const escape = (text) => String(text ?? "").replace(/[&<>"']/g, (character) => ENTITIES[character]);

  /** First element of a piece of markup. */
  function make(markup) {
    const template = document.createElement("template");
    template.innerHTML = markup.trim();
    return template.content.firstElementChild;
  }

  /** Write a text only if it is new: the same text again would still cost a layout. */
  function setText(element, text) {
    const wanted = String(text);
    if (element.textContent !== wanted) element.textContent = wanted;
  }

  /** Remembered choices of this browser; a blocked storage only forgets. */
  function recall(key) {
    try {
      return localStorage.getItem(`studio.${key}`);
    } catch {
      return null;
    }
  }

  function remember(key, value) {
    try {
      localStorage.setItem(`studio.${key}`, value);
    } catch {
      /* private window */
    }
  }

  /** The page's own address without query, so that routes work behind a path prefix. */
  function address(path) {
    const base = one("base")?.href || location.origin + location.pathname;
    return new URL(path.replace(/^\//, ""), base.endsWith("/") ? base : `${base}/`);
  }

  window.studio = {
    on,
    emit,
    dom: { one, all, make, escape, setText, root },
    clamp,
    recall,
    remember,
    address,
    query: new URLSearchParams(location.search),
    state: { data: null, portrait: null, clip: null, panel: "expression", view: "crop", map: true, limits: {}, reading: "" },
  };
})();
