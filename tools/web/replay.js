// SPDX-License-Identifier: Apache-2.0
// replay.js - plays the episodes that "pi0 demo --out" wrote into the page.
"use strict";

(() => {
    const $ = (id) => document.getElementById(id);
    const data = JSON.parse($("data").textContent);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    let episode, scenes, time = 0, playing = false, last = 0, rest = 0;

    // a row of an episode's states: x, y, grip, blocks, bowl, held
    const scene = (e, r) => ({ task: data.task, colours: e.colours, x: r[0], y: r[1], grip: r[2],
        blocks: [[r[3], r[4]], [r[5], r[6]], [r[7], r[8]]], bowl: [r[9], r[10]], held: r[11] });
    const percent = (v) => (100 * v).toFixed(1).replace(/\.0$/, "") + " %";
    const ms = (v) => v.toFixed(v < 10 ? 1 : 0) + " ms";

    // the end that is shown: a little after the goal, or all of it
    const end = (e) => e.ok && e.first >= 0 ? Math.min(e.states.length - 1, e.first + 5) : e.states.length - 1;
    // the plan that is in force at a step
    function planAt(t) {
        let found = episode.plans[0];
        for (const p of episode.plans) if (p.step <= t + 1e-9) found = p;
        return found;
    }

    /* ---- the numbers that do not change ---- */

    function number(name, value, small = "") {
        const box = document.createElement("div"), dt = document.createElement("dt"), dd = document.createElement("dd");
        dt.textContent = name;
        dd.textContent = value + " ";
        const s = document.createElement("small");
        s.textContent = small;
        dd.append(s);
        box.append(dt, dd);
        $("numbers").append(box);
    }

    function summary() {
        const what = data.task === "place" ? "puts a block into the bowl" : "moves its hand to a block";
        $("about").textContent = `a small π0 ${what}; ${data.model}, ${data.backend} ${data.precision}`;
        number("success", percent(data.success / data.n), `${data.success} of ${data.n}, so 95 % sure of ${percent(data.interval[0]).slice(0, -2)} to ${percent(data.interval[1])}`);
        if (data.steps_mean >= 0) number("steps needed", data.steps_mean.toFixed(1), `the expert ${data.expert_steps_mean.toFixed(1)}`);
        number("a plan", ms(data.ms_p50), `median; p99 ${ms(data.ms_p99)}`);
        const shown = data.episodes.length;
        $("list").textContent = shown < data.n ? `Episodes: ${shown} of ${data.n}, all that failed among them` : "Episodes";
        if (data.noise_std > 0) $("told").textContent += `, and each command is off by ${data.noise_std}`;
        if (data.disturb) $("told").textContent += ", and after 8 steps someone moves things";
    }

    function list() {
        data.episodes.forEach((e, i) => {
            const b = document.createElement("button");
            b.textContent = e.index;
            b.style.setProperty("--mark", `var(--${Tabletop.NAMES[e.goal]})`);
            b.className = e.ok ? "" : "failed";
            b.title = `${e.prompt}: ${e.ok ? "done" : "failed"}`;
            b.setAttribute("aria-label", `episode ${e.index}, ${e.prompt}, ${e.ok ? "done" : "failed"}`);
            b.onclick = () => show(i, true);
            $("episodes").append(b);
        });
    }

    /* ---- what changes ---- */

    const scene_at = (t) => {
        const i = Math.min(Math.floor(t), scenes.length - 1), next = scenes[i + 1];
        return next ? Tabletop.between(scenes[i], next, t - i) : scenes[i];
    };

    function badge() {
        const b = $("badge"), done = episode.first >= 0 && time >= episode.first && episode.ok;
        const over = time >= scenes.length - 1;
        b.className = "badge" + (done ? " good" : over ? " bad" : "");
        const word = done ? (data.task === "place" ? "in the bowl" : "reached") : over ? "not done" : "";
        b.textContent = word || (scene_at(time).held >= 0 ? "carries" : "on its way");
    }

    function table() {
        const p = planAt(time), at = Math.floor(time) - p.step;
        const trail = scenes.slice(0, Math.floor(time) + 1).map((s) => [s.x, s.y]);
        const now = scene_at(time);
        trail.push([now.x, now.y]);
        Tabletop.draw(Tabletop.fit($("table")), now, {
            goal: episode.colours.indexOf(episode.goal), trail,
            plans: [{ commands: p.commands, from: Math.max(0, at), execute: data.execute, ink: Tabletop.style("--accent") }],
        });
    }

    function curves() {
        const canvas = $("curves"), HEIGHT = 0.58, c = Tabletop.fit(canvas, HEIGHT);
        const n = Math.max(end(episode), 1), width = canvas.clientWidth, px = 1 / width;
        const left = 52 * px, right = 1 - 10 * px, row = HEIGHT / 3;
        const X = (t) => left + (right - left) * t / n;
        c.clearRect(0, 0, 1, HEIGHT);
        // text in pixels: fonts have no sizes of a thousandth
        const text = (words, x, y) => {
            c.save();
            c.scale(px, px);
            c.font = '12px system-ui, "DejaVu Sans", sans-serif';
            c.textBaseline = "middle";
            c.fillText(words, x / px, y / px);
            c.restore();
        };
        ["x", "y", "grip"].forEach((name, k) => {
            const top = k * row + 8 * px, low = (k + 1) * row - 8 * px;
            const Y = (v) => low - (low - top) * Math.max(-0.05, Math.min(1.05, v));
            // frame of the row: 0 and 1, and where it looked
            c.lineWidth = px;
            c.strokeStyle = Tabletop.style("--line");
            c.beginPath();
            for (const v of [0, 1]) c.moveTo(left, Y(v)), c.lineTo(right, Y(v));
            for (const p of episode.plans) if (p.step <= n) c.moveTo(X(p.step), Y(0)), c.lineTo(X(p.step), Y(1));
            c.stroke();
            c.fillStyle = Tabletop.style("--quiet");
            text(k === 2 ? "gripper" : name, 0, (top + low) / 2);
            // what the plan in force says
            const p = planAt(time);
            c.fillStyle = Tabletop.style("--accent");
            p.commands.forEach((q, i) => {
                if (p.step + i + 1 > n) return;
                c.globalAlpha = i < data.execute ? 0.9 : 0.4;
                c.beginPath();
                c.arc(X(p.step + i + 1), Y(q[k]), 2.4 * px, 0, 2 * Math.PI);
                c.fill();
            });
            c.globalAlpha = 1;
            // what was done, so far and from here on
            for (const [from, to, alpha] of [[0, time, 1], [time, n, 0.25]]) {
                c.beginPath();
                for (let t = from; t <= to + 1e-9; t = t === to ? to + 1 : Math.min(to, Math.floor(t) + 1))
                    c.lineTo(X(t), Y(scene_at(t)[name]));
                c.globalAlpha = alpha;
                c.strokeStyle = Tabletop.style("--text");
                c.lineWidth = 1.8 * px;
                c.lineJoin = "round";
                c.stroke();
            }
            c.globalAlpha = 1;
        });
        c.strokeStyle = Tabletop.style("--accent");
        c.lineWidth = 1.5 * px;
        c.beginPath();
        c.moveTo(X(time), 0);
        c.lineTo(X(time), HEIGHT);
        c.stroke();
    }

    let seen = -1;
    function eye() {
        const p = planAt(time);
        if (p.step === seen) return;
        seen = p.step;
        Tabletop.camera($("eye"), scenes[p.step]);
        const which = episode.plans.indexOf(p) + 1;
        $("seen").textContent = `At step ${p.step} it looked, for the ${["first", "second", "third"][which - 1] || which + "th"} time: ` +
            `this picture of 224 × 224 pixels, where its hand is, and the sentence. ${ms(p.ms)} later it had planned ` +
            `${p.commands.length} commands, of which it does ${Math.min(data.execute, p.commands.length)}.`;
    }

    function draw() {
        table();
        curves();
        eye();
        badge();
        $("scrub").value = time;
        $("step").textContent = `${Math.floor(time)} / ${end(episode)}`;
        $("play").textContent = playing ? "❚❚" : "▶";
        $("play").setAttribute("aria-label", playing ? "Pause" : "Play");
    }

    function frame(now) {
        // (a frame's time may lie before the click that asked for it)
        const passed = Math.max(0, Math.min((now - last) / 1000, 0.1));
        last = now;
        if (!playing) return;
        if (time < end(episode)) time = Math.min(end(episode), time + passed * Number($("speed").value));
        else if ((rest += passed) > 1.2) show((data.episodes.indexOf(episode) + 1) % data.episodes.length, true);
        draw();
        requestAnimationFrame(frame);
    }

    function play(on) {
        if (on && !playing) {
            if (time >= end(episode)) time = 0;
            last = performance.now();
            requestAnimationFrame(frame);
        }
        playing = on;
        rest = 0;
        draw();
    }

    function seek(t) {
        time = Math.max(0, Math.min(end(episode), t));
        rest = 0;
        draw();
    }

    function show(i, go) {
        episode = data.episodes[i];
        scenes = episode.states.map((r) => scene(episode, r));
        time = rest = 0;
        seen = -1;
        $("scrub").max = end(episode);
        Tabletop.sentence($("sentence"), `“${episode.prompt}”`);
        [...$("episodes").children].forEach((b, k) => b.setAttribute("aria-current", k === i));
        if (go) play(true);
        else draw();
    }

    /* ---- hands ---- */

    $("play").onclick = () => play(!playing);
    $("scrub").oninput = () => { playing = false; seek(Number($("scrub").value)); };
    const to_curve = (event) => {
        const box = $("curves").getBoundingClientRect();
        playing = false;
        seek((event.clientX - box.left - 52) / (box.width - 62) * end(episode));
    };
    $("curves").onpointerdown = (event) => { $("curves").setPointerCapture(event.pointerId); to_curve(event); };
    $("curves").onpointermove = (event) => { if (event.buttons) to_curve(event); };
    $("table").onclick = () => play(!playing);
    addEventListener("keydown", (event) => {
        const tag = event.target.tagName, i = data.episodes.indexOf(episode), n = data.episodes.length;
        if (event.ctrlKey || event.metaKey || event.altKey || tag === "SELECT") return;
        const keys = {
            " ": () => play(!playing),
            ArrowLeft: () => { playing = false; seek(Math.ceil(time) - 1); },
            ArrowRight: () => { playing = false; seek(Math.floor(time) + 1); },
            ArrowUp: () => show((i + n - 1) % n, playing), ArrowDown: () => show((i + 1) % n, playing),
            Home: () => { playing = false; seek(0); }, End: () => { playing = false; seek(end(episode)); },
        };
        if (event.key === " " && tag === "BUTTON" && event.target.id !== "play") return;
        if (!keys[event.key]) return;
        event.preventDefault();
        keys[event.key]();
    });
    addEventListener("resize", draw);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

    summary();
    list();
    show(0, !still && !location.hash.includes("still"));
})();
