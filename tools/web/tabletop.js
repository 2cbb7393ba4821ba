// SPDX-License-Identifier: Apache-2.0
// tabletop.js - draws the table of demo/sim, for the replay and for the live page. A scene is
// { task, x, y, grip, blocks: [[x, y], …], colours: [0 red | 1 green | 2 blue, …], bowl, held };
// lengths are parts of the camera's picture, as in demo/sim/sim.h.
"use strict";

const Tabletop = (() => {
    const NAMES = ["red", "green", "blue"];
    const HEIGHT = 1.085; // of what is shown; the shoulder is below the camera's picture
    const SHOULDER = [112 / 224, 236 / 224], LINK = 124 / 224, BLOCK = 12 / 224, BOWL = 24 / 224;

    const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const colour = (i) => style("--" + NAMES[i]);

    // fit a canvas to its box and the screen's pixels; the context's unit is then the table's side
    function fit(canvas, height = HEIGHT) {
        const dots = window.devicePixelRatio || 1, width = canvas.clientWidth;
        const w = Math.round(width * dots), h = Math.round(width * height * dots);
        if (canvas.width !== w || canvas.height !== h) {
            canvas.width = w;
            canvas.height = h;
        }
        const c = canvas.getContext("2d");
        c.setTransform(w, 0, 0, w, 0, 0);
        return c;
    }

    function elbow(x, y) {
        const dx = x - SHOULDER[0], dy = y - SHOULDER[1];
        const reach = Math.min(Math.hypot(dx, dy), 2 * LINK - 1e-5);
        const angle = Math.atan2(dy, dx) - Math.acos(reach / 2 / LINK);
        return [SHOULDER[0] + LINK * Math.cos(angle), SHOULDER[1] + LINK * Math.sin(angle)];
    }

    function shadow(c, on, size = 0.012) {
        const side = c.canvas.width;
        c.shadowColor = on ? style("--shadow") : "transparent";
        c.shadowBlur = on ? 2 * size * side : 0;
        c.shadowOffsetY = on ? 0.6 * size * side : 0;
    }

    function disc(c, x, y, r, fill) {
        c.beginPath();
        c.arc(x, y, r, 0, 2 * Math.PI);
        c.fillStyle = fill;
        c.fill();
    }

    function bowl(c, [x, y]) {
        shadow(c, true);
        disc(c, x, y, BOWL, style("--rim"));
        shadow(c, false);
        const g = c.createRadialGradient(x, y - BOWL / 3, BOWL / 6, x, y, BOWL);
        g.addColorStop(0, style("--bowl"));
        g.addColorStop(1, style("--bowl-deep"));
        disc(c, x, y, BOWL * 20 / 24, g);
    }

    function block(c, [x, y], which, lifted, ring) {
        const s = BLOCK * (lifted ? 1.06 : 1);
        shadow(c, true, lifted ? 0.03 : 0.01);
        c.beginPath();
        c.roundRect(x - s, y - s, 2 * s, 2 * s, 0.012);
        c.fillStyle = colour(which);
        c.fill();
        shadow(c, false);
        // light on its upper edge
        c.beginPath();
        c.roundRect(x - s + 0.006, y - s + 0.006, 2 * s - 0.012, 2 * s - 0.012, 0.008);
        c.strokeStyle = "rgba(255,255,255,0.28)";
        c.lineWidth = 0.004;
        c.stroke();
        if (!ring) return;
        c.beginPath();
        c.roundRect(x - s - 0.012, y - s - 0.012, 2 * s + 0.024, 2 * s + 0.024, 0.02);
        c.strokeStyle = colour(which);
        c.lineWidth = 0.005;
        c.setLineDash(ring === "grab" ? [] : [0.016, 0.011]);
        c.stroke();
        c.setLineDash([]);
    }

    function limb(c, a, b, width, fill) {
        c.beginPath();
        c.moveTo(...a);
        c.lineTo(...b);
        c.lineCap = "round";
        c.lineWidth = width;
        c.strokeStyle = fill;
        c.stroke();
    }

    // two fingers across the forearm, which close as the gripper does
    function fingers(c, x, y, e, grip) {
        const angle = Math.atan2(y - e[1], x - e[0]), gap = 0.040 - 0.012 * grip;
        c.save();
        c.translate(x, y);
        c.rotate(angle);
        limb(c, [-0.012, -gap], [-0.012, gap], 0.016, style("--hand"));
        limb(c, [-0.012, -gap], [0.026, -gap], 0.016, style("--hand"));
        limb(c, [-0.012, gap], [0.026, gap], 0.016, style("--hand"));
        c.restore();
        disc(c, x, y, 0.009, style("--hand"));
    }

    function arm(c, s) {
        const e = elbow(s.x, s.y);
        shadow(c, true, 0.02);
        limb(c, SHOULDER, e, 0.050, style("--upper"));
        limb(c, e, [s.x, s.y], 0.038, style("--fore"));
        fingers(c, s.x, s.y, e, s.grip);
        shadow(c, false);
        disc(c, SHOULDER[0], SHOULDER[1], 0.045, style("--upper"));
        disc(c, SHOULDER[0], SHOULDER[1], 0.018, style("--joint"));
        disc(c, e[0], e[1], 0.014, style("--joint"));
    }

    // a plan's way: full dots are done before it looks again, rings are what it would do after;
    // a dot with a white heart: the gripper is to be closed there
    function plan(c, commands, { from = 0, execute = 8, ink, thin = false }) {
        c.lineWidth = thin ? 0.004 : 0.005;
        c.strokeStyle = c.fillStyle = ink;
        c.beginPath();
        for (let i = from; i < commands.length; i++) c.lineTo(commands[i][0], commands[i][1]);
        c.globalAlpha = 0.45;
        c.setLineDash(thin ? [0.008, 0.008] : []);
        c.stroke();
        c.setLineDash([]);
        for (let i = from; i < commands.length; i++) {
            const [x, y, grip] = commands[i], r = thin ? 0.006 : 0.0085;
            c.globalAlpha = i < execute ? 0.95 : 0.6;
            c.beginPath();
            c.arc(x, y, r, 0, 2 * Math.PI);
            if (i < execute && !thin) c.fill();
            else c.stroke();
            if (grip > 0.5 && !thin) disc(c, x, y, r * 0.45, "#ffffff"), c.fillStyle = ink;
        }
        c.globalAlpha = 1;
    }

    // grid of tenths, and where the camera's picture ends
    function ground(c) {
        c.fillStyle = style("--table");
        c.fillRect(0, 0, 1, 1);
        c.fillStyle = style("--floor");
        c.fillRect(0, 1, 1, HEIGHT - 1);
        c.strokeStyle = style("--grid");
        c.lineWidth = 0.0015;
        c.beginPath();
        for (let i = 1; i < 10; i++) {
            c.moveTo(i / 10, 0);
            c.lineTo(i / 10, 1);
            c.moveTo(0, i / 10);
            c.lineTo(1, i / 10);
        }
        c.stroke();
    }

    /* options: goal (index of the block asked for), grab (of the thing that is dragged: block or
     * "bowl"), plans: [{ commands, from, execute, ink, thin }], trail: [[x, y], …] */
    function draw(c, s, o = {}) {
        c.clearRect(0, 0, 1, HEIGHT);
        ground(c);
        if (s.task === "place") bowl(c, s.bowl);
        if (o.grab === "bowl") {
            c.beginPath();
            c.arc(...s.bowl, BOWL + 0.014, 0, 2 * Math.PI);
            c.strokeStyle = style("--accent");
            c.lineWidth = 0.005;
            c.stroke();
        }
        s.blocks.forEach((p, i) => {
            if (i !== s.held)
                block(c, p, s.colours[i], false, o.grab === i ? "grab" : o.goal === i && "goal");
        });
        if (s.held >= 0) block(c, s.blocks[s.held], s.colours[s.held], true, o.goal === s.held && "goal");
        if (o.trail && o.trail.length > 1) {
            c.beginPath();
            o.trail.forEach((p) => c.lineTo(p[0], p[1]));
            c.strokeStyle = style("--trail");
            c.lineWidth = 0.006;
            c.lineJoin = "round";
            c.stroke();
        }
        (o.plans || []).forEach((p) => p.thin && plan(c, p.commands, p));
        arm(c, s);
        (o.plans || []).forEach((p) => p.thin || plan(c, p.commands, p));
    }

    // the picture that the policy gets: pixel for pixel what demo/sim/render.c makes
    function camera(canvas, s) {
        const n = 224, c = canvas.getContext("2d");
        canvas.width = canvas.height = n;
        const image = c.createImageData(n, n);
        const put = (x, y, rgb) => image.data.set([...rgb, 255], 4 * (y * n + x));
        const clip = (v) => Math.max(0, Math.min(n, v));
        const capsule = (ax, ay, bx, by, w, rgb) => {
            const dx = bx - ax, dy = by - ay, square = Math.max(dx * dx + dy * dy, 1e-9);
            const x1 = clip(Math.ceil(Math.max(ax, bx) + w + 1)), y1 = clip(Math.ceil(Math.max(ay, by) + w + 1));
            for (let y = clip(Math.floor(Math.min(ay, by) - w - 1)); y < y1; y++)
                for (let x = clip(Math.floor(Math.min(ax, bx) - w - 1)); x < x1; x++) {
                    const px = x + 0.5 - ax, py = y + 0.5 - ay;
                    const t = Math.min(Math.max((px * dx + py * dy) / square, 0), 1);
                    if ((px - t * dx) ** 2 + (py - t * dy) ** 2 < w * w) put(x, y, rgb);
                }
        };
        for (let y = 0; y < n; y++) for (let x = 0; x < n; x++) put(x, y, [225, 222, 214]);
        if (s.task === "place") {
            const bx = s.bowl[0] * n, by = s.bowl[1] * n;
            capsule(bx, by, bx, by, 24, [130, 95, 60]);
            capsule(bx, by, bx, by, 20, [190, 150, 105]);
        }
        const paint = [[214, 40, 40], [40, 160, 60], [40, 80, 210]];
        s.blocks.forEach((p, i) => {
            const x0 = Math.floor(p[0] * n), y0 = Math.floor(p[1] * n);
            for (let y = clip(y0 - 12); y < clip(y0 + 12); y++)
                for (let x = clip(x0 - 12); x < clip(x0 + 12); x++) put(x, y, paint[s.colours[i]]);
        });
        const e = elbow(s.x, s.y), hx = s.x * n, hy = s.y * n;
        capsule(112, 236, e[0] * n, e[1] * n, 5, [90, 90, 96]);
        capsule(e[0] * n, e[1] * n, hx, hy, 4, [120, 120, 128]);
        capsule(hx, hy, hx, hy, 7 - 2 * s.grip, [20, 20, 24]);
        c.putImageData(image, 0, 0);
    }

    // a scene between two others
    function between(a, b, t) {
        const mix = (p, q) => p + (q - p) * t;
        return { ...a, x: mix(a.x, b.x), y: mix(a.y, b.y), grip: mix(a.grip, b.grip),
            blocks: a.blocks.map((p, i) => [mix(p[0], b.blocks[i][0]), mix(p[1], b.blocks[i][1])]),
            bowl: [mix(a.bowl[0], b.bowl[0]), mix(a.bowl[1], b.bowl[1])] };
    }

    // a sentence with the colours that it names in their colours, as nodes
    function sentence(node, text) {
        node.replaceChildren(...text.split(/\b/).map((word) => {
            const i = NAMES.indexOf(word.toLowerCase());
            if (i < 0) return word;
            const mark = document.createElement("b");
            mark.className = "ink-" + NAMES[i];
            mark.textContent = word;
            return mark;
        }));
    }

    return { NAMES, HEIGHT, BLOCK, BOWL, style, colour, fit, draw, camera, between, sentence };
})();
