// The frame to be retouched: what is painted over it is sent to be healed.
(() => {
    const vidpaint = window.vidpaintPage;
    if (!vidpaint || vidpaint.retouch) return;
    vidpaint.retouch = true;
    const within = (event, selector) => event.composedPath()[0].closest?.(`#vidpaint ${selector}`);
    const on = (name, work) => document.addEventListener(name, work);
    let press = null;
    const spot = (event, canvas) => {
        const area = canvas.getBoundingClientRect();
        return [((event.clientX - area.left) / area.width) * canvas.width, ((event.clientY - area.top) / area.height) * canvas.height];
    };
    const draw = (event) => {
        const { canvas, at, wide } = press, pen = canvas.getContext("2d"), to = spot(event, canvas);
        [pen.strokeStyle, pen.lineWidth, pen.lineCap] = ["#22c55e", wide, "round"];
        pen.beginPath();
        pen.moveTo(...at);
        pen.lineTo(to[0], to[1] + 0.01);
        pen.stroke();
        press.at = to;
    };
    on("pointerdown", (event) => {
        const frame = within(event, ".vidpaint-heal"), canvas = frame?.querySelector("canvas");
        if (!canvas || event.button) return;
        event.preventDefault();
        const size = Number(frame.nextElementSibling.querySelector("input").value) / 100;
        press = { canvas, at: spot(event, canvas), wide: Math.max(2, size * canvas.width) };
        draw(event);
    });
    on("pointermove", (event) => press && draw(event));
    for (const end of ["pointerup", "pointercancel"]) on(end, () => (press = null));
    on("click", (event) => {
        const button = within(event, "[data-heal]"), frame = button?.parentElement.previousElementSibling;
        if (!frame) return;
        event.preventDefault();
        const canvas = frame.querySelector("canvas"), clear = () => canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
        if (button.dataset.heal === "clear") return clear();
        const sent = document.createElement("canvas"), ink = sent.getContext("2d");
        [sent.width, sent.height] = [canvas.width, canvas.height];
        ink.drawImage(canvas, 0, 0);
        for (const [how, colour] of [["source-in", "#fff"], ["destination-over", "#000"]]) {
            [ink.globalCompositeOperation, ink.fillStyle] = [how, colour];
            ink.fillRect(0, 0, sent.width, sent.height);
        }
        clear();
        vidpaint.send(`retouch:heal:${frame.dataset.index}:${sent.toDataURL("image/png")}`);
    });
})();
