// The frame of the mask: clicks, boxes and strokes on it become commands, one after the other; a better look is asked for.
(() => {
    const vidpaint = window.vidpaintPage;
    if (!vidpaint || vidpaint.mask) return;
    vidpaint.mask = true;
    const page = () => (typeof gradioApp === "function" ? gradioApp() : document);
    const find = (selector) => page().querySelector(`#vidpaint ${selector}`);
    const frame = () => find(".vidpaint-frame");
    const state = () => find(".vidpaint-state");
    const tools = () => find(".vidpaint-brushes");
    const tool = () => tools()?.dataset.tool ?? "mark";
    const shown = (element) => element && element.offsetParent !== null;
    const on = (name, work) => document.addEventListener(name, work);
    const within = (event, selector) => event.composedPath()[0].closest?.(selector);
    const PATIENCE = 4000, QUIET = 350, AGAIN = 600, STILL = 6; // milliseconds; pixels that a click may slip

    // Commands are numbered and wait for the answer to the one before: a second click must know what the first one wrote,
    // and gradio drops an event while the one before it is under way.
    const plain = vidpaint.send;
    const complaint = () => find("#vidpaint_message .vidpaint-error")?.textContent ?? "";
    let waiting = [], number = 0, asked = 0, complained = "", changed = 0, dirty = 0;
    vidpaint.send = (text) => {
        if (!/^(mask|preview):/.test(text)) return plain(text);
        if (text.startsWith("mask:at:")) waiting = waiting.filter((one) => !one.startsWith("mask:at:"));
        if (!text.startsWith("preview:") || !waiting.includes(text)) waiting.push(text);
        pump();
    };
    const pump = () => {
        const answered = find("#vidpaint_answered :is(textarea, input)")?.value === `${number}`;
        if (asked && !answered && complaint() === complained && Date.now() - asked < PATIENCE) return;
        if (asked) strokes = strokes.filter((one) => !one.sent);
        asked = 0;
        if (!waiting.length) return;
        const text = waiting.shift(), [tab] = text.split(":", 1);
        for (const one of strokes) one.sent ||= one.text === text;
        [number, asked, complained] = [Date.now(), Date.now(), complaint()];
        plain(`${tab}:${number}:${text.slice(tab.length + 1)}`);
    };

    let seen = null, turned = "", held = false;
    setInterval(() => {
        const now = frame();
        if (!shown(now)) return;
        pump();
        if (now !== seen) {
            seen = now;
            for (const one of strokes) now.append(one.canvas);
            if (held && document.activeElement === document.body) now.focus({ preventScroll: true });
        }
        if (state()?.dataset.turn !== turned) [turned, changed] = [state()?.dataset.turn, Date.now()];
        if (asked || waiting.length || press || vidpaint.paused) return;
        const at = find("#vidpaint_index input[type=number]")?.value; // an answer that was under way shows another one
        if (at && at !== now.dataset.index) dirty ||= Date.now();
        const late = state()?.hasAttribute("data-wanted") && Date.now() - changed > (again ? AGAIN : QUIET);
        if (late || (dirty && Date.now() - dirty > QUIET)) {
            [dirty, again] = [0, late];
            vidpaint.send("preview:frame");
        }
    }, 100);
    let again = false;
    on("focusin", (event) => {
        held = Boolean(within(event, ".vidpaint-frame"));
    });
    on("input", (event) => {
        if (within(event, "#vidpaint_mask_panel :is(input, textarea), #vidpaint_mask_spread input")) dirty = Date.now();
    });

    // Pointers. Marks are counted in the video's own pixels, strokes in those of their canvas.
    let press = null, strokes = [];
    const spot = (event) => {
        const area = press.frame.querySelector("img").getBoundingClientRect();
        const part = (at, start, size) => Math.min(1, Math.max(0, (at - start) / size));
        return [part(event.clientX, area.left, area.width), part(event.clientY, area.top, area.height)];
    };
    on("pointerdown", (event) => {
        held = Boolean(within(event, ".vidpaint-frame"));
        const target = within(event, "#vidpaint .vidpaint-frame");
        if (!target || (event.button !== 0 && event.button !== 2)) return;
        const painting = tool() !== "mark", mode = painting ? "brush" : target.dataset.mode;
        event.preventDefault();
        target.focus({ preventScroll: true });
        if (mode === "none" || ((painting || mode !== "point") && event.button)) return;
        const away = event.button === 2 || event.altKey || event.shiftKey;
        press = { frame: target, mode, away, index: target.dataset.index, at: [event.clientX, event.clientY] };
        press.from = press.to = spot(event);
        if (painting) begin(target);
        else if (mode !== "pick") press.mark = target.appendChild(document.createElement("i"));
    });
    on("pointermove", (event) => {
        cursor(event);
        if (!press) return;
        if (!press.frame.isConnected) press.frame = frame() ?? press.frame; // the picture was replaced meanwhile
        const before = press.to;
        press.to = spot(event);
        if (press.mode === "brush") return draw(before, press.to);
        if (!press.mark) return;
        if (!press.mark.isConnected) press.frame.append(press.mark);
        const [left, top, right, bottom] = box(press);
        const percent = (value) => `${value * 100}%`;
        Object.assign(press.mark.style, {
            left: percent(left), top: percent(top), width: percent(right - left), height: percent(bottom - top),
            borderRadius: press.mode === "ellipse" ? "50%" : "0",
        });
    });
    on("pointerup", (event) => {
        if (!press) return;
        const { mode, frame: target, index, away } = press;
        const still = Math.hypot(event.clientX - press.at[0], event.clientY - press.at[1]) < STILL;
        const [left, top, right, bottom] = box(press), point = press.to;
        const width = Number(target.dataset.width), height = Number(target.dataset.height);
        press.mark?.remove();
        if (mode === "brush") finish();
        press = null;
        const size = [Math.round((right - left) * width), Math.round((bottom - top) * height)];
        const corner = [Math.min(Math.round(left * width), width - size[0]), Math.min(Math.round(top * height), height - size[1])];
        const pixel = [Math.min(Math.floor(point[0] * width), width - 1), Math.min(Math.floor(point[1] * height), height - 1)];
        if (mode === "pick") return vidpaint.send(`mask:pick:${index}:${pixel}`);
        if (mode === "point" && still) return vidpaint.send(`mask:mark:${index}:${away ? "-" : "+"}${pixel}`);
        if (mode === "brush" || Math.min(...size) < 2 || away) return;
        vidpaint.send(mode === "point" ? `mask:mark:${index}:box ${corner},${size}` : `mask:${mode}:${corner},${size}`);
    });
    on("pointercancel", () => {
        press?.mark?.remove();
        if (press?.canvas) strokes = strokes.filter((one) => one.canvas !== press.canvas || one.canvas.remove());
        press = null;
    });
    on("contextmenu", (event) => {
        if (within(event, "#vidpaint .vidpaint-frame")) event.preventDefault();
    });
    const box = ({ from, to }) => [
        Math.min(from[0], to[0]), Math.min(from[1], to[1]), Math.max(from[0], to[0]), Math.max(from[1], to[1]),
    ];

    // The brush. Every stroke has a canvas of its own, which stays until the server shows what became of it.
    const size = () => Number(tools()?.querySelector("input")?.value ?? 4) / 100; // of the picture's width
    const begin = (target) => {
        const canvas = (press.canvas = document.createElement("canvas"));
        [canvas.width, canvas.height] = target.dataset.canvas.split(",").map(Number);
        canvas.className = `vidpaint-stroke-${(press.kind = tool())}`;
        target.append(canvas);
        strokes.push({ canvas, text: "", sent: false });
        draw(press.from, press.from);
    };
    const draw = (from, to) => {
        const { canvas } = press, pen = canvas.getContext("2d");
        pen.strokeStyle = press.kind === "add" ? "#22c55e" : "#3b82f6";
        [pen.lineWidth, pen.lineCap, pen.lineJoin] = [Math.max(1, size() * canvas.width), "round", "round"];
        pen.beginPath();
        pen.moveTo(from[0] * canvas.width, from[1] * canvas.height);
        pen.lineTo(to[0] * canvas.width, to[1] * canvas.height + 0.01);
        pen.stroke();
    };
    const finish = () => {
        const { canvas } = press, sent = document.createElement("canvas"), pen = sent.getContext("2d");
        [sent.width, sent.height] = [canvas.width, canvas.height];
        pen.drawImage(canvas, 0, 0);
        for (const [how, colour] of [["source-in", "#fff"], ["destination-over", "#000"]]) {
            [pen.globalCompositeOperation, pen.fillStyle] = [how, colour];
            pen.fillRect(0, 0, sent.width, sent.height);
        }
        const text = `mask:paint:${press.index}:${press.kind}:${sent.toDataURL("image/png")}`;
        strokes.find((one) => one.canvas === canvas).text = text;
        vidpaint.send(text);
    };
    const cursor = (event) => {
        const target = within(event, "#vidpaint .vidpaint-frame"), known = find(".vidpaint-cursor");
        if (!target || tool() === "mark") return known?.remove();
        const ring = known ?? document.createElement("s"), area = target.getBoundingClientRect();
        ring.className = "vidpaint-cursor";
        if (ring.parentNode !== target) target.append(ring);
        const wide = `${size() * area.width}px`;
        Object.assign(ring.style, {
            left: `${event.clientX - area.left}px`, top: `${event.clientY - area.top}px`, width: wide, height: wide,
        });
    };

    // Tools and keys.
    let going = { to: 0, since: 0 }; // where quick presses have got to while their frames are still on the way
    const step = (by) => {
        const from = Date.now() - going.since < 1500 ? going.to : Number(frame()?.dataset.index);
        const last = Number(find("#vidpaint_index input[type=range]")?.max ?? from + by);
        going = { to: Math.min(Math.max(from + by, 0), last), since: Date.now() };
        vidpaint.send(`mask:at:${going.to}`);
    };
    const choose = (name) => {
        tools().dataset.tool = name;
        find(".vidpaint-cursor")?.remove();
    };
    const work = {
        undo: () => vidpaint.send("mask:undo"),
        clear: () => vidpaint.send(`mask:clear:${frame()?.dataset.index}`),
        back: () => vidpaint.send(`mask:back:${frame()?.dataset.index}`),
        gone: () => vidpaint.send(`mask:gone:${frame()?.dataset.index}`),
        none: () => vidpaint.send("mask:none"),
        try: () => vidpaint.send("mask:try"),
        previous: () => step(-1),
        next: () => step(1),
        veil: () => tools().toggleAttribute("data-bare"),
    };
    on("click", (event) => {
        const button = within(event, "#vidpaint .vidpaint-brushes button");
        if (!button) return;
        event.preventDefault();
        if (button.dataset.tool) choose(button.dataset.tool);
        else if (frame()) work[button.dataset.do]();
    });
    on("keydown", (event) => {
        // While the picture is replaced it has no focus for a moment.
        const ours = within(event, "#vidpaint .vidpaint-frame") || (held && event.target === document.body && shown(frame()));
        if (!ours || event.metaKey || event.altKey) return;
        const undo = event.ctrlKey && event.key === "z";
        const wanted = undo ? (tool() === "mark" ? "back" : "undo") : { ",": "previous", ".": "next", m: "veil" }[event.key];
        if (!wanted || (event.ctrlKey && !undo)) return;
        event.preventDefault();
        work[wanted]();
    });
})();
