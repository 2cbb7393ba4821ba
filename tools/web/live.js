// SPDX-License-Identifier: Apache-2.0
// live.js - the page of "pi0 demo --serve": shows the table that the server runs, and tells it what
// people do. Messages: tools/demo_live_talk.c.
"use strict";

(() => {
    const $ = (id) => document.getElementById(id);
    const TRAIL = 60, AGAIN_MS = 1500;
    let socket, hello, state, plan, other, before, arrived = 0, trail = [], drag = null, chosen = null;
    let lost = false, sent = 0, wanted = null, looked = -1, words = 0;

    const send = (message) => {
        if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
        else notice("The server is gone: nothing was sent. Trying to reach it …", true);
    };
    const ms = (v) => v < 10 ? v.toFixed(1) + " ms" : v.toFixed(0) + " ms";

    /* ---- words ---- */

    function notice(text, stays = false, soft = false) {
        clearTimeout(words);
        $("notice").className = soft ? "notice soft" : "notice";
        $("notice").textContent = text;
        $("notice").hidden = !text;
        if (text && !stays) words = setTimeout(() => notice(""), 9000);
    }

    function flow_name(i) {
        const f = hello.flows[i];
        return f ? `${f.backend === "reference" ? "reference" : "accelerated"} ${f.precision}` : "";
    }

    /* ---- the server ---- */

    function connect() {
        socket = new WebSocket(location.href.replace(/^http/, "ws").replace(/[?#].*/, "").replace(/\/?$/, "/live"));
        socket.onopen = () => {
            if (lost) notice("");
            lost = false;
            $("badge").textContent = "";
        };
        socket.onmessage = (event) => {
            const m = JSON.parse(event.data);
            if (m.hello) greet(m.hello);
            if (m.state) update(m.state);
            if (m.plan) planned(m.plan);
            if (m.other) other = m.other, compare();
            if (m.notice) notice(m.notice, false, true);
            if (m.error) notice(m.error);
        };
        socket.onclose = () => {
            lost = true;
            $("badge").className = "badge bad";
            $("badge").textContent = "no connection";
            notice("The server is gone. Trying to reach it again …", true);
            setTimeout(connect, AGAIN_MS);
        };
    }

    function greet(h) {
        hello = h;
        plan = other = null;
        $("execute").textContent = h.execute;
        $("choices").replaceChildren(...h.sentences.map((text, i) => {
            const b = document.createElement("button");
            b.type = "button";
            b.dataset.sentence = text;
            b.style.setProperty("--mark", `var(--${Tabletop.NAMES[i]})`);
            Tabletop.sentence(b, text);
            b.onclick = () => tell(text);
            return b;
        }));
        if (h.task !== "place") $("hint").textContent = "Drag a block while it reaches for it.";
    }

    function update(s) {
        const fresh = !state || s.scene !== state.scene;
        before = fresh ? { ...s, task: hello.task } : shown(performance.now());
        arrived = performance.now();
        if (fresh || s.prompt !== state.prompt) {
            trail = [];
            if (document.activeElement !== $("say")) $("say").value = s.prompt;
        }
        if (fresh) plan = other = null;
        state = { ...s, task: hello.task };
        trail.push([s.x, s.y]);
        if (trail.length > TRAIL) trail.shift();
        controls();
    }

    function planned(p) {
        plan = p;
        if (other && other.flow === p.flow) other = null;
        compare();
    }

    /* ---- what does not move ---- */

    function pressed(id, on, there = true) {
        $(id).setAttribute("aria-pressed", on);
        $(id).disabled = !there;
    }

    function controls() {
        const f = hello.flows[state.flow], reference = state.flow === 2;
        pressed("accelerated", !reference, hello.flows[0] || hello.flows[1]);
        pressed("reference", reference, hello.flows[2]);
        pressed("bf16", f.precision === "bf16", !reference && hello.flows[0]);
        pressed("f32", f.precision === "f32", reference || hello.flows[1]);
        $("flow").textContent = reference ? "Plain C, as readable as the paper; sums in double precision." :
            `Kernels for ${f.isa}; the big matrix products read ${f.precision}.`;
        $("overlay").checked = state.overlay;
        $("run").textContent = state.running ? "❚❚" : "▶";
        $("run").setAttribute("aria-label", state.running ? "Pause" : "Go on");
        $("step").textContent = `step ${state.step}`;
        const b = $("badge");
        b.className = "badge" + (lost ? " bad" : state.done ? " good" : "");
        b.textContent = !state.running ? "paused" : state.done ? (hello.task === "place" ? "in the bowl" : "reached") :
            state.held >= 0 ? "carries" : "on its way";
        // for whoever looks at the page from outside, as its test does
        $("table").dataset.state = JSON.stringify(state);
        [...$("choices").children].forEach((c) => c.setAttribute("aria-pressed", c.dataset.sentence === state.prompt));
    }

    function compare() {
        if (state && !state.overlay) other = null;
        const both = plan && other && other.number === plan.number;
        if (plan) {
            $("mine").textContent = flow_name(plan.flow);
            $("mine-ms").textContent = ms(plan.ms);
        }
        $("other").textContent = other ? flow_name(other.flow) : "the other flow";
        $("other-ms").textContent = other ? ms(other.ms) : "–";
        const most = Math.max(plan ? plan.ms : 0, other ? other.ms : 0, 0.001);
        $("mine-bar").style.width = 65 * (plan ? plan.ms : 0) / most + "%";
        $("other-bar").style.width = 65 * (other ? other.ms : 0) / most + "%";
        if (both) {
            let far = 0;
            plan.commands.forEach((c, i) => far = Math.max(far, Math.hypot(c[0] - other.commands[i][0], c[1] - other.commands[i][1])));
            $("apart").textContent = `Same picture, sentence and noise: the two plans are at most ${(224 * far).toFixed(far * 224 < 0.1 ? 4 : 2)} pixels apart.`;
        } else if (!other) $("apart").textContent = "";
    }

    /* ---- the table ---- */

    // between the last two states, with what is dragged under the finger
    function shown(now) {
        const t = Math.min(1, (now - arrived) / hello.period_ms);
        const s = Tabletop.between(before, state, t);
        s.held = state.held;
        s.colours = state.colours;
        if (drag) {
            if (drag.thing === 3) s.bowl = drag.at;
            else s.blocks = s.blocks.map((p, i) => i === drag.thing ? drag.at : p);
        }
        return s;
    }

    function draw(now) {
        requestAnimationFrame(draw);
        if (!state) return;
        const s = shown(now), plans = [];
        const from = plan ? Math.max(0, state.row - 1) : 0;
        if (other && plan && other.number === plan.number)
            plans.push({ commands: other.commands, from, execute: hello.execute, ink: Tabletop.style("--other"), thin: true });
        if (plan) plans.push({ commands: plan.commands, from, execute: hello.execute, ink: Tabletop.style("--accent") });
        const grab = drag ? drag.thing : document.activeElement === $("table") ? chosen : null;
        Tabletop.draw(Tabletop.fit($("table")), s, { goal: state.goal, trail, plans, grab: grab === 3 ? "bowl" : grab });
        if (plan && plan.number !== looked) {
            looked = plan.number;
            Tabletop.camera($("eye"), s);
        }
    }

    function where(event) {
        const box = $("table").getBoundingClientRect();
        return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.width];
    }

    // the thing at a place: blocks lie on the bowl; a finger is wider than a mouse
    function thing_at([x, y], room) {
        const s = shown(performance.now());
        for (let i = 2; i >= 0; i--)
            if (Math.abs(x - s.blocks[i][0]) < Tabletop.BLOCK + room && Math.abs(y - s.blocks[i][1]) < Tabletop.BLOCK + room) return i;
        if (hello.task === "place" && Math.hypot(x - s.bowl[0], y - s.bowl[1]) < Tabletop.BOWL + room) return 3;
        return null;
    }

    const clamp = (v, low, high) => Math.max(low, Math.min(high, v));
    const on_table = ([x, y]) => [clamp(x, 22 / 224, 202 / 224), clamp(y, 22 / 224, 176 / 224)];
    // not more than thirty messages a second, and the last one always
    function move(thing, at) {
        const first = !wanted;
        wanted = { move: thing, x: at[0], y: at[1] };
        if (first) setTimeout(() => {
            sent = performance.now();
            send(wanted);
            wanted = null;
        }, Math.max(0, 33 - (performance.now() - sent)));
    }

    const table = $("table");
    table.onpointerdown = (event) => {
        if (!state) return;
        const at = where(event), thing = thing_at(at, event.pointerType === "mouse" ? 0 : 0.03);
        if (thing === null) return;
        const s = shown(performance.now()), p = thing === 3 ? s.bowl : s.blocks[thing];
        chosen = thing;
        drag = { thing, at: p, off: [p[0] - at[0], p[1] - at[1]] };
        table.setPointerCapture(event.pointerId);
        event.preventDefault();
        table.focus({ preventScroll: true });
    };
    table.onpointermove = (event) => {
        if (!state) return;
        const at = where(event);
        if (!drag) table.style.cursor = thing_at(at, 0) === null ? "default" : "grab";
        else {
            drag.at = on_table([at[0] + drag.off[0], at[1] + drag.off[1]]);
            move(drag.thing, drag.at);
            table.style.cursor = "grabbing";
        }
    };
    table.onpointerup = table.onpointercancel = () => {
        if (!drag) return;
        // the state that has it comes with the next step
        const last = drag;
        setTimeout(() => { if (drag === last) drag = null; }, 2 * hello.period_ms);
    };

    /* ---- hands ---- */

    function tell(text) {
        notice("");
        $("say").value = text;
        send({ say: text });
    }
    $("form").onsubmit = (event) => {
        event.preventDefault();
        const text = $("say").value.trim();
        if (!text) return notice("Say something first: one of the sentences below, for example.");
        $("say").blur();
        tell(text);
    };
    $("run").onclick = () => send({ run: !(state && state.running) });
    $("scene").onclick = () => send({ scene: true });
    $("overlay").onchange = () => { send({ overlay: $("overlay").checked }); other = null; };
    $("accelerated").onclick = () => send({ flow: hello.flows[0] ? 0 : 1 });
    $("reference").onclick = () => send({ flow: 2 });
    $("bf16").onclick = () => send({ flow: 0 });
    $("f32").onclick = () => send({ flow: state.flow === 2 ? 2 : 1 });

    addEventListener("keydown", (event) => {
        const tag = event.target.tagName, key = event.key;
        if (!state || event.ctrlKey || event.metaKey || event.altKey || (tag === "INPUT" && event.target.type === "text")) return;
        const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
        const choose = { r: 0, g: 1, b: 2 };
        if (key in choose) chosen = state.colours.indexOf(choose[key]), table.focus({ preventScroll: true });
        else if (key === "o" && hello.task === "place") chosen = 3, table.focus({ preventScroll: true });
        else if (key in arrows && chosen !== null && event.target === table) {
            const p = chosen === 3 ? state.bowl : state.blocks[chosen];
            move(chosen, on_table([p[0] + 0.02 * arrows[key][0], p[1] + 0.02 * arrows[key][1]]));
        } else if (key === " " && tag !== "BUTTON" && tag !== "INPUT") $("run").click();
        else if (key === "n") $("scene").click();
        else if (["1", "2", "3"].includes(key)) tell(hello.sentences[key - 1]);
        else return;
        event.preventDefault();
    });

    connect();
    requestAnimationFrame(draw);
})();
