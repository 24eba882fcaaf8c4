// A terminal of a node. Keys go there by POST, what it says comes by a stream. It understands what programs write for
// TERM=xterm: places, colours, parts of the screen that scroll, the second screen of editors.
"use strict";
(() => {
  const place = document.querySelector("[data-terminal]");
  if (!place) return;
  const screen = place.querySelector("pre");
  const keys = place.querySelector("textarea");
  const note = document.getElementById("terminal-note");
  const path = place.dataset.terminal;
  const MAX_KEPT = 1000;
  const blank = () => ({ text: " ", look: "" });

  // The window, in characters.
  let columns = 80;
  let rows = 24;
  const measure = () => {
    const probe = document.createElement("span");
    probe.textContent = "x".repeat(50);
    screen.append(probe);
    const box = probe.getBoundingClientRect();
    const style = getComputedStyle(screen);
    const inner = (size, ...sides) => size - sides.reduce((sum, side) => sum + parseFloat(style[side]), 0);
    const height = parseFloat(style.lineHeight);
    columns = Math.max(20, Math.min(400, Math.floor(inner(screen.clientWidth, "paddingLeft", "paddingRight") / (box.width / 50))));
    rows = Math.max(5, Math.min(200, Math.floor(inner(screen.clientHeight, "paddingTop", "paddingBottom") / height)));
    probe.remove();
  };

  // What is on the screen. Lines that left it upwards stay above it.
  let lines = [];
  let x = 0;
  let y = 0;
  let look = { fore: "", back: "", bold: false, line: false, inverse: false };
  let kept = { x: 0, y: 0 };
  let top = 0;
  let bottom = rows - 1;
  let other = null;
  let isArrow = false;
  let isHidden = false;
  let isDrawing = false;
  let last = " ";
  const classes = () => {
    const all = [look.fore, look.back, look.bold && "bold", look.line && "line", look.inverse && "inverse"];
    return all.filter(Boolean).join(" ");
  };
  const newLine = () => {
    const div = document.createElement("div");
    return { div, cells: Array.from({ length: columns }, blank), isStale: true };
  };
  const reset = () => {
    for (const line of lines) line.div.remove();
    lines = Array.from({ length: rows }, newLine);
    screen.append(...lines.map((line) => line.div));
    x = y = top = 0;
    bottom = rows - 1;
  };
  const scrollUp = (n) => {
    for (let i = 0; i < n; i++) {
      const fresh = newLine();
      const isWhole = top === 0 && bottom === rows - 1 && !other;
      const gone = lines.splice(top, 1)[0];
      lines.splice(bottom, 0, fresh);
      if (isWhole) draw(gone);
      else gone.div.remove();
      if (bottom === rows - 1) screen.append(fresh.div);
      else lines[bottom + 1].div.before(fresh.div);
      while (screen.childElementCount > rows + MAX_KEPT) screen.firstElementChild.remove();
    }
  };
  const scrollDown = (n) => {
    for (let i = 0; i < n; i++) {
      const fresh = newLine();
      lines.splice(bottom, 1)[0].div.remove();
      lines[top] ? lines[top].div.before(fresh.div) : screen.append(fresh.div);
      lines.splice(top, 0, fresh);
    }
  };
  const within = (from, work) => {
    const [oldTop, oldY] = [top, y];
    if (y < top || y > bottom) return;
    top = from;
    work();
    [top, y] = [oldTop, oldY];
  };
  const draw = (line, cursor = -1) => {
    const parts = [];
    line.cells.forEach((cell, at) => {
      const style = at === cursor ? cell.look + " cursor" : cell.look;
      const part = parts[parts.length - 1];
      if (part && part.style === style) part.text += cell.text;
      else parts.push({ style, text: cell.text });
    });
    line.div.replaceChildren(
      ...parts.map((part) => {
        if (!part.style) return document.createTextNode(part.text);
        const span = document.createElement("span");
        span.className = part.style;
        span.textContent = part.text;
        return span;
      }),
    );
    line.isStale = false;
  };
  let drawnAt = null;
  const drawAll = () => {
    isDrawing = false;
    if (drawnAt) drawnAt.isStale = true;
    drawnAt = lines[y];
    drawnAt.isStale = true;
    for (const line of lines) {
      if (line.isStale) draw(line, line === drawnAt && !isHidden ? Math.min(x, columns - 1) : -1);
    }
    screen.scrollTop = screen.scrollHeight;
  };
  const stale = () => {
    lines[y].isStale = true;
    if (!isDrawing) requestAnimationFrame(drawAll);
    isDrawing = true;
  };
  const put = (text) => {
    if (x >= columns) {
      x = 0;
      feedLine();
    }
    lines[y].cells[x++] = { text, look: classes() };
    last = text;
    stale();
  };
  const feedLine = () => {
    stale();
    if (y === bottom) scrollUp(1);
    else if (y < rows - 1) y++;
  };
  const erase = (line, from, to) => {
    for (let at = from; at < to; at++) line.cells[at] = { text: " ", look: look.back };
    line.isStale = true;
  };
  const move = (toX, toY) => {
    stale();
    x = Math.max(0, Math.min(columns - 1, toX));
    y = Math.max(0, Math.min(rows - 1, toY));
    stale();
  };
  const setLook = (numbers) => {
    for (let at = 0; at < numbers.length; at++) {
      const n = numbers[at] || 0;
      const extended = n === 38 || n === 48;
      if (n === 0) look = { fore: "", back: "", bold: false, line: false, inverse: false };
      else if (n === 1) look.bold = true;
      else if (n === 22) look.bold = false;
      else if (n === 4 || n === 24) look.line = n === 4;
      else if (n === 7 || n === 27) look.inverse = n === 7;
      else if (n >= 30 && n <= 37) look.fore = "c" + (n - 30);
      else if (n >= 90 && n <= 97) look.fore = "c" + (n - 90);
      else if (n === 39) look.fore = "";
      else if (n >= 40 && n <= 47) look.back = "b" + (n - 40);
      else if (n >= 100 && n <= 107) look.back = "b" + (n - 100);
      else if (n === 49) look.back = "";
      else if (extended) at += numbers[at + 1] === 5 ? 2 : 4;
    }
  };
  const second = (isOn) => {
    if (isOn && !other) {
      other = { lines, x, y };
      for (const line of lines) line.div.hidden = true;
      lines = [];
      reset();
    } else if (!isOn && other) {
      for (const line of lines) line.div.remove();
      ({ lines, x, y } = other);
      other = null;
      for (const line of lines) line.div.hidden = false;
      top = 0;
      bottom = rows - 1;
    }
    stale();
  };
  const mode = (numbers, isOn) => {
    for (const n of numbers) {
      if (n === 1) isArrow = isOn;
      if (n === 25) isHidden = !isOn;
      if (n === 47 || n === 1047 || n === 1049) second(isOn);
    }
  };
  const command = (letter, text) => {
    const isPrivate = text.startsWith("?");
    const numbers = text.replace(/[^0-9;]/g, "").split(";").map((part) => parseInt(part, 10) || 0);
    const n = Math.min(numbers[0] || 1, 1000);
    const cells = lines[y].cells;
    // Behind the last character of a line, the cursor waits on it.
    if (!"mhl".includes(letter)) x = Math.min(x, columns - 1);
    const deeds = {
      A: () => move(x, y - n),
      B: () => move(x, y + n),
      C: () => move(x + n, y),
      D: () => move(x - n, y),
      E: () => move(0, y + n),
      F: () => move(0, y - n),
      G: () => move(n - 1, y),
      d: () => move(x, n - 1),
      H: () => move((numbers[1] || 1) - 1, n - 1),
      f: () => move((numbers[1] || 1) - 1, n - 1),
      J: () => {
        const kind = numbers[0] || 0;
        if (kind === 0) erase(lines[y], x, columns);
        if (kind === 1) erase(lines[y], 0, x + 1);
        lines.forEach((line, at) => {
          if (kind >= 2 || (kind === 0 ? at > y : at < y)) erase(line, 0, columns);
        });
      },
      K: () => erase(lines[y], numbers[0] ? 0 : x, numbers[0] === 1 ? x + 1 : columns),
      L: () => within(y, () => scrollDown(n)),
      M: () => within(y, () => scrollUp(n)),
      S: () => scrollUp(n),
      T: () => scrollDown(n),
      P: () => cells.push(...Array.from({ length: cells.splice(x, n).length }, blank)),
      "@": () => {
        cells.splice(x, 0, ...Array.from({ length: n }, blank));
        cells.length = columns;
      },
      X: () => erase(lines[y], x, Math.min(columns, x + n)),
      b: () => Array.from({ length: n }).forEach(() => put(last)),
      m: () => setLook(numbers),
      r: () => {
        top = Math.min(rows - 1, n - 1);
        bottom = Math.max(top, Math.min(rows, numbers[1] || rows) - 1);
        move(0, 0);
      },
      s: () => (kept = { x, y }),
      u: () => move(kept.x, kept.y),
      h: () => isPrivate && mode(numbers, true),
      l: () => isPrivate && mode(numbers, false),
      n: () => numbers[0] === 6 && send(`\x1b[${y + 1};${x + 1}R`),
      c: () => !text && send("\x1b[?6c"),
    };
    // Questions and settings that are another terminal's.
    if (/^[>=<!]/.test(text) || (isPrivate && !"hlJK".includes(letter))) return;
    if (deeds[letter]) deeds[letter]();
    stale();
  };
  const LINES = { q: "─", x: "│", l: "┌", k: "┐", m: "└", j: "┘", t: "├", u: "┤", v: "┴", w: "┬", n: "┼", a: "▒" };
  let sequence = "";
  let state = "text";
  let isDrawn = false;
  const escapes = {
    "[": () => (state = "command"),
    "]": () => (state = "title"),
    "(": () => (state = "letters"),
    ")": () => (state = "skip"),
    7: () => (kept = { x, y }),
    8: () => move(kept.x, kept.y),
    D: () => feedLine(),
    E: () => {
      x = 0;
      feedLine();
    },
    M: () => (y === top ? scrollDown(1) : move(x, y - 1)),
    c: () => {
      setLook([0]);
      reset();
    },
  };
  const controls = {
    "\n": () => feedLine(),
    "\v": () => feedLine(),
    "\r": () => move(0, y),
    "\b": () => move(Math.min(x, columns - 1) - 1, y),
    "\t": () => move((Math.floor(x / 8) + 1) * 8, y),
    "\x1b": () => {
      state = "escape";
      sequence = "";
    },
  };
  const take = (c) => {
    if (state === "text" || (c === "\x1b" && state !== "title")) {
      if (controls[c]) controls[c]();
      else if (c >= " " && c !== "\x7f") put(isDrawn && LINES[c] ? LINES[c] : c);
    } else if (state === "escape") {
      state = "text";
      if (escapes[c]) escapes[c]();
    } else if (state === "command") {
      if (c >= "@" && c <= "~") {
        state = "text";
        command(c, sequence);
      } else if (controls[c]) controls[c]();
      else if (sequence.length < 60) sequence += c;
    } else if (state === "title") {
      if (c === "\x07" || c === "\\") state = "text";
    } else {
      if (state === "letters") isDrawn = c === "0";
      state = "text";
    }
  };

  // To the node and back.
  let id = "";
  let waiting = "";
  let isSending = false;
  let stream = null;
  const say = (text) => (note.textContent = text);
  const post = async (what, fields) => {
    const body = new URLSearchParams(fields);
    const answer = await fetch(`${path}/${what}`, { method: "POST", body, headers: { "x-part": "1" } });
    const next = answer.headers.get("x-go");
    if (next) location.assign(next);
    if (next || !answer.ok) throw new Error(answer.statusText);
    return (await answer.text()).trim();
  };
  const over = (text) => {
    if (stream) stream.close();
    stream = null;
    id = "";
    say(text);
  };
  const send = (text) => {
    if (id) waiting += text;
    if (!isSending && waiting) flush();
  };
  const flush = async () => {
    isSending = true;
    while (waiting && id) {
      const part = waiting.slice(0, 4000);
      waiting = waiting.slice(4000);
      try {
        await post("input", { exec: id, input: part });
      } catch {
        say(document.body.dataset.lost);
        waiting = "";
      }
    }
    isSending = false;
  };
  const begin = async () => {
    measure();
    reset();
    try {
      id = await post("open", { columns, rows });
    } catch {
      return over(document.body.dataset.lost);
    }
    const decoder = new TextDecoder();
    stream = new EventSource(`/live${path}?exec=${encodeURIComponent(id)}`);
    stream.onopen = () => say("");
    stream.addEventListener("out", (event) => {
      const bytes = Uint8Array.from(atob(event.data), (c) => c.charCodeAt(0));
      for (const c of decoder.decode(bytes, { stream: true })) take(c);
    });
    stream.addEventListener("end", (event) => over(event.data));
    stream.addEventListener("gone", () => location.reload());
    stream.onerror = () => say(document.body.dataset.lost);
    keys.focus();
  };
  let isResized = 0;
  addEventListener("resize", () => {
    clearTimeout(isResized);
    isResized = setTimeout(() => {
      const before = `${columns} ${rows}`;
      measure();
      if (before === `${columns} ${rows}` || !id) return;
      other = null;
      reset();
      drawAll();
      post("resize", { exec: id, columns, rows }).catch(() => {});
    }, 300);
  });
  addEventListener("pagehide", () => {
    if (id) navigator.sendBeacon(`${path}/close`, new URLSearchParams({ exec: id }));
  });

  // Keys. Shift and Tab leave the terminal, as everywhere.
  const arrows = { ArrowUp: "A", ArrowDown: "B", ArrowRight: "C", ArrowLeft: "D", Home: "H", End: "F" };
  const named = { Enter: "\r", Backspace: "\x7f", Tab: "\t", Escape: "\x1b", Delete: "\x1b[3~", PageUp: "\x1b[5~", PageDown: "\x1b[6~" };
  const code = (name) => (arrows[name] ? `\x1b${isArrow ? "O" : "["}${arrows[name]}` : named[name]);
  keys.addEventListener("keydown", (event) => {
    if (event.isComposing || event.metaKey || (event.key === "Tab" && event.shiftKey)) return;
    let text = code(event.key);
    if (event.ctrlKey && !event.altKey && !event.shiftKey && /^[a-z@[\\\]^_ ]$/.test(event.key)) {
      if (event.key === "v") return;
      text = String.fromCharCode(event.key.toUpperCase().charCodeAt(0) & 31);
    }
    if (text === undefined) return;
    event.preventDefault();
    send(text);
  });
  keys.addEventListener("input", (event) => {
    if (event.isComposing) return;
    send(keys.value.replace(/\r?\n/g, "\r"));
    keys.value = "";
  });
  screen.addEventListener("mouseup", () => {
    if (!String(getSelection())) keys.focus();
  });
  for (const button of document.querySelectorAll("[data-key]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      send(code(button.dataset.key) || "\x03");
      keys.focus();
    });
  }
  begin();
})();
