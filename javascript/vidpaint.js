// The page's own script: asks for progress once a second, and turns clicks, keys and drags on pictures into commands.
(() => {
    if (window.vidpaintPage) return;
    const page = () => (typeof gradioApp === "function" ? gradioApp() : document);
    const find = (id) => page().querySelector(`#vidpaint_${id}`);
    const press = (id) => find(id)?.click();
    const shown = (element) => element && element.offsetParent !== null;
    const INPAINT_UPLOAD = 4; // which of the WebUI's img2img tabs that is
    const vidpaint = (window.vidpaintPage = { command: "", paused: false });

    // `select:choose:42:1` goes to the tab `select`, whose hidden button takes the rest of it. Commands are numbered and wait for
    // the answer to the one before, as gradio drops an event while the one before it is under way. What a key means is only
    // asked when its turn has come.
    const PATIENCE = 4000;
    let number = 0, asked = 0, waiting = [];
    const value = (id) => find(id)?.querySelector("textarea, input")?.value;
    const next = () => {
        const answered = value("heard") === `${number}`;
        if (!waiting.length || (asked && !answered && Date.now() - asked < PATIENCE)) return;
        asked = 0;
        const wanted = waiting.shift(), text = typeof wanted === "function" ? wanted() : wanted;
        if (!text) return next();
        const tab = text.split(":", 1)[0];
        [number, asked] = [number + 1, Date.now()];
        vidpaint.command = `${number}|${text.slice(tab.length + 1)}`;
        press(`send_${tab}`);
    };
    setInterval(next, 50);
    vidpaint.send = (wanted) => {
        waiting.push(wanted);
        next();
    };

    // Progress. A page in the background asks nothing; the job does not need it. Where nobody answers, only whether the
    // server is back is asked: every poll that fails would leave an error on the page.
    let started = null, beat = "", unanswered = 0;
    const tick = async () => {
        const whole = page().querySelector("#vidpaint");
        if (document.hidden || vidpaint.paused || !shown(whole)) return;
        if (started !== whole) {
            started = whole;
            return press("start");
        }
        const last = value("beat");
        unanswered = last === beat ? unanswered + 1 : 0;
        beat = last;
        if (unanswered > 5) {
            const back = await fetch(location.href, { method: "HEAD" }).then((answer) => answer.ok, () => false);
            if (!back) return;
        }
        press("poll");
        // A view whose pictures took too long to make is asked for again.
        const late = [...whole.querySelectorAll("[data-late]")].find(shown);
        if (late && !waiting.length) vidpaint.send(late.dataset.late);
    };
    setInterval(tick, 1000);
    const opening = setInterval(() => (started ? clearInterval(opening) : tick()), 100);
    document.addEventListener("click", (event) => {
        // What an Interrupt has come to is shown sooner than with the next poll.
        if (event.composedPath()[0].closest?.("#vidpaint_interrupt")) for (const wait of [200, 500, 800, 1200, 1600]) setTimeout(press, wait, "poll");
    });

    document.addEventListener("click", (event) => {
        const target = event.composedPath()[0];
        const asked = target.closest?.("#vidpaint [data-vidpaint], #vidpaint [data-press]");
        if (!asked) return;
        event.preventDefault();
        if (asked.dataset.press) return press(asked.dataset.press);
        vidpaint.send(asked.dataset.vidpaint);
        if (asked.dataset.then === "img2img") switch_to_img2img_tab(INPAINT_UPLOAD);
    });

    document.addEventListener("keydown", (event) => {
        const picker = page().querySelector(".vidpaint-picker");
        const typing = event.composedPath()[0].closest?.("input:not([type=range]), textarea, select, [contenteditable=true]");
        if (!shown(picker) || typing || event.ctrlKey || event.metaKey || event.altKey) return;
        const wanted = {
            ArrowLeft: "[data-move=previous]", ArrowRight: "[data-move=next]", r: "[data-vidpaint^='select:redo']",
            d: "[data-vidpaint^='select:drop']", u: "[data-vidpaint='select:undo']", n: "[data-move=open]",
        }[event.key] || (/^[1-9]$/.test(event.key) ? `[data-number="${event.key}"]` : "");
        const button = () => page().querySelector(`.vidpaint-picker ${wanted}`);
        if (!wanted || !button() || (event.repeat && waiting.length)) return;
        event.preventDefault();
        vidpaint.send(() => button() && !button().disabled && button().dataset.vidpaint);
    });

    // A click on the scores asks for the frame under it.
    document.addEventListener("click", (event) => {
        const scores = event.composedPath()[0].closest?.("#vidpaint .vidpaint-scores");
        if (!scores) return;
        const area = scores.getBoundingClientRect(), frames = Number(scores.dataset.frames);
        const at = Math.floor(((event.clientX - area.left) / area.width) * frames);
        vidpaint.send(`${scores.dataset.to || "keyframes"}:at:${Math.min(Math.max(at, 0), frames - 1)}`);
    });

    // The divider between before and after stays where it was put when another frame comes.
    let divided = 50;
    const divide = (divider) => divider.previousElementSibling.style.setProperty("--at", `${(divided = divider.value)}%`);
    document.addEventListener("input", (event) => {
        const divider = event.composedPath()[0];
        if (divider.classList?.contains("vidpaint-divider")) divide(divider);
    });
    document.addEventListener("load", (event) => {
        const divider = event.target.closest?.("#vidpaint .vidpaint-compare")?.nextElementSibling;
        if (!divider || divider.value === `${divided}`) return;
        divider.value = divided;
        divide(divider);
    }, true);
})();
