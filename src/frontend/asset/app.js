// Pages work without this. With it they stay as things are, tell how far an upload is, and copy texts.
"use strict";
(() => {
  const live = document.body.dataset.live;
  const toast = document.getElementById("toast");
  const say = (text) => {
    if (!toast) return;
    toast.textContent = text;
    toast.hidden = !text;
  };

  // Fresh pieces take the place of those with the same id. Nobody loses what has the focus.
  const replace = (markup) => {
    const holder = document.createElement("template");
    holder.innerHTML = markup;
    for (const fresh of Array.from(holder.content.children)) {
      const old = document.getElementById(fresh.id);
      if (!old || old.isEqualNode(fresh)) continue;
      const focus = old.contains(document.activeElement) ? document.activeElement : null;
      if (focus && focus.matches("input, select, textarea")) continue;
      const place = focus ? Array.from(old.querySelectorAll("a, button")).indexOf(focus) : -1;
      old.replaceWith(fresh);
      const again = fresh.querySelectorAll("a, button")[place];
      if (again) again.focus({ preventScroll: true });
      ready(fresh);
    }
  };

  // A log follows, unless its reader has scrolled up.
  const log = document.querySelector("pre.log");
  const MAX_PARTS = 5000;
  const append = (text) => {
    if (!log) return;
    const follows = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    log.append(text + "\n");
    while (log.childNodes.length > MAX_PARTS) log.firstChild.remove();
    if (follows) log.scrollTop = log.scrollHeight;
  };
  if (log) log.scrollTop = log.scrollHeight;

  // One stream for a page that is looked at; a hidden page has none.
  let stream = null;
  let cursor = "";
  let retry = 0;
  const leave = () => {
    clearTimeout(retry);
    if (stream) stream.close();
    stream = null;
  };
  const join = () => {
    if (!live || stream || document.hidden) return;
    stream = new EventSource(cursor ? live.split("?")[0] + "?cursor=" + encodeURIComponent(cursor) : live);
    stream.onopen = () => say("");
    stream.addEventListener("html", (event) => replace(event.data));
    stream.addEventListener("line", (event) => {
      if (event.lastEventId) cursor = event.lastEventId;
      append(event.data);
    });
    stream.addEventListener("gone", () => location.reload());
    stream.onerror = () => {
      say(document.body.dataset.lost);
      leave();
      retry = setTimeout(join, 2000);
    };
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? leave() : join()));
  addEventListener("pagehide", leave);
  addEventListener("pageshow", join);

  // Uploads tell how far they are.
  const upload = (form, file) => {
    const name = form.dataset.upload;
    const bar = form.querySelector("progress");
    const words = form.querySelector("output");
    const data = new FormData(form);
    data.set(name, file, file.name);
    const request = new XMLHttpRequest();
    const cancel = form.querySelector("[data-cancel]");
    const began = Date.now();
    const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
    bar.hidden = false;
    cancel.hidden = false;
    cancel.onclick = () => request.abort();
    form.classList.add("sending");
    request.upload.onprogress = (event) => {
      if (!event.lengthComputable) return;
      bar.max = event.total;
      bar.value = event.loaded;
      const left = Math.ceil(((Date.now() - began) / 1000 / event.loaded) * (event.total - event.loaded));
      words.textContent = `${file.name}: ${megabytes(event.loaded)} / ${megabytes(event.total)} MB, ${left} s`;
    };
    const over = (text) => {
      bar.hidden = true;
      cancel.hidden = true;
      // The same file may be chosen again.
      form.reset();
      form.classList.remove("sending");
      words.textContent = text;
    };
    request.onload = () => {
      const next = request.getResponseHeader("x-go");
      if (next) location.assign(next);
      else over(`${request.status} ${request.statusText}`);
    };
    request.onerror = () => over(document.body.dataset.lost);
    request.onabort = () => over(cancel.dataset.cancel);
    request.open("POST", form.getAttribute("action"));
    request.setRequestHeader("x-part", "1");
    request.send(data);
  };
  const uploadForm = (event) => event.target.closest && event.target.closest("form[data-upload]");
  document.addEventListener("submit", (event) => {
    const form = uploadForm(event);
    const input = form && form.querySelector("input[type=file]");
    if (!input || !input.files.length) return;
    event.preventDefault();
    upload(form, input.files[0]);
  });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      const form = uploadForm(event);
      if (!form) return;
      event.preventDefault();
      form.classList.toggle("over", kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files.length) upload(form, event.dataTransfer.files[0]);
    });
  }

  // What only works with a script is hidden without one.
  const ready = (root) => {
    if (!navigator.clipboard) return;
    for (const button of root.querySelectorAll("[data-copy]")) button.hidden = false;
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
  });

  ready(document);
  join();
})();
