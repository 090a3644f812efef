// The page's own script: asks for progress once a second, and turns clicks, keys and drags on pictures into commands.
(() => {
    if (window.vidpaintPage) return;
    const page = () => (typeof gradioApp === "function" ? gradioApp() : document);
    const find = (id) => page().querySelector(`#vidpaint_${id}`);
    const press = (id) => find(id)?.click();
    const shown = (element) => element && element.offsetParent !== null;
    const vidpaint = (window.vidpaintPage = { command: "", paused: false });

    // `select:choose:42:1` goes to the tab `select`, whose hidden button takes the rest of it.
    vidpaint.send = (text) => {
        const tab = text.split(":", 1)[0];
        vidpaint.command = text.slice(tab.length + 1);
        press(`send_${tab}`);
    };

    // Progress. A page in the background asks nothing; the job does not need it.
    let started = null;
    setInterval(() => {
        const whole = page().querySelector("#vidpaint");
        if (document.hidden || vidpaint.paused || !shown(whole)) return;
        if (started !== whole) {
            started = whole;
            press("start");
        } else press("poll");
    }, 1000);

    document.addEventListener("click", (event) => {
        const target = event.composedPath()[0];
        const asked = target.closest?.("#vidpaint [data-vidpaint]");
        if (!asked) return;
        event.preventDefault();
        vidpaint.send(asked.dataset.vidpaint);
    });

    document.addEventListener("keydown", (event) => {
        const picker = page().querySelector(".vidpaint-picker");
        const typing = event.composedPath()[0].closest?.("input:not([type=range]), textarea, select, [contenteditable=true]");
        if (!shown(picker) || typing || event.ctrlKey || event.metaKey || event.altKey) return;
        const wanted = {
            ArrowLeft: "[data-move=previous]", ArrowRight: "[data-move=next]", r: "[data-vidpaint^='select:redo']",
            d: "[data-vidpaint^='select:drop']", u: "[data-vidpaint='select:undo']",
        }[event.key] || (/^[1-9]$/.test(event.key) ? `[data-number="${event.key}"]` : "");
        const button = wanted && picker.querySelector(wanted);
        if (!button || button.disabled) return;
        event.preventDefault();
        vidpaint.send(button.dataset.vidpaint);
    });

    // A box is dragged on the frame; it is counted in the video's own pixels.
    let drag = null;
    const corner = (event) => {
        const area = drag.image.getBoundingClientRect();
        const part = (at, start, size) => Math.min(1, Math.max(0, (at - start) / size));
        return [part(event.clientX, area.left, area.width), part(event.clientY, area.top, area.height)];
    };
    document.addEventListener("pointerdown", (event) => {
        const frame = event.composedPath()[0].closest?.(".vidpaint-frame");
        if (!frame || event.button !== 0) return;
        event.preventDefault();
        drag = { frame, image: frame.querySelector("img"), mark: frame.appendChild(document.createElement("i")) };
        drag.from = drag.to = corner(event);
    });
    document.addEventListener("pointermove", (event) => {
        if (!drag?.frame.isConnected) return;
        drag.to = corner(event);
        const [left, top, right, bottom] = box(drag);
        const percent = (value) => `${value * 100}%`;
        Object.assign(drag.mark.style, {
            left: percent(left), top: percent(top), width: percent(right - left), height: percent(bottom - top),
        });
    });
    document.addEventListener("pointerup", () => {
        if (!drag?.frame.isConnected) {
            drag = null; // the picture was replaced meanwhile
            return;
        }
        const [left, top, right, bottom] = box(drag);
        const width = Number(drag.frame.dataset.width), height = Number(drag.frame.dataset.height);
        drag.mark.remove();
        drag = null;
        const size = [Math.round((right - left) * width), Math.round((bottom - top) * height)];
        if (Math.min(...size) >= 2) vidpaint.send(`source:box:${Math.round(left * width)},${Math.round(top * height)},${size}`);
    });
    const box = ({ from, to }) => [
        Math.min(from[0], to[0]), Math.min(from[1], to[1]), Math.max(from[0], to[0]), Math.max(from[1], to[1]),
    ];

    document.addEventListener("input", (event) => {
        const divider = event.composedPath()[0];
        if (!divider.classList?.contains("vidpaint-divider")) return;
        divider.previousElementSibling.style.setProperty("--at", `${divider.value}%`);
    });
})();
